"""Asking the sources of all wanted indices at once, while the caller does something else.

Each source of each index has a thread of its own, which fetches and parses; so have the pages that
announce changes. A caller waits for one index only. Nothing is written here, and nothing is raised:
a failure is part of the answer.
"""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from typing import Generic, TypeVar

from tws_maintenance.config.indices import Index
from tws_maintenance.config.settings import HttpSettings, Settings
from tws_maintenance.config.sources import SourceSpec
from tws_maintenance.core.background import begin
from tws_maintenance.core.errors import PageChanged, SourceError, SourceUnreachable
from tws_maintenance.sources import fund_csv, hang_seng, hang_seng_review, ssga, wikipedia
from tws_maintenance.sources.model import (
    AnnouncedTable,
    Attempt,
    Gathered,
    KnownCopy,
    RawCopy,
    SourceTable,
)
from tws_maintenance.sources.web import WebClient

# What a fetch may take beyond its deadline: parsing, and what no socket timeout covers.
GRACE_SECONDS = 5.0
# The page is not at its address: it is gone, or at another host.
_GONE = frozenset({301, 302, 303, 307, 308, HTTPStatus.NOT_FOUND, HTTPStatus.GONE})

LastCopy = Callable[[Index, str], KnownCopy | None]
Answers = dict[tuple[SourceSpec, ...], Future[tuple[Attempt, ...]]]
Read = TypeVar("Read")


class Gathering:
    """The fetches of one run.

    `last_copy` returns the last raw copy that was kept of an address, for conditional requests.
    """

    def __init__(self, settings: Settings, last_copy: LastCopy) -> None:
        self._settings = settings
        self._last_copy = last_copy
        self._answers: dict[str, tuple[Answers, Answers]] = {}
        self._gathered: dict[str, Gathered] = {}
        self._until: dict[str, float] = {}
        self._lock = threading.Lock()

    def start(self, indices: Iterable[Index]) -> None:
        """Begin to ask the sources of `indices`, those that were not begun before."""
        for index in indices:
            with self._lock:
                if index.key in self._answers:
                    continue
                seconds = self._settings.http.deadline + GRACE_SECONDS
                self._until[index.key] = time.monotonic() + seconds
                names = self._settings.of(index).sources
                announced = [index.announced_at(name) for name in names]
                self._answers[index.key] = (
                    self._begin(index, [index.addresses(name) for name in names]),
                    self._begin(index, filter(None, announced)),
                )

    def _begin(self, index: Index, sources: Iterable[tuple[SourceSpec, ...]]) -> Answers:
        return {
            specs: begin(
                partial(gather, index, specs, self._settings.http, self._last_copy),
                f"gather-{index.key}-{specs[0].name}",
            )
            for specs in sources
        }

    def answer(self, index: Index) -> Gathered:
        """Return what the sources of `index` said, waiting for them until the deadline.

        No socket timeout covers a name server that hangs or headers that trickle in, so the caller
        stops waiting by itself.
        """
        self.start([index])
        if index.key not in self._gathered:
            lists, announcements = (
                tuple(
                    one
                    for specs, answer in asked.items()
                    for one in self._wait(index, specs, answer)
                )
                for asked in self._answers[index.key]
            )
            self._gathered[index.key] = Gathered(index, lists, announcements)
        return self._gathered[index.key]

    def _wait(
        self, index: Index, specs: tuple[SourceSpec, ...], answer: "Future[tuple[Attempt, ...]]"
    ) -> tuple[Attempt, ...]:
        try:
            left = self._until[index.key] - time.monotonic()
            return answer.result(timeout=max(0.0, left))
        except TimeoutError:
            error = SourceUnreachable(
                f"no complete answer within {self._settings.http.deadline:g} s, the limit for one "
                "index. Run again; if that does not help, check the network and its name server."
            )
            return (Attempt(specs[0], address_of(specs[0], self._settings.http), error=error),)


def gather(
    index: Index, specs: Sequence[SourceSpec], http: HttpSettings, last_copy: LastCopy
) -> tuple[Attempt, ...]:
    """Ask the addresses of one source until one gives a list, then the document it leads to."""
    until = time.monotonic() + http.deadline
    attempts: list[Attempt] = []
    for spec in specs:
        if attempts and not _may_have_moved(spec, attempts):
            break
        url = address_of(spec, http)
        client = WebClient(http, reader_of(spec).origin(http), until=until)
        attempts.append(_ask(client, index, spec, url, last_copy(index, url)))
        # "Too many requests" is about the whole host, so its other address is not asked either.
        if attempts[-1].error is None or attempts[-1].status == HTTPStatus.TOO_MANY_REQUESTS:
            break
    last = attempts[-1]
    if last.announced is not None and last.announced.further:
        url = last.announced.further
        # The client refuses an address of another origin.
        attempts.append(_ask(client, index, _further(last.spec), url, last_copy(index, url)))
    return tuple(attempts)


def ask_changes(index: Index, http: HttpSettings) -> AnnouncedTable:
    """Return the announced changes of `index` without asking for its list: to look back in time.

    Raises:
        SourceError: no address gave them; says what each answered.
    """
    attempts = gather(index, index.announcements, http, lambda *_: None)
    if (found := attempts[-1].announced) is not None:
        return found
    faults = [(one.url, one.error) for one in attempts if one.error]
    kind = type(faults[0][1]) if faults else SourceError
    answers = " | ".join(f"{url}: {error}" for url, error in faults)
    raise kind(
        f"The announced changes of {index.name} could not be read, so the time before the first "
        f"promotion is unknown. {answers}"
    )


