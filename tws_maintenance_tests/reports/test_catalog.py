"""What a console is told about thousands of reports is what their files say, damaged ones too."""

import json
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import MARKET_EVENTS
from tws_maintenance.core.clock import utc_text
from tws_maintenance.core.errors import UsageError
from tws_maintenance.reports.catalog import Refreshed, Renewal, ReportCatalog
from tws_maintenance.reports.file_names import report_path
from tws_maintenance.reports.store import report_of_run
from tws_maintenance.reports.summary import ReportSummary
from tws_maintenance_tests.reports.shelf import AT, filed, report, result

STI, HSI = "sti_constituents", "hsi_constituents"
NEWEST, OLDEST = "maintenance_20261122_203000", "maintenance_20261122_183000"


def later(hours: float) -> datetime:
    return AT + timedelta(hours=hours)


def ids(entries: list[ReportSummary]) -> list[str]:
    return [one.report_id for one in entries]


def page(shelf: ReportCatalog, **asked: Any) -> tuple[list[str], int]:
    rows, total = shelf.page(**{"limit": 20, "offset": 0} | asked)
    return ids(rows), total


def settle(home: Home) -> None:
    """Let the folder have changed long ago."""
    before = time.time() - 60
    os.utime(home.reports, (before, before))


def replaced(home: Home, report_id: str, content: bytes) -> None:
    """Put another file in the place of a report, as a restore from a backup would."""
    path = report_path(home, report_id)
    beside = path.with_suffix(".tmp")
    beside.write_bytes(content)
    os.replace(beside, path)


