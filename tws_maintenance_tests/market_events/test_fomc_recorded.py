"""The Federal Reserve's page as it was on 8 April 2026, against its dates written out by hand."""

from collections import Counter
from datetime import date

import pytest

from tws_maintenance.core.errors import PageChanged
from tws_maintenance.market_events.providers.fomc import Calendar, MeetingKind, events, parse
from tws_maintenance_tests.support import page_file

RECORDED_ON = date(2026, 4, 8)
TODAY = date(2026, 11, 22)
DECISIONS = [
    *("2026-01-28", "2026-03-18", "2026-04-29", "2026-06-17"),
    *("2026-07-29", "2026-09-16", "2026-10-28", "2026-12-09"),
    *("2027-01-27", "2027-03-17", "2027-04-28", "2027-06-09"),
    *("2027-07-28", "2027-09-15", "2027-10-27", "2027-12-08"),
]


@pytest.fixture(scope="module")
def content() -> bytes:
    return page_file("fomc_2026-04-08.html").read_bytes()


@pytest.fixture(scope="module")
def calendar(content: bytes) -> Calendar:
    return parse(content, today=TODAY)


def test_the_decisions_of_2026_and_2027(calendar: Calendar) -> None:
    found = [one for one in calendar.meetings if one.last.year >= 2026]

    assert [one.last.isoformat() for one in found] == DECISIONS
    assert {(one.last - one.first).days for one in found} == {1}
    assert {(one.kind, one.is_cancelled) for one in found} == {(MeetingKind.SCHEDULED, False)}
    assert calendar.complete_until == date(2027, 12, 31)
    assert calendar.warnings == ()


def test_the_meetings_of_the_years_before(calendar: Calendar) -> None:
    years = Counter(one.last.year for one in calendar.meetings)
    others = [one for one in calendar.meetings if one.kind is not MeetingKind.SCHEDULED]

    assert years == {2021: 8, 2022: 8, 2023: 8, 2024: 8, 2025: 9, 2026: 8, 2027: 8}
    assert [(one.last, one.kind, one.text) for one in others] == [
        (date(2025, 8, 22), MeetingKind.NOTATION_VOTE, "August 22 (notation vote)")
    ]
    assert [
        (one.first.isoformat(), one.last.isoformat(), one.text)
        for one in calendar.meetings
        if "/" in one.text
    ] == [
        ("2023-01-31", "2023-02-01", "Jan/Feb 31-1"),
        ("2023-10-31", "2023-11-01", "Oct/Nov 31-1"),
        ("2024-04-30", "2024-05-01", "Apr/May 30-1"),
    ]


def test_every_second_scheduled_meeting_comes_with_projections(calendar: Calendar) -> None:
    scheduled = [one for one in calendar.meetings if one.kind is MeetingKind.SCHEDULED]

    assert [one.has_projections for one in scheduled] == [False, True] * 28
    assert {one.last.month for one in scheduled if one.has_projections} == {3, 6, 9, 12}


def test_the_next_decision_is_a_singapore_morning(calendar: Calendar) -> None:
    upcoming = [
        one
        for one in events(calendar, source_url="")
        if one.event_date >= TODAY and one.start_at_utc
    ]

    assert str(upcoming[0].start_at_utc) == "2026-12-09 19:00:00+00:00"
    assert upcoming[0].title == "FOMC decision with projections (SEP)"
    assert [one.event_date.isoformat() for one in upcoming if not one.detail["tentative"]] == [
        "2026-12-09"
    ]


def test_a_row_that_disappears_is_missed(content: bytes) -> None:
    gone = content.replace(b'<div class="row fomc-meeting"', b'<div class="row"', 1)

    assert gone != content
    with pytest.raises(PageChanged, match="expected 8 scheduled meetings of 2026, found 7"):
        parse(gone, today=RECORDED_ON)


def test_the_page_is_too_old_in_2028(content: bytes) -> None:
    assert "2028" in " ".join(parse(content, today=date(2027, 12, 1)).warnings)
    with pytest.raises(PageChanged, match="'2028 FOMC Meetings', found 2021, "):
        parse(content, today=date(2028, 1, 1))


def test_half_of_the_page_is_refused(content: bytes) -> None:
    with pytest.raises(PageChanged, match="cut off"):
        parse(content[: content.index(b"2025 FOMC Meetings")], today=TODAY)
