"""The job `clean_up` in a real Dagster: what goes of its history, and what works afterwards."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from filelock import FileLock

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES
from tws_maintenance.config.settings import load_settings
from tws_maintenance.core.clock import utc_now
from tws_maintenance.demo.pages import companies, page
from tws_maintenance.demo.server import PageServer
from tws_maintenance.pipeline import asset_keys
from tws_maintenance.pipeline import clean_up as clean_up_job
from tws_maintenance.pipeline.clean_up import clean_runs
from tws_maintenance.pipeline.definitions import build_definitions
from tws_maintenance.pipeline.execution import create_run, execute
from tws_maintenance.pipeline.instance import open_instance
from tws_maintenance.pipeline.reconcile import reconcile
from tws_maintenance.pipeline.run_history import audits, refreshes, run_view, runs_in_progress
from tws_maintenance.pipeline.tags import HOME_TAG, HOST_TAG, PROCESS_TAG, host_id
from tws_maintenance.reports.catalog import ReportCatalog
from tws_maintenance.reports.status import overview
from tws_maintenance.runs.request import RunSpec
from tws_maintenance_tests.constituents.bench import configure
from tws_maintenance_tests.disks import mounted
from tws_maintenance_tests.support import TIMEOUT_SECONDS, Program, reports_of, write_live
from tws_maintenance_tests.unattended import dry_run

STI = INDICES["sti"]
LONG_AGO = datetime(2020, 1, 1, 12, 0, tzinfo=UTC)
TODAY = timedelta(days=1)
OLD = LONG_AGO + TODAY


@pytest.fixture
def instance(entered: Home) -> Iterator[dg.DagsterInstance]:
    with open_instance(entered) as opened:
        yield opened


def aged(home: Home, *run_ids: str, at: datetime = LONG_AGO) -> None:
    """Date runs back, in Dagster's own database."""
    with sqlite3.connect(home.dagster / "history" / "runs.db") as database:
        database.executemany(
            "UPDATE runs SET create_timestamp = ? WHERE run_id = ?",
            [(f"{at:%Y-%m-%d %H:%M:%S.%f}", run_id) for run_id in run_ids],
        )


def run(home: Home, *tasks: str, dry: bool = True) -> str:
    """Execute a run here and return its id."""
    return execute(home, RunSpec(tasks or (STI.task,), dry_run=dry)).run_id


def ids(instance: dg.DagsterInstance) -> set[str]:
    return {one.run_id for one in instance.get_runs()}


