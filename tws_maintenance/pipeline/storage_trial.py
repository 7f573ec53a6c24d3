"""Whether Dagster's storage accepts a run: tried for `doctor`, and undone.

What belongs here: the places and tables of Dagster's storage. What does not: trying a table, which
is in `market_events.store.trial`, and opening the storage for a run, which is in `instance`.
"""

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from dagster._core.instance.ref import InstanceRef
from sqlalchemy import Table
from sqlalchemy.exc import SQLAlchemyError

from tws_maintenance.config.home import Home
from tws_maintenance.config.settings import load_settings
from tws_maintenance.core.errors import HomeError, SettingsError, TwsMaintenanceError
from tws_maintenance.market_events.store import faults
from tws_maintenance.market_events.store.database import Database, SqliteFile, open_database
from tws_maintenance.market_events.store.trial import try_tables
from tws_maintenance.operations.doctor import Finding
from tws_maintenance.pipeline.database_faults import opening_errors, reason_of
from tws_maintenance.pipeline.instance import FILES as OURS
from tws_maintenance.pipeline.instance import SETTING, VARIABLE, configuration_of, demand_postgres
from tws_maintenance.pipeline.storage_tables import ALL_TABLES, TABLES, demand_own_history

WAIT_SECONDS = 10.0
SUBJECT = "storage"
# The file of each SQLite storage of Dagster in its folder.
FILES = {
    "SqliteRunStorage": "runs.db",
    "SqliteEventLogStorage": "index.db",
    "ConsolidatedSqliteEventLogStorage": "event_log.db",
    "SqliteEventLog": "event_log.db",
    "SqliteScheduleStorage": "schedules.db",
}


@dataclass(frozen=True)
class _Place:
    """A database, and the tables of Dagster that belong there."""

    database: Database
    tables: Collection[Table]


def look_at_storage(home: Home) -> list[Finding]:
    """Return whether a run could write to Dagster's storage, as findings of `doctor`."""
    named = os.environ.get(VARIABLE)
    if named and not Path(named).is_dir() and Path(named) != home.dagster:
        return []  # `diagnosis` reports it
    try:
        places = list(_places(home))
        for place in places:
            _try(place)
    except SettingsError:
        return []  # `diagnosis` reports it as well
    except _faults() as error:
        is_plain = isinstance(error, TwsMaintenanceError)
        text = str(error) if is_plain else f"Dagster's: {reason_of(error)}"
        return [Finding("failed", SUBJECT, text)]
    if not places:
        return [Finding("note", SUBJECT, "Dagster's: `doctor` cannot try storage of this kind")]
    where = ", ".join(dict.fromkeys(one.database.place for one in places))
    return [Finding("ok", SUBJECT, f"Dagster's: {where}: can be written")]


def _faults() -> tuple[type[Exception], ...]:
    return (TwsMaintenanceError, OSError, *opening_errors())


def _places(home: Home) -> Iterator[_Place]:
    """Yield the databases of runs, events and schedules; HomeError, SettingsError as `prepare`."""
    named = Path(os.environ.get(VARIABLE) or home.dagster)
    if named != home.dagster:
        yield from _configured(home, named)
        return
    url = load_settings(home).storage.database_url
    if configuration_of(home, wants_postgres=bool(url)) is not None:
        yield from _configured(home, named)
    elif url:
        demand_postgres(SETTING)
        yield _Place(open_database(home, url, WAIT_SECONDS, SETTING), ALL_TABLES)
    else:
        for kind, path in OURS.items():
            yield _Place(_file(home, home.dagster / path), TABLES[kind])


def _configured(home: Home, folder: Path) -> Iterator[_Place]:
    """Yield the databases that an operator's dagster.yaml names, without opening them."""
    found = InstanceRef.from_dir(str(folder))
    for kind, tables in TABLES.items():
        data = getattr(found, f"{kind}_storage_data")
        if data is None:
            continue
        values = _resolved(yaml.safe_load(data.config_yaml))
        if data.class_name in FILES:
            path = Path(values["base_dir"]) / FILES[data.class_name]
            yield _Place(_file(home, path), tables)
        elif data.module_name.startswith("dagster_postgres"):
            demand_postgres("dagster.yaml")
            from dagster_postgres.utils import pg_url_from_config

            url = pg_url_from_config(values)
            yield _Place(open_database(home, url, WAIT_SECONDS, "dagster.yaml"), tables)


def _resolved(value: Any) -> Any:
    """Return a configuration with its environment variables replaced by their values."""
    if not isinstance(value, dict):
        return value
    if set(value) == {"env"}:
        if value["env"] not in os.environ:
            raise HomeError(f"dagster.yaml names the variable {value['env']}, which is not set.")
        return os.environ[value["env"]]
    return {key: _resolved(one) for key, one in value.items()}


def _file(home: Home, path: Path) -> SqliteFile:
    is_inside = path.is_relative_to(home.root)
    place = home.relative(path) if is_inside else str(path)
    return SqliteFile(path, place, WAIT_SECONDS, setting=SETTING)


def _try(place: _Place) -> None:
    """Do what a run does to its storage, and undo it. Raises StoreError with what is missing."""
    database = place.database
    try:
        if not database.exists():
            database.try_room()
            return
        database.make_room()
        with database.writing() as connection:
            demand_own_history(connection, database.place)
            try_tables(connection, place.tables, database.place)
            connection.rollback()
    except (SQLAlchemyError, OSError, ValueError) as error:
        raise faults.explained(error, database.place, database.password, database.setting) from None
    finally:
        database.close()
