"""The steps of a run that concern market events: stage, audit, apply.

They are those of a list of members with one difference: what is applied is compared again with the
store, since a database has other writers than this run. Who keeps the events is `keeper`'s to know.
"""

from collections.abc import Sequence

from tws_maintenance.audit.receipt import Override, Receipt
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import MARKET_EVENTS
from tws_maintenance.config.settings import Settings
from tws_maintenance.core.clock import utc_now
from tws_maintenance.core.errors import ProposalMissing, StoreError
from tws_maintenance.market_events.keeper import EventsSync, SyncOrder, keeper_of
from tws_maintenance.market_events.model import Event
from tws_maintenance.market_events.providers.worker import EventsWorker
from tws_maintenance.market_events.scope import Scope, resolve
from tws_maintenance.market_events.sync_result import SyncResult
from tws_maintenance.reports.events import describe_scope, describe_sync
from tws_maintenance.reports.results import describe_audit
from tws_maintenance.reports.schema import EventsResult, TaskStatus
from tws_maintenance.robot.portfolio import PortfolioReading
from tws_maintenance.runs.recorder import RunRecorder
from tws_maintenance.runs.request import PlannedRun

APPLY_JOB = "refresh_market_events"


class EventSteps(RunRecorder):
    """A run's record, with the steps that fill in its market events."""

    def __init__(
        self,
        home: Home,
        settings: Settings,
        request: PlannedRun,
        worker: EventsWorker,
        scope: Scope | None,
    ) -> None:
        super().__init__(home, request)
        self.settings = settings
        self._worker = worker
        self._reading = PortfolioReading(settings.robot)
        self._scope = scope
        self._sync: EventsSync | None = None
        self._found: SyncResult | None = None

    def scope(self) -> Scope:
        """Return whose events are wanted and whom changes concern, found out once a run.

        Raises:
            UsageError: a symbol was asked for that is none, or too many were.
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

    def begin_events(self) -> None:
        """Begin to ask for the events. Raises as `scope` does."""
        request, keeper = self.request, keeper_of(self.home, self.settings)
        override = Override(request.allow_large_change, request.reason)
        self._sync = keeper.sync(SyncOrder(self.scope(), request.days, override), self._worker)

    def stage_events(self) -> None:
        """Compare what there is to know with what is stored, and write the proposal of it.

        Raises:
            StepFailed: the task's result says why.
        """
        with self.events_step() as result:
            assert self._sync is not None, "the run was not opened"
            describe_scope(result, self.scope())
            self._found = self._sync.stage(self.mark())
            describe_sync(result, self._found)
            self._judge_closures(result, self._found.calendars)

    def _judge_closures(self, result: EventsResult, known: Sequence[Event]) -> None:
        """Say what the packages know by now of the operator's closures."""
        from tws_maintenance.market_events.providers import closures

        try:
            own = closures.to_come(self.home, self.settings, utc_now())
        except StoreError as error:
            result.warnings.append(f"Closures that operators added were not looked at: {error}")
            return
        result.warnings += closures.judge(own, known, utc_now())

    def audit_events(self) -> Receipt:
        """Judge what was staged as it lies on disk and write its receipt.

        Raises:
            StepFailed: the audit could not run. (A failed audit is a receipt, not an exception.)
        """
        with self.events_step() as result:
            proposal_id = self._staged_events()[1].proposal_id
            receipt = self._worker.audit(self.home, proposal_id, self.mark())
            describe_audit(result, receipt)
            return receipt
        raise AssertionError("unreachable")

    def apply_events(self) -> None:
        """Store what this run staged and its audit passed, or have the robot refresh.

        Raises:
            StepFailed: refused or failed; the task's result says which and why.
        """
        with self.events_step() as result:
            sync, staged = self._staged_events()

            def tell(done: SyncResult) -> None:
                # Cancelled half-way, the report says what is stored and not what was planned.
                describe_sync(result, done, before=staged)

            describe_audit(result, sync.apply(self.mark(), tell))
            # An end that was not seen is said among the errors.
            is_whole = not result.errors
            result.status = TaskStatus.SUCCESS if is_whole else TaskStatus.PARTIAL_FAILURE

    def _staged_events(self) -> tuple[EventsSync, SyncResult]:
        if self._sync is None or self._found is None:
            raise ProposalMissing(
                f"This run staged no market events, and an apply stores what it fetched itself. "
                f"Launch the job {APPLY_JOB}: it fetches, audits and applies."
            )
        return self._sync, self._found
