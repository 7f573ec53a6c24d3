"""Without a mouse: everything can be reached, and the live update takes neither focus nor text."""

import pytest
from playwright.sync_api import Locator, Page, expect

from tws_maintenance.config.indices import INDICES
from tws_maintenance.demo.pages import companies
from tws_maintenance_tests.console.browser.support import Console, Pages, Visits, press
from tws_maintenance_tests.support import write_live

# What the server answers differs from what is shown, and so every part is swapped.
DIFFER = """() => document.querySelectorAll("[data-part]").forEach((part) => {
  part.served = "";
  part.dataset.old = "yes";
})"""
TABS = 60


@pytest.fixture(scope="module", autouse=True)
def _something_to_apply(console: Console) -> None:
    """Two lists that change by more than a tenth, so that the cards of both warn alike."""
    for key, count in (("sti", 26), ("hsi", 75)):
        write_live(console.home, INDICES[key], companies(key)[:count])
    ended = console.program("run", "--task", "constituents")
    assert ended.returncode == 0, ended.stdout + ended.stderr


def tab_to(page: Page, target: Locator) -> None:
    """Press Tab until the target has the focus."""
    expect(target).to_be_visible()
    for _ in range(TABS):
        page.keyboard.press("Tab")
        if target.evaluate("element => element === document.activeElement"):
            return
    pytest.fail(f"{target} is not reached by {TABS} times Tab")


def swap_all(page: Page, *kept: str) -> None:
    """Wait for a live update that swaps every part but `kept`."""
    page.evaluate(DIFFER)
    old = page.locator("[data-part][data-old]")
    expect(old).to_have_count(len(kept))


def test_a_dry_run_is_started_by_keyboard(console: Console, visits: Visits) -> None:
    page = visits.open(console)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_role("button", name="Dry Run All"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/maintenance/runs/*")
    expect(page.locator(".verdict")).to_contain_text("Dry run completed.")


def test_the_dialog_opens_and_closes_by_keyboard_and_gives_the_focus_back(
    console: Console, visits: Visits
) -> None:
    page = visits.open(console)
    button = page.get_by_role("button", name="Apply Constituents Refresh")
    dialog = page.get_by_role("dialog")
    tab_to(page, button)
    page.keyboard.press("Enter")
    expect(dialog).to_be_visible()
    assert dialog.evaluate("element => element.contains(document.activeElement)")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(button).to_be_focused()

    page.keyboard.press("Enter")
    dialog.get_by_label("Reason").fill("half a sentence")
    # Meanwhile the button, but not the dialog, was swapped.
    swap_all(page, "waiting")
    expect(dialog.get_by_label("Reason")).to_have_value("half a sentence")
    tab_to(page, dialog.get_by_role("button", name="Not now"))
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    expect(button).to_be_focused()


@pytest.mark.parametrize("name", ["Dry run HSI", "Run in Dagster"])
def test_the_focus_stays_where_it_was_when_parts_are_swapped(
    console: Console, visits: Visits, name: str
) -> None:
    page = visits.open(console)
    card = page.locator("#card-hsi_constituents")
    card.locator("summary").click()
    focused = card.get_by_role("button").or_(card.get_by_role("link")).get_by_text(name)
    focused.focus()
    swap_all(page)
    # The three cards have links that look alike, to the same run.
    expect(focused).to_be_focused()


def test_the_focus_goes_on_from_a_button_that_cannot_be_pressed_any_more(
    console: Console, pages: Pages, visits: Visits
) -> None:
    page, other = visits.open(console), visits.open(console)
    button = page.get_by_role("button", name="Dry Run All")
    button.focus()
    pages.hold("sti")
    press(other, "Dry run STI")
    expect(button).to_be_disabled()
    expect(page.locator("[data-part=look]")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Validate Metadata Only")).to_be_focused()
    pages.release()
    expect(button).to_be_enabled()
    expect(page.get_by_role("button", name="Validate Metadata Only")).to_be_focused()


def test_what_was_typed_and_unfolded_outlives_the_live_update(
    console: Console, visits: Visits
) -> None:
    page = visits.open(console)
    symbols = page.get_by_label("Symbols")
    symbols.press_sequentially("AAPL, D05")
    unfolded = page.locator("#card-hsi_constituents details")
    unfolded.locator("summary").click()
    expect(symbols).not_to_be_focused()
    swap_all(page, "actions")
    swap_all(page, "actions")
    expect(symbols).to_have_value("AAPL, D05")
    expect(unfolded).to_have_attribute("open", "")
    # It says the same as the other's.
    alike = page.locator("#card-sti_constituents details")
    assert alike.inner_text() == unfolded.locator("summary").inner_text()
    expect(alike).not_to_have_attribute("open", "")
