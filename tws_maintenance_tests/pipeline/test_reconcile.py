"""Runs that died, in a real Dagster instance: the next command closes and reports each, once."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from filelock import FileLock

from tws_maintenance.cli.context import entering_home
from tws_maintenance.config.home import HOME_VARIABLE, Home
from tws_maintenance.config.indices import INDICES
from tws_maintenance.demo.pages import companies
from tws_maintenance.demo.server import PageServer
from tws_maintenance.pipeline.definitions import build_definitions
from tws_maintenance.pipeline.execution import execute
from tws_maintenance.pipeline.instance import VARIABLE, open_instance
from tws_maintenance.pipeline.reconcile import reconcile
from tws_maintenance.pipeline.tags import REPORT_ID_TAG
from tws_maintenance.reports.chain_verification import verify_chain
from tws_maintenance.runs.recovery import is_locked, recover, run_lock
from tws_maintenance.runs.request import RunSpec
from tws_maintenance_tests.constituents.bench import temporary_files
from tws_maintenance_tests.defaults import CONSTITUENT_TASKS
from tws_maintenance_tests.killing import KILLED, STI_TASK, Job, Moment, carry_out
from tws_maintenance_tests.pipeline.support import (
    HeldServer,
    good_pages,
    quiet_environment,
    until,
    web_environment,
)
from tws_maintenance_tests.support import (
    TIMEOUT_SECONDS,
    Program,
    live_bytes,
    reports_of,
    result_of,
    write_live,
)

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
    pytest.mark.xdist_group("reconcile"),
]
STI = INDICES["sti"]
UNFINISHED = {"NOT_STARTED", "STARTING", "STARTED", "CANCELING", "QUEUED"}
BEFORE_RESERVING = "before it reserved its report"
INSIDE_ITS_AUDIT = "inside its audit, before Dagster knew of it"


@dataclass(frozen=True)
class Death:
    """Where a run was killed, whether its list was replaced, and what its report then says."""

    moment: Moment
    replaced: bool = False
    report: str = "interrupted"


STAMP = r"\d{8}_\d{6}(_\d+)?"
DEATHS = {
    BEFORE_RESERVING: Death(Moment("os.link", r"\.reserved")),
    "before it was tagged": Death(Moment("open", r"/data/\.probe\.\S+\.tmp")),
    "while it kept the page": Death(Moment("os.rename", r"/raw/1_\w+\.html")),
    INSIDE_ITS_AUDIT: Death(Moment("os.rename", rf"/\.{STAMP}\.reserved", nth=2)),
    "before the promotion": Death(Moment("open", r"/sti\.lock")),
    "during the backup": Death(Moment("os.rename", r"/SHA256SUMS")),
    "before it replaced the list": Death(Moment("os.rename", r"/data/sti_constituents\.csv")),
    "after it replaced the list": Death(
        Moment("os.rename", r"/sti_membership\.csv"), replaced=True
    ),
    "during the report": Death(Moment("os.rename", rf"/{STAMP}\.json"), replaced=True),
    "before its reservation was given up": Death(
        Moment("os.remove", rf"/\.{STAMP}\.reserved"), replaced=True, report="completed"
    ),
    "after the report, before Dagster knew": Death(
        Moment("os.remove", r"/run_[-0-9a-f]+\.lock"), replaced=True, report="completed"
    ),
}


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home whose Dagster is made ready and whose STI list lacks a member."""
    home = Home(tmp_path_factory.mktemp("empty") / "home")
    write_live(home, STI, companies("sti")[:-1])
    with quiet_environment() as patch:
        patch.setenv(VARIABLE, str(home.dagster))
        open_instance(home).dispose()
    return home


