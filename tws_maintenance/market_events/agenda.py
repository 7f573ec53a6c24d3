"""The coming events as one reading of their keeper, with the reasons to doubt them.

Belongs here: what lists, pages and calendars show. Does not: how a keeper reads its events.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import DEFAULT_DAYS
from tws_maintenance.config.settings import Settings
from tws_maintenance.market_events.keeper import Wanted, keeper_of
from tws_maintenance.market_events.model import OPERATOR, EventType, Json, NamedEvent, StoredEvent
from tws_maintenance.market_events.providers import closures
from tws_maintenance.market_events.sync_log import LastSync, last_sync
from tws_maintenance.market_events.upcoming import Upcoming


@dataclass(frozen=True)
class Agenda:
    """The coming events; `last_sync` is None before the first sync.

    `warnings` say which near events moved or are no longer listed, and why the rest may be
    outdated or incomplete. `verdicts`, also among the warnings, compare operators' closures with
    the packages. `robots_own` are the events of types that only the robot keeps, None where this
    program keeps the events.
    """

    events: list[Upcoming]
    last_sync: LastSync | None
    warnings: list[str]
    verdicts: list[str] = field(default_factory=list)
    robots_own: list[NamedEvent] | None = None

    def to_dict(self) -> Json:
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
        StoreError: the database cannot be read or is not ours, or the robot did not answer.
    """
    wanted = Wanted(days, event_type, symbol)
    kept = keeper_of(home, settings).contents(at, wanted)
    found = wanted.shown(kept.stored, at)
    verdicts = _verdicts(found, kept.stored, at)
    warnings = [*kept.moved, *kept.doubts, *kept.unread, *verdicts]
    return Agenda(found, last_sync(kept.newest, warnings), warnings, verdicts, kept.robots_own)


def _verdicts(found: Iterable[Upcoming], stored: Sequence[StoredEvent], at: datetime) -> list[str]:
    own = [one.stored for one in found if one.stored.source == OPERATOR]
    return closures.judge(own, closures.known_now(stored), at) if own else []


def read_calendar(home: Home, settings: Settings, at: datetime) -> tuple[bytes, list[str]]:
    """Return all coming events as an iCalendar file, and why it may be incomplete.

    Raises:
        StoreError: as `read_agenda`.
    """
    from tws_maintenance.market_events.export import to_icalendar

    kept = keeper_of(home, settings).contents(at)
    return to_icalendar(kept.stored, at), [*kept.unread, *kept.doubts]
