"""The venues' clocks, for a status page: open, at lunch or closed, and until when.

Holidays and half days come from `tws_maintenance.market_events.providers.calendars`, by the package
`holidays` only, and from the operator. The second opinion would import pandas, and this runs in a
process that must stay small.
Belongs here: the state of a session. Does not: which days are holidays.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from tws_maintenance.config.venues import SATURDAY, Venue
from tws_maintenance.core.clock import utc_text
from tws_maintenance.core.errors import SourceError
from tws_maintenance.market_events.model import Json
from tws_maintenance.market_events.providers.calendars import (
    NO_CLOSURES,
    Closures,
    Day,
    DaysOf,
    days_of,
    known_until,
    with_closures,
)

# A part of a session, from its first instant to the one after its last (UTC).
Span = tuple[datetime, datetime]


class VenueState(StrEnum):
    """The state of a venue; unknown is a weekday's session that may be a holiday."""

    OPEN = "open"
    LUNCH = "lunch"
    CLOSED = "closed"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class VenueClock:
    """The state of a venue at an instant, until when (UTC), and its local time.

    `until` is the end of the session or of its part. For a closed venue it is the next opening, or
    None if the next weekday may be a holiday.
    """

    venue: str
    name: str
    timezone: str
    state: VenueState
    until: datetime | None
    local_time: datetime

    def to_dict(self) -> Json:
        """Return the clock as JSON; its local time looks like "Fri 16:05"."""
        return {
            "venue": self.venue,
            "name": self.name,
            "state": self.state.value,
            "until": utc_text(self.until) if self.until else None,
            "timezone": self.timezone,
            "local_time": f"{self.local_time:%a %H:%M}",
        }


@dataclass(frozen=True)
class _Sessions:
    """A venue's sessions: `days` are its holidays and half days, complete up to `known_until`.

    After that day there are only those that the operator added.
    """

    venue: Venue
    days: dict[date, Day]
    known_until: date

    def regular(self, day: date) -> Span:
        """Return the session of a day that is neither a holiday nor a half day."""
        return self._span(day, self.venue.opens, self.venue.closes)

    def parts(self, day: date) -> tuple[Span, ...] | None:
        """Return the parts of a day's session: () if it is closed, None if that is unknown."""
        if day.weekday() >= SATURDAY:
            return ()
        if day > self.known_until and day not in self.days:
            return None
        closes = self.days[day].closes if day in self.days else self.venue.closes
        if closes is None:
            return ()
        if self.venue.lunch is None:
            return (self._span(day, self.venue.opens, closes),)
        begins, ends = self.venue.lunch
        morning = self._span(day, self.venue.opens, min(begins, closes))
        return (morning, self._span(day, ends, closes)) if closes > ends else (morning,)

    def next_opening(self, at: datetime, today: date) -> datetime | None:
        """Return the start of the next session after `at`, None if that is unknown."""
        day = today
        while (parts := self.parts(day)) is not None:
            if parts and parts[0][0] > at:
                return parts[0][0]
            day += timedelta(days=1)
        return None

    def _span(self, day: date, begins: time, ends: time) -> Span:
        # In UTC, because Python compares two times of one zone by the wall clock.
        zone = ZoneInfo(self.venue.timezone)
        first, last = (datetime.combine(day, one, zone).astimezone(UTC) for one in (begins, ends))
        return first, last


def clocks(
    venues: Iterable[Venue],
    at: datetime,
    closures: Closures = NO_CLOSURES,
    of: DaysOf = days_of,
) -> list[VenueClock]:
    """Return the clock of each venue at `at` (aware); `closures` are the operator's.

    `of` says which days of a year are irregular: another process for one that must stay small.
    """
    return [clock(venue, at, closures, of) for venue in venues]


def clock(
    venue: Venue, at: datetime, closures: Closures = NO_CLOSURES, of: DaysOf = days_of
) -> VenueClock:
    """Return the clock of `venue` at `at` (aware), with the holidays known at that time."""
    local = at.astimezone(ZoneInfo(venue.timezone))
    sessions = _sessions(venue, local.date(), closures, of)
    state, until = _state(sessions, at, local.date())
    return VenueClock(venue.code, venue.name, venue.timezone, state, until, local)


def _sessions(venue: Venue, today: date, closures: Closures, of: DaysOf) -> _Sessions:
    """Return the sessions from `today` on; no day is known if the holidays cannot be computed."""
    days: dict[date, Day] = {}
    try:
        until = known_until(venue, today, of)
        for year in range(today.year, until.year + 1):
            days |= of(venue, year) or {}
    except SourceError:
        return _Sessions(venue, with_closures(venue, {}, closures), date.min)
    return _Sessions(venue, with_closures(venue, days, closures), until)


def _state(sessions: _Sessions, at: datetime, today: date) -> tuple[VenueState, datetime | None]:
    parts = sessions.parts(today)
    if parts is None:
        opens, closes = sessions.regular(today)
        if opens <= at < closes:
            return VenueState.UNKNOWN, closes
        # Every weekday from here on is as unknown as this one.
        return VenueState.CLOSED, None
    for number, (begins, ends) in enumerate(parts):
        if begins <= at < ends:
            return VenueState.OPEN, ends
        if number and at < begins and at >= parts[0][1]:
            return VenueState.LUNCH, begins
    return VenueState.CLOSED, sessions.next_opening(at, today)
