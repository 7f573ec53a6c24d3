"""The operator's whole journey on the real pages: look, apply, read, go back."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES
from tws_maintenance.core.digest import sha256
from tws_maintenance_tests.console.browser.looking import UNFOLD, faults_of
from tws_maintenance_tests.console.browser.older import write_older_lists
from tws_maintenance_tests.console.browser.support import (
    Console,
    Visits,
    press,
    running_console,
    see_end,
)
from tws_maintenance_tests.pipeline.support import quiet_environment
from tws_maintenance_tests.support import (
    live_bytes,
    pages_alone,
    recorded_web,
    reports_of,
    result_of,
)

TASK = INDICES["sp500"].task
# Of a run; the dialog repeats them.
RESULTS = "[data-part=result] > .result"
REASON = "quarterly rebalance"


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """A home whose S&P 500 is an older one, held by an operator of META; the recorded pages."""
    home = Home(tmp_path_factory.mktemp("flow") / "home")
    with quiet_environment(), recorded_web() as environment:
        write_older_lists(home)
        home.settings_file.write_text('[events]\npositions = ["META"]\n')
        with running_console(home, {**environment, **pages_alone()}) as running:
            yield running


def changes_are_named(page: Page, scope: str) -> None:
    """Expect the difference between the older list and the page's, by name, within `scope`."""
    part = page.locator(scope).filter(has_text="S&P 500").first
    expect(part).to_contain_text("502 rows before, 503 after")
    rows = part.get_by_role("row")
    expect(rows.nth(1)).to_have_text("METAMeta Platformsrenamed FB is now METAnone foundyou hold")
    for told in ("AMCRAmcoradded", "XYLXylem Inc.added", "ZZZZed Industriesremoved"):
        expect(rows.filter(has_text=told)).to_have_count(1)


def test_the_operator_looks_applies_reads_and_goes_back(console: Console, visits: Visits) -> None:
    before = live_bytes(console.home)
    page = visits.open(console)
    expect(page.get_by_role("button", name="Apply Constituents Refresh")).to_be_disabled()

    press(page, "Dry Run All")
    page.wait_for_url("**/maintenance/runs/*")
    expect(page.locator(".steps li")).to_have_count(8)
    expect(page.locator(".steps .done")).to_have_count(8)
    # The recorded page of the HSI says 88 and lists 85: alone it confirms nobody.
    see_end(page, "Dry run partly failed. No file was replaced. Not confirmed: HSI.")
    changes_are_named(page, RESULTS)
    results = page.locator(RESULTS)
    expect(results.filter(has_text="HSI")).to_contain_text("it states 88 members but lists 85")
    expect(results.filter(has_text="Federal Reserve")).to_contain_text("FOMC")
    assert live_bytes(console.home) == before

    page.get_by_role("link", name="Maintenance", exact=True).click()
    expect(page.locator("#card-sp500_constituents")).to_contain_text(", 1 renamed")
    expect(page.locator("#card-sti_constituents")).to_contain_text("nothing differs")
    press(page, "Apply Constituents Refresh")
    dialog = page.get_by_role("dialog", name="Apply constituents refresh")
    expect(dialog).to_contain_text("Nothing is fetched again: exactly this is published.")
    changes_are_named(page, "dialog .result")
    expect(dialog).to_contain_text("it states 88 members but lists 85")
    dialog.get_by_label("Reason").fill(REASON)
    dialog.get_by_role("button", name="Replace S&P 500, confirm STI").click()
    see_end(page, "Apply completed. Replaced: S&P 500.")
    expect(page.locator("[data-part=result]")).to_contain_text(f"Reason: {REASON}")
    after = live_bytes(console.home)
    assert (after["sti"], after["hsi"]) == (before["sti"], before["hsi"])
    looked, applied = reports_of(console.home)
    proposal = result_of(looked, TASK)
    assert sha256(after["sp500"] or b"") == proposal["proposal_sha256"]
    assert (applied["reason"], applied["entry_point"]) == (REASON, "console")
    assert result_of(applied, TASK)["proposal_id"] == proposal["proposal_id"]

    the_report_can_be_read(page, applied["report_id"])
    going_back_gives_the_former_bytes(page, console, before)
    the_timeline_tells_of_both(page)


def the_report_can_be_read(page: Page, report_id: str) -> None:
    """Expect the report of the apply as a page, as Markdown, as JSON and as two files."""
    page.get_by_role("link", name=report_id).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(report_id)
    expect(page.locator("main")).to_contain_text(f"Reason: {REASON}")
    page.get_by_text("As Markdown, rendered").click()
    rendered = page.locator(".markdown")
    expect(rendered.get_by_role("heading", level=1)).to_have_text(
        "Apply completed. Replaced: S&P 500."
    )
    expect(rendered.get_by_role("row").nth(1).get_by_role("cell").nth(4)).to_have_text("503")
    page.get_by_text("As JSON").click()
    expect(page.locator("pre")).to_contain_text(f'"report_id": "{report_id}"')
    for label, ending, beginning in (
        ("Download JSON", "json", "{"),
        ("Download Markdown", "md", "# Apply completed."),
    ):
        with page.expect_download() as waiting:
            page.get_by_role("link", name=label).click()
        assert waiting.value.suggested_filename == f"{report_id}.{ending}"
        assert waiting.value.path().read_text().startswith(beginning)


def going_back_gives_the_former_bytes(
    page: Page, console: Console, before: dict[str, bytes | None]
) -> None:
    """Restore the only backup, by way of its preview."""
    page.get_by_role("link", name="Backups").click()
    row = page.get_by_role("row").filter(has_text="S&P 500")
    expect(row).to_contain_text("intact")
    row.get_by_role("button", name="Preview restore of S&P 500").click()
    see_end(page, "Restore preview completed. No file was replaced.")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Preview of a restore of S&P 500")
    expect(page.locator(RESULTS).first).to_contain_text("META is now FB")
    press(page, "Restore Backup")
    dialog = page.get_by_role("dialog", name="Restore a backup")
    expect(dialog).to_contain_text("Restores a backup: data/backups/constituents/")
    dialog.get_by_role("button", name="Restore S&P 500", exact=True).click()
    see_end(page, "Restore completed. Replaced: S&P 500.")
    assert live_bytes(console.home) == before


def the_timeline_tells_of_both(page: Page) -> None:
    """Expect the rename and its undoing, and the members of today."""
    page.get_by_role("link", name="Members").click()
    entries = page.locator(".timeline tbody tr")
    expect(entries).to_have_count(2)
    expect(entries.first).to_contain_text("META → FB Meta Platforms")
    expect(entries.last).to_contain_text("FB → META Meta Platforms")
    expect(entries.last.locator(".added").filter(has_text="AMCR")).to_contain_text("added")
    # A history of one day is a picture, too.
    expect(page.locator("#members-picture canvas")).to_be_visible()
    page.evaluate(UNFOLD)
    assert faults_of(page) == []
    expect(page.locator("#members-readout")).to_contain_text("502 members: ")
    today = (page.locator(".timeline td a").first.text_content() or "").split()[0]
    page.get_by_role("textbox", name="Members on").fill(today)
    press(page, "Show")
    expect(page.get_by_role("heading", level=2)).to_contain_text("502 members at the end of")
    expect(page.locator(".members")).to_contain_text("FB Meta Platforms")
