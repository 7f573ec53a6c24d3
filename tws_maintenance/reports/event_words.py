"""What a report says of market events: in one sentence, line by line, and what to do next."""

import shlex
from collections.abc import Iterator

from tws_maintenance.config.events_service import EventsService
from tws_maintenance.config.indices import DEFAULT_DAYS, DEFAULT_MAX_SYMBOLS, MARKET_EVENTS
from tws_maintenance.core.text import words
from tws_maintenance.market_events.model import provider_title
from tws_maintenance.reports.schema import (
    Asked,
    EventsDiff,
    EventsResult,
    NamedEvent,
    Report,
    Result,
)

_ABBREVIATIONS = ("FOMC", "CPI", "PPI", "GDP", "SEC", "8K", "10Q", "10K", "S3")
_PROPER = {**{word: word for word in _ABBREVIATIONS}, "FED": "Fed", "FORM4": "form 4"}


def stored_of(result: Result) -> str:
    """Return what an apply did to the stored events, "" for any other result."""
    is_done = result.status in {"success", "partial_failure"}
    if not isinstance(result, EventsResult) or result.dry_run or not is_done:
        return ""
    diff = result.diff
    counts = {"new": len(diff.new), "changed": len(diff.changed), "stale": len(diff.stale)}
    told = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
    return f"Events stored: {told}." if told else "Events: nothing to change."


def failed_providers(result: Result | None) -> list[str]:
    """Return the providers of events that failed, wholly or in part, the robot's own left out."""
    if not isinstance(result, EventsResult):
        return []
    return [
        f"{provider_title(one.provider)}{'' if one.status == 'failed' else ' (in part)'}"
        for one in result.providers
        if one.status in {"failed", "partial_failure"} and not one.is_robots_own
    ]


def event_name(one: NamedEvent) -> str:
    """Return an event with its day."""
    return f"{one.date} {one.title}"


def type_words(event_type: str | None) -> str:
    """Return a type of events in words: `CPI_RELEASE` is "CPI release"."""
    parts = (event_type or "").split("_")
    return " ".join(_PROPER.get(part, part.lower()) for part in parts)


def robots_own_of(result: EventsResult) -> str:
    """Return how many events the robot has of types that only it keeps, "" for none."""
    own = result.robots_own
    if not own or not own.types:
        return ""
    told = ", ".join(f"{type_words(name)} {count}" for name, count in own.types.items())
    return f"{own.count} of types that only the robot keeps ({told})"


def apply_events_command(report: Report) -> str:
    """Return the command that fetches and stores what a dry run showed, "" where it would not."""
    result = report.events
    if not report.dry_run or result is None or result.validation.status != "passed":
        return ""
    is_preview = result.service != EventsService.ROBOT
    if is_preview and result.diff.is_empty:
        return ""
    # The robot's service takes no symbols of ours.
    symbols = result.symbols if is_preview else {}
    added = [symbol for symbol, one in symbols.items() if "--symbol" in one.origins]
    options = [f"--symbol {symbol}" for symbol in added]
    if result.window.days != DEFAULT_DAYS:
        options.append(f"--days {result.window.days}")
    if len(symbols) > DEFAULT_MAX_SYMBOLS:
        options.append("--many-symbols")
    if report.overrides.get("allow_large_change"):
        options.append("--allow-large-change")
        options += ["--reason", shlex.quote(report.reason)] if report.reason else []
    return " ".join(["python -m tws_maintenance run --apply --task", MARKET_EVENTS, *options])


def changes_of(diff: EventsDiff) -> list[tuple[str, list[NamedEvent]]]:
    """Return the events that would change, by what becomes of them."""
    return [("new", diff.new), ("changed", diff.changed), ("stale", diff.stale)]


def event_lines(result: EventsResult) -> Iterator[tuple[str, str]]:
    """Yield (kind, text) of each event that changes, and of each of its fields."""
    for kind, events in changes_of(result.diff):
        yield from ((kind, event_name(one)) for one in events)
    for change in result.changed_fields:
        whose = change.symbol or type_words(change.event_type)
        told = f"{change.before or 'none'} → {change.after or 'none'}"
        yield "field", f"{whose} {words(change.field)}: {told}"


def robots_own_lines(result: EventsResult) -> Iterator[str]:
    """Yield each event of a type that only the robot keeps, and what became of it."""
    for own in result.robots_own.events if result.robots_own else ():
        what = "" if own.change == "unchanged" else f", {own.change}"
        yield f"{event_name(own)} ({type_words(own.event_type)}{what})"


def symbol_lines(symbols: dict[str, Asked]) -> Iterator[str]:
    """Yield each symbol with where it came from and how its question ended."""
    for symbol, one in symbols.items():
        outcome = f": {words(one.outcome)}" if one.outcome else ""
        yield f"{symbol} ({', '.join(one.origins)}){outcome}"
