"""The robot's own service of market events: looking at it, and asking it to refresh.

A refresh runs in the robot, which answers at once and says nothing when it is over. Its log tells:
the lines that come after those that were there before are this call's, unless one began before
the call, when another refresh was at work and this one did nothing.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tws_maintenance.clock import utc_now, utc_text
from tws_maintenance.errors import RobotError
from tws_maintenance.market_events.model import Window
from tws_maintenance.robot.answers import LogLine, RefreshStarted, SyncLog, UpcomingEvent
from tws_maintenance.robot.client import RobotClient

STARTED = "refresh_started"
OF_SYMBOLS = frozenset({"EARNINGS", "DIVIDEND"})
# In so many days there is a scheduled FOMC meeting, and a holiday in New York, every year.
SURE_DAYS = {"FOMC": 60, "MARKET_HOLIDAY": 80}
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
    """What the robot has stored for the window, and its log; nothing was changed by looking."""

    window: Window
    events: tuple[UpcomingEvent, ...]
    log: SyncLog

    @property
    def active(self) -> dict[str, UpcomingEvent]:
        """The events that it reckons with, by their id."""
        return {one.event_id: one for one in self.events if one.status.lower() not in GONE}


@dataclass(frozen=True)
class RobotDiff:
    """What a refresh changed of the events in the window."""

    new: tuple[UpcomingEvent, ...] = ()
    changed: tuple[tuple[UpcomingEvent, UpcomingEvent], ...] = ()
    stale: tuple[UpcomingEvent, ...] = ()
    unchanged: tuple[UpcomingEvent, ...] = ()


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
    return Look(window, tuple(client.upcoming(window.days)), client.sync_log())


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
    wanted = {line.key for line in last_lines(before.log.logs)}
    lines, is_over = _wait(client, before.log, known, wanted, until)
    earlier = [one for one in lines if one.sync_started_at and one.sync_started_at < asked_at]
    if earlier:
        began = utc_text(min(one.sync_started_at for one in earlier if one.sync_started_at))
        raise RefreshingAlready(_nothing_done(f"a refresh had begun at {began}"))
    after = look(client, window)
    told = "" if is_over else _unfinished(lines, wanted, seconds)
    return Refreshed(before, after, answer, tuple(lines), told, compare(before, after))


def last_lines(logs: Sequence[LogLine]) -> list[LogLine]:
    """Return the lines of the newest refresh: until a provider stands there again."""
    found: dict[tuple[str, str], LogLine] = {}
    for line in sorted(logs, key=lambda one: one.id, reverse=True):
        if line.key in found:
            break
        found[line.key] = line
    return list(found.values())[::-1]


def compare(before: Look, after: Look) -> RobotDiff:
    """Return what differs between two looks; what is over by now is not called stale."""
    was, now = before.active, after.active
    today = after.window.today("America/New_York")
    pairs = [(was[key], one) for key, one in now.items() if key in was]
    return RobotDiff(
        new=tuple(one for key, one in now.items() if key not in was),
        changed=tuple(pair for pair in pairs if _facts(pair[0]) != _facts(pair[1])),
        stale=tuple(o for key, o in was.items() if key not in now and o.event_date >= today),
        unchanged=tuple(pair[1] for pair in pairs if _facts(pair[0]) == _facts(pair[1])),
    )


def is_of(line: LogLine, event: UpcomingEvent) -> bool:
    """Tell whether `event` is one that a line of the log is about."""
    return event.source == line.provider or event.event_type in types_of(line)


def types_of(line: LogLine) -> set[str]:
    """Return the types of events that a line of the log is about."""
    return {one.strip().upper() for one in line.event_type.split(",") if one.strip()}


def empty_successes(lines: Iterable[LogLine], looks: Sequence[Look], symbols: int) -> Iterator[str]:
    """Yield a warning for each success with nothing fetched where something must be.

    The robot logs a provider that failed as a success of no events. `symbols` is how many it
    asked about.
    """
    for line in lines:
        if line.status.lower() != "success" or line.fetched_count:
            continue
        why = _why_something_must_be(line, looks, symbols)
        if why:
            yield (
                f"{line.provider} ({line.event_type}) is logged as a success with nothing fetched, "
                f"although {why}. The robot logs a fetch that failed like that: look into its own "
                "log, and do not take its events for complete."
            )


def _why_something_must_be(line: LogLine, looks: Sequence[Look], symbols: int) -> str:
    types = types_of(line)
    known = {one.event_id for found in looks for one in found.active.values() if is_of(line, one)}
    if known:
        return f"{len(known)} of its events are stored for these days"
    days = looks[-1].window.days
    for kind, sure in SURE_DAYS.items():
        if kind in types and days >= sure:
            return f"there is always one within {sure} days"
    if types & OF_SYMBOLS and symbols:
        return f"it was asked about {symbols} symbols"
    return ""


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
