"""What comes, told by the calendar of each market, wherever this machine stands."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from tws_maintenance.market_events.model import (
    Confidence,
    Event,
    EventStatus,
    EventType,
    StoredEvent,
    Unconfirmed,
)
from tws_maintenance.market_events.upcoming import Upcoming, upcoming

NEW_YORK = "America/New_York"
HONG_KONG = "Asia/Hong_Kong"
SINGAPORE = "Asia/Singapore"
THANKSGIVING = date(2026, 11, 26)

# Every test here holds in each of the hosts' zones.
pytestmark = pytest.mark.usefixtures("host_zone")


def local(zone: str, year: int, month: int, day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def stored(
    event_type: EventType,
    day: date,
    zone: str = NEW_YORK,
    *,
    symbol: str | None = None,
    at: time | None = None,
    until: date | None = None,
    status: EventStatus = EventStatus.ACTIVE,
    confidence: Confidence = Confidence.CONFIRMED,
) -> StoredEvent:
    start = datetime.combine(day, at, ZoneInfo(zone)).astimezone(UTC) if at else None
    event = Event(
        event_type=event_type,
        subject=symbol or zone,
        title=f"{event_type.value} {symbol or zone}",
        event_date=day,
        end_date=until,
        market_timezone=zone,
        symbol=symbol,
        event_time=at,
        start_at_utc=start,
        confidence=confidence,
        is_cancelled=status == EventStatus.CANCELLED,
        detail={"venue": "XNYS"},
    )
    seen = datetime(2026, 11, 20, tzinfo=UTC)
    name = f"{event_type.value}:{symbol or zone}:{day}"
    return StoredEvent(name, event, status, "yahoo", True, 50, seen, seen, seen, seen)


def days_away(one: StoredEvent, at: datetime, days: int = 28) -> int | None:
    """Return how far it is, None where it is not told."""
    found = upcoming([one], at, days=days)
    return found[0].days_away if found else None


def titles(found: list[Upcoming]) -> list[str]:
    return [one.event.title for one in found]


HOLIDAY = stored(EventType.MARKET_HOLIDAY, THANKSGIVING)
DECISION = stored(EventType.FOMC, date(2026, 12, 9), at=time(14))
LUNAR_NEW_YEAR = stored(EventType.MARKET_HOLIDAY, date(2027, 2, 8), HONG_KONG)
ESTIMATE = stored(EventType.EARNINGS, date(2026, 11, 25), symbol="A", until=date(2026, 11, 29))


@pytest.mark.parametrize(
    ("clock", "expected"),
    [
        (local(NEW_YORK, 2026, 11, 26, 0, 0), 0),
        (local(NEW_YORK, 2026, 11, 26, 9, 30), 0),
        (local(NEW_YORK, 2026, 11, 26, 23, 59), 0),
        (local(NEW_YORK, 2026, 11, 25, 23, 59), 1),
        (local(NEW_YORK, 2026, 11, 27, 0, 0), None),
    ],
)
def test_thanksgiving_is_there_all_day_in_new_york(clock: datetime, expected: int | None) -> None:
    assert days_away(HOLIDAY, clock) == expected


@pytest.mark.parametrize(
    ("clock", "expected"),
    [
        (local(HONG_KONG, 2027, 2, 8, 0, 0), 0),  # the 7th, 11:00 in New York
        (local(NEW_YORK, 2027, 2, 7, 11, 0), 0),
        (local(NEW_YORK, 2027, 2, 7, 10, 59), 1),
        (local(NEW_YORK, 2027, 2, 8, 10, 59), 0),
        (local(NEW_YORK, 2027, 2, 8, 11, 0), None),
    ],
)
def test_a_holiday_in_hong_kong_is_told_by_its_own_day(
    clock: datetime, expected: int | None
) -> None:
    assert days_away(LUNAR_NEW_YEAR, clock) == expected


@pytest.mark.parametrize(
    ("clock", "expected"),
    [
        (local(NEW_YORK, 2026, 12, 9, 13, 59), 0),
        (local(NEW_YORK, 2026, 12, 9, 23, 59), 0),
        (local(SINGAPORE, 2026, 12, 10, 12, 59), 0),
        (local(SINGAPORE, 2026, 12, 10, 13, 0), None),
        (local(SINGAPORE, 2026, 12, 9, 12, 0), 1),
    ],
)
def test_an_instant_is_there_until_its_day_in_its_market_ends(
    clock: datetime, expected: int | None
) -> None:
    assert days_away(DECISION, clock) == expected


@pytest.mark.parametrize(
    ("day", "expected"), [(23, 2), (24, 1), (25, 0), (27, 0), (29, 0), (30, None)]
)
def test_a_span_is_there_until_its_last_day_and_never_negative(
    day: int, expected: int | None
) -> None:
    assert days_away(ESTIMATE, local(NEW_YORK, 2026, 11, day, 20)) == expected


@pytest.mark.parametrize("changing", [date(2026, 11, 1), date(2027, 3, 14)])
def test_the_days_on_which_the_clocks_change_are_days_like_others(changing: date) -> None:
    one = stored(EventType.MARKET_HOLIDAY, changing)
    midnight = datetime.combine(changing, time(0), ZoneInfo(NEW_YORK))
    next_midnight = datetime.combine(changing + timedelta(days=1), time(0), ZoneInfo(NEW_YORK))
    assert (next_midnight.astimezone(UTC) - midnight.astimezone(UTC)) != timedelta(hours=24)
    second = timedelta(seconds=1)
    assert days_away(one, midnight.astimezone(UTC) - second) == 1
    assert days_away(one, midnight.astimezone(UTC)) == 0
    assert days_away(one, next_midnight.astimezone(UTC) - second) == 0
    assert days_away(one, next_midnight.astimezone(UTC)) is None


def test_days_are_counted_over_a_change_of_clocks() -> None:
    one = stored(EventType.FOMC, date(2026, 11, 4), at=time(14))
    assert days_away(one, local(NEW_YORK, 2026, 10, 28, 23, 30)) == 7
    assert days_away(one, local(NEW_YORK, 2026, 10, 28, 0, 30), days=6) is None
    assert days_away(one, local(NEW_YORK, 2026, 10, 29, 0, 0), days=6) == 6


def test_the_window_ends_with_its_last_day() -> None:
    at = local(NEW_YORK, 2026, 11, 12, 9, 30)
    assert days_away(HOLIDAY, at, days=14) == 14
    assert days_away(HOLIDAY, at, days=13) is None


def test_cancelled_events_are_told_as_such_and_stale_ones_are_not() -> None:
    day = date(2026, 11, 27)
    events = [stored(EventType.EARNINGS, day, symbol=one.value, status=one) for one in EventStatus]
    found = upcoming(events, local(NEW_YORK, 2026, 11, 26, 9, 30))
    assert {one.event.symbol: (one.is_cancelled, one.severity) for one in found} == {
        "active": (False, "high"),
        "updated": (False, "high"),
        "cancelled": (True, "low"),
    }


def test_type_and_symbol_keep_their_own_events_only() -> None:
    day = date(2026, 11, 27)
    events = [
        stored(EventType.EARNINGS, day, symbol="AAPL"),
        stored(EventType.DIVIDEND, day, symbol="AAPL"),
        stored(EventType.EARNINGS, day, symbol="AAP"),
        HOLIDAY,
    ]
    at = local(NEW_YORK, 2026, 11, 26, 9, 30)
    assert len(upcoming(events, at)) == 4
    assert titles(upcoming(events, at, symbol="AAPL")) == ["DIVIDEND AAPL", "EARNINGS AAPL"]
    assert titles(upcoming(events, at, event_type=EventType.EARNINGS)) == [
        "EARNINGS AAP",
        "EARNINGS AAPL",
    ]
    only = upcoming(events, at, event_type=EventType.EARNINGS, symbol="AAPL")
    assert titles(only) == ["EARNINGS AAPL"]
    assert upcoming(events, at, symbol="MSFT") == []


def test_the_order_is_day_then_time_then_type_then_symbol() -> None:
    later = date(2026, 11, 30)
    ordered = [
        stored(EventType.EARNINGS, date(2026, 11, 20), symbol="SPAN", until=date(2026, 12, 1)),
        HOLIDAY,
        stored(EventType.MARKET_EARLY_CLOSE, THANKSGIVING, at=time(13)),
        stored(EventType.DIVIDEND, later, symbol="B"),
        stored(EventType.EARNINGS, later, symbol="A"),
        stored(EventType.EARNINGS, later, symbol="Z"),
        stored(EventType.EARNINGS, later, SINGAPORE, symbol="M.SI", at=time(18)),
        stored(EventType.EARNINGS, later, symbol="C", at=time(8)),
        stored(EventType.FOMC, later, at=time(8)),
        stored(EventType.EARNINGS, later, symbol="D", at=time(16, 30)),
    ]
    found = upcoming(reversed(ordered), local(NEW_YORK, 2026, 11, 26, 9, 30))
    assert titles(found) == [one.event.title for one in ordered]


@pytest.mark.parametrize(
    ("event_type", "severities"),
    [
        (EventType.FOMC, "high high medium medium low"),
        (EventType.EARNINGS, "high high medium medium low"),
        (EventType.MARKET_HOLIDAY, "high high medium medium low"),
        (EventType.MARKET_EARLY_CLOSE, "medium medium medium medium low"),
        (EventType.DIVIDEND, "medium medium medium medium low"),
    ],
)
def test_severity_grows_as_the_day_comes(event_type: EventType, severities: str) -> None:
    one = stored(event_type, THANKSGIVING)
    found = []
    for away in (0, 2, 3, 7, 8):
        at = local(NEW_YORK, 2026, 11, 26 - away, 9, 30)
        found += [event.severity for event in upcoming([one], at)]
    assert found == severities.split()


def test_since_when_an_event_is_unconfirmed_is_a_day_of_its_market() -> None:
    """Late in the evening of the 20th in New York it is the 21st in Singapore."""
    since = datetime(2026, 11, 20, 23, 0, tzinfo=UTC)
    one = stored(EventType.EARNINGS, THANKSGIVING, SINGAPORE, symbol="D05.SI")
    marked = replace(one, event=Unconfirmed(since, 1).on(one.event))
    (found,) = upcoming([marked], local(SINGAPORE, 2026, 11, 22, 9, 30))
    assert found.to_dict()["unconfirmed_since"] == "2026-11-21"


def test_an_event_is_told_in_the_robots_words() -> None:
    (found,) = upcoming([DECISION], local(NEW_YORK, 2026, 12, 8, 9, 30))
    assert found.to_dict() == {
        "event_id": "FOMC:America/New_York:2026-12-09",
        "event_type": "FOMC",
        "symbol": None,
        "title": "FOMC America/New_York",
        "event_date": "2026-12-09",
        "end_date": None,
        "event_time": "14:00:00",
        "start_at_utc": "2026-12-09T19:00:00.000Z",
        "market_timezone": "America/New_York",
        "source": "yahoo",
        "confidence": "confirmed",
        "status": "active",
        "unconfirmed_since": None,
        "severity": "high",
        "days_away": 1,
        "is_portfolio_relevant": True,
        "detail": {"venue": "XNYS"},
    }
    (span,) = upcoming([ESTIMATE], local(NEW_YORK, 2026, 11, 27, 9, 30))
    told = span.to_dict()
    assert (told["event_date"], told["end_date"]) == ("2026-11-25", "2026-11-29")
    assert (told["event_time"], told["start_at_utc"], told["days_away"]) == (None, None, 0)
