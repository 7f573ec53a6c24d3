"""Plain records of our runs in Dagster's history; no Dagster is imported here.

What belongs here: the values that a page, the API and a helper process exchange. What does not:
asking Dagster, which is in `run_history`.
"""

from dataclasses import dataclass, field
from typing import Literal

from tws_maintenance.reports.schema import ListResult

RunState = Literal["queued", "running", "finished", "failed", "interrupted"]
StepState = Literal["waiting", "running", "done", "failed", "skipped"]
CheckOutcome = Literal["passed", "warned", "failed"]


@dataclass(frozen=True)
class RunView:
    """A run as Dagster has it.

    `report_id` is None before the run starts; times are UTC texts.
    """

    run_id: str
    report_id: str | None
    job: str
    state: RunState
    tasks: tuple[str, ...]
    dry_run: bool
    entry_point: str
    actor: str
    created_at: str
    started_at: str | None
    finished_at: str | None

    @property
    def is_in_progress(self) -> bool:
        """Whether it has not ended."""
        return self.state in {"queued", "running"}


@dataclass
class StepView:
    """One step of a run; its times are UTC texts."""

    step: str
    task: str
    state: StepState = "waiting"
    started_at: str | None = None
    finished_at: str | None = None
    message: str = ""


@dataclass(frozen=True)
class CheckView:
    """The result of one asset check."""

    task: str
    name: str
    outcome: CheckOutcome
    message: str
    asset: str


@dataclass(frozen=True)
class Materialized:
    """The newest refresh of a live asset: `result` is its task result."""

    run_id: str
    result: ListResult = field(repr=False)


@dataclass(frozen=True)
class Audited:
    """The newest audit of a proposal of an index, all of it from one run."""

    run_id: str
    finished_at: str
    checks: tuple[CheckView, ...]


@dataclass(frozen=True)
class Known:
    """What a status needs from Dagster: the runs in progress, and the newest results of each list.

    `has_dead` is whether a run in progress has lost its process; `is_at_work` is whether any run,
    also a clean-up, has not ended: its process may die, which changes nothing in the storage.
    """

    running: tuple[RunView, ...] = ()
    has_dead: bool = False
    is_at_work: bool = False
    refreshes: dict[str, Materialized] = field(default_factory=dict)
    audits: dict[str, Audited] = field(default_factory=dict)


@dataclass(frozen=True)
class Looked:
    """One run: its view, None where Dagster has none of that id, its steps and its checks.

    `is_dead` is whether it is in progress and has lost its process.
    """

    view: RunView | None
    is_dead: bool = False
    steps: tuple[StepView, ...] = ()
    checks: tuple[CheckView, ...] = ()


@dataclass(frozen=True)
class Place:
    """The place of Dagster's storage: these SQLite files, or PostgreSQL, or elsewhere."""

    files: tuple[str, ...] = ()
    is_postgres: bool = False
