"""The steps of a run that concern one list: stage, audit, promote, validate.

Each writes into its task's result what no other record holds; the driver of the run calls them in
their order. What does not belong here: market events, which are in `event_steps`.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tws_maintenance.audit.receipt import Receipt, read_receipt
from tws_maintenance.audit.results import Outcome
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import METADATA_VALIDATION, Index
from tws_maintenance.constituents.promotion import Promotion, finish_promotion, promotions_of
from tws_maintenance.constituents.promotion import promote as publish
from tws_maintenance.constituents.promotion_stamp import read_generation
from tws_maintenance.constituents.proposal import Proposal, proposal_ids, read_proposal
from tws_maintenance.core.clock import CLOCK_TOLERANCE, is_older, utc_now
from tws_maintenance.core.errors import ProposalMissing, ProposalUnaudited
from tws_maintenance.market_events.providers.calendars import may_be_open
from tws_maintenance.reports.list_results import (
    describe_audit,
    describe_settled,
    impact_of,
    reported_proposal,
    upcoming_impact,
)
from tws_maintenance.reports.schema import (
    Cache,
    FileAudit,
    ListResult,
    SourceAnswer,
    TaskStatus,
    Validation,
    ValidationResult,
)
from tws_maintenance.runs.maintenance import MaintenanceRun
from tws_maintenance.runs.request import NEWEST

if TYPE_CHECKING:
    # Imports pandas and pandera, so only where a list is really audited.
    from tws_maintenance.constituents.audit_live import LiveAudit


def stage(run: MaintenanceRun, index: Index) -> Proposal:
    """Fetch (or take the backup), normalise and write the proposal of `index`.

    Raises:
        StepFailed: the task's result says why.
    """
    # Imports lxml and requests, so only where a list is staged.
    from tws_maintenance.constituents import stage as staging
    from tws_maintenance.constituents.membership import source_records

    with run.step(index.task, ListResult) as result:
        if run.request.backup:
            named = None if run.request.backup == NEWEST else run.request.backup
            proposal = staging.stage_backup(run.home, index, named, run.mark())
        else:
            gathered = run.gathering.answer(index)
            result.sources = [SourceAnswer(**one) for one in source_records(gathered)]
            limits = run.settings.of(index)
            proposal = staging.stage(run.home, index, gathered, limits, run.mark())
        run.staged[index.key] = proposal
        _describe(run, result, proposal)
    return proposal


def audit(run: MaintenanceRun, index: Index) -> Receipt:
    """Audit the staged file of `index`, as it is on disk, and write its receipt.

    Raises:
        StepFailed: the audit could not run. (A failed audit is a receipt, not an exception.)
    """
    with run.step(index.task, ListResult) as result:
        proposal = run.staged.get(index.key) or _inherited(run, index)
        if proposal is None:
            raise ProposalMissing(
                f"This run staged no {index.name} list to check. Materialize "
                f"staged/{index.task}; its checks run with it."
            )
        receipt = _audited(run, index, proposal)
        describe_audit(result, receipt)
    return receipt


def promote(run: MaintenanceRun, index: Index) -> Promotion:
    """Publish the proposal of this run, else that of the named dry run, else the newest.

    Raises:
        StepFailed: refused or failed; the task's result says which and why.
    """
    with run.step(index.task, ListResult) as result:
        result.proposal_id, expected = _chosen(run, index)
        if index.key not in run.staged:
            _describe(run, result, read_proposal(run.home, result.proposal_id))
        with _noting_what_was_published(run, index, result):
            done = publish(run.home, index, result.proposal_id, run.settings, run.mark(), expected)
        describe_audit(result, done.receipt)
        result.status, result.changed = TaskStatus.SUCCESS, done.changed
        result.output_path = _shown(run.home, done.output_path)
        result.backup_path = _shown(run.home, done.backup_path)
        if done.changed and _may_be_open(run, index):
            result.warnings.append(
                f"{index.venue.name} ({index.venue.code}) may be open now: a trading robot sees "
                "its list change. Off-peak is better."
            )
        _confirm_caches(run, index, done, result)
    return done


def validate(run: MaintenanceRun, index: Index) -> "LiveAudit":
    """Audit the live file of `index`; all indices share one result.

    Raises:
        StepFailed: the audit could not run.
    """
    from tws_maintenance.constituents.audit_live import validate_live

    with run.step(METADATA_VALIDATION, ValidationResult) as result:
        limits, at = run.settings.of(index), utc_now()
        known = run.catalog.last_refreshed((index.task,), at + CLOCK_TOLERANCE)
        refreshed_at = known[index.task].finished_at if index.task in known else None
        audit = validate_live(run.home, index, limits, refreshed_at, at)
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


def _describe(run: MaintenanceRun, result: ListResult, proposal: Proposal) -> None:
    """Fill in which proposal the task is about and whom it concerns."""
    result.proposal_id = proposal.proposal_id
    result.impact, warnings = impact_of(proposal.changes, run.scope())
    result.warnings += warnings
    result.announced_impact = upcoming_impact(proposal, run.scope())


def _audited(run: MaintenanceRun, index: Index, proposal: Proposal) -> Receipt:
    """Return the receipt of `proposal`; it is written unless an earlier run wrote it."""
    if index.key not in run.staged:
        with contextlib.suppress(ProposalUnaudited):
            return read_receipt(run.home, proposal.proposal_id)
    limits = run.settings.of(index)
    return run.auditor.audit(run.home, index, proposal, limits, run.override, run.mark())


@contextlib.contextmanager
def _noting_what_was_published(
    run: MaintenanceRun, index: Index, result: ListResult
) -> Iterator[None]:
    """Fill in from the bytes on disk what was published if a cancel interrupts the promotion."""
    try:
        yield
    except Exception:
        raise
    except BaseException:
        proposal_id = str(result.proposal_id)
        if proposal_id in promotions_of(run.home, index, run.report_id):
            wait = run.settings.locks.wait
            describe_settled(result, finish_promotion(run.home, index, proposal_id, wait))
        raise


def _shown(home: Home, path: Path | None) -> str | None:
    return home.relative(path) if path else None


def _may_be_open(run: MaintenanceRun, index: Index) -> bool:
    # Imports SQLAlchemy, for which a dry run need not wait.
    from tws_maintenance.market_events.providers.closures import read_closures

    closures = read_closures(run.home, run.settings)
    return may_be_open(index.venue, utc_now(), closures)


def _confirm_caches(run: MaintenanceRun, index: Index, done: Promotion, result: ListResult) -> None:
    """Ask the robot whether its cache has seen what was published."""
    stamp = read_generation(run.home, index)
    if not run.settings.robot.url or not done.changed or stamp is None:
        return
    from tws_maintenance.robot.caches import confirm, warnings_of

    answer = confirm(run.settings.robot, index.key, stamp.generation)
    result.caches = [Cache(**answer)]
    result.warnings += warnings_of([answer])


def _chosen(run: MaintenanceRun, index: Index) -> tuple[str, str | None]:
    """Return the proposal to promote, with the sha256 that its report names."""
    staged = run.staged.get(index.key)
    if staged is not None:
        return staged.proposal_id, staged.sha256
    if run.request.report_id:
        return reported_proposal(run.home, run.request.report_id, index)
    proposal = _inherited(run, index) or _newest(run.home, index)
    return reported_proposal(run.home, proposal.report_id, index)


def _inherited(run: MaintenanceRun, index: Index) -> Proposal | None:
    """Return the proposal of the run that this one repeats, None where it repeats no run."""
    if not run.request.lineage:
        return None
    proposals = (read_proposal(run.home, one) for one in proposal_ids(run.home, index))
    found = (one for one in proposals if one.run_id in run.request.lineage)
    inherited = next(found, None)
    if inherited is None:
        raise ProposalMissing(
            f"The run that this one repeats staged no {index.name} list. Start a new run."
        )
    return inherited


def _newest(home: Home, index: Index) -> Proposal:
    """Return the newest proposal of `index`: what a run of only the live asset promotes."""
    newest = next(proposal_ids(home, index), None)
    if newest is None:
        raise ProposalMissing(
            f"There is no {index.name} proposal to promote. Materialize "
            f"staged/{index.task} first, check the result, then materialize this asset."
        )
    return read_proposal(home, newest)
