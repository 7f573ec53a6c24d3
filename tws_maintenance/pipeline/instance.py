"""DAGSTER_HOME of a home: made ready once, safely for several processes at once.

An operator's own DAGSTER_HOME (set in the environment) is used as it is, and nothing here writes
to it; ours is the folder `.dagster` of the home.
"""

import contextlib
import importlib
import logging
import os
from pathlib import Path
from urllib.parse import urlsplit

import dagster as dg
from dagster._core.instance.ref import InstanceRef
from dagster._core.instance.types import InstanceType
from dagster._core.storage.event_log import ConsolidatedSqliteEventLogStorage
from dagster._core.storage.runs import SqliteRunStorage
from dagster._core.storage.sqlite import create_db_conn_string
from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from tws_maintenance.config.home import Home, find_home
from tws_maintenance.config.settings import Settings, load_settings
from tws_maintenance.core.atomic import write_whole
from tws_maintenance.core.errors import HomeError, TwsMaintenanceError
from tws_maintenance.core.locks import hold
from tws_maintenance.market_events.store.database import open_database
from tws_maintenance.market_events.store.faults import INSTALL, grant_for
from tws_maintenance.pipeline.database_faults import opening_errors, reason_of
from tws_maintenance.pipeline.event_log import SqliteEventLog, SqliteRuns, SqliteSchedules
from tws_maintenance.pipeline.reconcile import reconcile
from tws_maintenance.pipeline.run_records import Place
from tws_maintenance.pipeline.storage_tables import demand_own_history
from tws_maintenance.runs.recovery import recover

# For code that uses Dagster only through the pipeline.
Instance = dg.DagsterInstance
VARIABLE = "DAGSTER_HOME"
INIT_WAIT_SECONDS = 60.0
READY_MARK = "dagster_home.ready"
# Of each of the three storages of a run, which uses one after the other.
MOST_CONNECTIONS = 4
KEPT_SECONDS = 10
# The files of runs, events and schedules in a DAGSTER_HOME that this module configures.
FILES = {"run": "history/runs.db", "event": "event_log.db", "schedule": "schedules/schedules.db"}

# Dagster reads the variable, so no file holds the password that may be in it.
STORAGE_VARIABLE = "TWS_MAINTENANCE_STORAGE__DATABASE_URL"
SETTING = "[storage] database_url"
DRIVER = "postgresql+psycopg2"
POSTGRES_PACKAGES = ("psycopg2", "dagster_postgres")
_COMMON = """\
# Written once by tws_maintenance; change it as you like, it is not written again.
telemetry:
  enabled: false
nux:
  enabled: false
run_coordinator:
  module: dagster._core.run_coordinator
  class: DefaultRunCoordinator
"""
_NO_COMPUTE_LOGS = """\
compute_logs:
  module: dagster._core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
"""
# `{env: DAGSTER_HOME}` keeps the folder movable: no path of this machine is written.
CONFIGURATION = f"""\
{_COMMON}event_log_storage:
  module: tws_maintenance.pipeline.event_log
  class: SqliteEventLog
  config:
    base_dir:
      env: DAGSTER_HOME
{_NO_COMPUTE_LOGS}"""
POSTGRES_CONFIGURATION = f"""\
{_COMMON}storage:
  postgres:
    postgres_url:
      env: {STORAGE_VARIABLE}
{_NO_COMPUTE_LOGS}"""


def prepare(home: Home, settings: Settings | None = None) -> Path:
    """Make the DAGSTER_HOME of `home` ready, set the variable, and return the folder.

    `settings` are the home's; they are read here if not given.

    Raises:
        HomeError: it cannot be written, its storage cannot be reached, or its dagster.yaml
            contradicts `[storage]`.
        SettingsError: the settings hold a mistake.
        LockHeld: another process has held the lock for a minute.
    """
    opened = _made_ready(home, settings)
    if opened is not None:
        opened.dispose()
    return Path(os.environ[VARIABLE])


