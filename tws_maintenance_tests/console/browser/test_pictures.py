"""The pictures by pointer and by keyboard, and for who cannot see them."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from playwright.sync_api import expect

from tws_maintenance.config.indices import INDICES
from tws_maintenance.config.settings import load_settings
from tws_maintenance.constituents.history import BACKFILL, Stay, settled, to_csv
from tws_maintenance.core.clock import utc_now, utc_text
from tws_maintenance.market_events.model import Confidence, Event, EventType
from tws_maintenance.market_events.store.event_store import EventStore
from tws_maintenance_tests.console.browser.looking import UNFOLD, faults_of
from tws_maintenance_tests.console.browser.support import Console, Visits
from tws_maintenance_tests.constituents.test_history import rows
from tws_maintenance_tests.reports.shelf import filed, result

MEMBERS = "/maintenance/history/sp500_constituents"
LEFT, JOINED = date(2022, 3, 1), date(2026, 3, 23)


@pytest.fixture(scope="module")
def drawn(console: Console) -> list[str]:
    """A home with members since 2020, events of this month and seven runs, whose ids it is."""
    home = console.home
    former = Stay("A", "A Company", "", "2026-05-10", "", source=BACKFILL)
    joined = replace(former, symbol="NEW", from_date=f"{JOINED}", reason="<b>merger</b>")
    left = replace(former, symbol="OLD", from_date="2020-02-03", to_date=f"{LEFT}")
    stays = [former, joined, left]
    stays = settled(stays, [], rows("A", "NEW"), "maintenance_20260510_120000", date(2026, 5, 10))
    home.history.mkdir(parents=True, exist_ok=True)
    home.membership_file("sp500").write_bytes(to_csv(stays))
    _store_events(console)
    ids = []
    for number in range(7):
        at = utc_now() - timedelta(days=40 - 5 * number)
        status, of_task = ("failed", "failed") if number == 3 else ("completed", "success")
        results = [
            result(index.task, status=of_task, finished_at=utc_text(at))
            for index in INDICES.values()
        ]
        started = utc_text(at - timedelta(seconds=9))
        ids.append(
            filed(home, *results, at=at, run_id=f"{number}", status=status, started_at=started)
        )
    return ids


def _store_events(console: Console) -> None:
    day = utc_now().date().replace(day=15)
    kinds = (EventType.EARNINGS, EventType.MARKET_HOLIDAY, EventType.MARKET_EARLY_CLOSE)
    zones = ("America/New_York", "Asia/Singapore", "Asia/Hong_Kong")
    events = [
        Event(kind, kind.value, f"{kind.value} there", day + timedelta(days=number), zone)
        for number, (kind, zone) in enumerate(zip(kinds, zones, strict=True))
    ]
    events[0] = replace(events[0], symbol="AAPL", subject="AAPL")
    soon = utc_now() + timedelta(days=5)
    meeting = replace(
        events[1], event_type=EventType.FOMC, subject="scheduled", title="FOMC meeting"
    )
    events += [
        replace(meeting, event_date=soon.date(), market_timezone=zones[0], start_at_utc=soon),
        replace(events[0], event_date=soon.date(), confidence=Confidence.ESTIMATED),
    ]
    with EventStore(console.home, load_settings(console.home)) as store:
        store.prepare()
        with store.transaction() as writer:
            writer.insert("yahoo", events, utc_now(), {"AAPL"})


@pytest.mark.usefixtures("drawn")
def test_the_members_over_time_are_read_by_pointer_and_by_keyboard(
    console: Console, visits: Visits
) -> None:
    page = visits.open(console, MEMBERS)
    readout = page.locator("#members-readout")
    expect(readout).to_contain_text("2 members")
    expect(page.locator("#members-picture canvas")).to_be_visible()
    page.evaluate(UNFOLD)
    assert faults_of(page) == []
    # Where the pointer rests the day and its changes are said.
    place = page.locator("#members-picture .u-over").bounding_box()
    assert place
    span = (utc_now().date() - date(2020, 2, 3)).days
    for day, told in (
        (LEFT, "2022-03-01 1 member: left OLD"),
        (JOINED, "2026-03-23 2 members: joined NEW"),
    ):
        share = (day - date(2020, 2, 3)).days / span
        page.mouse.move(place["x"] + share * place["width"], place["y"] + 80)
        expect(readout).to_have_text(told)
    page.get_by_role("button", name="1 year").click()
    expect(page.get_by_role("button", name="1 year")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="All").click()

    slider = page.get_by_role("slider", name="Members of S&P 500 over time, by day")
    slider.focus()
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    expect(slider).to_have_attribute("aria-valuetext", "2026-03-23, 2 members: joined NEW")
    page.keyboard.press("ArrowLeft")
    expect(readout).to_have_text("2022-03-01 1 member: left OLD")
    page.keyboard.press("Home")
    expect(slider).to_have_attribute("aria-valuetext", "2020-02-03, 2 members")
    page.keyboard.press("Enter")
    page.wait_for_url("**on=2020-02-03")
    expect(page.get_by_role("heading", level=2)).to_have_text(
        "2 members at the end of 2020-02-03 (UTC)"
    )


def test_a_click_on_a_run_opens_its_report_and_so_does_its_row(
    console: Console, visits: Visits, drawn: list[str]
) -> None:
    page = visits.open(console)
    page.locator(".strip a.failed").click(position={"x": 2, "y": 8})
    expect(page.get_by_role("heading", level=1)).to_contain_text(drawn[3])
    page.go_back()
    page.locator("summary", has_text="These runs as a table").focus()
    page.keyboard.press("Enter")
    row = page.get_by_role("row").filter(has_text="failed")
    expect(row).to_be_visible()
    expect(page.locator(".freshness svg").nth(2)).to_be_visible()
    page.evaluate(UNFOLD)
    assert faults_of(page) == []
    row.get_by_role("link").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text(drawn[3])


@pytest.mark.usefixtures("drawn")
def test_a_part_of_the_members_over_time_is_accessible(console: Console, visits: Visits) -> None:
    page = visits.open(console, f"{MEMBERS}?after=2021-01-01&until=2026-04-01")
    expect(page.locator("#members-picture canvas")).to_be_visible()
    page.evaluate(UNFOLD)
    assert faults_of(page) == []


@pytest.mark.usefixtures("drawn")
def test_the_month_and_the_events_to_come_are_accessible(console: Console, visits: Visits) -> None:
    page = visits.open(console, "/maintenance/events")
    expect(page.locator(".calendar strong")).to_be_visible()
    to_come = page.get_by_role("region", name="Events", exact=True)
    expect(to_come).to_contain_text("FOMC meeting")
    expect(to_come).to_contain_text("estimated")
    page.evaluate(UNFOLD)
    assert faults_of(page) == []
