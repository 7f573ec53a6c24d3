"""Every report of a home, read once: from the index beside the reports where it knows them.

What belongs here: remembering what reports say in few bytes, and noticing that one changed. What
does not: which parts of a report are remembered (`summary`), and how its file is named
(`file_names`).
"""

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Generic, TypeVar

from tws_maintenance.config.home import Home
from tws_maintenance.core.clock import parse_utc
from tws_maintenance.core.errors import UsageError
from tws_maintenance.reports.file_names import (
    BACKUP_SOURCE,
    PREFIX,
    is_ours,
    names_in,
    newest_first,
    report_path,
)
from tws_maintenance.reports.index import TICK_NS, Mark, ReportIndex
from tws_maintenance.reports.summary import ReportSummary, ResultLine

T = TypeVar("T")
PAUSE_SECONDS = 0.0005


class Listing(Generic[T]):
    """A value made of the names in a folder, made again only where the folder may have changed."""

    def __init__(self, folder: Path, ordered: Callable[[list[str]], T]) -> None:
        """Take the folder, which need not exist, and what makes a value of its names."""
        self._folder = folder
        self._ordered = ordered
        self._lock = threading.Lock()
        self._mark: Mark | None = None
        self._names = hash(())
        self._value = ordered([])

    def value(self) -> T:
        """Return the value; the same object as long as the names are the same."""
        now = time.time_ns()
        mark = mark_of(self._folder)
        with self._lock:
            if mark is None or mark != self._mark:
                names = names_in(self._folder)
                # The names themselves are twice as many as those that count.
                if (found := hash(tuple(names))) != self._names:
                    self._names, self._value = found, self._ordered(names)
                is_settled = mark is not None and now - mark[0] > TICK_NS
                self._mark = mark if is_settled else None
            return self._value


def mark_of(path: Path | str) -> Mark | None:
    """Return a mark that changes with a file or folder (its time first), None if missing."""
    try:
        found = os.stat(path)  # noqa: PTH116 - of a text as well
    except OSError:
        return None
    # st_ctime_ns: a file that becomes readable changes only its mode.
    return found.st_mtime_ns, found.st_size, found.st_ino, found.st_ctime_ns


@dataclass(frozen=True, slots=True)
class Refreshed:
    """The newest refresh of a task: when, from where, and by which run and report."""

    finished_at: str
    source: str | None
    run_id: str | None
    report_id: str


@dataclass(frozen=True, slots=True)
class Renewal:
    """What made a list fresh, or, as a restore of a backup, an older one; `at` is an instant."""

    at: datetime
    is_restore: bool


