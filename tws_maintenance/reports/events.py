"""Filling in the result of market events from what the providers answered and the store holds."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from tws_maintenance.market_events.model import (
    PROVIDERS,
    YAHOO,
    Diff,
    Event,
    EventStatus,
    Pair,
    provider_title,
)
from tws_maintenance.market_events.scope import Scope
from tws_maintenance.market_events.surprises import sentences
from tws_maintenance.reports.schema import (
    Asked,
    ChangedField,
    EventsDiff,
    EventsResult,
    Moved,
    NamedEvent,
    ProviderResult,
    SymbolAnswer,
    TaskStatus,
    WindowShown,
)

if TYPE_CHECKING:
    # Brings SQLAlchemy, which a run need not wait for before it begins to fetch.
    from tws_maintenance.market_events.sync import Outcome, Synced

# What a provider's status means for the task: whether it answered, and whether it failed.
_ANSWERED = frozenset({"success", "partial_failure"})
_FAILED = frozenset({"failed", "partial_failure"})
_FIELDS = ("title", "event_date", "end_date", "event_time", "confidence")


def describe_scope(result: EventsResult, scope: Scope) -> None:
    """Fill in whose events are looked for, and where each symbol came from."""
    result.warnings += scope.ignored
    result.symbols = {
        symbol: Asked(origins=list(origins), is_portfolio_relevant=symbol in scope.relevant)
        for symbol, origins in scope.origins.items()
    }


def describe_sync(result: EventsResult, synced: "Synced") -> None:
    """Fill in what a sync found or did; called again after the apply, it replaces the preview."""
    outcomes = synced.outcomes
    result.source = ", ".join(PROVIDERS[one.answer.provider].title for one in outcomes)
    result.before_count, result.after_count = synced.before_count, synced.after_count
    result.added = _symbols(event.symbol for one in outcomes for event in one.diff.new)
    result.removed = _symbols(old.event.symbol for one in outcomes for old in one.diff.stale)
    for one in outcomes:
        told = [f"{PROVIDERS[one.answer.provider].title}: {text}" for text in one.answer.warnings]
        result.warnings += [text for text in told if text not in result.warnings]
        told = [*sentences(one.diff, one.moves), *_back_from_the_cancelled(one.diff)]
        result.warnings += [text for text in told if text not in result.warnings]
        for symbol, (outcome, text) in one.answer.symbols.items():
            if asked := result.symbols.get(symbol):
                asked.outcome, asked.text = outcome.value, text or None
    result.providers = [_provider(one) for one in outcomes]
    result.window = WindowShown(**synced.window.to_dict())
    result.diff = _diff([one.diff for one in outcomes])
    pairs = [pair for one in outcomes for pair in one.diff.changed]
    result.changed_fields = [line for pair in pairs for line in _lines(pair)]
    result.moved = [Moved.model_validate(move.to_dict()) for one in outcomes for move in one.moves]
    result.proposal_id, result.proposal_sha256 = synced.proposal_id, synced.proposal_sha256


def settle_providers(result: EventsResult) -> None:
    """Name the providers that failed; a success is partial beside them.

    One that is asked only for types that the robot keeps for itself is no failure of ours.
    """
    providers = [one for one in result.providers if not one.is_robots_own]
    failed = [one for one in providers if one.status in _FAILED]
    if failed and result.status == TaskStatus.SUCCESS:
        has_answered = any(one.status in _ANSWERED for one in providers)
        result.status = TaskStatus.PARTIAL_FAILURE if has_answered else TaskStatus.FAILED
    result.errors += [f"{provider_title(one.provider)}: {one.error_message}" for one in failed]


def _back_from_the_cancelled(diff: Diff) -> Iterator[str]:
    """Yield what stays cancelled although its source lists it."""
    for pair in diff.unchanged:
        if pair.before.status == EventStatus.CANCELLED and not pair.after.is_cancelled:
            named = f"{pair.after.title} on {pair.after.event_date}"
            yield f"{named} is stored as cancelled and stays so, and its source lists it again"


def _provider(one: "Outcome") -> ProviderResult:
    answer, diff = one.answer, one.diff
    symbols = {
        symbol: SymbolAnswer(outcome=outcome.value, text=text or None)
        for symbol, (outcome, text) in answer.symbols.items()
    }
    return ProviderResult(
        provider=answer.provider,
        event_type=",".join(PROVIDERS[answer.provider].event_types),
        status=one.status,
        fetched=len(answer.events),
        new=len(diff.new),
        changed=len(diff.changed),
        unchanged=len(diff.unchanged),
        stale=len(diff.stale),
        errors=len(one.errors),
        error_message="; ".join(one.errors) or None,
        duration_seconds=answer.duration_seconds,
        source=answer.source,
        symbols=symbols if symbols or answer.provider == YAHOO.name else None,
    )


def _diff(diffs: list[Diff]) -> EventsDiff:
    def named(events: Iterable[Event]) -> list[NamedEvent]:
        return [NamedEvent.model_validate(event.named()) for event in events]

    return EventsDiff(
        new=named(event for diff in diffs for event in diff.new),
        changed=named(pair.after for diff in diffs for pair in diff.changed),
        stale=named(one.event for diff in diffs for one in diff.stale),
        unchanged=named(pair.after for diff in diffs for pair in diff.unchanged),
    )


def _lines(pair: Pair) -> list[ChangedField]:
    """Return what changed of an event, a field each; one that is back says so."""
    before, after = pair.before.event.to_dict(), pair.after.to_dict()
    changed = [(name, before[name], after[name]) for name in _FIELDS if before[name] != after[name]]
    if pair.before.status == "stale":
        changed.append(("status", "stale", "updated"))
    if pair.after.is_cancelled:
        changed.append(("status", pair.before.status.value, "cancelled"))
    return [
        ChangedField(
            event_type=after["event_type"],
            symbol=after["symbol"],
            field=name,
            before=was,
            after=now,
        )
        for name, was, now in changed
    ]


def _symbols(found: Iterable[str | None]) -> list[str]:
    return sorted({symbol for symbol in found if symbol is not None})
