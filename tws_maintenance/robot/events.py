"""The robot's events as ours: for the list of what comes, and for the audit of what it has."""

from collections import defaultdict
from datetime import datetime, time
from typing import Any

from tws_maintenance.home import Home
from tws_maintenance.indices import MARKET_EVENTS
from tws_maintenance.market_events.markets import venue_of
from tws_maintenance.market_events.model import (
    CALENDARS,
    FEDERAL_RESERVE,
    PROVIDERS,
    YAHOO,
    Confidence,
    Event,
    EventsService,
    EventStatus,
    EventType,
    StoredEvent,
)
from tws_maintenance.market_events.proposal import (
    RAW,
    STAGED,
    EventsProposal,
    write_proposal,
)
from tws_maintenance.robot.answers import UpcomingEvent
from tws_maintenance.robot.service import Look
from tws_maintenance.run_mark import RunMark
from tws_maintenance.storage.atomic import to_json, write_whole
from tws_maintenance.storage.digest import sha256
from tws_maintenance.venues import XNYS

_PROVIDER_OF = {kind.value: one.name for one in PROVIDERS.values() for kind in one.event_types}
# Whom events of no known type are told of; their rule names them.
_UNKNOWN = CALENDARS.name


def zone_of(event: UpcomingEvent) -> str:
    """Return the zone of an event's date: its symbol's exchange, New York for a whole market."""
    venue = venue_of(event.symbol) if event.symbol else None
    return (venue or XNYS).timezone


def named(event: UpcomingEvent) -> dict[str, str | None]:
    """Return {event_type, symbol, date, title}, as a report names it."""
    return {
        "event_type": event.event_type,
        "symbol": event.symbol,
        "date": event.event_date.isoformat(),
        "title": event.title or event.event_type,
    }


def stored(event: UpcomingEvent, at: datetime) -> StoredEvent | None:
    """Return it as our list of what comes has events, None for a type that is none of ours.

    When it was fetched and stored the robot does not say: it is as it was seen, `at`.
    """
    if event.event_type not in _PROVIDER_OF or event.status not in set(EventStatus):
        return None
    ours = Event(
        event_type=EventType(event.event_type),
        subject=event.symbol or event.event_type,
        symbol=event.symbol,
        title=event.title or event.event_type,
        event_date=event.event_date,
        event_time=_time(event.event_time) if event.start_at_utc else None,
        start_at_utc=event.start_at_utc,
        market_timezone=zone_of(event),
        confidence=(
            Confidence.CONFIRMED
            if event.confidence == Confidence.CONFIRMED
            else Confidence.ESTIMATED
        ),
        is_cancelled=event.status == EventStatus.CANCELLED,
    )
    return StoredEvent(
        event_id=event.event_id,
        event=ours,
        status=EventStatus(event.status),
        source=event.source,
        is_portfolio_relevant=event.symbol is not None,
        importance_score=0,
        last_seen_at=at,
        fetched_at=at,
        created_at=at,
        updated_at=at,
    )


def write_look(home: Home, found: Look, mark: RunMark, *, before_count: int) -> EventsProposal:
    """Stage what the robot has, for the audit to judge; nothing of it is ever applied by us."""
    proposal_id = mark.proposal_id(MARKET_EVENTS)
    folder = home.proposal(proposal_id)
    (folder / RAW).mkdir(parents=True, exist_ok=True)
    upcoming = [one.model_dump(mode="json") for one in found.events]
    write_whole(folder / RAW / "upcoming.json", to_json({"events": upcoming}))
    write_whole(folder / RAW / "sync_log.json", to_json(found.log.model_dump(mode="json")))
    content = to_json(
        {
            "service": EventsService.ROBOT.value,
            "window": found.window.to_dict(),
            "relevant": [],
            "answers": _as_answers(found),
        }
    )
    write_whole(folder / STAGED, content)
    proposal = EventsProposal(
        **mark.identity(MARKET_EVENTS),
        sha256=sha256(content),
        before_count=before_count,
        after_count=len(found.active),
    )
    write_proposal(home, proposal)
    return proposal


def _as_answers(found: Look) -> list[dict[str, Any]]:
    """Return its events in the form that the audit knows, by the provider that tells such."""
    by_provider: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in found.active.values():
        by_provider[_PROVIDER_OF.get(one.event_type, _UNKNOWN)].append(_as_judged(one))
    covers = {EventsService.ROBOT.value: ""} if found.log.logs else {}
    return [
        {
            "provider": name,
            "events": by_provider[name],
            # Its calendar of the Federal Reserve cannot be seen as a whole.
            "covers": {} if name == FEDERAL_RESERVE.name else covers,
            "symbols": {},
            "counts": {},
        }
        for name in (YAHOO.name, FEDERAL_RESERVE.name, CALENDARS.name)
    ]


def _as_judged(event: UpcomingEvent) -> dict[str, Any]:
    start = event.start_at_utc
    return {
        "event_type": event.event_type,
        "subject": event.symbol or event.title or event.event_type,
        "symbol": event.symbol,
        "event_date": event.event_date.isoformat(),
        "end_date": None,
        "start_at_utc": start.isoformat().replace("+00:00", "Z") if start else None,
        "market_timezone": zone_of(event),
        "is_known": True,
    }


def _time(text: str) -> time | None:
    try:
        return time.fromisoformat(text)
    except ValueError:
        return None
