"""The Federal Reserve's calendar: what its rows mean, and which pages are refused."""

import time as clock
from collections.abc import Iterator
from datetime import UTC, date, datetime, time

import pytest

from tws_maintenance.core.errors import PageChanged
from tws_maintenance.market_events.model import Confidence, Event, EventType
from tws_maintenance.market_events.providers.fomc import (
    PAGE_PATH,
    Calendar,
    MeetingKind,
    events,
    parse,
)

URL = f"https://www.federalreserve.gov{PAGE_PATH}"
TODAY = date(2026, 11, 22)
SCHEDULED, UNSCHEDULED, NOTATION_VOTE = MeetingKind
# The same eight rows are good dates in any year.
EIGHT = (
    "January 27-28",
    "March 17-18*",
    "April 28-29",
    "June 16-17*",
    "July 28-29",
    "September 15-16*",
    "October 27-28",
    "December 8-9*",
)
SIX = EIGHT[:6]

Panels = dict[int, tuple[str, ...]]


def row(text: str) -> str:
    """Return a row as the page has it: month and days, then the cells of statement and minutes."""
    month, days = text.split(" ", 1)
    return f"""
        <div class="fomc-meeting--shaded row fomc-meeting" ">
            <div class="fomc-meeting--shaded fomc-meeting__month col-xs-5"><strong>{month}</strong>
            </div>
            <div class="fomc-meeting__date col-xs-4 col-lg-1">{days}</div>
            <div class="col-xs-12 col-md-4 col-lg-2"><strong>Statement:</strong><br></div>
            <div class="col-xs-12 col-lg-4 fomc-meeting__minutes">(Released July 8, 2026)</div>
        </div>"""


def panel(year: int | str, rows: tuple[str, ...]) -> str:
    return f"""
      <div class="panel panel-default"><div class="panel-heading"><h4><a id="42828">{year} FOMC
        Meetings</a></h4></div>{"".join(map(row, rows))}
        <div class="panel-footer">* Meeting associated with a Summary of Economic Projections.</div>
      </div>"""


def page(panels: Panels, extra: str = "") -> bytes:
    """Return a page with the panels in the order in which they are given."""
    body = "".join(panel(year, rows) for year, rows in panels.items())
    return f"""\ufeff<!doctype html>
      <html lang="en"><head><title>Meeting calendars</title></head><body>
      <div class="panel panel-related"><h3>Related</h3></div>
      <p>The FOMC holds eight regularly scheduled meetings during the year.</p>{body}{extra}
      <p>Note: Each meeting date is tentative until confirmed at the meeting before.</p>
      </body></html>""".encode()


def read(panels: Panels, today: date = TODAY) -> Calendar:
    return parse(page(panels), today=today)


def refusal(content: bytes, today: date = TODAY) -> str:
    with pytest.raises(PageChanged) as caught:
        parse(content, today=today)
    return str(caught.value)


def event_of(calendar: Calendar, day: date) -> Event:
    (found,) = (one for one in events(calendar, source_url=URL) if one.event_date == day)
    return found


def test_a_year_is_read_row_by_row() -> None:
    calendar = read({2026: EIGHT})

    assert [(one.first, one.last, one.has_projections, one.text) for one in calendar.meetings] == [
        (date(2026, 1, 27), date(2026, 1, 28), False, "January 27-28"),
        (date(2026, 3, 17), date(2026, 3, 18), True, "March 17-18*"),
        (date(2026, 4, 28), date(2026, 4, 29), False, "April 28-29"),
        (date(2026, 6, 16), date(2026, 6, 17), True, "June 16-17*"),
        (date(2026, 7, 28), date(2026, 7, 29), False, "July 28-29"),
        (date(2026, 9, 15), date(2026, 9, 16), True, "September 15-16*"),
        (date(2026, 10, 27), date(2026, 10, 28), False, "October 27-28"),
        (date(2026, 12, 8), date(2026, 12, 9), True, "December 8-9*"),
    ]
    assert {(one.kind, one.is_cancelled) for one in calendar.meetings} == {(SCHEDULED, False)}
    assert (calendar.today, calendar.complete_until) == (TODAY, date(2026, 12, 31))
    assert calendar.warnings == ()


