"""The robot's two tables, column by column as it names them.

The first revision is called 0002: databases of this schema have that name in them.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision: str | None = None


def upgrade() -> None:
    """Create both tables."""
    _create_events()
    _create_sync_logs()


def _create_events() -> None:
    op.create_table(
        "market_events",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("event_id", sa.String, nullable=False),
        sa.Column("event_type", sa.String, nullable=False),
        sa.Column("symbol", sa.String),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("event_date", sa.Date, nullable=False),
        sa.Column("event_time", sa.Time),
        sa.Column("start_at_utc", sa.DateTime),
        sa.Column("end_at_utc", sa.DateTime),
        sa.Column("market_timezone", sa.String, nullable=False),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("source_event_id", sa.String, nullable=False),
        sa.Column("source_url", sa.Text, nullable=False),
        sa.Column("detail_json", sa.Text, nullable=False),
        sa.Column("raw_payload_json", sa.Text, nullable=False),
        sa.Column("raw_payload_hash", sa.String, nullable=False),
        sa.Column("is_portfolio_relevant", sa.Boolean, nullable=False),
        sa.Column("confidence", sa.String, nullable=False),
        sa.Column("importance_score", sa.Integer, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("last_seen_at", sa.DateTime, nullable=False),
        sa.Column("fetched_at", sa.DateTime, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("updated_at", sa.DateTime, nullable=False),
        sa.Column("end_date", sa.Date),
        sa.UniqueConstraint("event_id", name="uq_market_events_event_id"),
        sa.UniqueConstraint(
            "event_type", "symbol", "event_date", name="uq_market_events_type_symbol_date"
        ),
    )
    op.create_index("ix_market_events_event_date", "market_events", ["event_date"])
    op.create_index("ix_market_events_source_status", "market_events", ["source", "status"])


def _create_sync_logs() -> None:
    op.create_table(
        "market_event_sync_logs",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("provider", sa.String, nullable=False),
        sa.Column("event_type", sa.String, nullable=False),
        sa.Column("sync_started_at", sa.DateTime, nullable=False),
        sa.Column("sync_finished_at", sa.DateTime, nullable=False),
        sa.Column("window_start_utc", sa.DateTime, nullable=False),
        sa.Column("window_end_utc", sa.DateTime, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("fetched_count", sa.Integer, nullable=False),
        sa.Column("upserted_count", sa.Integer, nullable=False),
        sa.Column("stale_count", sa.Integer, nullable=False),
        sa.Column("error_count", sa.Integer, nullable=False),
        sa.Column("error_message", sa.Text),
        sa.Column("detail_json", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
    )
