"""Holidays and early closes, against days that are written out by hand."""

import time as clock
import warnings
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache

import pytest

from tws_maintenance.config.venues import XHKG, XNYS, XSES, Venue
from tws_maintenance.core.errors import SourceError
from tws_maintenance.market_events.model import Confidence, Event, EventType, Window
from tws_maintenance.market_events.providers.calendars import (
    Day,
    SecondOpinion,
    VenueCalendar,
    _around,
    _second_calendar,
    _second_opinion,
    answer,
    compare,
    days_of,
    is_closed_day,
    known_until,
    may_be_open,
)
from tws_maintenance_tests.defaults import VENUES

# As an error, what pandas warns of inside exchange_calendars would cost the comparison.
pytestmark = pytest.mark.filterwarnings("error")

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
CLOSED, EARLY = EventType.MARKET_HOLIDAY, EventType.MARKET_EARLY_CLOSE
BOTH = ["holidays", "exchange_calendars"]
FAR = date(2099, 12, 31)
XMAS = date(2026, 12, 25)
HOLIDAY = Day(None, "Christmas Day", "Christmas Day")
HALF_DAY = Day(time(12, 0), "Christmas Day", "Christmas Day (Half-Day Trading Day)")
THEIR_HOLIDAY = Day(None, text="closed")
THEIR_HALF_DAY = Day(time(12, 30), text="closes at 12:30")
ONE_KNOWS = (
    "Singapore's holidays after 2026-12-31 are known to the package holidays only: "
    "exchange_calendars ends there and cannot cross-check them. Update exchange_calendars "
    "when a longer release is out"
)

# Compare https://www.nyse.com/markets/hours-calendars
NEW_YORK = (
    "2026-01-01 01-19 02-16 04-03 05-25 06-19 07-03 09-07 11-26 12-25",
    "2026-11-27 12-24",
    "2027-01-01 01-18 02-15 03-26 05-31 06-18 07-05 09-06 11-25 12-24",
    "2027-11-26",
)
# Compare https://www.mom.gov.sg/employment-practices/public-holidays
SINGAPORE = (
    "2026-01-01 02-17 02-18 04-03 05-01 05-27 06-01 08-10 11-09 12-25",
    "2026-02-16 12-24 12-31",
    "2027-01-01 02-08 03-10 03-26 05-17 05-20 08-09 10-28",
    "2027-02-05 12-24 12-31",
)
# Compare https://www.gov.hk/en/about/abouthk/holiday/
HONG_KONG = (
    "2026-01-01 02-17 02-18 02-19 04-03 04-06 04-07 05-01 05-25 06-19 07-01 10-01 10-19 12-25",
    "2026-02-16 12-24 12-31",
    "2027-01-01 02-08 02-09 03-26 03-29 04-05 05-13 06-09 07-01 09-16 10-01 10-08 12-27",
    "2027-02-05 12-24 12-31",
)


def days(text: str) -> list[date]:
    """Return the days of a line above: a year and its months and days."""
    year = text[:5]
    return [date.fromisoformat(year + one) for one in text[5:].split()]


@cache
def whole_year(venue: Venue, year: int) -> VenueCalendar:
    # At 06:00 UTC on 1 January it is that day in all three zones.
    return answer(venue, Window(datetime(year, 1, 1, 6, 0, tzinfo=UTC), 364))


def dates(calendar: VenueCalendar, kind: EventType) -> list[date]:
    return [one.event_date for one in calendar.events if one.event_type is kind]


def event_on(day: date, calendar: VenueCalendar) -> Event:
    (event,) = (one for one in calendar.events if one.event_date == day)
    return event


def opinion(found: dict[date, Day], until: date = FAR, *, half_days: bool = True) -> SecondOpinion:
    return SecondOpinion(found, until, has_early_closes=half_days)