@pytest.mark.parametrize(
    ("text", "first", "last", "stars"),
    [
        ("Feb 3-4", (2026, 2, 3), (2026, 2, 4), False),
        ("Feb. 3-4*", (2026, 2, 3), (2026, 2, 4), True),
        ("Sept. 1-2", (2026, 9, 1), (2026, 9, 2), False),
        ("AUGUST 5-6", (2026, 8, 5), (2026, 8, 6), False),
        ("May 20", (2026, 5, 20), (2026, 5, 20), False),
        ("May 12\u201313*", (2026, 5, 12), (2026, 5, 13), True),
        ("May 12\u00a0&ndash;&nbsp;13\u00a0*", (2026, 5, 12), (2026, 5, 13), True),
        ("May 12-13<sup>*</sup><!-- confirmed -->", (2026, 5, 12), (2026, 5, 13), True),
        ("May 4-6", (2026, 5, 4), (2026, 5, 6), False),
        ("Apr/May 30-1*", (2026, 4, 30), (2026, 5, 1), True),
        ("April/May 30-1", (2026, 4, 30), (2026, 5, 1), False),
        ("Jan/Feb 31-1", (2026, 1, 31), (2026, 2, 1), False),
        ("Oct./Nov. 31-1", (2026, 10, 31), (2026, 11, 1), False),
        ("Feb/Mar 28-1", (2026, 2, 28), (2026, 3, 1), False),
        ("Dec/Jan 31-1", (2026, 12, 31), (2027, 1, 1), False),
    ],
)
def test_month_and_days_become_dates(
    text: str, first: tuple[int, int, int], last: tuple[int, int, int], stars: bool
) -> None:
    calendar = read({2026: (*EIGHT, text)})

    (meeting,) = (one for one in calendar.meetings if one.text not in EIGHT)
    assert (meeting.first, meeting.last) == (date(*first), date(*last))
    assert (meeting.has_projections, meeting.kind) == (stars, SCHEDULED)
    assert calendar.meetings == tuple(sorted(calendar.meetings, key=lambda one: one.last))
    assert calendar.warnings == ()


@pytest.mark.parametrize(
    ("days", "kind", "is_cancelled", "title"),
    [
        ("20-21", SCHEDULED, False, "FOMC decision"),
        ("20-21*", SCHEDULED, False, "FOMC decision with projections (SEP)"),
        ("21 (notation vote)", NOTATION_VOTE, False, "FOMC notation vote"),
        ("21 (Notation Vote)", NOTATION_VOTE, False, "FOMC notation vote"),
        ("21 (unscheduled)", UNSCHEDULED, False, "FOMC unscheduled meeting"),
        ("20-21 (unscheduled)", UNSCHEDULED, False, "FOMC unscheduled meeting"),
        ("20-21 (cancelled)", SCHEDULED, True, "FOMC meeting (cancelled)"),
        ("20-21* (canceled)", SCHEDULED, True, "FOMC meeting (cancelled)"),
        ("20-21 (cancelled)*", SCHEDULED, True, "FOMC meeting (cancelled)"),
        ("21 (unscheduled) (cancelled)", UNSCHEDULED, True, "FOMC unscheduled meeting (cancelled)"),
        ("21 (unscheduled, cancelled)", UNSCHEDULED, True, "FOMC unscheduled meeting (cancelled)"),
        (
            "21 (cancelled and unscheduled)",
            UNSCHEDULED,
            True,
            "FOMC unscheduled meeting (cancelled)",
        ),
        ("21 (unscheduled; notation vote)", NOTATION_VOTE, False, "FOMC notation vote"),
    ],
)
def test_a_qualifier_tells_the_kind_and_whether_it_takes_place(
    days: str, kind: MeetingKind, is_cancelled: bool, title: str
) -> None:
    calendar = read({2026: (*EIGHT, f"May {days}")})

    event = event_of(calendar, date(2026, 5, 21))

    takes_place = kind is SCHEDULED and not is_cancelled
    assert (event.event_type, event.subject, event.title) == (EventType.FOMC, kind.value, title)
    assert (event.is_cancelled, event.confidence) == (is_cancelled, Confidence.CONFIRMED)
    assert event.detail["projections"] is ("*" in days)
    assert event.event_time == (time(14, 0) if takes_place else None)
    assert event.start_at_utc == (datetime(2026, 5, 21, 18, 0, tzinfo=UTC) if takes_place else None)
    assert calendar.warnings == ()


@pytest.mark.parametrize("days", ["20-21 (conference call)", "20-21* (conference call, cancelled)"])
def test_an_unknown_qualifier_never_makes_a_scheduled_meeting(days: str) -> None:
    calendar = read({2026: (*EIGHT, f"May {days}")})

    event = event_of(calendar, date(2026, 5, 21))

    assert (event.subject, event.start_at_utc) == ("unscheduled", None)
    (warning,) = calendar.warnings
    assert f"'May {days}' of 2026" in warning
    assert "conference call" in warning


