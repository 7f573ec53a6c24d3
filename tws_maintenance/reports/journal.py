"""The journal of a run: what its report needs to know and no other record says.

Belongs here: who asked for what, and of each task its times, its errors and whom it concerns. Does
not: what a proposal, a receipt or promotion.json says; `reports.building` reads those beside it.
The journal is the reservation of the run's report, and goes when the report is written.
"""

from datetime import datetime

from pydantic import Field

from tws_maintenance.constituents.publishing import Settled
from tws_maintenance.core.clock import utc_text
from tws_maintenance.core.errors import PromotionFailed, Refusal, TwsMaintenanceError
from tws_maintenance.reports.schema import (
    Cache,
    EntryPoint,
    EventsResult,
    FileAudit,
    Instant,
    Part,
    Report,
    SourceAnswer,
    Texts,
)


class TaskNote(Part):
    """What the steps of one task came to.

    `proposal_id` is what they staged, or promote for another run; `is_judged` that an audit of it
    ended. `changed` is whether a promotion replaced the list, None where none came to an end.
    `sources` are the answers of a list, `events` what was found of market events.
    """

    started_at: Instant | None = None
    finished_at: Instant | None = None
    warnings: Texts = Field(default_factory=list)
    errors: Texts = Field(default_factory=list)
    refusal: str | None = None
    proposal_id: str | None = None
    is_judged: bool = False
    sources: list[SourceAnswer] = Field(default_factory=list)
    impact: dict[str, Texts | None] | None = None
    changed: bool | None = None
    output_path: str | None = None
    backup_path: str | None = None
    caches: list[Cache] = Field(default_factory=list)
    files: dict[str, FileAudit] = Field(default_factory=dict)
    events: EventsResult | None = None

    def begin(self, at: datetime) -> None:
        """Note when the task started, unless it did before."""
        self.started_at = self.started_at or utc_text(at)

    def publish(self, settled: Settled) -> None:
        """Note what a promotion turned out to have done."""
        self.changed = settled.changed
        self.output_path, self.backup_path = settled.output_path, settled.backup_path

    def fail(self, error: Exception) -> str:
        """Note an error that ended a step, and return it as the operator reads it."""
        self.errors.append(told(error))
        if isinstance(error, Refusal):
            self.refusal = error.code
        if isinstance(error, PromotionFailed):
            self.changed, self.backup_path = error.changed, error.backup_path
        return self.errors[-1]


class Journal(Part):
    """Who asked for a run, what it is to do, and what its tasks came to so far.

    `only_looked_at` are tasks that stay a dry run beside others that are applied. `report` is the
    whole report of a run that ended and could not write it.
    """

    run_id: str
    entry_point: EntryPoint
    actor: str
    reason: str
    dry_run: bool
    overrides: dict[str, bool]
    tasks: list[str]
    reserved_at: Instant
    only_looked_at: list[str] = Field(default_factory=list)
    pid: int | None = None
    notes: dict[str, TaskNote] = Field(default_factory=dict)
    report: Report | None = None

    def note(self, task: str) -> TaskNote:
        """Return the note of a task, to be filled in."""
        return self.notes.setdefault(task, TaskNote())

    def is_dry(self, task: str) -> bool:
        """Tell whether a task is only looked at."""
        return self.dry_run or task in self.only_looked_at

    def to_json(self) -> bytes:
        """Return it as the reservation holds it."""
        return self.model_dump_json(indent=2, by_alias=True, exclude_defaults=True).encode() + b"\n"


def told(error: Exception) -> str:
    """Return an error as the operator should read it; a class name only where nothing is known."""
    if isinstance(error, TwsMaintenanceError):
        return str(error)
    if isinstance(error, OSError):
        return f"{error.strerror or error}" + (f": {error.filename}" if error.filename else "")
    return f"Unexpected {type(error).__name__}: {error}. This is a fault of tws_maintenance itself."