def _made_ready(home: Home, settings: Settings | None) -> dg.DagsterInstance | None:
    """Do what `prepare` does; return the instance where this was its first opening."""
    named = os.environ.get(VARIABLE)
    if named and Path(named) != home.dagster:
        if not Path(named).is_absolute() or not Path(named).is_dir():
            raise HomeError(
                f"DAGSTER_HOME is {named}, which is not the full path of a folder. Create it, "
                "correct it, or unset the variable to use the one in the home."
            )
        return None
    os.environ[VARIABLE] = str(home.dagster)
    url = (settings or load_settings(home)).storage.database_url
    place = _name_storage(url)
    mark = home.locks / READY_MARK
    if _is_ready(home, place):
        return None
    try:
        home.locks.mkdir(parents=True, exist_ok=True)
        # One at a time: several first openings at once corrupted one home in three.
        lock = home.locks / "dagster_home.lock"
        with hold(lock, wait_seconds=INIT_WAIT_SECONDS, holder="the first opening"):
            _configure(home, POSTGRES_CONFIGURATION if place else CONFIGURATION)
            _refuse_another_programs_database(home, url)
            with contextlib.ExitStack() as closing:
                # Not entered: Dagster would use it as the current instance until it is left.
                instance = _opened()
                closing.callback(instance.dispose)
                _read_once(instance)
                write_whole(mark, _ready_text(place).encode())
                closing.pop_all()
                return instance
    except OSError as error:
        raise HomeError(
            f"{home.relative(home.dagster)} cannot be written ({error.strerror or error}). Make "
            f"{home.root} writable for this user, or set DAGSTER_HOME to a folder that is."
        ) from error


def _ready_text(place: str) -> str:
    return f"dagster {dg.__version__} {place}".rstrip()


def _is_ready(home: Home, place: str = "") -> bool:
    """Return whether this version of Dagster has made its tables at `place` ("" is the home)."""
    with contextlib.suppress(OSError):
        return (home.locks / READY_MARK).read_text(encoding="utf-8") == _ready_text(place)
    return False


def _name_storage(url: str) -> str:
    """Put `[storage] database_url` where Dagster reads it; return it without user and password."""
    if not url:
        return ""
    demand_postgres(SETTING)
    scheme, rest = url.split(":", maxsplit=1)
    # SQLAlchemy 2.1 takes another driver for a plain postgresql: than dagster-postgres brings.
    os.environ[STORAGE_VARIABLE] = f"{DRIVER}:{rest}" if "+" not in scheme else url
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or 5432}{parts.path}"


def _refuse_another_programs_database(home: Home, url: str) -> None:
    """Raise HomeError before Dagster makes tables beside another program's."""
    if not url:
        return
    database = open_database(home, url, INIT_WAIT_SECONDS, SETTING)
    try:
        # A database that is down or closed to this user is reported when it is opened.
        with contextlib.suppress(SQLAlchemyError), database.reading() as connection:
            demand_own_history(connection, database.place)
    finally:
        database.close()


def demand_postgres(asked_by: str) -> None:
    """Raise HomeError where the packages for PostgreSQL cannot be imported.

    Called before Dagster tries, which would show a stack trace.
    """
    for name in POSTGRES_PACKAGES:
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise HomeError(
                f"{asked_by} names PostgreSQL, but a package for it is not installed here "
                f"({error}). Nothing was started. Install it with {INSTALL}."
            ) from None


def _configure(home: Home, wanted: str) -> None:
    """Write dagster.yaml as `wanted`, unless an operator has changed it."""
    path = home.dagster / "dagster.yaml"
    if configuration_of(home, wants_postgres=STORAGE_VARIABLE in wanted) is None:
        found = path.read_text(encoding="utf-8") if path.exists() else None
        if found != wanted:
            write_whole(path, wanted.encode())


def configuration_of(home: Home, *, wants_postgres: bool) -> str | None:
    """Return the dagster.yaml of an operator, None where it is ours or missing.

    Raises:
        HomeError: it stores the runs elsewhere than the settings say.
        OSError: it cannot be read.
    """
    path = home.dagster / "dagster.yaml"
    found = path.read_text(encoding="utf-8") if path.exists() else None
    if found in (None, CONFIGURATION, POSTGRES_CONFIGURATION):
        return None
    if (STORAGE_VARIABLE in str(found)) != wants_postgres:
        said = "PostgreSQL" if wants_postgres else "files in the home"
        raise HomeError(
            f"{home.relative(path)} was changed by somebody and stores Dagster's runs elsewhere: "
            f"[storage] database_url says {said}. Change one of them, or move the file away: it is "
            "written again."
        )
    return found


def _opened(lean: Path | None = None) -> dg.DagsterInstance:
    """Return the instance of DAGSTER_HOME, or of the folder `lean`, whose tables exist.

    Raises:
        HomeError: its database cannot be reached, or dagster-postgres is not installed.
    """
    try:
        return dg.DagsterInstance.get() if lean is None else _lean(lean)
    except opening_errors() as error:
        raise _not_opened(error) from None  # its cause may name the password


def _read_once(instance: dg.DagsterInstance) -> None:
    """Read what every run reads first. Raises HomeError where the tables are another program's."""
    try:
        instance.get_runs(limit=1)
    except opening_errors() as error:
        raise _not_opened(error) from None


