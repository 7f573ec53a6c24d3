"""The upcoming events: the stored ones from today on, each by the date of its own market.

The time zone of the host plays no part. A holiday stays for its whole day at its venue, a decision
until the end of its day in New York, a span of days until its last day.
Belongs here: choosing and ordering events. Does not: reading them from a store.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from tws_maintenance.config.indices import DEFAULT_DAYS
from tws_maintenance.market_events.model import (
    UPCOMING_STATUSES,
    Event,
    EventStatus,
    EventType,
    Json,
    StoredEvent,
    Unconfirmed,
    Window,
    instant_text,
)

# A cancelled event is shown as cancelled; a withdrawn one would mislead.
SHOWN_STATUSES = UPCOMING_STATUSES | {EventStatus.CANCELLED}

_WEIGHTY = frozenset({EventType.FOMC, EventType.EARNINGS, EventType.MARKET_HOLIDAY})
_HIGH_DAYS = 2
_MEDIUM_DAYS = 7


def is_cancelled(stored: StoredEvent) -> bool:
    """Return whether an event is cancelled: it will not take place."""
    return stored.event.is_cancelled or stored.status == EventStatus.CANCELLED


@dataclass(frozen=True)
class Upcoming:
    """A stored event as seen at one instant.

    `days_away` counts from today at its market; it is 0 on each day of a span that has begun.
    """

    stored: StoredEvent
    days_away: int

    @property
    def event(self) -> Event:
        """The event itself."""
        return self.stored.event

    @property
    def is_cancelled(self) -> bool:
        """Whether the event is cancelled."""
        return is_cancelled(self.stored)

    @property
    def unconfirmed_since(self) -> date | None:
        """The local day since when its source no longer lists it, None while it is listed."""
        mark = Unconfirmed.of(self.event)
        return mark.since_date(self.event.market_timezone) if mark else None

    @property
    def severity(self) -> str:
        """How much it matters now: high, medium or low; low if it is cancelled."""
        if self.is_cancelled:
            return "low"
        if self.days_away <= _HIGH_DAYS and self.event.event_type in _WEIGHTY:
            return "high"
        return "medium" if self.days_away <= _MEDIUM_DAYS else "low"

    def day(self, at: datetime) -> date:
        """Return the day to list it under: its own day, or today for a span that has begun."""
        return Window(at, 0).today(self.event.market_timezone) + timedelta(days=self.days_away)

    def to_dict(self) -> Json:
        """Return the event as JSON, with the robot's keys."""
        event, since = self.event, self.unconfirmed_since
        return {
            "event_id": self.stored.event_id,
            "event_type": event.event_type.value,
            "symbol": event.symbol,
            "title": event.title,
            "event_date": event.event_date.isoformat(),
            "end_date": event.end_date.isoformat() if event.end_date else None,
            "event_time": event.event_time.isoformat() if event.event_time else None,
            "start_at_utc": instant_text(event.start_at_utc),
            "market_timezone": event.market_timezone,
            "source": self.stored.source,
            "confidence": event.confidence.value,
            "status": self.stored.status.value,
            "unconfirmed_since": since.isoformat() if since else None,
            "severity": self.severity,
            "days_away": self.days_away,
            "is_portfolio_relevant": self.stored.is_portfolio_relevant,
            "detail": event.detail,
        }


def upcoming(
    stored: Iterable[StoredEvent],
    at: datetime,
    *,
    days: int = DEFAULT_DAYS,
    event_type: EventType | None = None,
    symbol: str | None = None,
) -> list[Upcoming]:
    """Return the events of today and `days` more at `at` (aware), by day, then by time.

    All-day events come first in their day. `symbol` keeps only the symbol's own events, without
    those of its market.
    """
    window = Window(at, days)
    found = [
        Upcoming(one, _days_away(one.event, window))
        for one in stored
        if one.status in SHOWN_STATUSES
        and window.holds(one.event)
        and event_type in (None, one.event.event_type)
        and symbol in (None, one.event.symbol)
    ]
    return sorted(found, key=lambda one: _order(one, at))


def _days_away(event: Event, window: Window) -> int:
    return max(0, (event.event_date - window.today(event.market_timezone)).days)


def _order(one: Upcoming, at: datetime) -> tuple[date, float, str, str, str]:
    event = one.event
    begins = event.start_at_utc.timestamp() if event.start_at_utc else 0.0
    return one.day(at), begins, event.event_type.value, event.symbol or "", one.stored.event_id
