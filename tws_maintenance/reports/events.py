"""Filling in the result of market events from what a sync found or did, whoever keeps them."""

from collections.abc import Iterable

from tws_maintenance.market_events.model import Diff, NamedEvent, provider_title
from tws_maintenance.market_events.scope import Scope
from tws_maintenance.market_events.sync_result import SyncResult
from tws_maintenance.reports.record import TaskResult, TaskStatus

# What a provider's status means for the task: whether it answered, and whether it failed.
_ANSWERED = frozenset({"success", "partial_failure"})
_FAILED = frozenset({"failed", "partial_failure"})


def describe_scope(result: TaskResult, scope: Scope) -> None:
    """Fill in whose events are looked for, and where each symbol came from."""
    result.warnings += scope.ignored
    result.details["symbols"] = {
        symbol: {
            "from": list(origins),
            "is_portfolio_relevant": symbol in scope.relevant,
            "outcome": None,
        }
        for symbol, origins in scope.origins.items()
    }


def describe_sync(result: TaskResult, synced: SyncResult, before: SyncResult | None = None) -> None:
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
    for symbol, told in synced.symbols.items():
        if symbol in result.details["symbols"]:
            result.details["symbols"][symbol] |= told
    result.details |= {
        "providers": list(synced.providers),
        "window": synced.window.to_dict(),
        "diff": _diff(synced.diff),
        "changed_fields": list(synced.changed_fields),
        "moved": [move.to_dict() for move in synced.moves],
        "service": synced.service.value,
        "proposal_id": synced.proposal_id,
        "proposal_sha256": synced.proposal_sha256,
    }
    if synced.robots_own is not None:
        result.details["robots_own"] = synced.robots_own


def settle_providers(result: TaskResult) -> None:
    """Name the providers that failed; a success is partial beside them.

    One that is asked only for types that the robot keeps for itself is no failure of ours.
    """
    providers = [one for one in result.details["providers"] if not one.get("is_robots_own")]
    failed = [one for one in providers if one["status"] in _FAILED]
    if failed and result.status == TaskStatus.SUCCESS:
        has_answered = any(one["status"] in _ANSWERED for one in providers)
        result.status = TaskStatus.PARTIAL_FAILURE if has_answered else TaskStatus.FAILED
    result.errors += [
        f"{provider_title(one['provider'])}: {one['error_message']}" for one in failed
    ]


def _diff(diff: Diff) -> dict[str, list[NamedEvent]]:
    return {
        "new": [event.named() for event in diff.new],
        "changed": [pair.after.named() for pair in diff.changed],
        "stale": [one.event.named() for one in diff.stale],
        "unchanged": [pair.after.named() for pair in diff.unchanged],
    }


def _symbols(found: Iterable[str | None]) -> list[str]:
    return sorted({symbol for symbol in found if symbol is not None})
