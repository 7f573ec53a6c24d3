"""What the overview claims of lists and dry runs is true, also where that is not easy."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES
from tws_maintenance.core.clock import utc_now
from tws_maintenance.demo.pages import companies, page
from tws_maintenance.demo.server import PageServer
from tws_maintenance_tests.console.support import (
    API,
    HSI,
    SP500,
    STI,
    Console,
    consoled,
    error_of,
    point_to,
    report_of,
    run_here,
    until,
)
from tws_maintenance_tests.reports.shelf import filed, result
from tws_maintenance_tests.support import write_live


@pytest.fixture(scope="module")
def applied_home(web: PageServer, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home in which STI and HSI were applied, for tests to copy."""
    with consoled(tmp_path_factory.mktemp("applied"), web) as found:
        assert found.here(STI, HSI, dry_run=False)["status"] == "completed"
        return found.home


@pytest.fixture
def console(applied_home: Home, tmp_path: Path, server: PageServer) -> Iterator[Console]:
    """A console on a home in which STI and HSI were applied."""
    with consoled(tmp_path, server, copied=applied_home) as found:
        yield found


def card_of(console: Console, task: str) -> str:
    """Return what a card says, without its markup."""
    found = re.search(
        rf'id="card-{task}">(.*?)</article>', console.get("/maintenance").text, re.DOTALL
    )
    assert found
    return " ".join(re.sub(r"<[^>]+>", " ", found[1]).split())


def test_a_broken_live_file_is_called_broken_by_card_status_and_badge(console: Console) -> None:
    path = console.home.live_file("hsi")
    path.write_text(path.read_text().replace(".HK", ".XX"))

    assert "HSI failed" in console.json(f"{API}/badge")["message"]
    audit = console.list_of(HSI)["file_audit"]
    assert audit["status"] == "failed"
    assert audit["errors"][0].startswith("symbols_match_the_market_format: 85 of 85 rows")
    assert card_of(console, HSI).startswith("HSI broken")

    path.write_text(path.read_text().replace(".XX", ".HK"))
    until(lambda: console.list_of(HSI)["file_audit"]["status"] == "passed", "the next audit")
    assert card_of(console, HSI).startswith("HSI fresh")


def test_a_file_that_is_gone_is_not_called_fresh(console: Console) -> None:
    console.home.live_file("sti").unlink()
    card = card_of(console, STI)
    assert card.startswith("STI broken")
    assert "missing or unreadable" in card


def test_a_card_shows_what_is_announced(console: Console) -> None:
    day = f"{utc_now().date() + timedelta(days=10)}"
    announced = [
        {"effective_date": day, "action": action, "symbol": symbol, "status": "upcoming"}
        for action, symbol in (("add", "UPC"), ("remove", "AAS"))
    ]
    read = result(SP500, announced=announced, announcements_known=True)
    filed(console.home, read, at=utc_now())
    told = f"Announced UPC joins on {day}, AAS leaves on {day} Last refreshed"
    assert told in card_of(console, SP500)
    assert [one["symbol"] for one in console.list_of(SP500)["announced"]] == ["UPC", "AAS"]


def test_a_list_that_nobody_confirmed_says_so_and_is_offered_to_nobody(
    console: Console, server: PageServer
) -> None:
    server.pages["hsi"] = page("hsi", companies("hsi")[:60])
    assert console.here(HSI)["status"] == "partial_failure"
    why = "0 of 1 sources are usable, but 1 must agree"
    assert why in console.list_of(HSI)["unconfirmed"]
    card = card_of(console, HSI)
    assert card.startswith("HSI failed 85 members")
    assert "not confirmed" in card
    panel = " ".join(re.sub(r"<[^>]+>", " ", console.get("/maintenance").text).split())
    assert f"Not confirmed, so nothing can be applied: {why}" in panel


