"""The two kinds of databases that events may lie in, and how a transaction begins in each.

What belongs here: where it lies, connections, locks. What does not: tables and rows.
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

# PostgreSQL's driver has two names to go by; SQLAlchemy 2.1 alone would take psycopg 3.
POSTGRES_DRIVER = "postgresql+psycopg2"
# A run ends within 120 s, also where a server stops answering with a lock in our hands. Seconds,
# but for tcp_user_timeout, which is milliseconds (https://www.postgresql.org/docs/current/
# libpq-connect.html).
PATIENCE = {
    "connect_timeout": "10",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
}
STATEMENT_MILLISECONDS = 30_000
# Any number that nobody else locks; from "tws_maintenance" (ASCII) for want of a better one.
SCHEMA_LOCK = int.from_bytes(b"tws_main")


class Database(Protocol):
    """A place for events. `place` names it to the operator; `password` must never be shown."""

    @property
    def place(self) -> str:
        """Where it is, without a password."""

    @property
    def password(self) -> str | None:
        """What no message may hold."""

    @property
    def setting(self) -> str:
        """Which setting names it."""

    def exists(self) -> bool:
        """Tell whether there is anything to be read yet."""

    def try_room(self) -> None:
        """Prove that the database could be created, and leave nothing behind."""

    def make_room(self) -> None:
        """Make what has to be there before the database can be created."""

    def reading(self) -> AbstractContextManager[Connection]:
        """Begin a transaction that sees one state and cannot write; it ends with the context."""

    def writing(self, *, create: bool = False) -> AbstractContextManager[Connection]:
        """Begin a transaction that is undone unless it is committed.

        With `create` nobody else creates or migrates tables meanwhile.
        """

    def lock_events(self, connection: Connection) -> None:
        """Keep every other writer of events out until the transaction ends."""

    def close(self) -> None:
        """Let go of everything."""


class SqliteFile:
    """A file. Its writers exclude each other; its readers never create it."""

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
        # Of a symbolic link SQLite takes the target; journal and folder are beside that.
        self._path = Path(os.path.realpath(path))
        self._wait_seconds = wait_seconds
        self._makes_its_folder = makes_its_folder
        self._engines: dict[str, Engine] = {}
        self.place = place

    def exists(self) -> bool:
        """Tell whether the file is there."""
        return self._path.exists()

    def try_room(self) -> None:
        """Make, write and remove a database where this one would be; OSError, StoreError."""
        self._demand_folder()
        folder = next(one for one in self._path.parents if one.exists())
        with tempfile.TemporaryDirectory(prefix=".probe.", dir=folder) as inside:
            probe = SqliteFile(Path(inside) / "probe.db", self.place, self._wait_seconds)
            with probe.writing(create=True) as connection:
                connection.exec_driver_sql("CREATE TABLE probe (id INTEGER)")
                connection.commit()

    def make_room(self) -> None:
        """Make the folder and prove that a journal can be written in it; OSError, StoreError."""
        self._demand_folder()
        prove_writable(self._path.parent)
        # Asked of the system: SQLite begins a transaction on a read-only file without a word, and
        # opening the file ourselves would, when it is closed again, free every lock that another
        # thread of this process holds on it.
        is_effective = os.access in os.supports_effective_ids
        if self.exists() and not os.access(self._path, os.W_OK, effective_ids=is_effective):
            raise faults.read_only(self.place)

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """Begin to read one state of the file.

        It is opened for writing all the same: what a killed writer left half written has to be
        undone before anyone can read, and of a file in WAL mode only such a connection takes its
        `-wal` and `-shm` away again. SQLite does both by itself; nothing else can be written.
        """
        with self._begun("rw", "PRAGMA query_only = ON", "BEGIN") as connection:
            yield connection

    @contextlib.contextmanager
    def writing(self, *, create: bool = False) -> Iterator[Connection]:
        """Begin an exclusive transaction; only with `create` is a missing file made."""
        with self._begun("rwc" if create else "rw", "BEGIN IMMEDIATE") as connection:
            yield connection

    def lock_events(self, connection: Connection) -> None:
        """Do nothing more: a writer has the file for itself."""

    def close(self) -> None:
        """Dispose of the engines."""
        for engine in self._engines.values():
            engine.dispose()
        self._engines.clear()

    def _demand_folder(self) -> None:
        if not (self._makes_its_folder or self._path.parent.is_dir()):
            raise StoreError(
                f"{self.setting} names {self._path}, and there is no folder "
                f"{self._path.parent}. Correct the address, or make the folder."
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
                # Without an isolation level the driver begins nothing by itself, from Python
                # 3.6 to 3.13; commit and rollback still end what we began.
                return sqlite3.connect(
                    uri, uri=True, timeout=self._wait_seconds, isolation_level=None
                )

            self._engines[mode] = create_engine("sqlite://", creator=connect, poolclass=NullPool)
        return self._engines[mode]


class Postgres:
    """A database of a PostgreSQL server."""

    def __init__(self, url: URL, wait_seconds: float, setting: str = faults.EVENTS_SETTING) -> None:
        self.setting = setting
        query = PATIENCE | dict(url.query)
        self._url = url.set(drivername=POSTGRES_DRIVER, query=query)
        self._lock_milliseconds = max(1, math.ceil(wait_seconds * 1000))  # 0 would be for ever
        self._engine: Engine | None = None
        shown = URL.create("postgresql", url.username, None, url.host, url.port, url.database)
        self.place = shown.render_as_string()
        self.password = url.password

    def exists(self) -> bool:
        """Return True: creating the database itself is the operator's."""
        return True

    def try_room(self) -> None:
        """Do nothing: the server has its own room."""

    def make_room(self) -> None:
        """Do nothing: the server has its own room."""

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """Begin a read-only transaction on one snapshot."""
        begin = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
        with self._begun(begin) as connection:
            yield connection

    @contextlib.contextmanager
    def writing(self, *, create: bool = False) -> Iterator[Connection]:
        """Begin a transaction; StoreError where the server takes no changes."""
        with self._begun("SET TRANSACTION ISOLATION LEVEL READ COMMITTED") as connection:
            asked = "SELECT current_setting('transaction_read_only')"
            if connection.exec_driver_sql(asked).scalar_one() == "on":
                raise faults.read_only(self.place)
            if create:
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({SCHEMA_LOCK})")
            yield connection

    def lock_events(self, connection: Connection) -> None:
        """Lock the table against writers; readers go on."""
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
            # Without a schema that it may use a user sees no tables, and they may be there.
            if connection.exec_driver_sql("SELECT current_schema()").scalar_one() is None:
                raise faults.not_allowed(self.place, "permission denied for every schema")
            yield connection


