"""The last day of an event whose source tells a span of days only."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision: str | None = "0001"


def upgrade() -> None:
    """Add the column; events stored before have no span."""
    op.add_column("market_events", sa.Column("end_date", sa.Date))