@pytest.fixture
def three(home: Home) -> ReportCatalog:
    """Three reports, an hour apart, of runs run-1, run-2 and run-3."""
    filed(home, result(STI, source="page 1"), run_id="run-1")
    failed = result(HSI, status="failed", dry_run=True, finished_at=None)
    filed(home, failed, at=later(1), run_id="run-2", status="failed", errors=["a", "b"])
    filed(home, result(STI, dry_run=True), result(HSI), at=later(2), run_id="run-3")
    return ReportCatalog(home)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that were really read."""
    names: list[str] = []
    real = Path.read_bytes

    def counted(path: Path) -> bytes:
        names.append(path.stem)
        return real(path)

    monkeypatch.setattr(Path, "read_bytes", counted)
    return names


def test_an_entry_tells_what_its_report_says(three: ReportCatalog) -> None:
    newest = three.latest()
    assert newest is not None
    assert newest == three.entry(NEWEST)
    assert (newest.run_id, newest.status, newest.dry_run) == ("run-3", "completed", False)
    assert (newest.entry_point, newest.actor) == ("cli", "operator")
    assert newest.finished_at == "2026-11-22T20:30:00.000Z"
    assert [line.task for line in newest.results] == [STI, HSI]
    assert [line.is_refresh for line in newest.results] == [False, True]
    line = newest.results[0]
    assert (line.status, line.refusal, line.validation_status) == ("success", None, "not_run")
    second = three.entry("maintenance_20261122_193000")
    assert (second.warnings, second.errors, second.damaged) == (0, 2, False)


def test_a_home_without_reports_has_nothing_to_tell(home: Home) -> None:
    shelf = ReportCatalog(home)
    shelf.warm()
    assert shelf.latest() is None
    assert page(shelf) == ([], 0)
    assert shelf.last_refreshed((STI,)) == {}
    assert (shelf.last_result(STI), shelf.last_apply(STI), shelf.of_run("x")) == (None, None, None)


@pytest.mark.parametrize("named", [OLDEST, "../../etc/passwd", ""])
def test_a_report_that_is_not_there_is_a_usage_error(home: Home, named: str) -> None:
    with pytest.raises(UsageError):
        ReportCatalog(home).entry(named)


def test_pages_are_newest_first_and_filtered(three: ReportCatalog) -> None:
    middle = "maintenance_20261122_193000"
    assert page(three) == ([NEWEST, middle, OLDEST], 3)
    assert page(three, limit=1, offset=1) == ([middle], 3)
    assert page(three, offset=3) == ([], 3)
    assert page(three, status="failed") == ([middle], 1)
    assert page(three, task=STI) == ([NEWEST, OLDEST], 2)
    assert page(three, task=STI, limit=1, offset=1) == ([OLDEST], 2)
    assert page(three, status="completed", task=HSI) == ([NEWEST], 1)
    assert page(three, status="damaged") == page(three, task="nothing") == ([], 0)


def test_a_page_without_a_filter_reads_only_what_it_shows(
    three: ReportCatalog, read: list[str]
) -> None:
    page(three, limit=1, offset=1)
    assert read == ["20261122_193000"]


def test_every_report_is_read_once(home: Home, three: ReportCatalog, read: list[str]) -> None:
    three.warm()
    three.warm()
    page(three)
    page(three, status="failed")
    assert three.of_run("run-1") == OLDEST
    assert len(read) == 3
    filed(home, result(), at=later(3))
    read.clear()
    assert page(three)[1] == 4
    assert read == ["20261122_213000"]


def test_the_last_refresh_is_a_successful_apply_that_is_no_restore(home: Home) -> None:
    runs: list[dict[str, Any]] = [
        {"source": "page"},
        {"source": "data/backups/constituents/20261122_183000/sti_constituents.csv"},
        {"dry_run": True},
        {"status": "failed"},
    ]
    for hour, changed in enumerate(runs):
        filed(home, result(**changed), at=later(hour), run_id=f"run-{hour}")
    found = ReportCatalog(home).last_refreshed((STI, HSI))
    assert found == {STI: Refreshed("2026-11-22T18:30:00.000Z", "page", "run-0", OLDEST)}


def test_renewals_are_refreshes_and_restores_and_the_last_one_from_before(home: Home) -> None:
    backup = "data/backups/constituents/20261122_183000/sti_constituents.csv"
    runs: list[dict[str, Any]] = [
        {"source": "too old to count"},
        {"source": "page"},
        {"dry_run": True},
        {"status": "failed"},
        {"source": backup},
        {"source": "page"},
    ]
    for hour, changed in enumerate(runs):
        at = utc_text(later(hour))
        filed(home, result(**changed, finished_at=at), at=later(hour), run_id=f"run-{hour}")
    shelf = ReportCatalog(home)
    found = shelf.renewals((STI, HSI), later(2), later(9))
    assert found == {
        STI: [
            Renewal(later(5), is_restore=False),
            Renewal(later(4), is_restore=True),
            Renewal(later(1), is_restore=False),
        ],
        HSI: [],
    }
    assert shelf.renewals((STI,), later(2), later(4))[STI] == found[STI][1:]


def test_the_last_result_is_the_newest_that_says_something_of_the_list(home: Home) -> None:
    filed(home, result(STI, status="failed"))
    filed(home, result(STI, status="skipped"), at=later(1))
    filed(home, result(STI, status="failed", refusal="stale"), at=later(2))
    filed(home, result(HSI), at=later(3))
    found = ReportCatalog(home).last_result(STI)
    assert found is not None
    assert (found[0].report_id, found[1].status) == (OLDEST, "failed")


def test_the_last_apply_is_no_dry_run_and_was_started(home: Home) -> None:
    filed(home, result(MARKET_EVENTS, status="partial_failure"))
    filed(home, result(MARKET_EVENTS, dry_run=True), at=later(1))
    filed(home, result(MARKET_EVENTS, status="skipped"), at=later(2))
    found = ReportCatalog(home).last_apply(MARKET_EVENTS)
    assert found is not None
    assert (found[0].report_id, found[1].status) == (OLDEST, "partial_failure")


def test_the_report_of_a_run_is_found_as_soon_as_it_is_written(
    home: Home, three: ReportCatalog
) -> None:
    assert three.of_run("run-4") is None
    written = filed(home, result(), at=later(3), run_id="run-4")
    assert three.of_run("run-4") == written == report_of_run(home, "run-4")
    assert three.of_run("run-1") == OLDEST


def test_a_report_that_somebody_removed_is_forgotten(home: Home, three: ReportCatalog) -> None:
    three.warm()
    report_path(home, NEWEST).unlink()
    assert page(three)[1] == 2
    assert three.of_run("run-3") is None


def test_a_change_within_the_same_tick_of_the_clock_is_seen(
    home: Home, three: ReportCatalog
) -> None:
    assert page(three)[1] == 3
    tick = home.reports.stat().st_mtime_ns
    filed(home, result(), at=later(3))
    os.utime(home.reports, ns=(tick, tick))
    assert page(three)[1] == 4


def test_a_folder_that_rests_is_not_listed_again(
    home: Home, three: ReportCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(home)
    assert page(three)[1] == 3
    monkeypatch.setattr(os, "scandir", lambda _: pytest.fail("it was listed"))
    assert page(three)[1] == 3


@pytest.mark.parametrize("content", [b"{", b"{}"])
def test_a_damaged_report_is_told_to_be_damaged_and_hides_no_other(
    home: Home, three: ReportCatalog, content: bytes
) -> None:
    report_path(home, NEWEST).write_bytes(content)
    assert three.entry(NEWEST).damaged
    assert page(three)[1] == 3
    assert page(three, status="damaged") == ([NEWEST], 1)
    assert page(three, status="completed") == ([OLDEST], 1)
    latest = three.latest()
    assert latest is not None
    assert latest.report_id == "maintenance_20261122_193000"
    assert set(three.last_refreshed((STI, HSI))) == {STI}


def test_the_run_of_a_damaged_report_is_told_where_it_can_be(
    home: Home, three: ReportCatalog
) -> None:
    replaced(home, NEWEST, json.dumps(report(run_id="run-3") | {"results": 3}).encode())
    assert three.of_run("run-3") == NEWEST


def test_a_report_that_was_damaged_and_is_good_again_is_read_again(
    home: Home, three: ReportCatalog
) -> None:
    good = report_path(home, NEWEST).read_bytes()
    replaced(home, NEWEST, b"{")
    three.warm()
    assert page(three, status="damaged")[1] == 1
    replaced(home, NEWEST, good)
    assert page(three, status="damaged") == ([], 0)
    assert three.of_run("run-3") == NEWEST
    assert set(three.last_refreshed((STI, HSI))) == {STI, HSI}


def test_a_row_is_as_its_file_is_when_it_is_shown(home: Home, three: ReportCatalog) -> None:
    three.warm()
    settle(home)
    path = report_path(home, NEWEST)
    path.write_text(json.dumps(report(result(HSI), status="failed", actor="somebody else")))
    assert three.page(limit=1, offset=0)[0][0].actor == "somebody else"
    path.write_bytes(b"{")
    assert page(three, status="failed") == (["maintenance_20261122_193000"], 1)
    assert three.entry(NEWEST).damaged


def test_a_file_that_becomes_readable_is_read(home: Home, three: ReportCatalog) -> None:
    path = report_path(home, NEWEST)
    path.chmod(0)
    readable = os.access(path, os.R_OK)  # root reads everything
    assert three.entry(NEWEST).damaged is not readable
    path.chmod(0o644)
    assert not three.entry(NEWEST).damaged


def test_many_threads_are_told_the_same_while_reports_are_written(home: Home) -> None:
    for hour in range(20):
        filed(home, result(STI), at=later(hour), run_id=f"run-{hour}")
    shelf = ReportCatalog(home)
    is_over = threading.Event()

    def ask(_: int) -> bool:
        while not is_over.is_set():
            shelf.warm()
            rows, total = shelf.page(limit=100, offset=0)
            newest, is_known = shelf.latest(), shelf.of_run("run-0") == OLDEST
            if not is_known or newest is None or total < 20 or any(one.damaged for one in rows):
                return False
        return True

    with ThreadPoolExecutor(8) as threads:
        answers = threads.map(ask, range(8))
        for hour in range(20, 40):
            filed(home, result(STI), at=later(hour), run_id=f"run-{hour}")
        is_over.set()
        assert all(answers)
    assert page(shelf)[1] == 40
