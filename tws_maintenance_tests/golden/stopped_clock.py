"""A clock that stands still, so that reports have the same instants and ids on every day.

It moves when a scene moves it, and by a second for each list or set of events that was staged and
for each promotion that was begun: what happens later in a run is dated later. So it does not
matter how often the program asks for the time. What threads and other processes ask for in between
has no order, and they all get the instant at which the step of the scene began.
"""

import os
import threading
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

import pytest

from tws_maintenance.config.home import HOME_VARIABLE, Home
from tws_maintenance.core import clock
from tws_maintenance_tests.robot import stand_in
from tws_maintenance_tests.support import REPOSITORY

# A Sunday evening in UTC: every market is closed.
BEGIN = datetime(2026, 11, 22, 18, 30, tzinfo=UTC)
VARIABLE = "GOLDEN_CLOCK"
RUNS_VARIABLE = "GOLDEN_CLOCK_RUNS"
DATED_ANEW = frozenset({"constituents.csv", "events.json", "promotion.json"})
TICK = timedelta(seconds=1)


class StoppedClock:
    """The time of one home."""

    def __init__(self, home: Home, at: datetime = BEGIN) -> None:
        self._home = home
        self._at = at
        self._done = self._count()

    def move(self, by: timedelta) -> None:
        """Begin the next step of the scene, `by` later than the last one."""
        self._at += by
        self._done = self._count()
        os.environ[VARIABLE] = self._at.isoformat()

    def now(self) -> datetime:
        """Return the present instant, in UTC."""
        if threading.current_thread() is not threading.main_thread():
            return self._at
        return self._at + TICK * (self._count() - self._done)

    def _count(self) -> int:
        found = self._home.staging.glob("*/*")
        return sum(path.name in DATED_ANEW for path in found)


class _Still:
    """The clock of a process that helps a run: the instant at which the step began."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> datetime:
        """Return that instant."""
        return self._at


class _Force:
    """The clock that is in force in this process."""

    clock: StoppedClock | _Still


class _Datetime(datetime):
    """`datetime` as a module sees it whose `now` is that of the clock in force."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override] # a plain one
        return _Force.clock.now().astimezone(tz)

    @classmethod
    def fromisoformat(cls, text: str) -> datetime:  # type: ignore[override] # a plain one
        return datetime.fromisoformat(text)


def stop(home: Home, patch: pytest.MonkeyPatch) -> StoppedClock:
    """Stop the program's clock and the stand-in robot's, here and in the processes to come."""
    _Force.clock = stopped = StoppedClock(home)
    for module in (clock, stand_in):
        patch.setattr(module, "datetime", _Datetime)
    patch.setenv(VARIABLE, BEGIN.isoformat())
    patch.setenv("PYTHONPATH", os.pathsep.join([str(CHILD), str(REPOSITORY)]))
    patch.setenv(HOME_VARIABLE, str(home.root))
    return stopped


def follow() -> None:
    """Stop the clock of this process, which a scene started; it moves on in one that is a run."""
    at = datetime.fromisoformat(os.environ[VARIABLE])
    is_run = os.environ.get(RUNS_VARIABLE) == "1"
    _Force.clock = StoppedClock(Home(Path(os.environ[HOME_VARIABLE])), at) if is_run else _Still(at)
    vars(clock)["datetime"] = _Datetime


CHILD = Path(__file__).parent / "child"
