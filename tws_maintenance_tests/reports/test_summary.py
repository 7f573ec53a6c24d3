"""Whatever lies where a report should, reading it tells what it is and never fails."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.reports.file_names import report_path
from tws_maintenance.reports.summary import ReportSummary
from tws_maintenance.reports.summary_reader import read_summary
from tws_maintenance_tests.reports.shelf import filed, report, result

STI, OURS = "sti_constituents", "maintenance_20261122_183000"
WRONG_TYPES: list[dict[str, Any]] = [
    {"status": None},
    {"status": 3},
    {"run_id": ["x"]},
    {"warnings": 3},
    {"dry_run": "false"},
    {"finished_at": "yesterday"},
    {"results": None},
    {"results": {"sti_constituents": {}}},
    {"results": ["sti_constituents"]},
    {"results": [result(before_count=True)]},
    {"results": [result() | {"task": None}]},
    {"results": [result(finished_at="0001-01-01T00:00:00+23:00")]},
    {"results": [result(validation="passed")]},
    {"results": [result(validation={"status": 1})]},
]


def entry_of(home: Home, report_id: str, content: bytes) -> ReportSummary:
    """Return the entry of a file with that content."""
    home.reports.mkdir(parents=True)
    path = report_path(home, report_id)
    path.write_bytes(content)
    return read_summary(path, report_id)


def test_a_report_as_a_run_writes_it_is_not_damaged(home: Home) -> None:
    written = filed(home, result(STI), result("market_events"), result("metadata_validation"))
    found = read_summary(report_path(home, written), written)
    assert (found.damaged, found.status, len(found.results)) == (False, "completed", 3)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xff",
        b"{}",
        b"[" * 100_000,
        b'{"status": "completed", "results": [], "duration_seconds": NaN}',
        b'{"status": "completed", "results": [], "actor": "\\ud800"}',
        *(json.dumps(report(result()) | changed).encode() for changed in WRONG_TYPES),
    ],
)
def test_what_is_no_report_is_damaged(home: Home, content: bytes) -> None:
    found = entry_of(home, OURS, content)
    assert (found.report_id, found.damaged, found.status, found.results) == (OURS, True, None, ())


def as_a_folder(path: Path) -> None:
    path.mkdir()


def as_a_pipe(path: Path) -> None:
    os.mkfifo(path)


def as_a_link_to_nothing(path: Path) -> None:
    path.symlink_to("nothing")


@pytest.mark.parametrize("made", [as_a_folder, as_a_pipe, as_a_link_to_nothing])
def test_what_is_no_file_at_all_is_damaged(tmp_path: Path, made: Callable[[Path], None]) -> None:
    made(tmp_path / "20261122_183000.json")
    found = read_summary(tmp_path / "20261122_183000.json", OURS)
    assert found == ReportSummary(OURS, damaged=True)


@pytest.mark.parametrize(
    ("older", "lines"),
    [
        ({"results": {STI: {"status": "success"}}}, 0),
        ({"results": ["sti_constituents"]}, 0),
        ({"results": 3, "warnings": None, "run_id": 7, "finished_at": "2026-01-01 10:00"}, 0),
        ({"results": [result(STI, before_count="30", finished_at="2026-01-01"), {}]}, 1),
    ],
)
def test_a_report_of_an_older_form_is_not_damaged_for_being_one(
    home: Home, older: dict[str, Any], lines: int
) -> None:
    found = entry_of(home, "maintenance_x", json.dumps({"status": "ok"} | older).encode())
    assert (found.damaged, found.status, found.run_id) == (False, "ok", None)
    assert (found.finished_at, len(found.results)) == (None, lines)
    assert not any(line.is_refresh for line in found.results)
