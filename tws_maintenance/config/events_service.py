"""Who keeps the market events, and a limit that the settings and the sync share."""

from enum import StrEnum

# The share of a provider's future events that one answer may withdraw: `[events] fail_stale`.
FAIL_STALE = 0.25


class EventsService(StrEnum):
    """Who keeps the events: the robot's own service, or ours."""

    ROBOT = "robot"
    EMBEDDED = "embedded"
