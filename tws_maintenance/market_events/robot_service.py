"""The robot's own service of market events: looking at it, and asking it to refresh.

A refresh runs in the robot, which answers at once and says nothing when it is over. Its log tells:
the lines that come after those that were there before are this call's, unless one began before
the call, when another refresh was at work and this one did nothing.
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
# Those types that this program keeps too; the robot has many more.
OURS = frozenset(kind.value for kind in EventType)
POLL_SECONDS = 0.5
# So many times in a row the log may not be had before the robot counts as gone.
FAILED_POLLS = 3
# How long no further line may come before the last one counts as the last.
QUIET_SECONDS = 3.0
# A line that has had no end for longer is left over from a robot that was stopped.
ABANDONED = timedelta(minutes=10)
GONE = frozenset({"stale", "cancelled"})


class RefreshingAlready(RobotError):
    """Another refresh was at work in the robot, so that this call did nothing."""


@dataclass(frozen=True)
class Look:
    """What the robot has stored for the window, and its log; nothing was changed by looking.

    `at` (aware) is when it was looked.
    """

    window: Window
    upcoming: Upcoming
    log: SyncLog
    at: datetime

    @property
    def events(self) -> tuple[UpcomingEvent, ...]:
        """Every event that can be read."""
        return tuple(self.upcoming.events)

    @property
    def active(self) -> dict[str, UpcomingEvent]:
        """The events that it reckons with, by their id."""
        return {one.event_id: one for one in self.events if one.status.lower() not in GONE}

    @property
    def ours(self) -> tuple[UpcomingEvent, ...]:
        """Those of `active` whose type this program keeps too."""
        return tuple(one for one in self.active.values() if is_ours(one))

    @property
    def lines(self) -> list[LogLine]:
        """The newest lines of the log, see `last_lines`."""
        return last_lines(self.log.logs)


@dataclass(frozen=True)
class RobotDiff:
    """What a refresh changed of the events in the window."""

    new: tuple[UpcomingEvent, ...] = ()
    changed: tuple[tuple[UpcomingEvent, UpcomingEvent], ...] = ()
    stale: tuple[UpcomingEvent, ...] = ()
    unchanged: tuple[UpcomingEvent, ...] = ()

    def only(self, *, ours: bool) -> "RobotDiff":
        """Return what concerns the types that this program keeps too, or the robot's own types."""
        return RobotDiff(
            new=tuple(one for one in self.new if is_ours(one) == ours),
            changed=tuple(pair for pair in self.changed if is_ours(pair[1]) == ours),
            stale=tuple(one for one in self.stale if is_ours(one) == ours),
            unchanged=tuple(one for one in self.unchanged if is_ours(one) == ours),
        )


@dataclass(frozen=True)
class Refreshed:
    """A refresh that came to its end, or to the end of our patience: then `unfinished` says so."""

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
    """Return what the robot's service has. Raises RobotError."""
    upcoming = client.upcoming(window.days)
    return Look(window, upcoming, client.sync_log(), utc_now())


def refresh(client: RobotClient, window: Window, *, seconds: float) -> Refreshed:
    """Ask the robot for a refresh, wait for its end, and tell what it changed.

    It is looked at anew right before: what it did by itself since a dry run is not this call's.

    Raises:
        RefreshingAlready: it was at one, so that this call did nothing.
        RobotError: it could not be asked, or did not answer any more.
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
        raise RefreshingAlready(_nothing_done(f"a refresh had begun at {began}"))
    after = look(client, window)
    told = "" if is_over else _unfinished(lines, wanted, seconds)
    lines = last_lines(lines)
    diff = compare(before, after)
    if lost := _lost(before, after, lines):
        told, diff = f"{told}; {lost}" if told else lost, RobotDiff()
    return Refreshed(before, after, answer, tuple(lines), told, diff)


def last_lines(logs: Iterable[LogLine]) -> list[LogLine]:
    """Return the newest lines of each provider, oldest first: one for each type that it was asked.

    The robot refreshes some providers by themselves, and leaves out those that it asked a short
    while ago, so that the lines of one refresh are not all providers.
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
    """Return one line a provider: its lines together, where it logs some for each type."""
    groups: dict[str, list[LogLine]] = {}
    for line in lines:
        groups.setdefault(line.provider, []).append(line)
    return [group[0] if len(group) == 1 else _together(group) for group in groups.values()]


