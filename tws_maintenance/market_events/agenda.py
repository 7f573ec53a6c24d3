"""What comes, read in one go from whoever keeps the events, with how far it can be trusted."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NotRequired, TypedDict

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import DEFAULT_DAYS, MAX_DAYS
from tws_maintenance.config.settings import Settings
from tws_maintenance.market_events.keeper import READ_BACK, Wanted, keeper_of
from tws_maintenance.market_events.last_sync import LastSync
from tws_maintenance.market_events.model import OPERATOR, EventType, NamedEvent, StoredEvent
from tws_maintenance.market_events.providers import closures
from tws_maintenance.market_events.upcoming import Upcoming, UpcomingJson, upcoming


class AgendaJson(TypedDict):
    """What comes, as the console's API and `events list --json` have it."""

    events: list[UpcomingJson]
    count: int
    last_sync: LastSync | None
    robots_own: NotRequired[list[NamedEvent]]


@dataclass(frozen=True)
class Agenda:
    """The events to come; `last_sync` is None where there was none.

    `warnings` say which near events moved or are no longer listed, and why the rest may be
    outdated or incomplete; `verdicts`, which are among them, what the packages say of operators'
    closures. `robots_own` are the events of types that only the robot keeps; None where this
    program keeps the events.
    """

    events: list[Upcoming]
    last_sync: LastSync | None
    warnings: list[str]
    verdicts: list[str] = field(default_factory=list)
    robots_own: list[NamedEvent] | None = None

    def to_dict(self) -> AgendaJson:
        """Return it as JSON, with `robots_own` where the robot keeps the events."""
        events = [one.to_dict() for one in self.events]
        told: AgendaJson = {"events": events, "count": len(events), "last_sync": self.last_sync}
        if self.robots_own is not None:
            told["robots_own"] = self.robots_own
        return told


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
    wanted = Wanted(days, event_type, symbol)
    kept = keeper_of(home, settings).contents(at, days, READ_BACK)
    found = upcoming(kept.stored, at, days=days, event_type=event_type, symbol=symbol)
    listed = {one.event.symbol for one in found if one.event.symbol}
    verdicts = _verdicts(found, kept.stored, at)
    warnings = [*kept.moved(wanted), *kept.doubts(wanted, listed), *kept.unread, *verdicts]
    return Agenda(found, kept.last_sync(warnings), warnings, verdicts, kept.robots_own(wanted))


def _verdicts(found: Iterable[Upcoming], stored: Sequence[StoredEvent], at: datetime) -> list[str]:
    own = [one.stored for one in found if one.stored.source == OPERATOR]
    return closures.judge(own, closures.known_now(stored), at) if own else []


def read_calendar(home: Home, settings: Settings, at: datetime) -> tuple[bytes, list[str]]:
    """Return every stored event to come as an iCalendar file, and why it may be incomplete.

    Raises:
        StoreError: as `read_agenda`.
    """
    from tws_maintenance.market_events.export import WITHDRAWN_DAYS, to_icalendar

    kept = keeper_of(home, settings).contents(at, MAX_DAYS, READ_BACK + WITHDRAWN_DAYS)
    return to_icalendar(kept.stored, at), [*kept.unread, *kept.doubts(Wanted(days=0), ())]
