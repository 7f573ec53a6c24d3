"""Whether a list is still fresh."""

from datetime import datetime

from tws_maintenance.clock import parse_utc
from tws_maintenance.settings import IndexSettings


def is_stale(refreshed_at: str | None, limits: IndexSettings, at: datetime) -> bool:
    """Tell whether a list was refreshed too long ago, or never."""
    return refreshed_at is None or age_days(refreshed_at, at) > limits.max_age_days


def age_days(refreshed_at: str, at: datetime) -> float:
    """Return how many days before `at` the text `refreshed_at` lies."""
    return (at - parse_utc(refreshed_at)).total_seconds() / 86400