@pytest.mark.parametrize(
    ("venue", "year", "closed", "early"),
    [
        (XNYS, 2026, *NEW_YORK[:2]),
        (XNYS, 2027, *NEW_YORK[2:]),
        (XSES, 2026, *SINGAPORE[:2]),
        (XSES, 2027, *SINGAPORE[2:]),
        (XHKG, 2026, *HONG_KONG[:2]),
        (XHKG, 2027, *HONG_KONG[2:]),
    ],
)
def test_a_year_has_the_holidays_and_half_days_of_its_exchange(
    venue: Venue, year: int, closed: str, early: str
) -> None:
    calendar = whole_year(venue, year)

    assert dates(calendar, CLOSED) == days(closed)
    assert dates(calendar, EARLY) == days(early)
    assert {one.confidence for one in calendar.events} == {Confidence.CONFIRMED}
    assert calendar.known_until >= date(year, 12, 31)
    assert calendar.warnings == ((ONE_KNOWS,) if (venue, year) == (XSES, 2027) else ())


def test_new_york_takes_christmas_off_on_the_eve_and_trades_on_the_last_day_of_2027() -> None:
    event = whole_year(XNYS, 2027).events[-1]

    assert event.title == "New York closed: Christmas Day (observed)"
    assert (event.event_date, event.event_type) == (date(2027, 12, 24), CLOSED)
    assert is_closed_day(XNYS, date(2027, 12, 31), at=NOW) is False


def test_a_closure_at_short_notice_is_known() -> None:
    event = event_on(date(2025, 1, 9), whole_year(XNYS, 2025))

    assert event.event_type is CLOSED
    assert "National Day of Mourning" in event.title
    assert event.detail["sources"] == BOTH


def test_a_holiday_is_a_local_date_and_an_early_close_an_instant() -> None:
    thanksgiving, day_after = answer(XNYS, Window(NOW, 7)).events

    assert thanksgiving == Event(
        event_type=CLOSED,
        subject="XNYS",
        title="New York closed: Thanksgiving Day",
        event_date=date(2026, 11, 26),
        market_timezone="America/New_York",
        detail={"venue": "XNYS", "name": "Thanksgiving Day", "sources": BOTH},
        raw={"holidays": "Thanksgiving Day", "exchange_calendars": "closed"},
    )
    assert day_after == Event(
        event_type=EARLY,
        subject="XNYS",
        title="New York closes early at 13:00: Day after Thanksgiving Day",
        event_date=date(2026, 11, 27),
        market_timezone="America/New_York",
        event_time=time(13, 0),
        start_at_utc=datetime(2026, 11, 27, 18, 0, tzinfo=UTC),
        detail={"venue": "XNYS", "name": "Day after Thanksgiving Day", "sources": BOTH},
        raw={
            "holidays": "Day after Thanksgiving Day (markets close at 1:00pm)",
            "exchange_calendars": "closes at 13:00",
        },
    )
    assert [Event.from_dict(one.to_dict()) for one in (thanksgiving, day_after)] == [
        thanksgiving,
        day_after,
    ]


@pytest.mark.parametrize(
    ("venue", "day", "title", "hour"),
    [
        (XNYS, date(2025, 7, 3), "New York closes early at 13:00", 17),
        (XNYS, date(2025, 12, 24), "New York closes early at 13:00", 18),
        (XSES, date(2026, 12, 24), "Singapore closes early at 12:00", 4),
        (XHKG, date(2026, 12, 24), "Hong Kong closes early at 12:00", 4),
    ],
)
def test_an_early_close_is_told_as_an_instant_in_summer_and_in_winter(
    venue: Venue, day: date, title: str, hour: int
) -> None:
    event = event_on(day, whole_year(venue, day.year))

    assert event.title.startswith(f"{title}: ")
    assert "(" not in event.title
    assert event.start_at_utc == datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "found"),
    [
        ((26, 14, 30), [26, 27]),  # 09:30 in New York: it would open now
        ((27, 4, 59), [26, 27]),  # one minute to midnight there, long the 27th in Asia
        ((27, 5, 0), [27]),
        ((28, 5, 0), []),
    ],
)
def test_the_holiday_of_today_is_there_until_its_day_is_over_in_new_york(
    at: tuple[int, int, int], found: list[int]
) -> None:
    window = Window(datetime(2026, 11, *at, tzinfo=UTC), 3)

    calendar = answer(XNYS, window)

    assert [one.event_date.day for one in calendar.events] == found
    assert all(window.holds(one) for one in calendar.events)
    assert is_closed_day(XNYS, date(2026, 11, 26), at=window.at) is True