def test_a_page_from_before_a_newer_dry_run_with_another_result_applies_nothing(
    console: Console, server: PageServer
) -> None:
    server.pages["sti"] = page("sti", companies("sti")[:-1])
    erring = console.here(STI)
    server.pages["sti"] = page("sti", companies("sti"))
    right = console.here(STI)
    before = console.home.live_file("sti").read_bytes()

    shown = console.get(f"/maintenance/reports/{erring['report_id']}").text
    assert f"A newer dry run, {right['report_id']}, has another result" in shown
    assert 'id="apply-dialog"' not in shown
    answer = console.form("/maintenance/promote", report_id=erring["report_id"], tasks=STI)
    assert answer.status_code == 409
    assert f"A newer dry run, {right['report_id']}, has another result" in answer.text
    assert console.home.live_file("sti").read_bytes() == before


def test_a_restored_list_says_so_and_is_not_fresh(console: Console, server: PageServer) -> None:
    server.pages["sti"] = page("sti", companies("sti")[:-1])
    console.here(STI, dry_run=False)
    answer = console.post(f"{API}/restore", {"task": STI, "dry_run": False, "wait": 100})
    assert report_of(answer)["status"] == "completed"

    found = console.list_of(STI)
    assert found["stale"] is True
    assert found["restored_at"] is not None
    assert found["source"].startswith("data/backups/constituents/")
    assert card_of(console, STI).startswith("STI stale")
    assert "an older list, restored" in card_of(console, STI)

    console.apply(STI)
    assert console.list_of(STI)["restored_at"] is None
    assert card_of(console, STI).startswith("STI fresh")


def test_a_look_at_a_backup_is_not_offered_as_a_refresh(
    console: Console, server: PageServer
) -> None:
    server.pages["sti"] = page("sti", companies("sti")[:-1])
    console.here(STI, dry_run=False)
    looked = console.here(STI)
    preview = report_of(console.post(f"{API}/restore", {"task": STI, "wait": 100}))

    overview = console.get("/maintenance").text
    assert f"/maintenance/apply/{looked['report_id']}" in overview
    assert f"/maintenance/apply/{preview['report_id']}" not in overview
    own = console.get(f"/maintenance/reports/{preview['report_id']}").text
    assert "Restore Backup</button>" in own
    assert "Restore preview by" in own


def test_a_list_that_waits_in_another_dry_run_is_pointed_out(
    console: Console, server: PageServer
) -> None:
    server.pages["hsi"] = page("hsi", companies("hsi")[:-1])
    waiting = console.here(HSI)
    console.here(STI)
    overview = console.get("/maintenance").text
    assert f"look at {waiting['report_id']} and apply it" in overview
    assert (
        error_of(console.post(f"{API}/promote", {"report_id": "maintenance_20200101_000000"}))[0]
        == 404
    )


def test_a_dry_run_whose_list_was_applied_from_another_one_does_not_wait(
    console: Console, server: PageServer
) -> None:
    server.pages["hsi"] = page("hsi", companies("hsi")[:-1])
    first, _ = console.here(HSI), console.here(HSI)
    console.post(f"{API}/promote", {"report_id": first["report_id"], "wait": 100})
    console.here(STI)
    assert "waits in another dry run" not in console.get("/maintenance").text


def test_a_list_without_a_file_is_shown_by_name_with_a_caution(console: Console) -> None:
    console.home.live_file("sti").unlink()
    report = console.here(STI)
    shown = console.get(f"/maintenance/apply/{report['report_id']}").text
    assert all(one.name in shown for one in companies("sti")[:8])
    assert "The file of STI that maintenance_" in shown
    assert "is missing. The new list cannot be compared with it" in shown


def test_a_failed_fetch_is_no_failed_validation(console: Console, server: PageServer) -> None:
    server.pages.pop("sti")
    console.here(STI)
    until(lambda: console.list_of(STI)["file_audit"]["status"] == "passed", "the audit")
    card = card_of(console, STI)
    assert "Validation passed of the current file" in card
    assert "Last run failed audit not run" in card


def test_a_market_that_is_open_is_warned_of_only_where_its_list_changed(
    home: Home, server: PageServer
) -> None:
    point_to(home, server)
    write_live(home, INDICES["sti"], companies("sti"))
    (result,) = run_here(home, STI, dry_run=False)["results"]
    assert (result["changed"], result["warnings"]) == (False, [])
