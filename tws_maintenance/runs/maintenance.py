"""What the steps of one run share: its record, its settings, and the work begun before it.

Nothing here imports Dagster. The assets and checks of `tws_maintenance.pipeline` call it, and so
may any other driver: `recovery.recover` first, then `open`, the steps (`list_steps`,
`event_steps`), `close`.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from tws_maintenance.audit.receipt import Override
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import MARKET_EVENTS
from tws_maintenance.config.settings import Settings
from tws_maintenance.constituents.audit_worker import Auditor
from tws_maintenance.constituents.proposal import Proposal, last_copy
from tws_maintenance.core.errors import TwsMaintenanceError, UsageError
from tws_maintenance.market_events.keeper import EventsSync, SyncOrder, keeper_of
from tws_maintenance.market_events.providers.worker import EventsWorker
from tws_maintenance.market_events.scope import Scope, resolve
from tws_maintenance.market_events.sync_result import SyncResult
from tws_maintenance.reports.catalog import ReportCatalog
from tws_maintenance.robot.portfolio import PortfolioReading
from tws_maintenance.runs.recorder import RunRecorder
from tws_maintenance.runs.request import PlannedRun

if TYPE_CHECKING:
    # Imports lxml and requests, which a console that only creates runs does not need.
    from tws_maintenance.sources.fetching import Gathering


@dataclass(frozen=True)
class HeadStart:
    """The home of a run, and the work begun before it: the fetches, a process that audits.

    `settings` are those of the whole run. `record` holds the id of the report that was reserved
    before the first request was sent; None where no work was begun. `scope` are the symbols whose
    events are fetched, None where they are not known yet.
    """

    home: Home
    settings: Settings
    auditor: Auditor
    worker: EventsWorker
    record: RunRecorder | None = None
    scope: Scope | None = None

    @cached_property
    def gathering(self) -> "Gathering":
        """What fetches the lists; imported only where something is fetched."""
        from tws_maintenance.sources.fetching import Gathering

        return Gathering(self.settings, lambda index, url: last_copy(self.home, index, url))


def head_start(
    home: Home,
    settings: Settings,
    auditor: Auditor | None = None,
    worker: EventsWorker | None = None,
    record: RunRecorder | None = None,
    scope: Scope | None = None,
) -> HeadStart:
    """Return what a run of `home` needs, without beginning any work."""
    return HeadStart(home, settings, auditor or Auditor(), worker or EventsWorker(), record, scope)


class MaintenanceRun(RunRecorder):
    """One run at work: its record, and what its steps share.

    `catalog` are the reports of its home, `staged` the proposals of its lists by index, `sync` is
    its sync of events once begun and `found` what that has staged.
    """

    def __init__(self, request: PlannedRun, begun: HeadStart) -> None:
        super().__init__(begun.home, request)
        self.settings = begun.settings
        self._begun = begun
        self.auditor = begun.auditor
        self.worker = begun.worker
        self.staged: dict[str, Proposal] = {}
        self.sync: EventsSync | None = None
        self.found: SyncResult | None = None
        self.catalog = ReportCatalog(begun.home)
        self._reserved = begun.record
        self._reading = PortfolioReading(begun.settings.robot)
        self._scope = begun.scope

    @property
    def gathering(self) -> "Gathering":
        """What fetches its lists."""
        return self._begun.gathering

    @property
    def override(self) -> Override:
        """Which large change the operator allowed."""
        return Override(self.request.allow_large_change, self.request.reason)

    def scope(self) -> Scope:
        """Return the symbols whose events are fetched and whom changes concern, once a run.

        Raises:
            UsageError: a requested symbol is not valid, or there are too many.
        """
        if self._scope is None:
            request, keeper = self.request, keeper_of(self.home, self.settings)
            is_unlimited = not keeper.limits_symbols or not self.wants(MARKET_EVENTS)
            self._scope = resolve(
                self.home,
                self.settings,
                request.symbols,
                many_symbols=request.many_symbols or is_unlimited,
                portfolio=self._reading.portfolio(),
            )
        return self._scope

    def open(self, problem: TwsMaintenanceError | None = None) -> None:
        """Open the record and begin the fetches of the run.

        Raises:
            UsageError: the home does not have a requested task, or as `scope`.
            HomeError: as `RunRecorder.open`.
        """
        if self._reserved is not None:
            self.take_over(self._reserved)
        super().open(problem)
        if unknown := self.settings.maintained.unknown(self.request.tasks):
            raise UsageError(f"{unknown} Nothing was started.")
        indices = [index for index in self.settings.maintained if self.wants(index.task)]
        if self.wants(MARKET_EVENTS) or indices:
            self._reading.start()
        if self.request.backup or not self.request.fetches:
            return
        self.gathering.start(indices)
        if self.wants(MARKET_EVENTS):
            order = SyncOrder(self.scope(), self.request.days, self.override)
            self.sync = keeper_of(self.home, self.settings).sync(order, self.worker)

    def close(self, step_failures: dict[str, str], error: BaseException | None = None) -> None:
        """Stop the worker, then write the report as `RunRecorder.close` does."""
        self.worker.stop()
        super().close(step_failures, error)
