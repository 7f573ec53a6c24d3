"""One run's steps: stage, audit, promote or validate, each recorded in its task's result.

Nothing here knows Dagster; the assets and checks of `tws_maintenance.pipeline` call it, and so may
any other driver: `recovery.recover` first, then `open`, the steps, `close`.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tws_maintenance.audit.receipt import Override, Receipt, read_receipt
from tws_maintenance.audit.results import Outcome
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import MARKET_EVENTS, Index
from tws_maintenance.config.settings import Settings
from tws_maintenance.constituents.audit_worker import Auditor
from tws_maintenance.constituents.diff import Changes
from tws_maintenance.constituents.generation import read_generation
from tws_maintenance.constituents.promotion import (
    Promotion,
    finish_promotion,
    promote,
    promotions_of,
)
from tws_maintenance.constituents.proposal import Proposal, last_copy, proposal_ids, read_proposal
from tws_maintenance.constituents.stage import stage, stage_backup
from tws_maintenance.core.clock import CLOCK_TOLERANCE, is_older, utc_now
from tws_maintenance.core.errors import (
    ProposalMissing,
    ProposalUnaudited,
    TwsMaintenanceError,
    UsageError,
)
from tws_maintenance.market_events.providers.calendars import may_be_open
from tws_maintenance.market_events.providers.worker import EventsWorker
from tws_maintenance.market_events.scope import Scope
from tws_maintenance.reports.catalog import ReportCatalog
from tws_maintenance.reports.results import (
    describe,
    describe_audit,
    describe_changes,
    describe_impact,
    describe_sources,
    reported_proposal,
)
from tws_maintenance.reports.schema import Cache, FileAudit, ListResult, TaskStatus, Validation
from tws_maintenance.runs.event_steps import EventSteps
from tws_maintenance.runs.recorder import RunRecorder
from tws_maintenance.runs.request import NEWEST, PlannedRun

if TYPE_CHECKING:
    # Brings pandas and pandera: imported where a list is really judged.
    from tws_maintenance.constituents.audit_live import LiveAudit

    # Brings lxml and requests, which a console that only creates runs has no use for.
    from tws_maintenance.sources.fetching import Gathering


@dataclass(frozen=True)
class HeadStart:
    """What a caller began before the run, for which home: the fetches, a process that audits.

    `settings` are those that the whole run goes by. `record` holds the id of the report that was
    reserved before the first request left; None where nothing was begun. `scope` is whose events
    are wanted, None where that is not known yet.
    """

    home: Home
    settings: Settings
    gathering: "Gathering"
    auditor: Auditor
    worker: EventsWorker
    record: RunRecorder | None = None
    scope: Scope | None = None


def head_start(
    home: Home,
    settings: Settings,
    auditor: Auditor | None = None,
    worker: EventsWorker | None = None,
    record: RunRecorder | None = None,
    scope: Scope | None = None,
) -> HeadStart:
    """Return what a run of `home` needs; nothing is begun by this."""
    from tws_maintenance.sources.fetching import Gathering

    gathering = Gathering(settings, lambda index, url: last_copy(home, index, url))
    return HeadStart(
        home, settings, gathering, auditor or Auditor(), worker or EventsWorker(), record, scope
    )


class MaintenanceRun(EventSteps):
    """One run: its record, and the steps that fill it."""

    def __init__(self, request: PlannedRun, begun: HeadStart) -> None:
        super().__init__(begun.home, begun.settings, request, begun.worker, begun.scope)
        self._reserved = begun.record
        self._gathering = begun.gathering
        self._auditor = begun.auditor
        self._staged: dict[str, Proposal] = {}

    def open(self, problem: TwsMaintenanceError | None = None) -> None:
        """Open the record and begin to fetch what is wanted.

        Raises:
            UsageError: a task was asked for that is none of the home's.
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
        self._gathering.start(indices)
        if self.wants(MARKET_EVENTS):
            self.begin_events()

    def close(self, step_failures: dict[str, str], error: BaseException | None = None) -> None:
        """Write the report, as `RunRecorder.close` does, once nothing is at work any more."""
        self._worker.stop()
        super().close(step_failures, error)

    def stage(self, index: Index) -> Proposal:
        """Fetch (or take the backup), normalise and write the proposal of `index`.

        Raises:
            StepFailed: the task's result says why.
        """
        with self.list_step(index.task) as result:
            if self.request.backup:
                named = None if self.request.backup == NEWEST else self.request.backup
                proposal = stage_backup(self.home, index, named, self.mark())
            else:
                gathered = self._gathering.answer(index)
                describe_sources(result, gathered)
                limits = self.settings.of(index)
                proposal = stage(self.home, index, gathered, limits, self.mark())
            self._staged[index.key] = proposal
            self._describe(result, proposal)
            return proposal
        raise AssertionError("unreachable")

    def audit(self, index: Index) -> Receipt:
        """Judge the staged file of `index` as it lies on disk and write its receipt.

        Raises:
            StepFailed: the audit could not run. (A failed audit is a receipt, not an exception.)
        """
        with self.list_step(index.task) as result:
            proposal = self._staged.get(index.key) or self._inherited(index)
            if proposal is None:
                raise ProposalMissing(
                    f"This run staged no {index.name} list to check. Materialize "
                    f"staged/{index.task}; its checks run with it."
                )
            receipt = self._audited(index, proposal)
            describe_audit(result, receipt)
            return receipt
        raise AssertionError("unreachable")

    def _audited(self, index: Index, proposal: Proposal) -> Receipt:
        """Return the receipt of `proposal`, writing it; a receipt of an earlier run stays."""
        if index.key not in self._staged:
            with contextlib.suppress(ProposalUnaudited):
                return read_receipt(self.home, proposal.proposal_id)
        override = Override(self.request.allow_large_change, self.request.reason)
        limits = self.settings.of(index)
        return self._auditor.audit(self.home, index, proposal, limits, override, self.mark())

    def promote(self, index: Index) -> Promotion:
        """Publish what this run staged, else what the named dry run did, else the newest.

        Raises:
            StepFailed: refused or failed; the task's result says which and why.
        """
        with self.list_step(index.task) as result:
            proposal_id, expected = self._chosen(index)
            result.proposal_id = proposal_id
            if index.key not in self._staged:
                self._describe(result, read_proposal(self.home, proposal_id))
            with self._telling_what_was_published(index, proposal_id, result):
                done = promote(self.home, index, proposal_id, self.settings, self.mark(), expected)
            describe_audit(result, done.receipt)
            if not done.changed:
                # The live file was this already, whatever it had been compared with.
                describe_changes(result, Changes(), done.proposal.after_count)
            if done.changed and self._may_be_open(index):
                result.warnings.append(
                    f"{index.venue.name} ({index.venue.code}) may be open now: a robot that is "
                    "trading sees the list change under it. Off-peak is better."
                )
            result.changed = done.changed
            result.output_path = self._shown(done.output_path)
            result.backup_path = self._shown(done.backup_path)
            result.status = TaskStatus.SUCCESS
            self._confirm_caches(index, done, result)
            return done
        raise AssertionError("unreachable")

    def _shown(self, path: Path | None) -> str | None:
        return self.home.relative(path) if path else None

    def _may_be_open(self, index: Index) -> bool:
        # Brings SQLAlchemy, which a dry run need not wait for.
        from tws_maintenance.market_events.providers.closures import read_closures

        closures = read_closures(self.home, self.settings)
        return may_be_open(index.venue, utc_now(), closures)

    def _confirm_caches(self, index: Index, done: Promotion, result: ListResult) -> None:
        """Ask the robot whether its cache has seen what was published."""
        stamp = read_generation(self.home, index)
        if not self.settings.robot.url or not done.changed or stamp is None:
            return
        from tws_maintenance.robot.caches import confirm, warnings_of

        told = confirm(self.settings.robot, index.key, stamp.generation)
        result.caches = [Cache(**told)]
        result.warnings += warnings_of([told])

    def _describe(self, result: ListResult, proposal: Proposal) -> None:
        """Fill in what a proposal says and whom it concerns, by one reading of the portfolio."""
        describe(result, proposal)
        describe_impact(result, proposal.changes, self.scope())

    @contextlib.contextmanager
    def _telling_what_was_published(
        self, index: Index, proposal_id: str, result: ListResult
    ) -> Iterator[None]:
        """Go by the bytes on disk where a cancel falls into a promotion."""
        try:
            yield
        except Exception:
            raise
        except BaseException:
            if proposal_id in promotions_of(self.home, index, self.report_id):
                wait = self.settings.locks.wait
                settled = finish_promotion(self.home, index, proposal_id, wait)
                result.changed = settled.changed
                result.output_path = settled.output_path
                result.backup_path = settled.backup_path
                result.status = TaskStatus.SUCCESS if settled.changed else TaskStatus.FAILED
            raise

    def _chosen(self, index: Index) -> tuple[str, str | None]:
        """Return the proposal to promote, with the sha256 that its report vouches for."""
        staged = self._staged.get(index.key)
        if staged is not None:
            return staged.proposal_id, staged.sha256
        if self.request.report_id:
            return reported_proposal(self.home, self.request.report_id, index)
        proposal = self._inherited(index) or self._newest(index)
        return reported_proposal(self.home, proposal.report_id, index)

    def validate(self, index: Index) -> "LiveAudit":
        """Judge the live file of `index`; all indices share one result.

        Raises:
            StepFailed: the audit could not run.
        """
        from tws_maintenance.constituents.audit_live import validate_live

        with self.validation_step() as result:
            limits, at = self.settings.of(index), utc_now()
            known = ReportCatalog(self.home).last_refreshed((index.task,), at + CLOCK_TOLERANCE)
            refreshed_at = known[index.task].finished_at if index.task in known else None
            audit = validate_live(self.home, index, limits, refreshed_at, at)
            result.files[index.key] = FileAudit(
                row_count=audit.row_count,
                sha256=audit.sha256,
                last_refreshed_at=refreshed_at,
                stale=is_older(refreshed_at, limits.max_age_days, at),
                validation=Validation(
                    status=audit.status,
                    warnings=audit.messages(Outcome.WARNED),
                    errors=audit.messages(Outcome.FAILED),
                ),
            )
            return audit
        raise AssertionError("unreachable")

    def _inherited(self, index: Index) -> Proposal | None:
        """Return what the run that this one executes again had staged."""
        if not self.request.lineage:
            return None
        proposals = (read_proposal(self.home, one) for one in proposal_ids(self.home, index))
        found = (one for one in proposals if one.run_id in self.request.lineage)
        inherited = next(found, None)
        if inherited is None:
            raise ProposalMissing(
                f"The run that this one repeats had staged nothing of {index.name}. Run a new one."
            )
        return inherited

    def _newest(self, index: Index) -> Proposal:
        """Return the newest proposal of `index`: what materialising the live asset alone means."""
        newest = next(proposal_ids(self.home, index), None)
        if newest is None:
            raise ProposalMissing(
                f"There is no proposal of {index.name} to promote. Materialize "
                f"staged/{index.task} first, look at it, then this."
            )
        return read_proposal(self.home, newest)
