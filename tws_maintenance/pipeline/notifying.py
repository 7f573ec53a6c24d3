"""The sensors that tell somebody: one looks at everything, one follows every run that fails.

Both go by the same memory, in Dagster's own storage under one lock, so that whoever comes first
tells and the other one keeps quiet.
"""

import json
from datetime import datetime

import dagster as dg

from tws_maintenance.clock import utc_now
from tws_maintenance.home import Home, find_home
from tws_maintenance.notices.incidents import find_incidents
from tws_maintenance.notices.telling import Telling, tell
from tws_maintenance.pipeline.reconcile import is_ours
from tws_maintenance.reports.shelf import ReportShelf
from tws_maintenance.settings import load_settings
from tws_maintenance.storage.locks import hold

LOOK_SECONDS = 300
LOCK_SECONDS = 60.0
MEMORY = "tws_maintenance/notices"


def build_notice_sensors() -> list[dg.SensorDefinition]:
    """Return both sensors, stopped."""
    return [_notice_sensor(), _run_failure_sensor()]


def look_and_tell(home: Home, instance: dg.DagsterInstance, at: datetime) -> Telling:
    """Tell on every channel what was not told there yet, and remember it.

    Raises:
        SettingsError: the settings of the home hold a mistake.
        LockHeld: another look does not come to an end.
    """
    settings = load_settings(home)
    lock = home.locks / "notices.lock"
    with hold(lock, wait_seconds=LOCK_SECONDS, holder="notices"):
        incidents = find_incidents(home, settings, at, ReportShelf(home))
        done = tell(home, settings.notices, incidents, _remembered(instance), at)
        instance.daemon_cursor_storage.set_cursor_values({MEMORY: json.dumps(done.told)})
    return done


def _remembered(instance: dg.DagsterInstance) -> dict[str, list[str]]:
    text = instance.daemon_cursor_storage.get_cursor_values({MEMORY}).get(MEMORY)
    try:
        return dict(json.loads(text)) if text else {}
    except (ValueError, TypeError):
        return {}  # told again is better than not at all


def _told(done: Telling) -> str:
    parts = [f"{name}: {count} told" for name, count in done.sent.items()]
    return ". ".join([*parts, *done.failures]) or "Nothing new to tell"


def _notice_sensor() -> dg.SensorDefinition:
    @dg.sensor(
        name="notice_sensor",
        minimum_interval_seconds=LOOK_SECONDS,
        description=(
            "Tells by mail, webhook or file ([notices]) what failed, is stale, broken, drifted or "
            "waits for approval: once an incident."
        ),
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        done = look_and_tell(find_home(), context.instance, utc_now())
        if done.failures:
            context.log.error("; ".join(done.failures))
        return dg.SkipReason(f"{_told(done)}.")

    return sensor


def _run_failure_sensor() -> dg.SensorDefinition:
    @dg.run_failure_sensor(
        name="run_failure_notice_sensor",
        description="Tells of a run that failed as soon as it has, the same way as notice_sensor.",
    )
    def sensor(context: dg.RunFailureSensorContext) -> dg.SkipReason:
        if not is_ours(find_home(), context.dagster_run):
            return dg.SkipReason("Not a run of this home.")
        return dg.SkipReason(f"{_told(look_and_tell(find_home(), context.instance, utc_now()))}.")

    return sensor
