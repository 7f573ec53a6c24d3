"""The job that removes what is old: of the home, and of Dagster's own history.

Never the newest materialization of an asset nor its newest checks: freshness, the asset's page and
the console's cards go by them. It works on no task, so that it leaves no report.
"""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime, timedelta

import dagster as dg

from tws_maintenance.clock import utc_now
from tws_maintenance.home import Home, find_home
from tws_maintenance.indices import INDICES
from tws_maintenance.pipeline import names
from tws_maintenance.pipeline.checks import live_check_keys, staged_check_keys
from tws_maintenance.pipeline.events import event_check_keys
from tws_maintenance.pipeline.reconcile import is_ours
from tws_maintenance.retention import clean
from tws_maintenance.settings import load_settings

JOB = "clean_up"
ENDED = [
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
]
# A clean-up that is switched on late must not take the daemon for hours.
RUNS_AT_ONCE = 1000
MATERIALIZATIONS_KEPT = 5


@dg.op(description="Removes what [retention] lets go, and says how much it was.")
def remove_what_is_old(context: dg.OpExecutionContext) -> None:
    """Clean the home and Dagster's history; fails where something could not be removed."""
    home, at = find_home(), utc_now()
    settings = load_settings(home)
    done = clean(home, settings.retention, at)
    limit = timedelta(days=settings.retention.runs_days)
    runs = clean_runs(home, context.instance, at - limit)
    context.add_output_metadata({**_counts(asdict(done)), "runs": runs})
    context.log.info("removed %s proposals, %s runs", done.proposals, runs)
    if done.failures:
        raise dg.Failure("; ".join(done.failures[:5]), metadata={"failures": len(done.failures)})


def build_cleaning_job() -> dg.JobDefinition:
    """Return the job `clean_up`."""

    @dg.job(
        name=JOB,
        description=(
            "Removes proposals, raw pages, backups, logs and Dagster runs that are older than "
            "[retention] allows. Reports stay for ever."
        ),
    )
    def clean_up() -> None:
        remove_what_is_old()

    return clean_up


def build_cleaning_schedule(job: dg.JobDefinition) -> dg.ScheduleDefinition:
    """Return the weekly schedule of the job, stopped."""
    return dg.ScheduleDefinition(
        name=f"{JOB}_schedule",
        job=job,
        cron_schedule="0 5 * * 0",
        execution_timezone="UTC",
        description="Cleans up every Sunday, when every market is closed.",
    )


def clean_runs(home: Home, instance: dg.DagsterInstance, before: datetime) -> int:
    """Remove the ended runs of `home` that were created before `before`; return how many."""
    kept = set(_referred_to(instance))
    filters = dg.RunsFilter(statuses=ENDED, created_before=before)
    records = instance.get_run_records(filters, limit=RUNS_AT_ONCE, ascending=True)
    old = [one.dagster_run for one in records]
    gone = [run for run in old if run.run_id not in kept and _may_go(home, run)]
    for run in gone:
        instance.delete_run(run.run_id)
    return len(gone)


def _may_go(home: Home, run: dg.DagsterRun) -> bool:
    """Tell a run of this home from those of other projects that share the storage."""
    return run.job_name == JOB or is_ours(home, run)


def _referred_to(instance: dg.DagsterInstance) -> Iterator[str]:
    """Yield the runs of the newest materializations of each asset and of its newest checks."""
    for key in names.own_assets():
        found = instance.fetch_materializations(key, limit=MATERIALIZATIONS_KEPT)
        yield from (record.run_id for record in found.records)
    checks = [key for one in INDICES.values() for key in staged_check_keys(one)]
    checks += [key for one in INDICES.values() for key in live_check_keys(one)]
    checks += event_check_keys()
    latest = instance.event_log_storage.get_latest_asset_check_execution_by_key(checks)
    yield from (record.run_id for record in latest.values())


def _counts(done: dict[str, object]) -> dict[str, int]:
    return {key: value for key, value in done.items() if isinstance(value, int)}