def test_an_event_carries_what_the_page_says() -> None:
    event = event_of(read({2026: EIGHT}), date(2026, 12, 9))

    assert (event.symbol, event.end_date, event.market_timezone) == (None, None, "America/New_York")
    assert event.source_url == URL
    assert event.raw == {"row": "December 8-9*"}
    assert event.detail == {
        "kind": "scheduled",
        "first_day": "2026-12-08",
        "last_day": "2026-12-09",
        "projections": True,
        "tentative": False,
    }
    assert Event.from_dict(event.to_dict()) == event


@pytest.fixture(params=["UTC", "Asia/Singapore", "America/Los_Angeles"])
def _host_zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", request.param)
    clock.tzset()
    yield
    monkeypatch.undo()
    clock.tzset()


@pytest.mark.usefixtures("_host_zone")
def test_the_decision_is_at_two_in_new_york_in_summer_and_in_winter() -> None:
    calendar = read({2026: (*EIGHT[:-2], "Oct/Nov 30-1", "December 8-9*")})

    instants = {one.event_date: one.start_at_utc for one in events(calendar, source_url=URL)}

    assert instants[date(2026, 1, 28)] == datetime(2026, 1, 28, 19, 0, tzinfo=UTC)
    # Ten days after summer time began in the United States, eleven before it does in Europe.
    assert instants[date(2026, 3, 18)] == datetime(2026, 3, 18, 18, 0, tzinfo=UTC)
    # The day on which it ends, at two in the morning.
    assert instants[date(2026, 11, 1)] == datetime(2026, 11, 1, 19, 0, tzinfo=UTC)
    assert instants[date(2026, 12, 9)] == datetime(2026, 12, 9, 19, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("today", "confirmed"),
    [
        (date(2026, 9, 15), date(2026, 9, 16)),
        (date(2026, 9, 16), date(2026, 9, 16)),
        # 28 October is cancelled, and what is not scheduled confirms nothing.
        (date(2026, 9, 17), date(2026, 12, 9)),
    ],
)
def test_all_that_is_to_come_is_tentative_but_the_next_scheduled_meeting(
    today: date, confirmed: date
) -> None:
    rows = (*SIX, "October 5 (unscheduled)", "October 27-28 (cancelled)", "December 8-9*")
    calendar = read({2026: rows, 2027: EIGHT}, today)

    tentative = [
        one.event_date for one in events(calendar, source_url=URL) if one.detail["tentative"]
    ]

    to_come = [one.last for one in calendar.meetings if one.last >= today]
    assert tentative == [day for day in to_come if day != confirmed]
    assert confirmed in to_come


def test_neither_panels_nor_rows_need_an_order() -> None:
    panels: Panels = {2026: EIGHT, 2025: EIGHT, 2027: EIGHT}

    shuffled = read({2027: EIGHT[::-1], 2026: EIGHT[3:] + EIGHT[:3], 2025: EIGHT})

    assert shuffled == read(panels)
    assert [one.last.year for one in shuffled.meetings] == [2025] * 8 + [2026] * 8 + [2027] * 8


@pytest.mark.parametrize(
    ("later", "until", "warnings"),
    [
        ({}, 2026, []),
        ({2027: EIGHT}, 2027, []),
        ({2027: EIGHT, 2028: EIGHT}, 2028, []),
        ({2027: SIX}, 2026, ["2027"]),
        ({2027: ()}, 2026, ["2027"]),
        ({2027: (*SIX, "May 1 (unscheduled)", "May 2 (notation vote)")}, 2026, ["2027"]),
        ({2027: (*SIX, "May 5-6 (cancelled)", "August 5-6")}, 2027, []),
        ({2027: SIX, 2028: EIGHT}, 2026, ["2027"]),
        ({2028: EIGHT}, 2026, []),
        ({2027: EIGHT, 2029: EIGHT}, 2027, []),
    ],
)
def test_absence_tells_something_only_up_to_the_last_whole_year_without_a_gap(
    later: Panels, until: int, warnings: list[str]
) -> None:
    calendar = read({2026: EIGHT, **later})

    assert calendar.complete_until == date(until, 12, 31)
    assert len(calendar.meetings) == 8 + sum(map(len, later.values()))
    assert [
        year for warning in calendar.warnings for year in warnings if year in warning
    ] == warnings
    assert len(calendar.warnings) == len(warnings)


