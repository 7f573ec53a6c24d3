"""Who keeps the market events: a store of our own, or the robot's service; each has one form here.

What belongs here: what agenda, runs and console ask of either. What does not: how they answer,
which is `embedded_keeper`'s and `robot_keeper`'s.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from tws_maintenance.audit.receipt import NO_OVERRIDE, Override, Receipt
from tws_maintenance.audit.run_context import RunContext
from tws_maintenance.config.events_service import EventsService
from tws_maintenance.config.home import Home
from tws_maintenance.config.settings import Settings
from tws_maintenance.market_events.last_sync import LastSync
from tws_maintenance.market_events.model import EventType, NamedEvent, StoredEvent, SyncLog
from tws_maintenance.market_events.providers.worker import EventsWorker
from tws_maintenance.market_events.scope import Scope
from tws_maintenance.market_events.sync_result import SyncResult

# Zones reach a day around UTC: what is over everywhere by then is not read.
READ_BACK = timedelta(days=2)


@dataclass(frozen=True)
class Wanted:
    """Which events a list is of: of `days` more than today, of a type, of a symbol."""

    days: int
    event_type: EventType | None = None
    symbol: str | None = None


@dataclass(frozen=True)
class SyncOrder:
    """What a run asks a keeper for: whose events, how far ahead, and which large change is fine."""

    scope: Scope
    days: int
    override: Override = NO_OVERRIDE


class Contents(Protocol):
    """What a keeper has at one instant; `unread` says what could not be read of it."""

    @property
    def stored(self) -> Sequence[StoredEvent]:
        """The events, operators' closures among them."""

    @property
    def unread(self) -> Sequence[str]:
        """What could not be read, a sentence each."""

    def moved(self, wanted: Wanted) -> list[str]:
        """Return which near events moved or are no longer listed, a sentence each."""

    def doubts(self, wanted: Wanted, listed: Collection[str]) -> list[str]:
        """Return why the list may be outdated or incomplete; `listed` are its symbols."""

    def last_sync(self, warnings: Sequence[str]) -> LastSync | None:
        """Return when each provider was last asked; None where there was no sync yet."""

    def robots_own(self, wanted: Wanted) -> list[NamedEvent] | None:
        """Return the events of types that only the robot keeps; None where it keeps none."""


class EventsSync(Protocol):
    """A sync in one run: staged, audited by its caller, then applied."""

    def stage(self, context: RunContext) -> SyncResult:
        """Write the proposal and return what it would change."""

    def apply(self, context: RunContext, tell: Callable[[SyncResult], object]) -> Receipt:
        """Do it, and return the audit's verdict on what was done.

        `tell` is called with what is done by then, as often as more is.
        """


class EventsKeeper(Protocol):
    """Whoever keeps the events; `limits_symbols` where each symbol is a question of ours."""

    limits_symbols: bool

    def contents(self, at: datetime, days: int, back: timedelta) -> Contents:
        """Return what there is from `back` before `at` on, up to `days` after; StoreError."""

    def logs(self, limit: int, offset: int = 0) -> list[SyncLog]:
        """Return the log of syncs, newest first; StoreError."""

    def sync(self, order: SyncOrder, worker: EventsWorker) -> EventsSync:
        """Begin to ask, where asking takes long, and return the sync."""


def keeper_of(home: Home, settings: Settings) -> EventsKeeper:
    """Return whoever keeps the events of `home`, as the settings say."""
    if settings.events_service is EventsService.ROBOT:
        # Brings requests and pydantic: imported where there is a robot.
        from tws_maintenance.market_events.robot_keeper import RobotKeeper

        return RobotKeeper(home, settings)
    from tws_maintenance.market_events.embedded_keeper import EmbeddedKeeper

    return EmbeddedKeeper(home, settings)
