"""Creating a run and executing it in this process; the only semi-private Dagster imports.

A run is created first, which gives it an id, and then executed, so that another process can
execute it.
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run_iterator

from tws_maintenance.config.environment import operating_system_user
from tws_maintenance.config.home import Home
from tws_maintenance.config.settings import load_settings
from tws_maintenance.core.errors import HomeError
from tws_maintenance.pipeline.asset_keys import task_of_step
from tws_maintenance.pipeline.config import config_of
from tws_maintenance.pipeline.database_faults import database_errors, reason_of
from tws_maintenance.pipeline.definitions import definitions_of_runs
from tws_maintenance.pipeline.event_log import writing_together
from tws_maintenance.pipeline.instance import keep_connections, open_instance
from tws_maintenance.pipeline.jobs import IMPLICIT_ASSET_JOB, job_name, selection_of
from tws_maintenance.pipeline.reconcile import reconcile
from tws_maintenance.pipeline.resources import Loaded
from tws_maintenance.pipeline.tags import (
    ACTOR_TAG,
    ENTRY_POINT_TAG,
    HOME_TAG,
    HOST_TAG,
    PROCESS_TAG,
    REPORT_ID_TAG,
    host_id,
)
from tws_maintenance.runs.maintenance import HeadStart, head_start
from tws_maintenance.runs.request import Executed, RunSpec

Progress = Callable[[str, str], None]
_BECAME = {
    dg.DagsterEventType.STEP_START.value: "started",
    dg.DagsterEventType.STEP_SUCCESS.value: "done",
    dg.DagsterEventType.STEP_FAILURE.value: "failed",
}


def create_run(
    home: Home,
    instance: dg.DagsterInstance,
    definitions: dg.Definitions,
    spec: RunSpec,
    log_level: str = "CRITICAL",
    *,
    run_id: str | None = None,
    process: int | None = None,
    job: dg.JobDefinition | None = None,
) -> dg.DagsterRun:
    """Create and return the run of `spec` without executing it.

    `process` is the id of the process that will execute it, by default this one: if it dies before
    that, the run counts as dead.
    `job` is the run's own, if the caller needs it too.
    """
    with writing_together(instance):  # the event of each step and check that is planned
        return instance.create_run_for_job(
            job_def=job or _job(definitions, spec),
            run_id=run_id,
            run_config=_run_config(spec, log_level),
            tags={
                ENTRY_POINT_TAG: spec.entry_point.value,
                ACTOR_TAG: spec.actor or operating_system_user(),
                HOME_TAG: str(home.root),
                HOST_TAG: host_id(),
                PROCESS_TAG: str(process or os.getpid()),
            },
        )


def execute(
    home: Home,
    spec: RunSpec,
    *,
    run_id: str = "",
    begun: HeadStart | None = None,
    on_step: Progress | None = None,
    log_level: str = "CRITICAL",
) -> Executed:
    """Execute the run of `spec` in this process, in the instance of `home`.

    `run_id` names a run that was created before, else it becomes the id of the new one; "" makes a
    random one. `on_step` is called with a task and a text such as "audit_sti started".

    Raises:
        HomeError: Dagster's storage fails; the next command finishes a reserved report.
    """
    begun = begun or head_start(home, load_settings(home))
    loaded = Loaded(begun.home, begun.settings, is_reconciled=True)
    definitions = definitions_of_runs(loaded, begun)
    with _storage_faults_explained(), open_instance(home, begun.settings) as instance:
        keep_connections(instance)
        reconcile(home, instance)
        created = instance.get_run_by_id(run_id) if run_id else None
        if created is not None and created.is_finished:
            return Executed(run_id, created.tags.get(REPORT_ID_TAG), "the run has already ended")
        job = _job(definitions, spec)
        run = created or create_run(
            home, instance, definitions, spec, log_level, run_id=run_id or None, job=job
        )
        problem = ""
        for event in execute_run_iterator(InMemoryJob(job), run, instance):
            problem = _failure(event) or problem
            if on_step:
                _show_progress(event, on_step)
        ended = instance.get_run_by_id(run.run_id)
        report_id = ended.tags.get(REPORT_ID_TAG) if ended else None
        return Executed(run.run_id, report_id, problem)


@contextlib.contextmanager
def _storage_faults_explained() -> Iterator[None]:
    """Turn a fault of Dagster's database, such as a full disk, into a HomeError with advice."""
    try:
        yield
    except database_errors() as error:
        raise HomeError(
            f"Dagster's storage cannot be read or written: {reason_of(error)}. Free some space and "
            "make DAGSTER_HOME writable, or check that its server runs. The lists are intact; "
            "if the report is not finished, the next command finishes it."
        ) from error


def _job(definitions: dg.Definitions, spec: RunSpec) -> dg.JobDefinition:
    promotes = bool(spec.report_id)
    name = job_name(spec.tasks, dry_run=spec.dry_run, promotes=promotes, restores=bool(spec.backup))
    if name == IMPLICIT_ASSET_JOB:
        job = definitions.resolve_implicit_global_asset_job_def()
    else:
        job = definitions.resolve_job_def(name)
    assets, checks = selection_of(spec.tasks, dry_run=spec.dry_run, promotes=promotes)
    known = definitions.resolve_asset_graph().asset_check_keys
    return job.get_subset(asset_selection=assets, asset_check_selection=checks & known)


def _run_config(spec: RunSpec, log_level: str) -> dict[str, Any]:
    return {
        "resources": {"report": {"config": config_of(spec)}},
        "loggers": {"console": {"config": {"log_level": log_level}}},
    }


def _show_progress(event: dg.DagsterEvent, on_step: Progress) -> None:
    became = _BECAME.get(event.event_type_value)
    # Nine events of ten are of another kind, and whose step it is takes a look at every list.
    task = task_of_step(event.step_key) if became and event.step_key else None
    if task is not None:
        on_step(task, f"{event.step_key} {became}")


def _failure(event: dg.DagsterEvent) -> str:
    if event.event_type == dg.DagsterEventType.RUN_FAILURE:
        error = event.job_failure_data.error
        while error is not None and error.cause is not None:
            error = error.cause
        return (error.message if error else event.message or "").strip()
    return ""
