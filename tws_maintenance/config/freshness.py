"""Whether a list, or the events, are still fresh."""

from datetime import datetime

from tws_maintenance.config.settings import IndexSettings
from tws_maintenance.core.clock import parse_utc


def is_stale(refreshed_at: str | None, limits: IndexSettings, at: datetime) -> bool:
    """Tell whether a list was refreshed too long ago, or never."""
    return is_older(refreshed_at, limits.max_age_days, at)


def is_older(refreshed_at: str | None, days: float, at: datetime) -> bool:
    """Tell whether `refreshed_at` lies more than `days` before `at`, or is no time at all."""
    return refreshed_at is None or age_days(refreshed_at, at) > days


def age_days(refreshed_at: str, at: datetime) -> float:
    """Return how many days before `at` the text `refreshed_at` lies."""
    return (at - parse_utc(refreshed_at)).total_seconds() / 86400
