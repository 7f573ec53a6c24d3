"""Schedules: a daily dry run for each venue after its close, and a daily refresh of the events.

They ship stopped. https://docs.dagster.io/guides/automate/schedules
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from tws_maintenance.config.home import Home, find_home
from tws_maintenance.config.indices import (
    MARKET_EVENTS,
    Maintained,
    index_of_task,
    maintained,
    task_name,
)
from tws_maintenance.config.settings import load_settings
from tws_maintenance.config.venues import XNYS, Venue
from tws_maintenance.core.clock import utc_now
from tws_maintenance.core.errors import SettingsError
from tws_maintenance.market_events.providers.calendars import NO_CLOSURES, Closures
from tws_maintenance.market_events.providers.closures import read_closures
from tws_maintenance.operations.policy import opened
from tws_maintenance.pipeline.tick_context import busy_tasks

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import (
        UnresolvedAssetJobDefinition as AnyJob,
    )

from tws_maintenance.pipeline.run_requests import RELOAD, run_request

ANY_DAY = date(2000, 1, 1)
AFTER_CLOSE = timedelta(hours=2)


def build_schedules(loaded: Maintained, jobs: "Iterable[AnyJob]") -> list[dg.ScheduleDefinition]:
    """Return a daily dry run for each venue, after its close, and a daily refresh of the events."""
    by_name = {job.name: job for job in jobs}
    return [
        *(
            _venue_schedule(loaded, venue, by_name["dry_run_constituents"])
            for venue in loaded.venues
        ),
        _events_schedule(by_name["refresh_market_events"]),
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

    A daemon that was down makes up for the last run that it missed, at any hour.
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
    return run_request(
        home, tasks, dry_run=dry_run, reason="scheduled", run_key=f"{due_at:%Y-%m-%d}"
    )


def _maintained_and_closures(home: Home) -> tuple[Maintained, Closures]:
    """Return what the home maintains, and the operator's closures.

    With a mistake in the settings, which the run reports: the defaults, and no closures.
    """
    try:
        settings = load_settings(home)
    except SettingsError:
        return maintained(), NO_CLOSURES
    return settings.maintained, read_closures(home, settings)