def open_database(
    home: Home, database_url: str, wait_seconds: float, setting: str = faults.EVENTS_SETTING
) -> Database:
    """Return the database that `database_url` names, or the home's own file where it is empty.

    Nothing is opened yet. A relative path of `sqlite:///` begins at the home. `setting` is whose
    value the address is.

    Raises:
        StoreError: for an address that names no database.
    """
    if not database_url:
        return _file(home, home.market_events, wait_seconds)
    try:
        url = make_url(database_url)
    except (ArgumentError, ValueError):  # whose message may hold the password
        raise StoreError(
            f"{setting} is not an address of a database. Expected "
            "postgresql://user:password@host:port/database or sqlite:///path; special characters "
            "in a password are written as %XX."
        ) from None
    if url.get_backend_name() != "sqlite":
        return Postgres(url, wait_seconds, setting)
    if url.database in {None, "", ":memory:"} or "?" in database_url:
        raise StoreError(
            "[events] database_url names no SQLite file. Expected sqlite:///path, without anything "
            "after the path."
        )
    return _file(home, home.root / str(url.database), wait_seconds)


def _file(home: Home, path: Path, wait_seconds: float) -> SqliteFile:
    is_inside = path.is_relative_to(home.root)
    place = home.relative(path) if is_inside else str(path)
    return SqliteFile(path, place, wait_seconds, makes_its_folder=is_inside)