def test_in_december_next_years_panel_is_missed() -> None:
    assert read({2026: EIGHT}, date(2026, 11, 30)).warnings == ()
    (warning,) = read({2026: EIGHT}, date(2026, 12, 1)).warnings
    assert "2027" in warning
    assert read({2026: EIGHT, 2027: EIGHT}, date(2026, 12, 1)).warnings == ()


def test_a_cancelled_meeting_counts_as_scheduled() -> None:
    """March 2020: two unscheduled meetings replaced the scheduled one, which stayed on the page."""
    rows = (
        *("January 28-29", "March 3 (unscheduled)", "March 15 (unscheduled)"),
        *("March 17-18 (cancelled)", "March 19 (notation vote)", "April 28-29", "June 9-10*"),
        *("July 28-29", "August 27 (notation vote)", "September 15-16*", "November 4-5"),
        "December 15-16*",
    )

    calendar = read({2020: rows}, date(2020, 12, 1))

    kinds = [one.kind for one in calendar.meetings]
    assert [kinds.count(kind) for kind in MeetingKind] == [8, 2, 2]
    assert calendar.complete_until == date(2020, 12, 31)


@pytest.mark.parametrize(
    ("panels", "told"),
    [
        ({}, "found no panels"),
        ({2025: EIGHT, 2027: EIGHT}, "'2026 FOMC Meetings', found 2025, 2027"),
        ({2026: EIGHT[1:]}, "expected 8 scheduled meetings of 2026, found 7"),
        ({2026: ()}, "expected 8 scheduled meetings of 2026, found 0"),
        ({2026: (*EIGHT[1:], "May 5 (unscheduled)")}, "of 2026, found 7"),
        ({2026: (*EIGHT[1:], "May 5 (unscheduled) (cancelled)")}, "of 2026, found 7"),
        ({2026: (*EIGHT[1:], "May 5-6 (conference call)")}, "of 2026, found 7"),
        ({2026: EIGHT, 2024: EIGHT[1:]}, "expected 8 scheduled meetings of 2024, found 7"),
        ({2026: (*EIGHT, *(f"May {n}" for n in range(1, 6)))}, "of 2026, found 13"),
        ({2026: EIGHT, 2027: (*EIGHT, *(f"May {n}" for n in range(1, 6)))}, "of 2027, found 13"),
        ({2026: (*EIGHT, "March 17-18*")}, "'March 17-18*' and 'March 17-18*'"),
        (
            {2026: (*EIGHT, "March 17-18 (cancelled)")},
            "'March 17-18*' and 'March 17-18 (cancelled)'",
        ),
        ({2026: (*EIGHT, "May 1 (unscheduled)", "May 1 (unscheduled)")}, "'May 1 (unscheduled)'"),
        ({2026: EIGHT, 2023: (*EIGHT, "March 17-18*")}, "'March 17-18*' and 'March 17-18*'"),
    ],
)
def test_a_page_that_lacks_what_it_must_hold_is_refused(panels: Panels, told: str) -> None:
    message = refusal(page(panels))

    assert told in message
    assert "Check the page" in message


LAST = "December 8-9*"


@pytest.mark.parametrize("word", ["press conference", "With press conference", "statement only"])
def test_a_word_that_leaves_the_days_as_they_are_is_a_warning(word: str) -> None:
    calendar = read({2026: (*EIGHT[:7], f"{LAST} ({word})")})

    assert [one.kind for one in calendar.meetings] == [SCHEDULED] * 8
    assert calendar.meetings[-1].last == date(2026, 12, 9)
    (warning,) = calendar.warnings
    assert warning == (
        f"the row '{LAST} ({word})' of 2026 says '{word.lower()}', which does not change its days; "
        "kept as FOMC meeting"
    )


@pytest.mark.parametrize("year", [2026, 2027])
@pytest.mark.parametrize(
    "word", ["rescheduled", "postponed", "Rescheduled from December 1-2", "date changed", "moved"]
)
def test_a_word_that_may_move_a_meeting_to_come_is_the_fault(year: int, word: str) -> None:
    """Also where the year has its eight meetings all the same."""
    for rows in (EIGHT[:7], (*EIGHT[:7], "November 24-25")):
        message = refusal(page({2026: EIGHT} | {year: (*rows, f"{LAST} ({word})")}))

        assert f"the row '{LAST} ({word})' of {year} says '{word.lower()}'" in message
        assert "so its days may not hold; expected days without such a word" in message
        assert "The stored meetings stay." in message
        assert "Read the Federal Reserve's announcement" in message
        assert "found 7" not in message


