"""Plain records of what Dagster's history says of our runs; no Dagster in here.

What belongs here: what a page, the API and a helper process hand to each other. What does not:
asking Dagster, which is `run_history`'s.
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

    `report_id` is known from the run's start on; times are UTC texts.
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
    """How one asset check came out."""

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
    """The newest audit of what was staged of an index, all of it by one run."""

    run_id: str
    finished_at: str
    checks: tuple[CheckView, ...]


@dataclass(frozen=True)
class Known:
    """What a status needs of Dagster: the runs in progress, and what is newest of each list.

    `has_dead` is whether a run in progress has no process any more; `is_at_work` whether any has
    not ended, a clean-up too: its process may die, which changes nothing in the storage.
    """

    running: tuple[RunView, ...] = ()
    has_dead: bool = False
    is_at_work: bool = False
    refreshes: dict[str, Materialized] = field(default_factory=dict)
    audits: dict[str, Audited] = field(default_factory=dict)


@dataclass(frozen=True)
class Looked:
    """One run: its view, None where Dagster has none of that id, its steps and its checks.

    `is_dead` is whether it is in progress and has no process any more.
    """

    view: RunView | None
    is_dead: bool = False
    steps: tuple[StepView, ...] = ()
    checks: tuple[CheckView, ...] = ()


@dataclass(frozen=True)
class Place:
    """Where Dagster's storage lies: in these SQLite files, or in PostgreSQL, or elsewhere."""

    files: tuple[str, ...] = ()
    is_postgres: bool = False
