"""Plain records: task results and reports, with the keys that other programs rely on."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from tws_maintenance.audit.results import ValidationStatus
from tws_maintenance.config.events_service import EventsService
from tws_maintenance.config.indices import MARKET_EVENTS, METADATA_VALIDATION
from tws_maintenance.core.clock import utc_text


class TaskStatus(StrEnum):
    """How a task ended; a refused promotion has failed, a skipped task never started."""

    SUCCESS = "success"
    FAILED = "failed"
    SKIPPED = "skipped"
    PARTIAL_FAILURE = "partial_failure"


class RunStatus(StrEnum):
    """How a run ended."""

    COMPLETED = "completed"
    PARTIAL_FAILURE = "partial_failure"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


class EntryPoint(StrEnum):
    """Where a run was started from."""

    CLI = "cli"
    CONSOLE = "console"
    SCHEDULE = "schedule"
    SENSOR = "sensor"
    DAGSTER_UI = "dagster_ui"
    DAGSTER_CLI = "dagster_cli"


@dataclass
class TaskResult:
    """One task's outcome, filled in while the task runs. `details` follow the common keys."""

    task: str
    dry_run: bool
    status: TaskStatus = TaskStatus.SKIPPED
    source: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    before_count: int | None = None
    after_count: int | None = None
    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    validation_status: ValidationStatus = ValidationStatus.NOT_RUN
    validation_warnings: list[str] = field(default_factory=list)
    validation_errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def duration_seconds(self) -> float | None:
        """How long it took, None while it runs or where it never did."""
        if self.started_at is None or self.finished_at is None:
            return None
        return round((self.finished_at - self.started_at).total_seconds(), 3)

    def to_dict(self) -> dict[str, Any]:
        """Return the result with its keys in their documented order."""
        return {
            "task": self.task,
            "status": self.status.value,
            "dry_run": self.dry_run,
            "source": self.source,
            "started_at": utc_text(self.started_at) if self.started_at else None,
            "finished_at": utc_text(self.finished_at) if self.finished_at else None,
            "duration_seconds": self.duration_seconds,
            "before_count": self.before_count,
            "after_count": self.after_count,
            "added": sorted(self.added),
            "removed": sorted(self.removed),
            "validation": {
                "status": self.validation_status.value,
                "warnings": self.validation_warnings,
                "errors": self.validation_errors,
            },
            "warnings": self.warnings,
            "errors": self.errors,
            **self.details,
        }


def constituents_details() -> dict[str, Any]:
    """Return the keys of a constituents result beyond the common ones, as before any step.

    `refusal` is the code of a refused promotion (`stale`, `too_old`, `used`, `unaudited`,
    `lock_held`, `missing`), null otherwise: exit codes tell a refusal from a failure by it.
    """
    return {
        "proposal_id": None,
        "proposal_sha256": None,
        "changes": {"added": [], "removed": [], "renamed": [], "updated": []},
        "sources": [],
        "rows_read": None,
        "rows_dropped": [],
        "carried_forward": 0,
        "impact": {"positions": [], "strategies": [], "watchlist": []},
        "output_path": None,
        "backup_path": None,
        "changed": False,
        "caches": [],
        "membership": None,
        "enrichment": {},
        "corroboration": {"sources": [], "changes": {}},
        "refusal": None,
    }


def events_details() -> dict[str, Any]:
    """Return the keys of a market events result beyond the common ones, as before any step.

    `changed_fields` tells of each changed event which field was what; `moved` names the near events
    of held, traded or watched symbols that moved or are no longer listed; `service` is who keeps
    the events; `refusal` is as in a constituents result.
    """
    return {
        "providers": [],
        "symbols": {},
        "window": {},
        "diff": {"new": [], "changed": [], "stale": [], "unchanged": []},
        "changed_fields": [],
        "moved": [],
        "service": EventsService.EMBEDDED.value,
        "proposal_id": None,
        "proposal_sha256": None,
        "refusal": None,
    }


def new_details(task: str) -> dict[str, Any]:
    """Return the keys of a result of `task` beyond the common ones, as before any step."""
    if task == METADATA_VALIDATION:
        return {"files": {}}
    return events_details() if task == MARKET_EVENTS else constituents_details()


def run_status(results: list[dict[str, Any]], errors: list[str]) -> RunStatus:
    """Return a run's status from its results: partial means some succeeded and some did not."""
    statuses = {result["status"] for result in results}
    good = bool(statuses & {TaskStatus.SUCCESS, TaskStatus.PARTIAL_FAILURE})
    bad = bool(statuses & {TaskStatus.FAILED, TaskStatus.PARTIAL_FAILURE}) or bool(errors)
    if good and bad:
        return RunStatus.PARTIAL_FAILURE
    return RunStatus.COMPLETED if good else RunStatus.FAILED
