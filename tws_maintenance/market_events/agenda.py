"""What comes, read in one go from the store or the robot, with how far it can be trusted."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tws_maintenance.config.events_service import EventsService
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import DEFAULT_DAYS, MAX_DAYS
from tws_maintenance.config.settings import Settings
from tws_maintenance.core.errors import StoreError
from tws_maintenance.market_events.last_sync import LOGS_READ, doubts, last_sync, moved_lately
from tws_maintenance.market_events.model import OPERATOR, EventType, StoredEvent
from tws_maintenance.market_events.providers import closures
from tws_maintenance.market_events.store.event_store import EventStore
from tws_maintenance.market_events.upcoming import Upcoming, upcoming

# Zones reach a day around UTC: what is over everywhere by then is not read.
READ_BACK = timedelta(days=2)


@dataclass(frozen=True)
class Agenda:
    """The events to come; `last_sync` is {finished_at, providers[], warnings[]}, None for none.

    `warnings` say which near events moved or are no longer listed, and why the rest may be
    outdated or incomplete; `verdicts`, which are among them, what the packages say of operators'
    closures. `robots_own` are {event_type, symbol, date, title} of the types that only the robot
    keeps; None where this program keeps the events.
    """

    events: list[Upcoming]
    last_sync: dict[str, Any] | None
    warnings: list[str]
    verdicts: list[str] = field(default_factory=list)
    robots_own: list[dict[str, str | None]] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return {events, count, last_sync}, and `robots_own` where the robot keeps the events."""
        found = [one.to_dict() for one in self.events]
        own = {} if self.robots_own is None else {"robots_own": self.robots_own}
        return {"events": found, "count": len(found), "last_sync": self.last_sync, **own}


def read_agenda(
    home: Home,
    settings: Settings,
    at: datetime,
    *,
    days: int = DEFAULT_DAYS,
    event_type: EventType | None = None,
    symbol: str | None = None,
) -> Agenda:
    """Return the events of today and `days` more at `at` (aware).

    Raises:
        StoreError: the database cannot be read or is not ours, or the robot cannot be asked.
    """
    if settings.events_service == EventsService.ROBOT:
        return _agenda_of_robot(home, settings, at, days=days, event_type=event_type, symbol=symbol)
    with EventStore(home, settings) as store:
        stored = store.read(not_before=(at - READ_BACK).date())
        logs = store.sync_logs(limit=LOGS_READ)
    found = upcoming(stored, at, days=days, event_type=event_type, symbol=symbol)
    told = doubts(
        logs,
        at,
        days=days,
        max_age_days=settings.events.max_age_days,
        event_type=event_type,
        symbol=symbol,
        listed={one.event.symbol for one in found if one.event.symbol},
    )
    verdicts = _verdicts(found, stored, at)
    warnings = [*moved_lately(logs, at, event_type, symbol), *told, *verdicts]
    return Agenda(found, last_sync(logs, warnings), warnings, verdicts)


def _verdicts(found: Iterable[Upcoming], stored: Sequence[StoredEvent], at: datetime) -> list[str]:
    own = [one.stored for one in found if one.stored.source == OPERATOR]
    return closures.judge(own, closures.known_now(stored), at) if own else []


def _own(home: Home, settings: Settings, at: datetime) -> tuple[list[StoredEvent], list[str]]:
    """Return the operator's closures beside the robot's events, and why there may be more."""
    try:
        with EventStore(home, settings) as store:
            not_before = (at - READ_BACK).date()
            return store.read(source=OPERATOR, not_before=not_before), []
    except StoreError as error:
        return [], [f"Closures that operators added are not shown: {error}"]


def read_calendar(home: Home, settings: Settings, at: datetime) -> tuple[bytes, list[str]]:
    """Return every stored event to come as an iCalendar file, and why it may be incomplete.

    Raises:
        StoreError: as `read_agenda`.
    """
    from tws_maintenance.market_events.export import WITHDRAWN_DAYS, to_icalendar

    if settings.events_service == EventsService.ROBOT:
        from tws_maintenance.market_events import robot_agenda as robot

        found = robot.read_look(settings, at, MAX_DAYS)
        own, told = _own(home, settings, at)
        told += robot.doubts_of(found, at, settings.events.max_age_days)
        return to_icalendar([*robot.events_of(found), *own], at), told
    with EventStore(home, settings) as store:
        not_before = (at - READ_BACK - WITHDRAWN_DAYS).date()
        content = to_icalendar(store.read(not_before=not_before), at)
        logs = store.sync_logs(limit=LOGS_READ)
    return content, doubts(logs, at, days=0, max_age_days=settings.events.max_age_days)


def _agenda_of_robot(
    home: Home,
    settings: Settings,
    at: datetime,
    *,
    days: int,
    event_type: EventType | None,
    symbol: str | None,
) -> Agenda:
    from tws_maintenance.market_events import robot_agenda as robot
    from tws_maintenance.market_events.robot_events import robots_own

    look = robot.read_look(settings, at, days)
    own, told = _own(home, settings, at)
    stored = [*robot.events_of(look), *own]
    found = upcoming(stored, at, days=days, event_type=event_type, symbol=symbol)
    verdicts = _verdicts(found, stored, at)
    warnings = [*robot.doubts_of(look, at, settings.events.max_age_days), *told, *verdicts]
    others = [
        one for one in robots_own(look) if event_type is None and symbol in (None, one["symbol"])
    ]
    return Agenda(found, robot.last_sync_of(look, warnings), warnings, verdicts, others)