def _together(lines: Sequence[LogLine]) -> LogLine:
    statuses = Counter(line.status.lower() for line in lines)
    began = [line.sync_started_at for line in lines if line.sync_started_at]
    ended = [line.sync_finished_at for line in lines if line.sync_finished_at]
    told = [line.error_message for line in lines if line.error_message]
    return lines[-1].model_copy(
        update={
            "event_type": ",".join(line.event_type for line in lines if line.event_type),
            "status": next(iter(statuses)) if len(statuses) == 1 else "partial_failure",
            **{
                name: sum(getattr(line, name) for line in lines)
                for name in ("fetched_count", "upserted_count", "stale_count", "error_count")
            },
            "error_message": "; ".join(told) or None,
            "sync_started_at": min(began, default=None),
            "sync_finished_at": max(ended) if len(ended) == len(lines) else None,
        }
    )


def compare(before: Look, after: Look) -> RobotDiff:
    """Return what differs between two looks.

    What is over by now is not called stale, nor is an event that is there in a form that cannot be
    read: the robot lists an event until its instant.
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
    """Tell whether an event is of a type that this program keeps too."""
    return event.event_type in OURS


def is_robots_own(line: LogLine) -> bool:
    """Tell whether a line is about types that only the robot keeps."""
    types = types_of(line)
    return bool(types) and not types & OURS


def provider_of(event: UpcomingEvent, lines: Iterable[LogLine]) -> str | None:
    """Return the provider in the log that an event is of, None where no line is about it.

    Its type decides; two providers may name one source.
    """
    of_source = None
    for line in lines:
        if event.event_type in types_of(line):
            return line.provider
        if event.source == line.provider:
            of_source = line.provider
    return of_source


def types_of(line: LogLine) -> set[str]:
    """Return the types of events that a line of the log is about."""
    return {one.strip().upper() for one in line.event_type.split(",") if one.strip()}


def described(line: LogLine) -> str:
    """Return a line's provider with the types that it was asked for."""
    types = ", ".join(one.strip() for one in line.event_type.split(",") if one.strip())
    return f"{line.provider} ({types})" if types else line.provider


def _lost(before: Look, after: Look, lines: Iterable[LogLine]) -> str:
    """Return what to say where every event is gone and the log counts none as stale."""
    was = [one for one in before.active.values() if one.listed_until > after.at]
    if not was or after.events or after.upcoming.unreadable:
        return ""
    if any(line.stale_count for line in lines):
        return ""
    return (
        f"after its refresh the robot lists no event, where it had {len(was)} before, and its log "
        "counts none as stale: it answers like that when it cannot read its own database. Look "
        "into its log, and run this again"
    )


def _wait(
    client: RobotClient,
    before: SyncLog,
    known: int,
    wanted: set[tuple[str, str]],
    until: float,
) -> tuple[list[LogLine], bool]:
    """Return the lines that came since, and whether they are all that come."""
    lines: list[LogLine] = []
    quiet_since = time.monotonic()
    failed = 0
    while True:
        try:
            log = client.sync_log()
        except RobotError:
            # Busy with its refresh it may be late once, or fault; that is no end of it.
            failed += 1
            if failed == FAILED_POLLS:
                raise
            time.sleep(POLL_SECONDS)
            continue
        failed = 0
        found = sorted((one for one in log.logs if one.id > known), key=lambda one: one.id)
        if found != lines:
            lines, quiet_since = found, time.monotonic()
        if lines and all(one.sync_finished_at for one in lines):
            has_all = wanted <= {one.key for one in lines}
            # Its summary of this refresh is the last thing it writes.
            is_summed_up = log.last_sync_summary not in (None, before.last_sync_summary)
            is_quiet = time.monotonic() - quiet_since > QUIET_SECONDS
            # One of the three may mislead; a first refresh has nobody who is wanted.
            if sum((bool(wanted) and has_all, is_summed_up, is_quiet)) > 1:
                return lines, True
        if time.monotonic() + POLL_SECONDS > until:
            return lines, False
        time.sleep(POLL_SECONDS)


def _refuse_where_one_is_at_work(logs: Iterable[LogLine], at: datetime) -> None:
    for line in logs:
        began = line.sync_started_at
        if began and line.sync_finished_at is None and at - began < ABANDONED:
            raise RefreshingAlready(_nothing_done(f"a refresh had begun at {utc_text(began)}"))


def _nothing_done(why: str) -> str:
    return (
        f"The robot was refreshing its events already ({why}), so that this call did nothing. "
        "Wait until that one is over, and run it again."
    )


def _unfinished(lines: Sequence[LogLine], wanted: set[tuple[str, str]], seconds: float) -> str:
    done = {one.key for one in lines if one.sync_finished_at}
    missing = sorted(" ".join(key).strip() for key in wanted - done)
    told = ", ".join(missing) if missing else "which providers are missing is not known"
    return (
        f"the robot's refresh was not over within {seconds:g} s (not logged yet: {told}). It goes "
        "on in the robot: look at its sync log, and run this again"
    )


def _facts(event: UpcomingEvent) -> tuple[object, ...]:
    return (event.title, event.event_date, event.event_time, event.start_at_utc, event.confidence)
