"""Whole runs as an operator knows them: look, apply, be refused, be interrupted, be told."""

import json
from collections.abc import Iterable
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES, METADATA_VALIDATION, Index
from tws_maintenance.config.settings import Settings
from tws_maintenance.constituents.audit_worker import Auditor
from tws_maintenance.constituents.proposal import STAGED
from tws_maintenance.core.atomic import TEMPORARY_SUFFIX
from tws_maintenance.core.errors import TwsMaintenanceError
from tws_maintenance.demo.pages import Company, companies, page
from tws_maintenance.demo.server import PageServer
from tws_maintenance.market_events.providers.worker import EventsWorker
from tws_maintenance.reports.schema import EntryPoint
from tws_maintenance.reports.store import journal_of, reservations
from tws_maintenance.runs import list_steps
from tws_maintenance.runs.maintenance import HeadStart, MaintenanceRun, head_start
from tws_maintenance.runs.recorder import RunRecorder, StepFailed
from tws_maintenance.runs.request import PlannedRun
from tws_maintenance.sources.fetching import Gathering
from tws_maintenance.sources.model import Gathered
from tws_maintenance_tests.defaults import CONSTITUENT_TASKS
from tws_maintenance_tests.support import live_bytes, reports_of, result_of, spoiled, write_live

SP500, STI, HSI = INDICES.values()
DRY_RUN, APPLY = True, False


def older_lists(home: Home) -> dict[str, bytes | None]:
    """Write lists that lack the last member, and return what lies there."""
    for index in INDICES.values():
        write_live(home, index, companies(index.key)[:-1])
    return live_bytes(home)


def new_lists(tmp_path: Path) -> dict[str, bytes | None]:
    """Return the lists that the pages of the server lead to."""
    home = Home(tmp_path / "expected")
    for index in INDICES.values():
        write_live(home, index, companies(index.key))
    return live_bytes(home)


def new_run(
    home: Home,
    settings: Settings,
    tasks: Iterable[str] = CONSTITUENT_TASKS,
    *,
    dry_run: bool = DRY_RUN,
    begun: HeadStart | None = None,
    **asked: Any,
) -> MaintenanceRun:
    request = PlannedRun(tuple(tasks), dry_run, run_id="run-1", actor="operator", **asked)
    return MaintenanceRun(request, begun or head_start(home, settings))


def work_on(run: MaintenanceRun, index: Index) -> None:
    """Stage, audit and, in an apply, promote, as far as it goes."""
    with suppress(StepFailed):
        list_steps.stage(run, index)
        if list_steps.audit(run, index).has_passed and not run.request.dry_run:
            list_steps.promote(run, index)


def carried_out(run: MaintenanceRun) -> dict[str, Any]:
    """Carry out a run of the lists to its end, however it ends, and return its report."""
    ended_by: BaseException | None = None
    try:
        run.open()
        for index in INDICES.values():
            if run.wants(index.task):
                work_on(run, index)
    except (TwsMaintenanceError, KeyboardInterrupt) as error:
        ended_by = error
    run.close({}, ended_by)
    assert run.report is not None
    return run.report.to_dict()


def statuses(report: dict[str, Any]) -> list[str]:
    return [result["status"] for result in report["results"]]


def leftovers(home: Home) -> list[str]:
    """Return the files that no run may leave behind: temporary ones and reservations."""
    found = [*home.root.rglob(f"*{TEMPORARY_SUFFIX}"), *home.reports.glob(".*")]
    return [home.relative(path) for path in found]


def test_a_dry_run_shows_what_would_change_and_replaces_nothing(
    home: Home, settings: Settings
) -> None:
    before = older_lists(home)
    report = carried_out(new_run(home, settings))
    assert (report["status"], report["dry_run"]) == ("completed", True)
    assert statuses(report) == ["success"] * 3
    assert live_bytes(home) == before
    assert not list(home.backups.iterdir())
    hsi = result_of(report, "hsi_constituents")
    assert (hsi["before_count"], hsi["after_count"], hsi["added"]) == (84, 85, ["3109.HK"])
    assert hsi["changes"]["added"] == [{"symbol": "3109.HK", "security": "Granite Lane Inc."}]
    assert hsi["validation"] == {"status": "passed", "warnings": [], "errors": []}
    assert (hsi["changed"], hsi["output_path"], hsi["backup_path"]) == (False, None, None)
    assert hsi["proposal_id"] == f"{report['report_id']}_hsi"
    assert (home.proposal(hsi["proposal_id"]) / STAGED).exists()
    assert leftovers(home) == []


