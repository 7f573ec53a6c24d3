"""Going back to a backup from the console: shown first, done when asked, refused when damaged."""

from collections.abc import Iterator
from typing import Any

import pytest

from tws_maintenance.config.indices import INDICES
from tws_maintenance.constituents.backups import list_backups
from tws_maintenance.demo.pages import companies
from tws_maintenance_tests.console.support import (
    API,
    ENOUGH,
    HSI,
    STI,
    Console,
    error_of,
    report_of,
)
from tws_maintenance_tests.support import result_of, write_live

INDEX = INDICES["sti"]


@pytest.fixture
def backed_up(console: Console) -> Iterator[tuple[Console, bytes, str]]:
    """A console, the bytes of the list before its last apply, and the id of that backup."""
    before = write_live(console.home, INDEX, companies("sti")[1:])
    console.here(STI, dry_run=False)
    yield console, before, list_backups(console.home, INDEX)[0].backup_id
    for backup in list_backups(console.home, INDEX):
        backup.path.unlink(missing_ok=True)
        (backup.path.parent / "SHA256SUMS").unlink(missing_ok=True)
    console.home.live_file("sti").unlink(missing_ok=True)


def restore(console: Console, **body: object) -> dict[str, Any]:
    """Restore STI and return the report of that."""
    return report_of(console.post(f"{API}/restore", {"task": STI, "wait": ENOUGH, **body}))


def test_a_restore_is_shown_first_and_done_when_it_is_asked_for(
    backed_up: tuple[Console, bytes, str],
) -> None:
    console, before, backup_id = backed_up
    path = console.home.live_file("sti")
    now = path.read_bytes()
    shown = restore(console)
    assert (shown["dry_run"], shown["status"]) == (True, "completed")
    assert result_of(shown, STI)["removed"] == ["A00.SI"]
    assert backup_id in result_of(shown, STI)["source"]
    assert path.read_bytes() == now

    done = restore(console, backup=backup_id, dry_run=False, reason="the source was wrong")
    assert (done["dry_run"], done["reason"]) == (False, "the source was wrong")
    assert path.read_bytes() == before
    # The bytes that were replaced are a backup, too: the newest that differs is the way back.
    restore(console, dry_run=False)
    assert path.read_bytes() == now


def test_a_lost_file_is_brought_back(backed_up: tuple[Console, bytes, str]) -> None:
    console, before, _ = backed_up
    path = console.home.live_file("sti")
    path.unlink()
    report = restore(console, dry_run=False)
    assert report["status"] == "completed"
    assert path.read_bytes() == before


def test_a_file_that_cannot_be_read_is_replaced_and_kept(
    backed_up: tuple[Console, bytes, str],
) -> None:
    console, before, _ = backed_up
    path = console.home.live_file("sti")
    path.write_bytes(b"\xff\x00 no list at all")
    report = restore(console, dry_run=False)
    assert path.read_bytes() == before
    kept = console.home.root / str(result_of(report, STI)["backup_path"])
    assert kept.read_bytes() == b"\xff\x00 no list at all"


def test_a_damaged_backup_is_not_restored(backed_up: tuple[Console, bytes, str]) -> None:
    console, _, backup_id = backed_up
    path = console.home.live_file("sti")
    now = path.read_bytes()
    (backup,) = [one for one in list_backups(console.home, INDEX) if one.backup_id == backup_id]
    backup.path.write_bytes(backup.path.read_bytes().replace(b"Boreal", b"Borean", 1))
    for body in ({}, {"backup": backup_id}, {"dry_run": False}):
        answer = console.post(f"{API}/restore", {"task": STI, **body})
        assert error_of(answer) == (409, "damaged")
    assert path.read_bytes() == now
    page = console.get("/maintenance/backups")
    assert page.status_code == 200
    assert "damaged" in page.text
    backup.path.unlink()
    answer = console.post(f"{API}/restore", {"task": STI, "backup": backup_id})
    assert error_of(answer)[0] in {404, 409}


def test_what_there_is_no_backup_of_is_not_found(console: Console) -> None:
    before = console.instance.get_runs_count()
    for body in ({"task": HSI}, {"task": HSI, "backup": "20200101_000000"}):
        assert error_of(console.post(f"{API}/restore", body)) == (404, "not_found")
    assert console.instance.get_runs_count() == before


def test_a_live_file_that_is_a_folder_is_told_in_words(
    backed_up: tuple[Console, bytes, str],
) -> None:
    console, _, _ = backed_up
    path = console.home.live_file("sti")
    path.unlink()
    path.mkdir()
    answer = console.post(f"{API}/restore", {"task": STI})
    assert error_of(answer) == (503, "unavailable")
    assert path.name in answer.text
    path.rmdir()


def test_the_page_shows_and_leads_to_its_run(backed_up: tuple[Console, bytes, str]) -> None:
    console, _, backup_id = backed_up
    assert backup_id in console.get("/maintenance/backups", task=STI).text
    answer = console.form("/maintenance/restore", task=STI, backup=backup_id)
    assert answer.status_code == 303
    run = console.follow(answer.location.rsplit("/", 1)[1])
    # A look, until the page is told to apply what it showed.
    assert (run["dry_run"], run["state"]) == (True, "finished")
