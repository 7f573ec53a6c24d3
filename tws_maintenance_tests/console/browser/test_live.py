"""Runs of others, as they go: from a terminal, and from a second operator."""

import contextlib
import getpass
import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tws_maintenance.config.indices import INDICES
from tws_maintenance_tests.console.browser.support import (
    Console,
    Pages,
    Visits,
    press,
    see_end,
    tab_to,
)

STI = INDICES["sti"]
RUNNING = "[data-part=running]"


@pytest.fixture
def held(pages: Pages) -> Iterator[Pages]:
    """The page of the STI waits until `release`."""
    pages.hold("sti")
    yield pages
    pages.release()


@contextlib.contextmanager
def in_a_terminal(console: Console, *arguments: str) -> Iterator[None]:
    """Run a command beside the console; it must end well."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tws_maintenance", *arguments],
        env=console.program.full_environment(),
        cwd=console.home.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield
    finally:
        told, _ = process.communicate(timeout=60)
    assert process.returncode == 0, told


def ended_on(page: Page) -> None:
    """Expect the overview, which was never reloaded, to tell of the run's end."""
    expect(page.locator(RUNNING)).to_have_text("")
    expect(page.get_by_role("button", name="Dry run STI")).to_be_enabled()
    expect(page.locator("#card-latest")).to_contain_text("completed")


def test_a_run_of_the_command_line_appears_moves_and_ends_on_the_open_page(
    console: Console, held: Pages, visits: Visits
) -> None:
    overview = visits.open(console)
    with in_a_terminal(console, "run", "--task", STI.task):
        line = overview.locator(RUNNING)
        expect(line).to_contain_text(f"Dry run of STI is running, started by {getpass.getuser()}")
        expect(line).to_contain_text("(cli)")
        expect(overview.get_by_role("button", name="Dry run STI")).to_be_disabled()
        expect(overview.get_by_role("button", name="Dry Run All")).to_be_disabled()
        expect(overview.get_by_role("button", name="Dry run HSI")).to_be_enabled()

        run = visits.open(console)
        run.locator(RUNNING).get_by_role("link", name="Dry run of STI").click()
        for _ in ("as it is opened", "and in the middle of the run, loaded again"):
            expect(run.get_by_text("In progress.")).to_be_visible()
            expect(run.locator(".steps .running")).to_contain_text("STI: fetch and stage")
            expect(run.locator(".steps .waiting")).to_contain_text("STI: audit")
            run.reload()
        held.release()
        see_end(run, "Dry run completed.")
        expect(run.locator(".steps .done")).to_have_count(2)
    ended_on(overview)


def start_by_keyboard(page: Page, name: str) -> None:
    """Go to a button of the overview without a mouse, past all links of its head, and press it."""
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_role("button", name=name))
    page.keyboard.press("Enter")
    page.wait_for_url("**/maintenance/runs/*")


def test_two_operators_see_each_other_and_the_later_one_is_led_to_the_run(
    console: Console, held: Pages, visits: Visits
) -> None:
    first, second, onlooker = (visits.open(console) for _ in range(3))
    # What the second sees stays as it was, as on a slow network.
    second.route("**/maintenance/live", lambda _route: None)
    dry_run_all = onlooker.get_by_role("button", name="Dry Run All")
    dry_run_all.focus()
    start_by_keyboard(first, "Dry run STI")
    expect(onlooker.locator(RUNNING)).to_contain_text("Dry run of STI")
    # The focus goes on from a button that cannot be pressed any more.
    expect(dry_run_all).to_be_disabled()
    expect(onlooker.locator("[data-part=look]")).to_be_focused()
    onlooker.keyboard.press("Tab")
    validate = onlooker.get_by_role("button", name="Validate Metadata Only")
    expect(validate).to_be_focused()

    visits.expect_problem("status of 409")
    press(second, "Dry Run All")
    expect(second.get_by_role("heading", level=1)).to_have_text("Busy")
    alert = second.get_by_role("alert").filter(visible=True)
    expect(alert).to_contain_text(f"A run of STI, started by {getpass.getuser()} (console)")
    expect(alert).to_contain_text("Nothing was started.")
    second.get_by_role("link", name="Look at the run in progress").click()
    expect(second).to_have_url(first.url)

    held.release()
    for page in (first, second):
        see_end(page, "Dry run completed.")
    ended_on(onlooker)
    expect(dry_run_all).to_be_enabled()
    expect(validate).to_be_focused()
