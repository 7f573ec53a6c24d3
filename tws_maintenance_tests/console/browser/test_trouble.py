"""What goes wrong is told as such: a failed source, a change that is too large, a hostile name."""

import pytest
from playwright.sync_api import Locator, Page, expect

from tws_maintenance.config.indices import INDICES
from tws_maintenance.demo.pages import Company, companies, page
from tws_maintenance_tests.console.browser.support import (
    OVERVIEW,
    Console,
    Pages,
    Visits,
    press,
    see_end,
)
from tws_maintenance_tests.support import reports_of, result_of, write_live

SP500, STI, HSI = (INDICES[key] for key in ("sp500", "sti", "hsi"))
HOSTILE = "<img src=x onerror=alert(1)>"
RESULT = "[data-part=result] > .result"
WHY = "the exchange doubled the index"


@pytest.fixture(autouse=True)
def _good_pages(pages: Pages) -> None:
    pages.refused.clear()
    for key in INDICES:
        pages.pages[key] = page(key, companies(key))


def started(browser_page: Page, button: str) -> Page:
    """Press a button of the overview and return the page, which shows the run by then."""
    browser_page.goto(OVERVIEW)
    press(browser_page, button)
    browser_page.wait_for_url("**/maintenance/runs/*")
    return browser_page


def test_a_failed_source_is_told_and_the_other_lists_can_be_applied(
    console: Console, pages: Pages, visits: Visits
) -> None:
    for index in (SP500, STI, HSI):
        write_live(console.home, index, companies(index.key)[1:])
    pages.refused["sti"] = 500
    window = visits.open(console)

    started(window, "Dry Run Constituents")
    see_end(window, "Dry run partly failed. No file was replaced. Failed: STI.")
    failed = window.locator(RESULT).filter(has=window.get_by_role("heading", name="STI"))
    expect(failed).to_contain_text("error")
    expect(failed).to_contain_text("500")
    expect(failed).to_contain_text("Nothing was staged, so the changes are not known.")
    expect(window.locator(RESULT).filter(has_text="S&P 500")).to_contain_text("1 added")
    text = window.locator("main").inner_text().casefold()
    assert "nothing to change" not in text
    assert "no member and no field differs" not in text

    window.goto(OVERVIEW)
    press(window, "Apply Constituents Refresh")
    dialog = window.get_by_role("dialog")
    refused = dialog.locator(".result").filter(has_text="STI")
    expect(refused).to_contain_text("cannot be applied")
    expect(refused).to_contain_text("500")
    button = dialog.get_by_role("button", name="Replace S&P 500, HSI", exact=True)
    expect(button).to_be_enabled()
    sent = dialog.locator("input[name=tasks]")
    assert [one.input_value() for one in sent.all()] == [SP500.task, HSI.task]


def test_a_run_that_failed_as_a_whole_never_reads_like_nothing_to_do(
    console: Console, pages: Pages, visits: Visits
) -> None:
    pages.refused |= {"sp500": 404, "sti": 403}
    pages.pages["hsi"] = page("hsi", [*companies("hsi"), Company("9999", HOSTILE, "Finance")])
    window = visits.open(console)
    started(window, "Dry Run Constituents")
    see_end(window, "Dry run failed. No file was replaced. Failed: S&P 500, STI, HSI.")
    expect(window.locator(".verdict")).to_have_class("verdict bad")
    results = window.locator(RESULT)
    expect(results.filter(has_text="STI")).to_contain_text("403")
    # Who writes such a name into a page is told of, and not obeyed.
    expect(results.filter(has_text="HSI")).to_contain_text(HOSTILE)
    expect(window.locator(".steps")).to_contain_text("not reached")
    expect(window.locator(".steps")).not_to_contain_text("dagster.")

    window.goto(OVERVIEW)
    expect(window.get_by_role("button", name="Apply Constituents Refresh")).to_be_disabled()
    expect(window.locator(".actions")).to_contain_text(
        "Cannot be applied now; the reason is below."
    )
    expect(window.locator("#change-sti_constituents")).to_contain_text("403")
    expect(window.locator("[data-part=waiting]")).to_contain_text(HOSTILE)
    expect(window.locator("#card-hsi_constituents")).to_contain_text("rejected")
    expect(window.locator("#card-latest")).to_contain_text("failed")
    window.locator("#card-sti_constituents summary").click()
    window.locator("#card-sti_constituents").get_by_role("link", name="see why").click()
    expect(window.locator(".verdict")).to_contain_text("Failed: S&P 500, STI, HSI.")


