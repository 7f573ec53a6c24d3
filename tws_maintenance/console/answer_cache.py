"""Answers that are kept until something that they were made from changes.

Belongs here: the inputs of an answer (`Look`), and whether a kept one is still valid. Does not:
making one. A kept answer contains nothing of a session, such as its token or its user.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Generic, TypeVar

from tws_maintenance.audit import receipt
from tws_maintenance.config.events_service import EventsService
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import DECLARED
from tws_maintenance.config.settings import Settings
from tws_maintenance.console.api import responses
from tws_maintenance.constituents import proposal, publishing
from tws_maintenance.pipeline.run_records import Known
from tws_maintenance.reports.catalog import mark_of
from tws_maintenance.reports.file_names import report_path
from tws_maintenance.reports.index import TICK_NS, Mark
from tws_maintenance.reports.schema import Validation

T = TypeVar("T")
PROPOSAL_FILES = (proposal.RECORD, proposal.STAGED, receipt.RECORD, publishing.RECORD)
# SQLite also writes files beside a database.
DATABASE_SUFFIXES = ("", "-wal", "-journal")


@dataclass(frozen=True)
class Look:
    """The inputs of status and overview besides files; equal looks give equal answers.

    `minute` is the time: what is stale, which market is open and how long ago something was depend
    on it. `is_known` is False if Dagster's process did not answer; then `running` is empty.
    """

    home: Home
    minute: datetime
    settings: Settings
    known: Known
    is_known: bool
    files: dict[str, Validation]
    robot: responses.Robot | None

    @property
    def may_be_kept(self) -> bool:
        """Whether every change of its answer would be noticed.

        A run in progress changes files in folders that are not watched, and events may be in a
        database elsewhere.
        """
        is_elsewhere = bool(self.settings.events_url)
        is_elsewhere &= self.settings.events_service == EventsService.EMBEDDED
        return self.is_known and not self.known.is_at_work and not is_elsewhere


class Kept(Generic[T]):
    """The newest answer of one kind, for any number of threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: tuple[object, tuple[Path, ...], tuple[Mark | None, ...], T] | None = None

    def get(self, look: Look, make: Callable[[], tuple[T, Iterable[Path]]], *more: object) -> T:
        """Return the kept answer to `look` if it is still valid, else what `make` makes.

        `make` returns the answer and the paths that it read besides those that every answer reads;
        `more` is anything else that the answer depends on.
        """
        key = (look, more)
        with self._lock:
            kept = self._kept
        if kept is not None and kept[0] == key and kept[2] == _marks(kept[1]):
            return kept[3]
        begun = time.time_ns()
        value, paths = make()
        if look.may_be_kept:
            watched = (*_read_by_all(look.home), *paths)
            marks = _marks(watched)
            # Not kept if a file changed while it was read, or may change within the same tick.
            is_settled = all(max(one[0], one[3]) < begun - TICK_NS for one in marks if one)
            with self._lock:
                self._kept = (key, watched, marks, value) if is_settled else None
        return value


def paths_of_proposal(home: Home, proposal_id: str) -> Iterator[Path]:
    """Yield the folder and the files that hold the state of a proposal."""
    folder = home.proposal(proposal_id)
    yield folder
    yield from (folder / name for name in PROPOSAL_FILES)


def paths_of_status(home: Home, status: responses.Status) -> Iterator[Path]:
    """Yield the paths that a status was read from, besides those that every answer reads."""
    reports = {one.last_run.report_id for one in status.constituents if one.last_run}
    if status.latest_report:
        reports.add(status.latest_report.report_id)
    yield from (report_path(home, one) for one in reports)
    for one in status.constituents:
        if one.proposal:
            yield from paths_of_proposal(home, one.proposal.proposal_id)


def _read_by_all(home: Home) -> Iterator[Path]:
    """Yield the folders and files that every answer depends on."""
    yield from (home.reports, home.staging, home.data, home.history, home.watchlist)
    for key in DECLARED:
        yield from (home.live_file(key), home.generation_file(key), home.membership_file(key))
    name = home.market_events.name
    yield from (home.market_events.with_name(name + one) for one in DATABASE_SUFFIXES)


def _marks(paths: Iterable[Path]) -> tuple[Mark | None, ...]:
    return tuple(map(mark_of, paths))
