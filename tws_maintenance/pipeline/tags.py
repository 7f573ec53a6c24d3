"""What a Dagster run tells of itself: our tags, its entry point, its plan."""

import dagster as dg

from tws_maintenance.reports.record import EntryPoint

REPORT_ID_TAG = "tws/report_id"
ACTOR_TAG = "tws/actor"
ENTRY_POINT_TAG = "tws/entry_point"
DRY_RUN_TAG = "tws/dry_run"


def planned_steps(run: dg.DagsterRun, instance: dg.DagsterInstance) -> frozenset[str]:
    """Return the steps of the run as planned: right for jobs, subsets and a plain Materialize."""
    if run.execution_plan_snapshot_id is None:
        return frozenset()
    plan = instance.get_execution_plan_snapshot(run.execution_plan_snapshot_id)
    return frozenset(plan.step_keys_to_execute)


def entry_point_of(run: dg.DagsterRun) -> EntryPoint:
    """Return where a run was started from: by our tag, else by the marks Dagster leaves."""
    tagged = run.tags.get(ENTRY_POINT_TAG)
    if tagged in set(EntryPoint):
        return EntryPoint(tagged)
    if "dagster/schedule_name" in run.tags:
        return EntryPoint.SCHEDULE
    if "dagster/sensor_name" in run.tags:
        return EntryPoint.SENSOR
    return EntryPoint.DAGSTER_UI if run.remote_job_origin else EntryPoint.DAGSTER_CLI