def test_a_large_change_is_applied_after_a_second_look_and_a_hostile_name_stays_text(
    console: Console, visits: Visits
) -> None:
    write_live(console.home, STI, [*companies("sti")[:18], Company("Z99", HOSTILE, "Finance")])
    # Whoever was in the file before the first entry is in the history.
    console.home.membership_file(STI.key).unlink(missing_ok=True)
    console.home.watchlist.write_text(f'symbol,added_at\n"{HOSTILE}",2026-11-01T00:00:00Z\n')
    window = visits.open(console)
    started(window, "Dry run STI")
    see_end(window, "Dry run failed. No file was replaced. Failed: STI.")
    expect(window.get_by_role("button", name="Apply Constituents Refresh")).to_have_count(0)
    form = window.locator("form.override")
    expect(form).to_contain_text("Only the size of the change failed (STI).")

    form.get_by_role("button").click()
    reason = form.get_by_label("Why is a change of this size right?")
    expect(reason).to_be_focused()
    assert reason.evaluate("field => field.validity.valueMissing")
    reason.fill(WHY)
    form.get_by_role("button").click()
    see_end(window, "Dry run completed. No file was replaced.")
    expect_text(window.locator(f"{RESULT} .change-table"), HOSTILE)

    window.goto(OVERVIEW)
    change = window.locator("#change-sti_constituents")
    change.locator(".fill summary").click()
    expect_text(change.locator(".change-table"), HOSTILE)
    press(window, "Apply Constituents Refresh")
    dialog = window.get_by_role("dialog")
    expect(dialog).to_contain_text(f"This dry run allowed a change above the failure limit: {WHY}")
    expect_text(dialog.locator(".change-table"), HOSTILE)
    dialog.get_by_label("Reason").fill(HOSTILE)
    dialog.get_by_role("button", name="Replace STI", exact=True).click()
    see_end(window, "Apply completed. Replaced: STI.")
    expect_text(window.locator("[data-part=result]"), f"Reason: {HOSTILE}")
    what_is_kept_of_it_is_text(window, console)


def expect_text(within: Locator, told: str) -> None:
    """Expect what an element shows, and that no image came of any text of its page."""
    expect(within).to_contain_text(told)
    expect(within.page.locator("img")).to_have_count(0)


def what_is_kept_of_it_is_text(window: Page, console: Console) -> None:
    """Expect the report of the second look, the timeline and the watchlist."""
    allowed, applied = reports_of(console.home)[-2:]
    assert (allowed["overrides"], allowed["reason"]) == ({"allow_large_change": True}, WHY)
    assert result_of(applied, STI.task)["removed"] == ["Z99.SI"]
    window.goto(f"/maintenance/reports/{allowed['report_id']}")
    expect(window.locator("main")).to_contain_text(f"Reason: {WHY}")
    expect(window.locator("main")).to_contain_text("Override: a large change was accepted.")
    for summary in ("As Markdown, rendered", "As JSON"):
        window.get_by_text(summary).click()
        expect_text(window.get_by_text(summary).locator(".."), HOSTILE)
    window.goto(f"/maintenance/history/{STI.task}")
    expect_text(window.locator(".timeline"), f"removed Z99.SI {HOSTILE}")
    window.goto("/maintenance/watchlist")
    expect_text(window.locator("main"), f"{HOSTILE}' is not a symbol of a known market")
