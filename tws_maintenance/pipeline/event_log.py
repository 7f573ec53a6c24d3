"""SQLite event log that keeps its engine, and the removal of old checks from an event log.

Dagster's own makes a new SQLAlchemy engine for every event, which throws away the compiled
statements each time: 1.4 s of a dry run with its 45 checks, 0.45 s with one engine. Same file,
same tables, same rows, same locking. Events that belong together (those of one audit, those of a
plan) are written at once, in a fifth of the time: a dry run of 50 lists takes 1.5 s less. The
dagster.yaml that `tws_maintenance.pipeline.instance` writes names this class; an operator's own
DAGSTER_HOME is not touched and works without it.
"""

import contextlib
import sqlite3
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import Any

import dagster as dg
from dagster import version
from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log import (
    ConsolidatedSqliteEventLogStorage,
    SqlEventLogStorage,
)
from dagster._core.storage.event_log.schema import (
    AssetCheckExecutionsTable,
    SqlEventLogStorageTable,
)
from dagster._core.storage.event_log.sqlite.consolidated_sqlite_event_log import (
    SQLITE_EVENT_LOG_FILENAME,
)
from dagster._core.storage.runs import SqliteRunStorage
from dagster._core.storage.schedules import SqliteScheduleStorage
from dagster._core.storage.sql import create_engine
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from sqlalchemy import bindparam, event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from tws_maintenance.pipeline.lazy_imports import KNOWN_DAGSTER

PAGE_BYTES = 8192
_INSERTED = SqlEventLogStorageTable.insert().returning(
    SqlEventLogStorageTable.c.id, sort_by_parameter_order=True
)
_CHECK = AssetCheckExecutionsTable.c
_JUDGED = AssetCheckExecutionsTable.update().where(
    _CHECK.asset_key == bindparam("of_asset"),
    _CHECK.check_name == bindparam("named"),
    _CHECK.run_id == bindparam("in_run"),
    _CHECK.partition.is_(None),
)


class _NotAsExpected(Exception):
    """These events must be stored one by one: a check that was not planned, or of partitions."""


class KeptEngine:
    """Keeps the SQLAlchemy engine of one of Dagster's SQLite storages; mixed in before it."""

    _conn_string: str

    @cached_property
    def _engine(self) -> Engine:
        engine = create_engine(
            self._conn_string, connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS}
        )
        event.listen(engine, "connect", _without_a_sync_for_each_event)
        return engine

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """Yield a connection in a transaction."""
        with self._engine.connect() as connection, connection.begin():
            yield connection

    def dispose(self) -> None:
        """Close the connections."""
        self._engine.dispose()
        super().dispose()  # type: ignore[misc]


class SqliteRuns(KeptEngine, SqliteRunStorage):
    """Dagster's file of runs, with one engine for each process."""


class SqliteSchedules(KeptEngine, SqliteScheduleStorage):
    """Dagster's file of schedules, with one engine for each process."""


