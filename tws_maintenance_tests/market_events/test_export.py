"""The calendar as another program reads it back."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import icalendar
import pytest

from tws_maintenance.market_events.export import to_icalendar
from tws_maintenance.market_events.model import (
    Confidence,
    Event,
    EventStatus,
    EventType,
    StoredEvent,
)

NEW_YORK = "America/New_York"
AT = datetime(2026, 11, 26, 14, 30, tzinfo=UTC)
UPDATED = datetime(2026, 11, 20, 6, 7, 8, 123000, tzinfo=UTC)
HOLIDAY = Event(
    EventType.MARKET_HOLIDAY, "XNYS", "Thanksgiving Day (New York)", date(2026, 11, 26), NEW_YORK
)
DECISION = Event(
    EventType.FOMC,
    "scheduled",
    "FOMC decision",
    date(2026, 12, 9),
    NEW_YORK,
    event_time=time(14),
    start_at_utc=datetime(2026, 12, 9, 19, tzinfo=UTC),
    end_at_utc=datetime(2026, 12, 9, 20, tzinfo=UTC),
    description="With projections",
    source_url="https://www.federalreserve.gov/monetarypolicy/fomccalendars.htm",
)
ESTIMATE = Event(
    EventType.EARNINGS,
    "AAPL",
    "AAPL earnings (estimated)",
    date(2026, 11, 25),
    NEW_YORK,
    Confidence.ESTIMATED,
    symbol="AAPL",
    end_date=date(2026, 11, 29),
)


def stored(
    event: Event,
    name: str = "one",
    status: EventStatus = EventStatus.ACTIVE,
    source: str = "yahoo",
) -> StoredEvent:
    return StoredEvent(name, event, status, source, True, 50, AT, AT, UPDATED, UPDATED)


def read(content: bytes) -> tuple[icalendar.Calendar, list[icalendar.Event]]:
    calendar = icalendar.Calendar.from_ical(content)
    assert isinstance(calendar, icalendar.Calendar)
    return calendar, list(calendar.events)


def only(event: StoredEvent, at: datetime = AT) -> icalendar.Event:
    (found,) = read(to_icalendar([event], at))[1]
    return found


# Every test here holds in each of the hosts' zones.
pytestmark = pytest.mark.usefixtures("host_zone")


def test_an_empty_store_is_an_empty_calendar() -> None:
    content = to_icalendar([], AT)
    calendar, events = read(content)
    assert events == []
    assert content.startswith(b"BEGIN:VCALENDAR\r\n")
    assert content.endswith(b"END:VCALENDAR\r\n")
    assert {key: str(value) for key, value in calendar.items()} == {
        "VERSION": "2.0",
        "PRODID": "-//tws-maintenance//market events//EN",
        "X-WR-CALNAME": "Market events",
    }


def test_an_all_day_event_is_a_date_and_ends_with_the_next() -> None:
    content = to_icalendar([stored(HOLIDAY)], AT)
    assert b"\r\nDTSTART;VALUE=DATE:20261126\r\n" in content
    assert b"\r\nDTEND;VALUE=DATE:20261127\r\n" in content


def test_a_span_covers_all_its_days() -> None:
    found = only(stored(ESTIMATE))
    assert (found.start, found.end) == (date(2026, 11, 25), date(2026, 11, 30))


def test_an_instant_is_utc_with_its_end_where_one_is_known() -> None:
    content = to_icalendar([stored(DECISION)], AT)
    assert b"\r\nDTSTART:20261209T190000Z\r\n" in content
    assert b"\r\nDTEND:20261209T200000Z\r\n" in content
    assert b"DTEND" not in to_icalendar([stored(replace(DECISION, end_at_utc=None))], AT)


def test_each_event_tells_what_it_is_and_how_sure() -> None:
    found = only(stored(DECISION, "abc", source="federal_reserve"))
    assert found["UID"] == "abc@tws-maintenance"
    assert found.decoded("dtstamp") == UPDATED.replace(microsecond=0)
    assert found.decoded("last-modified") == UPDATED.replace(microsecond=0)
    assert found["SUMMARY"] == "FOMC decision"
    assert (
        found["DESCRIPTION"] == "With projections\nSource: Federal Reserve\nConfidence: confirmed"
    )
    assert found["CATEGORIES"].to_ical() == b"FOMC"
    assert found["TRANSP"] == "TRANSPARENT"
    assert found["URL"] == "https://www.federalreserve.gov/monetarypolicy/fomccalendars.htm"
    assert only(stored(HOLIDAY, source="elsewhere"))["DESCRIPTION"] == (
        "Source: elsewhere\nConfidence: confirmed"
    )


@pytest.mark.parametrize(
    ("event", "status", "expected"),
    [
        (HOLIDAY, EventStatus.ACTIVE, "CONFIRMED"),
        (HOLIDAY, EventStatus.UPDATED, "CONFIRMED"),
        (ESTIMATE, EventStatus.ACTIVE, "TENTATIVE"),
        (ESTIMATE, EventStatus.CANCELLED, "CANCELLED"),
        (replace(HOLIDAY, is_cancelled=True), EventStatus.ACTIVE, "CANCELLED"),
    ],
)
def test_the_status_says_whether_it_is_sure(
    event: Event, status: EventStatus, expected: str
) -> None:
    assert only(stored(event, status=status))["STATUS"] == expected


def test_what_is_over_in_its_market_is_left_out() -> None:
    still = datetime(2026, 11, 27, 4, 59, tzinfo=UTC)  # 23:59 in New York
    assert only(stored(HOLIDAY), still).start == date(2026, 11, 26)
    assert read(to_icalendar([stored(HOLIDAY)], still + timedelta(minutes=1)))[1] == []
    in_two_years = replace(HOLIDAY, event_date=date(2028, 11, 23))
    assert only(stored(in_two_years)).start == date(2028, 11, 23)


@pytest.mark.parametrize("status", [EventStatus.STALE, EventStatus.CANCELLED])
@pytest.mark.parametrize("event", [HOLIDAY, DECISION, replace(HOLIDAY, event_date=UPDATED.date())])
def test_what_was_withdrawn_is_cancelled_for_thirty_days(event: Event, status: EventStatus) -> None:
    """Also once its day is over: a program that has it must learn that it did not take place."""
    withdrawn = stored(event, status=status)
    last = UPDATED + timedelta(days=30)
    assert {only(withdrawn, at)["STATUS"] for at in (UPDATED, AT, last)} == {"CANCELLED"}
    assert read(to_icalendar([withdrawn], last + timedelta(seconds=1)))[1] == []


def test_each_event_says_how_often_it_changed() -> None:
    assert only(stored(HOLIDAY))["SEQUENCE"] == 0
    assert only(replace(stored(HOLIDAY), sequence=3))["SEQUENCE"] == 3


def test_the_same_store_gives_the_same_bytes_in_any_order_and_at_any_time() -> None:
    events = [stored(HOLIDAY, "b"), stored(DECISION, "c"), stored(ESTIMATE, "a")]
    content = to_icalendar(events, AT)
    assert to_icalendar(reversed(events), AT + timedelta(hours=3)) == content
    assert [one["UID"] for one in read(content)[1]] == [f"{one}@tws-maintenance" for one in "abc"]


@pytest.mark.parametrize(
    "title",
    [
        "Earnings, dividends; and more: a test",
        "back\\slash \\n \\, and a\nnew line",
        "Nestlé · 騰訊控股 · 📈",
        "BEGIN:VEVENT\nEND:VCALENDAR",
        "騰" * 200,
        'quote " and tab\tand ^',
    ],
)
def test_any_title_survives(title: str) -> None:
    content = to_icalendar([stored(replace(HOLIDAY, title=title, description=title))], AT)
    (found,) = read(content)[1]
    assert str(found["SUMMARY"]) == title
    assert str(found["DESCRIPTION"]).startswith(f"{title}\nSource: ")
    assert max(len(line) for line in content.split(b"\r\n")) <= 75


def test_control_characters_do_not_break_a_calendar() -> None:
    found = only(stored(replace(HOLIDAY, title="a\x00b\x0bc\x1cd\x85e\x7ff")))
    assert str(found["SUMMARY"]) == "abcdef"
