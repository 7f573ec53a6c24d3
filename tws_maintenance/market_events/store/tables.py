"""The tables of stored events, with the robot's column names so that it can read them.

Only `end_date` is not the robot's. Instants are stored as the robot reads them: naive, in UTC.
Belongs here: tables and columns. Does not: turning rows into events (`rows`), or creating the
tables (`schema`).
"""

from datetime import UTC, datetime

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    DateTime,
    Dialect,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    Time,
    TypeDecorator,
    UniqueConstraint,
)

from tws_maintenance.market_events.store.revisions import EVENTS_TABLE, LOGS_TABLE


class UtcDateTime(TypeDecorator[datetime]):
    """An aware instant in Python, naive UTC in the database."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(
        self,
        value: datetime | None,
        dialect: Dialect,  # noqa: ARG002 - SQLAlchemy's own signature
    ) -> datetime | None:
        """Return the instant as it is stored. Raises ValueError without a time zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"the instant {value.isoformat()} has no time zone")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(
        self,
        value: datetime | None,
        dialect: Dialect,  # noqa: ARG002
    ) -> datetime | None:
        """Return the stored instant, aware, in UTC."""
        return None if value is None else value.replace(tzinfo=UTC)


METADATA = MetaData()

EVENTS = Table(
    EVENTS_TABLE,
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("event_id", String, nullable=False),
    Column("event_type", String, nullable=False),
    Column("symbol", String),
    Column("title", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("event_date", Date, nullable=False),
    Column("event_time", Time),
    Column("start_at_utc", UtcDateTime),
    Column("end_at_utc", UtcDateTime),
    Column("market_timezone", String, nullable=False),
    Column("source", String, nullable=False),
    Column("source_event_id", String, nullable=False),
    Column("source_url", Text, nullable=False),
    Column("detail_json", Text, nullable=False),
    Column("raw_payload_json", Text, nullable=False),
    Column("raw_payload_hash", String, nullable=False),
    Column("is_portfolio_relevant", Boolean, nullable=False),
    Column("confidence", String, nullable=False),
    Column("importance_score", Integer, nullable=False),
    Column("status", String, nullable=False),
    Column("last_seen_at", UtcDateTime, nullable=False),
    Column("fetched_at", UtcDateTime, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("end_date", Date),
    UniqueConstraint("event_id", name="uq_market_events_event_id"),
    UniqueConstraint(
        "event_type", "symbol", "event_date", name="uq_market_events_type_symbol_date"
    ),
    Index("ix_market_events_event_date", "event_date"),
    Index("ix_market_events_source_status", "source", "status"),
)

SYNC_LOGS = Table(
    LOGS_TABLE,
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("provider", String, nullable=False),
    Column("event_type", String, nullable=False),
    Column("sync_started_at", UtcDateTime, nullable=False),
    Column("sync_finished_at", UtcDateTime, nullable=False),
    Column("window_start_utc", UtcDateTime, nullable=False),
    Column("window_end_utc", UtcDateTime, nullable=False),
    Column("status", String, nullable=False),
    Column("fetched_count", Integer, nullable=False),
    Column("upserted_count", Integer, nullable=False),
    Column("stale_count", Integer, nullable=False),
    Column("error_count", Integer, nullable=False),
    Column("error_message", Text),
    Column("detail_json", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)
