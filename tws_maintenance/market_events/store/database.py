"""The two kinds of databases for events, and how a transaction begins in each.

Belongs here: places, connections, locks. Does not: tables and rows.
"""

import contextlib
import math
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, make_url
from sqlalchemy.exc import ArgumentError

from tws_maintenance.config.home import Home
from tws_maintenance.core.atomic import prove_writable
from tws_maintenance.core.errors import StoreError
from tws_maintenance.market_events.store import faults
from tws_maintenance.market_events.store.tables import EVENTS

# The driver must be named: SQLAlchemy 2.1 takes psycopg 3 by default.
POSTGRES_DRIVER = "postgresql+psycopg2"
# A run must end within 120 s, even if a server stops answering while we hold a lock. Seconds,
# except for tcp_user_timeout, which is milliseconds (https://www.postgresql.org/docs/current/
# libpq-connect.html).
PATIENCE = {
    "connect_timeout": "10",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
}
STATEMENT_MILLISECONDS = 30_000
# Any number that no other program locks; this one is "tws_main" in ASCII.
SCHEMA_LOCK = int.from_bytes(b"tws_main")


class Database(Protocol):
    """A database for events. Messages name it by `place` and never show `password`."""

    @property
    def place(self) -> str:
        """The address or path, without a password."""

    @property
    def password(self) -> str | None:
        """The password, which no message may show; None without one."""

    @property
    def setting(self) -> str:
        """The setting that names the database."""

    def exists(self) -> bool:
        """Return whether there is a database to read."""

    def try_room(self) -> None:
        """Try to create the database, and leave nothing behind."""

    def make_room(self) -> None:
        """Create what a new database needs, such as its folder."""

    def reading(self) -> AbstractContextManager[Connection]:
        """Begin a transaction that sees one state and cannot write; the context ends it."""

    def writing(self, *, create: bool = False) -> AbstractContextManager[Connection]:
        """Begin a transaction that is undone unless it is committed.

        With `create`, no other process creates or upgrades tables meanwhile.
        """

    def lock_events(self, connection: Connection) -> None:
        """Lock out every other writer of events until the transaction ends."""

    def close(self) -> None:
        """Close all connections."""


class SqliteFile:
    """An SQLite file. Its writers exclude each other; its readers never create it."""

    password = None

    def __init__(
        self,
        path: Path,
        place: str,
        wait_seconds: float,
        *,
        makes_its_folder: bool = True,
        setting: str = faults.EVENTS_SETTING,
    ) -> None:
        self.setting = setting
        # SQLite follows a symbolic link and keeps the journal beside the target.
        self._path = Path(os.path.realpath(path))
        self._wait_seconds = wait_seconds
        self._makes_its_folder = makes_its_folder
        self._engines: dict[str, Engine] = {}
        self.place = place

    def exists(self) -> bool:
        """Return whether the file exists."""
        return self._path.exists()

    def try_room(self) -> None:
        """Create, write and remove a trial database in the folder. Raises OSError, StoreError."""
        self._demand_folder()
        folder = next(one for one in self._path.parents if one.exists())
        with tempfile.TemporaryDirectory(prefix=".probe.", dir=folder) as inside:
            probe = SqliteFile(Path(inside) / "probe.db", self.place, self._wait_seconds)
            with probe.writing(create=True) as connection:
                connection.exec_driver_sql("CREATE TABLE probe (id INTEGER)")
                connection.commit()

    def make_room(self) -> None:
        """Create the folder and try to write in it. Raises OSError, StoreError."""
        self._demand_folder()
        prove_writable(self._path.parent)
        # The system is asked because SQLite begins a transaction on a read-only file without an
        # error. Opening and closing the file here would release every lock that another thread of
        # this process holds on it.
        is_effective = os.access in os.supports_effective_ids
        if self.exists() and not os.access(self._path, os.W_OK, effective_ids=is_effective):
            raise faults.read_only(self.place)

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """Begin to read one state of the file.

        The file is still opened for writing: SQLite must undo what a killed writer left half
        written, and in WAL mode only such a connection removes `-wal` and `-shm` again. The
        connection can write nothing else.
        """
        with self._begun("rw", "PRAGMA query_only = ON", "BEGIN") as connection:
            yield connection

    @contextlib.contextmanager
    def writing(self, *, create: bool = False) -> Iterator[Connection]:
        """Begin an exclusive transaction; creates a missing file only with `create`."""
        with self._begun("rwc" if create else "rw", "BEGIN IMMEDIATE") as connection:
            yield connection

    def lock_events(self, connection: Connection) -> None:
        """Do nothing: a writer already excludes all others."""

    def close(self) -> None:
        """Dispose of the engines."""
        for engine in self._engines.values():
            engine.dispose()
        self._engines.clear()

    def _demand_folder(self) -> None:
        if not (self._makes_its_folder or self._path.parent.is_dir()):
            raise StoreError(
                f"{self.setting} names {self._path}, but there is no folder "
                f"{self._path.parent}. Correct the address, or create the folder."
            )

    @contextlib.contextmanager
    def _begun(self, mode: str, *statements: str) -> Iterator[Connection]:
        with self._engine(mode).connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
            yield connection

    def _engine(self, mode: str) -> Engine:
        if mode not in self._engines:
            uri = f"{self._path.as_uri()}?mode={mode}"

            def connect() -> sqlite3.Connection:
                # Without an isolation level the driver begins no transaction by itself (Python 3.6
                # to 3.13); commit and rollback still end ours.
                return sqlite3.connect(
                    uri, uri=True, timeout=self._wait_seconds, isolation_level=None
                )

            self._engines[mode] = create_engine("sqlite://", creator=connect, poolclass=NullPool)
        return self._engines[mode]