def test_a_meeting_that_is_over_cannot_be_moved_any_more() -> None:
    rows = ("January 27-28 (rescheduled)", *EIGHT[1:])

    calendar = read({2026: rows})

    assert calendar.meetings == read({2026: rows}).meetings
    assert [one.kind for one in calendar.meetings] == [SCHEDULED] * 8
    (warning,) = calendar.warnings
    assert "'January 27-28 (rescheduled)' of 2026 says 'rescheduled', which may have" in warning
    assert "its day is over" in warning


def test_a_meeting_that_is_missed_is_looked_for_in_the_rows_that_nobody_understands() -> None:
    message = refusal(page({2026: (*EIGHT[:7], f"{LAST} (hybrid)")}))

    assert (
        f"expected 8 scheduled meetings of 2026, found 7: the row '{LAST} (hybrid)' of 2026 says "
        "'hybrid', whose meaning is unknown"
    ) in message


@pytest.mark.parametrize("year", [2026, 2027])
@pytest.mark.parametrize(
    "text",
    [
        "Brumaire 5-6",
        "Ma 5-6",
        "Marchtober 5-6",
        "May TBD",
        "May 5-6**",
        "May 5-6 (cancelled",
        "May 5-6 tentative",
        "May 5-6-7",
        "May 6-5",
        "May 5-5",
        "May 1-28",
        "May 30-1",
        "May 0",
        "May 31-32",
        "February 29-30",
        "June 31",
        "Apr/Jun 30-1",
        "May/Apr 30-1",
        "Apr/May 30",
        "Apr/May 1-30",
        "Mar/Apr/May 30-1",
        "May/May 5-6",
        "Jan/Dec 31-1",
        "&nbsp; 5-6",
        "May &nbsp;",
        "May " + "5" * 5000,
        "May 5-6" + " (unscheduled)" * 20,
        "May <i></i>" + "<i>" * 60 + "5-6" + "</i>" * 60,
    ],
)
def test_a_row_that_cannot_be_read_is_refused_now_and_later(year: int, text: str) -> None:
    message = refusal(page({2026: EIGHT} | {year: (*EIGHT, text)}))

    assert f"of {year} cannot be read" in message
    assert text.split(maxsplit=1)[0].replace("&nbsp;", "") in message
    assert len(message) < 500


def test_a_row_of_a_past_year_that_cannot_be_read_is_left_out_with_a_warning() -> None:
    rows = (*EIGHT[1:], "Brumaire 5-6", "February 29-30")

    calendar = read({2025: rows, 2026: EIGHT})

    assert len(calendar.meetings) == 15
    brumaire, february = calendar.warnings
    assert "'Brumaire 5-6' of 2025 cannot be read" in brumaire
    assert "'February 29-30' of 2025 cannot be read" in february


def test_a_page_without_its_cells_is_refused() -> None:
    renamed = page({2026: EIGHT}).replace(b"fomc-meeting__date", b"fomc-meeting__days")
    assert "'January ' of 2026 cannot be read" in refusal(renamed)

    without_rows = page({2026: EIGHT}).replace(b"row fomc-meeting", b"row fomc-gathering")
    assert "expected 8 scheduled meetings of 2026, found 0" in refusal(without_rows)


def test_a_row_is_never_given_to_the_wrong_year() -> None:
    """A panel whose heading changed must not add its rows to the panel above it."""
    other_words = panel("Tentative 2027", SIX[:2])

    assert "'January 27-28' has no heading" in refusal(page({2026: EIGHT}, other_words))
    assert "one panel of 2026, found two" in refusal(page({2026: EIGHT}, panel(2026, ())))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "expected a UTF-8 web page"),
        (b"  \n", "expected a UTF-8 web page"),
        (page({2026: EIGHT}).decode().encode("utf-16"), "expected a UTF-8 web page"),
        (page({2026: EIGHT, 2027: EIGHT})[:-500], "cut off"),
        (page({2026: EIGHT}, "<div>" * 300), "parses only up to line"),
        (b"<html><p>We will be back soon.</p></html>", "found no panels"),
    ],
)
def test_what_is_not_the_whole_page_is_refused(content: bytes, told: str) -> None:
    assert told in refusal(content)