class ReportCatalog:
    """The reports of one home, for any number of threads."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._folder = f"{home.reports}{os.sep}"
        # Never held while a file is read: `warm` would keep every request waiting.
        self._lock = threading.Lock()
        self._listing = Listing(home.reports, newest_first)
        self._index = ReportIndex(home)
        self._listed: list[str] = []
        # By the hash of its mark: five thousand marks are a megabyte.
        self._kept: dict[str, tuple[int, ReportSummary]] = {}
        self._of_run: dict[str, str] = {}

    def warm(self) -> None:
        """Read every report, so that nobody waits for it later; requests meanwhile go first.

        Without the pauses this thread kept the interpreter busy: a request took a second.
        """
        for _ in self._entries():
            time.sleep(PAUSE_SECONDS)

    def entry(self, report_id: str) -> ReportSummary:
        """Return what a report says, as its file is now.

        Raises:
            UsageError: there is no report of that id.
        """
        if mark_of(report_path(self._home, report_id)) is None:
            raise UsageError(f"There is no report {report_id}. `reports list` shows them.")
        return self._shown(report_id)

    def latest(self) -> ReportSummary | None:
        """Return the newest report that can be read."""
        shown = (self._shown(report_id) for report_id in self._ids())
        return next((entry for entry in shown if not entry.damaged), None)

    def page(
        self, *, limit: int, offset: int, status: str | None = None, task: str | None = None
    ) -> tuple[list[ReportSummary], int]:
        """Return some reports, newest first, and how many there are in all.

        `status` is that of a run, or `damaged`; with `task` only reports that have a result of it.
        """
        if status is None and task is None:
            ids = self._ids()
        else:
            ids = [one.report_id for one in self._entries() if one.matches(status, task)]
        shown = [self._shown(report_id) for report_id in ids[offset : offset + limit]]
        # A file that was replaced after it was scanned may be of another kind now.
        rows = [entry for entry in shown if entry.matches(status, task)]
        return rows, len(ids) - (len(shown) - len(rows))

    def last_refreshed(
        self, tasks: tuple[str, ...], until: datetime | None = None
    ) -> dict[str, Refreshed]:
        """Return the newest refresh of each of `tasks` that ever had one, none after `until`."""
        found: dict[str, Refreshed] = {}
        for entry in self._entries():
            for line in entry.results:
                if line.is_refresh and line.task in tasks and line.task not in found:
                    at = str(line.finished_at)
                    if until and parse_utc(at) > until:
                        continue
                    found[line.task] = Refreshed(at, line.source, entry.run_id, entry.report_id)
            if len(found) == len(tasks):
                break
        return found

    def renewals(
        self, tasks: tuple[str, ...], first: datetime, until: datetime
    ) -> dict[str, list[Renewal]]:
        """Return the refreshes and restores of each of `tasks`, newest first, none after `until`.

        Of those before `first` only the last one: it still counted at `first`.
        """
        found: dict[str, list[Renewal]] = {task: [] for task in tasks}
        wanted = {*tasks}
        for entry in self._entries():
            for line in entry.results:
                if line.task not in wanted or not (line.is_refresh or line.is_restore):
                    continue
                at = parse_utc(str(line.finished_at))
                if at <= until:
                    found[line.task].append(Renewal(at, line.is_restore))
                    if at <= first:
                        wanted.discard(line.task)
            if not wanted:
                break
        return found

    def last_results(self, tasks: Sequence[str]) -> dict[str, tuple[ReportSummary, ResultLine]]:
        """Return the newest result of each of `tasks` as `last_result` does, in one walk."""
        found: dict[str, tuple[ReportSummary, ResultLine]] = {}
        wanted = set(tasks)
        for entry in self._entries():
            for line in entry.results:
                if line.task in wanted and line.says_something:
                    found[line.task] = entry, line
                    wanted.remove(line.task)
            if not wanted:
                break
        return found

    def last_result(self, task: str) -> tuple[ReportSummary, ResultLine] | None:
        """Return the newest result about the list or the events themselves.

        A refusal is only about the proposal.
        """
        return self.last_results((task,)).get(task)

    def last_apply(self, task: str) -> tuple[ReportSummary, ResultLine] | None:
        """Return the newest result of an apply, however it ended."""
        return self._newest(task, lambda line: line.was_tried and line.dry_run is False)

    def last_staged(self, task: str, until: datetime) -> ReportSummary | None:
        """Return the newest dry run that staged `task` from its sources, none from after `until`.

        A report dated in the future by a wrong clock sorts first by its name. A restore stages a
        backup, so it does not count.
        """

        def is_wanted(line: ResultLine) -> bool:
            restores = str(line.source).startswith(BACKUP_SOURCE)
            return line.task == task and line.proposal_id is not None and not restores

        return self.newest(
            lambda one: (
                one.dry_run is True
                and one.started_at is not None
                and parse_utc(one.started_at) <= until
                and any(map(is_wanted, one.results))
            )
        )

    def since(self, task: str, first: datetime) -> Iterator[ReportSummary]:
        """Yield the reports that worked on `task` and ended at `first` or later, newest first."""
        for entry in self._entries():
            if entry.finished_at is None or not entry.matches(None, task):
                continue
            if parse_utc(entry.finished_at) < first:
                return
            yield entry

    def newest(self, is_wanted: Callable[[ReportSummary], bool]) -> ReportSummary | None:
        """Return the newest report for which `is_wanted` is true."""
        return next((entry for entry in self._entries() if is_wanted(entry)), None)

    def of_run(self, run_id: str) -> str | None:
        """Return the id of the report that a run left, None where it left none."""
        found = self._of_run.get(run_id)
        kept = self._kept.get(found) if found else None
        if kept and kept[1].run_id == run_id:
            return found
        return next((one.report_id for one in self._entries() if one.run_id == run_id), None)

    def _newest(
        self, task: str, is_wanted: Callable[[ResultLine], bool]
    ) -> tuple[ReportSummary, ResultLine] | None:
        for entry in self._entries():
            for line in entry.results:
                if line.task == task and is_wanted(line):
                    return entry, line
        return None

    def _ids(self) -> list[str]:
        """Return all ids, newest first, and forget the reports that are gone."""
        ids = self._listing.value()
        if ids is not self._listed:
            with self._lock:
                self._listed = ids
                self._kept = {one: self._kept[one] for one in ids if one in self._kept}
                runs = ((self._kept[one][1].run_id, one) for one in reversed(self._kept))
                self._of_run = {run_id: one for run_id, one in runs if run_id is not None}
        return ids

    def _entries(self) -> Iterator[ReportSummary]:
        """Yield all entries, newest first; those read before are not read again."""
        for report_id in self._ids():
            kept = self._kept.get(report_id)
            # A damaged report may have been repaired since.
            yield kept[1] if kept and not kept[1].damaged else self._shown(report_id)

    def _shown(self, report_id: str) -> ReportSummary:
        """Return the entry of a report as its file is now."""
        stem, found = self._found(report_id)
        mark = hash(found)
        kept = self._kept.get(report_id)
        if kept and kept[0] == mark:
            return kept[1]
        entry = self._read(report_id, stem, found)
        with self._lock:
            self._kept[report_id] = mark, entry
            if entry.run_id is not None:
                self._of_run.setdefault(entry.run_id, report_id)
        return entry

    def _found(self, report_id: str) -> tuple[str | None, Mark | None]:
        """Return the stem of a report, None where the file is not ours, and its mark.

        Called before reading: a file replaced meanwhile has another mark next time.
        """
        stem = report_id.removeprefix(PREFIX)
        # A string: making thousands of paths takes longer than asking the disk for them.
        if is_ours(stem) and (mark := mark_of(f"{self._folder}{stem}.json")):
            return stem, mark
        return None, mark_of(report_path(self._home, report_id))

    def _read(self, report_id: str, stem: str | None, mark: Mark | None) -> ReportSummary:
        """Return the summary of a file with `mark`, from the index, else from the file itself."""
        if stem and mark and (noted := self._index.find(stem, mark)):
            return noted
        # Imports pydantic, which reports in the index do not need.
        from tws_maintenance.reports.summary_reader import read_summary

        entry = read_summary(report_path(self._home, report_id), report_id)
        if stem and mark and not entry.damaged:
            self._index.keep(stem, mark, entry)
        return entry
