"""The robot's events as ours: for the list of what comes, and for the audit of what it has."""

from collections import defaultdict
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from tws_maintenance.audit.run_context import RunContext
from tws_maintenance.config.events_service import EventsService
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import MARKET_EVENTS
from tws_maintenance.core.atomic import to_json, write_whole
from tws_maintenance.core.digest import sha256
from tws_maintenance.market_events.model import (
    CALENDARS,
    FEDERAL_RESERVE,
    PROVIDERS,
    YAHOO,
    Confidence,
    Event,
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
from tws_maintenance.market_events.robot_service import Look, is_ours
from tws_maintenance.robot.answers import UpcomingEvent

_PROVIDER_OF = {kind.value: one.name for one in PROVIDERS.values() for kind in one.event_types}
# What the robot says of earnings whose time it does not know.
_HALVES = {"BMO": "before the open", "AMC": "after the close"}


def named(event: UpcomingEvent) -> dict[str, str | None]:
    """Return {event_type, symbol, date, title}, as a report names it."""
    return {
        "event_type": event.event_type,
        "symbol": event.symbol,
        "date": event.event_date.isoformat(),
        "title": event.title or event.event_type,
    }


def stored(event: UpcomingEvent, at: datetime) -> StoredEvent | None:
    """Return it as our list of what comes has events, None for a type of the robot's own.

    When it was fetched and stored is not asked of the robot: it is as it was seen, `at`.
    """
    if not is_ours(event):
        return None
    start, status = event.start_at_utc, event.status.lower()
    half = _HALVES.get(event.event_time.strip().upper())
    title = event.title or event.event_type
    ours = Event(
        event_type=EventType(event.event_type),
        subject=event.symbol or event.event_type,
        symbol=event.symbol,
        title=f"{title}, {half}" if half else title,
        event_date=event.event_date,
        event_time=start.astimezone(ZoneInfo(event.market_timezone)).time() if start else None,
        start_at_utc=start,
        market_timezone=event.market_timezone,
        confidence=(
            Confidence.CONFIRMED
            if event.confidence.lower() == Confidence.CONFIRMED
            else Confidence.ESTIMATED
        ),
        is_cancelled=status == EventStatus.CANCELLED,
    )
    return StoredEvent(
        event_id=event.event_id,
        event=ours,
        # What it lists under a word of its own it reckons with.
        status=EventStatus(status) if status in set(EventStatus) else EventStatus.ACTIVE,
        source=event.source,
        is_portfolio_relevant=event.symbol is not None,
        importance_score=0,
        last_seen_at=at,
        fetched_at=at,
        created_at=at,
        updated_at=at,
    )


def write_look(home: Home, found: Look, mark: RunContext, *, before_count: int) -> EventsProposal:
    """Stage what the robot has, for the audit to judge; nothing of it is ever applied by us."""
    proposal_id = mark.proposal_id(MARKET_EVENTS)
    folder = home.proposal(proposal_id)
    (folder / RAW).mkdir(parents=True, exist_ok=True)
    write_whole(folder / RAW / "upcoming.json", to_json(found.upcoming.sent))
    write_whole(folder / RAW / "sync_log.json", to_json(found.log.sent))
    content = to_json(
        {
            "service": EventsService.ROBOT.value,
            "window": found.window.to_dict(),
            "relevant": [],
            "answers": _as_answers(found),
            "robots_own": robots_own(found),
        }
    )
    write_whole(folder / STAGED, content)
    proposal = EventsProposal(
        **mark.identity(MARKET_EVENTS),
        sha256=sha256(content),
        before_count=before_count,
        after_count=len(found.ours),
    )
    write_proposal(home, proposal)
    return proposal


def robots_own(found: Look) -> list[dict[str, str | None]]:
    """Return the robot's events of types that this program does not keep, by day."""
    own = [one for one in found.active.values() if not is_ours(one)]
    return [named(one) for one in sorted(own, key=lambda one: (one.event_date, one.event_id))]


def _as_answers(found: Look) -> list[dict[str, Any]]:
    """Return its events in the form that the audit knows, by the provider that tells such."""
    by_provider: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in found.ours:
        by_provider[_PROVIDER_OF[one.event_type]].append(_as_judged(one))
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
        "market_timezone": event.market_timezone,
        "is_known": True,
    }
