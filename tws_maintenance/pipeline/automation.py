"""Schedules and sensors: what runs by itself, once an operator has switched it on.

All of them ship stopped. What may be started `tws_maintenance.operations.policy` decides; here it
becomes a run request or a reason to skip that the UI shows.
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from tws_maintenance.config.home import Home, find_home
from tws_maintenance.config.indices import MARKET_EVENTS, Maintained, index_of_task, maintained
from tws_maintenance.config.settings import load_settings
from tws_maintenance.config.venues import XNYS, Venue
from tws_maintenance.core.clock import utc_now
from tws_maintenance.core.errors import SettingsError
from tws_maintenance.market_events.providers.calendars import NO_CLOSURES, Closures
from tws_maintenance.market_events.providers.closures import read_closures
from tws_maintenance.operations.policy import Decision, decide, decide_promotions, opened
from tws_maintenance.pipeline.jobs import PROMOTE, job_name, selection_of
from tws_maintenance.pipeline.reconcile import reconcile
from tws_maintenance.pipeline.tags import HOME_TAG
from tws_maintenance.pipeline.tick_context import busy_tasks, situation_of
from tws_maintenance.reports.markdown import task_name

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import (
        UnresolvedAssetJobDefinition as AnyJob,
    )

ANY_DAY = date(2000, 1, 1)
AFTER_CLOSE = timedelta(hours=2)
OFFPEAK_SECONDS = 900
RECONCILE_SECONDS = 120
RELOAD = "Reload the code location in the Dagster UI (Deployment), or start Dagster again."


def build_schedules(loaded: Maintained, jobs: "Iterable[AnyJob]") -> list[dg.ScheduleDefinition]:
    """Return a daily dry run a venue, after its close, and a daily refresh of the events."""
    by_name = {job.name: job for job in jobs}
    return [
        *(
            _venue_schedule(loaded, venue, by_name["dry_run_constituents"])
            for venue in loaded.venues
        ),
        _events_schedule(by_name["refresh_market_events"]),
    ]


def build_sensors(loaded: Maintained, jobs: "Iterable[AnyJob]") -> list[dg.SensorDefinition]:
    """Return the sensors that start runs, and the one that closes those that died.

    `loaded` is what the code location has assets of.
    """
    wanted = ("dry_run_all", "dry_run_constituents", PROMOTE)
    return [
        _offpeak_sensor(loaded, [job for job in jobs if job.name in wanted]),
        _reconcile_sensor(),
    ]


def _venue_schedule(loaded: Maintained, venue: Venue, job: "AnyJob") -> dg.ScheduleDefinition:
    tasks = tuple(index.task for index in loaded if index.venue is venue)

    @dg.schedule(
        name=f"{venue.code.lower()}_dry_run_schedule",
        job=job,
        cron_schedule=_daily(venue),
        execution_timezone=venue.timezone,
        description=(
            f"A dry run of {', '.join(map(task_name, tasks))} every day after {venue.name}'s close."
        ),
    )
    def schedule(
        context: dg.ScheduleEvaluationContext,
    ) -> dg.RunRequest | dg.SkipReason:
        return scheduled_tick(
            find_home(),
            context.instance,
            tasks,
            due_at=context.scheduled_execution_time,
            at=utc_now(),
        )

    return schedule


def _events_schedule(job: "AnyJob") -> dg.ScheduleDefinition:
    @dg.schedule(
        name="market_events_refresh_schedule",
        job=job,
        cron_schedule=_daily(XNYS),
        execution_timezone=XNYS.timezone,
        description="Fetches, audits and stores market events every day after New York's close.",
    )
    def schedule(
        context: dg.ScheduleEvaluationContext,
    ) -> dg.RunRequest | dg.SkipReason:
        return scheduled_tick(
            find_home(),
            context.instance,
            (MARKET_EVENTS,),
            due_at=context.scheduled_execution_time,
            at=utc_now(),
            dry_run=False,
        )

    return schedule


def _daily(venue: Venue) -> str:
    at = datetime.combine(ANY_DAY, venue.closes) + AFTER_CLOSE
    return f"{at.minute} {at.hour} * * *"


def scheduled_tick(
    home: Home,
    instance: dg.DagsterInstance,
    tasks: tuple[str, ...],
    *,
    due_at: datetime,
    at: datetime,
    dry_run: bool = True,
) -> dg.RunRequest | dg.SkipReason:
    """Return the run that was due at `due_at`, or why it is not started at `at`.

    A daemon that was down makes up for the last time that it missed, at whatever hour that is.
    """
    home_maintains, closures = _maintained_and_closures(home)
    indices = [index_of_task(task) for task in tasks if task != MARKET_EVENTS]
    if off := [index.name for index in indices if index not in home_maintains]:
        return dg.SkipReason(f"The settings have switched {', '.join(off)} off. {RELOAD}")
    venues = [index.venue for index in indices] or home_maintains.venues
    reasons = [reason for venue in venues if (reason := opened(venue, at, closures))]
    if reasons:
        return dg.SkipReason(f"Due {due_at:%Y-%m-%d %H:%M %Z}, but {reasons[0]}.")
    busy = busy_tasks(home, instance)
    shared = [task_name(task) for task in tasks if task in busy]
    if shared:
        return dg.SkipReason(f"A run of {', '.join(shared)} is in progress.")
    # The day as key: a schedule that fires twice for it starts one run.
    return _request(home, tasks, dry_run=dry_run, reason="scheduled", run_key=f"{due_at:%Y-%m-%d}")


def _maintained_and_closures(home: Home) -> tuple[Maintained, Closures]:
    """Return what the home maintains, and the operator's closures.

    By settings with a mistake, which the run reports, what every home does, and no closure.
    """
    try:
        settings = load_settings(home)
    except SettingsError:
        return maintained(), NO_CLOSURES
    return settings.maintained, read_closures(home, settings)


def _offpeak_sensor(loaded: Maintained, jobs: "list[AnyJob]") -> dg.SensorDefinition:
    @dg.sensor(
        name="offpeak_refresh_sensor",
        jobs=jobs,
        minimum_interval_seconds=OFFPEAK_SECONDS,
        description=(
            "Starts a dry run of what is older than its limit while its market is closed. With "
            "[automation] auto_apply it also promotes dry runs that no rule had a word about."
        ),
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        return offpeak_tick(find_home(), context.instance, utc_now(), loaded)

    return sensor


def offpeak_tick(
    home: Home, instance: dg.DagsterInstance, at: datetime, loaded: Maintained
) -> dg.SensorResult:
    """Return what to start at this instant, or why nothing is.

    Raises:
        SettingsError: the settings of the home hold a mistake, or maintain something else than the
            code location was `loaded` with; the tick fails with it.
    """
    now = situation_of(home, instance, at)
    _refuse_another(loaded, now.settings.maintained)
    decisions, promotions = decide(now), decide_promotions(now)
    requests = [*_dry_runs(home, decisions), *_promotions(home, promotions)]
    told = [f"{task_name(one.task)}: {one.why}" for one in (*decisions, *promotions)]
    if requests:
        return dg.SensorResult(run_requests=requests)
    return dg.SensorResult(skip_reason=". ".join(told) + ".")


def _refuse_another(loaded: Maintained, wanted: Maintained) -> None:
    """Raise SettingsError where an index was switched on or off since the assets were made."""
    switched = [f"{one.name} on" for one in wanted if one not in loaded]
    switched += [f"{one.name} off" for one in loaded if one not in wanted]
    if switched:
        raise SettingsError(
            f"The settings have switched {', '.join(switched)} since this code location was "
            f"loaded. {RELOAD}"
        )


def _dry_runs(home: Home, decisions: list[Decision]) -> Iterator[dg.RunRequest]:
    due = [one for one in decisions if one.starts]
    if due:
        reason = "; ".join(f"{task_name(one.task)}: {one.why}" for one in due)
        yield _request(home, tuple(one.task for one in due), dry_run=True, reason=reason)


def _promotions(home: Home, decisions: list[Decision]) -> Iterator[dg.RunRequest]:
    due = [one for one in decisions if one.starts]
    for report_id in dict.fromkeys(one.report_id for one in due):
        own = [one for one in due if one.report_id == report_id]
        yield _request(
            home,
            tuple(one.task for one in own),
            dry_run=False,
            reason=f"applied by itself ([automation] auto_apply): {own[0].why}",
            report_id=report_id,
            run_key=" ".join([report_id, *(one.task for one in own)]),
        )


def _request(
    home: Home,
    tasks: tuple[str, ...],
    *,
    dry_run: bool,
    reason: str,
    report_id: str = "",
    run_key: str | None = None,
) -> dg.RunRequest:
    promotes = bool(report_id)
    assets, checks = selection_of(tasks, dry_run=dry_run, promotes=promotes)
    config = {"tasks": list(tasks), "reason": reason, "report_id": report_id}
    return dg.RunRequest(
        run_key=run_key,
        job_name=job_name(tasks, dry_run=dry_run, promotes=promotes),
        run_config={
            "resources": {"report": {"config": config}},
            # Of itself Dagster writes each event into the daemon's own log: sixty lines a run.
            "loggers": {"console": {"config": {"log_level": "WARNING"}}},
        },
        asset_selection=sorted(assets),
        asset_check_keys=sorted(checks),
        # Until its report tells, by which a run that waits to begin is known as this home's.
        tags={HOME_TAG: str(home.root)},
    )


def _reconcile_sensor() -> dg.SensorDefinition:
    @dg.sensor(
        name="reconcile_sensor",
        minimum_interval_seconds=RECONCILE_SECONDS,
        description="Closes and reports the runs whose process died, without anyone looking.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        closed = reconcile(find_home(), context.instance)
        told = [f"{one.report_id}: {one.text}" for one in closed]
        return dg.SkipReason(f"Closed {'; '.join(told)}." if told else "No run has died.")

    return sensor