class Postgres:
    """A database on a PostgreSQL server."""

    def __init__(self, url: URL, wait_seconds: float, setting: str = faults.EVENTS_SETTING) -> None:
        self.setting = setting
        query = PATIENCE | dict(url.query)
        self._url = url.set(drivername=POSTGRES_DRIVER, query=query)
        self._lock_milliseconds = max(1, math.ceil(wait_seconds * 1000))  # 0 means no limit
        self._engine: Engine | None = None
        shown = URL.create("postgresql", url.username, None, url.host, url.port, url.database)
        self.place = shown.render_as_string()
        self.password = url.password

    def exists(self) -> bool:
        """Return True: the operator creates the database itself."""
        return True

    def try_room(self) -> None:
        """Do nothing: the server needs no folder."""

    def make_room(self) -> None:
        """Do nothing: the server needs no folder."""

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """Begin a read-only transaction on one snapshot."""
        begin = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
        with self._begun(begin) as connection:
            yield connection

    @contextlib.contextmanager
    def writing(self, *, create: bool = False) -> Iterator[Connection]:
        """Begin a transaction. Raises StoreError if the server is read-only."""
        with self._begun("SET TRANSACTION ISOLATION LEVEL READ COMMITTED") as connection:
            asked = "SELECT current_setting('transaction_read_only')"
            if connection.exec_driver_sql(asked).scalar_one() == "on":
                raise faults.read_only(self.place)
            if create:
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({SCHEMA_LOCK})")
            yield connection

    def lock_events(self, connection: Connection) -> None:
        """Lock the table against writers, not against readers."""
        connection.exec_driver_sql(f"LOCK TABLE {EVENTS.name} IN SHARE ROW EXCLUSIVE MODE")

    def close(self) -> None:
        """Dispose of the engine."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    @contextlib.contextmanager
    def _begun(self, begin: str) -> Iterator[Connection]:
        if self._engine is None:
            self._engine = create_engine(
                self._url, poolclass=NullPool, executemany_mode="values_plus_batch"
            )
        with self._engine.connect() as connection:
            connection.exec_driver_sql(begin)
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {self._lock_milliseconds}")
            connection.exec_driver_sql(f"SET LOCAL statement_timeout = {STATEMENT_MILLISECONDS}")
            # A user without a usable schema sees no tables, even if they exist.
            if connection.exec_driver_sql("SELECT current_schema()").scalar_one() is None:
                raise faults.not_allowed(self.place, "permission denied for every schema")
            yield connection


def open_database(
    home: Home, database_url: str, wait_seconds: float, setting: str = faults.EVENTS_SETTING
) -> Database:
    """Return the database that `database_url` names, or the home's own file if it is empty.

    Opens nothing yet. A relative path of `sqlite:///` begins at the home. `setting` is the setting
    that holds the address.

    Raises:
        StoreError: the address names no database.
    """
    if not database_url:
        return _file(home, home.market_events, wait_seconds)
    try:
        url = make_url(database_url)
    except (ArgumentError, ValueError):  # its message may contain the password
        raise StoreError(
            f"{setting} is not the address of a database. Expected "
            "postgresql://user:password@host:port/database or sqlite:///path. Write special "
            "characters in a password as %XX."
        ) from None
    if url.get_backend_name() != "sqlite":
        return Postgres(url, wait_seconds, setting)
    if url.database in {None, "", ":memory:"} or "?" in database_url:
        raise StoreError(
            "[events] database_url names no SQLite file. Expected sqlite:///path, with nothing "
            "after the path."
        )
    return _file(home, home.root / str(url.database), wait_seconds)


def _file(home: Home, path: Path, wait_seconds: float) -> SqliteFile:
    is_inside = path.is_relative_to(home.root)
    place = home.relative(path) if is_inside else str(path)
    return SqliteFile(path, place, wait_seconds, makes_its_folder=is_inside)
