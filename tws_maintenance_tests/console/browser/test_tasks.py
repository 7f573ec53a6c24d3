"""Validation and market events at work: from the overview to what they show."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect

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


@pytest.fixture(scope="module", autouse=True)
def _live_lists(console: Console) -> None:
    for key, index in INDICES.items():
        write_live(console.home, index, companies(key))


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