def test_an_apply_replaces_the_lists_keeps_backups_and_reports_where(
    home: Home, settings: Settings, tmp_path: Path
) -> None:
    before = older_lists(home)
    report = carried_out(new_run(home, settings, dry_run=APPLY, reason="monthly"))
    assert report["status"] == "completed"
    assert live_bytes(home) == new_lists(tmp_path)
    for index in INDICES.values():
        result = result_of(report, index.task)
        assert (result["status"], result["changed"], result["refusal"]) == ("success", True, None)
        assert result["output_path"] == f"data/{index.task}.csv"
        assert (home.root / result["backup_path"]).read_bytes() == before[index.key]
        (source,) = result["sources"]
        assert (source["status"], source["url"]) == (200, result["source"])
    assert (report["actor"], report["entry_point"], report["reason"]) == (
        "operator",
        "cli",
        "monthly",
    )
    assert leftovers(home) == []


def test_the_report_on_disk_is_the_report_of_the_run_in_both_forms(
    home: Home, settings: Settings
) -> None:
    first = carried_out(new_run(home, settings))
    second = carried_out(new_run(home, settings))
    assert reports_of(home) == [first, second]
    assert first["previous_report_sha256"] is None
    assert len(second["previous_report_sha256"]) == 64
    names = sorted(path.suffix for path in home.reports.iterdir())
    assert names == [".json", ".json", ".md", ".md"]


def test_a_second_apply_finds_nothing_to_change_and_still_counts_as_a_refresh(
    home: Home, settings: Settings
) -> None:
    carried_out(new_run(home, settings, dry_run=APPLY))
    before = live_bytes(home)
    report = carried_out(new_run(home, settings, dry_run=APPLY))
    assert report["status"] == "completed"
    assert live_bytes(home) == before
    for result in report["results"]:
        assert (result["status"], result["changed"]) == ("success", False)
        assert (result["output_path"], result["backup_path"]) == (None, None)
        assert [source["status"] for source in result["sources"]] == [304]
    assert not list(home.backups.iterdir())


def test_one_page_that_lost_rows_changes_nothing_and_leaves_the_other_lists_promoted(
    home: Home, settings: Settings, server: PageServer, tmp_path: Path
) -> None:
    before = older_lists(home)
    server.pages["hsi"] = page("hsi", companies("hsi")[:-20])
    report = carried_out(new_run(home, settings, dry_run=APPLY))
    assert report["status"] == "partial_failure"
    assert statuses(report) == ["success", "success", "partial_failure"]
    assert live_bytes(home) == new_lists(tmp_path) | {"hsi": before["hsi"]}
    hsi = result_of(report, "hsi_constituents")
    assert (hsi["membership"]["rule"], hsi["changed"]) == ("unconfirmed", False)
    (warning,) = hsi["validation"]["warnings"]
    assert warning.startswith("membership_is_confirmed: 0 of 1 sources are usable")
    assert "it lists 65 members, expected at least 70" in warning
    assert (hsi["validation"]["errors"], report["errors"]) == ([], [])


def test_a_source_that_is_gone_fails_its_list_alone_and_names_both_addresses(
    home: Home, settings: Settings, server: PageServer
) -> None:
    before = older_lists(home)
    del server.pages["sti"]
    report = carried_out(new_run(home, settings, dry_run=APPLY))
    assert statuses(report) == ["success", "failed", "success"]
    assert live_bytes(home)["sti"] == before["sti"]
    sti = result_of(report, "sti_constituents")
    assert [source["status"] for source in sti["sources"]] == [404, 404]
    assert sti["validation"]["status"] == "not_run"
    (error,) = sti["errors"]
    assert f"{server.origin}/wiki/Straits_Times_Index" in error
    assert f"{server.origin}/w/rest.php/v1/page/Straits_Times_Index/html" in error
    assert (sti["after_count"], sti["proposal_id"]) == (None, None)
    assert reports_of(home) == [report]


def test_a_run_in_which_every_list_fails_has_failed(
    home: Home, settings: Settings, server: PageServer
) -> None:
    before = older_lists(home)
    server.pages.clear()
    report = carried_out(new_run(home, settings, dry_run=APPLY))
    assert (report["status"], statuses(report)) == ("failed", ["failed"] * 3)
    assert live_bytes(home) == before
    readable = next(home.reports.glob("*.md")).read_text()
    assert readable.startswith("# Apply failed. No file was replaced. Failed: S&P 500, STI, HSI.")


class CtrlC(Gathering):
    """A gathering during which the operator presses Ctrl-C, when the STI's answer is awaited."""

    def answer(self, index: Index) -> Gathered:
        if index.key == "sti":
            raise KeyboardInterrupt
        return super().answer(index)


