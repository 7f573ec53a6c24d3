"""What comes, read in one go from the store or the robot, with how far it can be trusted."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tws_maintenance.errors import StoreError
from tws_maintenance.home import Home
from tws_maintenance.indices import DEFAULT_DAYS, MAX_DAYS
from tws_maintenance.market_events import closures
from tws_maintenance.market_events.last_sync import LOGS_READ, doubts, last_sync
from tws_maintenance.market_events.model import OPERATOR, EventsService, EventType, StoredEvent
from tws_maintenance.market_events.store import EventStore
from tws_maintenance.market_events.upcoming import Upcoming, upcoming
from tws_maintenance.settings import Settings

# Zones reach a day around UTC: what is over everywhere by then is not read.
READ_BACK = timedelta(days=2)


@dataclass(frozen=True)
class Agenda:
    """The events to come; `last_sync` is {finished_at, providers[], warnings[]}, None for none.

    `warnings` say why it may be outdated or incomplete, `verdicts`, which are among them, what the
    packages say of the operator's closures.
    """

    events: list[Upcoming]
    last_sync: dict[str, Any] | None
    warnings: list[str]
    verdicts: list[str] = field(default_factory=list)


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
    warnings = doubts(
        logs,
        at,
        days=days,
        max_age_days=settings.events.max_age_days,
        event_type=event_type,
        symbol=symbol,
        listed={one.event.symbol for one in found if one.event.symbol},
    )
    verdicts = _verdicts(found, stored, at)
    warnings += verdicts
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
        from tws_maintenance.robot import agenda as robot

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
    from tws_maintenance.robot import agenda as robot

    look = robot.read_look(settings, at, days)
    own, told = _own(home, settings, at)
    stored = [*robot.events_of(look), *own]
    found = upcoming(stored, at, days=days, event_type=event_type, symbol=symbol)
    verdicts = _verdicts(found, stored, at)
    warnings = [*robot.doubts_of(look, at, settings.events.max_age_days), *told, *verdicts]
    return Agenda(found, robot.last_sync_of(look, warnings), warnings, verdicts)
