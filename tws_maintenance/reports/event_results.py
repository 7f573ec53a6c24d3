"""Filling in the result of market events from what a sync found or did, in either service."""

from collections.abc import Iterable

from tws_maintenance.market_events.model import Diff, Event, provider_title
from tws_maintenance.market_events.scope import Scope
from tws_maintenance.market_events.sync_result import SyncResult
from tws_maintenance.reports.schema import (
    Asked,
    ChangedField,
    EventsDiff,
    EventsResult,
    Moved,
    NamedEvent,
    ProviderResult,
    RobotsOwn,
    TaskStatus,
    WindowShown,
)

# What a provider's status means for the task: whether it answered, and whether it failed.
_ANSWERED = frozenset({"success", "partial_failure"})
_FAILED = frozenset({"failed", "partial_failure"})


def describe_scope(result: EventsResult, scope: Scope) -> None:
    """Fill in whose events are looked for, and where each symbol came from."""
    result.warnings += scope.ignored
    result.symbols = {
        symbol: Asked(origins=list(origins), is_portfolio_relevant=symbol in scope.relevant)
        for symbol, origins in scope.origins.items()
    }


def describe_sync(
    result: EventsResult, synced: SyncResult, before: SyncResult | None = None
) -> None:
    """Fill in what a sync found or did; after the apply it replaces the preview `before`."""
    passed = set(before.passing) if before else set()
    result.warnings = [text for text in result.warnings if text not in passed]
    for text in (*synced.warnings, *synced.passing):
        if text not in result.warnings:
            result.warnings.append(text)
    result.errors += [text for text in synced.errors if text not in result.errors]
    result.source = synced.source
    result.before_count, result.after_count = synced.before_count, synced.after_count
    result.added = _symbols(event.symbol for event in synced.diff.new)
    result.removed = _symbols(old.event.symbol for old in synced.diff.stale)
    for symbol, answer in synced.symbols.items():
        if asked := result.symbols.get(symbol):
            asked.outcome, asked.text = answer["outcome"], answer.get("text")
    result.providers = [ProviderResult.model_validate(one) for one in synced.providers]
    result.window = WindowShown.model_validate(synced.window.to_dict())
    result.diff = _diff(synced.diff)
    result.changed_fields = [ChangedField.model_validate(one) for one in synced.changed_fields]
    result.moved = [Moved.model_validate(move.to_dict()) for move in synced.moves]
    result.service = synced.service.value
    result.proposal_id, result.proposal_sha256 = synced.proposal_id, synced.proposal_sha256
    if synced.robots_own is not None:
        result.robots_own = RobotsOwn.model_validate(synced.robots_own)


def settle_half_done(result: EventsResult) -> None:
    """Set an apply that has stored something to partial failure, in case it does not finish."""
    if any(one.new or one.changed or one.stale for one in result.providers):
        result.status = TaskStatus.PARTIAL_FAILURE


def settle_providers(result: EventsResult) -> None:
    """Name the providers that failed; a success is partial beside them.

    A provider that is asked only for types that the robot keeps for itself does not count.
    """
    providers = [one for one in result.providers if not one.is_robots_own]
    failed = [one for one in providers if one.status in _FAILED]
    if failed and result.status == TaskStatus.SUCCESS:
        has_answered = any(one.status in _ANSWERED for one in providers)
        result.status = TaskStatus.PARTIAL_FAILURE if has_answered else TaskStatus.FAILED
    result.errors += [f"{provider_title(one.provider)}: {one.error_message}" for one in failed]


def _diff(diff: Diff) -> EventsDiff:
    return EventsDiff(
        new=[_named(event) for event in diff.new],
        changed=[_named(pair.after) for pair in diff.changed],
        stale=[_named(one.event) for one in diff.stale],
        unchanged=[_named(pair.after) for pair in diff.unchanged],
    )


def _named(event: Event) -> NamedEvent:
    return NamedEvent.model_validate(event.named())


def _symbols(found: Iterable[str | None]) -> list[str]:
    return sorted({symbol for symbol in found if symbol is not None})