def clean_up(instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    """Run the job as Dagster would."""
    job = build_definitions().resolve_job_def("clean_up")
    return job.execute_in_process(instance=instance, raise_on_error=False)


def failure(result: dg.ExecuteInProcessResult) -> str:
    (event,) = [one for one in result.all_events if one.is_step_failure]
    data = event.step_failure_data.user_failure_data
    assert data is not None
    return str(data.description)


def test_old_runs_go_with_their_events_and_the_newest_of_each_asset_stay(
    entered: Home, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clean_up_job, "MATERIALIZATIONS_READ", 2)
    write_live(entered, STI, companies("sti")[:-1])
    applied = run(entered, dry=False)
    looks = [run(entered) for _ in range(3)]
    aged(entered, applied, *looks)
    young = run(entered)
    assert clean_runs(entered, instance, OLD) == 2
    # The two newest of staged/sti, and the only one of sti, which is the oldest of all.
    assert ids(instance) == {applied, looks[2], young}
    assert not instance.get_records_for_run(looks[0]).records
    assert clean_runs(entered, instance, OLD) == 0


def test_after_a_clean_up_all_pages_still_know_what_they_knew(
    entered: Home, instance: dg.DagsterInstance, server: PageServer
) -> None:
    configure(entered, "[retention]\nruns_days = 1\nproposals_days = 1\nraw_days = 1\n")
    write_live(entered, STI, companies("sti")[:-1])
    applied = run(entered, dry=False)
    validated = execute(entered, RunSpec(("metadata_validation",), dry_run=True)).run_id
    server.pages["sti"] = page("sti", companies("sti")[1:])
    waiting = run(entered)
    aged(entered, applied, validated, waiting)
    settings, shelf, at = load_settings(entered), ReportCatalog(entered), utc_now()

    def known() -> object:
        newest = instance.get_latest_materialization_event(asset_keys.live_key(STI))
        return (
            overview(entered, settings, at, shelf),
            refreshes(instance),
            audits(instance),
            newest and newest.run_id,
        )

    before = known()
    assert clean_up(instance).success
    assert known() == before
    assert {applied, validated, waiting} <= ids(instance)
    # What waits can still be applied.
    (report_id,) = [one["report_id"] for one in reports_of(entered) if one["run_id"] == waiting]
    promoted = execute(entered, RunSpec((STI.task,), dry_run=False, report_id=report_id))
    report = next(one for one in reports_of(entered) if one["run_id"] == promoted.run_id)
    assert (report["status"], report["results"][0]["changed"]) == ("completed", True)


def test_runs_at_work_and_of_others_stay(entered: Home, instance: dg.DagsterInstance) -> None:
    @dg.op
    def anything() -> None:
        """Do nothing."""

    @dg.job
    def clean_up() -> None:
        anything()

    theirs = clean_up.execute_in_process(instance=instance).run_id
    queued = create_run(entered, instance, build_definitions(), RunSpec((STI.task,), dry_run=True))
    tagged = instance.create_run_for_job(
        build_definitions().resolve_job_def("clean_up"), tags={HOME_TAG: "/another/home"}
    )
    instance.report_run_failed(tagged)
    aged(entered, theirs, queued.run_id, tagged.run_id)
    assert clean_runs(entered, instance, OLD) == 0
    assert ids(instance) == {theirs, queued.run_id, tagged.run_id}


def test_thousands_of_old_runs_of_others_do_not_hide_ours(
    entered: Home, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clean_up_job, "PAGE", 2)
    monkeypatch.setattr(clean_up_job, "MATERIALIZATIONS_READ", 1)
    theirs = [instance.create_run_for_job(_somebody_s()).run_id for _ in range(5)]
    for run_id in theirs:
        one = instance.get_run_by_id(run_id)
        assert one is not None
        instance.report_run_failed(one)
    ours = [run(entered) for _ in range(2)]
    aged(entered, *theirs, *ours)
    assert clean_runs(entered, instance, OLD) == 1
    assert ids(instance) == {*theirs, ours[1]}


def _somebody_s() -> dg.JobDefinition:
    @dg.op
    def anything() -> None:
        """Do nothing."""

    @dg.job
    def somebody_s() -> None:
        anything()

    return somebody_s


def test_no_more_than_a_portion_goes_at_once(
    entered: Home, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clean_up_job, "RUNS_AT_ONCE", 2)
    runs = [clean_up(instance).run_id for _ in range(3)]
    aged(entered, *runs)
    assert [clean_runs(entered, instance, OLD) for _ in range(3)] == [2, 1, 0]


def test_a_run_of_a_clock_that_was_ahead_stays(entered: Home, instance: dg.DagsterInstance) -> None:
    ahead = clean_up(instance).run_id
    aged(entered, ahead, at=utc_now() + timedelta(days=400))
    assert clean_runs(entered, instance, utc_now()) == 0
    assert ids(instance) == {ahead}


def test_the_job_says_how_much_went_and_leaves_no_report(
    entered: Home, instance: dg.DagsterInstance
) -> None:
    dry_run(entered, {"sti": companies("sti")}, LONG_AGO)
    dry_run(entered, {"sti": companies("sti")}, utc_now())
    aged(entered, clean_up(instance).run_id)
    dry_run(entered, {"hsi": companies("hsi")}, LONG_AGO)
    reports = reports_of(entered)
    result = clean_up(instance)
    assert result.success
    (output,) = [one for one in result.all_events if one.is_successful_output]
    counts = {key: one.value for key, one in output.step_output_data.metadata.items()}
    # HSI's is the newest of its list.
    assert counts == {"proposals": 0, "raw_copies": 0, "backups": 0, "logs": 0, "runs": 1}
    assert reports_of(entered) == reports
    assert result.dagster_run.tags[HOME_TAG] == str(entered.root)
    # No value was pickled.
    assert not (entered.dagster / "storage").exists()


def test_what_could_not_be_removed_makes_the_job_red_with_its_name(
    entered: Home, instance: dg.DagsterInstance
) -> None:
    stuck = dry_run(entered, {"sti": companies("sti")}, LONG_AGO)
    gone = dry_run(entered, {"sti": companies("sti")}, LONG_AGO + TODAY)
    dry_run(entered, {"sti": companies("sti")}, utc_now())
    with mounted(entered.proposal(f"{stuck}_sti") / "mounted", kilobytes=64):
        result = clean_up(instance)
    assert not result.success
    assert failure(result) == (
        f"data/staging/{stuck}_sti could not be removed: Device or resource busy"
    )
    assert not entered.proposal(f"{gone}_sti").exists()


def test_two_at_once_by_the_command_line_wait_for_each_other(
    entered: Home, program: Program
) -> None:
    for days in range(12):
        dry_run(entered, {"sti": companies("sti")}, LONG_AGO + days * TODAY)
    command = [sys.executable, "-m", "tws_maintenance", "dagster", "job", "execute", "-j"]
    running = [
        subprocess.Popen(
            [*command, "clean_up"],
            env=program.full_environment(),
            cwd=entered.root,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    said = [process.communicate(timeout=TIMEOUT_SECONDS)[1] for process in running]
    assert [process.returncode for process in running] == [0, 0], said
    assert len(list(entered.staging.iterdir())) == 1


def test_a_clean_up_that_waits_too_long_for_another_one_says_so(
    entered: Home, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clean_up_job, "WAIT_SECONDS", 0.1)
    with FileLock(entered.locks / "clean_up.lock"):
        assert failure(clean_up(instance)).startswith("Another clean-up still runs after")


def test_a_clean_up_that_was_killed_is_closed_without_a_report(
    entered: Home, instance: dg.DagsterInstance
) -> None:
    job = build_definitions().resolve_job_def("clean_up")
    dead = os.fork()
    if dead == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(dead, 0)
    tags = {**job.tags, HOST_TAG: host_id(), PROCESS_TAG: str(dead)}
    killed = instance.create_run_for_job(job, tags=tags)
    views, has_dead = runs_in_progress(entered, instance)
    assert (views, has_dead) == ([], True)
    assert run_view(entered, instance, killed.run_id) is None
    assert reconcile(entered, instance) == []
    closed = instance.get_run_by_id(killed.run_id)
    assert closed is not None
    assert closed.status == dg.DagsterRunStatus.FAILURE
    assert reconcile(entered, instance) == []
    assert reports_of(entered) == []
    aged(entered, killed.run_id)
    assert clean_runs(entered, instance, OLD) == 1
