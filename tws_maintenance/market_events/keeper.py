"""The keeper of market events: our own store or the robot's service, behind one interface.

Belongs here: what agenda, runs and console ask a keeper for. Does not: how each keeper answers
(`embedded_keeper`, `robot_keeper`).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from tws_maintenance.audit.receipt import NO_OVERRIDE, Override, Receipt
from tws_maintenance.audit.run_context import RunContext
from tws_maintenance.config.events_service import EventsService
from tws_maintenance.config.home import Home
from tws_maintenance.config.settings import Settings
from tws_maintenance.market_events.model import EventType, NamedEvent, StoredEvent, SyncLog
from tws_maintenance.market_events.providers.worker import EventsWorker
from tws_maintenance.market_events.scope import Scope
from tws_maintenance.market_events.sync_result import SyncResult
from tws_maintenance.market_events.upcoming import Upcoming, upcoming

# Time zones reach a day around UTC: older events are over everywhere and need not be read.
READ_BACK = timedelta(days=2)
# A calendar program drops an event that the file shows as cancelled; many keep one that is merely
# missing from the file. No subscriber is expected to ask less often than this.
WITHDRAWN_DAYS = timedelta(days=30)


@dataclass(frozen=True)
class Wanted:
    """Which events a list shows: those of today and `days` more, of a type, of a symbol."""

    days: int
    event_type: EventType | None = None
    symbol: str | None = None

    def shown(self, stored: Iterable[StoredEvent], at: datetime) -> list[Upcoming]:
        """Return the wanted ones of the stored events, as seen at `at`."""
        return upcoming(stored, at, days=self.days, event_type=self.event_type, symbol=self.symbol)


@dataclass(frozen=True)
class SyncOrder:
    """The order of a run: whose events, how far ahead, and whether a large change is allowed."""

    scope: Scope
    days: int
    override: Override = NO_OVERRIDE


@dataclass(frozen=True)
class Contents:
    """The events of a keeper at one instant, including the operators' closures.

    `moved`, `doubts` and `unread` are sentences: which near events moved or are no longer listed,
    why the list may be outdated or incomplete, what could not be read. `newest` is the newest log
    of each provider. `robots_own` are the events of types that only the robot keeps, None where
    this program keeps the events.
    """

    stored: list[StoredEvent]
    doubts: list[str]
    newest: list[SyncLog]
    moved: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    robots_own: list[NamedEvent] | None = None


class EventsSync(Protocol):
    """The sync of one run: it is staged, audited by its caller, then applied."""

    def stage(self, context: RunContext) -> SyncResult:
        """Write the proposal and return what it would change."""

    def apply(self, context: RunContext, note: Callable[[SyncResult], object]) -> Receipt:
        """Store the events and return the audit's verdict on them.

        `note` is called with the result so far, each time that more is done.
        """


class EventsKeeper(Protocol):
    """A keeper of events; `limits_symbols` is whether each symbol costs a request of ours."""

    limits_symbols: bool

    def contents(self, at: datetime, wanted: Wanted | None = None) -> Contents:
        """Return the events at `at` that `wanted` lists, or all of them. Raises StoreError.

        All of them is for a calendar: withdrawn events stay in it for `WITHDRAWN_DAYS`.
        """

    def logs(self, limit: int, offset: int = 0) -> list[SyncLog]:
        """Return the log of syncs, newest first. Raises StoreError."""

    def sync(self, order: SyncOrder, worker: EventsWorker) -> EventsSync:
        """Return the sync; it has begun to ask the providers if that takes long."""


def keeper_of(home: Home, settings: Settings) -> EventsKeeper:
    """Return the keeper of the events of `home` that the settings name."""
    if settings.events_service is EventsService.ROBOT:
        # Imports requests and pydantic: needed only with a robot.
        from tws_maintenance.market_events.robot_keeper import RobotKeeper

        return RobotKeeper(home, settings)
    from tws_maintenance.market_events.embedded_keeper import EmbeddedKeeper

    return EmbeddedKeeper(home, settings)
