"""The robot's own service of market events: looking at it, and asking it to refresh.

A refresh runs inside the robot, which answers at once and does not report the end. Its log does:
new lines in the log belong to this call. If one of them began before the call, another refresh was
running, and this call did nothing.
Belongs here: asking and comparing. Does not: doubting the answers (`robot_doubts`).
"""

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tws_maintenance.core.clock import utc_now, utc_text
from tws_maintenance.core.errors import RobotError
from tws_maintenance.market_events.model import EventType, Window
from tws_maintenance.robot.answers import (
    LogLine,
    RefreshStarted,
    SyncLog,
    Upcoming,
    UpcomingEvent,
)
from tws_maintenance.robot.client import RobotClient

STARTED = "refresh_started"
# The types that this program keeps too; the robot has many more.
OURS = frozenset(kind.value for kind in EventType)
POLL_SECONDS = 0.5
# After so many failed reads of the log in a row, the robot counts as gone.
FAILED_POLLS = 3
# After so long without a new line, the refresh counts as finished.
QUIET_SECONDS = 3.0
# A line without an end that is older was left by a robot that was stopped.
ABANDONED = timedelta(minutes=10)
GONE = frozenset({"stale", "cancelled"})


class RefreshingAlready(RobotError):
    """The robot was already refreshing its events, so this call did nothing."""


@dataclass(frozen=True)
class Look:
    """The robot's events in the window, and its log, read at `at` (aware) without any change."""

    window: Window
    upcoming: Upcoming
    log: SyncLog
    at: datetime

    @property
    def events(self) -> tuple[UpcomingEvent, ...]:
        """Every readable event."""
        return tuple(self.upcoming.events)

    @property
    def active(self) -> dict[str, UpcomingEvent]:
        """The events that are neither stale nor cancelled, by id."""
        return {one.event_id: one for one in self.events if one.status.lower() not in GONE}

    @property
    def ours(self) -> tuple[UpcomingEvent, ...]:
        """The active events whose type this program keeps too."""
        return tuple(one for one in self.active.values() if is_ours(one))

    @property
    def lines(self) -> list[LogLine]:
        """The newest lines of the log (see `last_lines`)."""
        return last_lines(self.log.logs)


@dataclass(frozen=True)
class RobotDiff:
    """The changes by a refresh to the events in the window."""

    new: tuple[UpcomingEvent, ...] = ()
    changed: tuple[tuple[UpcomingEvent, UpcomingEvent], ...] = ()
    stale: tuple[UpcomingEvent, ...] = ()
    unchanged: tuple[UpcomingEvent, ...] = ()

    def only(self, *, ours: bool) -> "RobotDiff":
        """Return the part of the types that this program keeps too, or of the robot's own types."""
        return RobotDiff(
            new=tuple(one for one in self.new if is_ours(one) == ours),
            changed=tuple(pair for pair in self.changed if is_ours(pair[1]) == ours),
            stale=tuple(one for one in self.stale if is_ours(one) == ours),
            unchanged=tuple(one for one in self.unchanged if is_ours(one) == ours),
        )


@dataclass(frozen=True)
class Refreshed:
    """A refresh that ended, or was given up: `unfinished` says why, "" if it ended."""

    before: Look
    after: Look
    answer: RefreshStarted
    lines: tuple[LogLine, ...]
    unfinished: str = ""
    diff: RobotDiff = field(default_factory=RobotDiff)

    @property
    def window(self) -> Window:
        """The days that were asked for."""
        return self.after.window


def look(client: RobotClient, window: Window) -> Look:
    """Return the robot's events and its log. Raises RobotError."""
    upcoming = client.upcoming(window.days)
    return Look(window, upcoming, client.sync_log(), utc_now())


