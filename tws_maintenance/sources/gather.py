"""Asking the sources of all wanted indices at once, while the caller does something else.

Each index has a thread of its own, which fetches and parses. Whoever wants an answer waits for
that index alone. Nothing is written here, and nothing is raised: a failure is part of the answer.
"""

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from http.client import TOO_MANY_REQUESTS

from tws_maintenance.errors import SourceError, SourceUnreachable
from tws_maintenance.indices import Index, Role, SourceSpec
from tws_maintenance.settings import Settings
from tws_maintenance.sources import wikipedia
from tws_maintenance.sources.model import Attempt, Gathered, KnownCopy, RawCopy, SourceTable
from tws_maintenance.sources.web import WebClient

# What a fetch may take beyond its deadline: parsing, and what no socket timeout covers.
GRACE_SECONDS = 5.0

LastCopy = Callable[[Index, str], KnownCopy | None]


class Gathering:
    """The fetches of one run.

    `last_copy` returns the last raw copy that was kept of an address, for conditional requests.
    """

    def __init__(self, settings: Settings, last_copy: LastCopy) -> None:
        self._settings = settings
        self._last_copy = last_copy
        self._answers: dict[str, Future[Gathered]] = {}
        self._until: dict[str, float] = {}
        self._lock = threading.Lock()

    def start(self, indices: Iterable[Index]) -> None:
        """Begin to ask the sources of `indices`, those that were not begun before."""
        for index in indices:
            with self._lock:
                if index.key in self._answers:
                    continue
                answer: Future[Gathered] = Future()
                self._answers[index.key] = answer
                seconds = self._settings.http.deadline + GRACE_SECONDS
                self._until[index.key] = time.monotonic() + seconds
            # A daemon thread: a source that hangs must not keep the process from ending.
            threading.Thread(
                target=self._work, args=(index, answer), name=f"gather-{index.key}", daemon=True
            ).start()

    def answer(self, index: Index) -> Gathered:
        """Return what the sources of `index` said, waiting for it until the deadline.

        A name server that hangs or headers that trickle in are met by no timeout of a socket;
        whoever waits must go on all the same.
        """
        self.start([index])
        try:
            left = self._until[index.key] - time.monotonic()
            return self._answers[index.key].result(timeout=max(0.0, left))
        except TimeoutError:
            error = SourceUnreachable(
                f"no whole answer within {self._settings.http.deadline:g} s, the deadline of one "
                "index. Run again; if it stays so, look at the network and its name server."
            )
            spec = index.sources_for(Role.MEMBERSHIP)[0]
            return Gathered(index, (Attempt(spec, self._url(spec), error=error),))

    def _work(self, index: Index, answer: "Future[Gathered]") -> None:
        try:
            answer.set_result(self._gather(index))
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits
            answer.set_exception(error)

    def _gather(self, index: Index) -> Gathered:
        until = time.monotonic() + self._settings.http.deadline
        client = WebClient(self._settings.http, self._settings.http.wikipedia_url, until=until)
        attempts: list[Attempt] = []
        for spec in index.sources_for(Role.MEMBERSHIP):
            attempts.append(self._ask(client, index, spec))
            # Too many requests is said for the whole host: its other address is not asked either.
            if attempts[-1].table is not None or attempts[-1].status == TOO_MANY_REQUESTS:
                break
        return Gathered(index, tuple(attempts))

    def _ask(self, client: WebClient, index: Index, spec: SourceSpec) -> Attempt:
        _, parse = READERS[spec.kind]
        url = self._url(spec)
        raw: RawCopy | None = None
        try:
            raw = client.get(url, self._last_copy(index, url))
            return Attempt(spec, raw.url, raw, parse(raw, index), status=raw.status)
        except SourceError as error:
            status = raw.status if raw else error.status
            return Attempt(spec, raw.url if raw else url, raw, error=error, status=status)

    def _url(self, spec: SourceSpec) -> str:
        address, _ = READERS[spec.kind]
        return address(self._settings.http.wikipedia_url, spec.locator)


Reader = tuple[Callable[[str, str], str], Callable[[RawCopy, Index], SourceTable]]
READERS: dict[str, Reader] = {
    "wikipedia_page": (wikipedia.page_url, wikipedia.parse),
    "wikipedia_rest": (wikipedia.rest_url, wikipedia.parse),
}
