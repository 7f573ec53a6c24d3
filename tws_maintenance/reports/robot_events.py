"""Filling in the result of market events from what the robot's own service said."""

from collections import Counter
from collections.abc import Iterable, Sequence

from tws_maintenance.config.events_service import EventsService
from tws_maintenance.market_events.model import SymbolOutcome, Window
from tws_maintenance.market_events.robot_agenda import failures_of
from tws_maintenance.market_events.robot_events import named
from tws_maintenance.market_events.robot_service import (
    Look,
    Refreshed,
    RobotDiff,
    by_provider,
    empty_successes,
    gaps,
    is_robots_own,
    provider_of,
)
from tws_maintenance.market_events.scope import NAMED, POSITIONS, WATCHLIST, Scope
from tws_maintenance.reports.schema import (
    Asked,
    ChangedField,
    EventsDiff,
    EventsResult,
    NamedEvent,
    OwnEvent,
    ProviderResult,
    RobotsOwn,
    WindowShown,
)
from tws_maintenance.robot.answers import LogLine, UpcomingEvent

CANNOT_PREVIEW = (
    "The robot's own service keeps the events and cannot preview: nothing was asked to be fetched. "
    "What it has now, and its last refresh, are shown; an apply asks it to refresh."
)
_FIELDS = ("title", "event_date", "event_time", "start_at_utc", "confidence")


def describe_look(result: EventsResult, found: Look, scope: Scope, url: str) -> list[str]:
    """Fill in what the robot has now, and return the warnings that are of this look alone."""
    count = len(found.ours)
    result.before_count, result.after_count = count, count
    diff = RobotDiff(unchanged=tuple(found.active.values()))
    _describe(result, found.window, found.lines, diff, url)
    _describe_symbols(result, scope, None, [found])
    said = [
        *gaps(found),
        *failures_of(found.lines),
        *empty_successes(found.lines, [found], len(scope.robot)),
        CANNOT_PREVIEW,
    ]
    result.warnings += said
    return said


def describe_refresh(result: EventsResult, done: Refreshed, scope: Scope, url: str) -> None:
    """Fill in what a refresh of the robot's came to."""
    result.before_count, result.after_count = len(done.before.ours), len(done.after.ours)
    _describe(result, done.window, done.lines, done.diff, url)
    asked = done.answer.portfolio_symbols
    _describe_symbols(result, scope, asked, [done.before, done.after])
    count = len(scope.robot) if asked is None else asked if isinstance(asked, int) else len(asked)
    result.warnings += gaps(done.after)
    result.warnings += failures_of(line for line in done.lines if is_robots_own(line))
    result.warnings += empty_successes(done.lines, [done.before, done.after], count)
    if done.unfinished:
        result.errors.append(done.unfinished)


def _describe(
    result: EventsResult, window: Window, lines: Sequence[LogLine], every: RobotDiff, url: str
) -> None:
    diff = every.only(ours=True)
    result.source = url
    result.added = _symbols(diff.new)
    result.removed = _symbols(diff.stale)
    result.service = EventsService.ROBOT.value
    result.providers = [_provider(line, lines, every, url) for line in by_provider(lines)]
    result.window = WindowShown(**window.to_dict())
    result.diff = EventsDiff(
        new=[NamedEvent.model_validate(named(one)) for one in diff.new],
        changed=[NamedEvent.model_validate(named(after)) for _, after in diff.changed],
        stale=[NamedEvent.model_validate(named(one)) for one in diff.stale],
        unchanged=[NamedEvent.model_validate(named(one)) for one in diff.unchanged],
    )
    result.changed_fields = [line for pair in diff.changed for line in _lines(*pair)]
    result.robots_own = _robots_own(every.only(ours=False))


def _robots_own(diff: RobotDiff) -> RobotsOwn:
    """Return {count, types{TYPE: count}, events[]} of the types that only the robot keeps.

    The count is of what it has now; the events are named with what became of each.
    """
    by_change = {
        "new": diff.new,
        "changed": tuple(after for _, after in diff.changed),
        "unchanged": diff.unchanged,
        "stale": diff.stale,
    }
    counts = Counter(
        one.event_type for kind, events in by_change.items() if kind != "stale" for one in events
    )
    told = [
        OwnEvent.model_validate(named(one) | {"change": kind})
        for kind, events in by_change.items()
        for one in events
    ]
    return RobotsOwn(
        count=counts.total(),
        types=dict(sorted(counts.items())),
        events=sorted(told, key=lambda one: (one.date, one.event_type or "")),
    )


def _provider(line: LogLine, lines: Sequence[LogLine], diff: RobotDiff, url: str) -> ProviderResult:
    """Return what the robot's log says of one provider as one of our provider results."""

    def count(events: Iterable[UpcomingEvent]) -> int:
        return sum(provider_of(one, lines) == line.provider for one in events)

    began, ended = line.sync_started_at, line.sync_finished_at
    return ProviderResult(
        provider=line.provider,
        event_type=line.event_type,
        status=_status(line),
        fetched=line.fetched_count,
        new=count(diff.new),
        changed=count(after for _, after in diff.changed),
        unchanged=count(diff.unchanged),
        stale=line.stale_count,
        errors=line.error_count,
        error_message=line.error_message or (None if ended else "it has not ended"),
        duration_seconds=round((ended - began).total_seconds(), 3) if began and ended else 0.0,
        source=url,
        upserted=line.upserted_count,
        is_robots_own=is_robots_own(line),
    )


def _status(line: LogLine) -> str:
    if line.sync_finished_at is None:
        return "failed"
    if line.status.lower() == "success":
        return "partial_failure" if line.error_count else "success"
    return "partial_failure" if "partial" in line.status.lower() else "failed"


def _describe_symbols(
    result: EventsResult, scope: Scope, asked: list[str] | int | None, looks: list[Look]
) -> None:
    """Tell of each symbol whether the robot asks about it, and who is left out."""
    taken = scope.robot | (set(asked) if isinstance(asked, list) else set())
    have = {one.symbol for found in looks for one in found.ours}
    for symbol, told in result.symbols.items():
        if symbol in taken or symbol in have:
            told.outcome = SymbolOutcome.OK.value if symbol in have else None
        else:
            told.outcome = SymbolOutcome.NOT_ASKED.value
    asked_about = result.symbols.items()
    left_out = [s for s, told in asked_about if told.outcome == SymbolOutcome.NOT_ASKED]
    warning = _left_out(left_out, result.symbols)
    if warning and warning not in result.warnings:
        result.warnings.append(warning)


def _left_out(symbols: list[str], told: dict[str, Asked]) -> str:
    if not symbols:
        return ""
    kinds = {WATCHLIST: "the watchlist", NAMED: NAMED, POSITIONS: "[events] positions"}
    origins = {origin for symbol in symbols for origin in told[symbol].origins}
    named_by = sorted({kinds.get(one, "[events] strategies") for one in origins})
    return (
        f"Not asked about: {', '.join(symbols)} (of {', '.join(named_by)}). The robot's service "
        "takes its symbols from its own positions and strategies alone; [events] service = "
        '"embedded" fetches them.'
    )


def _lines(before: UpcomingEvent, after: UpcomingEvent) -> list[ChangedField]:
    was, now = before.model_dump(mode="json"), after.model_dump(mode="json")
    return [
        ChangedField(
            event_type=after.event_type,
            symbol=after.symbol,
            field=name,
            before=was[name],
            after=now[name],
        )
        for name in _FIELDS
        if was[name] != now[name]
    ]


def _symbols(events: Iterable[UpcomingEvent]) -> list[str]:
    return sorted({one.symbol for one in events if one.symbol is not None})
