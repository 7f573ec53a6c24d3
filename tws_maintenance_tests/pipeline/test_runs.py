"""What a run does with its lists: each for itself, blocked by its checks, told in one report."""

import os
from pathlib import Path
from typing import Any

import dagster as dg

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES, METADATA_VALIDATION
from tws_maintenance.demo.pages import Company, companies, page
from tws_maintenance.demo.server import PageServer
from tws_maintenance.pipeline.execution import execute
from tws_maintenance.pipeline.instance import open_instance
from tws_maintenance.pipeline.tags import host_id
from tws_maintenance.runs.request import RunSpec
from tws_maintenance_tests.defaults import CONSTITUENT_TASKS
from tws_maintenance_tests.pipeline.support import checks_of, materialized, run_job
from tws_maintenance_tests.support import live_bytes, reports_of, result_of, spoiled, write_live

HSI = INDICES["hsi"]


def only_report(home: Home) -> dict[str, Any]:
    (report,) = reports_of(home)
    return report


def dagster_status(home: Home, run_id: str) -> str:
    with open_instance(home) as instance:
        run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status.value


def test_a_list_that_fails_its_audit_leaves_the_others_promoted_in_the_same_run(
    entered: Home, server: PageServer, tmp_path: Path
) -> None:
    elsewhere = Home(tmp_path / "expected")
    expected = {key: write_live(elsewhere, one, companies(key)) for key, one in INDICES.items()}
    former = write_live(entered, HSI, companies("hsi")[:-1])
    server.pages["hsi"] = page("hsi", spoiled(companies("hsi")))

    steps: list[tuple[str, str]] = []
    executed = execute(
        entered,
        RunSpec(CONSTITUENT_TASKS, dry_run=False, reason="weekly"),
        on_step=lambda task, event: steps.append((task, event)),
    )

    report = only_report(entered)
    assert (report["report_id"], report["run_id"]) == (executed.report_id, executed.run_id)
    assert (report["status"], report["reason"]) == ("partial_failure", "weekly")
    assert dagster_status(entered, executed.run_id) == "FAILURE"
    assert [(r["task"], r["status"], r["changed"]) for r in report["results"]] == [
        ("sp500_constituents", "success", True),
        ("sti_constituents", "success", True),
        ("hsi_constituents", "failed", False),
    ]
    assert live_bytes(entered) == expected | {"hsi": former}
    assert ("hsi_constituents", "audit_hsi_constituents failed") in steps
    assert ("sp500_constituents", "sp500_constituents done") in steps
    assert ("hsi_constituents", "hsi_constituents started") not in steps
    (error,) = result_of(report, HSI.task)["validation"]["errors"]
    assert error.startswith("text_is_plain: 1 of 85 rows break the rule")
    assert report["errors"] == [f"{HSI.task}: {error}"]


def test_a_blocking_check_stops_the_live_step_and_records_every_rule(
    entered: Home, server: PageServer
) -> None:
    server.pages["hsi"] = page("hsi", [*companies("hsi")[:-1], Company("BAD CODE", "Odd plc")])

    result = run_job(entered, "apply_all", {"tasks": [HSI.task]})

    assert not result.success
    found = checks_of(result, f"staged/{HSI.task}")
    failed = {name for name, one in found.items() if not one.passed}
    assert len(found) == 18
    assert "symbols_match_the_market_format" in failed
    assert found["symbols_match_the_market_format"].severity == dg.AssetCheckSeverity.ERROR
    assert found["symbols_match_the_market_format"].blocking
    assert materialized(result) == [f"staged/{HSI.task}"]
    started = [event.step_key or "" for event in result.all_events if event.is_step_start]
    assert [step for step in started if step.endswith(HSI.task)] == [
        f"staged__{HSI.task}",
        f"audit_{HSI.task}",
    ]
    assert live_bytes(entered)["hsi"] is None
    assert only_report(entered)["status"] == "failed"


def test_a_warning_does_not_block(entered: Home) -> None:
    write_live(entered, HSI, companies("hsi")[:-10])

    result = run_job(entered, "apply_constituents", {"tasks": [HSI.task]})

    assert result.success
    warned = [one for one in checks_of(result, f"staged/{HSI.task}").values() if not one.passed]
    assert {(one.check_name, one.severity) for one in warned} == {
        ("count_change_is_within_limits", dg.AssetCheckSeverity.WARN),
        ("turnover_is_within_limits", dg.AssetCheckSeverity.WARN),
    }
    report = only_report(entered)
    assert report["status"] == "completed"
    assert result_of(report, HSI.task)["changed"] is True
    assert len(result_of(report, HSI.task)["validation"]["warnings"]) == 2


def test_one_task_and_an_override_in_the_launchpad_are_followed_and_kept_in_the_report(
    entered: Home,
) -> None:
    write_live(entered, HSI, companies("hsi")[:60])
    accepted = {"tasks": [HSI.task], "allow_large_change": True, "reason": "index enlarged"}
    result = run_job(entered, "apply_all", accepted)

    assert result.success
    assert materialized(result) == [HSI.task, f"staged/{HSI.task}"]
    taken = only_report(entered)
    assert (taken["status"], taken["dry_run"]) == ("completed", False)
    assert [one["task"] for one in taken["results"]] == [HSI.task]
    assert taken["overrides"] == {"allow_large_change": True}
    assert taken["reason"] == "index enlarged"
    assert all(
        text.endswith("(accepted: --allow-large-change)")
        for text in result_of(taken, HSI.task)["validation"]["warnings"]
    )
    assert result_of(taken, HSI.task)["before_count"] == 60
    live = live_bytes(entered)
    assert (live["hsi"] or b"").count(b"\n") == 86
    assert (live["sp500"], live["sti"]) == (None, None)


