"""Asking for the announced changes of an index alone, without its lists.

A run reads them beside the lists. Whoever tells the past from them needs nothing else.
"""

import time

from tws_maintenance.config.indices import Index
from tws_maintenance.config.settings import HttpSettings
from tws_maintenance.core.errors import SourceError
from tws_maintenance.sources import wikipedia
from tws_maintenance.sources.model import AnnouncedTable
from tws_maintenance.sources.web import WebClient

_TITLE = "Historical_components_of_the_S&P_500"


def ask_changes(index: Index, http: HttpSettings) -> AnnouncedTable:
    """Return the announced changes of `index`, from the first address that gives them.

    Raises:
        SourceError: no address did; says what each answered.
    """
    origin = http.wikipedia_url
    client = WebClient(http, origin, until=time.monotonic() + http.deadline)
    faults: list[SourceError] = []
    for url in (wikipedia.page_url(origin, _TITLE), wikipedia.rest_url(origin, _TITLE)):
        try:
            return wikipedia.parse_changes(client.get(url), index)
        except SourceError as error:
            faults.append(type(error)(f"{url}: {error}"))
    told = " | ".join(map(str, faults))
    raise type(faults[0])(
        f"The announced changes of {index.name} could not be read, so nothing is told of the time "
        f"before the first promotion. {told}"
    )
