"""Who keeps the market events: a store of our own, or the robot's service; each has one form here.

What belongs here: what agenda, runs and console ask of either. What does not: how they answer,
which is `embedded_keeper`'s and `robot_keeper`'s.
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

# Zones reach a day around UTC: what is over everywhere by then is not read.
READ_BACK = timedelta(days=2)
# A program that has the event learns from the calendar that it is off; one that is merely gone from
# the file stays in many of them. A subscriber that asks less often than this is none.
WITHDRAWN_DAYS = timedelta(days=30)


@dataclass(frozen=True)
class Wanted:
    """Which events a list is of: of `days` more than today, of a type, of a symbol."""

    days: int
    event_type: EventType | None = None
    symbol: str | None = None

    def shown(self, stored: Iterable[StoredEvent], at: datetime) -> list[Upcoming]:
        """Return those of the stored events, as seen at `at`."""
        return upcoming(stored, at, days=self.days, event_type=self.event_type, symbol=self.symbol)


@dataclass(frozen=True)
class SyncOrder:
    """What a run asks a keeper for: whose events, how far ahead, and which large change is fine."""

    scope: Scope
    days: int
    override: Override = NO_OVERRIDE


@dataclass(frozen=True)
class Contents:
    """What a keeper has at one instant, operators' closures among it.

    `moved` says which near events moved or are no longer listed, `doubts` why the list may be
    outdated or incomplete, `unread` what could not be read, a sentence each. `newest` are the
    newest logs, one a provider. `robots_own` are the events of types that only the robot keeps,
    None where it keeps none.
    """

    stored: list[StoredEvent]
    doubts: list[str]
    newest: list[SyncLog]
    moved: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    robots_own: list[NamedEvent] | None = None


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

    def contents(self, at: datetime, wanted: Wanted | None = None) -> Contents:
        """Return what there is at `at`, to be listed as `wanted`, or all of it; StoreError.

        All of it is for a calendar: what is withdrawn stays in it for `WITHDRAWN_DAYS`.
        """

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
