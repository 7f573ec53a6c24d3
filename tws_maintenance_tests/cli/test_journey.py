"""An operator's first day, every command a process of its own: look, apply, validate."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tws_maintenance.config.environment import operating_system_user
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES, MARKET_EVENTS
from tws_maintenance.demo.pages import companies
from tws_maintenance.demo.server import PageServer
from tws_maintenance_tests.defaults import TASK_GROUPS
from tws_maintenance_tests.pipeline.support import good_pages, quiet_environment, web_environment
from tws_maintenance_tests.support import (
    Program,
    live_bytes,
    reports_of,
    result_of,
    write_live,
)

pytestmark = pytest.mark.xdist_group("cli_journey")
Done = subprocess.CompletedProcess[str]
ROWS = {"sp500": 503, "sti": 30, "hsi": 85}


@dataclass
class Day:
    """What was typed, what came back, and the live files in between."""

    home: Home
    looked: Done
    between: dict[str, bytes | None]
    former: dict[str, bytes | None]
    applied: Done
    validated: Done
    checked: Done
    reports: list[dict[str, Any]]


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    home = Home(tmp_path_factory.mktemp("day") / "home")
    home.root.mkdir()
    for key, index in INDICES.items():
        write_live(home, index, companies(key)[2:])
    former = live_bytes(home)
    with quiet_environment(), PageServer(good_pages()) as server:
        program = Program(home, web_environment(server))
        looked = program("run", "--json")
        between = live_bytes(home)
        applied = program("run", "--apply", "--reason", "first day")
        validated = program("validate")
        checked = program("status", "--check")
        yield Day(home, looked, between, former, applied, validated, checked, reports_of(home))


def test_a_run_without_options_is_a_dry_run_and_its_json_is_alone_on_stdout(day: Day) -> None:
    assert day.looked.returncode == 0, day.looked.stderr
    report = json.loads(day.looked.stdout)
    assert report == day.reports[0]
    assert (report["entry_point"], report["dry_run"], report["status"]) == (
        "cli",
        True,
        "completed",
    )
    assert report["actor"] == operating_system_user()
    assert [one["task"] for one in report["results"]] == list(TASK_GROUPS["all"])
    assert [len(one["added"]) for one in report["results"][:3]] == [2, 2, 2]
    assert result_of(report, MARKET_EVENTS)["diff"]["new"]
    assert day.looked.stderr == ""


def test_a_dry_run_touches_no_live_file(day: Day) -> None:
    assert day.between == day.former


def test_an_apply_replaces_each_file_with_a_backup_of_the_former_bytes(day: Day) -> None:
    assert day.applied.returncode == 0, day.applied.stderr
    assert "Apply completed. Replaced: S&P 500, STI, HSI. Events stored: " in day.applied.stdout
    report = day.reports[1]
    assert (report["entry_point"], report["dry_run"], report["status"], report["reason"]) == (
        "cli",
        False,
        "completed",
        "first day",
    )
    for key, index in INDICES.items():
        result = result_of(report, index.task)
        assert (day.home.root / result["backup_path"]).read_bytes() == day.former[key]
        assert result["output_path"] == f"data/{index.task}.csv"
        live = day.home.live_file(key).read_bytes()
        assert live.count(b"\n") == ROWS[key] + 1


def test_validate_fetches_nothing_and_finds_the_lists_in_order(day: Day) -> None:
    assert day.validated.returncode == 0, day.validated.stderr
    assert day.validated.stdout.splitlines()[0] == "Validation completed."
    report = day.reports[2]
    assert (report["entry_point"], report["dry_run"], report["status"]) == (
        "cli",
        True,
        "completed",
    )
    (result,) = report["results"]
    assert {key: one["row_count"] for key, one in result["files"].items()} == ROWS
    assert "sources" not in result


def test_everything_is_fresh_afterwards(day: Day) -> None:
    assert day.checked.returncode == 0, day.checked.stdout
    assert day.checked.stdout.count(" fresh ") == 3
    assert f"Latest report: {day.reports[2]['report_id']}, completed" in day.checked.stdout


def test_each_run_left_one_report_in_both_forms_and_nothing_else(day: Day) -> None:
    ids = [one["report_id"] for one in day.reports]
    assert len(ids) == 3
    stamps = sorted(one.removeprefix("maintenance_") for one in ids)
    # Whoever has read a report notes in `.index` what it says in short.
    names = {one.name for one in day.home.reports.iterdir()} - {".index"}
    assert names == {f"{stamp}{suffix}" for stamp in stamps for suffix in (".json", ".md")}
    assert sorted(one.name for one in day.home.root.iterdir()) == [".dagster", "data", "reports"]
    leftovers = [one for one in day.home.root.rglob("*") if one.name.endswith(".tmp")]
    assert leftovers == []
