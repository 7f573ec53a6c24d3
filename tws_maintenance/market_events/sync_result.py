"""What a sync found or did, whoever keeps the events: what a report is filled in from.

Each keeper fills it in at its own border: `sync` from the answers and the store, `robot_service`
from what the robot says. From here on nothing asks whose events they are.
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
from tws_maintenance.market_events.surprises import Move


class SymbolTold(TypedDict):
    """How the question about one symbol ended; None where that is not known."""

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
    """One provider's turn, as a report has it; the last two where the robot keeps the events."""

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
    symbols: NotRequired[dict[str, SymbolTold]]
    upserted: NotRequired[int]
    is_robots_own: NotRequired[bool]


class OwnEvent(NamedEvent):
    """An event of a type that only the robot keeps, with what became of it."""

    change: str


class RobotsOwn(TypedDict):
    """The types that only the robot keeps: how many it has now, and every event by day."""

    count: int
    types: dict[str, int]
    events: list[OwnEvent]


@dataclass(frozen=True)
class SyncResult:
    """What a sync found, or did; counts are of upcoming events inside the window.

    `source` is who was asked. `symbols` say how the question about each ended. `passing` are
    warnings of a preview alone: what is applied after it has its own. `errors` say why the whole is
    incomplete, beside what the providers' rows say. `calendars` are the markets' closed days as
    they were answered.
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
    symbols: Mapping[str, SymbolTold] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    passing: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    calendars: tuple[Event, ...] = ()
    service: EventsService = EventsService.EMBEDDED
    robots_own: RobotsOwn | None = None


def provider_row(answer: Answer, log: SyncLog) -> ProviderRow:
    """Return what a report has of a provider's turn: what was answered, and the log of it."""
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


def symbol_told(outcome: SymbolOutcome, text: str) -> SymbolTold:
    """Return how the question about a symbol ended, with a word of detail where there is one."""
    return {"outcome": outcome.value, "text": text} if text else {"outcome": outcome.value}


def field_changes(
    event: Event, was: Mapping[str, object], now: Mapping[str, object]
) -> list[FieldChange]:
    """Return each field of `was` that is another in `now`, in the order of `was`."""
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
    """Return one diff of several providers, in their order."""
    every = list(diffs)
    return Diff(
        new=tuple(one for diff in every for one in diff.new),
        changed=tuple(one for diff in every for one in diff.changed),
        stale=tuple(one for diff in every for one in diff.stale),
        unchanged=tuple(one for diff in every for one in diff.unchanged),
        unconfirmed=tuple(one for diff in every for one in diff.unconfirmed),
        vanished=tuple(one for diff in every for one in diff.vanished),
    )
