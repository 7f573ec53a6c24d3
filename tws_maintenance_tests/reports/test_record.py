"""The keys that other programs rely on, in their order, and how statuses come together."""

import json
from datetime import timedelta

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.reports.record import TaskResult, constituents_details, run_status
from tws_maintenance.reports.store import report_path
from tws_maintenance_tests.reports.shelf import AT, filed, result

COMMON_KEYS = (
    "task, status, dry_run, source, started_at, finished_at, duration_seconds, before_count, "
    "after_count, added, removed, validation, warnings, errors"
)
CONSTITUENTS_KEYS = (
    "proposal_id, proposal_sha256, changes, sources, rows_read, rows_dropped, carried_forward, "
    "impact, output_path, backup_path, changed, caches"
)
REPORT_KEYS = (
    "report_id, run_id, entry_point, actor, reason, status, dry_run, overrides, started_at, "
    "finished_at, duration_seconds, results, warnings, errors, previous_report_sha256"
)


def test_a_result_has_the_common_keys_first_then_those_of_its_task() -> None:
    value = TaskResult("sti_constituents", dry_run=True, details=constituents_details()).to_dict()
    keys = [*COMMON_KEYS.split(", "), *CONSTITUENTS_KEYS.split(", ")]
    assert list(value)[: len(keys)] == keys
    assert list(value["validation"]) == ["status", "warnings", "errors"]
    assert list(value["changes"]) == ["added", "removed", "renamed", "updated"]
    assert list(value["impact"]) == ["positions", "strategies", "watchlist"]


def test_a_result_that_never_started_says_so_in_every_key() -> None:
    value = TaskResult("sti_constituents", dry_run=True, details=constituents_details()).to_dict()
    assert (value["status"], value["validation"]["status"]) == ("skipped", "not_run")
    for key in ("source", "started_at", "finished_at", "duration_seconds", "before_count"):
        assert value[key] is None
    for key in ("after_count", "proposal_id", "output_path", "backup_path", "rows_read"):
        assert value[key] is None
    assert (value["added"], value["warnings"], value["changed"]) == ([], [], False)


def test_symbols_are_sorted_times_are_utc_and_durations_seconds() -> None:
    done = TaskResult("sti_constituents", dry_run=False, added=["Z", "A"], removed=["C", "B"])
    done.started_at = AT
    assert done.to_dict()["duration_seconds"] is None
    done.finished_at = AT + timedelta(milliseconds=1250)
    value = done.to_dict()
    assert (value["added"], value["removed"]) == (["A", "Z"], ["B", "C"])
    assert value["started_at"] == "2026-11-22T18:30:00.000Z"
    assert value["finished_at"] == "2026-11-22T18:30:01.250Z"
    assert value["duration_seconds"] == 1.25


def test_two_results_share_nothing() -> None:
    one, other = constituents_details(), constituents_details()
    one["changes"]["added"].append("x")
    one["impact"]["positions"].append("x")
    assert other == constituents_details()


def test_a_report_on_disk_has_its_keys_in_their_order(home: Home) -> None:
    report_id = filed(home, result())
    value = json.loads(report_path(home, report_id).read_text())
    assert list(value) == REPORT_KEYS.split(", ")
    assert value["report_id"] == report_id


@pytest.mark.parametrize(
    ("tasks", "errors", "expected"),
    [
        (["success"], [], "completed"),
        (["success", "success", "success"], [], "completed"),
        (["success", "skipped"], [], "completed"),
        (["success", "failed"], [], "partial_failure"),
        (["success", "failed", "skipped"], [], "partial_failure"),
        (["partial_failure"], [], "partial_failure"),
        (["partial_failure", "failed"], [], "partial_failure"),
        (["success"], ["the run itself"], "partial_failure"),
        (["failed"], [], "failed"),
        (["failed", "skipped"], [], "failed"),
        (["skipped", "skipped"], [], "failed"),
        (["skipped"], ["the run itself"], "failed"),
        ([], [], "failed"),
        ([], ["the run itself"], "failed"),
    ],
)
def test_a_run_is_what_its_tasks_came_to(
    tasks: list[str], errors: list[str], expected: str
) -> None:
    assert run_status([{"status": one} for one in tasks], errors) == expected
