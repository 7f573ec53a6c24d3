"""A report is a function of what lies in the run's folders: the journal on disk is all it needs."""

from contextlib import suppress

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES, METADATA_VALIDATION
from tws_maintenance.config.settings import Settings
from tws_maintenance.demo.pages import companies, page
from tws_maintenance.demo.server import PageServer
from tws_maintenance.reports.building import Ending, build_report
from tws_maintenance.reports.journal import Journal
from tws_maintenance.reports.schema import Report
from tws_maintenance.reports.store import journal_of, reservations
from tws_maintenance.runs import list_steps
from tws_maintenance.runs.maintenance import MaintenanceRun, head_start
from tws_maintenance.runs.recorder import StepFailed
from tws_maintenance.runs.recovery import recover
from tws_maintenance.runs.request import PlannedRun
from tws_maintenance_tests.constituents.bench import AT
from tws_maintenance_tests.support import reports_of, result_of, spoiled, write_live

STI, HSI = INDICES["sti"], INDICES["hsi"]


def new_run(
    home: Home, settings: Settings, *tasks: str, dry_run: bool, report_id: str = ""
) -> MaintenanceRun:
    request = PlannedRun(
        tasks, dry_run, run_id="run-1", actor="operator", report_id=report_id, reason="weekly"
    )
    run = MaintenanceRun(request, head_start(home, settings))
    run.open()
    return run


def from_the_disk(run: MaintenanceRun) -> Report:
    """Return the report that whoever finds the reservation would write of the run."""
    (marker,) = reservations(run.home)
    journal = journal_of(marker)
    assert journal is not None
    return build_report(run.home, run.report_id, journal, Ending(), AT)


def closed(run: MaintenanceRun) -> Report:
    """Return the report that the run itself writes, with the ending of `from_the_disk`."""
    run.close({})
    assert run.report is not None
    given = {"finished_at": "2026-11-22T18:30:00.000Z", "previous_report_sha256": None}
    return run.report.model_copy(update=given)


def same(run: MaintenanceRun) -> Report:
    """Return the report of a run, which is the same from the disk as from the run itself."""
    found = from_the_disk(run)
    expected = closed(run)
    assert found.model_copy(update={"duration_seconds": expected.duration_seconds}) == expected
    return found


@pytest.fixture
def lists(home: Home) -> None:
    """Live lists that lack the last member."""
    for index in (STI, HSI):
        write_live(home, index, companies(index.key)[:-1])


@pytest.mark.usefixtures("lists")
def test_a_dry_run_of_which_one_list_passed_and_one_had_no_source(
    home: Home, settings: Settings, server: PageServer
) -> None:
    del server.pages["sti"]
    run = new_run(home, settings, STI.task, HSI.task, dry_run=True)
    with suppress(StepFailed):
        list_steps.stage(run, STI)
    list_steps.stage(run, HSI)
    list_steps.audit(run, HSI)
    report = same(run)
    assert [one.status for one in report.results] == ["failed", "success"]
    assert [one.status for one in report.lists[0].sources] == [404, 404]


@pytest.mark.usefixtures("lists")
def test_an_apply_one_that_changes_nothing_and_a_refused_promotion(
    home: Home, settings: Settings
) -> None:
    reports = []
    for _ in range(2):
        run = new_run(home, settings, STI.task, dry_run=False)
        list_steps.stage(run, STI)
        list_steps.audit(run, STI)
        list_steps.promote(run, STI)
        reports.append(same(run))
    assert [(one.status, one.lists[0].changed) for one in reports] == [
        ("completed", True),
        ("completed", False),
    ]
    run = new_run(home, settings, STI.task, dry_run=False, report_id=reports[0].report_id)
    with suppress(StepFailed):
        list_steps.promote(run, STI)
    refused = same(run)
    assert (refused.status, refused.lists[0].refusal) == ("failed", "used")


@pytest.mark.usefixtures("lists")
def test_a_failed_audit_and_a_validation(
    home: Home, settings: Settings, server: PageServer
) -> None:
    server.pages["sti"] = page("sti", spoiled(companies("sti")))
    run = new_run(home, settings, STI.task, METADATA_VALIDATION, dry_run=True)
    list_steps.stage(run, STI)
    list_steps.audit(run, STI)
    for index in INDICES.values():
        list_steps.validate(run, index)
    report = same(run)
    assert report.lists[0].validation.status == "failed"
    validation = report.of(METADATA_VALIDATION)
    assert validation is not None
    assert validation.validation.errors


@pytest.mark.usefixtures("lists")
def test_a_killed_run_says_what_had_failed_and_whom_the_rest_concerns(
    home: Home, settings: Settings, server: PageServer
) -> None:
    """It used to say that nothing was staged, whatever the reason was."""
    del server.pages["sti"]
    gone = companies("hsi")[0]
    server.pages["hsi"] = page("hsi", [one for one in companies("hsi") if one != gone])
    held = HSI.symbol_rule.symbol_of(gone.ticker)
    events = settings.events.model_copy(update={"positions": (held,)})
    settings = settings.model_copy(update={"events": events})
    run = new_run(home, settings, STI.task, HSI.task, dry_run=False)
    with suppress(StepFailed):
        list_steps.stage(run, STI)
    list_steps.stage(run, HSI)
    run.hand_over().alive.release()  # as the system does where the process dies
    recover(home)
    (report,) = reports_of(home)
    sti, hsi = (result_of(report, index.task) for index in (STI, HSI))
    assert (report["status"], sti["status"], hsi["status"]) == ("interrupted", "failed", "failed")
    assert [one["status"] for one in sti["sources"]] == [404, 404]
    (error,) = sti["errors"]
    assert "404" in error
    assert hsi["impact"]["positions"] == hsi["removed"] == [held]
    assert any("is held (positions)" in text for text in hsi["warnings"])
    assert hsi["errors"][0].startswith("the run was killed after staging")


def test_a_proposal_that_cannot_be_read_costs_no_other_task_its_result(
    home: Home, settings: Settings
) -> None:
    run = new_run(home, settings, STI.task, HSI.task, dry_run=True)
    for index in (STI, HSI):
        list_steps.stage(run, index)
        list_steps.audit(run, index)
    path = home.proposal(f"{run.report_id}_sti") / "proposal.json"
    path.write_text(path.read_text().replace('"usable": true', '"usable": "yes"'))
    report = same(run)
    assert [one.status for one in report.results] == ["failed", "success"]
    assert report.lists[0].errors[0].startswith("could not determine what was done")


def test_the_journal_keeps_which_tasks_are_only_looked_at(home: Home) -> None:
    request = PlannedRun(
        (STI.task, HSI.task), False, run_id="run-1", actor="x", only_looked_at=(HSI.task,)
    )
    run = MaintenanceRun(request, head_start(home, Settings()))
    kept = Journal.model_validate_json(run.journal.to_json())
    assert [one.dry_run for one in kept.results.values()] == [False, True]


def test_what_another_version_noted_costs_a_killed_run_no_report(
    home: Home, settings: Settings
) -> None:
    run = new_run(home, settings, STI.task, dry_run=True)
    list_steps.stage(run, STI)
    list_steps.audit(run, STI)
    (marker,) = reservations(home)
    marker.write_text(marker.read_text().replace('"started_at"', '"changed": "no", "started_at"'))
    run.hand_over().alive.release()
    recover(home)
    (report,) = reports_of(home)
    sti = result_of(report, STI.task)
    assert (report["status"], report["reason"], sti["status"]) == (
        "interrupted",
        "weekly",
        "success",
    )
    assert sti["after_count"] == len(companies("sti"))
