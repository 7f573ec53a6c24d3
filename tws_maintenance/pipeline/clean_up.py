"""The job that removes what is old: of the home, and of Dagster's own history.

It keeps the newest materializations of an asset and its newest checks: freshness, the asset's page
and the console's cards need them. It works on no task, so it leaves no report; `notices` reports
when it fails.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg
from dagster._core.scheduler.instigation import TickStatus
from dagster._core.storage.event_log import SqliteEventLogStorage
from filelock import FileLock, Timeout

from tws_maintenance.config.home import Home, find_home
from tws_maintenance.config.indices import DECLARED
from tws_maintenance.config.settings import load_settings
from tws_maintenance.core.clock import utc_now
from tws_maintenance.core.text import some_of
from tws_maintenance.operations.retention import clean
from tws_maintenance.pipeline import asset_keys
from tws_maintenance.pipeline.asset_checks import live_check_keys, staged_check_keys
from tws_maintenance.pipeline.database_faults import database_errors, reason_of
from tws_maintenance.pipeline.event_assets import event_check_keys
from tws_maintenance.pipeline.event_log import forget_checks
from tws_maintenance.pipeline.jobs import CLEAN_UP
from tws_maintenance.pipeline.reconcile import is_ours
from tws_maintenance.pipeline.run_history import MATERIALIZATIONS_READ
from tws_maintenance.pipeline.tags import HOME_TAG

ENDED = [
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
]
# A clean-up that is switched on late must not take the daemon for hours.
RUNS_AT_ONCE = 1000
PAGE = 200
TICKS = [TickStatus.SUCCESS, TickStatus.FAILURE, TickStatus.SKIPPED]
WAIT_SECONDS = 60.0
FAILURES_SHOWN = 5


@dg.op(description="Removes what is older than [retention] allows, and logs how much that was.")
def remove_what_is_old(context: dg.OpExecutionContext) -> None:
    """Remove what is old from the home and Dagster's history; fails if anything remains."""
    home, at = find_home(), utc_now()
    settings = load_settings(home)
    before = at - timedelta(days=settings.retention.runs_days)
    faults: tuple[type[Exception], ...] = (*database_errors(), OSError)
    with _alone(home):
        done, runs = clean(home, settings, at), 0
        try:
            runs = clean_runs(home, context.instance, before)
            clean_ticks(context.instance, context.run, before)
        except faults as error:
            done.failures.append(f"Dagster's storage cannot be cleaned: {reason_of(error)}")
    counts = {**_counts(asdict(done)), "runs": runs}
    context.log.info("removed: %s", ", ".join(f"{one} {name}" for name, one in counts.items()))
    if done.failures:
        raise dg.Failure(
            some_of(done.failures, FAILURES_SHOWN, "; "),
            metadata={**counts, "failures": len(done.failures)},
            allow_retries=False,
        )
    context.add_output_metadata(counts)


def build_cleaning_job(home: Home) -> dg.JobDefinition:
    """Return the job `clean_up`, whose runs carry the tag of `home`."""

    @dg.job(
        name=CLEAN_UP,
        tags={HOME_TAG: str(home.root)},
        description=(
            "Removes proposals, raw pages, backups, logs and Dagster runs that are older than "
            "[retention] allows. Reports are never removed."
        ),
    )
    def clean_up() -> None:
        remove_what_is_old()

    return clean_up


def build_cleaning_schedule(job: dg.JobDefinition) -> dg.ScheduleDefinition:
    """Return the weekly schedule of the job, stopped."""
    return dg.ScheduleDefinition(
        name=f"{CLEAN_UP}_schedule",
        job=job,
        cron_schedule="0 5 * * 0",
        execution_timezone="UTC",
        description="Cleans up every Sunday, when every market is closed.",
    )


def clean_runs(home: Home, instance: dg.DagsterInstance, before: datetime) -> int:
    """Remove the ended runs of `home` that were created before `before`; return how many."""
    kept = set(_referred_to(instance))
    gone = []
    for run in _ended(instance, before):
        if run.run_id not in kept and is_ours(home, run):
            gone.append(run)
        if len(gone) == RUNS_AT_ONCE:
            break
    for run in gone:
        instance.delete_run(run.run_id)
        instance.compute_log_manager.delete_logs(prefix=[run.run_id])
        _remove_shard(instance, run.run_id)
    forget_checks(instance, [run.run_id for run in gone])
    return len(gone)


def clean_ticks(instance: dg.DagsterInstance, run: dg.DagsterRun, before: datetime) -> None:
    """Remove what the schedules and sensors of the code location of `run` did before `before`.

    By itself Dagster removes only skipped ticks. A run from the command line knows no location.
    """
    if run.remote_job_origin is None:
        return
    own = run.remote_job_origin.repository_origin.get_selector_id()
    for state in instance.all_instigator_state(repository_selector_id=own):
        origin, selector = state.instigator_origin_id, state.selector_id
        instance.purge_ticks(origin, selector, before.timestamp(), tick_statuses=TICKS)


def _ended(instance: dg.DagsterInstance, before: datetime) -> Iterator[dg.DagsterRun]:
    """Yield the runs that ended, oldest first, of every home."""
    filters = dg.RunsFilter(statuses=ENDED, created_before=before)
    cursor = None
    while found := instance.get_run_records(filters, limit=PAGE, ascending=True, cursor=cursor):
        yield from (record.dagster_run for record in found)
        cursor = found[-1].dagster_run.run_id


def _referred_to(instance: dg.DagsterInstance) -> Iterator[str]:
    """Yield the runs of the newest materializations of each asset and of its newest checks."""
    for key in asset_keys.own_assets():
        found = instance.fetch_materializations(key, limit=MATERIALIZATIONS_READ)
        yield from (record.run_id for record in found.records)
    checks = [key for one in DECLARED.values() for key in staged_check_keys(one)]
    checks += [key for one in DECLARED.values() for key in live_check_keys(one)]
    checks += event_check_keys()
    latest = instance.event_log_storage.get_latest_asset_check_execution_by_key(checks)
    yield from (record.run_id for record in latest.values())


def _remove_shard(instance: dg.DagsterInstance, run_id: str) -> None:
    """Remove the file that Dagster's own SQLite event log, unlike ours, has for each run."""
    storage = instance.event_log_storage
    if isinstance(storage, SqliteEventLogStorage):
        path = Path(storage.path_for_shard(run_id))
        for one in (path, *path.parent.glob(f"{path.name}-*")):
            one.unlink(missing_ok=True)


@contextlib.contextmanager
def _alone(home: Home) -> Iterator[None]:
    """Let only one clean-up work at a time; nothing is written, because the disk may be full."""
    lock = FileLock(home.locks / f"{CLEAN_UP}.lock")
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(lock.acquire(timeout=WAIT_SECONDS))
        except Timeout:
            text = f"Another clean-up still runs after {WAIT_SECONDS:g} s. Look at its run."
            raise dg.Failure(text, allow_retries=False) from None
        except OSError:
            pass  # two at once are better than none
        yield


def _counts(done: dict[str, object]) -> dict[str, int]:
    return {key: value for key, value in done.items() if isinstance(value, int)}
