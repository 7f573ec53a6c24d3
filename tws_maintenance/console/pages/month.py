"""A month of events as a calendar: weeks of days, each with its events."""

import calendar
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated

from pydantic import Field

from tws_maintenance.config.events_service import EventsService
from tws_maintenance.config.home import Home
from tws_maintenance.config.settings import Settings
from tws_maintenance.config.venues import Venue
from tws_maintenance.console.api import bodies
from tws_maintenance.console.api_error import ApiError
from tws_maintenance.market_events.keeper import Wanted, keeper_of
from tws_maintenance.market_events.model import Confidence, Event, EventType, StoredEvent
from tws_maintenance.market_events.upcoming import SHOWN_STATUSES, is_cancelled

# How many months the links reach: no provider is asked more than a year ahead.
REACH = 12
_CLOSED = {EventType.MARKET_HOLIDAY: "closed", EventType.MARKET_EARLY_CLOSE: "early"}
_SHORT = {EventType.EARNINGS: "earnings", EventType.DIVIDEND: "ex-dividend"}


class EventsPageQuery(bodies.UpcomingQuery):
    """A filter of the coming events, and the month of the calendar."""

    month: Annotated[str, Field(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")] | None = None


@dataclass(frozen=True)
class Entry:
    """An event on a day; `venue` is the number of its market in the legend, 0 for any other."""

    event: Event
    venue: int
    text: str
    kind: str
    is_ours: bool
    is_cancelled: bool

    @property
    def is_estimated(self) -> bool:
        """Whether its date is not confirmed."""
        return self.event.confidence is not Confidence.CONFIRMED


@dataclass(frozen=True)
class Day:
    """A day of the calendar with its events."""

    date: date
    is_inside: bool
    entries: list[Entry] = field(default_factory=list)

    @property
    def shade(self) -> str:
        """`closed` if a market has a holiday, `early` if one closes early, else blank."""
        kinds = {one.kind for one in self.entries if not one.is_cancelled}
        return "closed" if "closed" in kinds else "early" if "early" in kinds else ""


@dataclass(frozen=True)
class Month:
    """A month with its weeks, Monday first.

    `before` and `after` are the first days of the months next to it, None where the calendar ends.
    """

    first: date
    weeks: list[list[Day]]
    venues: tuple[Venue, ...]
    before: date | None
    after: date | None

    @property
    def count(self) -> int:
        """The number of events; one that spans several days counts once."""
        found = {id(one.event) for week in self.weeks for day in week for one in day.entries}
        return len(found)


def read_month(home: Home, settings: Settings, at: datetime, query: EventsPageQuery) -> Month:
    """Return the requested month, else that of today (UTC), with its events.

    A robot lists only coming events; the store of this program also has past days.

    Raises:
        ApiError: the month is outside the calendar.
        StoreError: as `read_agenda`.
    """
    first = _first(query.month, at)
    start = datetime.combine(first, time(12), UTC)
    is_robots = settings.events_service is EventsService.ROBOT
    asked_at = at if is_robots else min(at, start)
    reach = Wanted(max((_next(first) - asked_at.date()).days, 1))
    stored = keeper_of(home, settings).contents(asked_at, reach).stored
    kept = [one for one in stored if one.status in SHOWN_STATUSES and _fits(one.event, query)]
    return month_of(first, kept, settings.maintained.venues, at)


def _fits(event: Event, query: EventsPageQuery) -> bool:
    return query.type in (None, event.event_type) and query.symbol in (None, event.symbol)


def _first(text: str | None, at: datetime) -> date:
    """Return the first day of a month such as 2026-12."""
    if text is None:
        return at.date().replace(day=1)
    wanted = date(max(int(text[:4]), 1), int(text[5:]), 1)
    if abs(_distance(wanted, at)) > REACH:
        raise ApiError(
            400,
            "invalid_query",
            f"The calendar covers {REACH} months before and after today, not {text}.",
        )
    return wanted


def _distance(first: date, at: datetime) -> int:
    return (first.year - at.year) * 12 + first.month - at.month


def _next(first: date) -> date:
    return (first + timedelta(days=31)).replace(day=1)


def month_of(
    first: date, stored: Iterable[StoredEvent], venues: tuple[Venue, ...], at: datetime
) -> Month:
    """Return the month that begins on `first`, with the stored events on their days.

    An event whose source names a span of days is on each of them.
    """
    zones = {venue.timezone: place for place, venue in enumerate(venues, 1)}
    weeks = [
        [Day(day, day.month == first.month) for day in week]
        for week in calendar.Calendar().monthdatescalendar(first.year, first.month)
    ]
    days = {day.date: day for week in weeks for day in week if day.is_inside}
    entries = (_entry(one, zones) for one in stored)
    for entry in sorted(entries, key=lambda one: (not one.kind, not one.is_ours, one.text)):
        day = entry.event.event_date
        while day <= min(entry.event.last_date, _next(first)):
            if day in days:
                days[day].entries.append(entry)
            day += timedelta(days=1)
    distance = _distance(first, at)
    former = (first - timedelta(days=1)).replace(day=1) if distance > -REACH else None
    later = _next(first) if distance < REACH else None
    return Month(first, weeks, venues, former, later)


def _entry(stored: StoredEvent, zones: dict[str, int]) -> Entry:
    event = stored.event
    return Entry(
        event=event,
        venue=zones.get(event.market_timezone, 0),
        text=_text(event),
        kind=_CLOSED.get(event.event_type, ""),
        is_ours=stored.is_portfolio_relevant and event.event_type is EventType.EARNINGS,
        is_cancelled=is_cancelled(stored),
    )


def _text(event: Event) -> str:
    """Return an event in a few words: a cell is narrow, and its title has the rest."""
    if event.symbol and event.event_type in _SHORT:
        return f"{event.symbol} {_SHORT[event.event_type]}"
    if event.event_type is EventType.FOMC:
        return "FOMC"
    return re.sub(r": .*", "", event.title) if event.event_type in _CLOSED else event.title
