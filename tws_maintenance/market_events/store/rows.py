"""Conversion between the rows of the two tables and events or logs.

Belongs here: reading rows, and the values of their columns. Does not: writing them (`writer`).
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from datetime import date
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, Select, func, select

from tws_maintenance.market_events.model import (
    Confidence,
    Event,
    EventStatus,
    EventType,
    Json,
    LogDetail,
    StoredEvent,
    SyncLog,
)
from tws_maintenance.market_events.store import faults
from tws_maintenance.market_events.store.tables import EVENTS, SYNC_LOGS

# From 0 to 100; the robot sorts by it.
IMPORTANCE = {
    EventType.FOMC: 90,
    EventType.EARNINGS: 80,
    EventType.MARKET_HOLIDAY: 70,
    EventType.MARKET_EARLY_CLOSE: 60,
    EventType.DIVIDEND: 50,
}
# A key in the column of details: the robot's table has no column of its own for it.
SEQUENCE = "calendar_sequence"
# {column: value} of a row.
Row = dict[str, object]
_T = TypeVar("_T")
_DAMAGES = (ValueError, TypeError, KeyError)


def event_columns(event: Event, sequence: int = 0) -> Row:
    """Return the columns of `event`, and its sequence unless that is 0."""
    raw = _json_text(event.raw)
    detail = {**event.detail, **({SEQUENCE: sequence} if sequence else {})}
    return {
        "event_type": event.event_type.value,
        "symbol": event.symbol,
        "title": event.title,
        "description": event.description,
        "event_date": event.event_date,
        "end_date": event.end_date,
        "event_time": event.event_time,
        "start_at_utc": event.start_at_utc,
        "end_at_utc": event.end_at_utc,
        "market_timezone": event.market_timezone,
        "source_event_id": event.subject,
        "source_url": event.source_url,
        "detail_json": _json_text(detail),
        "raw_payload_json": raw,
        "raw_payload_hash": hashlib.sha256(raw.encode()).hexdigest(),
        "confidence": event.confidence.value,
        "importance_score": IMPORTANCE[event.event_type],
    }


def log_columns(log: SyncLog) -> Row:
    """Return the columns of a log line."""
    columns = asdict(log)
    detail = _json_text(columns.pop("detail"))
    return columns | {"detail_json": detail, "created_at": log.sync_finished_at}


def read_events(
    connection: Connection,
    place: str,
    *,
    source: str | None = None,
    not_before: date | None = None,
) -> list[StoredEvent]:
    """Return the stored events, by date. Raises StoreError for an unreadable row.

    `not_before` keeps those whose last day is on or after it.
    """
    statement = select(EVENTS).order_by(EVENTS.c.event_date, EVENTS.c.event_id)
    if source is not None:
        statement = statement.where(EVENTS.c.source == source)
    if not_before is not None:
        last_date = func.coalesce(EVENTS.c.end_date, EVENTS.c.event_date)
        statement = statement.where(last_date >= not_before)
    return [
        _read(place, f"{EVENTS.name}, event {row['event_id']},", _stored_event, row)
        for row in _fetch(connection, place, statement, EVENTS.name)
    ]


def read_logs(
    connection: Connection, place: str, *, limit: int, offset: int, report_id: str | None
) -> list[SyncLog]:
    """Return the logs, newest first. Raises StoreError for an unreadable row."""
    statement = select(SYNC_LOGS).order_by(SYNC_LOGS.c.id.desc()).limit(limit).offset(offset)
    if report_id is not None:
        # As `_json_text` writes it.
        written = _json_text({"report_id": report_id})[1:-1]
        statement = statement.where(SYNC_LOGS.c.detail_json.contains(written, autoescape=True))
    return [
        _read(place, f"{SYNC_LOGS.name}, row {row['id']},", _sync_log, row)
        for row in _fetch(connection, place, statement, SYNC_LOGS.name)
    ]


def _fetch(
    connection: Connection, place: str, statement: Select[Any], table: str
) -> list[dict[str, Any]]:
    try:
        return [dict(row) for row in connection.execute(statement).mappings()]
    except _DAMAGES as error:  # SQLite accepts any text in a column of dates
        raise faults.damaged(place, table, error) from None


def _read(
    place: str, where: str, read: Callable[[Mapping[str, Any]], _T], row: Mapping[str, Any]
) -> _T:
    try:
        return read(row)
    except _DAMAGES as error:
        raise faults.damaged(place, where, error) from None


def _stored_event(row: Mapping[str, Any]) -> StoredEvent:
    status = EventStatus(row["status"])
    detail = _json_object(row["detail_json"])
    sequence = int(str(detail.pop(SEQUENCE, 0)))
    event = Event(
        event_type=EventType(row["event_type"]),
        subject=row["source_event_id"],
        title=row["title"],
        event_date=row["event_date"],
        market_timezone=row["market_timezone"],
        confidence=Confidence(row["confidence"]),
        symbol=row["symbol"],
        end_date=row["end_date"],
        event_time=row["event_time"],
        start_at_utc=row["start_at_utc"],
        end_at_utc=row["end_at_utc"],
        is_cancelled=status is EventStatus.CANCELLED,
        description=row["description"],
        source_url=row["source_url"],
        detail=detail,
        raw=_json_object(row["raw_payload_json"]),
    )
    return StoredEvent(
        event_id=row["event_id"],
        event=event,
        status=status,
        source=row["source"],
        is_portfolio_relevant=row["is_portfolio_relevant"],
        importance_score=row["importance_score"],
        last_seen_at=row["last_seen_at"],
        fetched_at=row["fetched_at"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        sequence=sequence,
    )


def _sync_log(row: Mapping[str, Any]) -> SyncLog:
    known = {one.name: row[one.name] for one in fields(SyncLog) if one.name != "detail"}
    # As this program wrote it; readers check each key before they use it.
    detail = cast("LogDetail", _json_object(row["detail_json"]))
    return SyncLog(**known, detail=detail)


def _json_text(value: Mapping[str, object]) -> str:
    return json.dumps(value, sort_keys=True)


def _json_object(text: str) -> Json:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise TypeError(f"expected a JSON object, found {type(value).__name__}")
    return value
