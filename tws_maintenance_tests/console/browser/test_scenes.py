"""What an operator finds, scene by scene: what stands where, and what can be done with it."""

import contextlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES
from tws_maintenance.console.app import create_app
from tws_maintenance.demo.server import PageServer
from tws_maintenance_tests.console.browser.looking import DESK, HEIGHT, faults_of
from tws_maintenance_tests.console.browser.support import Visits, swap_all, tab_to
from tws_maintenance_tests.console.scenes import (
    AFTER_AN_APPLY,
    HELD,
    ON_A_NEW_HOME,
    Stage,
    apply_everything,
    begin,
)
from tws_maintenance_tests.console.support import served
from tws_maintenance_tests.pipeline.support import quiet_environment

FRESH = ("fresh", "fresh", "fresh", "fresh", "fresh")
# The verdict and the cards' words; the report is the last card.
EXPECTED = {
    "nothing_to_do": ("Nothing needs attention.", FRESH),
    "three_large_changes": (
        "The last run failed: STI, HSI. Waiting for you: S&P 500.",
        ("waiting", "failed", "failed", "fresh", "failed"),
    ),
    "one_source_down": (
        "The last run failed: STI. Waiting for you: S&P 500.",
        ("waiting", "failed", "fresh", "fresh", "failed"),
    ),
    "upcoming_change_of_a_held_symbol": ("Nothing needs attention.", FRESH),
    "broken_file": ("Broken: HSI.", ("fresh", "fresh", "broken", "fresh", "fresh")),
    "empty_home": (
        "Nothing was run here yet. The first steps are below.",
        ("stale", "stale", "stale", "stale", "stale"),
    ),
}
WORST = "three_large_changes"
WORST_HEIGHT = 1600
TOLD = "[...document.querySelectorAll('.notes li')].map(one => one.textContent.trim())"


@dataclass(frozen=True)
class Shown:
    """A scene that is served."""

    home: Home
    origin: str


Show = Callable[[str], Shown]


@pytest.fixture(scope="module")
def show(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Show]:
    """Return what serves a scene by its name; each is made once."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(quiet_environment())
        found: dict[str, Shown] = {}
        applied = Home(tmp_path_factory.mktemp("applied") / "home")
        applied.root.mkdir()
        apply_everything(Stage(applied, stack.enter_context(PageServer({}))))

        def one(name: str) -> Shown:
            if name not in found:
                home = Home(tmp_path_factory.mktemp(name) / "home")
                if name in AFTER_AN_APPLY:
                    shutil.copytree(applied.root, home.root)
                else:
                    home.root.mkdir()
                stage = Stage(home, stack.enter_context(PageServer({})))
                begin(stage)
                (AFTER_AN_APPLY | ON_A_NEW_HOME)[name](stage)
                app = create_app(home)
                stack.callback(app.extensions["tws_maintenance"].close)
                app.extensions["tws_maintenance"].file_audits.audits(wait_seconds=60)
                found[name] = Shown(home, stack.enter_context(served(app)))
            return found[name]

        yield one


@pytest.fixture
def overview(show: Show, visits: Visits) -> Callable[..., Page]:
    """Return what opens the overview of a scene on a desk."""

    def opened(name: str, **options: Any) -> Page:
        return visits.open(show(name), viewport={"width": DESK, "height": HEIGHT}, **options)

    return opened


def says_in_two_seconds_whether_anything_needs_a_hand(page: Page, name: str) -> None:
    """Expect the verdict and the cards' words, seen without scrolling, each only once."""
    verdict, words = EXPECTED[name]
    expect(page.locator(".top-line .verdict")).to_have_text(verdict)
    assert tuple(page.locator(".card h2 .chip").all_inner_texts()) == words
    # The markets and the cards come first, and with the buttons they are seen without scrolling.
    order = page.evaluate("[...document.querySelectorAll('[data-part]')].map(p => p.dataset.part)")
    seen = ["verdict", "running", "venues", "cards", "look", "apply", "refresh"]
    assert order[: len(seen)] == seen
    assert order[-1] == "waiting"
    for selector in (".top-line .verdict", ".venues", ".card", ".actions .group"):
        for one in page.locator(selector).all():
            box = one.bounding_box()
            assert box is not None
            assert box["y"] + box["height"] <= HEIGHT, selector
    told = page.evaluate(TOLD)
    assert [one for one in told if sum(one[8:] in other for other in told) > 1] == []
    text = page.locator("main").inner_text()
    assert "--" not in text
    assert "_is_" not in text
    assert faults_of(page) == []


