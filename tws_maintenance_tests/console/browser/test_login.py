"""A console with a password: nobody sees anything before, and everybody lands where they wanted."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tws_maintenance.config.home import Home
from tws_maintenance_tests.console.browser.looking import faults_of
from tws_maintenance_tests.console.browser.support import (
    OVERVIEW,
    Console,
    Visits,
    press,
    running_console,
)
from tws_maintenance_tests.pipeline.support import quiet_environment

PASSWORD = "correct horse battery"
WANTED = "/maintenance/reports?status=failed&task=sti_constituents"


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """A console that demands a password; it fetches nothing."""
    home = Home(tmp_path_factory.mktemp("login") / "home")
    environment = {"TWS_MAINTENANCE_CONSOLE__PASSWORD": PASSWORD}
    with quiet_environment(), running_console(home, environment) as running:
        yield running


def log_in(page: Page, name: str, password: str) -> None:
    """Fill in the form and send it."""
    page.get_by_label("Your name").fill(name)
    page.get_by_label("Password").fill(password)
    press(page, "Log in")


def test_the_password_leads_to_what_was_wanted_and_a_logout_ends_it_on_every_open_page(
    console: Console, visits: Visits
) -> None:
    page = visits.open(console, WANTED)
    expect(page.get_by_role("heading", level=1)).to_have_text("Log in")
    expect(page.get_by_role("navigation")).to_have_count(0)
    expect(page.locator("body")).not_to_contain_text(str(console.home.root))
    assert faults_of(page) == []

    visits.expect_problem("status of 401")
    log_in(page, "Ada", "incorrect horse")
    expect(page.get_by_role("alert").filter(visible=True)).to_contain_text("Wrong password.")
    log_in(page, "Ada", PASSWORD)
    page.wait_for_url(f"**{WANTED}")
    expect(page.get_by_label("Status")).to_have_value("failed")
    expect(page.get_by_role("banner")).to_contain_text("Ada")
    assert faults_of(page) == []
    open_still = page.context.new_page()
    open_still.goto(OVERVIEW)
    expect(open_still.locator(".card")).to_have_count(5)
    press(page, "Log out")
    expect(page.get_by_role("status")).to_have_text("You have logged out.")
    for one in (page, open_still):
        expect(one.get_by_role("heading", level=1)).to_have_text("Log in")
    page.goto(OVERVIEW)
    expect(page.get_by_role("heading", level=1)).to_have_text("Log in")
