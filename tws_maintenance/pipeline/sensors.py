"""Sensors: one starts runs off-peak, one closes runs that died, two send notices.

All of them ship stopped. `tws_maintenance.operations.policy` decides what may start; here that
becomes a run request, or a reason to skip that the UI shows.
https://docs.dagster.io/guides/automate/sensors
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

import dagster as dg

from tws_maintenance.config.home import Home, find_home
from tws_maintenance.config.indices import Maintained, task_name
from tws_maintenance.core.clock import utc_now
from tws_maintenance.core.errors import LockHeld, SettingsError
from tws_maintenance.operations.notices.channels import NoticeFailed
from tws_maintenance.operations.policy import Decision, decide, decide_promotions
from tws_maintenance.pipeline.jobs import PROMOTE
from tws_maintenance.pipeline.notices import send_notices
from tws_maintenance.pipeline.reconcile import is_ours, reconcile
from tws_maintenance.pipeline.run_requests import RELOAD, run_request
from tws_maintenance.pipeline.tick_context import situation_of

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import (
        UnresolvedAssetJobDefinition as AnyJob,
    )

OFFPEAK_SECONDS = 900
LOOK_SECONDS = 300
# Half as often as Dagster's default, because it keeps every tick for a week.
FOLLOW_SECONDS = 60
RECONCILE_SECONDS = 120


def build_sensors(loaded: Maintained, jobs: "Iterable[AnyJob]") -> list[dg.SensorDefinition]:
    """Return the sensors that start runs, close those that died, and send notices.

    `loaded` is what the code location has assets for.
    """
    wanted = ("dry_run_all", "dry_run_constituents", PROMOTE)
    return [
        _offpeak_sensor(loaded, [job for job in jobs if job.name in wanted]),
        _reconcile_sensor(),
        _notice_sensor(),
        _run_failure_sensor(),
    ]


def _offpeak_sensor(loaded: Maintained, jobs: "list[AnyJob]") -> dg.SensorDefinition:
    @dg.sensor(
        name="offpeak_refresh_sensor",
        jobs=jobs,
        minimum_interval_seconds=OFFPEAK_SECONDS,
        description=(
            "Starts a dry run of what is older than its limit while its market is closed. With "
            "[automation] auto_apply it also promotes dry runs that passed every check without "
            "warnings."
        ),
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        return offpeak_tick(find_home(), context.instance, utc_now(), loaded)

    return sensor


def offpeak_tick(
    home: Home, instance: dg.DagsterInstance, at: datetime, loaded: Maintained
) -> dg.SensorResult:
    """Return what to start at this instant, or why nothing starts.

    Raises:
        SettingsError: the settings of the home hold a mistake, or they maintain other indices than
            the code location was `loaded` with; the tick fails.
    """
    now = situation_of(home, instance, at)
    _refuse_another(loaded, now.settings.maintained)
    decisions, promotions = decide(now), decide_promotions(now)
    requests = [*_dry_runs(home, decisions), *_promotions(home, promotions)]
    reasons = [f"{task_name(one.task)}: {one.why}" for one in (*decisions, *promotions)]
    if requests:
        return dg.SensorResult(run_requests=requests)
    return dg.SensorResult(skip_reason=". ".join(reasons) + ".")


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
        yield run_request(home, tuple(one.task for one in due), dry_run=True, reason=reason)


def _promotions(home: Home, decisions: list[Decision]) -> Iterator[dg.RunRequest]:
    due = [one for one in decisions if one.starts]
    for report_id in dict.fromkeys(one.report_id for one in due):
        own = [one for one in due if one.report_id == report_id]
        yield run_request(
            home,
            tuple(one.task for one in own),
            dry_run=False,
            reason=f"applied by itself ([automation] auto_apply): {own[0].why}",
            report_id=report_id,
            run_key=" ".join([report_id, *(one.task for one in own)]),
        )


def _reconcile_sensor() -> dg.SensorDefinition:
    @dg.sensor(
        name="reconcile_sensor",
        minimum_interval_seconds=RECONCILE_SECONDS,
        description="Closes and reports runs whose process died, before the next command does.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        closed = reconcile(find_home(), context.instance)
        texts = [f"{one.report_id}: {one.text}" for one in closed]
        return dg.SkipReason(f"Closed {'; '.join(texts)}." if texts else "No run has died.")

    return sensor


def _look(instance: dg.DagsterInstance) -> dg.SkipReason:
    """Send notices and return how many; a failed delivery makes the tick fail, red in the UI.

    Raises:
        NoticeFailed: a channel did not deliver; the others have.
    """
    try:
        done = send_notices(find_home(), instance, utc_now())
    except LockHeld:
        return dg.SkipReason("The other sensor is sending notices now.")
    if done.failures:
        raise NoticeFailed(". ".join([*done.failures, *done.remarks]))
    sent = [f"{name}: {count} sent" for name, count in done.sent.items()]
    return dg.SkipReason(f"{'. '.join([*sent, *done.remarks]) or 'Nothing new to send'}.")


def _notice_sensor() -> dg.SensorDefinition:
    @dg.sensor(
        name="notice_sensor",
        minimum_interval_seconds=LOOK_SECONDS,
        description=(
            "Sends a notice by mail, webhook or file ([notices]) of what failed, is stale, broken, "
            "drifted or waits for approval: once for each incident."
        ),
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        return _look(context.instance)

    return sensor


def _run_failure_sensor() -> dg.SensorDefinition:
    @dg.run_failure_sensor(
        name="run_failure_notice_sensor",
        minimum_interval_seconds=FOLLOW_SECONDS,
        description="Sends the notice of a failed run within a minute, as notice_sensor does.",
    )
    def sensor(context: dg.RunFailureSensorContext) -> dg.SkipReason:
        if not is_ours(find_home(), context.dagster_run):
            return dg.SkipReason("Not a run of this home.")
        return _look(context.instance)

    return sensor