def test_the_zone_of_the_host_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    window = Window(datetime(2026, 11, 27, 4, 59, tzinfo=UTC), 3)
    expected = answer(XNYS, window)
    try:
        for zone in ("Pacific/Kiritimati", "America/Los_Angeles"):
            monkeypatch.setenv("TZ", zone)
            clock.tzset()
            days_of.cache_clear()
            assert answer(XNYS, window) == expected
            assert is_closed_day(XNYS, date(2026, 11, 26), at=window.at) is True
    finally:
        monkeypatch.undo()
        clock.tzset()


def test_the_last_day_of_the_window_is_in_it() -> None:
    at = datetime(2026, 12, 20, 12, 0, tzinfo=UTC)

    assert [one.event_date.day for one in answer(XSES, Window(at, 4)).events] == [24]
    assert [one.event_date.day for one in answer(XSES, Window(at, 5)).events] == [24, 25]


@pytest.mark.parametrize(("venue", "language"), [(XNYS, "hi"), (XSES, "th"), (XHKG, "zh_CN")])
def test_names_do_not_follow_the_language_of_the_host(
    venue: Venue, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Left to itself `holidays` answers in it, and "(estimated)" could not be read any more."""
    expected = whole_year(venue, 2027)

    for name in ("LANGUAGE", "LC_ALL", "LANG"):
        monkeypatch.setenv(name, language)
    days_of.cache_clear()

    assert whole_year.__wrapped__(venue, 2027) == expected
    assert {one.title.isascii() for one in expected.events} == {True}


def test_a_year_is_computed_once_and_nobody_changes_it() -> None:
    days = days_of(XNYS, 2026)
    assert days is not None
    assert days_of(XNYS, 2026) is days
    with pytest.raises(TypeError):
        days[XMAS] = HALF_DAY  # type: ignore[index]
    assert days[XMAS].closes is None


def test_no_event_falls_on_a_weekend() -> None:
    """New Year's Day 2022 was a Saturday, which Chicago's calendar lists all the same."""
    chicago = replace(XNYS, code="XCME")

    calendar = answer(chicago, Window(datetime(2021, 12, 20, 12, 0, tzinfo=UTC), 20))

    assert dates(calendar, CLOSED) == [date(2021, 12, 24)]


def test_closed_all_day_wins_over_a_half_day() -> None:
    """In Istanbul 23 April 2029 is a national holiday and the eve of a moving one."""
    istanbul = replace(XNYS, code="BIST", timezone="Europe/Istanbul")

    calendar = answer(istanbul, Window(datetime(2029, 4, 20, 12, 0, tzinfo=UTC), 3))

    assert dates(calendar, CLOSED) == [date(2029, 4, 23)]
    assert dates(calendar, EARLY) == []


def test_singapore_is_checked_as_far_as_the_second_package_goes() -> None:
    """It ends on 31 December 2026, and has no half days, which contradicts nothing."""
    calendar = answer(XSES, Window(datetime(2026, 12, 23, 12, 0, tzinfo=UTC), 20))

    assert calendar.warnings == (ONE_KNOWS,)
    assert answer(XSES, Window(datetime(2026, 12, 23, 12, 0, tzinfo=UTC), 8)).warnings == ()
    in_2027 = Window(datetime(2027, 2, 1, 12, 0, tzinfo=UTC), 20)
    assert answer(XSES, in_2027).warnings == (ONE_KNOWS,)
    assert {one.event_date.isoformat(): one.detail["sources"] for one in calendar.events} == {
        "2026-12-24": ["holidays"],
        "2026-12-25": BOTH,
        "2026-12-31": ["holidays"],
        "2027-01-01": ["holidays"],
    }
    assert {one.confidence for one in calendar.events} == {Confidence.CONFIRMED}


def test_past_the_end_of_the_second_package_there_is_nothing_to_compare() -> None:
    calendar = answer(XSES, Window(datetime(2040, 5, 1, 12, 0, tzinfo=UTC), 10))

    assert [warning for warning in calendar.warnings if "Could not cross-check" in warning] == []
    assert "Singapore closed: Labor Day" in {one.title for one in calendar.events}


@pytest.mark.parametrize("venue", VENUES, ids=lambda venue: venue.code)
def test_the_second_package_computes_a_few_years_and_says_of_them_what_it_always_says(
    venue: Venue,
) -> None:
    first, last = date(2023, 1, 1), date(2023, 12, 31)
    kind = _second_calendar(venue)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as the program does
        nearby = _around(kind, first, last)(start=first, end=last)
        whole = kind(start=first, end=last)
        regular = nearby.regular_holidays  # None for Singapore, whose days are written out
        years = {day.year for day in regular.holidays()} if regular else set()

    assert list(nearby.sessions) == list(whole.sessions)
    assert list(nearby.closes) == list(whole.closes)
    assert years <= {*range(2021, 2026)}


def test_a_missing_half_day_contradicts_in_new_york_and_hong_kong_alone() -> None:
    first, last = date(2026, 11, 22), date(2026, 12, 31)

    knowing = [one for one in VENUES if _second_opinion(one, first, last).has_early_closes]

    assert knowing == [XNYS, XHKG]


def test_a_window_without_any_session_is_checked_too() -> None:
    """Christmas 2026 in New York, a Friday, and the weekend after it."""
    calendar = answer(XNYS, Window(datetime(2026, 12, 25, 12, 0, tzinfo=UTC), 2))

    assert event_on(XMAS, calendar).detail["sources"] == BOTH
    assert calendar.warnings == ()


@pytest.mark.parametrize("venue", VENUES)
def test_nothing_beyond_next_year_is_believed(venue: Venue) -> None:
    assert known_until(venue, date(2026, 1, 1)) == date(2027, 12, 31)
    assert known_until(venue, date(2026, 12, 31)) == date(2027, 12, 31)

    calendar = answer(venue, Window(NOW, 500))

    assert calendar.known_until == date(2027, 12, 31)
    unknown = f"{venue.name}'s holidays are known until 2027-12-31; later ones are unknown"
    assert calendar.warnings == ((unknown, ONE_KNOWS) if venue == XSES else (unknown,))
    later = [one for one in calendar.events if one.event_date > calendar.known_until]
    assert later
    assert {one.confidence for one in later} == {Confidence.ESTIMATED}
    assert is_closed_day(venue, date(2027, 12, 30), at=NOW) is False
    assert is_closed_day(venue, date(2028, 1, 3), at=NOW) is None


def test_a_year_with_estimated_holidays_is_not_believed() -> None:
    """Nobody has announced Singapore's 2064, whichever release of the package is installed."""
    at = datetime(2064, 1, 20, 12, 0, tzinfo=UTC)

    calendar = answer(XSES, Window(at, 100))

    told = {one.title: str(one.raw["holidays"]) for one in calendar.events}
    assert told["Singapore closed: Eid al-Fitr"] == "Eid al-Fitr (observed, estimated)"
    assert told["Singapore closed: Chinese New Year"].endswith("estimated)")
    # It has no mark of its own, but the year it is in was not announced either.
    assert told["Singapore closed: Good Friday"] == "Good Friday"
    assert [title for title in told if "(" in title] == []
    assert {one.confidence for one in calendar.events} == {Confidence.ESTIMATED}
    assert calendar.known_until < date(2050, 12, 31)
    assert f"known until {calendar.known_until}" in calendar.warnings[0]
    assert is_closed_day(XSES, date(2064, 1, 21), at=at) is None
    assert is_closed_day(XSES, date(2064, 1, 23), at=at) is None


def test_a_mark_makes_a_holiday_estimated_wherever_it_lies() -> None:
    vesak_day = Day(None, "Vesak Day", "Vesak Day (estimated)", is_estimated=True)

    (event,), told = compare(XSES, {XMAS: vesak_day}, opinion({XMAS: THEIR_HOLIDAY}), FAR)

    assert (event.confidence, told) == (Confidence.ESTIMATED, ())


def test_next_year_is_believed_only_when_it_was_announced() -> None:
    """The last year that was, as seen from its own first day: the next one is all estimates."""
    last = known_until(XSES, date(2064, 1, 20)).year

    has_estimates = [
        any("estimated" in str(one.raw["holidays"]) for one in whole_year(XSES, year).events)
        for year in (last, last + 1)
    ]
    assert has_estimates == [False, True]
    assert known_until(XSES, date(last - 1, 6, 1)) == date(last, 12, 31)
    assert known_until(XSES, date(last, 6, 1)) == date(last, 12, 31)
    assert known_until(XSES, date(last + 1, 6, 1)) == date(last, 12, 31)


@pytest.mark.parametrize(
    ("venue", "day", "is_closed"),
    [
        (XNYS, date(2026, 11, 25), False),
        (XNYS, date(2026, 11, 26), True),
        (XNYS, date(2026, 11, 27), False),  # closes early
        (XNYS, date(2026, 11, 28), True),
        (XNYS, date(2026, 11, 29), True),
        (XNYS, date(2025, 1, 9), True),
        (XNYS, date(2027, 12, 24), True),
        (XSES, date(2026, 12, 24), False),
        (XSES, date(2026, 8, 10), True),
        (XHKG, date(2026, 4, 7), True),
        (XHKG, date(2013, 12, 25), None),  # before the package begins
        (XHKG, date(2028, 12, 25), None),
        (XHKG, date(2028, 12, 30), True),  # a Saturday is one in any year
        (XNYS, date(2150, 7, 4), True),
        (XNYS, date(2150, 7, 6), None),
    ],
)
def test_a_day_is_closed_open_or_unknown(venue: Venue, day: date, is_closed: bool | None) -> None:
    assert is_closed_day(venue, day, at=NOW) is is_closed


def test_the_present_is_now_unless_it_is_given() -> None:
    this_year = datetime.now(UTC).year

    told = []
    for year in (this_year, this_year + 2):
        march = [date(year, 3, number) for number in range(1, 8)]
        told += [is_closed_day(XNYS, day) for day in march if day.weekday() == 2]

    assert told == [False, None]


@pytest.mark.parametrize(
    ("first", "second", "title", "sources"),
    [
        (HOLIDAY, None, "Hong Kong closed: Christmas Day", BOTH[:1]),
        (None, THEIR_HOLIDAY, "Hong Kong closed", BOTH[1:]),
        (HALF_DAY, None, "Hong Kong closes early at 12:00: Christmas Day", BOTH[:1]),
        (None, THEIR_HALF_DAY, "Hong Kong closes early at 12:30", BOTH[1:]),
        (HALF_DAY, THEIR_HOLIDAY, "Hong Kong closed: Christmas Day", BOTH[1:]),
        (HOLIDAY, THEIR_HALF_DAY, "Hong Kong closed: Christmas Day", BOTH[:1]),
    ],
)
def test_a_contradiction_is_told_and_the_graver_word_is_kept(
    first: Day | None, second: Day | None, title: str, sources: list[str]
) -> None:
    ours, theirs = ({XMAS: one} if one else {} for one in (first, second))

    (event,), (warning,) = compare(XHKG, ours, opinion(theirs), FAR)

    assert (event.title, event.detail["sources"]) == (title, sources)
    assert event.event_type is (CLOSED if "closed" in title else EARLY)
    assert (event.start_at_utc is None) is ("closed" in title)
    assert event.confidence is Confidence.ESTIMATED
    said = {None: "open", HOLIDAY: "closed", THEIR_HOLIDAY: "closed"}
    assert warning.startswith(
        f"Hong Kong on 2026-12-25: holidays says {said.get(first, 'closes early')} and "
        f"exchange_calendars says {said.get(second, 'closes early')}"
    )


@pytest.mark.parametrize(
    ("first", "second", "closes"),
    [(HOLIDAY, THEIR_HOLIDAY, None), (HALF_DAY, THEIR_HALF_DAY, time(12, 30))],
)
def test_what_both_say_is_confirmed_with_the_time_of_the_one_that_knows_it(
    first: Day, second: Day, closes: time | None
) -> None:
    (event,), told = compare(XHKG, {XMAS: first}, opinion({XMAS: second}), FAR)

    assert (event.confidence, event.detail["sources"], told) == (Confidence.CONFIRMED, BOTH, ())
    assert event.event_time == closes
    assert event.start_at_utc == (datetime(2026, 12, 25, 4, 30, tzinfo=UTC) if closes else None)


def test_a_package_contradicts_only_where_it_knows() -> None:
    for ours, theirs in (
        (HOLIDAY, opinion({}, XMAS - timedelta(days=1))),
        (HALF_DAY, opinion({}, half_days=False)),
    ):
        (event,), told = compare(XSES, {XMAS: ours}, theirs, FAR)
        assert (event.confidence, told) == (Confidence.CONFIRMED, ())

    (event,), told = compare(XSES, {XMAS: HOLIDAY}, opinion({}, half_days=False), FAR)
    assert (event.confidence, len(told)) == (Confidence.ESTIMATED, 1)


def test_a_contradiction_reaches_the_answer() -> None:
    """In September 2023 two typhoons closed Hong Kong, of which exchange_calendars knew nothing."""
    calendar = answer(XHKG, Window(datetime(2023, 8, 30, 12, 0, tzinfo=UTC), 12))

    assert dates(calendar, CLOSED) == [date(2023, 9, 1), date(2023, 9, 8)]
    if calendar.events[0].detail["sources"] == BOTH:
        pytest.skip("the packages agree by now")
    assert {one.confidence for one in calendar.events} == {Confidence.ESTIMATED}
    assert [warning[:24] for warning in calendar.warnings] == [
        "Hong Kong on 2023-09-01:",
        "Hong Kong on 2023-09-08:",
    ]


def test_without_the_second_package_the_first_one_answers_alone() -> None:
    """`holidays` knows New York as NYSE too, exchange_calendars has no module of that name."""
    calendar = whole_year(replace(XNYS, code="NYSE"), 2027)

    assert dates(calendar, CLOSED) == dates(whole_year(XNYS, 2027), CLOSED)
    assert {repr(one.detail["sources"]) for one in calendar.events} == {"['holidays']"}
    assert {one.confidence for one in calendar.events} == {Confidence.CONFIRMED}
    (warning,) = calendar.warnings
    assert "Could not cross-check New York's holidays" in warning


def test_without_the_first_package_there_is_no_answer() -> None:
    unknown = replace(XNYS, code="XXXX", name="Nowhere")

    with pytest.raises(
        SourceError, match=r"could not compute the holidays of Nowhere \(XXXX\) in 2026"
    ):
        answer(unknown, Window(NOW, 28))
    with pytest.raises(SourceError, match="Nowhere"):
        is_closed_day(unknown, date(2026, 11, 25), at=NOW)
    with pytest.raises(SourceError, match="Nowhere"):
        known_until(unknown, date(2026, 11, 25))


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        (datetime(2026, 11, 25, 15, 0, tzinfo=UTC), True),
        (datetime(2026, 11, 25, 22, 0, tzinfo=UTC), False),
        # Thanksgiving, in the middle of what would be the session.
        (datetime(2026, 11, 26, 15, 0, tzinfo=UTC), False),
        # Nothing is known of that year's holidays.
        (datetime(2060, 12, 24, 15, 0, tzinfo=UTC), True),
    ],
)
def test_a_market_may_be_open_in_its_session_unless_it_is_a_holiday(
    at: datetime, is_open: bool
) -> None:
    assert may_be_open(XNYS, at) is is_open
