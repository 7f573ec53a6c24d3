"""The one resource, `report`: its start reserves the report, its end writes it.

Every asset and check requires it, so that every run has a report, whatever its entry point.
"""

import contextlib
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg

from tws_maintenance.config.environment import operating_system_user
from tws_maintenance.config.home import Home
from tws_maintenance.config.settings import Settings
from tws_maintenance.core.errors import SettingsError, TwsMaintenanceError, UsageError
from tws_maintenance.pipeline import asset_keys, interrupts
from tws_maintenance.pipeline.config import CONFIG, KEYS, misuse_of
from tws_maintenance.pipeline.reconcile import reconcile
from tws_maintenance.pipeline.run_report import step_failures
from tws_maintenance.pipeline.tags import (
    ACTOR_TAG,
    DRY_RUN_TAG,
    ENTRY_POINT_TAG,
    REPORT_ID_TAG,
    lineage_of,
    plan_of,
)
from tws_maintenance.reports.list_results import promotable_tasks
from tws_maintenance.runs.maintenance import HeadStart, MaintenanceRun, head_start
from tws_maintenance.runs.request import PlannedRun


@dataclass
class Loaded:
    """What the runs of a code location use, read once when it is loaded.

    `problem` is the mistake in the settings, which then are the defaults. `is_reconciled` is
    whether the work of killed runs has just been finished, so that the first run need not do it.
    """

    home: Home
    settings: Settings
    problem: SettingsError | None = None
    is_reconciled: bool = False


def build_report_resource(loaded: Loaded, begun: HeadStart | None = None) -> dg.ResourceDefinition:
    """Return the resource; `begun` is what was begun while Dagster was imported."""

    @dg.resource(
        config_schema=CONFIG,
        description="Reserves the report of this run, and writes it however the run ends.",
    )
    def report(context: dg.InitResourceContext) -> Iterator[MaintenanceRun]:
        request, misuse = _request(context, loaded)
        run = MaintenanceRun(request, begun or head_start(loaded.home, loaded.settings))
        if _has_ended(context):
            yield run  # not opened, so that it writes nothing
            return
        try:
            _reconcile(loaded, context)
            run.open(loaded.problem or misuse)
            _tag(run, context)
            with interrupts.noted() as run.heed_interrupts:
                yield run
        except BaseException as error:
            _close(run, context, error)
            raise
        _close(run, context, _interruption())

    return report


def _interruption() -> BaseException | None:
    """Return the interrupt that Dagster is handling, None for a run that ends by itself.

    Dagster ends a resource in the same way for both. An interrupt between two steps is in no
    step's result, and without this the report called the run failed.
    """
    error = sys.exception()
    return None if isinstance(error, Exception) else error


def _has_ended(context: dg.InitResourceContext) -> bool:
    """Return whether the run is over.

    `dagster job execute` makes the resources again after the run, around its exit code. Without
    this check a second report was written, with every task skipped.
    """
    assert context.run is not None, "the report resource needs a run"
    assert context.instance is not None, "the report resource needs an instance"
    run = context.instance.get_run_by_id(context.run.run_id)
    return run is not None and run.is_finished


def _reconcile(loaded: Loaded, context: dg.InitResourceContext) -> None:
    """Finish what killed runs left behind, before this one begins, unless that was just done."""
    assert context.instance is not None
    if loaded.is_reconciled:
        loaded.is_reconciled = False  # true only for the first run of this process
        return
    # `open` reports a home that cannot be written, with advice.
    with contextlib.suppress(OSError):
        reconcile(loaded.home, context.instance)


def _request(
    context: dg.InitResourceContext, loaded: Loaded
) -> tuple[PlannedRun, TwsMaintenanceError | None]:
    """Return the request of this run, and the fault of its config, None where there is none."""
    run, instance = context.run, context.instance
    assert run is not None, "the report resource needs a run"
    assert instance is not None, "the report resource needs an instance"
    config: Mapping[str, Any] = context.resource_config or {}
    plan = plan_of(run, instance)
    asked = plan.tasks
    maintained = loaded.settings.maintained
    misuse = misuse_of(run.job_name, config, plan.steps, plan.planned, maintained)
    report_id = config.get("report_id", "")
    if report_id and misuse is None:
        try:
            chosen = tuple(config.get("tasks") or ())
            asked = promotable_tasks(loaded.home, maintained, report_id, chosen)
        except UsageError as error:
            misuse = error
    given = {key: value for key, value in config.items() if key in KEYS - {"tasks"}}
    request = PlannedRun(
        tasks=asked,
        dry_run=plan.dry_run,
        run_id=run.run_id,
        entry_point=plan.entry_point,
        actor=plan.actor or operating_system_user(),
        only_looked_at=tuple(
            task for task in asked if task in asset_keys.live_steps() - plan.steps
        ),
        lineage=lineage_of(run),
        fetches=bool(plan.steps & asset_keys.staging_steps()),
        **given,
    )
    return request, misuse


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
    """Write the report. A failure here cannot fail the run, so it goes to stderr and the log."""
    assert context.instance is not None
    try:
        failures = step_failures(context.instance, run.request.run_id)
    except Exception as fault:  # noqa: BLE001 - a report without them is better than none
        failures = {"dagster": f"Dagster's events of this run could not be read: {fault}"}
    try:
        with interrupts.kept_out():  # the work that they could stop is over
            run.close(failures, error)
    except Exception as fault:
        text = f"The report of run {run.request.run_id} could not be written: {fault}"
        sys.stderr.write(f"{text}\n")
        if context.log:
            context.log.exception(text)
        raise