def test_materializing_a_live_list_for_its_task_alone_needs_no_validation(entered: Home) -> None:
    """As the UI does it: the asset with its checks, in the job of all assets."""
    assert run_job(entered, "dry_run_all", {"tasks": [HSI.task]}).success

    result = run_job(entered, "__ASSET_JOB", {"tasks": [HSI.task]}, HSI.task)

    assert result.success
    report = reports_of(entered)[-1]
    assert [one["task"] for one in report["results"]] == [HSI.task]
    assert report["status"] == "completed"


def test_an_unknown_task_in_the_launchpad_fails_with_a_report_and_starts_nothing(
    entered: Home,
) -> None:
    result = run_job(entered, "apply_all", {"tasks": ["nasdaq_constituents", HSI.task]})

    assert not result.success
    report = only_report(entered)
    assert report["status"] == "failed"
    assert report["errors"][0].startswith(
        "Unknown task nasdaq_constituents; known: sp500_constituents, sti_constituents, "
    )
    assert set(live_bytes(entered).values()) == {None}
    assert list(entered.staging.glob("*")) == []


def test_a_task_that_the_job_does_not_do_is_not_called_a_success(entered: Home) -> None:
    run_job(entered, "dry_run_all", {"tasks": [METADATA_VALIDATION]})

    report = only_report(entered)
    assert [(one["task"], one["status"]) for one in report["results"]] == [
        (METADATA_VALIDATION, "skipped")
    ]
    assert report["status"] == "failed"


def test_the_metadata_of_a_proposal_tell_what_would_change(
    entered: Home, server: PageServer
) -> None:
    now = companies("hsi")
    write_live(entered, HSI, [*now[2:], Company("9901", "Yesterday Mill plc", now[0].sector)])

    result = run_job(entered, "dry_run_constituents", {"tasks": [HSI.task]})

    (event,) = result.get_asset_materialization_events()
    metadata = event.materialization.metadata
    told = ("dagster/row_count", "rows_before", "added", "removed", "renamed", "fields_changed")
    assert [metadata[name].value for name in told] == [85, 84, 2, 1, 0, 0]
    assert metadata["source"].value == f"{server.origin}/wiki/Hang_Seng_Index"
    diff = metadata["diff"]
    assert isinstance(diff, dg.TableMetadataValue)
    assert [(one.data["change"], one.data["symbol"]) for one in diff.records] == [
        ("added", "0001.HK"),
        ("added", "0038.HK"),
        ("removed", "9901.HK"),
    ]
    report = only_report(entered)
    task_result = metadata["task_result"]
    assert isinstance(task_result, dg.JsonMetadataValue)
    shown = dict(task_result.data or {})
    assert shown["proposal_id"] == result_of(report, HSI.task)["proposal_id"]
    assert shown["proposal_sha256"] == metadata["sha256"].value


def test_a_run_carries_its_report_and_its_caller_as_tags_and_keeps_no_value(
    entered: Home,
) -> None:
    order = RunSpec((HSI.task,), dry_run=True, actor="an operator")

    executed = execute(entered, order)

    with open_instance(entered) as instance:
        run = instance.get_run_by_id(executed.run_id)
    assert run is not None
    assert {key: value for key, value in run.tags.items() if key.startswith("tws/")} == {
        "tws/report_id": executed.report_id,
        "tws/actor": "an operator",
        "tws/entry_point": "cli",
        "tws/dry_run": "true",
        "tws/home": str(entered.root),
        "tws/host": host_id(),
        "tws/process": str(os.getpid()),
    }
    assert run.job_name == "dry_run_constituents"
    assert not (entered.dagster / "storage").exists()
    report = only_report(entered)
    assert (report["actor"], report["entry_point"]) == ("an operator", "cli")


def test_validation_beside_a_list_is_one_run_with_both_in_its_report(entered: Home) -> None:
    for key, index in INDICES.items():
        write_live(entered, index, companies(key))

    execute(entered, RunSpec((HSI.task, METADATA_VALIDATION), dry_run=True))

    report = only_report(entered)
    assert [(one["task"], one["status"]) for one in report["results"]] == [
        (HSI.task, "success"),
        (METADATA_VALIDATION, "success"),
    ]
    assert sorted(result_of(report, METADATA_VALIDATION)["files"]) == ["hsi", "sp500", "sti"]


def test_validation_reports_each_damaged_live_file_and_changes_nothing(entered: Home) -> None:
    write_live(entered, INDICES["sp500"], companies("sp500"))
    damaged = {"sti": b"not,a,list\n1,2,3\n", "hsi": b""}
    for key, content in damaged.items():
        entered.live_file(key).write_bytes(content)

    result = run_job(entered, "validate_metadata")

    assert result.success, "the checks of live files do not block: the report is what says it"
    report = only_report(entered)
    validation = result_of(report, METADATA_VALIDATION)
    assert (report["status"], validation["status"]) == ("failed", "failed")
    assert {key: one["validation"]["status"] for key, one in validation["files"].items()} == {
        "sp500": "passed",
        "sti": "failed",
        "hsi": "failed",
    }
    live = live_bytes(entered)
    assert {key: live[key] for key in damaged} == damaged
