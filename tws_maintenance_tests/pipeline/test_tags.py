"""What a run is to do is the same for its page, its report, and the report it gets when it died."""

import os
import signal

import dagster as dg

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES, METADATA_VALIDATION
from tws_maintenance.pipeline import asset_keys
from tws_maintenance.pipeline.definitions import build_definitions
from tws_maintenance.pipeline.execution import create_run
from tws_maintenance.pipeline.instance import open_instance
from tws_maintenance.pipeline.reconcile import may_be_alive, reconcile
from tws_maintenance.pipeline.run_history import run_view
from tws_maintenance.pipeline.tags import (
    HOME_TAG,
    HOST_TAG,
    PROCESS_TAG,
    host_id,
    plan_of,
    report_config,
)
from tws_maintenance.reports.schema import EntryPoint
from tws_maintenance.runs.request import RunSpec
from tws_maintenance_tests.support import reports_of

STI = INDICES["sti"]


def ended_process() -> int:
    """Return the id of a process that is gone."""
    dead = os.fork()
    if dead == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(dead, 0)
    return dead


def tags_of(home: Home, process: int) -> dict[str, str]:
    """Return the tags of a run of this machine that this process is to work on."""
    return {HOME_TAG: str(home.root), HOST_TAG: host_id(), PROCESS_TAG: str(process)}


def materialize(home: Home, instance: dg.DagsterInstance, process: int) -> dg.DagsterRun:
    """Create the run of a Materialize of the live list; the checks of the live file come along."""
    job = build_definitions().resolve_implicit_global_asset_job_def()
    subset = job.get_subset(asset_selection={asset_keys.live_key(STI)})
    return instance.create_run_for_job(subset, tags=tags_of(home, process))


def test_a_materialize_of_a_live_list_is_its_task_alone_to_everybody(entered: Home) -> None:
    with open_instance(entered) as instance:
        run = materialize(entered, instance, ended_process())
        plan = plan_of(run, instance)
        assert asset_keys.validate_step(STI) in plan.steps
        assert plan.tasks == (STI.task,)
        assert plan.planned == {STI.task}
        assert (plan.dry_run, plan.entry_point, plan.actor) == (False, "dagster_cli", None)
        view = run_view(entered, instance, run.run_id)
        assert view is not None
        assert (view.tasks, view.dry_run, view.actor) == ((STI.task,), False, "unknown")
        reconcile(entered, instance)
    (report,) = reports_of(entered)
    assert [one["task"] for one in report["results"]] == [STI.task]
    assert (report["dry_run"], report["entry_point"]) == (False, "dagster_cli")


def test_a_validation_that_is_asked_for_is_one_of_the_tasks(entered: Home) -> None:
    spec = RunSpec((STI.task, METADATA_VALIDATION), dry_run=True, entry_point=EntryPoint.CONSOLE)
    with open_instance(entered) as instance:
        run = create_run(entered, instance, build_definitions(), spec)
        plan = plan_of(run, instance)
        assert list(report_config(run)["tasks"]) == list(plan.tasks) == list(spec.tasks)
        assert (plan.dry_run, plan.entry_point) == (True, "console")


def test_a_run_whose_process_died_before_its_first_event_is_dead_at_once(entered: Home) -> None:
    spec = RunSpec((STI.task,), dry_run=True)
    with open_instance(entered) as instance:
        here = create_run(entered, instance, build_definitions(), spec)
        assert here.tags[PROCESS_TAG] == str(os.getpid())
        gone = create_run(entered, instance, build_definitions(), spec, process=ended_process())
        alive = {}
        for run in (here, gone):
            record = instance.get_run_record_by_id(run.run_id)
            assert record is not None
            alive[run.run_id] = may_be_alive(entered, instance, record)
    assert alive == {here.run_id: True, gone.run_id: False}


def test_a_run_that_repeats_another_is_not_judged_by_the_other_s_process(entered: Home) -> None:
    """Dagster copies the tags."""
    with open_instance(entered) as instance:
        first = materialize(entered, instance, ended_process())
        job = build_definitions().resolve_implicit_global_asset_job_def()
        again = instance.create_run_for_job(
            job.get_subset(asset_selection={asset_keys.live_key(STI)}),
            tags=first.tags,
            parent_run_id=first.run_id,
            root_run_id=first.run_id,
        )
        found = [instance.get_run_record_by_id(one.run_id) for one in (first, again)]
        assert [may_be_alive(entered, instance, one) for one in found if one] == [False, True]
