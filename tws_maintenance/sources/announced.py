"""Asking for the announced changes of an index without its lists.

A run reads them beside the lists (`tws_maintenance.sources.fetching`). A look back in time needs
nothing else.
"""

import time
from collections.abc import Iterator
from http import HTTPStatus

from tws_maintenance.config.indices import Index
from tws_maintenance.config.settings import HttpSettings
from tws_maintenance.core.errors import SourceError
from tws_maintenance.sources.fetching import ANNOUNCEMENTS, address_of, read
from tws_maintenance.sources.model import AnnouncedTable, Attempt
from tws_maintenance.sources.web import WebClient


def ask_changes(index: Index, http: HttpSettings) -> AnnouncedTable:
    """Return the announced changes of `index`, from the first address that gives them.

    Raises:
        SourceError: no address did; says what each answered.
    """
    faults: list[tuple[str, SourceError]] = []
    for attempt in _attempts(index, http):
        if attempt.announced is not None:
            return attempt.announced
        if attempt.error is not None:
            faults.append((attempt.url, attempt.error))
        # Too many requests is said for the whole host: its other address is not asked either.
        if attempt.status == HTTPStatus.TOO_MANY_REQUESTS:
            break
    kind = type(faults[0][1]) if faults else SourceError
    told = " | ".join(f"{url}: {error}" for url, error in faults)
    raise kind(
        f"The announced changes of {index.name} could not be read, so nothing is known of the time "
        f"before the first promotion. {told}"
    )


def _attempts(index: Index, http: HttpSettings) -> Iterator[Attempt]:
    until = time.monotonic() + http.deadline
    for spec in index.announcements:
        url = address_of(spec, http)
        client = WebClient(http, ANNOUNCEMENTS[spec.kind].origin(http), until=until)
        try:
            raw = client.get(url)
        except SourceError as error:
            yield Attempt(spec, url, error=error, status=error.status)
        else:
            yield read(spec, raw, index)
