"""Every run has its own report, and a damaged one never hides the others."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta, timezone
from typing import Any

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.core.errors import UsageError
from tws_maintenance.reports.catalog import ReportCatalog
from tws_maintenance.reports.file_names import report_ids, report_path
from tws_maintenance.reports.store import newest_reports, read_report, reserve, write_report
from tws_maintenance.reports.summary import ReportSummary
from tws_maintenance.reports.summary_reader import read_summary
from tws_maintenance_tests.reports.shelf import AT, filed, report, result, whole
from tws_maintenance_tests.support import TIMEOUT_SECONDS

RESERVER = """
import sys
from datetime import datetime
from pathlib import Path
from tws_maintenance.config.home import Home
from tws_maintenance.reports.store import reserve
print("ready", flush=True)
sys.stdin.readline()
for _ in range(20):
    print(reserve(Home(Path(sys.argv[1])), datetime.fromisoformat(sys.argv[2]), {}).report_id)
"""
EXPECTED = ["maintenance_20261122_183000"]


def numbered(count: int) -> set[str]:
    return {EXPECTED[0], *(f"{EXPECTED[0]}_{number}" for number in range(2, count + 1))}


def test_a_report_id_is_the_start_of_its_run_in_utc(home: Home) -> None:
    singapore = AT.astimezone(timezone(timedelta(hours=8)))
    reservation = reserve(home, singapore, {"run_id": "run-1"})
    assert reservation.report_id == "maintenance_20261122_183000"
    note = json.loads(reservation.marker.read_text())
    assert note == {
        "run_id": "run-1",
        "reserved_at": "2026-11-22T18:30:00.000Z",
    }


def test_a_second_run_of_the_same_second_is_numbered(home: Home) -> None:
    ids = [reserve(home, AT, {}).report_id for _ in range(3)]
    assert ids == [EXPECTED[0], f"{EXPECTED[0]}_2", f"{EXPECTED[0]}_3"]


def test_the_id_of_a_written_report_is_never_given_again(home: Home) -> None:
    assert filed(home, result()) == EXPECTED[0]
    assert filed(home, result()) == f"{EXPECTED[0]}_2"
    assert sorted(path.name for path in home.reports.iterdir()) == [
        "20261122_183000.json",
        "20261122_183000.md",
        "20261122_183000_2.json",
        "20261122_183000_2.md",
    ]


def test_many_threads_at_once_get_an_id_each(home: Home) -> None:
    with ThreadPoolExecutor(16) as threads:
        ids = list(threads.map(lambda _: reserve(home, AT, {}).report_id, range(32)))
    assert sorted(ids) == sorted(numbered(32))


@pytest.mark.process
def test_many_processes_at_once_get_an_id_each(home: Home) -> None:
    command = [sys.executable, "-c", RESERVER, str(home.root), AT.isoformat()]
    running = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    ids = [line for p in running for line in p.communicate(timeout=TIMEOUT_SECONDS)[0].split()]
    assert sorted(ids) == sorted(numbered(80))


def test_a_folder_that_cannot_be_made_is_an_error_and_not_an_endless_search(home: Home) -> None:
    home.reports.parent.mkdir()
    home.reports.write_text("a file where a folder is needed")
    with pytest.raises(OSError, match="File exists"):
        reserve(home, AT, {})


def test_a_report_that_cannot_be_written_leaves_nothing_half_done(home: Home) -> None:
    reservation = reserve(home, AT, {})
    home.locks.parent.mkdir()
    home.locks.write_text("a file where a folder is needed")
    with pytest.raises(OSError, match="File exists"):
        write_report(home, reservation, whole(report(result())))
    assert [path.name for path in home.reports.iterdir()] == [reservation.marker.name]


@pytest.mark.parametrize(
    "hostile",
    [
        "../../etc/passwd",
        "maintenance_../../../etc/passwd",
        "maintenance_20261122_183000/../../x",
        "/etc/passwd",
        "20261122_183000",
        "maintenance_",
        "maintenance_20261122_183000\n",
        "",
        ".",
    ],
)
def test_what_is_no_report_id_names_no_file(home: Home, hostile: str) -> None:
    with pytest.raises(UsageError, match="is not a report id"):
        report_path(home, hostile)


def test_a_report_that_does_not_exist_is_told_so(home: Home) -> None:
    with pytest.raises(UsageError, match=r"no report maintenance_20261122_183000 in reports/main"):
        read_report(home, EXPECTED[0])


def test_reports_are_listed_newest_first_and_numbers_count_as_numbers(home: Home) -> None:
    for _ in range(11):
        filed(home, result())
    filed(home, result(), at=AT + timedelta(seconds=1))
    ids = report_ids(home)
    assert ids[:3] == [
        "maintenance_20261122_183001",
        "maintenance_20261122_183000_11",
        "maintenance_20261122_183000_10",
    ]
    assert ids[-1] == "maintenance_20261122_183000"
    assert next(newest_reports(home)).report_id == ids[0]


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"\xff\xff", b"{}", b'{"warnings": 3}'])
def test_a_damaged_report_is_listed_as_damaged(home: Home, damage: bytes) -> None:
    report_id = filed(home, result())
    kept = filed(home, result(), at=AT - timedelta(hours=1), warnings=["one"], errors=["a", "b"])
    report_path(home, report_id).write_bytes(damage)
    assert report_ids(home) == [report_id, kept]
    line = listed(home, report_id)
    assert (line.report_id, line.damaged, line.status) == (report_id, True, None)
    other = listed(home, kept)
    assert (other.damaged, other.status, other.warnings, other.errors) == (
        False,
        "completed",
        1,
        2,
    )


def listed(home: Home, report_id: str) -> ReportSummary:
    return read_summary(report_path(home, report_id), report_id)


def refreshed(home: Home) -> dict[str, tuple[str, str | None]]:
    found = ReportCatalog(home).last_refreshed(("sti_constituents", "hsi_constituents"))
    return {task: (one.finished_at, one.source) for task, one in found.items()}


def older(home: Home, name: str, value: object) -> None:
    home.reports.mkdir(parents=True, exist_ok=True)
    (home.reports / f"{name}.json").write_text(json.dumps(value))


@pytest.mark.parametrize(
    "value",
    [
        {"status": "ok", "results": {"sp500_constituents": {"status": "success"}}},
        {"status": "ok", "results": ["sp500_constituents"]},
        {"status": "ok", "results": 3, "warnings": None},
        {
            "status": "ok",
            "results": [
                {
                    "task": "sti_constituents",
                    "status": "success",
                    "dry_run": False,
                    "finished_at": "2026-01-01 10:00:00",
                }
            ],
        },
    ],
)
def test_a_report_of_an_older_form_is_listed_last_and_chokes_nothing(
    home: Home, value: dict[str, object]
) -> None:
    older(home, "maintenance_zzz", value)
    ours = filed(home, result())
    assert report_ids(home) == [ours, "maintenance_zzz"]
    line = listed(home, "maintenance_zzz")
    assert (line.damaged, line.status, line.run_id) == (False, "ok", None)
    with pytest.raises(ValueError, match="report_id: Field required"):
        read_report(home, "maintenance_zzz")
    assert refreshed(home) == {"sti_constituents": ("2026-11-22T18:30:00.000Z", None)}


def test_an_older_report_whose_file_is_named_by_its_id_is_read_and_not_taken_for_ours(
    home: Home,
) -> None:
    older(home, "maintenance_20260101_000000", {"status": "older"})
    assert report_ids(home) == ["maintenance_20260101_000000"]
    assert listed(home, "maintenance_20260101_000000").status == "older"


def test_other_files_in_the_folder_are_no_reports(home: Home) -> None:
    report_id = filed(home, result())
    for name in ("notes.json", ".hidden.json", "20261122.json", "maintenance_x.md"):
        (home.reports / name).write_text("{}")
    assert report_ids(home) == [report_id]


def test_the_last_refresh_is_the_newest_successful_apply_of_each_task(home: Home) -> None:
    def at(hour: int) -> dict[str, Any]:
        return {"finished_at": f"2026-11-22T{hour:02d}:00:00.000Z", "source": f"page {hour}"}

    hours = iter(range(12, 24))
    applies: list[dict[str, Any]] = [
        {"changed": True},
        {"changed": False},
        {"dry_run": True},
        {"status": "failed"},
        {"status": "skipped", "finished_at": None},
    ]
    for changed in applies:
        hour = next(hours)
        filed(home, result(**(at(hour) | changed)), at=AT.replace(hour=hour))
    assert refreshed(home) == {"sti_constituents": ("2026-11-22T13:00:00.000Z", "page 13")}
