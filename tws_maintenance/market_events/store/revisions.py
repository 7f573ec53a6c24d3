"""What our tables are called, and which of their forms this program knows."""

VERSION_TABLE = "tws_maintenance_version"
EVENTS_TABLE = "market_events"
LOGS_TABLE = "market_event_sync_logs"
REVISIONS = ("0002",)
HEAD = REVISIONS[-1]
