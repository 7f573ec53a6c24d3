"""The venues' clocks: instants with answers written out by hand."""

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tws_maintenance.config.venues import XHKG, XNYS, XSES, Venue
from tws_maintenance.market_events.market_hours import VenueState, clock, clocks
from tws_maintenance_tests.defaults import VENUES

OPEN, LUNCH, CLOSED, UNKNOWN = VenueState
NOT_TOLD = None


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def assert_clock(venue: Venue, at: str, state: VenueState, until: str | None) -> None:
    told = clock(venue, instant(at))
    assert (told.state, told.until) == (state, instant(until) if until else None)


@pytest.mark.usefixtures("host_zone")
@pytest.mark.parametrize(
    ("at", "state", "until"),
    [
        # Wednesday, 09:30 to 16:00 in New York (five hours behind UTC).
        ("2026-11-18 05:00", CLOSED, "2026-11-18 14:30"),
        ("2026-11-18 14:29:59.999", CLOSED, "2026-11-18 14:30"),
        ("2026-11-18 14:30", OPEN, "2026-11-18 21:00"),
        ("2026-11-18 17:30", OPEN, "2026-11-18 21:00"),
        ("2026-11-18 20:59:59.999", OPEN, "2026-11-18 21:00"),
        ("2026-11-18 21:00", CLOSED, "2026-11-19 14:30"),
        # Thursday in UTC, Wednesday evening in New York.
        ("2026-11-19 02:00", CLOSED, "2026-11-19 14:30"),
        # Friday evening, Saturday and Sunday lead to Monday.
        ("2026-11-20 21:00", CLOSED, "2026-11-23 14:30"),
        ("2026-11-21 17:00", CLOSED, "2026-11-23 14:30"),
        ("2026-11-22 17:00", CLOSED, "2026-11-23 14:30"),
        # Thanksgiving, and the half day after it, which ends at 13:00.
        ("2026-11-25 21:00", CLOSED, "2026-11-27 14:30"),
        ("2026-11-26 15:00", CLOSED, "2026-11-27 14:30"),
        ("2026-11-27 17:59:59", OPEN, "2026-11-27 18:00"),
        ("2026-11-27 18:00", CLOSED, "2026-11-30 14:30"),
        # Good Friday before a weekend: three days closed.
        ("2026-04-02 20:00", CLOSED, "2026-04-06 13:30"),
        # New Year: the next opening is in another year.
        ("2026-12-31 21:00", CLOSED, "2027-01-04 14:30"),
        # The weekends on which New York's clocks change, 2026-03-08 and 2026-11-01.
        ("2026-03-06 20:59", OPEN, "2026-03-06 21:00"),
        ("2026-03-06 21:00", CLOSED, "2026-03-09 13:30"),
        ("2026-03-08 07:30", CLOSED, "2026-03-09 13:30"),
        ("2026-03-09 13:30", OPEN, "2026-03-09 20:00"),
        ("2026-10-30 20:00", CLOSED, "2026-11-02 14:30"),
        ("2026-11-01 06:30", CLOSED, "2026-11-02 14:30"),
        ("2026-11-02 14:29", CLOSED, "2026-11-02 14:30"),
        ("2026-11-02 20:30", OPEN, "2026-11-02 21:00"),
    ],
)
def test_new_york_opens_and_closes_once_a_day(at: str, state: VenueState, until: str) -> None:
    assert_clock(XNYS, at, state, until)


@pytest.mark.usefixtures("host_zone")
@pytest.mark.parametrize(
    ("at", "state", "until"),
    [
        # Thursday, 09:30 to 12:00 and 13:00 to 16:00 in Hong Kong (eight hours ahead of UTC).
        ("2026-11-19 01:29", CLOSED, "2026-11-19 01:30"),
        ("2026-11-19 01:30", OPEN, "2026-11-19 04:00"),
        ("2026-11-19 03:59:59", OPEN, "2026-11-19 04:00"),
        ("2026-11-19 04:00", LUNCH, "2026-11-19 05:00"),
        ("2026-11-19 04:59:59", LUNCH, "2026-11-19 05:00"),
        ("2026-11-19 05:00", OPEN, "2026-11-19 08:00"),
        ("2026-11-19 08:00", CLOSED, "2026-11-20 01:30"),
        # Friday morning in Hong Kong while it is still Thursday in UTC.
        ("2026-11-19 23:00", CLOSED, "2026-11-20 01:30"),
        # The half day before Christmas ends at 12:00, without lunch; Boxing Day is a Saturday.
        ("2026-12-24 03:59", OPEN, "2026-12-24 04:00"),
        ("2026-12-24 04:00", CLOSED, "2026-12-28 01:30"),
        ("2026-12-24 05:30", CLOSED, "2026-12-28 01:30"),
        ("2026-12-25 04:30", CLOSED, "2026-12-28 01:30"),
        # Lunar New Year: a half day on Monday, then closed from Tuesday to Thursday.
        ("2026-02-16 04:00", CLOSED, "2026-02-20 01:30"),
    ],
)
def test_hong_kong_has_lunch_but_on_a_half_day(at: str, state: VenueState, until: str) -> None:
    assert_clock(XHKG, at, state, until)


