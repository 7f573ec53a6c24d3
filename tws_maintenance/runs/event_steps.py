"""The steps of a run that concern market events: stage, audit, apply.

They are those of a list of members with one difference: what is applied is compared again with the
store, since a database has other writers than this run.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from tws_maintenance.audit.receipt import Override, Receipt
from tws_maintenance.config.events_service import EventsService
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import MARKET_EVENTS
from tws_maintenance.config.settings import Settings
from tws_maintenance.core.clock import utc_now
from tws_maintenance.core.errors import ProposalMissing, StoreError
from tws_maintenance.market_events.model import CALENDARS, YAHOO, Answer, Event, Window
from tws_maintenance.market_events.providers.fetching import Question
from tws_maintenance.market_events.providers.worker import EventsWorker
from tws_maintenance.market_events.scope import Scope, resolve
from tws_maintenance.reports.events import describe_scope, describe_sync
from tws_maintenance.reports.results import describe_audit
from tws_maintenance.reports.schema import EventsResult, TaskStatus
from tws_maintenance.robot.portfolio import PortfolioReading
from tws_maintenance.runs.recorder import RunRecorder
from tws_maintenance.runs.request import PlannedRun

if TYPE_CHECKING:
    # Brings requests and pydantic: imported where there is a robot.
    from tws_maintenance.market_events.sync import Synced
    from tws_maintenance.runs.robot_steps import RobotEvents

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
        self._synced: Synced | None = None
        self._robot: RobotEvents | None = None

    def scope(self) -> Scope:
        """Return whose events are wanted and whom changes concern, found out once a run.

        Raises:
            UsageError: a symbol was asked for that is none, or too many were.
        """
        if self._scope is None:
            is_of_robot = self.settings.events_service == EventsService.ROBOT
            self._scope = resolve(
                self.home,
                self.settings,
                self.request.symbols,
                # The limit is on what we fetch: the robot fetches for itself.
                many_symbols=(
                    self.request.many_symbols or is_of_robot or not self.wants(MARKET_EVENTS)
                ),
                portfolio=self._reading.portfolio(),
            )
        return self._scope

    def begin_events(self) -> None:
        """Begin to ask the providers. Raises as `scope` does."""
        request, scope = self.request, self.scope()
        if self.settings.events_service == EventsService.ROBOT:
            from tws_maintenance.runs.robot_steps import RobotEvents

            window = Window(utc_now(), request.days)
            self._robot = RobotEvents(self.home, self.settings.robot, scope, window)
            self._worker.prepare()
        else:
            self._worker.start(question_of(scope, self.settings, request.days))

    def stage_events(self) -> None:
        """Compare what the providers answer with the store, and write the proposal of it.

        Where the robot's own service keeps the events, it is only looked at.

        Raises:
            StepFailed: the task's result says why.
        """
        from tws_maintenance.market_events import sync
        from tws_maintenance.market_events.store.event_store import EventStore

        with self.events_step() as result:
            assert self._scope is not None, "the run was not opened"
            describe_scope(result, self._scope)
            if self._robot is not None:
                self._robot.stage(result, self.mark())
                self._judge_closures(result, [])
                return
            answers = [_with_scope(one, self._scope) for one in self._worker.answers()]
            window = self._worker.question.window
            with EventStore(self.home, self.settings) as store:
                self._synced = sync.stage(
                    self.home,
                    store,
                    answers,
                    window,
                    self._scope.relevant,
                    self.mark(),
                    Override(self.request.allow_large_change, self.request.reason),
                    self.settings.events.fail_stale,
                )
            describe_sync(result, self._synced)
            told = (one.events for one in answers if one.provider == CALENDARS.name)
            self._judge_closures(result, [event for events in told for event in events])

    def _judge_closures(self, result: EventsResult, known: list[Event]) -> None:
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
            proposal_id = result.proposal_id or self._staged_events().proposal_id
            receipt = self._worker.audit(self.home, proposal_id, self.mark())
            describe_audit(result, receipt)
            return receipt
        raise AssertionError("unreachable")

    def apply_events(self) -> None:
        """Store what this run staged and its audit passed, or have the robot refresh.

        Raises:
            StepFailed: refused or failed; the task's result says which and why.
        """
        from tws_maintenance.market_events import sync
        from tws_maintenance.market_events.store.event_store import EventStore

        with self.events_step() as result:
            if self._robot is not None:
                proposal_id = self._robot.apply(result, self.mark())
                describe_audit(result, self._worker.audit(self.home, proposal_id, self.mark()))
                # An end that was not seen is said among the errors.
                is_whole = not result.errors
                result.status = TaskStatus.SUCCESS if is_whole else TaskStatus.PARTIAL_FAILURE
                return
            staged = self._staged_events()
            wait = self.settings.locks.wait
            with EventStore(self.home, self.settings) as store:
                _, receipt = sync.apply(
                    self.home,
                    store,
                    staged,
                    self.mark(),
                    wait_seconds=wait,
                    # Cancelled half-way, the report tells what is stored and not what was planned.
                    tell=lambda done: describe_sync(result, done),
                )
            describe_audit(result, receipt)
            result.status = TaskStatus.SUCCESS

    def _staged_events(self) -> "Synced":
        if self._synced is None:
            raise ProposalMissing(
                f"This run staged no market events, and an apply stores what it fetched itself. "
                f"Launch the job {APPLY_JOB}: it fetches, audits and applies."
            )
        return self._synced


def _with_scope(answer: Answer, scope: Scope) -> Answer:
    """Let Yahoo's answer say whom it could not be asked about."""
    if answer.provider != YAHOO.name:
        return answer
    return replace(answer, unasked=scope.ignored, errors=(*answer.errors, *scope.problems))


def question_of(scope: Scope, settings: Settings, days: int) -> Question:
    """Return what the providers are asked about `scope`, from now on."""
    venues, window = settings.maintained.venues, Window(utc_now(), days)
    return Question(scope.symbols, venues, window, settings.http, settings.events)
