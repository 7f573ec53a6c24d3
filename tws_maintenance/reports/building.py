"""Building a report from the files of a run: the only way, however the run ended.

What went well is on disk: a proposal, its receipt. The journal has the rest. So a run that is
killed just before its end gets the same report as one that ends by itself.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tws_maintenance.audit.receipt import read_receipt
from tws_maintenance.audit.results import ValidationStatus
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import DECLARED, METADATA_VALIDATION
from tws_maintenance.constituents.diff import Changes
from tws_maintenance.constituents.proposal import is_staged, read_proposal
from tws_maintenance.core.clock import parse_utc, utc_text
from tws_maintenance.core.errors import ProposalMissing, ProposalUnaudited, TwsMaintenanceError
from tws_maintenance.reports.event_results import settle_providers
from tws_maintenance.reports.journal import Journal
from tws_maintenance.reports.list_results import describe, describe_audit, describe_changes
from tws_maintenance.reports.schema import (
    EventsResult,
    ListResult,
    Report,
    Result,
    RunStatus,
    TaskResult,
    TaskStatus,
    ValidationResult,
    run_status,
)

NO_REASON = "a large change was allowed without a reason: give one with --reason"
INTERRUPTED = "the run was interrupted before this task was done"
NOT_STAGED = "the run was killed before it had staged anything; nothing was replaced"
STAGED = (
    "the run was killed after staging; nothing was replaced. The proposal is kept: "
    "`proposals list` shows it."
)


@dataclass(frozen=True)
class Ending:
    """How a run ended.

    `interrupted` is what ended it before it was done, "" where nothing did. `is_killed` is whether
    the run could not report that itself. `errors` are the run's own. `failures` are Dagster's
    messages of failed steps, by task; a step that belongs to no task is under its own name.
    """

    interrupted: str = ""
    is_killed: bool = False
    errors: tuple[str, ...] = ()
    failures: Mapping[str, str] = field(default_factory=dict)


WELL = Ending()


def build_report(
    home: Home, report_id: str, journal: Journal, ending: Ending, at: datetime
) -> Report:
    """Return the report of a run that ended `at`."""
    results = [_ended(home, report_id, one, ending) for one in journal.results.values()]
    failed_steps = (text for one, text in ending.failures.items() if one not in journal.results)
    errors = [*ending.errors, *failed_steps]
    if ending.interrupted:
        errors.append(f"Interrupted: {ending.interrupted}")
    is_unreasoned = journal.overrides.get("allow_large_change") and not journal.reason
    duration = (at - parse_utc(journal.reserved_at)).total_seconds()
    return Report(
        report_id=report_id,
        run_id=journal.run_id,
        entry_point=journal.entry_point,
        actor=journal.actor,
        reason=journal.reason,
        status=RunStatus.INTERRUPTED if ending.interrupted else run_status(results, errors),
        dry_run=journal.dry_run,
        overrides=journal.overrides,
        started_at=journal.reserved_at,
        finished_at=utc_text(at),
        duration_seconds=round(duration, 3),
        results=results,
        warnings=[
            *(f"{one.task}: {text}" for one in results for text in one.every_warning),
            *([NO_REASON] if is_unreasoned else []),
        ],
        errors=[*errors, *(f"{one.task}: {text}" for one in results for text in one.every_error)],
    )


def _ended(home: Home, report_id: str, known: TaskResult, ending: Ending) -> TaskResult:
    """Return the result of a task, with an error in it where what was done cannot be read."""
    try:
        result = build_result(home, report_id, known)
    except Exception as error:  # noqa: BLE001 - or the whole run would go without a report
        result = known
        result.errors.append(f"could not determine what was done. {message_of(error)}")
    if result.task in ending.failures and not result.every_error:
        result.errors.append(ending.failures[result.task])
    conclude(result, ending)
    return result


def build_result(home: Home, report_id: str, known: TaskResult) -> TaskResult:
    """Return the result of a task so far; its status is not settled yet.

    `known` is the result in the journal, which is not changed.
    """
    own = {"warnings": [*known.warnings], "errors": [*known.errors]}
    result = known.model_copy(update={**own, "validation": known.validation.model_copy(deep=True)})
    if isinstance(result, ListResult):
        _fill_in(home, f"{report_id}_{result.task.removesuffix('_constituents')}", result)
    return result


def _fill_in(home: Home, staged_id: str, result: ListResult) -> None:
    """Fill in what the proposal says: that of `staged_id`, or the one that is promoted."""
    if result.proposal_id is None:  # killed before it was noted
        result.proposal_id = staged_id if is_staged(home, staged_id) else None
    if result.proposal_id is None:
        return
    noted, result.warnings = result.warnings, []
    with contextlib.suppress(ProposalMissing):
        describe(result, read_proposal(home, result.proposal_id))
    result.warnings += noted
    if result.proposal_id == staged_id and result.validation.status == ValidationStatus.NOT_RUN:
        with contextlib.suppress(ProposalUnaudited):
            describe_audit(result, read_receipt(home, staged_id))
    if result.status == TaskStatus.SUCCESS and not result.changed:
        # The live file already was this list, whatever it had been compared with.
        describe_changes(result, Changes(), result.after_count)


def conclude(result: TaskResult, ending: Ending = WELL) -> None:
    """Settle a result once nothing more is added to it."""
    if isinstance(result, ValidationResult):
        _gather_files(result)
    _settle_status(result, ending)
    is_unconfirmed = isinstance(result, ListResult) and result.is_unconfirmed and not result.changed
    if is_unconfirmed and result.status == TaskStatus.SUCCESS:
        result.status = TaskStatus.PARTIAL_FAILURE
    if isinstance(result, EventsResult):
        settle_providers(result)
    if isinstance(result, ValidationResult) and result.validation.errors:
        result.validation.status = ValidationStatus.FAILED
    result.added, result.removed = sorted(result.added), sorted(result.removed)


def _settle_status(result: Result, ending: Ending) -> None:
    """Settle the status: success only where nothing failed and everything was done."""
    has_passed = result.validation.status == ValidationStatus.PASSED
    if result.status == TaskStatus.PARTIAL_FAILURE and not result.validation.errors:
        return  # the step knows: the robot's refresh stored something and was not seen to its end
    if result.errors or result.validation.errors:
        result.status = TaskStatus.FAILED
    elif result.started_at is None:
        result.status = TaskStatus.SKIPPED
    elif result.task == METADATA_VALIDATION:
        result.status = TaskStatus.SUCCESS
        result.validation.status = ValidationStatus.PASSED
    elif result.status == TaskStatus.SUCCESS or (result.dry_run and has_passed):
        result.status = TaskStatus.SUCCESS
    else:
        result.status = TaskStatus.FAILED
        result.errors.append(_what_is_missing(result, ending, has_passed=has_passed))


def _what_is_missing(result: Result, ending: Ending, *, has_passed: bool) -> str:
    """Return why a task that met no error was not done."""
    if ending.is_killed and isinstance(result, ListResult):
        return STAGED if result.proposal_id else NOT_STAGED
    if ending.interrupted:
        return INTERRUPTED
    if has_passed:
        return "the promotion did not run"
    return "the audit did not run, so nothing may be promoted"


def _gather_files(result: ValidationResult) -> None:
    """Put the files of a validation in their declared order, and their findings with them."""
    result.files = {key: result.files[key] for key in DECLARED if key in result.files}
    for key, one in result.files.items():
        name = DECLARED[key].name
        result.validation.errors += [f"{name}: {text}" for text in one.validation.errors]
        result.validation.warnings += [f"{name}: {text}" for text in one.validation.warnings]


def message_of(error: Exception) -> str:
    """Return an error as the operator should read it; an unknown one with the name of its class."""
    if isinstance(error, TwsMaintenanceError):
        return str(error)
    if isinstance(error, OSError):
        return f"{error.strerror or error}" + (f": {error.filename}" if error.filename else "")
    return f"Unexpected {type(error).__name__}: {error}. This is a fault of tws_maintenance itself."
