"""Reading the summary of a report from a file that may hold anything."""

import stat
from dataclasses import replace
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

from tws_maintenance.reports.file_names import BACKUP_SOURCE, is_ours
from tws_maintenance.reports.schema import (
    Instant,
    ListResult,
    Report,
    TaskResult,
    TaskStatus,
    Validation,
    ValidationResult,
    parse_report,
)
from tws_maintenance.reports.store import is_refresh
from tws_maintenance.reports.summary import ReportSummary, ResultLine


def summary_of(report: Report) -> ReportSummary:
    """Return the summary of a report."""
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
        announcements_known=isinstance(result, ListResult) and result.announcements_known,
    )


def read_summary(path: Path, report_id: str) -> ReportSummary:
    """Return the summary of a report file; any fault of the file gives one that is `damaged`."""
    try:
        # Opening a pipe would wait for its writer.
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
    """What a result of an older form may hold; a value of a wrong type counts as missing."""

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
    """What a report of an older form may hold."""

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
