"""The summary of a report: small enough that thousands of them fit into a process.

What belongs here: the values, and questions about them. What does not: reading one from a file
(`summary_reader`, which imports pydantic), and when a file is read again (`catalog`).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tws_maintenance.config.indices import METADATA_VALIDATION
from tws_maintenance.reports.file_names import BACKUP_SOURCE

if TYPE_CHECKING:
    from tws_maintenance.reports.schema import Report

DAMAGED = "damaged"
# As in `TaskStatus`, whose module imports pydantic.
SKIPPED, SUCCESS = "skipped", "success"
_LISTED = (
    *("report_id", "run_id", "status", "dry_run", "finished_at"),
    *("warnings", "errors", "damaged"),
)


@dataclass(frozen=True, slots=True)
class ResultLine:
    """One task's result in a report; `is_refresh` is the answer of `store.is_refresh`."""

    task: str
    status: str
    dry_run: bool | None
    refusal: str | None
    finished_at: str | None
    source: str | None
    validation_status: str | None
    proposal_id: str | None
    is_refresh: bool
    announcements_known: bool = False

    @property
    def was_tried(self) -> bool:
        """Whether the task started; a skipped one never did."""
        return self.status != SKIPPED

    @property
    def says_something(self) -> bool:
        """Whether it is about the list or the events; a refusal is only about the proposal."""
        return self.was_tried and not self.refusal

    @property
    def is_restore(self) -> bool:
        """Whether it brought a backup back."""
        return (
            self.dry_run is False
            and self.status == SUCCESS
            and (self.source or "").startswith(BACKUP_SOURCE)
            and self.finished_at is not None
        )


@dataclass(frozen=True, slots=True)
class ReportSummary:
    """A report in short; of a damaged one only what could be read.

    `warnings` and `errors` are counts; `results` are in the order of the report.
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
        """Return its entry in the list of reports, for programs."""
        return {name: getattr(self, name) for name in _LISTED}

    def matches(self, status: str | None, task: str | None) -> bool:
        """Return whether it has that status (or is `damaged`) and a result of that task."""
        found = DAMAGED if self.damaged else self.status
        return (status is None or status == found) and (
            task is None or any(line.task == task for line in self.results)
        )


def kind_of(report: "Report | ReportSummary") -> str:
    """Return what kind of run a report is of, such as "dry run" or "restore"."""
    if report.dry_run is None:
        return "unknown"
    if report.results and all(one.task == METADATA_VALIDATION for one in report.results):
        return "validation"
    if any((one.source or "").startswith(BACKUP_SOURCE) for one in report.results):
        return "restore preview" if report.dry_run else "restore"
    return "dry run" if report.dry_run else "apply"
