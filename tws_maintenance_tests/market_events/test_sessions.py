"""Dates on days without a session: a dividend is a guess then, and a report has no hour."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from tws_maintenance.config.venues import XHKG, XNYS, XSES, Venue
from tws_maintenance.core.errors import SourceError
from tws_maintenance.market_events.model import YAHOO, Answer, Confidence, Event, Window
from tws_maintenance.market_events.providers import calendars
from tws_maintenance.market_events.providers.yahoo import judge_days, parse

NOW = datetime(2026, 12, 18, 19, 0, tzinfo=UTC)
WINDOW = Window(NOW, 28)
CHRISTMAS = date(2026, 12, 25)
SUNDAY = date(2026, 12, 20)
MONDAY = date(2026, 12, 21)


def events(symbol: str, venue: Venue, **nodes: Any) -> tuple[Event, ...]:
    told = {"earnings": {"earningsDate": []}, **nodes}
    answer = {"quoteSummary": {"result": [{"calendarEvents": told}], "error": None}}
    return parse(symbol, venue, answer)


def goes_ex(day: date, symbol: str = "AAPL", venue: Venue = XNYS) -> tuple[Event, ...]:
    at = datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
    return events(symbol, venue, exDividendDate=at)


def reports(day: date, hour: int = 21) -> tuple[Event, ...]:
    at = datetime(day.year, day.month, day.day, hour, 30, tzinfo=UTC).timestamp()
    return events("AAPL", XNYS, earnings={"earningsDate": [at], "isEarningsDateEstimate": False})


def judged(found: tuple[Event, ...]) -> Answer:
    return judge_days(Answer(YAHOO.name, "", found), WINDOW)


@pytest.mark.parametrize(
    ("symbol", "venue", "day", "named"),
    [
        ("AAPL", XNYS, SUNDAY, "2026-12-20: New York is closed that Sunday"),
        ("AAPL", XNYS, CHRISTMAS, "2026-12-25: New York is closed that Friday"),
        ("D05.SI", XSES, CHRISTMAS, "2026-12-25: Singapore is closed that Friday"),
        ("0005.HK", XHKG, CHRISTMAS, "2026-12-25: Hong Kong is closed that Friday"),
    ],
)
def test_no_share_goes_ex_on_a_closed_day(symbol: str, venue: Venue, day: date, named: str) -> None:
    answer = judged(goes_ex(day, symbol, venue))
    (event,) = answer.events
    assert (event.event_date, event.confidence) == (day, Confidence.ESTIMATED)
    (warning,) = answer.warnings
    assert warning.startswith(f"{symbol} ex-dividend on {named} and no share goes ex then, ")


@pytest.mark.parametrize("hour", [12, 16, 21], ids=["before open", "in session", "after close"])
def test_a_report_on_a_day_without_a_session_has_a_time_and_no_hour_of_the_session(
    hour: int,
) -> None:
    """Some companies report on a Saturday: the date is as sure as any."""
    (before,) = reports(SUNDAY, hour)
    answer = judged((before,))
    (event,) = answer.events
    assert (event.title, event.detail["timing"]) == ("AAPL earnings", "unknown")
    assert (event.start_at_utc, event.event_time) == (before.start_at_utc, before.event_time)
    assert event.confidence == Confidence.CONFIRMED
    assert answer.warnings == ()


def test_a_day_with_a_session_a_day_that_is_over_and_a_span_stay_as_they_are() -> None:
    over = date(2026, 12, 13)
    (span,) = reports(SUNDAY)
    span = replace(span, end_date=CHRISTMAS, confidence=Confidence.ESTIMATED)
    found = (*goes_ex(MONDAY), *reports(MONDAY), *goes_ex(over), span)
    answer = judged(found)
    assert (answer.events, answer.warnings) == (found, ())


def test_a_year_of_which_nothing_is_known_is_believed() -> None:
    found = goes_ex(date(2029, 12, 25))
    assert judged(found).events == found


def test_where_the_holidays_cannot_be_read_only_weekends_are_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object) -> None:
        raise SourceError("the package is damaged")

    monkeypatch.setattr(calendars, "days_of", broken)
    answer = judged((*goes_ex(CHRISTMAS), *goes_ex(SUNDAY, "MSFT")))
    assert [one.confidence.value for one in answer.events] == ["confirmed", "estimated"]


def test_each_day_of_a_venue_is_asked_about_once() -> None:
    asked = []

    def is_closed(venue: Venue, day: date) -> bool:
        asked.append((venue.code, day))
        return False

    found = tuple(one for n in range(500) for one in goes_ex(MONDAY, f"A{n}"))
    judge_days(Answer(YAHOO.name, "", found), WINDOW, is_closed)
    assert asked == [("XNYS", MONDAY)]