class Interrupted(HeadStart):
    """A start whose fetches are interrupted."""

    @cached_property
    def gathering(self) -> Gathering:
        return CtrlC(self.settings, lambda _index, _url: None)


def test_an_interrupted_run_tells_what_was_done_what_was_not_and_what_never_began(
    home: Home, settings: Settings, tmp_path: Path
) -> None:
    before = older_lists(home)
    begun = Interrupted(home, settings, Auditor(), EventsWorker())
    report = carried_out(new_run(home, settings, dry_run=APPLY, begun=begun))
    assert report["status"] == "interrupted"
    assert statuses(report) == ["success", "failed", "skipped"]
    assert live_bytes(home) == before | {"sp500": new_lists(tmp_path)["sp500"]}
    assert result_of(report, "sti_constituents")["errors"] == ["cancelled while it ran"]
    assert report["errors"][0] == (
        "Interrupted: sti_constituents was cancelled while it ran. What was not finished was "
        "left as it was."
    )
    assert reports_of(home) == [report]
    assert leftovers(home) == []


def test_a_run_that_is_cancelled_between_its_steps_is_interrupted_too(
    home: Home, settings: Settings
) -> None:
    run = new_run(home, settings, dry_run=APPLY)
    run.open()
    list_steps.stage(run, SP500)
    assert list_steps.audit(run, SP500).has_passed
    run.close({}, KeyboardInterrupt())
    assert run.report is not None
    assert run.report.to_dict()["status"] == "interrupted"
    assert statuses(run.report.to_dict()) == ["failed", "skipped", "skipped"]
    assert result_of(run.report.to_dict(), SP500.task)["errors"] == [
        "the run was interrupted before this task was done"
    ]
    assert live_bytes(home) == {"sp500": None, "sti": None, "hsi": None}


def test_an_unknown_task_is_refused_before_anything_starts(home: Home, settings: Settings) -> None:
    before = older_lists(home)
    asked = ("sti_constituents", "nikkei_constituents")
    report = carried_out(new_run(home, settings, asked, dry_run=APPLY))
    assert report["status"] == "failed"
    assert statuses(report) == ["skipped", "skipped"]
    (error,) = report["errors"]
    assert error.startswith("Unknown task nikkei_constituents; known: sp500_constituents, ")
    assert error.endswith("Nothing was started.")
    assert live_bytes(home) == before
    assert not list(home.staging.iterdir())


@pytest.mark.parametrize("folder", ["data/staging", "data/backups", "data/backups/constituents"])
def test_a_home_that_cannot_be_written_is_told_and_nothing_is_fetched_or_replaced(
    home: Home, settings: Settings, folder: str
) -> None:
    before = older_lists(home)
    obstacle = home.root / folder
    obstacle.parent.mkdir(exist_ok=True)
    obstacle.write_text("a file where a folder is needed")
    report = carried_out(new_run(home, settings, dry_run=APPLY))
    assert (report["status"], statuses(report)) == ("failed", ["skipped"] * 3)
    (error,) = report["errors"]
    assert error.startswith(("data/staging cannot be", "data/backups/constituents cannot be"))
    assert "so nothing will be replaced" in error
    assert live_bytes(home) == before
    first_line = next(home.reports.glob("*.md")).read_text().splitlines()[0]
    assert first_line == "# Apply failed. No file was replaced."


def test_where_not_even_a_report_can_be_written_the_run_says_so_and_stops(
    home: Home, settings: Settings
) -> None:
    before = older_lists(home)
    (home.root / "reports").write_text("a file where a folder is needed")
    run = new_run(home, settings, dry_run=APPLY)
    with pytest.raises(TwsMaintenanceError, match=r"reports/maintenance cannot be written"):
        run.open()
    run.close({}, None)
    assert run.report is None
    assert live_bytes(home) == before


def test_a_run_goes_on_with_the_report_that_was_reserved_for_it(
    home: Home, settings: Settings
) -> None:
    early = RunRecorder(
        home,
        PlannedRun(
            (STI.task,), APPLY, run_id="run-1", entry_point=EntryPoint.CLI, actor="operator"
        ),
    )
    early.reserve()
    (marker,) = reservations(home)
    begun = head_start(home, settings, record=early)
    run = new_run(home, settings, (STI.task, HSI.task), begun=begun)

    run.open()

    assert reservations(home) == [marker]
    journal = journal_of(marker)
    assert journal is not None
    assert (journal.tasks, journal.dry_run) == ([STI.task, HSI.task], True)
    early.close({})
    assert reports_of(home) == []
    run.close({})
    (report,) = reports_of(home)
    assert report["started_at"] == journal.reserved_at
    assert leftovers(home) == []


