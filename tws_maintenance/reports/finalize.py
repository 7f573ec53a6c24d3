"""Settling a task's result once nothing more is added to it."""

from tws_maintenance.audit.results import ValidationStatus
from tws_maintenance.config.indices import DECLARED, METADATA_VALIDATION
from tws_maintenance.reports.events import settle_providers
from tws_maintenance.reports.schema import (
    EventsResult,
    ListResult,
    Result,
    TaskResult,
    TaskStatus,
    ValidationResult,
)


def conclude(result: TaskResult, *, is_interrupted: bool) -> None:
    """Settle a result once nothing more is added to it."""
    if isinstance(result, ValidationResult):
        _gather_files(result)
    _settle_status(result, is_interrupted=is_interrupted)
    if isinstance(result, ListResult) and result.is_unconfirmed and not result.changed:
        _settle_unconfirmed(result)
    if isinstance(result, EventsResult):
        settle_providers(result)
    if isinstance(result, ValidationResult) and result.validation.errors:
        result.validation.status = ValidationStatus.FAILED
    result.added.sort()
    result.removed.sort()


def _settle_status(result: Result, *, is_interrupted: bool) -> None:
    """Settle the status: success is what remains when nothing failed and everything was done."""
    if result.status == TaskStatus.PARTIAL_FAILURE and not result.validation.errors:
        return  # the step knows: the robot's refresh stored something and was not seen to its end
    if result.errors or result.validation.errors:
        result.status = TaskStatus.FAILED
    elif result.started_at is None:
        result.status = TaskStatus.SKIPPED
    elif result.task == METADATA_VALIDATION:
        result.status = TaskStatus.SUCCESS
        result.validation.status = ValidationStatus.PASSED
    elif (
        is_interrupted
        and result.status != TaskStatus.SUCCESS
        and not (result.dry_run and result.validation.status == ValidationStatus.PASSED)
    ):
        result.status = TaskStatus.FAILED
        result.errors.append("the run was interrupted before this task was done")
    elif result.validation.status != ValidationStatus.PASSED:
        result.status = TaskStatus.FAILED
        result.errors.append("the audit did not run, so nothing may be promoted")
    elif result.dry_run:
        result.status = TaskStatus.SUCCESS
    elif result.status != TaskStatus.SUCCESS:
        result.status = TaskStatus.FAILED
        result.errors.append("the promotion did not run")


def _settle_unconfirmed(result: ListResult) -> None:
    """Settle a list that nothing went wrong with, and that nobody confirmed all the same."""
    if result.status == TaskStatus.SUCCESS:
        result.status = TaskStatus.PARTIAL_FAILURE


def _gather_files(result: ValidationResult) -> None:
    """Put the files of a validation in their declared order, and their findings with them."""
    result.files = {key: result.files[key] for key in DECLARED if key in result.files}
    for key, one in result.files.items():
        name = DECLARED[key].name
        result.validation.errors += [f"{name}: {text}" for text in one.validation.errors]
        result.validation.warnings += [f"{name}: {text}" for text in one.validation.warnings]
