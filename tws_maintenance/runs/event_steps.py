"""The steps of a run that concern market events: stage, audit, apply.

They are those of a list with one difference: an apply compares the proposal with the store again,
since a database has other writers than this run. Which service keeps the events is known only in
`keeper`.
"""

from collections.abc import Sequence

from tws_maintenance.audit.receipt import Receipt
from tws_maintenance.config.indices import MARKET_EVENTS
from tws_maintenance.core.clock import utc_now
from tws_maintenance.core.errors import ProposalMissing, StoreError
from tws_maintenance.market_events.keeper import EventsSync
from tws_maintenance.market_events.model import Event
from tws_maintenance.market_events.sync_result import SyncResult
from tws_maintenance.reports.event_results import describe_scope, describe_sync, settle_half_done
from tws_maintenance.reports.list_results import describe_audit
from tws_maintenance.reports.schema import EventsResult, TaskStatus
from tws_maintenance.runs.maintenance import MaintenanceRun

APPLY_JOB = "refresh_market_events"


def stage(run: MaintenanceRun) -> None:
    """Compare what the providers answer with what is stored, and write the proposal.

    Raises:
        StepFailed: the task's result says why.
    """
    with run.step(MARKET_EVENTS, EventsResult) as result:
        assert run.sync is not None, "the run was not opened"
        describe_scope(result, run.scope())
        run.found = run.sync.stage(run.mark())
        describe_sync(result, run.found)
        _judge_closures(run, result, run.found.calendars)


def audit(run: MaintenanceRun) -> Receipt:
    """Audit what was staged, as it is on disk, and write its receipt.

    Raises:
        StepFailed: the audit could not run. (A failed audit is a receipt, not an exception.)
    """
    with run.step(MARKET_EVENTS, EventsResult) as result:
        _, staged = _staged(run)
        receipt = run.worker.audit(run.home, staged.proposal_id, run.mark())
        describe_audit(result, receipt)
    return receipt


def apply(run: MaintenanceRun) -> None:
    """Store what this run staged and its audit passed, or have the robot refresh.

    Raises:
        StepFailed: refused or failed; the task's result says which and why.
    """
    with run.step(MARKET_EVENTS, EventsResult) as result:
        sync, staged = _staged(run)

        def note_progress(done: SyncResult) -> None:
            # If the apply ends here, the report shows what is stored and not what was planned.
            describe_sync(result, done, before=staged)
            settle_half_done(result)
            run.keep_journal()

        describe_audit(result, sync.apply(run.mark(), note_progress))
        # Where the end of the refresh was not seen, an error says so.
        result.status = TaskStatus.PARTIAL_FAILURE if result.errors else TaskStatus.SUCCESS


def _judge_closures(run: MaintenanceRun, result: EventsResult, known: Sequence[Event]) -> None:
    """Add what the calendar packages now know about the operator's closures to the warnings."""
    from tws_maintenance.market_events.providers import closures

    try:
        own = closures.to_come(run.home, run.settings, utc_now())
    except StoreError as error:
        result.warnings.append(f"Could not check the closures that operators added: {error}")
        return
    result.warnings += closures.judge(own, known, utc_now())


def _staged(run: MaintenanceRun) -> tuple[EventsSync, SyncResult]:
    if run.sync is None or run.found is None:
        raise ProposalMissing(
            f"This run staged no market events, and an apply stores only what its own run staged. "
            f"Launch the job {APPLY_JOB}: it fetches, audits and applies."
        )
    return run.sync, run.found