def test_a_report_that_was_reserved_for_another_run_is_left_to_that_one(
    home: Home, settings: Settings
) -> None:
    other = RunRecorder(
        home,
        PlannedRun(
            (STI.task,), APPLY, run_id="run-2", entry_point=EntryPoint.CLI, actor="operator"
        ),
    )
    other.reserve()
    run = new_run(home, settings, (HSI.task,), begun=head_start(home, settings, record=other))
    run.open()
    run.close({})
    assert [report["run_id"] for report in reports_of(home)] == ["run-1"]
    assert other.owes_report
    other.give_up()
    assert leftovers(home) == []


def test_a_task_that_nobody_worked_on_was_skipped_and_the_others_completed(
    home: Home, settings: Settings
) -> None:
    run = new_run(home, settings, ("sti_constituents", "hsi_constituents"))
    run.open()
    work_on(run, STI)
    run.close({})
    assert run.report is not None
    assert (run.report.to_dict()["status"], statuses(run.report.to_dict())) == (
        "completed",
        ["success", "skipped"],
    )
    hsi = result_of(run.report.to_dict(), "hsi_constituents")
    assert (hsi["started_at"], hsi["duration_seconds"]) == (None, None)


def test_a_run_works_only_on_what_was_asked_for(home: Home, settings: Settings) -> None:
    before = older_lists(home)
    report = carried_out(new_run(home, settings, ("hsi_constituents",), dry_run=APPLY))
    assert [result["task"] for result in report["results"]] == ["hsi_constituents"]
    found = live_bytes(home)
    assert found["hsi"] != before["hsi"]
    assert (found["sp500"], found["sti"]) == (before["sp500"], before["sti"])


def promoted_alone(home: Home, settings: Settings, index: Index) -> dict[str, Any]:
    """Materialise the live asset of `index` alone, and return its result."""
    run = new_run(home, settings, (index.task,), dry_run=APPLY)
    run.open()
    with suppress(StepFailed):
        list_steps.promote(run, index)
    run.close({})
    assert run.report is not None
    return result_of(run.report.to_dict(), index.task)


def test_the_live_list_alone_is_the_newest_proposal(
    home: Home, settings: Settings, server: PageServer
) -> None:
    older_lists(home)
    first = carried_out(new_run(home, settings, ("sti_constituents",)))
    server.pages["sti"] = page("sti", [*companies("sti"), Company("N1X", "Newest")])
    second = carried_out(new_run(home, settings, ("sti_constituents",)))
    assert first["report_id"] != second["report_id"]
    result = promoted_alone(home, settings, STI)
    assert (result["status"], result["changed"]) == ("success", True)
    assert result["proposal_id"] == f"{second['report_id']}_sti"
    assert (result["before_count"], result["after_count"]) == (29, 31)
    assert result["validation"]["status"] == "passed"
    assert b"N1X.SI,N1X,Newest" in home.live_file("sti").read_bytes()


def test_the_live_list_alone_is_refused_when_the_newest_proposal_did_not_pass(
    home: Home, settings: Settings, server: PageServer
) -> None:
    before = older_lists(home)
    assert carried_out(new_run(home, settings, ("sti_constituents",)))["status"] == "completed"
    server.pages["sti"] = page("sti", spoiled(companies("sti")))
    assert carried_out(new_run(home, settings, ("sti_constituents",)))["status"] == "failed"
    result = promoted_alone(home, settings, STI)
    assert (result["status"], result["refusal"]) == ("failed", "unaudited")
    assert "did not pass its audit" in result["errors"][0]
    assert live_bytes(home) == before


def test_the_live_list_alone_is_refused_where_nothing_was_staged(
    home: Home, settings: Settings
) -> None:
    result = promoted_alone(home, settings, STI)
    assert (result["status"], result["refusal"]) == ("failed", "missing")
    assert "Materialize staged/sti_constituents first" in result["errors"][0]


def test_a_list_that_somebody_edited_between_looking_and_applying_is_refused(
    home: Home, settings: Settings
) -> None:
    older_lists(home)
    carried_out(new_run(home, settings, ("sti_constituents",)))
    edited = write_live(home, STI, companies("sti")[:-2])
    result = promoted_alone(home, settings, STI)
    assert (result["status"], result["refusal"]) == ("failed", "stale")
    assert home.live_file("sti").read_bytes() == edited
    assert (result["changed"], result["output_path"], result["backup_path"]) == (False, None, None)


