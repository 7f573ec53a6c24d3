"""When one of the robot's events is: its zone, its day there, and its instant if it has one.

The robot writes every date as a naive UTC instant: `2026-12-25T05:00:00` is the whole of
25 December in New York. Any other text is a ValueError here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tws_maintenance.config.symbol_markets import venue_of
from tws_maintenance.config.venues import XNYS

MIDNIGHT = time()
# "14:00 ET" has one; "All day", "TBD", "BMO" (before the open) and "AMC" (after the close) do not,
# and the instants of the last two are the robot's convention: 08:00 and 16:00.
_CLOCK = re.compile(r"\d{1,2}:\d{2}")
_DAY_LENGTH = len("2026-12-25")


@dataclass(frozen=True)
class Moment:
    """When an event is.

    `day` is a date in `zone`; `starts_at` (aware) is None for an event without a time of its own.
    `listed_until` (aware) is the instant after which the robot no longer lists it.
    """

    zone: str
    day: date
    starts_at: datetime | None
    listed_until: datetime


def as_utc(value: datetime) -> datetime:
    """Return an instant of the robot's, naive ones read as UTC. Raises ValueError out of range."""
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{value} is out of range") from error


def read_moment(sent: Mapping[str, Any]) -> Moment:
    """Return when the event `sent` by the robot is. Raises ValueError."""
    zone = _zone(sent)
    zone_info = _zone_info(zone)
    moment = _instant_or_day(sent.get("event_date"), "event_date")
    start = sent.get("start_at_utc")
    start = None if start is None else _instant_or_day(start, "start_at_utc")
    clock = str(sent.get("event_time") or "")
    try:
        if not isinstance(moment, datetime):
            midnight = datetime.combine(moment, MIDNIGHT, zone_info).astimezone(UTC)
            return Moment(zone, moment, _starts_at(start, clock, zone_info), midnight)
        # An ex-dividend date is Yahoo's: midnight UTC of the date itself, the day before in
        # New York. Nothing of a market happens at that instant.
        is_utc_day = moment.time() == MIDNIGHT and not _CLOCK.search(clock)
        day = moment.date() if is_utc_day else moment.astimezone(zone_info).date()
        return Moment(zone, day, _starts_at(start, clock, zone_info), moment)
    except OverflowError as error:
        raise ValueError(f"event_date {moment} is out of range") from error


def _starts_at(start: date | None, clock: str, zone: ZoneInfo) -> datetime | None:
    if not isinstance(start, datetime):
        return None
    if clock.strip():
        return start if _CLOCK.search(clock) else None
    is_day = MIDNIGHT in (start.time(), start.astimezone(zone).time())
    return None if is_day else start


def _zone(sent: Mapping[str, Any]) -> str:
    """Return the zone that the robot names, else that of the symbol's exchange, else New York's."""
    named, symbol = sent.get("market_timezone"), sent.get("symbol")
    if named is not None and not isinstance(named, str):
        raise ValueError(f"market_timezone is {named!r:.60}, expected a name such as Asia/Tokyo")
    venue = venue_of(symbol) if isinstance(symbol, str) else None
    return (named or "").strip() or (venue or XNYS).timezone


def _zone_info(zone: str) -> ZoneInfo:
    try:
        return ZoneInfo(zone)
    # A folder of the zone database, such as "America", is an OSError.
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"market_timezone {zone!r:.60} is not a known time zone") from error


def _instant_or_day(value: Any, name: str) -> date:
    """Return a datetime (aware, UTC), or a date where the text has only ten characters."""
    try:
        if len(value) == _DAY_LENGTH:
            return date.fromisoformat(value)
        return as_utc(datetime.fromisoformat(value))
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{name} is {value!r:.60}, expected an instant such as 2026-12-25T05:00:00"
        ) from error