def _not_opened(error: Exception) -> HomeError:
    missing = error if isinstance(error, ImportError) else error.__cause__ or error.__context__
    if isinstance(missing, ImportError):
        return HomeError(
            f"Dagster's storage needs a package that is not installed here ({missing}). Nothing "
            f"was started. For PostgreSQL install it with {INSTALL}."
        )
    reason = reason_of(error)
    if "permission denied" in reason:
        grant = grant_for(reason, os.environ.get(STORAGE_VARIABLE, ""))
        return HomeError(
            f"Dagster's storage cannot be used: {reason}. Nothing was started. Ask the owner of "
            f"the database to issue {grant}"
        )
    return HomeError(
        f"Dagster's storage cannot be opened: {reason}. Nothing was started. If the "
        "disk is full (No space left on device), free some; if [storage] database_url is set, "
        "check that the server is running and accepts this user, and that no other program keeps "
        "its tables there. `doctor` checks the storage."
    )


def open_instance(home: Home, settings: Settings | None = None) -> dg.DagsterInstance:
    """Return the Dagster instance of `home`; close it, or use it as a context manager.

    Raises:
        HomeError: as `prepare`.
    """
    return _made_ready(home, settings) or _opened(_lean_folder(home))


def _lean_folder(home: Home) -> Path | None:
    """Return DAGSTER_HOME if it is ours, unchanged, and has all tables of this Dagster."""
    folder = home.dagster
    if os.environ.get(VARIABLE) != str(folder) or not _is_ready(home):
        return None
    if not all((folder / one).is_file() for one in FILES.values()):
        return None  # Dagster makes it again
    with contextlib.suppress(OSError):
        if (folder / "dagster.yaml").read_text(encoding="utf-8") == CONFIGURATION:
            return folder
    return None


def _lean(folder: Path) -> dg.DagsterInstance:
    """Return the instance that `DagsterInstance.get` returns, without looking for migrations.

    The storages keep their engines. It has no storage for the state of components, which we do not
    use and which imports fsspec.
    """
    ref = InstanceRef.from_dir(str(folder))
    runs, schedules = (_address(folder / FILES[kind]) for kind in ("run", "schedule"))
    return dg.DagsterInstance(
        instance_type=InstanceType.PERSISTENT,
        local_artifact_storage=ref.local_artifact_storage,
        run_storage=SqliteRuns(runs),
        event_storage=SqliteEventLog(str(folder)),
        schedule_storage=SqliteSchedules(schedules),
        compute_log_manager=None,
        scheduler=ref.scheduler,
        run_coordinator=None,
        run_launcher=None,
        settings=ref.settings,
        secrets_loader=ref.secrets_loader,
        ref=ref,
    )


def _address(file: Path) -> str:
    return create_db_conn_string(str(file.parent), file.stem)


def place_of(instance: dg.DagsterInstance) -> Place:
    """Return the place of the storage, which `storage_mark` watches for changes."""
    runs, events = instance.run_storage, instance.event_log_storage
    if isinstance(runs, SqliteRunStorage) and isinstance(events, ConsolidatedSqliteEventLogStorage):
        # Neither has a public name for its file.
        addresses = (runs._conn_string, events._conn_string)  # noqa: SLF001
        return Place(files=tuple(str(make_url(one).database) for one in addresses))
    names = {type(one).__name__ for one in (runs, events)}
    return Place(is_postgres=names == {"PostgresRunStorage", "PostgresEventLogStorage"})


def keep_connections(instance: dg.DagsterInstance) -> None:
    """Let the instance of a run keep its connections to a PostgreSQL server for some seconds.

    Dagster's storages open one for each event, hundreds a run; the kept ones are what its webserver
    uses, here without a time limit for statements. A server that was restarted, or that ends what
    is idle, while a run waits for its sources finds no old connection. A file has none to keep.
    """
    if place_of(instance).is_postgres:
        instance.optimize_for_webserver(
            statement_timeout=0,
            pool_recycle=KEPT_SECONDS,
            max_overflow=MOST_CONNECTIONS,
        )


def reconcile_at_start() -> bool:
    """Close and report the runs that died before a code location loads; return whether that worked.

    Dagster is asked only where a DAGSTER_HOME is set: without one there is no history to correct.
    A fault here must not keep the code location from loading; the next run reports it.
    """
    home = find_home()
    if not home.root.is_dir():
        return False
    try:
        if os.environ.get(VARIABLE):
            with dg.DagsterInstance.get() as instance:
                reconcile(home, instance)
        else:
            recover(home)
    except (OSError, TwsMaintenanceError) as error:
        logging.getLogger(__name__).warning("could not close earlier runs: %s", error)
    except opening_errors() as error:
        reason = reason_of(error)
        logging.getLogger(__name__).warning("could not close earlier runs: %s", reason)
    else:
        return True
    return False
