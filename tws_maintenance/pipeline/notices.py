"""What the notice sensors do: find incidents, send each once, and remember that.

Both sensors share one memory, in Dagster's own storage under one lock, so that only the first of
them sends a notice. What does not belong here: finding incidents in the reports, and the channels,
which are in `operations`.
"""

import contextlib
import json
from collections.abc import Iterator
from datetime import datetime

import dagster as dg

from tws_maintenance.config.home import Home
from tws_maintenance.config.settings import load_settings
from tws_maintenance.core.digest import sha256
from tws_maintenance.core.errors import TwsMaintenanceError
from tws_maintenance.core.locks import hold
from tws_maintenance.operations.notices.delivery import DeliveryResult, deliver
from tws_maintenance.operations.notices.incidents import Incident, find_incidents, incident
from tws_maintenance.pipeline.jobs import CLEAN_UP
from tws_maintenance.pipeline.reconcile import LOOK_BACK, is_ours, reconcile
from tws_maintenance.pipeline.run_report import reasons_of
from tws_maintenance.pipeline.tags import HOME_TAG, REPORT_ID_TAG, own_tag
from tws_maintenance.pipeline.tick_context import shared_shelf

LOCK_SECONDS = 20.0
MEMORY = "tws_maintenance/notices"


def send_notices(home: Home, instance: dg.DagsterInstance, at: datetime) -> DeliveryResult:
    """Send on every channel the notices that it has not had yet, and remember them.

    Raises:
        SettingsError: the settings of the home hold a mistake.
        LockHeld: another sensor has been sending for too long.
    """
    settings = load_settings(home)
    with _one_sender(home):
        # First, so that a run that died is reported by its report, and only once.
        with contextlib.suppress(OSError, TwsMaintenanceError):
            reconcile(home, instance)
        incidents = [
            *_without_report(home, instance, at),
            *find_incidents(home, settings, at, shared_shelf(home)),
        ]
        done = deliver(home, settings.notices, incidents, _remembered(home, instance), at)
        instance.daemon_cursor_storage.set_cursor_values(
            {_memory(home): json.dumps(done.delivered)}
        )
    return done


@contextlib.contextmanager
def _one_sender(home: Home) -> Iterator[None]:
    """Hold the lock of the senders; continue without it where it cannot be written.

    A full or read-only disk must be reported, even if that happens twice.
    """
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            lock = home.locks / "notices.lock"
            stack.enter_context(hold(lock, wait_seconds=LOCK_SECONDS, holder="notices"))
        yield


def _without_report(home: Home, instance: dg.DagsterInstance, at: datetime) -> Iterator[Incident]:
    """Yield the recent runs that failed and have no report.

    These are runs that could not write one, because the home cannot be written, and the newest
    clean-up, which never writes one. An older clean-up does not count: the next one repeats it.
    """
    cleaning = dg.RunsFilter(job_name=CLEAN_UP, tags={HOME_TAG: str(home.root)})
    newest = [one.run_id for one in instance.get_runs(cleaning, limit=1)]
    failed = dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], updated_after=at - LOOK_BACK)
    for record in instance.get_run_records(failed):
        run = record.dagster_run
        is_made_up_for = run.job_name == CLEAN_UP and run.run_id not in newest
        if own_tag(run, REPORT_ID_TAG) is None and not is_made_up_for and is_ours(home, run):
            lines = [*reasons_of(instance, run.run_id), f"Run {run.run_id}, without a report."]
            yield incident(f"failed:{run.run_id}", "failed", f"{run.job_name} failed", lines)


def _memory(home: Home) -> str:
    """Return the name of the memory of a home: one Dagster may serve several homes."""
    return f"{MEMORY}/{sha256(str(home.root).encode())[:16]}"


def _remembered(home: Home, instance: dg.DagsterInstance) -> dict[str, list[str]]:
    name = _memory(home)
    text = instance.daemon_cursor_storage.get_cursor_values({name}).get(name)
    try:
        return dict(json.loads(text)) if text else {}
    except (ValueError, TypeError):
        return {}  # sending again is better than not at all
