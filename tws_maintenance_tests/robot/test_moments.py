"""When an event of the robot's is: naive UTC instants, whole days, and hours that nobody knows."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from tws_maintenance.robot.moments import read_moment

NEW_YORK = "America/New_York"


def moment_of(
    event_date: object, event_time: str | None = None, start: object = "", **more: Any
) -> tuple[date, str | None]:
    """Return the day and the start (UTC, without its zone) of an event of New York."""
    start = event_date if start == "" else start
    sent = {"event_date": event_date, "event_time": event_time, "start_at_utc": start}
    found = read_moment({"market_timezone": NEW_YORK, **sent, **more})
    starts = found.starts_at
    return found.day, starts.replace(tzinfo=None).isoformat() if starts else None


@pytest.mark.parametrize(
    ("event_date", "event_time", "day", "starts"),
    [
        # An instant is told by its clock, or by being no midnight.
        ("2026-12-09T19:00:00", "14:00 ET", "2026-12-09", "2026-12-09T19:00:00"),
        ("2026-12-04T13:30:00", None, "2026-12-04", "2026-12-04T13:30:00"),
        ("2026-12-24T18:00:00", "13:00 ET", "2026-12-24", "2026-12-24T18:00:00"),
        ("2026-12-10T01:30:00", "20:30 ET", "2026-12-09", "2026-12-10T01:30:00"),
        ("2026-12-10T00:00:00", "19:00 ET", "2026-12-09", "2026-12-10T00:00:00"),
        # A whole day is local midnight, in winter and in summer.
        ("2026-12-25T05:00:00", "All day", "2026-12-25", None),
        ("2026-07-03T04:00:00", "All day", "2026-07-03", None),
        ("2026-12-25T05:00:00", None, "2026-12-25", None),
        ("2026-12-15T05:00:00", "TBD", "2026-12-15", None),
        # Its 08:00 and 16:00 are a convention, not a time that anybody gave.
        ("2026-12-15T13:00:00", "BMO", "2026-12-15", None),
        ("2026-12-15T21:00:00", "AMC", "2026-12-15", None),
        # Yahoo's ex-dividend date is midnight UTC of the date itself.
        ("2026-12-10T00:00:00", None, "2026-12-10", None),
        ("2026-12-10T00:00:00.000000", "", "2026-12-10", None),
        # What names its zone is that instant; a plain date is a day.
        ("2026-12-09T14:00:00-05:00", "14:00 ET", "2026-12-09", "2026-12-09T19:00:00"),
        ("2026-12-09T19:00:00Z", None, "2026-12-09", "2026-12-09T19:00:00"),
    ],
)
def test_the_day_is_that_of_its_market(
    event_date: str, event_time: str | None, day: str, starts: str | None
) -> None:
    assert moment_of(event_date, event_time) == (date.fromisoformat(day), starts)


def test_a_plain_date_is_a_day() -> None:
    assert moment_of("2026-12-25", None, None) == (date(2026, 12, 25), None)


def test_without_a_start_there_is_a_day_only() -> None:
    assert moment_of("2026-12-09T19:00:00", "14:00 ET", None) == (date(2026, 12, 9), None)


@pytest.mark.parametrize(
    ("zone", "symbol", "day"),
    [
        ("Asia/Hong_Kong", None, date(2026, 12, 10)),
        (None, "0005.HK", date(2026, 12, 10)),
        ("", None, date(2026, 12, 9)),
        (None, "AAPL", date(2026, 12, 9)),
    ],
)
def test_without_a_zone_it_is_that_of_the_symbols_exchange(
    zone: str | None, symbol: str | None, day: date
) -> None:
    found = moment_of("2026-12-09T17:30:00", market_timezone=zone, symbol=symbol)
    assert found == (day, "2026-12-09T17:30:00")


def test_it_is_listed_until_its_instant() -> None:
    sent = {"event_date": "2026-12-25T05:00:00", "event_time": "All day"}
    assert read_moment(sent).listed_until == datetime(2026, 12, 25, 5, tzinfo=UTC)
    assert read_moment({"event_date": "2026-12-25"}).listed_until == datetime(
        2026, 12, 25, 5, tzinfo=UTC
    )


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ({}, "event_date is None"),
        ({"event_date": "soon"}, "event_date is 'soon'"),
        ({"event_date": "2026-02-30"}, "event_date is '2026-02-30'"),
        ({"event_date": 20261225}, "event_date is 20261225"),
        ({"event_date": "2026-12-25T05:00:00", "start_at_utc": "later"}, "start_at_utc is 'later'"),
        ({"event_date": "2026-12-25T05:00:00", "market_timezone": "Mars/Base"}, "Mars/Base"),
        ({"event_date": "2026-12-25T05:00:00", "market_timezone": "America"}, "America"),
        (
            {"event_date": "2026-12-25T05:00:00", "market_timezone": "../etc"},
            "is not a known time",
        ),
        ({"event_date": "2026-12-25T05:00:00", "market_timezone": 5}, "market_timezone is 5"),
        ({"event_date": "0001-01-01T00:30:00"}, "out of range"),
        ({"event_date": "0001-01-01T00:00:00+14:00"}, "event_date is"),
    ],
)
def test_what_is_no_date_says_which_word_is_odd(sent: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        read_moment(sent)
