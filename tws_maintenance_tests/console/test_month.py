"""A month of events as a calendar: each event on its days, in the colour of its venue."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest

from tws_maintenance.config.settings import load_settings
from tws_maintenance.config.venues import XHKG, XNYS
from tws_maintenance.console.pages.month import Day, Month, month_of
from tws_maintenance.core.clock import utc_now
from tws_maintenance.market_events.model import Confidence, Event, EventStatus, EventType
from tws_maintenance.market_events.store.event_store import EventStore
from tws_maintenance_tests.console.support import Console
from tws_maintenance_tests.market_events.test_upcoming import HONG_KONG, NEW_YORK, stored

AT = datetime(2026, 11, 22, 18, 30, tzinfo=UTC)
DECEMBER = date(2026, 12, 1)
PAGE = "/maintenance/events"


def day_of(month: Month, day: int) -> Day:
    (found,) = (
        one for week in month.weeks for one in week if one.is_inside and one.date.day == day
    )
    return found


def test_an_event_stands_on_each_of_its_days_in_the_colour_of_its_venue() -> None:
    ours = stored(EventType.EARNINGS, date(2026, 12, 8), symbol="NVDA", at=time(16))
    watched_not = replace(
        stored(EventType.EARNINGS, date(2026, 12, 8), symbol="ACME"), is_portfolio_relevant=False
    )
    span = stored(
        EventType.EARNINGS,
        date(2026, 11, 30),
        HONG_KONG,
        symbol="0700.HK",
        until=date(2026, 12, 2),
        confidence=Confidence.ESTIMATED,
    )
    closed = stored(EventType.MARKET_HOLIDAY, date(2026, 12, 25), HONG_KONG)
    early = stored(EventType.MARKET_EARLY_CLOSE, date(2026, 12, 25))
    month = month_of(DECEMBER, [watched_not, ours, span, closed, early], (XNYS, XHKG), AT)
    found = [(one.text, one.venue, one.is_ours) for one in day_of(month, 8).entries]
    assert found == [("NVDA earnings", 1, True), ("ACME earnings", 1, False)]
    assert [one.text for one in day_of(month, 1).entries] == ["0700.HK earnings"]
    assert [one.text for one in day_of(month, 2).entries] == ["0700.HK earnings"]
    assert day_of(month, 2).entries[0].is_estimated
    assert day_of(month, 3).entries == []
    assert {one.venue for one in day_of(month, 25).entries} == {1, 2}
    assert (day_of(month, 25).shade, day_of(month, 8).shade) == ("closed", "")
    assert month.count == 5
    assert [len(week) for week in month.weeks] == [7] * 5
    assert month.weeks[0][0] == Day(date(2026, 11, 30), is_inside=False)


def test_what_is_cancelled_shades_no_day() -> None:
    off = stored(EventType.MARKET_HOLIDAY, date(2026, 12, 25), status=EventStatus.CANCELLED)
    early = stored(EventType.MARKET_EARLY_CLOSE, date(2026, 12, 24))
    month = month_of(DECEMBER, [off, early], (XNYS, XHKG), AT)
    assert (day_of(month, 24).shade, day_of(month, 25).shade) == ("early", "")
    assert day_of(month, 25).entries[0].is_cancelled


def test_the_months_next_to_it_end_a_year_from_today() -> None:
    def around(first: date) -> tuple[date | None, date | None]:
        month = month_of(first, [], (XNYS,), AT)
        return month.before, month.after

    assert around(DECEMBER) == (date(2026, 11, 1), date(2027, 1, 1))
    assert around(date(2027, 11, 1)) == (date(2027, 10, 1), None)
    assert around(date(2025, 11, 1)) == (None, date(2025, 12, 1))


@pytest.fixture(scope="module")
def kept(shared_console: Console) -> Console:
    """A console whose store has AAPL's earnings on the first of this month, and a holiday."""
    first = utc_now().date().replace(day=1)
    events = [
        Event(EventType.EARNINGS, "AAPL", "AAPL earnings", first, NEW_YORK, symbol="AAPL"),
        Event(EventType.MARKET_HOLIDAY, "XHKG", "Hong Kong closed: <b>", first, HONG_KONG),
    ]
    home = shared_console.home
    with EventStore(home, load_settings(home)) as store:
        store.prepare()
        with store.transaction() as writer:
            writer.insert("yahoo", events, utc_now(), {"AAPL"})
    return shared_console


def test_the_calendar_has_the_days_of_this_month_that_are_over(kept: Console) -> None:
    now = utc_now()
    page = kept.get(PAGE).text
    table = page[page.index('<table class="calendar"') : page.index("</table>")]
    assert f"{now:%B %Y}" in page
    cell = re.search(
        rf'<td class="closed[^>]*>\s*<time datetime="{now:%Y-%m}-01">.*?</td>', table, re.DOTALL
    )
    assert cell
    assert "<strong>AAPL earnings</strong>" in cell[0]
    assert re.search(r'class="venue-\d shut closed" title="Hong Kong closed: &lt;b&gt;"', cell[0])
    assert table.count('scope="col"') == 7
    assert 'aria-current="date"' in table


def test_the_calendar_is_led_from_month_to_month_and_filtered(kept: Console) -> None:
    after = (utc_now().date().replace(day=1) + timedelta(days=31)).replace(day=1)
    page = kept.get(PAGE, days="40", type="EARNINGS").text
    assert f"month={after:%Y-%m}&amp;days=40&amp;type=EARNINGS#month" in page
    assert ">Hong Kong closed" not in page
    assert "1 event, filtered" in page
    other = kept.get(PAGE, month=f"{after:%Y-%m}").text
    assert f"{after:%B %Y}" in other
    assert "AAPL earnings" not in other
    assert f'name="month" value="{after:%Y-%m}"' in other


@pytest.mark.parametrize("month", ["2026-13", "0000-01", "9999-12", "1990-01", "x", "2026-1"])
def test_a_month_that_cannot_be_shown_is_refused(kept: Console, month: str) -> None:
    answer = kept.get(PAGE, month=month)
    assert answer.status_code == 400
    assert "month" in answer.text
