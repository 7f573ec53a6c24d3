"""DAGSTER_HOME of a home: made ready once, safely for several processes at once.

An operator's own DAGSTER_HOME (set in the environment) is used as it is and never written to by
us; ours lies in the home as `.dagster`.
"""

import logging
import os
from pathlib import Path

import dagster as dg

from tws_maintenance.errors import HomeError, TwsMaintenanceError
from tws_maintenance.home import Home, find_home
from tws_maintenance.pipeline.reconcile import reconcile
from tws_maintenance.recovery import recover
from tws_maintenance.storage.atomic import write_whole
from tws_maintenance.storage.locks import hold

# For who reaches Dagster through the pipeline alone.
Instance = dg.DagsterInstance
VARIABLE = "DAGSTER_HOME"
INIT_WAIT_SECONDS = 60.0
READY_MARK = "dagster_home.ready"

# `{env: DAGSTER_HOME}` keeps the folder movable: no path of this machine is written down.
CONFIGURATION = """\
# Written once by tws_maintenance; change it as you like, it is not written again.
telemetry:
  enabled: false
nux:
  enabled: false
run_coordinator:
  module: dagster._core.run_coordinator
  class: DefaultRunCoordinator
event_log_storage:
  module: tws_maintenance.pipeline.event_log
  class: SqliteEventLog
  config:
    base_dir:
      env: DAGSTER_HOME
compute_logs:
  module: dagster._core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
"""


def prepare(home: Home) -> Path:
    """Make the DAGSTER_HOME of `home` ready, set the variable, and return the folder.

    Raises:
        HomeError: it cannot be written.
        LockHeld: another process has been at it for a minute.
    """
    named = os.environ.get(VARIABLE)
    if named and Path(named) != home.dagster:
        if not Path(named).is_absolute() or not Path(named).is_dir():
            raise HomeError(
                f"DAGSTER_HOME is {named}, which is not the full path of a folder. Create it, "
                "correct it, or unset the variable to use the one in the home."
            )
        return Path(named)
    os.environ[VARIABLE] = str(home.dagster)
    if (home.locks / READY_MARK).exists():
        return home.dagster
    try:
        home.locks.mkdir(parents=True, exist_ok=True)
        # Several first openings at once corrupted one home in three: one at a time.
        lock = home.locks / "dagster_home.lock"
        with hold(lock, wait_seconds=INIT_WAIT_SECONDS, holder="the first opening"):
            if not (home.dagster / "dagster.yaml").exists():
                write_whole(home.dagster / "dagster.yaml", CONFIGURATION.encode())
            with dg.DagsterInstance.get() as instance:
                instance.get_runs(limit=1)
            write_whole(home.locks / READY_MARK, b"")
    except OSError as error:
        raise HomeError(
            f"{home.relative(home.dagster)} cannot be written ({error.strerror or error}). Make "
            f"{home.root} writable for this user, or set DAGSTER_HOME to a folder that is."
        ) from error
    return home.dagster


def open_instance(home: Home) -> dg.DagsterInstance:
    """Return the Dagster instance of `home`; close it, or use it as a context manager."""
    prepare(home)
    return dg.DagsterInstance.get()


def reconcile_at_start() -> None:
    """Close and report the runs that died, when a code location is loaded.

    Dagster is asked only where a DAGSTER_HOME is set: without one there is no history to mend.
    A fault here must not keep the code location from loading; the next run meets it again.
    """
    home = find_home()
    if not home.root.is_dir():
        return
    try:
        if os.environ.get(VARIABLE):
            with dg.DagsterInstance.get() as instance:
                reconcile(home, instance)
        else:
            recover(home)
    except (OSError, TwsMaintenanceError, dg.DagsterError) as error:
        logging.getLogger(__name__).warning("former runs could not be closed: %s", error)
