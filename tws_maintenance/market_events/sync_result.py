"""The result of a sync, in one form for both keepers; reports are made from it.

`sync` makes it from the answers and the store, `robot_keeper` from the robot's answers. No reader
of it needs to know who keeps the events.
Belongs here: the form and small helpers. Does not: how either keeper fills it in.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NotRequired, TypedDict

from tws_maintenance.config.events_service import EventsService
from tws_maintenance.market_events.model import (
    Answer,
    Diff,
    Event,
    NamedEvent,
    SymbolOutcome,
    SyncLog,
    Window,
)
from tws_maintenance.market_events.suspicious_changes import Move


class SymbolAnswer(TypedDict):
    """The outcome for one symbol, None if it is unknown, with a detail where there is one."""

    outcome: str | None
    text: NotRequired[str]


class FieldChange(TypedDict):
    """One field of an event that changed."""

    event_type: str
    symbol: str | None
    field: str
    before: object
    after: object


class ProviderRow(TypedDict):
    """One provider in a report; only the robot's rows have the last two keys."""

    provider: str
    event_type: str
    status: str
    fetched: int
    new: int
    changed: int
    unchanged: int
    stale: int
    errors: int
    error_message: str | None
    duration_seconds: float
    source: str
    symbols: NotRequired[dict[str, SymbolAnswer]]
    upserted: NotRequired[int]
    is_robots_own: NotRequired[bool]


class OwnEvent(NamedEvent):
    """An event of a type that only the robot keeps, and how it changed."""

    change: str


class RobotsOwn(TypedDict):
    """The events of types that only the robot keeps: their counts, and each event by day."""

    count: int
    types: dict[str, int]
    events: list[OwnEvent]


@dataclass(frozen=True)
class SyncResult:
    """The result of a sync; counts are of upcoming events inside the window.

    `source` names who was asked. `symbols` is the outcome for each symbol. `passing` are warnings
    that only a preview shows: an apply has its own. `errors` are failures of the whole sync, in
    addition to those in the providers' rows. `calendars` are the closed days of the markets, as
    answered.
    """

    proposal_id: str
    proposal_sha256: str
    window: Window
    before_count: int
    after_count: int
    source: str
    providers: tuple[ProviderRow, ...]
    diff: Diff
    changed_fields: tuple[FieldChange, ...] = ()
    moves: tuple[Move, ...] = ()
    symbols: Mapping[str, SymbolAnswer] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    passing: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    calendars: tuple[Event, ...] = ()
    service: EventsService = EventsService.EMBEDDED
    robots_own: RobotsOwn | None = None


def provider_row(answer: Answer, log: SyncLog) -> ProviderRow:
    """Return a provider's row in a report, from its answer and its log line."""
    return {
        "provider": log.provider,
        "event_type": log.event_type,
        "status": log.status,
        "fetched": log.fetched_count,
        "new": log.detail.get("new", 0),
        "changed": log.detail.get("changed", 0),
        "unchanged": log.detail.get("unchanged", 0),
        "stale": log.stale_count,
        "errors": log.error_count,
        "error_message": log.error_message,
        "duration_seconds": answer.duration_seconds,
        "source": answer.source,
    }


def symbol_answer(outcome: SymbolOutcome, text: str) -> SymbolAnswer:
    """Return the outcome for a symbol, with its detail if there is one."""
    return {"outcome": outcome.value, "text": text} if text else {"outcome": outcome.value}


def field_changes(
    event: Event, was: Mapping[str, object], now: Mapping[str, object]
) -> list[FieldChange]:
    """Return each field of `was` that differs in `now`, in the order of `was`."""
    return [
        {
            "event_type": event.event_type.value,
            "symbol": event.symbol,
            "field": name,
            "before": before,
            "after": now[name],
        }
        for name, before in was.items()
        if before != now[name]
    ]


def together(diffs: Iterable[Diff]) -> Diff:
    """Return the diffs of several providers as one, in their order."""
    every = list(diffs)
    return Diff(
        new=tuple(one for diff in every for one in diff.new),
        changed=tuple(one for diff in every for one in diff.changed),
        stale=tuple(one for diff in every for one in diff.stale),
        unchanged=tuple(one for diff in every for one in diff.unchanged),
        unconfirmed=tuple(one for diff in every for one in diff.unconfirmed),
        vanished=tuple(one for diff in every for one in diff.vanished),
    )
