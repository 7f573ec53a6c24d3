"""The keys that other programs rely on, in their order, and how statuses come together."""

import json
from datetime import timedelta

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.reports.building import conclude
from tws_maintenance.reports.file_names import report_path
from tws_maintenance.reports.schema import ListResult, TaskStatus, new_result, run_status
from tws_maintenance_tests.reports.shelf import AT, filed
from tws_maintenance_tests.reports.shelf import result as finished

COMMON_KEYS = (
    "task, status, dry_run, source, started_at, finished_at, duration_seconds, before_count, "
    "after_count, added, removed, validation, warnings, errors"
)
CONSTITUENTS_KEYS = (
    "proposal_id, proposal_sha256, changes, sources, rows_read, rows_dropped, membership, "
    "announced, carried_forward, impact, output_path, backup_path, changed, caches"
)
REPORT_KEYS = (
    "report_id, run_id, entry_point, actor, reason, status, dry_run, overrides, started_at, "
    "finished_at, duration_seconds, results, warnings, errors, previous_report_sha256"
)


def test_a_result_has_the_common_keys_first_then_those_of_its_task() -> None:
    value = new_result("sti_constituents", dry_run=True).to_dict()
    keys = [*COMMON_KEYS.split(", "), *CONSTITUENTS_KEYS.split(", ")]
    assert list(value)[: len(keys)] == keys
    assert list(value["validation"]) == ["status", "warnings", "errors"]
    assert list(value["changes"]) == ["added", "removed", "renamed", "updated"]
    assert list(value["impact"]) == ["positions", "strategies", "watchlist"]


def test_a_result_that_never_started_says_so_in_every_key() -> None:
    value = new_result("sti_constituents", dry_run=True).to_dict()
    assert (value["status"], value["validation"]["status"]) == ("skipped", "not_run")
    for key in ("source", "started_at", "finished_at", "duration_seconds", "before_count"):
        assert value[key] is None
    for key in ("after_count", "proposal_id", "output_path", "backup_path", "rows_read"):
        assert value[key] is None
    assert (value["added"], value["warnings"], value["changed"]) == ([], [], False)


def test_times_are_utc_and_durations_seconds() -> None:
    done = new_result("sti_constituents", dry_run=False)
    done.begin(AT)
    assert done.to_dict()["duration_seconds"] is None
    done.end(AT + timedelta(milliseconds=1250))
    value = done.to_dict()
    assert value["started_at"] == "2026-11-22T18:30:00.000Z"
    assert value["finished_at"] == "2026-11-22T18:30:01.250Z"
    assert value["duration_seconds"] == 1.25


def test_a_settled_result_has_its_symbols_sorted() -> None:
    done = new_result("sti_constituents", dry_run=False)
    done.added, done.removed = ["Z", "A"], ["C", "B"]
    conclude(done)
    assert (done.added, done.removed) == (["A", "Z"], ["B", "C"])


def test_two_results_share_nothing() -> None:
    one, other = (ListResult(task="sti_constituents", dry_run=True) for _ in range(2))
    one.warnings.append("x")
    one.impact["positions"] = ["x"]
    one.validation.errors.append("x")
    assert other == new_result("sti_constituents", dry_run=True)


def test_a_report_on_disk_has_its_keys_in_their_order(home: Home) -> None:
    report_id = filed(home, finished())
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
    results = [new_result("sti_constituents", dry_run=True) for _ in tasks]
    for result, status in zip(results, tasks, strict=True):
        result.status = TaskStatus(status)
    assert run_status(results, errors) == expected