def refresh(client: RobotClient, window: Window, *, seconds: float) -> Refreshed:
    """Ask the robot to refresh, wait for the end, and return what changed.

    Looks at the events again right before, so changes since a dry run do not count.

    Raises:
        RefreshingAlready: the robot was already refreshing; this call did nothing.
        RobotError: the robot could not be asked, or stopped answering.
    """
    until = time.monotonic() + seconds
    before = look(client, window)
    _refuse_where_one_is_at_work(before.log.logs, utc_now())
    known = max((line.id for line in before.log.logs), default=0)
    answer, asked_at = client.refresh(window.days)
    if answer.status != STARTED:
        raise RefreshingAlready(_nothing_done(f"it answered {answer.status[:60]!r}"))
    wanted = {line.key for line in before.lines}
    lines, is_over = _wait(client, before.log, known, wanted, until)
    earlier = [one for one in lines if one.sync_started_at and one.sync_started_at < asked_at]
    if earlier:
        began = utc_text(min(one.sync_started_at for one in earlier if one.sync_started_at))
        raise RefreshingAlready(_nothing_done(f"since {began}"))
    after = look(client, window)
    unfinished = "" if is_over else _unfinished(lines, wanted, seconds)
    lines = last_lines(lines)
    diff = compare(before, after)
    if lost := _lost(before, after, lines):
        unfinished, diff = f"{unfinished}; {lost}" if unfinished else lost, RobotDiff()
    return Refreshed(before, after, answer, tuple(lines), unfinished, diff)


def last_lines(logs: Iterable[LogLine]) -> list[LogLine]:
    """Return the newest lines of each provider, oldest first: one for each type it was asked for.

    The robot refreshes some providers separately and skips those that it asked recently, so the
    lines of one refresh do not cover every provider.
    """
    found: list[LogLine] = []
    seen: dict[str, set[str]] = {}
    for line in sorted(logs, key=lambda one: one.id, reverse=True):
        types = types_of(line) or {""}
        if not types & seen.setdefault(line.provider, set()):
            found.append(line)
            seen[line.provider] |= types
    return found[::-1]


def by_provider(lines: Iterable[LogLine]) -> list[LogLine]:
    """Return one line for each provider; its lines for several types are joined."""
    groups: dict[str, list[LogLine]] = {}
    for line in lines:
        groups.setdefault(line.provider, []).append(line)
    return [group[0] if len(group) == 1 else _together(group) for group in groups.values()]


def _together(lines: Sequence[LogLine]) -> LogLine:
    statuses = Counter(line.status.lower() for line in lines)
    began = [line.sync_started_at for line in lines if line.sync_started_at]
    ended = [line.sync_finished_at for line in lines if line.sync_finished_at]
    messages = [line.error_message for line in lines if line.error_message]
    return lines[-1].model_copy(
        update={
            "event_type": ",".join(line.event_type for line in lines if line.event_type),
            "status": next(iter(statuses)) if len(statuses) == 1 else "partial_failure",
            **{
                name: sum(getattr(line, name) for line in lines)
                for name in ("fetched_count", "upserted_count", "stale_count", "error_count")
            },
            "error_message": "; ".join(messages) or None,
            "sync_started_at": min(began, default=None),
            "sync_finished_at": max(ended) if len(ended) == len(lines) else None,
        }
    )


def compare(before: Look, after: Look) -> RobotDiff:
    """Return what differs between two looks.

    An event that is over by now is not stale: the robot lists events only until their instant. An
    event that is still there but unreadable is not stale either.
    """
    was, now = before.active, after.active
    odd = {one.event_id for one in after.upcoming.unreadable}
    pairs = [(was[key], one) for key, one in now.items() if key in was]
    return RobotDiff(
        new=tuple(one for key, one in now.items() if key not in was),
        changed=tuple(pair for pair in pairs if _facts(pair[0]) != _facts(pair[1])),
        stale=tuple(
            one
            for key, one in was.items()
            if key not in now and key not in odd and one.listed_until > after.at
        ),
        unchanged=tuple(pair[1] for pair in pairs if _facts(pair[0]) == _facts(pair[1])),
    )


def is_ours(event: UpcomingEvent) -> bool:
    """Return whether this program keeps the event's type too."""
    return event.event_type in OURS


def is_robots_own(line: LogLine) -> bool:
    """Return whether a line is about types that only the robot keeps."""
    types = types_of(line)
    return bool(types) and not types & OURS


