"""What goes wrong is told as such: a failed source, a change that is too large, a hostile name."""

import pytest
from playwright.sync_api import Page, expect

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
from tws_maintenance_tests.support import live_bytes, reports_of, result_of, write_live

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

    before = live_bytes(console.home)
    window.goto(OVERVIEW)
    press(window, "Apply Constituents Refresh")
    dialog = window.get_by_role("dialog")
    refused = dialog.locator(".result").filter(has_text="STI")
    expect(refused).to_contain_text("cannot be applied")
    expect(refused).to_contain_text("500")
    dialog.get_by_role("button", name="Replace S&P 500, HSI", exact=True).click()
    see_end(window, "Apply completed. Replaced: S&P 500, HSI.")
    after = live_bytes(console.home)
    assert after["sti"] == before["sti"]
    assert (after["sp500"], after["hsi"]) != (before["sp500"], before["hsi"])


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


def test_a_large_change_is_applied_only_after_a_second_look_with_a_reason(
    console: Console, visits: Visits
) -> None:
    write_live(console.home, STI, companies("sti")[:18])
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
    press(window, "Apply Constituents Refresh")
    dialog = window.get_by_role("dialog")
    expect(dialog).to_contain_text(f"This dry run allowed a change above the failure limit: {WHY}")
    dialog.get_by_role("button", name="Replace STI", exact=True).click()
    see_end(window, "Apply completed. Replaced: STI.")

    allowed = reports_of(console.home)[-2]
    assert (allowed["overrides"], allowed["reason"]) == ({"allow_large_change": True}, WHY)
    window.goto(f"/maintenance/reports/{allowed['report_id']}")
    expect(window.locator("main")).to_contain_text(f"Reason: {WHY}")
    expect(window.locator("main")).to_contain_text("Override: a large change was accepted.")


def test_a_hostile_name_in_a_live_file_is_text_wherever_it_is_shown(
    console: Console, visits: Visits
) -> None:
    write_live(console.home, HSI, [*companies("hsi"), Company("9999", HOSTILE, "Finance")])
    # Whoever was in the file before the first entry is in the history.
    console.home.membership_file(HSI.key).unlink(missing_ok=True)
    console.home.watchlist.write_text(f'symbol,added_at\n"{HOSTILE}",2026-11-01T00:00:00Z\n')
    window = visits.open(console)
    started(window, "Dry run HSI")
    see_end(window, "Dry run completed.")
    expect(window.locator(f"{RESULT} .change-table")).to_contain_text(HOSTILE)

    window.goto(OVERVIEW)
    expect(window.locator("[data-part=waiting] .change-table")).to_contain_text(HOSTILE)
    press(window, "Apply Constituents Refresh")
    dialog = window.get_by_role("dialog")
    expect(dialog.locator(".change-table")).to_contain_text(HOSTILE)
    dialog.get_by_label("Reason").fill(HOSTILE)
    dialog.get_by_role("button", name="Replace HSI", exact=True).click()
    see_end(window, "Apply completed. Replaced: HSI.")

    report = reports_of(console.home)[-1]
    assert result_of(report, HSI.task)["removed"] == ["9999.HK"]
    window.goto(f"/maintenance/reports/{report['report_id']}")
    expect(window.locator("main")).to_contain_text(f"Reason: {HOSTILE}")
    for summary in ("As Markdown, rendered", "As JSON"):
        window.get_by_text(summary).click()
        shown = window.get_by_text(summary).locator("..")
        expect(shown).to_contain_text(HOSTILE)
    window.goto(f"/maintenance/history/{HSI.task}")
    expect(window.locator(".timeline")).to_contain_text(f"removed 9999.HK {HOSTILE}")
    window.goto("/maintenance/watchlist")
    expect(window.locator("main")).to_contain_text(f"{HOSTILE}' is not a symbol of a known market")
    for path in (OVERVIEW, "/maintenance/reports", "/maintenance/backups"):
        window.goto(path)
        expect(window.locator("img")).to_have_count(0)
