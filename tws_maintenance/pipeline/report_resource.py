"""The one resource, `report`: its start reserves the report, its end writes it.

Required by every asset and check, so that no run, from whatever entry point, goes without.
"""

import getpass
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

from tws_maintenance.errors import SettingsError
from tws_maintenance.home import find_home
from tws_maintenance.maintenance import HeadStart, MaintenanceRun, RunRequest, head_start
from tws_maintenance.pipeline import names
from tws_maintenance.pipeline.run_report import step_failures
from tws_maintenance.reports.record import EntryPoint
from tws_maintenance.settings import Settings, load_settings

REPORT_ID_TAG = "tws/report_id"
ACTOR_TAG = "tws/actor"
ENTRY_POINT_TAG = "tws/entry_point"
DRY_RUN_TAG = "tws/dry_run"
UNKNOWN_UI_USER = "unknown (Dagster UI)"

CONFIG = {
    "tasks": dg.Field(
        dg.Array(str),
        default_value=[],
        description="Work on these tasks only; empty means all that the run selects.",
    ),
    "allow_large_change": dg.Field(
        bool,
        default_value=False,
        description="Accept a count change or turnover above the failure limit.",
    ),
    "reason": dg.Field(str, default_value="", description="Why; kept in the report."),
}


def build_report_resource(begun: HeadStart | None = None) -> dg.ResourceDefinition:
    """Return the resource; `begun` is what was begun while Dagster was imported."""

    @dg.resource(
        config_schema=CONFIG,
        description="Reserves this run's report, and writes it however the run ends.",
    )
    def report(context: dg.InitResourceContext) -> Iterator[MaintenanceRun]:
        home = find_home()
        try:
            settings, problem = load_settings(home), None
        except SettingsError as error:
            # Defaults, unread: enough to leave a report that tells the mistake.
            settings, problem = Settings.model_construct(), error
        run = MaintenanceRun(home, settings, _request(context), begun or head_start(home, settings))
        if _has_ended(context):
            yield run  # not opened, so that it writes nothing
            return
        try:
            run.open(problem)
            _tag(run, context)
            yield run
        except BaseException as error:
            _close(run, context, error)
            raise
        _close(run, context, _interruption())

    return report


def _interruption() -> BaseException | None:
    """Return the interrupt that Dagster is handling, None for a run that ends by itself.

    It ends a resource in the same way for both. One that comes between two steps is in no step's
    result either, and the report called the run failed.
    """
    error = sys.exception()
    return None if isinstance(error, Exception) else error


def _has_ended(context: dg.InitResourceContext) -> bool:
    """Tell whether the run is over.

    `dagster job execute` makes the resources again after the run, around its exit code. The
    report of that second life came last and said that every task was skipped.
    """
    assert context.run is not None, "the report resource needs a run"
    assert context.instance is not None, "the report resource needs an instance"
    run = context.instance.get_run_by_id(context.run.run_id)
    return run is not None and run.is_finished


def _request(context: dg.InitResourceContext) -> RunRequest:
    run, instance = context.run, context.instance
    assert run is not None, "the report resource needs a run"
    assert instance is not None, "the report resource needs an instance"
    config: Mapping[str, Any] = context.resource_config or {}
    steps = _planned_steps(run, instance)
    planned = {task for task in map(names.task_of_step, steps) if task}
    asked = tuple(config.get("tasks") or planned)
    entry_point = _entry_point(run)
    return RunRequest(
        tasks=asked,
        dry_run=not steps & names.live_steps(),
        run_id=run.run_id,
        entry_point=entry_point,
        actor=run.tags.get(ACTOR_TAG) or _actor(entry_point),
        reason=config.get("reason", ""),
        allow_large_change=bool(config.get("allow_large_change")),
    )


def _planned_steps(run: dg.DagsterRun, instance: dg.DagsterInstance) -> frozenset[str]:
    """Return the steps of the run as planned: right for jobs, subsets and a plain Materialize."""
    assert run.execution_plan_snapshot_id is not None
    plan = instance.get_execution_plan_snapshot(run.execution_plan_snapshot_id)
    return frozenset(plan.step_keys_to_execute)


def _entry_point(run: dg.DagsterRun) -> EntryPoint:
    tagged = run.tags.get(ENTRY_POINT_TAG)
    if tagged in set(EntryPoint):
        return EntryPoint(tagged)
    if "dagster/schedule_name" in run.tags:
        return EntryPoint.SCHEDULE
    if "dagster/sensor_name" in run.tags:
        return EntryPoint.SENSOR
    return EntryPoint.DAGSTER_UI if run.remote_job_origin else EntryPoint.DAGSTER_CLI


def _actor(entry_point: EntryPoint) -> str:
    if entry_point == EntryPoint.DAGSTER_UI:
        return UNKNOWN_UI_USER
    return operating_system_user()


def operating_system_user() -> str:
    """Return the user this process runs as, "unknown" where the system knows no name."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def _tag(run: MaintenanceRun, context: dg.InitResourceContext) -> None:
    assert context.instance is not None
    tags = {
        REPORT_ID_TAG: run.report_id,
        ACTOR_TAG: run.request.actor,
        ENTRY_POINT_TAG: run.request.entry_point.value,
        DRY_RUN_TAG: str(run.request.dry_run).lower(),
    }
    context.instance.add_run_tags(run.request.run_id, tags)


def _close(
    run: MaintenanceRun, context: dg.InitResourceContext, error: BaseException | None = None
) -> None:
    """Write the report. A failure here cannot turn the run red, so it is shouted instead."""
    assert context.instance is not None
    try:
        run.close(step_failures(context.instance, run.request.run_id), error)
    except Exception as fault:
        told = f"The report of run {run.request.run_id} could not be written: {fault}"
        sys.stderr.write(f"{told}\n")
        if context.log:
            context.log.exception(told)
        raise
