"""Creating a run and executing it in this process; the only semi-private Dagster imports.

A run is created first (its id is known then) and executed second, so that another process can
do the second half.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import dagster as dg
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run_iterator

from tws_maintenance.home import Home
from tws_maintenance.maintenance import HeadStart
from tws_maintenance.pipeline.definitions import build_definitions
from tws_maintenance.pipeline.instance import open_instance
from tws_maintenance.pipeline.jobs import IMPLICIT_ASSET_JOB, job_name, selection_of
from tws_maintenance.pipeline.names import task_of_step
from tws_maintenance.pipeline.reconcile import reconcile
from tws_maintenance.pipeline.report_resource import operating_system_user
from tws_maintenance.pipeline.tags import ACTOR_TAG, ENTRY_POINT_TAG, REPORT_ID_TAG
from tws_maintenance.reports.record import EntryPoint

Progress = Callable[[str, str], None]


@dataclass(frozen=True)
class Order:
    """What a caller wants done; the same words as the run config."""

    tasks: tuple[str, ...]
    dry_run: bool
    allow_large_change: bool = False
    reason: str = ""
    report_id: str = ""
    backup: str = ""
    entry_point: EntryPoint = EntryPoint.CLI
    actor: str = ""


@dataclass(frozen=True)
class Executed:
    """A run that ended: its report's id, or why there is none."""

    run_id: str
    report_id: str | None
    problem: str


def execute(
    home: Home,
    order: Order,
    *,
    begun: HeadStart | None = None,
    on_step: Progress | None = None,
    log_level: str = "CRITICAL",
) -> Executed:
    """Create the run of `order` in the instance of `home` and execute it here.

    `on_step` is called with a task and `started`, `done` or `failed` as its steps go by.
    """
    definitions = build_definitions(begun)
    with open_instance(home) as instance:
        reconcile(home, instance)
        job = _job(definitions, order)
        run = instance.create_run_for_job(
            job_def=job,
            run_config=_run_config(order, log_level),
            tags={
                ENTRY_POINT_TAG: order.entry_point.value,
                ACTOR_TAG: order.actor or operating_system_user(),
            },
        )
        problem = ""
        for event in execute_run_iterator(InMemoryJob(job), run, instance):
            problem = _failure(event) or problem
            if on_step:
                _tell(event, on_step)
        ended = instance.get_run_by_id(run.run_id)
        report_id = ended.tags.get(REPORT_ID_TAG) if ended else None
        return Executed(run.run_id, report_id, problem)


def _job(definitions: dg.Definitions, order: Order) -> dg.JobDefinition:
    promotes = bool(order.report_id)
    name = job_name(
        order.tasks, dry_run=order.dry_run, promotes=promotes, restores=bool(order.backup)
    )
    if name == IMPLICIT_ASSET_JOB:
        job = definitions.resolve_implicit_global_asset_job_def()
    else:
        job = definitions.resolve_job_def(name)
    assets, checks = selection_of(order.tasks, dry_run=order.dry_run, promotes=promotes)
    return job.get_subset(asset_selection=assets, asset_check_selection=checks)


def _run_config(order: Order, log_level: str) -> dict[str, Any]:
    config = {
        "tasks": list(order.tasks),
        "allow_large_change": order.allow_large_change,
        "reason": order.reason,
        "report_id": order.report_id,
        "backup": order.backup,
    }
    return {
        "resources": {"report": {"config": config}},
        "loggers": {"console": {"config": {"log_level": log_level}}},
    }


def _tell(event: dg.DagsterEvent, on_step: Progress) -> None:
    task = task_of_step(event.step_key) if event.step_key else None
    if task is None:
        return
    if event.is_step_start:
        on_step(task, f"{event.step_key} started")
    elif event.is_step_success:
        on_step(task, f"{event.step_key} done")
    elif event.is_step_failure:
        on_step(task, f"{event.step_key} failed")


def _failure(event: dg.DagsterEvent) -> str:
    if event.event_type == dg.DagsterEventType.RUN_FAILURE:
        error = event.job_failure_data.error
        while error is not None and error.cause is not None:
            error = error.cause
        return (error.message if error else event.message or "").strip()
    return ""
