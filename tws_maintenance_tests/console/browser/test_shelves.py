"""The other pages at work: validation, events, the shelf of reports, the watchlist."""

import json
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from tws_maintenance.config.indices import INDICES
from tws_maintenance.core.clock import utc_now
from tws_maintenance.demo.events import calendar_events
from tws_maintenance.demo.pages import companies
from tws_maintenance_tests.console.browser.support import (
    OVERVIEW,
    Console,
    Pages,
    Visits,
    press,
    see_end,
)
from tws_maintenance_tests.support import reports_of, result_of, write_live

OLDER = 30
PAGE_SIZE = 25
REFUSED = "status of 400"


@pytest.fixture(scope="module", autouse=True)
def _live_lists(console: Console) -> None:
    for key, index in INDICES.items():
        write_live(console.home, index, companies(key))


def expect_error(page: Page, told: str) -> None:
    """Expect the page of an error that says `told`."""
    expect(page.get_by_role("heading", level=1)).to_have_text("That did not work")
    expect(page.get_by_role("alert").filter(visible=True)).to_contain_text(told)


def test_validation_reads_the_live_files_and_its_report_is_the_latest(
    console: Console, pages: Pages, visits: Visits
) -> None:
    page = visits.open(console)
    expect(page.get_by_role("button", name="View Latest Report")).to_be_disabled()
    press(page, "Validate Metadata Only")
    page.wait_for_url("**/maintenance/runs/*")
    see_end(page, "Validation completed.")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Validation of the live files")
    expect(page.locator(".result")).to_contain_text("503 rows, last refreshed never")
    expect(page.locator(".result")).to_contain_text("stale")
    assert pages.asked == []

    page.goto(OVERVIEW)
    page.get_by_role("link", name="View Latest Report").click()
    report = reports_of(console.home)[-1]
    expect(page.get_by_role("heading", level=1)).to_contain_text(report["report_id"])
    expect(page.locator(".verdict")).to_contain_text("Validation completed.")


def test_events_are_refreshed_for_the_symbols_and_days_that_were_typed(
    console: Console, pages: Pages, visits: Visits
) -> None:
    earnings = (utc_now() + timedelta(days=40)).date()
    pages.symbols["AAPL"] = (200, calendar_events([earnings]))
    page = visits.open(console)
    page.get_by_label("Symbols").fill("aapl, 5.hk")
    page.get_by_label("Days").fill("60")
    press(page, "Refresh Market Events")
    page.wait_for_url("**/maintenance/runs/*")
    see_end(page, "Apply completed. Events stored:")
    expect(page.locator(".result")).to_contain_text(f"{earnings} AAPL earnings")
    expect(page.locator(".result .notes.warning")).to_contain_text("0005.HK")
    result = result_of(reports_of(console.home)[-1], "market_events")
    assert set(result["symbols"]) == {"AAPL", "0005.HK"}

    page.goto(OVERVIEW)
    expect(page.locator("#card-market_events .next li")).to_have_count(3)
    page.locator("#card-market_events summary").click()
    page.get_by_role("link", name="All events").click()
    page.get_by_label("Days").fill("60")
    page.get_by_label("Symbol").fill("aapl")
    page.get_by_label("Type").select_option("earnings")
    press(page, "Show")
    row = page.get_by_role("row").filter(has_text="AAPL")
    expect(row).to_have_count(1)
    expect(row).to_contain_text(str(earnings))
    page.get_by_label("Type").select_option("dividend")
    press(page, "Show")
    expect(page.locator("main")).to_contain_text("No event is stored for these days.")


def test_a_symbol_of_no_known_market_starts_nothing_and_is_named(
    console: Console, visits: Visits
) -> None:
    before = len(reports_of(console.home))
    visits.expect_problem(REFUSED)
    page = visits.open(console)
    page.get_by_label("Symbols").fill("AAPL, ^GSPC")
    press(page, "Refresh Market Events")
    expect_error(page, "'^GSPC' is not a symbol of a known market.")
    page.get_by_role("link", name="To the overview").click()
    expect(page.locator("[data-part=running]")).to_have_text("")
    assert len(reports_of(console.home)) == before
    page.goto("/maintenance/events?symbol=^GSPC")
    expect_error(page, "'^GSPC' is not a symbol of a known market.")


def test_the_watchlist_takes_what_is_a_symbol_and_lets_it_go(
    console: Console, visits: Visits
) -> None:
    page = visits.open(console, "/maintenance/watchlist")
    expect(page.locator("main")).to_contain_text("No symbol is watched.")
    page.get_by_label("Add").fill("aapl, 5.hk")
    press(page, "Watch")
    expect(page.get_by_role("status")).to_have_text("Now watched: 0005.HK, AAPL.")
    page.get_by_label("Add").fill("AAPL")
    press(page, "Watch")
    expect(page.get_by_role("status")).to_have_text("Already watched.")
    press(page, "Remove AAPL")
    expect(page.get_by_role("status")).to_have_text("No longer watched: AAPL.")
    expect(page.get_by_role("row")).to_have_count(2)
    expect(page.get_by_role("row").last).to_contain_text("0005.HK")

    visits.expect_problem(REFUSED)
    page.get_by_label("Add").fill("no such thing!")
    press(page, "Watch")
    expect_error(page, "is not a symbol of a known market.")
    page.goto("/maintenance/watchlist")
    expect(page.get_by_role("row")).to_have_count(2)


@pytest.fixture
def shelf(console: Console) -> int:
    """Many older reports, every third failed; returns how many there are in all."""
    like = reports_of(console.home)[0]
    for number in range(OLDER):
        stamp = f"20260101_0000{number:02d}"
        status = "failed" if number % 3 == 0 else "completed"
        older = {**like, "report_id": f"maintenance_{stamp}", "status": status}
        (console.home.reports / f"{stamp}.json").write_text(json.dumps(older))
    return len(reports_of(console.home))


def test_the_shelf_of_reports_is_turned_over_and_filtered(
    console: Console, shelf: int, visits: Visits
) -> None:
    page = visits.open(console, "/maintenance/reports")
    rows = page.locator("tbody tr")
    paging = page.get_by_role("navigation", name="Pages of reports")
    expect(rows).to_have_count(PAGE_SIZE)
    expect(paging).to_contain_text(f"1 to {PAGE_SIZE} of {shelf}")
    expect(paging.get_by_role("link", name="Newer")).to_have_count(0)
    paging.get_by_role("link", name="Older").click()
    expect(paging).to_contain_text(f"{PAGE_SIZE + 1} to {shelf} of {shelf}")
    expect(rows.last).to_contain_text("maintenance_20260101_000000")
    expect(paging.get_by_role("link", name="Older")).to_have_count(0)
    paging.get_by_role("link", name="Newer").click()
    expect(paging).to_contain_text(f"1 to {PAGE_SIZE} of {shelf}")

    page.get_by_label("Status").select_option("failed")
    press(page, "Show")
    expect(rows).to_have_count(OLDER // 3)
    expect(page.get_by_label("Status")).to_have_value("failed")
    page.get_by_label("Status").select_option("")
    page.get_by_label("Task").select_option("market events")
    press(page, "Show")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("market events")
    page.get_by_label("Status").select_option("damaged")
    press(page, "Show")
    expect(page.locator("main")).to_contain_text("No report matches.")
