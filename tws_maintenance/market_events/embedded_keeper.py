"""Our own store as the keeper of events: it asks the providers and stores their answers.

Belongs here: the store's side of `keeper.EventsKeeper`. Does not: comparing and storing (`sync`).
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from tws_maintenance.audit.receipt import Receipt
from tws_maintenance.audit.run_context import RunContext
from tws_maintenance.config.home import Home
from tws_maintenance.config.settings import Settings
from tws_maintenance.core.clock import utc_now
from tws_maintenance.market_events.keeper import (
    READ_BACK,
    WITHDRAWN_DAYS,
    Contents,
    SyncOrder,
    Wanted,
)
from tws_maintenance.market_events.model import (
    CALENDARS,
    YAHOO,
    Answer,
    SyncLog,
    Window,
)
from tws_maintenance.market_events.providers.fetching import Question
from tws_maintenance.market_events.providers.worker import EventsWorker
from tws_maintenance.market_events.scope import Scope
from tws_maintenance.market_events.sync_log import (
    LOGS_READ,
    doubts,
    moved_lately,
    newest_logs,
)
from tws_maintenance.market_events.sync_result import SyncResult

if TYPE_CHECKING:
    # Imports SQLAlchemy: a run need not wait for it before it begins to fetch.
    from tws_maintenance.market_events.sync import Synced


class EmbeddedKeeper:
    """The store of a home, as `keeper.EventsKeeper`."""

    limits_symbols = True

    def __init__(self, home: Home, settings: Settings) -> None:
        self._home = home
        self._settings = settings

    def contents(self, at: datetime, wanted: Wanted | None = None) -> Contents:
        """Return what is stored, as `keeper.EventsKeeper` has it. Raises StoreError."""
        from tws_maintenance.market_events.store.event_store import EventStore

        back = READ_BACK if wanted else READ_BACK + WITHDRAWN_DAYS
        with EventStore(self._home, self._settings) as store:
            stored = store.read(not_before=(at - back).date())
            logs = store.sync_logs(limit=LOGS_READ)
        kind, symbol = (wanted.event_type, wanted.symbol) if wanted else (None, None)
        days = wanted.days if wanted else 0
        shown = wanted.shown(stored, at) if wanted else []
        reasons = doubts(
            logs,
            at,
            days=days,
            max_age_days=self._settings.events.max_age_days,
            event_type=kind,
            symbol=symbol,
            listed={one.event.symbol for one in shown if one.event.symbol},
        )
        newest = list(newest_logs(logs).values())
        return Contents(stored, reasons, newest, moved=moved_lately(logs, at, kind, symbol))

    def logs(self, limit: int, offset: int = 0) -> list[SyncLog]:
        """Return the store's log of syncs, newest first. Raises StoreError."""
        from tws_maintenance.market_events.store.event_store import EventStore

        with EventStore(self._home, self._settings) as store:
            return store.sync_logs(limit=limit, offset=offset)

    def sync(self, order: SyncOrder, worker: EventsWorker) -> "EmbeddedSync":
        """Begin to ask the providers."""
        worker.start(question_of(order.scope, self._settings, order.days))
        return EmbeddedSync(self._home, self._settings, order, worker)


class EmbeddedSync:
    """A sync of our own store, as `keeper.EventsSync`."""

    def __init__(
        self, home: Home, settings: Settings, order: SyncOrder, worker: EventsWorker
    ) -> None:
        self._home = home
        self._settings = settings
        self._order = order
        self._worker = worker
        self._staged: Synced | None = None

    def stage(self, context: RunContext) -> SyncResult:
        """Compare the providers' answers with the store, and write the proposal.

        Raises:
            StoreError: the store cannot be read.
        """
        from tws_maintenance.market_events import sync
        from tws_maintenance.market_events.store.event_store import EventStore

        order = self._order
        answers = [_with_scope(one, order.scope) for one in self._worker.answers()]
        with EventStore(self._home, self._settings) as store:
            self._staged = sync.stage(
                self._home,
                store,
                answers,
                self._worker.question.window,
                order.scope.relevant,
                context,
                order.override,
                self._settings.events.fail_stale,
            )
        calendars = (one.events for one in answers if one.provider == CALENDARS.name)
        known = tuple(event for events in calendars for event in events)
        return replace(self._staged.result(), calendars=known)

    def apply(self, context: RunContext, note: Callable[[SyncResult], object]) -> Receipt:
        """Store what passed its audit; if cancelled, `note` was given what is stored.

        Raises:
            ProposalUnaudited, ProposalMissing, LockHeld, StoreError: as `sync.apply`.
        """
        from tws_maintenance.market_events import sync
        from tws_maintenance.market_events.store.event_store import EventStore

        assert self._staged is not None, "nothing was staged"
        with EventStore(self._home, self._settings) as store:
            _, receipt = sync.apply(
                self._home,
                store,
                self._staged,
                context,
                wait_seconds=self._settings.locks.wait,
                note=lambda done: note(done.result()),
            )
        return receipt


def question_of(scope: Scope, settings: Settings, days: int) -> Question:
    """Return the question to the providers about `scope`, starting now."""
    venues, window = settings.maintained.venues, Window(utc_now(), days)
    return Question(scope.symbols, venues, window, settings.http, settings.events)


def _with_scope(answer: Answer, scope: Scope) -> Answer:
    """Return the answer; Yahoo's also names the symbols that it could not be asked about."""
    if answer.provider != YAHOO.name:
        return answer
    return replace(answer, unasked=scope.ignored, errors=(*answer.errors, *scope.problems))
