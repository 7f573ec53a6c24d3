"""The pictures below the overview: the newest runs, and how fresh each list was.

Belongs here: the place of each bar, and the same as a table. Does not: what a run or a refresh is
(`reports`). The server draws both pictures, without a script.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tws_maintenance.console.service import Backend
from tws_maintenance.core.clock import CLOCK_TOLERANCE, parse_utc
from tws_maintenance.reports.catalog import Renewal
from tws_maintenance.reports.summary import ReportSummary

RUNS, DAYS = 60, 90
# A bar's height in hundredths: a run of ten minutes fills the strip, one of a second is the lowest.
_FULL, _LONGEST_SECONDS = 100, 600
FRESH, STALE, RESTORED, UNKNOWN = "fresh", "stale", "restored", "no refresh on record"


@dataclass(frozen=True)
class RunBar:
    """A run in the strip; `seconds` is None if its report has no duration."""

    report: ReportSummary
    seconds: float | None

    @property
    def height(self) -> int:
        """The height of the bar, of 100, on a logarithmic scale."""
        if self.seconds is None:
            return 3
        share = math.log10(max(self.seconds, 1)) / math.log10(_LONGEST_SECONDS)
        return round(max(min(share, 1) * _FULL, 3))

    @property
    def state(self) -> str:
        """The status of the run, or `damaged`."""
        return "damaged" if self.report.damaged else self.report.status or "damaged"

    def path(self, left: int) -> str:
        """Return the bar at `left`, with a block below the line if something went wrong."""
        bar = f"M{left + 1} {100 - self.height}h8V100h-8z"
        below = {"completed": 0, "partial_failure": 8}.get(self.state, 16)
        return f"{bar}M{left + 1} 106h8v{below}h-8z" if below else bar


@dataclass(frozen=True)
class Span:
    """A time in which a list was in one state; `left` and `width` are days of the picture."""

    state: str
    start: datetime
    end: datetime
    left: float
    width: float


@dataclass(frozen=True)
class FreshnessRow:
    """How fresh one list was: its spans, oldest first, and the days of its refreshes."""

    name: str
    task: str
    spans: list[Span]
    refreshes: list[float]

    @property
    def paths(self) -> dict[str, str]:
        """The spans of each state as one shape: the fresh ones are the higher ones."""
        found: dict[str, str] = {}
        for one in self.spans:
            top = 2 if one.state == FRESH else 6
            shape = f"M{one.left} {top}h{one.width}V10h-{one.width}z"
            found[one.state] = found.get(one.state, "") + shape
        return found

    @property
    def marks(self) -> str:
        """The refreshes as one shape."""
        return "".join(f"M{left} 0v10" for left in self.refreshes)

    def days(self, state: str) -> float:
        """Return how many of the days it was in `state`."""
        return round(sum(one.width for one in self.spans if one.state == state), 1)

    def of_state(self, *states: str) -> list[Span]:
        """Return the spans in any of `states`."""
        return [one for one in self.spans if one.state in states]


@dataclass(frozen=True)
class Pictures:
    """The pictures below the overview; `first` is the first instant of the freshness."""

    runs: list[RunBar]
    freshness: list[FreshnessRow]
    first: datetime
    at: datetime


def pictures(backend: Backend, at: datetime) -> Pictures:
    """Return the pictures of a home at `at` (aware), from the catalog of its reports."""
    newest, _ = backend.shelf.page(limit=RUNS, offset=0)
    settings, first = backend.settings, at - timedelta(days=DAYS)
    tasks = settings.maintained.constituent_tasks
    found = backend.shelf.renewals(tasks, first, at + CLOCK_TOLERANCE) if newest else {}
    rows = [
        freshness(index.name, index.task, found[index.task], settings.of(index).max_age_days, at)
        for index in settings.maintained
        if found.get(index.task)
    ]
    return Pictures([RunBar(one, _seconds(one)) for one in reversed(newest)], rows, first, at)


def _seconds(report: ReportSummary) -> float | None:
    if report.started_at is None or report.finished_at is None:
        return None
    spent = parse_utc(report.finished_at) - parse_utc(report.started_at)
    return max(spent.total_seconds(), 0)


def freshness(
    name: str, task: str, renewals: Sequence[Renewal], max_age_days: float, at: datetime
) -> FreshnessRow:
    """Return the states of a list in the last `DAYS` days, by its limit of today.

    A refresh makes it fresh until it is older than the limit; a restore makes it stale until the
    next refresh; before the first of `renewals` (newest first) nothing is on record.
    """
    first = at - timedelta(days=DAYS)
    spans: list[Span] = []

    def add(state: str, start: datetime, end: datetime) -> None:
        start, end = max(start, first), min(end, at)
        if start < end:
            left, width = _days(start - first), _days(end - start)
            spans.append(Span(state, start, end, left, width))

    oldest_first = [*reversed(renewals)]
    ends = [*(one.at for one in oldest_first[1:]), at]
    if oldest_first:
        add(UNKNOWN, first, oldest_first[0].at)
    for one, end in zip(oldest_first, ends, strict=True) if oldest_first else ():
        if one.is_restore:
            add(RESTORED, one.at, end)
            continue
        old_from = min(one.at + timedelta(days=max_age_days), end)
        add(FRESH, one.at, old_from)
        add(STALE, old_from, end)
    marks = [_days(one.at - first) for one in oldest_first if not one.is_restore and one.at > first]
    return FreshnessRow(name, task, spans, marks)


def _days(span: timedelta) -> float:
    # A tenth is less than a pixel of the widest page.
    return round(span / timedelta(days=1), 1)