@pytest.fixture(scope="module")
def dead(empty: Home, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Home]:
    """Every death of DEATHS, each in a home of its own."""
    folder = tmp_path_factory.mktemp("deaths")
    homes = {name: Home(folder / str(number)) for number, name in enumerate(DEATHS)}
    for home in homes.values():
        shutil.copytree(empty.root, home.root)
    with PageServer(good_pages()) as server:
        where = web_environment(server)
        codes = carry_out(
            [
                Job(str(home.root), DEATHS[name].moment, dagster=True, environment=where)
                for name, home in homes.items()
            ]
        )
    assert dict(zip(homes, codes, strict=True)) == dict.fromkeys(homes, KILLED)
    return homes


@pytest.fixture
def clean(empty: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home of its own, made ready, and named in the environment."""
    home = Home(tmp_path / "clean")
    shutil.copytree(empty.root, home.root)
    enter(home, monkeypatch)
    return home


def enter(home: Home, patch: pytest.MonkeyPatch, dagster: Path | None = None) -> None:
    patch.setenv(HOME_VARIABLE, str(home.root))
    patch.setenv(VARIABLE, str(dagster or home.dagster))


def runs_of(home: Home) -> dict[str, dg.DagsterRun]:
    with open_instance(home) as instance:
        return {run.run_id: run for run in instance.get_runs()}


def reports_by_run(home: Home) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for report in reports_of(home):
        found.setdefault(report["run_id"], []).append(report)
    return found


def test_a_run_killed_inside_its_audit_leaves_its_receipt_and_the_report_says_so(
    dead: dict[str, Home], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What Dagster was to hear of the audit is written together, so it heard nothing."""
    home = Home(tmp_path / "home")
    shutil.copytree(dead[INSIDE_ITS_AUDIT].root, home.root)
    enter(home, monkeypatch)
    with sqlite3.connect(home.dagster / "event_log.db") as log:
        found = log.execute("SELECT DISTINCT execution_status FROM asset_check_executions")
        assert found.fetchall() == [("PLANNED",)]

    (told,) = recover(home)

    (proposal,) = home.staging.iterdir()
    assert json.loads((proposal / "receipt.json").read_text())["status"] == "passed"
    (report,) = reports_of(home)
    assert (report["report_id"], report["status"]) == (told.report_id, "interrupted")
    result = result_of(report, STI_TASK)
    assert result["validation"]["status"] == "passed"
    (error,) = result["errors"]
    assert error.startswith("the run was killed after staging; nothing was replaced.")


@pytest.mark.parametrize("when", DEATHS)
def test_the_next_command_closes_and_reports_a_run_that_was_killed(
    when: str,
    dead: dict[str, Home],
    settings: object,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    assert settings
    home, death = dead[when], DEATHS[when]
    old = write_live(Home(tmp_path), STI, companies("sti")[:-1])
    new = write_live(Home(tmp_path), STI, companies("sti"))
    assert home.live_file("sti").read_bytes() == (new if death.replaced else old)
    enter(home, monkeypatch)
    (killed,) = runs_of(home).values()
    assert killed.status.value in UNFINISHED

    entering_home(home.root)  # what every command does first
    executed = execute(home, RunSpec((STI_TASK,), dry_run=True))

    found = runs_of(home)
    assert {one.run_id: one.status.value for one in found.values()} == {
        killed.run_id: "FAILURE",
        executed.run_id: "SUCCESS",
    }
    reports = reports_by_run(home)
    assert {run_id: len(told) for run_id, told in reports.items()} == {
        killed.run_id: 1,
        executed.run_id: 1,
    }
    (report,) = reports[killed.run_id]
    assert (report["status"], report["entry_point"], report["dry_run"]) == (
        death.report,
        "cli",
        False,
    )
    assert found[killed.run_id].tags[REPORT_ID_TAG] == report["report_id"]
    result = result_of(report, STI_TASK)
    assert result["changed"] is death.replaced
    assert result["status"] == (
        "success" if death.replaced else "skipped" if when == BEFORE_RESERVING else "failed"
    )
    assert home.live_file("sti").read_bytes() == (new if death.replaced else old)
    assert verify_chain(home).problem == ""
    assert temporary_files(home) == []
    assert list(home.reports.glob(".*")) == []
    assert list(home.locks.glob("run_*")) == []


@pytest.mark.services
@pytest.mark.process
def test_a_real_command_killed_while_a_page_is_awaited_is_closed_by_the_next_real_command(
    home: Home,
) -> None:
    for key, index in INDICES.items():
        write_live(home, index, companies(key)[:-1])
    before = live_bytes(home)
    with HeldServer(good_pages(), held="sti") as pages:
        program = Program(home, web_environment(pages))
        chosen = ("--task", "constituents", "--apply", "--reason", "weekly")
        command = [sys.executable, "-m", "tws_maintenance", "run", *chosen]
        with subprocess.Popen(
            command,
            env=program.full_environment(),
            cwd=home.root,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            until(lambda: len(list(home.staging.glob("*/proposal.json"))) == 2, "two lists")
            process.send_signal(signal.SIGKILL)
            assert process.wait(TIMEOUT_SECONDS) == KILLED
        pages.release()
        listed = program("reports", "verify")
        assert listed.returncode == 0, listed.stdout + listed.stderr
        assert "Closed a former run: maintenance_" in listed.stderr
        looked = program("run", "--task", STI_TASK, "--json")
    assert looked.returncode == 0, looked.stderr
    first, second = reports_of(home)
    assert (first["status"], first["reason"], first["dry_run"]) == ("interrupted", "weekly", False)
    assert [one["task"] for one in first["results"]] == list(CONSTITUENT_TASKS)
    assert json.loads(looked.stdout) == second
    assert [bool(one["proposal_id"]) for one in first["results"]] == [True, False, True]
    assert live_bytes(home) == before
    with sqlite3.connect(home.dagster / "history" / "runs.db") as database:
        statuses = dict(database.execute("select run_id, status from runs").fetchall())
    assert statuses == {first["run_id"]: "FAILURE", second["run_id"]: "SUCCESS"}
    assert verify_chain(home).problem == ""


def created(instance: dg.DagsterInstance, job: dg.JobDefinition, **tags: str) -> dg.DagsterRun:
    """Return a run that was created and that nobody executes yet, as a queue holds it."""
    return instance.create_run_for_job(job_def=job, tags=tags)


def ours() -> dg.JobDefinition:
    return build_definitions().resolve_job_def("apply_constituents")


def untouched_since(home: Home, run_id: str, when: str) -> None:
    with sqlite3.connect(home.dagster / "history" / "runs.db") as database:
        database.execute(
            "update runs set create_timestamp = ?, update_timestamp = ? where run_id = ?",
            (when, when, run_id),
        )


def test_a_run_that_was_created_and_waits_to_be_executed_is_left_alone(clean: Home) -> None:
    with open_instance(clean) as instance:
        run = created(instance, ours())
        assert reconcile(clean, instance) == []
        kept = instance.get_run_by_id(run.run_id)
    assert kept is not None
    assert kept.status == dg.DagsterRunStatus.NOT_STARTED
    assert reports_of(clean) == []


def test_a_run_that_nobody_has_touched_for_long_is_closed_and_reported_once(clean: Home) -> None:
    with open_instance(clean) as instance:
        run = created(instance, ours(), **{"tws/actor": "an operator"})
        untouched_since(clean, run.run_id, "2026-01-02 03:04:05")
        (closed,) = reconcile(clean, instance)
        assert reconcile(clean, instance) == []
        kept = instance.get_run_by_id(run.run_id)
    assert kept is not None
    assert (kept.status, kept.tags[REPORT_ID_TAG]) == (
        dg.DagsterRunStatus.FAILURE,
        closed.report_id,
    )
    (report,) = reports_of(clean)
    assert (report["run_id"], report["actor"], report["status"], report["dry_run"]) == (
        run.run_id,
        "an operator",
        "interrupted",
        False,
    )
    assert report["started_at"] == "2026-01-02T03:04:05.000Z"
    assert [one["task"] for one in report["results"]] == list(CONSTITUENT_TASKS)
    assert {one["status"] for one in report["results"]} == {"skipped"}


def test_a_run_that_failed_before_it_came_to_its_report_gets_one_and_only_one(
    clean: Home,
) -> None:
    with open_instance(clean) as instance:
        run = created(instance, ours())
        instance.report_run_failed(run, message="the code location could not be loaded")
        (told,) = reconcile(clean, instance)
        assert reconcile(clean, instance) == []
    (report,) = reports_of(clean)
    assert (report["report_id"], report["run_id"]) == (told.report_id, run.run_id)
    assert report["errors"] == [
        "Interrupted: the run ended as failure before it could begin. Nothing was replaced."
    ]
    assert verify_chain(clean).problem == ""


RECONCILIATION = """
import sys
from tws_maintenance.config.home import find_home
from tws_maintenance.pipeline.instance import open_instance
from tws_maintenance.pipeline.reconcile import reconcile
home = find_home()
with open_instance(home) as instance:
    print("ready", flush=True)
    sys.stdin.readline()
    print(len(reconcile(home, instance)))
"""


@pytest.mark.process
def test_two_that_reconcile_at_once_write_one_report_a_run(clean: Home) -> None:
    with open_instance(clean) as instance:
        failed = [created(instance, ours()) for _ in range(4)]
        for run in failed:
            instance.report_run_failed(run, message="never begun")
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", RECONCILIATION],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    counts = [int(process.communicate(timeout=TIMEOUT_SECONDS)[0]) for process in processes]
    assert sum(counts) == 4
    found = reports_by_run(clean)
    assert {run_id: len(told) for run_id, told in found.items()} == {
        run.run_id: 1 for run in failed
    }
    assert verify_chain(clean).problem == ""


@dg.op
def _sell() -> None:
    """Somebody else's work."""


@dg.job
def nightly_sales() -> None:
    """Somebody else's job."""
    _sell()


def test_a_look_at_a_lock_that_nobody_holds_removes_nothing(clean: Home) -> None:
    """A run may just have opened the file, and would hold a lock that nobody else sees."""
    path = run_lock(clean, "some-run")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    assert not is_locked(clean, "some-run")
    assert path.exists()
    with FileLock(path):
        assert is_locked(clean, "some-run")


def test_runs_of_other_projects_in_the_same_dagster_are_left_alone(clean: Home) -> None:
    with open_instance(clean) as instance:
        waiting = created(instance, nightly_sales)
        untouched_since(clean, waiting.run_id, "2026-01-02 03:04:05")
        failed = created(instance, nightly_sales)
        instance.report_run_failed(failed)
        assert reconcile(clean, instance) == []
        found = {run.run_id: run.status.value for run in instance.get_runs()}
    assert found == {waiting.run_id: "NOT_STARTED", failed.run_id: "FAILURE"}
    assert reports_of(clean) == []


@pytest.mark.services
@pytest.mark.process
def test_a_dead_run_of_another_home_in_the_same_dagster_is_left_to_that_home(
    clean: Home, empty: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Home(tmp_path / "other")
    shutil.copytree(empty.root, other.root)
    shared = tmp_path / "shared"
    shared.mkdir()
    with PageServer(good_pages()) as server:
        where = web_environment(server) | {VARIABLE: str(shared)}
        moment = DEATHS["before it replaced the list"].moment
        job = Job(str(other.root), moment, dagster=True, environment=where)
        assert carry_out([job]) == [KILLED]
    enter(clean, monkeypatch, shared)
    with open_instance(clean) as instance:
        assert reconcile(clean, instance) == []
        (run,) = instance.get_runs()
        assert run.status == dg.DagsterRunStatus.STARTED
        assert recover(clean) == []
        (closed,) = reconcile(other, instance)
        (run,) = instance.get_runs()
    assert (run.status, closed.run_id) == (dg.DagsterRunStatus.FAILURE, run.run_id)
    assert reports_of(clean) == []
    assert [one["status"] for one in reports_of(other)] == ["interrupted"]
    assert not (shared / "dagster.yaml").exists()
