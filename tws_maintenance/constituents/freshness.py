"""Whether a list is still fresh, and still as it was promoted. Cheap: nothing is parsed."""

from datetime import datetime

from tws_maintenance.clock import parse_utc
from tws_maintenance.constituents.generation import read_generation
from tws_maintenance.home import Home
from tws_maintenance.indices import Index
from tws_maintenance.settings import IndexSettings


def is_stale(refreshed_at: str | None, limits: IndexSettings, at: datetime) -> bool:
    """Tell whether a list was refreshed too long ago, or never."""
    return refreshed_at is None or age_days(refreshed_at, at) > limits.max_age_days


def has_drifted(home: Home, index: Index, digest: str | None) -> bool:
    """Tell whether the live file is not what was promoted last; False before the first time."""
    last = read_generation(home, index)
    return last is not None and digest is not None and last.sha256 != digest


def age_days(refreshed_at: str, at: datetime) -> float:
    """Return how many days before `at` the text `refreshed_at` lies."""
    return (at - parse_utc(refreshed_at)).total_seconds() / 86400
