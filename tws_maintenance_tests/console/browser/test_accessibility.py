"""Pages for everybody: by keyboard, on a phone, and without a fault that axe-core calls grave."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

import tws_maintenance.console
from tws_maintenance.config.indices import INDICES
from tws_maintenance.demo.pages import companies
from tws_maintenance_tests.console.browser.looking import UNFOLD, faults_of
from tws_maintenance_tests.console.browser.support import (
    Console,
    Pages,
    Visits,
    swap_all,
    tab_to,
)
from tws_maintenance_tests.support import reports_of, write_live

DAMAGED = "maintenance_20260101_000000"


@dataclass(frozen=True)
class Shown:
    """A home in which everything that a page may show is to be seen, and its two runs."""

    console: Console
    applied: dict[str, Any]
    looked: dict[str, Any]


@pytest.fixture(scope="module")
def shown(console: Console, pages: Pages) -> Shown:
    """Make an apply, then a dry run that warns, and in which a source fails; damage a report."""
    home = console.home
    write_live(home, INDICES["sti"], companies("sti")[:26])
    # Five hundred more rows of the same kind are looked at one by one, on each page.
    write_live(home, INDICES["sp500"], companies("sp500")[:498])
    applied = console.program("run", "--apply", "--task", "all")
    assert applied.returncode == 0, applied.stdout + applied.stderr
    write_live(home, INDICES["sti"], companies("sti")[:26])
    write_live(home, INDICES["hsi"], companies("hsi")[:75])
    home.settings_file.write_text('[events]\npositions = ["0001.HK"]\n')
    home.watchlist.write_text("symbol,added_at\nAAPL,2026-11-01T00:00:00Z\n?,\n")
    pages.refused["sp500"] = 403
    looked = console.program("run")
    assert looked.returncode == 3, looked.stdout + looked.stderr
    reports = reports_of(home)
    (home.reports / f"{DAMAGED.removeprefix('maintenance_')}.json").write_text('{"report_id": "m')
    return Shown(console, *reports)


def test_the_dark_scheme_changes_colours_and_nothing_else() -> None:
    """So what is right in light, but for its colours, is right in dark."""
    styles = (Path(tws_maintenance.console.__file__).parent / "static" / "console.css").read_text()
    light, *dark = re.findall(r"^(?: {2})?:root \{(.*?)\}$", styles, re.DOTALL | re.MULTILINE)
    assert len(dark) == styles.count("prefers-color-scheme") == 1
    assert f"@media (prefers-color-scheme: dark) {{\n  :root {{{dark[0]}}}\n}}\n" in styles
    names = [set(re.findall(r"([\w-]+):", one)) for one in (light, dark[0])]
    assert names[0] - names[1] == {"--radius"}
    assert names[1] <= names[0]


def test_the_overview_stays_as_it_is_used_through_the_live_update_and_is_accessible(
    shown: Shown, visits: Visits
) -> None:
    page = visits.open(shown.console)
    expect(page.locator("#change-sp500_constituents .notes.error")).to_contain_text("403")
    symbols = page.get_by_label("Symbols")
    symbols.press_sequentially("AAPL, D05")
    card = page.locator("#card-hsi_constituents")
    card.locator("summary").click()
    expect(symbols).not_to_be_focused()
    swap_all(page, "actions")
    swap_all(page, "actions")
    expect(symbols).to_have_value("AAPL, D05")
    expect(card.locator("details")).to_have_attribute("open", "")
    # It says the same as the other's.
    alike = page.locator("#card-sti_constituents details")
    assert alike.inner_text() == card.locator("summary").inner_text()
    expect(alike).not_to_have_attribute("open", "")
    # The three cards have links that look alike, to the same run.
    for name in ("Dry run HSI", "Run in Dagster"):
        focused = card.get_by_role("button").or_(card.get_by_role("link")).get_by_text(name)
        focused.focus()
        swap_all(page, "actions")
        expect(focused).to_be_focused()
    page.evaluate(UNFOLD)
    assert faults_of(page) == []


def test_the_apply_dialog_opens_and_closes_by_keyboard_and_gives_the_focus_back(
    shown: Shown, visits: Visits
) -> None:
    page = visits.open(shown.console)
    button = page.get_by_role("button", name="Apply Constituents Refresh")
    dialog = page.get_by_role("dialog")
    tab_to(page, button)
    page.keyboard.press("Enter")
    expect(dialog).to_contain_text("Replace STI, HSI")
    assert dialog.evaluate("element => element.contains(document.activeElement)")
    assert faults_of(page) == []
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


def test_the_pages_of_runs_and_reports_are_accessible(shown: Shown, visits: Visits) -> None:
    """A run's page and its report's show results alike, and each something of its own."""
    page = visits.open(shown.console, f"/maintenance/runs/{shown.looked['run_id']}")
    page.evaluate(UNFOLD)
    assert faults_of(page) == []
    page.goto(f"/maintenance/reports/{shown.applied['report_id']}")
    page.evaluate(UNFOLD)
    assert faults_of(page) == []
    page.goto(f"/maintenance/apply/{shown.looked['report_id']}")
    assert faults_of(page) == []


def test_a_damaged_report_is_shown_as_such_and_accessible(shown: Shown, visits: Visits) -> None:
    page = visits.open(shown.console, "/maintenance/reports")
    row = page.get_by_role("row").filter(has_text=DAMAGED)
    expect(row).to_contain_text("damaged")
    assert faults_of(page) == []
    row.get_by_role("link").click()
    expect(page.locator(".verdict")).to_contain_text("This report is damaged.")
    expect(page.locator("pre")).to_have_text('{"report_id": "m')
    assert faults_of(page) == []


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/maintenance/history/sti_constituents?on=2026-11-01", "The history begins on"),
        ("/maintenance/watchlist", "is not a symbol of a known market"),
    ],
)
def test_what_is_kept_is_shown_accessibly(
    shown: Shown, visits: Visits, path: str, told: str
) -> None:
    page = visits.open(shown.console, path)
    expect(page.locator("main")).to_contain_text(told)
    assert faults_of(page) == []