def test_where_nothing_is_to_do_the_lists_are_folded(overview: Callable[..., Page]) -> None:
    page = overview("nothing_to_do", timezone_id="Asia/Tokyo")
    says_in_two_seconds_whether_anything_needs_a_hand(page, "nothing_to_do")
    expect(page.locator(".list-line")).to_have_count(3)
    assert page.locator(".list-line[open]").count() == 0
    assert page.locator(".tally").all_inner_texts() == ["nothing differs"] * 3
    times_are_shown_by_the_clock_that_was_chosen(page)


def times_are_shown_by_the_clock_that_was_chosen(page: Page) -> None:
    """Choose the clocks in turn, in a browser of Tokyo."""
    shown = page.locator("[data-part=waiting] time").first
    expect(shown).to_contain_text("UTC")
    page.get_by_label("Times").select_option("browser")
    expect(shown).to_contain_text("GMT+9")
    page.reload()
    expect(page.get_by_label("Times")).to_have_value("browser")
    swap_all(page)
    expect(shown).to_contain_text("GMT+9")
    page.locator("#card-sti_constituents summary").click()
    page.get_by_label("Times").select_option("market")
    own = page.locator("#card-sti_constituents .facts time").first
    expect(own).to_contain_text("GMT+8")
    expect(shown).to_contain_text("UTC")  # a report is of no market


