"""What automation decides from: the runs in Dagster, at work and recently begun, and the reports.

`tws_maintenance.operations.policy` makes the decisions; it does not import Dagster.
"""

from datetime import UTC, datetime, timedelta
from functools import cache

import dagster as dg

from tws_maintenance.config.home import Home
from tws_maintenance.config.settings import load_settings
from tws_maintenance.core.clock import CLOCK_TOLERANCE
from tws_maintenance.operations.policy import Situation
from tws_maintenance.pipeline import asset_keys
from tws_maintenance.pipeline.jobs import RESTORE
from tws_maintenance.pipeline.reconcile import is_ours, reconcile
from tws_maintenance.pipeline.run_history import runs_in_progress
from tws_maintenance.pipeline.tags import plan_of
from tws_maintenance.reports.catalog import ReportCatalog


def situation_of(home: Home, instance: dg.DagsterInstance, at: datetime) -> Situation:
    """Return what the policy decides from at this instant.

    Raises:
        SettingsError: the settings of the home hold a mistake.
    """
    settings = load_settings(home)
    since = at - timedelta(hours=settings.automation.retry_hours)
    return Situation(
        home,
        settings,
        at,
        shared_shelf(home),
        busy_tasks(home, instance),
        _last_begun(home, instance, since, at + CLOCK_TOLERANCE),
    )


def busy_tasks(home: Home, instance: dg.DagsterInstance) -> frozenset[str]:
    """Return the tasks at work; a run that died is closed first, so that it blocks nothing."""
    views, has_dead = runs_in_progress(home, instance)
    if has_dead:
        reconcile(home, instance)
        views, _ = runs_in_progress(home, instance)
    return frozenset(task for view in views for task in view.tasks)


@cache
def shared_shelf(home: Home) -> ReportCatalog:
    """Return the catalog that the ticks of this process share, so that each report is read once."""
    return ReportCatalog(home)


def _last_begun(
    home: Home, instance: dg.DagsterInstance, since: datetime, until: datetime
) -> dict[str, datetime]:
    """Return when a run last began to fetch each task, of the runs created between the two times.

    It counts however it ended: only Dagster knows a run that could write no report.
    """
    found: dict[str, datetime] = {}
    filters = dg.RunsFilter(created_after=since, created_before=until)
    for record in instance.get_run_records(filters):  # the newest first
        run = record.dagster_run
        plan, stages = plan_of(run, instance), asset_keys.staging_steps()
        if run.job_name == RESTORE or not plan.steps & stages or not is_ours(home, run):
            continue
        for task in plan.tasks:
            found.setdefault(task, record.create_timestamp.replace(tzinfo=UTC))
    return found