def test_a_large_change_is_accepted_only_by_word_and_the_report_keeps_it(
    home: Home, settings: Settings
) -> None:
    write_live(home, STI, companies("sti")[:20])
    refused = carried_out(new_run(home, settings, ("sti_constituents",), dry_run=APPLY))
    assert refused["status"] == "failed"
    assert len(refused["errors"]) == 2
    assert refused["overrides"] == {"allow_large_change": False}
    accepted = carried_out(
        new_run(home, settings, ("sti_constituents",), dry_run=APPLY, allow_large_change=True)
    )
    assert (accepted["status"], accepted["overrides"]) == (
        "completed",
        {"allow_large_change": True},
    )
    assert any("without a reason: give one with --reason" in text for text in accepted["warnings"])
    assert sum("(accepted: --allow-large-change)" in text for text in accepted["warnings"]) == 2


def test_an_audit_that_crashes_promotes_nothing_and_is_told_as_a_fault(
    home: Home, settings: Settings
) -> None:
    run = new_run(home, settings, ("sti_constituents",), dry_run=APPLY)
    run.open()
    proposal = list_steps.stage(run, STI)
    (home.proposal(proposal.proposal_id) / STAGED).write_bytes(b"\xff")
    with pytest.raises(StepFailed, match="UnicodeDecodeError"):
        list_steps.audit(run, STI)
    with pytest.raises(StepFailed, match="no readable receipt"):
        list_steps.promote(run, STI)
    run.close({})
    assert run.report is not None
    assert (run.report.to_dict()["status"], statuses(run.report.to_dict())) == (
        "failed",
        ["failed"],
    )
    assert live_bytes(home)["sti"] is None


def test_what_only_dagster_knows_of_a_failure_is_in_the_report_too(
    home: Home, settings: Settings
) -> None:
    run = new_run(home, settings, ("sti_constituents", "hsi_constituents"))
    run.open()
    work_on(run, STI)
    run.close({"hsi_constituents": "the step never came up", "some_step": "it broke"})
    assert run.report is not None
    assert run.report.to_dict()["status"] == "partial_failure"
    assert result_of(run.report.to_dict(), "hsi_constituents")["errors"] == [
        "the step never came up"
    ]
    assert run.report.to_dict()["errors"] == [
        "it broke",
        "hsi_constituents: the step never came up",
    ]


def validation_of(home: Home, settings: Settings) -> dict[str, Any]:
    run = new_run(home, settings, (METADATA_VALIDATION,), dry_run=APPLY)
    run.open()
    for index in INDICES.values():
        list_steps.validate(run, index)
    run.close({})
    assert run.report is not None
    return run.report.to_dict()


def test_validating_good_lists_passes_and_writes_only_its_report(
    home: Home, settings: Settings
) -> None:
    carried_out(new_run(home, settings, dry_run=APPLY))
    before = live_bytes(home)
    report = validation_of(home, settings)
    assert report["status"] == "completed"
    (result,) = report["results"]
    assert result["validation"] == {"status": "passed", "warnings": [], "errors": []}
    assert list(result["files"]) == ["sp500", "sti", "hsi"]
    assert result["files"]["sti"]["row_count"] == 30
    assert not result["files"]["sti"]["stale"]
    assert result["files"]["sti"]["last_refreshed_at"] is not None
    assert live_bytes(home) == before


def test_a_refresh_that_a_wrong_clock_dated_ahead_makes_no_list_fresh(
    home: Home, settings: Settings
) -> None:
    carried_out(new_run(home, settings, dry_run=APPLY))
    (path,) = home.reports.glob("2*.json")
    told = json.loads(path.read_text())
    for result in told["results"]:
        result["finished_at"] = "2099-01-01T00:00:00.000Z"
    path.write_text(json.dumps(told))
    (result,) = validation_of(home, settings)["results"]
    found = result["files"]["sti"]
    assert (found["last_refreshed_at"], found["stale"]) == (None, True)


def test_validating_tells_each_list_by_its_name_and_fails_as_a_whole(
    home: Home, settings: Settings
) -> None:
    older_lists(home)
    home.live_file("sti").unlink()
    report = validation_of(home, settings)
    assert report["status"] == "failed"
    (result,) = report["results"]
    assert result["validation"]["status"] == "failed"
    (message,) = result["validation"]["errors"]
    assert message == (
        "STI: data/sti_constituents.csv does not exist. "
        "Fetch it: python -m tws_maintenance run --task sti_constituents --apply"
    )
    files = result["files"]
    assert [files[key]["validation"]["status"] for key in files] == ["passed", "failed", "passed"]
    assert all(one["stale"] for one in files.values())
    assert (files["sti"]["row_count"], files["sti"]["sha256"]) == (None, None)
