"""What is remembered of a report: little enough that thousands of them fit into a process.

What belongs here: reading it from a file that may hold anything. What does not: when it is read
again, which is `catalog`'s.
"""

import stat
from dataclasses import dataclass, replace
from pathlib import Path
from sys import intern
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from tws_maintenance.reports.schema import (
    BACKUP_SOURCE,
    Instant,
    Report,
    TaskResult,
    TaskStatus,
    Validation,
    ValidationResult,
    parse_report,
)
from tws_maintenance.reports.store import is_ours, is_refresh

DAMAGED = "damaged"
_LISTED = (
    *("report_id", "run_id", "status", "dry_run", "finished_at"),
    *("warnings", "errors", "damaged"),
)


@dataclass(frozen=True, slots=True)
class ResultLine:
    """One task's result in a report; `is_refresh` as `store.is_refresh` tells."""

    task: str
    status: str
    dry_run: bool | None
    refusal: str | None
    finished_at: str | None
    source: str | None
    validation_status: str | None
    proposal_id: str | None
    is_refresh: bool

    @property
    def was_tried(self) -> bool:
        """Tell whether the task started; a skipped one never did."""
        return self.status != TaskStatus.SKIPPED

    @property
    def is_restore(self) -> bool:
        """Tell whether it brought a backup back."""
        return (
            self.dry_run is False
            and self.status == TaskStatus.SUCCESS
            and (self.source or "").startswith(BACKUP_SOURCE)
            and self.finished_at is not None
        )


@dataclass(frozen=True, slots=True)
class ReportSummary:
    """What a report says in short; of a damaged one only what could be told.

    `warnings` and `errors` are how many; `results` are in the order of the report.
    """

    report_id: str
    run_id: str | None = None
    status: str | None = None
    dry_run: bool | None = None
    entry_point: str | None = None
    actor: str | None = None
    started_at: str | None = None
    finished_at: str | None = None
    warnings: int = 0
    errors: int = 0
    damaged: bool = False
    results: tuple[ResultLine, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return it as a line of the list of reports, for programs."""
        return {name: getattr(self, name) for name in _LISTED}

    def matches(self, status: str | None, task: str | None) -> bool:
        """Tell whether it has that status (or is `damaged`) and a result of that task."""
        found = DAMAGED if self.damaged else self.status
        return (status is None or status == found) and (
            task is None or any(line.task == task for line in self.results)
        )


def summary_of(report: Report) -> ReportSummary:
    """Return what is remembered of a report."""
    return ReportSummary(
        report_id=report.report_id,
        run_id=report.run_id,
        status=report.status.value,
        dry_run=report.dry_run,
        entry_point=report.entry_point.value,
        actor=intern(report.actor),
        started_at=report.started_at,
        finished_at=report.finished_at,
        warnings=len(report.warnings),
        errors=len(report.errors),
        results=tuple(_line(one) for one in report.results),
    )


def _line(result: TaskResult) -> ResultLine:
    return ResultLine(
        task=intern(result.task),
        status=result.status.value,
        dry_run=result.dry_run,
        refusal=result.refusal and intern(result.refusal),
        finished_at=result.finished_at,
        source=result.source and intern(result.source),
        validation_status=result.validation.status.value,
        proposal_id=None if isinstance(result, ValidationResult) else result.proposal_id,
        is_refresh=is_refresh(result),
    )


def read_summary(path: Path, report_id: str) -> ReportSummary:
    """Read a report; whatever is wrong with the file gives a summary that is damaged."""
    try:
        # Opening a pipe would wait for whoever writes to it.
        if not stat.S_ISREG(path.stat().st_mode):
            return ReportSummary(report_id, damaged=True)
        content = path.read_bytes()
    except OSError:
        return ReportSummary(report_id, damaged=True)
    try:
        return replace(summary_of(parse_report(content)), report_id=report_id)
    except ValueError:
        return _of_another_form(content, path, report_id)


def _of_another_form(content: bytes, path: Path, report_id: str) -> ReportSummary:
    """Return what can be read of a report that is damaged, or of an older form."""
    try:
        found = _Older.model_validate_json(content)
    except ValueError:
        return ReportSummary(report_id, damaged=True)
    if is_ours(path.stem) or found.status is None:
        return ReportSummary(report_id, run_id=found.run_id, damaged=True)
    lines = [one for one in found.results if one.task is not None and one.status is not None]
    return ReportSummary(
        report_id=report_id,
        run_id=found.run_id,
        status=found.status,
        dry_run=found.dry_run,
        entry_point=found.entry_point,
        actor=found.actor,
        started_at=found.started_at,
        finished_at=found.finished_at,
        warnings=len(found.warnings),
        errors=len(found.errors),
        results=tuple(one.line() for one in lines),
    )


def _or_none(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    try:
        return handler(value)
    except ValueError:
        return None


def _objects(value: Any) -> Any:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _any_list(value: Any) -> Any:
    return value if isinstance(value, list) else []


Text = Annotated[str | None, WrapValidator(_or_none)]
Flag = Annotated[bool | None, WrapValidator(_or_none)]
At = Annotated[Instant | None, WrapValidator(_or_none)]


class _OlderResult(BaseModel):
    """What a result of an older form may say; a value of a wrong type is no value."""

    model_config = ConfigDict(strict=True)

    task: Text = None
    status: Text = None
    dry_run: Flag = None
    refusal: Text = None
    finished_at: At = None
    source: Text = None
    proposal_id: Text = None
    validation: Annotated[Validation | None, WrapValidator(_or_none)] = None

    def line(self) -> ResultLine:
        return ResultLine(
            task=self.task or "",
            status=self.status or "",
            dry_run=self.dry_run,
            refusal=self.refusal,
            finished_at=self.finished_at,
            source=self.source,
            validation_status=self.validation.status.value if self.validation else None,
            proposal_id=self.proposal_id,
            is_refresh=(
                self.dry_run is False
                and self.status == TaskStatus.SUCCESS
                and not (self.source or "").startswith(BACKUP_SOURCE)
                and self.finished_at is not None
            ),
        )


class _Older(BaseModel):
    """What a report of an older form may say."""

    model_config = ConfigDict(strict=True)

    run_id: Text = None
    status: Text = None
    dry_run: Flag = None
    entry_point: Text = None
    actor: Text = None
    started_at: At = None
    finished_at: At = None
    warnings: Annotated[list[Any], BeforeValidator(_any_list)] = []
    errors: Annotated[list[Any], BeforeValidator(_any_list)] = []
    results: Annotated[list[_OlderResult], BeforeValidator(_objects)] = []
