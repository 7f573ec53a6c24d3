"""A mark that changes with Dagster's storage, read without Dagster.

It shows whether Dagster must be asked again. A SQLite file counts the commits of others for each
connection that stays open (`PRAGMA data_version`). For PostgreSQL the mark is the highest event and
the last change of a run.
"""

import contextlib
import os
import sqlite3
from collections.abc import Hashable
from pathlib import Path
from typing import TYPE_CHECKING

from tws_maintenance.core.errors import StoreError
from tws_maintenance.pipeline.run_records import Place

if TYPE_CHECKING:
    from tws_maintenance.market_events.store.database import Database

POSTGRES_MARK = (
    "SELECT (SELECT max(id) FROM event_logs), (SELECT count(*) FROM runs), "
    "(SELECT max(update_timestamp) FROM runs)"
)
LOCK_SECONDS = 1.0


class SqliteMark:
    """One file, watched by a connection of its own; for one thread at a time."""

    def __init__(self, path: str) -> None:
        self._path = Path(path).absolute()
        self._connection: sqlite3.Connection | None = None
        self._file = (0, 0)
        self._opened = 0

    def now(self) -> Hashable:
        """Return a mark that changes with every commit, None where it cannot be read."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            self.close()
            return "missing"
        except OSError:
            return None
        try:
            version = self._connected(found).execute("PRAGMA data_version").fetchone()[0]
        except sqlite3.Error:
            self.close()
            return None
        # The file's time as well: SQLite may not notice that the file was replaced.
        return self._opened, version, found.st_mtime_ns, found.st_size

    def _connected(self, found: os.stat_result) -> sqlite3.Connection:
        file = found.st_dev, found.st_ino
        if self._connection is not None and file != self._file:
            self.close()
        if self._connection is None:
            self._file = file
            # A version is comparable only within the connection that read it.
            self._opened += 1
            self._connection = sqlite3.connect(
                f"{self._path.as_uri()}?mode=ro",
                uri=True,
                timeout=LOCK_SECONDS,
                check_same_thread=False,
            )
        return self._connection

    def close(self) -> None:
        """Close the file."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


class PostgresMark:
    """The database that `[storage] database_url` names."""

    def __init__(self, database: "Database") -> None:
        self._database = database

    def now(self) -> Hashable:
        """Return a mark that changes with every event and change of a run; None if unknown."""
        from sqlalchemy.exc import SQLAlchemyError

        with contextlib.suppress(SQLAlchemyError, StoreError):
            with self._database.reading() as connection:
                row = connection.exec_driver_sql(POSTGRES_MARK).one()
            return tuple(row)
        return None

    def close(self) -> None:
        """Close the database."""
        self._database.close()


class StorageMark:
    """The mark of a whole storage; for one thread at a time."""

    def __init__(self, place: Place, database: "Database | None") -> None:
        """Take the place of the storage; `database` is that of the settings, for PostgreSQL."""
        self._parts: list[SqliteMark | PostgresMark] = [SqliteMark(one) for one in place.files]
        if place.is_postgres and database is not None:
            self._parts.append(PostgresMark(database))

    def now(self) -> Hashable:
        """Return a mark that changes with the storage, None where only asking Dagster helps."""
        marks = tuple(one.now() for one in self._parts)
        return None if not marks or None in marks else marks

    def close(self) -> None:
        """Close all files and databases."""
        for one in self._parts:
            one.close()