def provider_of(event: UpcomingEvent, lines: Iterable[LogLine]) -> str | None:
    """Return the provider of an event by the log, None if no line is about it.

    The event's type decides, because two providers may name the same source.
    """
    of_source = None
    for line in lines:
        if event.event_type in types_of(line):
            return line.provider
        if event.source == line.provider:
            of_source = line.provider
    return of_source


def types_of(line: LogLine) -> set[str]:
    """Return the event types of a line of the log."""
    return {one.strip().upper() for one in line.event_type.split(",") if one.strip()}


def described(line: LogLine) -> str:
    """Return the provider of a line, with the types that it was asked for."""
    types = ", ".join(one.strip() for one in line.event_type.split(",") if one.strip())
    return f"{line.provider} ({types})" if types else line.provider


def _lost(before: Look, after: Look, lines: Iterable[LogLine]) -> str:
    """Return a sentence if every event is gone but the log counts none as stale, else ""."""
    was = [one for one in before.active.values() if one.listed_until > after.at]
    if not was or after.events or after.upcoming.unreadable:
        return ""
    if any(line.stale_count for line in lines):
        return ""
    return (
        f"after its refresh the robot lists no events ({len(was)} before), but its log counts no "
        "withdrawn event. It answers like this when it cannot read its own database. Check its "
        "log, then run again"
    )


def _wait(
    client: RobotClient,
    before: SyncLog,
    known: int,
    wanted: set[tuple[str, str]],
    until: float,
) -> tuple[list[LogLine], bool]:
    """Return the new lines of the log, and whether the refresh is over."""
    lines: list[LogLine] = []
    quiet_since = time.monotonic()
    failed = 0
    is_summed_up = False
    while True:
        try:
            log = client.sync_log()
        except RobotError:
            # During a refresh the robot may answer late or fail once; the refresh goes on.
            failed += 1
            if failed == FAILED_POLLS:
                raise
            time.sleep(POLL_SECONDS)
            continue
        failed = 0
        found = sorted((one for one in log.logs if one.id > known), key=lambda one: one.id)
        if found != lines:
            lines, quiet_since = found, time.monotonic()
        # The robot writes the summary of a refresh last, but reads it after the lines of an answer:
        # what was written in between stands in the next one.
        was_summed_up = is_summed_up
        is_summed_up = log.last_sync_summary not in (None, before.last_sync_summary)
        if is_summed_up and not was_summed_up:
            continue
        if lines and all(one.sync_finished_at for one in lines):
            has_all = wanted <= {one.key for one in lines}
            is_quiet = time.monotonic() - quiet_since > QUIET_SECONDS
            # Each of the three may mislead; a first refresh has no earlier lines to wait for.
            if sum((bool(wanted) and has_all, is_summed_up, is_quiet)) > 1:
                return lines, True
        if time.monotonic() + POLL_SECONDS > until:
            return lines, False
        time.sleep(POLL_SECONDS)


def _refuse_where_one_is_at_work(logs: Iterable[LogLine], at: datetime) -> None:
    for line in logs:
        began = line.sync_started_at
        if began and line.sync_finished_at is None and at - began < ABANDONED:
            raise RefreshingAlready(_nothing_done(f"since {utc_text(began)}"))


def _nothing_done(why: str) -> str:
    return (
        f"The robot was already refreshing its events ({why}), so this call did nothing. Wait "
        "until that refresh is over, then run again."
    )


def _unfinished(lines: Sequence[LogLine], wanted: set[tuple[str, str]], seconds: float) -> str:
    done = {one.key for one in lines if one.sync_finished_at}
    missing = sorted(" ".join(key).strip() for key in wanted - done)
    which = ", ".join(missing) if missing else "unknown providers"
    return (
        f"the robot's refresh did not finish within {seconds:g} s (not logged yet: {which}). It "
        "goes on in the robot: check its sync log, then run again"
    )


def _facts(event: UpcomingEvent) -> tuple[object, ...]:
    return (event.title, event.event_date, event.event_time, event.start_at_utc, event.confidence)
