"""Reconciling Dagster with what really happened: runs that died are closed and reported.

For a run that reserved its report the lock decides (`tws_maintenance.runs.recovery`). For one that
died before that, the process that its last event names decides, with that process's start time, so
that a reused process id is not mistaken for it. A run that may be alive is not touched.
"""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import ALL_TASKS
from tws_maintenance.core.clock import utc_now, utc_text
from tws_maintenance.pipeline import asset_keys
from tws_maintenance.pipeline.jobs import CLEAN_UP, IMPLICIT_ASSET_JOB, JOB_NAMES
from tws_maintenance.pipeline.tags import (
    HOME_TAG,
    HOST_TAG,
    PROCESS_TAG,
    REPORT_ID_TAG,
    host_id,
    own_tag,
    plan_of,
    report_config,
)
from tws_maintenance.reports.journal import Journal
from tws_maintenance.reports.store import (
    is_reserved,
    is_reserved_by,
    is_written,
    report_of_run,
)
from tws_maintenance.runs.recovery import (
    Recovered,
    alone,
    is_locked,
    recover,
    report_unstarted,
    run_lock,
)

UNFINISHED = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
ENDED_BADLY = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
# No process works on a run that has not changed for this long.
UNTOUCHED_LIMIT = timedelta(minutes=15)
LOOK_BACK = timedelta(days=7)
CLOCK_TICKS = 2.0


def reconcile(home: Home, instance: dg.DagsterInstance) -> list[Recovered]:
    """Close and report every run of `home` that died or ended without a report; return those."""
    recovered = recover(home)
    for one in recovered:
        run = instance.get_run_by_id(one.run_id)
        if run is not None:
            _close(instance, run, one.text)
    if _dead(home, instance):
        with alone(home) as is_alone:
            # Asked again: another process may have closed some of them meanwhile.
            for record, text in _dead(home, instance) if is_alone else []:
                recovered += _reported(home, instance, record, text)
                _close(instance, record.dagster_run, text)
                # Only here is it certain that nobody holds or waits for the lock.
                run_lock(home, record.dagster_run.run_id).unlink(missing_ok=True)
    return recovered


def _dead(home: Home, instance: dg.DagsterInstance) -> list[tuple[dg.RunRecord, str]]:
    """Return the runs of `home` that died unclosed, or failed without a report, and why."""
    found = [
        (record, "the run's process ended before the run began")
        for record in instance.get_run_records(dg.RunsFilter(statuses=UNFINISHED))
        if is_ours(home, record.dagster_run)
        and not _has_reserved(home, record.dagster_run)
        and not may_be_alive(home, instance, record)
    ]
    recent = dg.RunsFilter(statuses=ENDED_BADLY, updated_after=utc_now() - LOOK_BACK)
    for record in instance.get_run_records(recent):
        run = record.dagster_run
        has_none = own_tag(run, REPORT_ID_TAG) is None and run.job_name != CLEAN_UP
        if has_none and is_ours(home, run) and not _has_reserved(home, run):
            text = f"the run ended as {run.status.value.lower()} before it could begin"
            found.append((record, text))
    return found


def _reported(
    home: Home, instance: dg.DagsterInstance, record: dg.RunRecord, text: str
) -> list[Recovered]:
    """Write the report of a run; if it has one, tag the run with it instead."""
    run = record.dagster_run
    if run.job_name == CLEAN_UP or _has_report(home, run):
        return []
    # Killed between reserving the report and tagging the run: `recover` wrote its report.
    report_id = report_of_run(home, run.run_id)
    if report_id is not None:
        instance.add_run_tags(run.run_id, {REPORT_ID_TAG: report_id})
        return []
    return [_report(home, instance, record, text)]


def _report(home: Home, instance: dg.DagsterInstance, record: dg.RunRecord, text: str) -> Recovered:
    """Write the report of a run that died before it reserved one, and tag the run with it."""
    run = record.dagster_run
    plan, config = plan_of(run, instance), report_config(run)
    journal = Journal(
        run_id=run.run_id,
        entry_point=plan.entry_point,
        actor=plan.actor or "unknown",
        reason=config.get("reason", ""),
        dry_run=plan.dry_run,
        overrides={"allow_large_change": bool(config.get("allow_large_change"))},
        tasks=[task for task in ALL_TASKS if task in plan.tasks],
        reserved_at=utc_text(record.create_timestamp.replace(tzinfo=UTC)),
    )
    done = report_unstarted(home, journal, text)
    instance.add_run_tags(run.run_id, {REPORT_ID_TAG: done.report_id})
    return done


def _close(instance: dg.DagsterInstance, run: dg.DagsterRun, text: str) -> None:
    if run.is_finished:
        return
    if run.status == dg.DagsterRunStatus.CANCELING:
        instance.report_run_canceled(run, message=text)
    else:
        instance.report_run_failed(run, message=text)


def is_ours(home: Home, run: dg.DagsterRun) -> bool:
    """Return whether a run works on this home: one Dagster may serve several homes and projects."""
    report_id = own_tag(run, REPORT_ID_TAG)
    if report_id is not None:
        # In this order: the reservation is removed once the report is written.
        return is_reserved(home, report_id) or is_written(home, report_id)
    if HOME_TAG in run.tags:
        return run.tags[HOME_TAG] == str(home.root)
    if Path(os.environ.get("DAGSTER_HOME", "")) != home.dagster:
        return False
    if run.job_name == IMPLICIT_ASSET_JOB:
        ours = asset_keys.own_assets()
        checked = {key.asset_key for key in run.asset_check_selection or ()}
        selected = {*(run.asset_selection or ()), *checked}
        return bool(selected) and selected <= ours
    return run.job_name in JOB_NAMES


def _has_reserved(home: Home, run: dg.DagsterRun) -> bool:
    """Return whether `recover` finishes the run, now or at the next start."""
    report_id = own_tag(run, REPORT_ID_TAG)
    if report_id is None:  # killed, or still at work, between reserving and tagging
        return is_reserved_by(home, run.run_id)
    return is_reserved(home, report_id)


def _has_report(home: Home, run: dg.DagsterRun) -> bool:
    report_id = own_tag(run, REPORT_ID_TAG)
    return report_id is not None and is_written(home, report_id)


def may_be_alive(home: Home, instance: dg.DagsterInstance, record: dg.RunRecord) -> bool:
    """Return whether an unfinished run may still have a process that works on it."""
    run = record.dagster_run
    if is_locked(home, run.run_id):
        return True
    last = instance.get_records_for_run(run.run_id, limit=1, ascending=False).records
    event = last[0].event_log_entry if last else None
    pid = event.dagster_event.pid if event and event.dagster_event else None
    touched = record.update_timestamp.replace(tzinfo=UTC)
    seen_at = event.timestamp if event and pid else touched.timestamp()
    process = own_tag(run, PROCESS_TAG)
    if pid is None and process is not None:
        pid = int(process)
    if pid is None or run.tags.get(HOST_TAG) != host_id():
        # Another host or container has process ids of its own.
        return datetime.now(UTC) - touched < UNTOUCHED_LIMIT
    import psutil

    try:
        # A process that began after the event was written is another one with the same id.
        return psutil.Process(pid).create_time() <= seen_at + CLOCK_TICKS
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return True
