"""What the robot holds and trades: asked once a run, and at intervals by a long-lived process."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tws_maintenance.config.settings import RobotSettings
from tws_maintenance.core.background import begin
from tws_maintenance.core.errors import RobotError

if TYPE_CHECKING:
    # Brings requests: imported where the robot is really asked.
    from tws_maintenance.robot.answers import Position

# Added to the timeouts of the calls that one reading takes.
GRACE_SECONDS = 5.0
CALLS = 5
# Shorter than a good answer's: a robot that starts is seen soon.
FAULT_SECONDS = 30.0


@dataclass(frozen=True)
class Portfolio:
    """The symbols that the robot holds and that its strategies trade, as the robot writes them.

    `ignored` are sentences about positions that are not shares. `problem` says why the robot could
    not be asked; then both are empty, which does not mean that it has none.
    """

    positions: tuple[str, ...] = ()
    strategies: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    problem: str = ""


def read_portfolio(settings: RobotSettings) -> Portfolio:
    """Ask the robot and return its answer; a failure is a `problem`, worded for the operator."""
    from tws_maintenance.robot.client import RobotClient

    client = RobotClient(settings)
    try:
        positions = client.positions()
        traded = client.strategies().summary.symbols_traded
    except RobotError as error:
        return Portfolio(
            problem=(
                f"Could not read the robot's positions and strategies: {error} Treat them as "
                "unknown, not as empty."
            )
        )
    held, ignored = _held(positions)
    return Portfolio(held, tuple(dict.fromkeys(traded)), ignored)


def _asked(ask: Callable[[RobotSettings], Portfolio], settings: RobotSettings) -> Portfolio:
    """Return what `ask` says, in a thread of its own; a fault of ours is a `problem` too."""
    try:
        return ask(settings)
    except Exception as error:  # noqa: BLE001 - nobody else would hear of it
        return Portfolio(
            problem=f"Could not read the robot's positions: unexpected {type(error).__name__}: "
            f"{error}. This is a fault in tws_maintenance itself."
        )


def _held(positions: "list[Position]") -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the symbols of what is really held, and what was left out of them."""
    from tws_maintenance.robot.symbols import SHARES

    held: dict[str, None] = {}
    other: dict[str, None] = {}
    for one in positions:
        if one.quantity == 0:  # closed today; the broker lists it until it settles
            continue
        if one.sec_type.strip().upper() in SHARES:
            held[one.symbol] = None
        else:
            other[f"{one.symbol} ({one.sec_type})"] = None
    text = f"The robot also holds these, which are not shares: {', '.join(sorted(other))}"
    return tuple(held), (text,) if other else ()


class PortfolioReading:
    """The reading of one run: begun early, waited for where it is needed."""

    def __init__(self, settings: RobotSettings) -> None:
        self._settings = settings
        self._found: Future[Portfolio] | None = None

    def start(self) -> None:
        """Begin to ask, unless there is no robot or it is asked already."""
        if self._found is not None or not self._settings.url:
            return
        self._found = begin(lambda: _asked(read_portfolio, self._settings), "robot-portfolio")

    def portfolio(self) -> Portfolio | None:
        """Return the reading, None where there is no robot."""
        self.start()
        if self._found is None:
            return None
        try:
            return self._found.result(timeout=CALLS * self._settings.timeout + GRACE_SECONDS)
        except TimeoutError:
            problem = f"Could not read the robot's positions: {self._settings.url} did not answer."
            return Portfolio(problem=problem)


class PortfolioCache:
    """The newest reading, for a process that lives long; any number of threads.

    Never waits for the robot: a reading older than `[robot] cache_minutes` is renewed in a thread,
    and returned until then.
    """

    def __init__(self, ask: Callable[[RobotSettings], Portfolio] = read_portfolio) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._known: tuple[RobotSettings, Portfolio, float] | None = None

    def newest(self, settings: RobotSettings) -> Portfolio | None:
        """Return the newest reading, None before the first one and without a robot."""
        if not settings.url:
            return None
        with self._lock:
            known = self._known if self._known and self._known[0] == settings else None
            if (known is None or time.monotonic() > known[2]) and self._thread is None:
                self._thread = threading.Thread(target=self._look, args=(settings,), daemon=True)
                self._thread.start()
        return known[1] if known else None

    def wait(self) -> None:
        """Wait until no reading is in progress."""
        thread = self._thread
        if thread is not None:
            thread.join()

    def _look(self, settings: RobotSettings) -> None:
        found = _asked(self._ask, settings)
        keep = FAULT_SECONDS if found.problem else 60 * settings.cache_minutes
        with self._lock:
            self._known = (settings, found, time.monotonic() + keep)
            self._thread = None