class SqliteEventLog(KeptEngine, ConsolidatedSqliteEventLogStorage):
    """One SQLite file for the events of all runs, with one engine for each process."""

    _connect = KeptEngine.connect

    def _init_db(self) -> None:
        """Make the file, with pages that hold several events.

        With Dagster's default of 4 KB an event of a check fills a page and leaves half of it empty.
        """
        Path(self._base_dir).mkdir(parents=True, exist_ok=True)
        path = Path(self._base_dir, f"{SQLITE_EVENT_LOG_FILENAME}.db")
        with contextlib.closing(sqlite3.connect(path)) as file:
            file.execute(f"PRAGMA page_size = {PAGE_BYTES}")
            file.execute("PRAGMA journal_mode = WAL")
        super()._init_db()  # type: ignore[no-untyped-call]

    @cached_property
    def _kept_back(self) -> threading.local:
        return threading.local()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Collect the events of this thread, and store them at once when the context ends."""
        events: list[dg.EventLogEntry] = []
        self._kept_back.events = events
        try:
            yield
        finally:
            self._kept_back.events = None
            if events:
                self._store_at_once(events)

    def store_event(self, event: dg.EventLogEntry) -> None:
        """Store an event as Dagster does, or inside `together` when that ends."""
        kept_back = getattr(self._kept_back, "events", None)
        if kept_back is None:
            super().store_event(event)
        else:
            kept_back.append(event)

    def _store_at_once(self, events: Sequence[dg.EventLogEntry]) -> None:
        # Another version stores its events itself.
        if version.__version__ == KNOWN_DAGSTER:
            # Events that are not as expected here are stored in Dagster's own way.
            with contextlib.suppress(SQLAlchemyError, _NotAsExpected), self.connect() as connection:
                self._write(connection, events)
                return
        self.store_event_batch(events)

    def _write(self, connection: Connection, events: Sequence[dg.EventLogEntry]) -> None:
        """Write the rows that Dagster's `store_event` writes for each event, many at once."""
        rows = [self._event_to_row(one) for one in events]
        numbers = connection.execute(_INSERTED, rows).scalars().all()
        planned, judged = [], []
        for entry, row, number in zip(events, rows, numbers, strict=True):
            happened = entry.dagster_event
            kind = happened.event_type if happened else None
            if happened is None or kind not in ASSET_CHECK_EVENTS:
                if happened is not None and kind in ASSET_EVENTS and happened.asset_key:
                    self._store_asset_event_tags(connection, [entry], [number])
                    self._store_asset_event(connection, entry, number)
            elif kind == dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED:
                planned.append(_planned_check(happened, row, number))
            else:
                judged.append(_judged_check(happened, row, number))
        if planned:
            connection.execute(AssetCheckExecutionsTable.insert(), planned)
        if judged and connection.execute(_JUDGED, judged).rowcount != len(judged):
            raise _NotAsExpected

    @cached_property
    def _seen_tables(self) -> set[str]:
        return set()

    def has_table(self, table_name: str) -> bool:
        """Return whether a table exists; a table that was found is not looked up again."""
        if table_name not in self._seen_tables:
            if not super().has_table(table_name):
                return False
            self._seen_tables.add(table_name)
        return True


def _planned_check(happened: dg.DagsterEvent, row: dict[str, Any], number: int) -> dict[str, Any]:
    planned = happened.asset_check_planned_data
    if planned.partitions_subset is not None:
        raise _NotAsExpected
    return {
        "asset_key": planned.asset_key.to_string(),
        "check_name": planned.check_name,
        "partition": None,
        "run_id": row["run_id"],
        "execution_status": AssetCheckExecutionRecordStatus.PLANNED.value,
        **_evaluation(row, number),
    }


def _judged_check(happened: dg.DagsterEvent, row: dict[str, Any], number: int) -> dict[str, Any]:
    found = happened.asset_check_evaluation_data
    if found.partition is not None or not row["run_id"]:
        raise _NotAsExpected
    status = AssetCheckExecutionRecordStatus
    target = found.target_materialization_data
    return {
        "of_asset": found.asset_key.to_string(),
        "named": found.check_name,
        "in_run": row["run_id"],
        "execution_status": (status.SUCCEEDED if found.passed else status.FAILED).value,
        "materialization_event_storage_id": target.storage_id if target else None,
        **_evaluation(row, number),
    }


def _evaluation(row: dict[str, Any], number: int) -> dict[str, Any]:
    return {
        "evaluation_event": row["event"],
        "evaluation_event_timestamp": row["timestamp"],
        "evaluation_event_storage_id": number,
    }


def writing_together(instance: dg.DagsterInstance) -> AbstractContextManager[None]:
    """Return a context in which the events of this thread become one transaction of our log.

    If the run is killed inside, they are lost; its files are the record (receipts, the journal).
    """
    storage = instance.event_log_storage
    return storage.together() if isinstance(storage, SqliteEventLog) else nullcontext()


def forget_checks(instance: dg.DagsterInstance, run_ids: Collection[str]) -> None:
    """Remove the asset check executions of runs that were deleted.

    Dagster's own `delete_run` leaves them: 4 KB each, 54 a run, two thirds of the storage of a
    home after a year.
    """
    storage = instance.event_log_storage
    if isinstance(storage, SqlEventLogStorage) and run_ids:
        table = AssetCheckExecutionsTable
        with storage.index_connection() as connection:
            connection.execute(table.delete().where(table.c.run_id.in_(run_ids)))


def _without_a_sync_for_each_event(connection: sqlite3.Connection, _record: object) -> None:
    """Set the connection not to sync each event: a power cut may lose the last, never the file.

    WAL guarantees that. What must survive a power cut (lists, backups, reports) is synced where it
    is written.
    """
    connection.execute("PRAGMA synchronous = NORMAL")
