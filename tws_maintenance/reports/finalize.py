"""Settling a task's result once nothing more is added to it."""

from tws_maintenance.audit.results import ValidationStatus
from tws_maintenance.config.indices import DECLARED, METADATA_VALIDATION
from tws_maintenance.reports.events import settle_providers
from tws_maintenance.reports.record import TaskResult, TaskStatus


def conclude(result: TaskResult, *, is_interrupted: bool) -> None:
    """Settle a result once nothing more is added to it."""
    if result.task == METADATA_VALIDATION:
        _gather_files(result)
    _settle_status(result, is_interrupted=is_interrupted)
    if result.details.get("providers"):
        settle_providers(result)
    if result.task == METADATA_VALIDATION and result.validation_errors:
        result.validation_status = ValidationStatus.FAILED


def _settle_status(result: TaskResult, *, is_interrupted: bool) -> None:
    """Settle the status: success is what remains when nothing failed and everything was done."""
    if result.status == TaskStatus.PARTIAL_FAILURE and not result.validation_errors:
        return  # the step knows: the robot's refresh stored something and was not seen to its end
    if result.errors or result.validation_errors:
        result.status = TaskStatus.FAILED
    elif result.started_at is None:
        result.status = TaskStatus.SKIPPED
    elif result.task == METADATA_VALIDATION:
        result.status = TaskStatus.SUCCESS
        result.validation_status = ValidationStatus.PASSED
    elif (
        is_interrupted
        and result.status != TaskStatus.SUCCESS
        and not (result.dry_run and result.validation_status == ValidationStatus.PASSED)
    ):
        result.status = TaskStatus.FAILED
        result.errors.append("the run was interrupted before this task was done")
    elif result.validation_status != ValidationStatus.PASSED:
        result.status = TaskStatus.FAILED
        result.errors.append("the audit did not run, so nothing may be promoted")
    elif result.dry_run:
        result.status = TaskStatus.SUCCESS
    elif result.status != TaskStatus.SUCCESS:
        result.status = TaskStatus.FAILED
        result.errors.append("the promotion did not run")


def _gather_files(result: TaskResult) -> None:
    """Put the files of a validation in their declared order, and their findings with them."""
    files = result.details["files"]
    result.details["files"] = {key: files[key] for key in DECLARED if key in files}
    for key, one in result.details["files"].items():
        found, name = one["validation"], DECLARED[key].name
        result.validation_errors += [f"{name}: {text}" for text in found["errors"]]
        result.validation_warnings += [f"{name}: {text}" for text in found["warnings"]]
