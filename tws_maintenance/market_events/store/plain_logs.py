"""The log of syncs of a home's own file, read without SQLAlchemy, whose import costs a look most.

It reads what is plainly in order. Whatever is not is `EventStore`'s, which says what is wrong.
"""

import contextlib
import json
import re
import sqlite3
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, cast

from tws_maintenance.config.home import Home
from tws_maintenance.config.settings import Settings
from tws_maintenance.market_events.model import LogDetail, SyncLog
from tws_maintenance.market_events.store.revisions import (
    EVENTS_TABLE,
    LOGS_TABLE,
    REVISIONS,
    VERSION_TABLE,
)

# Whoever has the file locked for longer is waited for by `EventStore`.
WAIT_SECONDS = 1.0
_INSTANTS = frozenset({"sync_started_at", "sync_finished_at", "window_start_utc", "window_end_utc"})
_COLUMNS = tuple(one.name for one in fields(SyncLog) if one.name != "detail")


def plain_logs(home: Home, settings: Settings, limit: int) -> list[SyncLog] | None:
    """Return the logs as `EventStore.sync_logs` does, None where it has to be asked."""
    path = home.market_events.resolve()
    if settings.events_url or not path.exists():
        return None if settings.events_url else []
    try:
        # For writing, as there: what a killed writer left half written is undone by reading.
        with contextlib.closing(
            sqlite3.connect(f"{path.as_uri()}?mode=rw", WAIT_SECONDS, uri=True)
        ) as connection:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA query_only = ON")
            return _read(connection, limit)
    except (sqlite3.Error, OSError, ValueError, TypeError, IndexError):
        return None


def _read(connection: sqlite3.Connection, limit: int) -> list[SyncLog] | None:
    """Return the logs of a file that holds our tables, None of any other one."""
    connection.execute("BEGIN")
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    if not {EVENTS_TABLE, LOGS_TABLE, VERSION_TABLE} <= {str(one["name"]) for one in tables}:
        return None
    revisions = connection.execute(f"SELECT version_num FROM {VERSION_TABLE}")  # noqa: S608 - ours
    if [str(one["version_num"]) for one in revisions] not in [[one] for one in REVISIONS]:
        return None
    statement = f"SELECT * FROM {LOGS_TABLE} ORDER BY id DESC LIMIT ?"  # noqa: S608 - ours
    return [_log(row) for row in connection.execute(statement, (limit,))]


def _log(row: sqlite3.Row) -> SyncLog:
    """Return the log of a row; ValueError, TypeError or IndexError for one that is damaged."""
    known: dict[str, Any] = {
        name: _instant(row[name]) if name in _INSTANTS else row[name] for name in _COLUMNS
    }
    detail = json.loads(row["detail_json"])
    if not isinstance(detail, dict):
        raise TypeError(f"expected a JSON object, found {type(detail).__name__}")
    # As this program wrote it; each key is looked at before it is used.
    return SyncLog(**known, detail=cast("LogDetail", detail))


def _instant(text: Any) -> datetime:
    """Return the instant that SQLAlchemy wrote; ValueError or TypeError for any other text."""
    if not re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}", text):
        raise ValueError(f"{text!r} is no instant")
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
