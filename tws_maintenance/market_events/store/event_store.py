"""The store of market events: the only way to read and change stored events.

Reading never writes; without a store there are no events. Writing is one exclusive transaction,
stored whole or not at all. Every failure is a StoreError with a message for the operator.
SQLAlchemy is imported only where there is something to read or write.
Belongs here: opening, reading and transactions. Does not: the statements (`rows`, `writer`).
"""

import contextlib
from collections.abc import Iterator
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Self

from tws_maintenance.config.home import Home
from tws_maintenance.config.settings import Settings
from tws_maintenance.core.errors import StoreError
from tws_maintenance.core.missing import is_missing
from tws_maintenance.market_events.model import StoredEvent, SyncLog

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tws_maintenance.market_events.store.database import Database
    from tws_maintenance.market_events.store.writer import Writer


class EventStore:
    """The events of a home: in its SQLite file, or in the database of `database_url`.

    Opens nothing before the first use. May be shared between threads.
    """

    def __init__(self, home: Home, settings: Settings, *, wait_seconds: float = 10.0) -> None:
        """Prepare a store that waits up to `wait_seconds` for a lock.

        Raises:
            StoreError: `[events] database_url` is not an address of a database.
        """
        self._home = home
        self._settings = settings
        self._wait_seconds = wait_seconds
        if settings.events_url:
            _ = self._database

    @cached_property
    def _database(self) -> "Database":
        from tws_maintenance.market_events.store.database import open_database

        settings = self._settings
        return open_database(
            self._home, settings.events_url, self._wait_seconds, settings.events_setting
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the database; a further use opens it again."""
        if "_database" in vars(self):
            self._database.close()

    def describe(self) -> str:
        """Return the place of the events, without a password; a path relative to the home."""
        return self._database.place

    def read(
        self, *, source: str | None = None, not_before: date | None = None
    ) -> list[StoredEvent]:
        """Return the stored events, by date; [] if there is no store yet. Writes nothing.

        Args:
            source: only those of this provider.
            not_before: only those whose last day is on or after it.

        Raises:
            StoreError: the database cannot be read, is not ours, or holds a damaged row.
        """
        with self._reading() as ours:
            if ours is None:
                return []
            from tws_maintenance.market_events.store.rows import read_events

            return read_events(
                ours,
                self._database.place,
                source=source,
                not_before=not_before,
            )

    def sync_logs(
        self, limit: int = 20, offset: int = 0, report_id: str | None = None
    ) -> list[SyncLog]:
        """Return the logs, newest first; [] if there is no store yet. Writes nothing.

        Args:
            limit: how many at most.
            offset: how many newer ones to skip.
            report_id: only those whose detail names this report.

        Raises:
            StoreError: as `read`.
        """
        with self._reading() as ours:
            if ours is None:
                return []
            from tws_maintenance.market_events.store.rows import read_logs

            return read_logs(
                ours, self._database.place, limit=limit, offset=offset, report_id=report_id
            )

    def prepare(self) -> None:
        """Create or upgrade the tables in one transaction; stored events stay.

        Raises:
            StoreError: the database cannot be written, or its tables are not ours; nothing was
                changed.
        """
        from tws_maintenance.market_events.store.schema import migrate

        with self._reading():
            pass  # report tables that are not ours before a folder is tried or a lock is taken
        with self._explaining():
            self._database.make_room()
            with self._database.writing(create=True) as connection:
                migrate(connection, self._database.place)
                connection.commit()

    def try_out(self) -> None:
        """Try everything that storing needs, and undo it: not even a table is left behind.

        Raises:
            StoreError: as `prepare`, and for a right on a table that this user lacks.
        """
        from tws_maintenance.market_events.store.schema import migrate
        from tws_maintenance.market_events.store.tables import METADATA
        from tws_maintenance.market_events.store.trial import try_tables

        with self._reading():
            pass
        with self._explaining():
            if not self._database.exists():
                self._database.try_room()
                return
            self._database.make_room()
            with self._database.writing(create=True) as connection:
                migrate(connection, self._database.place)
                try_tables(connection, METADATA.tables.values(), self._database.place)
                connection.rollback()

    @contextlib.contextmanager
    def transaction(self) -> "Iterator[Writer]":
        """Yield a writer, the only one: the block's changes are stored, or undone by an exception.

        Raises:
            StoreError: another process has the lock, the store was never prepared, or the
                changes cannot be stored; nothing was written.
        """
        from tws_maintenance.market_events.store.schema import HEAD, revision_of
        from tws_maintenance.market_events.store.writer import Writer

        with contextlib.ExitStack() as stack:
            with self._explaining():
                if not self._database.exists():
                    raise self._unprepared(None)
                connection = stack.enter_context(self._database.writing())
                revision = revision_of(connection, self._database.place)
                if revision != HEAD:
                    raise self._unprepared(revision)
                self._database.lock_events(connection)
            yield Writer(connection, self._database.place, self._explaining)
            with self._explaining():
                connection.commit()

    @contextlib.contextmanager
    def _reading(self) -> "Iterator[Connection | None]":
        """Yield a reading connection; None if there is no store yet."""
        if not self._settings.events_url and is_missing(self._home.market_events):
            yield None
            return
        from tws_maintenance.market_events.store.schema import revision_of

        with self._explaining():
            if not self._database.exists():
                yield None
                return
            with self._database.reading() as connection:
                revision = revision_of(connection, self._database.place)
                yield None if revision is None else connection

    @contextlib.contextmanager
    def _explaining(self) -> Iterator[None]:
        from sqlalchemy.exc import SQLAlchemyError

        from tws_maintenance.market_events.store import faults

        try:
            yield
        except (SQLAlchemyError, OSError, ImportError, ValueError) as error:
            # ValueError: a text that the driver cannot store. Not "from error": SQLAlchemy's text
            # contains the SQL.
            database = self._database
            raise faults.explained(
                error, database.place, database.password, database.setting
            ) from None

    def _unprepared(self, revision: str | None) -> StoreError:
        from tws_maintenance.market_events.store.schema import HEAD

        found = f"the schema revision {revision}" if revision else "no tables of events"
        return StoreError(
            f"{self._database.place} has {found}; this program writes revision {HEAD}. Nothing was "
            "written. Prepare the store before a transaction."
        )
