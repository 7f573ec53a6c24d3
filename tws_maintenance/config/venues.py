"""The stock exchanges that the lists' members trade at, with their regular sessions."""

from dataclasses import dataclass
from datetime import datetime, time
from zoneinfo import ZoneInfo

SATURDAY = 5


@dataclass(frozen=True)
class Venue:
    """A stock exchange with its regular session in local time, holidays left out.

    `closes_early` is when it closes on a half day, `lunch` when it pauses on any other.
    """

    code: str
    name: str
    timezone: str
    opens: time
    closes: time
    closes_early: time
    lunch: tuple[time, time] | None = None
    holidays_code: str = ""  # what the package `holidays` calls it, where that is another name

    def may_be_open(self, at: datetime) -> bool:
        """Return whether `at` (aware) falls into a weekday's session; a holiday counts as open."""
        local = at.astimezone(ZoneInfo(self.timezone))
        return local.weekday() < SATURDAY and self.opens <= local.time() < self.closes


NOON_TO_ONE = (time(12, 0), time(13, 0))
XNYS = Venue("XNYS", "New York", "America/New_York", time(9, 30), time(16, 0), time(13, 0))
XSES = Venue(
    "XSES", "Singapore", "Asia/Singapore", time(9, 0), time(17, 0), time(12, 0), NOON_TO_ONE
)
XHKG = Venue(
    "XHKG", "Hong Kong", "Asia/Hong_Kong", time(9, 30), time(16, 0), time(12, 0), NOON_TO_ONE
)
XTKS = Venue(
    "XTKS",
    "Tokyo",
    "Asia/Tokyo",
    time(9, 0),
    time(15, 30),
    time(11, 30),
    (time(11, 30), time(12, 30)),
    "XJPX",
)
VENUES = {venue.code: venue for venue in (XNYS, XSES, XHKG, XTKS)}