def _ask(
    client: WebClient, index: Index, spec: SourceSpec, url: str, known: KnownCopy | None
) -> Attempt:
    try:
        raw = client.get(url, known)
    except SourceError as error:
        return Attempt(spec, url, error=error, status=error.status)
    except Exception as fault:  # noqa: BLE001 - the other sources answer all the same
        return Attempt(spec, url, error=unreadable(fault))
    return read(spec, raw, index)


def _may_have_moved(spec: SourceSpec, attempts: list[Attempt]) -> bool:
    """Return whether the list may be at `spec`, given the addresses that were asked before.

    Another address of the same page stands in for any fault. A page of another title is where
    the list was before, perhaps with an older list: it is asked only if every address before it
    answered that the list is not there, never because one did not answer.
    """
    if spec.locator == attempts[-1].spec.locator:
        return True
    return all(isinstance(one.error, PageChanged) or one.status in _GONE for one in attempts)


def read(spec: SourceSpec, raw: RawCopy, index: Index) -> Attempt:
    """Return what an address listed or announced, read from the bytes that it gave."""
    try:
        if reader := READERS.get(spec.kind):
            table = reader.parse(raw, index)
            return Attempt(spec, raw.url, raw, table, status=raw.status)
        announced = CHANGE_READERS[spec.kind].parse(raw, index)
        return Attempt(spec, raw.url, raw, announced=announced, status=raw.status)
    except SourceError as error:
        return Attempt(spec, raw.url, raw, error=error, status=raw.status)
    except Exception as fault:  # noqa: BLE001 - the other sources answer all the same
        return Attempt(spec, raw.url, raw, error=unreadable(fault), status=raw.status)


def unreadable(fault: Exception) -> SourceError:
    """Return an unexpected error of a reader as a fault of its source."""
    return PageChanged(
        f"it could not be read: {type(fault).__name__}: {fault!s:.200}. This is a fault in "
        "tws_maintenance, which does not know this form of the page or file"
    )


@dataclass(frozen=True)
class Reader(Generic[Read]):
    """How one kind of source is asked and read; its raw bytes are kept as `.suffix`."""

    origin: Callable[[HttpSettings], str]
    address: Callable[[str, str], str]
    parse: Callable[[RawCopy, Index], Read]
    suffix: str


def address_of(spec: SourceSpec, http: HttpSettings) -> str:
    """Return the address of a source."""
    reader = reader_of(spec)
    return reader.address(reader.origin(http), spec.locator)


def spec_of(index: Index, kind: str) -> SourceSpec | None:
    """Return the source of `index` that is read as `kind`, None where it has none today."""
    for spec in (*index.sources, *index.announcements):
        if spec.kind == kind:
            return spec
        if LEADS_TO.get(spec.kind) == kind:
            return _further(spec)
    return None


def _further(spec: SourceSpec) -> SourceSpec:
    return replace(spec, kind=LEADS_TO[spec.kind], locator="")


def suffix_of(spec: SourceSpec) -> str:
    """Return how the name of a kept raw copy of a source ends."""
    return reader_of(spec).suffix


def reader_of(spec: SourceSpec) -> Reader[SourceTable] | Reader[AnnouncedTable]:
    """Return how a source is asked and read."""
    return READERS.get(spec.kind) or CHANGE_READERS[spec.kind]


# Who lists members.
READERS: dict[str, Reader[SourceTable]] = {
    "wikipedia_page": Reader(
        lambda http: http.wikipedia_url, wikipedia.page_url, wikipedia.parse, "html"
    ),
    "wikipedia_rest": Reader(
        lambda http: http.wikipedia_url, wikipedia.rest_url, wikipedia.parse, "html"
    ),
    "wikipedia_items": Reader(
        lambda http: http.wikipedia_url, wikipedia.page_url, wikipedia.parse_items, "html"
    ),
    "hang_seng": Reader(lambda http: http.hang_seng_url, hang_seng.url, hang_seng.parse, "json"),
    "ssga_holdings": Reader(lambda http: http.ssga_url, ssga.url, ssga.parse, "xlsx"),
    "ishares_holdings": Reader(lambda http: http.ishares_url, fund_csv.url, fund_csv.parse, "csv"),
    "blackrock_holdings": Reader(
        lambda http: http.blackrock_url, fund_csv.url, fund_csv.parse, "csv"
    ),
    "tracker_holdings": Reader(lambda http: http.hsbc_url, fund_csv.url, fund_csv.parse, "csv"),
}
# Who announces changes.
CHANGE_READERS: dict[str, Reader[AnnouncedTable]] = {
    "wikipedia_changes": Reader(
        lambda http: http.wikipedia_url, wikipedia.page_url, wikipedia.parse_changes, "html"
    ),
    "wikipedia_changes_rest": Reader(
        lambda http: http.wikipedia_url, wikipedia.rest_url, wikipedia.parse_changes, "html"
    ),
    "hang_seng_notices": Reader(
        lambda http: http.hang_seng_url,
        hang_seng_review.url,
        hang_seng_review.parse_notices,
        "json",
    ),
    "hang_seng_review": Reader(
        lambda http: http.hang_seng_url, hang_seng_review.url, hang_seng_review.parse_review, "xlsx"
    ),
}
# The kind of the document that one of another kind leads to.
LEADS_TO = {"hang_seng_notices": "hang_seng_review"}