def test_the_worst_case_is_short_and_open_where_something_is_to_be_decided(
    overview: Callable[..., Page],
) -> None:
    page = overview(WORST, permissions=["clipboard-read", "clipboard-write"])
    says_in_two_seconds_whether_anything_needs_a_hand(page, WORST)
    lines = page.locator(".list-line")
    expect(lines).to_have_count(3)
    assert page.locator(".list-line[open]").count() == 3
    assert page.evaluate("document.documentElement.scrollHeight") <= WORST_HEIGHT
    expect(lines.first.locator(".tally")).to_have_text("45 added35 removed")
    expect(lines.first.locator("summary").first).to_contain_text("2 concern you")
    # Of eighty changes those stand there that concern the operator.
    rows = lines.first.locator("tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("traded by momentum")
    expect(rows.last).to_contain_text("you watch")
    decide = page.locator("#card-sti_constituents").get_by_role("link", name="Decide about STI")
    decide.click()
    expect(page).to_have_url(f"{page.url.split('#')[0]}#change-sti_constituents")
    expect(page.locator("#override-size")).to_contain_text("(STI, HSI)")
    changes_are_filtered_sorted_turned_over_and_copied(page)


def changes_are_filtered_sorted_turned_over_and_copied(page: Page) -> None:
    """Use the table of the eighty changes of the S&P 500."""
    box = page.locator("#change-sp500_constituents .fill")
    box.locator("summary").click()
    rows, place = box.locator("tbody tr"), box.get_by_role("status")
    expect(place).to_have_text("1 to 50 of 80")
    expect(rows).to_have_count(50)
    expect(rows.nth(0)).to_contain_text("traded by momentum")
    expect(rows.nth(1)).to_contain_text("you watch")
    heads = box.locator("th").all_inner_texts()
    assert heads == [
        *("symbol", "company", "change", "Wikipedia", "SPY", "IVV", "announced", "concerns"),
    ]
    box.get_by_role("button", name="Next").click()
    expect(place).to_have_text("51 to 80 of 80")
    expect(rows).to_have_count(30)
    box.get_by_label("Kind").select_option("removed")
    expect(place).to_have_text("1 to 35 of 35")
    box.get_by_role("button", name="company").click()
    box.get_by_role("button", name="company").click()
    expect(box.locator("th[aria-sort=descending]")).to_have_text("company")
    expect(rows.first).to_contain_text("Leaver 34 plc")
    # What the page asks for meanwhile takes neither the order nor the filter.
    swap_all(page)
    expect(rows.first).to_contain_text("Leaver 34 plc")
    box.get_by_label("Filter").fill("momentum zac")
    expect(place).to_have_text("1 to 1 of 1")
    box.get_by_role("button", name="Copy").click()
    expect(box.get_by_role("button", name="Copied 1 rows")).to_be_visible()
    head, row = page.evaluate("navigator.clipboard.readText()").split("\n")
    assert head.split("\t") == heads
    assert row.split("\t") == [
        *("ZAC", "Leaver 2 plc", "removed", "no", "no", "no", "none found", "traded by momentum"),
    ]


def test_without_the_script_the_table_is_whole_on_its_own_page(
    overview: Callable[..., Page],
) -> None:
    page = overview(WORST, java_script_enabled=False)
    page.locator("#change-sp500_constituents .fill summary").click()
    page.get_by_role("link", name="Open the table on its own page").first.click()
    expect(page.locator("tbody tr")).to_have_count(80)
    expect(page.locator(".clock")).to_be_hidden()


def test_a_source_that_was_set_aside_is_one_line(overview: Callable[..., Page]) -> None:
    page = overview("one_source_down")
    says_in_two_seconds_whether_anything_needs_a_hand(page, "one_source_down")
    line = page.locator("#change-sp500_constituents")
    aside = line.locator(".aside").filter(has_text="set aside")
    expect(aside).to_have_text("set aside Wikipedia: refused with HTTP 404 Not Found")
    text = page.locator("main").inner_text()
    assert text.count("HTTP 404") == 2  # of Wikipedia, and of the STI's other source


def test_what_is_to_come_of_a_held_symbol_is_seen(overview: Callable[..., Page]) -> None:
    page = overview("upcoming_change_of_a_held_symbol")
    says_in_two_seconds_whether_anything_needs_a_hand(page, "upcoming_change_of_a_held_symbol")
    line = page.locator("#change-sp500_constituents")
    expect(line.locator("summary")).to_contain_text("1 announced concerns you")
    line.locator("summary").click()
    expect(line).to_contain_text(f"{HELD} (")
    expect(line).to_contain_text("you hold it")


def test_a_broken_file_leads_to_its_backups(overview: Callable[..., Page]) -> None:
    page = overview("broken_file")
    says_in_two_seconds_whether_anything_needs_a_hand(page, "broken_file")
    expect(page.locator(".top-line .notes").first).to_contain_text("HSI: 85 of 85 rows break")
    page.locator("#card-hsi_constituents").get_by_role("link", name="Backups of HSI").click()
    expect(page).to_have_url(f"{page.url.split('?')[0]}?task={INDICES['hsi'].task}")
    expect(page.get_by_role("button", name="Preview restore of HSI")).to_be_visible()
    assert faults_of(page) == []


def test_an_empty_home_leads_through_the_first_steps(overview: Callable[..., Page]) -> None:
    page = overview("empty_home")
    says_in_two_seconds_whether_anything_needs_a_hand(page, "empty_home")
    expect(page.locator("main")).to_contain_text("Begin with Dry Run All.")
    guide = page.locator("[data-part=guide]")
    expect(guide.locator("li")).to_have_count(4)
    expect(guide.get_by_role("link", name="To the watchlist")).to_be_visible()
    expect(guide.get_by_role("row").filter(has_text="maintenance.toml is valid")).to_be_visible()
    swap_all(page)
    expect(guide.get_by_role("row").filter(has_text="maintenance.toml is valid")).to_be_visible()
    tab_to(page, guide.get_by_role("button", name="Make the first dry run"))


def test_a_change_is_reviewed_by_keyboard_alone(overview: Callable[..., Page]) -> None:
    page = overview(WORST)
    review = page.get_by_role("link", name="Review S&P 500")
    tab_to(page, review)
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Apply constituents refresh")
    expect(dialog.get_by_role("button", name="Replace S&P 500", exact=True)).to_be_visible()
    tab_to(page, dialog.get_by_label("Filter").first)
    page.keyboard.type("momentum")
    expect(dialog.get_by_role("status").first).to_have_text("1 to 1 of 1")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(review).to_be_focused()


def test_many_symbols_are_shown_before_they_are_watched(show: Show, visits: Visits) -> None:
    page = visits.open(show("empty_home"), "/maintenance/watchlist")
    page.get_by_label("Paste many").fill("aapl; brk.b\n5.hk, VOD.L aapl")
    page.get_by_role("button", name="Show what they are").click()
    rows = page.get_by_role("region", name="What they are").locator("tbody tr")
    expect(rows).to_have_count(4)
    expect(rows.nth(1)).to_contain_text("BRK-B")
    expect(rows.nth(2)).to_contain_text("0005.HK")
    expect(rows.nth(3)).to_contain_text("VOD.L")
    assert faults_of(page) == []
    page.get_by_role("button", name="Watch these 3").click()
    expect(page.get_by_role("status")).to_have_text("Now watched: 0005.HK, AAPL, BRK-B.")

    page.get_by_label("CSV").set_input_files(
        {
            "name": "mine.csv",
            "mimeType": "text/csv",
            "buffer": b"name,Ticker\nApple,AAPL\nDBS,D05.SI\n",
        }
    )
    page.get_by_role("button", name="Show what they are").click()
    expect(rows).to_have_count(2)
    expect(rows.nth(0)).to_contain_text("watched already")
    page.get_by_role("button", name="Watch this one").click()
    expect(page.get_by_role("status")).to_have_text("Now watched: D05.SI.")