@pytest.mark.usefixtures("host_zone")
@pytest.mark.parametrize(
    ("at", "state", "until"),
    [
        # Friday, 09:00 to 12:00 and 13:00 to 17:00 in Singapore (eight hours ahead of UTC).
        ("2026-11-20 00:59", CLOSED, "2026-11-20 01:00"),
        ("2026-11-20 01:00", OPEN, "2026-11-20 04:00"),
        ("2026-11-20 04:30", LUNCH, "2026-11-20 05:00"),
        ("2026-11-20 05:00", OPEN, "2026-11-20 09:00"),
        ("2026-11-20 09:00", CLOSED, "2026-11-23 01:00"),
        # The last day of the year is a half day, New Year a Friday.
        ("2026-12-31 04:00", CLOSED, "2027-01-04 01:00"),
        # The day after National Day, which falls on a Sunday.
        ("2026-08-10 04:30", CLOSED, "2026-08-11 01:00"),
    ],
)
def test_singapore_has_lunch_but_on_a_half_day(at: str, state: VenueState, until: str) -> None:
    assert_clock(XSES, at, state, until)


@pytest.mark.parametrize(
    ("at", "state", "until"),
    [
        # A Wednesday of a year whose holidays Singapore will not have announced for long.
        ("2060-06-16 00:59", CLOSED, NOT_TOLD),
        ("2060-06-16 01:00", UNKNOWN, "2060-06-16 09:00"),
        ("2060-06-16 04:30", UNKNOWN, "2060-06-16 09:00"),
        ("2060-06-16 08:59", UNKNOWN, "2060-06-16 09:00"),
        ("2060-06-16 09:00", CLOSED, NOT_TOLD),
        # A Saturday: closed for sure, and nobody knows whether Monday is a holiday.
        ("2060-06-19 04:30", CLOSED, NOT_TOLD),
    ],
)
def test_years_ahead_only_what_is_sure_is_claimed(
    at: str, state: VenueState, until: str | None
) -> None:
    assert_clock(XSES, at, state, until)


@pytest.mark.parametrize(
    ("at", "state", "until"),
    [
        ("2026-11-18 14:29", CLOSED, NOT_TOLD),
        ("2026-11-18 14:30", UNKNOWN, "2026-11-18 21:00"),
        ("2026-11-18 21:00", CLOSED, NOT_TOLD),
        ("2026-11-21 17:00", CLOSED, NOT_TOLD),
    ],
)
def test_where_the_holidays_cannot_be_told_a_session_is_unknown(
    at: str, state: VenueState, until: str | None
) -> None:
    assert_clock(replace(XNYS, code="XXXX", name="Nowhere"), at, state, until)


def test_an_early_close_within_lunch_ends_the_day_at_lunch() -> None:
    late = replace(XHKG, closes_early=XHKG.lunch[1] if XHKG.lunch else XHKG.closes)
    assert_clock(late, "2026-12-24 03:59", OPEN, "2026-12-24 04:00")
    assert_clock(late, "2026-12-24 04:00", CLOSED, "2026-12-28 01:30")


def test_the_clocks_are_those_of_every_venue_ready_for_json() -> None:
    told = [one.to_dict() for one in clocks(VENUES, instant("2026-11-20 04:30"))]
    assert [one["venue"] for one in told] == [venue.code for venue in VENUES]
    new_york, singapore, hong_kong = told
    assert new_york == {
        "venue": "XNYS",
        "name": "New York",
        "state": "closed",
        "until": "2026-11-20T14:30:00.000Z",
        "timezone": "America/New_York",
        "local_time": "Thu 23:30",
    }
    assert (singapore["state"], singapore["local_time"]) == ("lunch", "Fri 12:30")
    assert (hong_kong["state"], hong_kong["until"]) == ("lunch", "2026-11-20T05:00:00.000Z")


def test_what_is_not_told_is_null() -> None:
    told = clock(XSES, instant("2060-06-16 09:00")).to_dict()
    assert (told["state"], told["until"]) == ("closed", None)


@pytest.mark.cold
@pytest.mark.process
def test_the_clocks_load_nothing_heavy() -> None:
    script = """
import sys
from datetime import UTC, datetime
from tws_maintenance.config.venues import VENUES
from tws_maintenance.market_events.market_hours import clocks
assert len(clocks(VENUES.values(), datetime.now(UTC))) == 4
print(*sorted({"pandas", "numpy", "exchange_calendars", "sqlalchemy"} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == []
