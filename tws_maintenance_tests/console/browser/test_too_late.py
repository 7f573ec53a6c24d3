"""Pages that were open for too long: an old dry run, another live file, a new console."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tws_maintenance.config.indices import INDICES
from tws_maintenance.demo.pages import companies
from tws_maintenance_tests.console.browser.looking import faults_of
from tws_maintenance_tests.console.browser.support import (
    Console,
    Visits,
    press,
    see_end,
)
from tws_maintenance_tests.support import live_bytes, reports_of, write_live

STI = INDICES["sti"]
# Less than the time between the dry run and the question.
NO_TIME = "[proposals]\nmax_age_hours = 0.0000001\n"
REFUSED = "status of 409"


@pytest.fixture(scope="module")
def looked_at(console: Console) -> str:
    """A dry run of a list that lacks a member; returns its report's id."""
    write_live(console.home, STI, companies("sti")[1:])
    ended = console.program("run", "--task", STI.task)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return str(reports_of(console.home)[-1]["report_id"])


@pytest.fixture
def no_time_left(console: Console) -> Iterator[None]:
    """Take back the settings by which a test lets dry runs expire."""
    yield
    console.home.settings_file.unlink(missing_ok=True)


def dialog_of(page: Page) -> Locator:
    """Open the dialog and return it."""
    press(page, "Apply Constituents Refresh")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    return dialog


def expect_refusal(page: Page, why: str) -> None:
    """Expect the page that says that nothing was started, and why, with a way on that works."""
    alert = page.get_by_role("alert").filter(visible=True)
    expect(alert).to_contain_text(why)
    expect(alert).to_contain_text("Nothing was started.")
    page.get_by_role("link", name="To the overview").click()
    expect(page.get_by_role("button", name="Dry Run All")).to_be_enabled()


@pytest.mark.usefixtures("looked_at", "no_time_left")
def test_a_dry_run_that_expires_under_an_open_dialog_is_not_applied(
    console: Console, visits: Visits
) -> None:
    before = live_bytes(console.home)
    page = visits.open(console)
    dialog = dialog_of(page)
    console.home.settings_file.write_text(NO_TIME)

    visits.expect_problem(REFUSED)
    dialog.get_by_role("button", name="Replace STI").click()
    expect_refusal(page, "Expired at")
    assert live_bytes(console.home) == before
    expect(page.get_by_role("button", name="Apply Constituents Refresh")).to_be_disabled()
    expect(page.locator(".actions")).to_contain_text("Cannot be applied now; the reason is below.")
    expect(page.locator("#change-sti_constituents")).to_contain_text("cannot be applied")
    expect(page.locator("#change-sti_constituents")).to_contain_text("Expired at")

    # An open overview notices both: that there is time again, and that there is none.
    console.home.settings_file.unlink()
    expect(page.get_by_role("button", name="Apply Constituents Refresh")).to_be_enabled()
    console.home.settings_file.write_text(NO_TIME)
    expect(page.get_by_role("button", name="Apply Constituents Refresh")).to_be_disabled()
    expect(page.locator("#change-sti_constituents")).to_contain_text("Run a dry run again.")


def test_a_live_file_that_changed_since_the_dry_run_is_left_alone(
    console: Console, looked_at: str, visits: Visits
) -> None:
    page = visits.open(console)
    dialog = dialog_of(page)
    edited = write_live(console.home, STI, companies("sti")[2:])

    visits.expect_problem(REFUSED)
    dialog.get_by_role("button", name="Replace STI").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("That did not work")
    assert faults_of(page) == []
    expect_refusal(page, "The live file was changed since this dry run.")
    assert console.home.live_file("sti").read_bytes() == edited
    expect(page.get_by_role("button", name="Apply Constituents Refresh")).to_be_disabled()
    page.goto(f"/maintenance/apply/{looked_at}")
    expect(page.locator(".verdict")).to_contain_text("The live file was changed since")
    expect(page.get_by_role("button")).to_have_count(0)


def test_pages_from_before_a_restart_heal_or_say_that_they_expired(
    console: Console, visits: Visits
) -> None:
    page, older = visits.open(console), visits.open(console, "/maintenance/watchlist")
    banner = page.get_by_text("The console does not answer. What you see may be old.")
    expect(banner).to_be_hidden()
    visits.expect_problem("ERR_CONNECTION_REFUSED")
    console.stop()
    expect(banner).to_be_visible()
    with page.expect_response(lambda answer: answer.ok and answer.url.endswith("/live")):
        console.start()
    expect(banner).to_be_hidden()

    # Its buttons carry what the new console gave out, without a reload.
    press(page, "Validate Metadata Only")
    page.wait_for_url("**/maintenance/runs/*")

    older.get_by_label("Add").fill("AAPL")
    visits.expect_problem("status of 403")
    press(older, "Watch")
    expect(older.get_by_role("heading", level=1)).to_have_text("This page has expired")
    expect(older.get_by_role("alert").filter(visible=True)).to_contain_text("Nothing was started")
    older.get_by_role("link", name="Load the overview again").click()
    older.get_by_role("link", name="Watchlist").click()
    older.get_by_label("Add").fill("AAPL")
    press(older, "Watch")
    expect(older.get_by_role("status")).to_have_text("Now watched: AAPL.")
    see_end(page, "Validation")
