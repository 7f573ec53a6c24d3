"""What a run is to do: one type for the command line, the console, Dagster and the report.

Dagster's config is made of its fields (`tws_maintenance.pipeline.config`), a process is handed it
as JSON, and the report begins with it.
"""

from typing import Annotated, Any

from pydantic import Field, TypeAdapter
from pydantic.dataclasses import dataclass

from tws_maintenance.config.indices import DEFAULT_DAYS, MAX_DAYS
from tws_maintenance.reports.schema import EntryPoint

NEWEST = "newest"
# What only market events use, so that a run without them must not ignore it silently.
FOR_EVENTS = ("symbols", "days", "many_symbols")

# The fields that the API's bodies share. Their limits there are the API's: Dagster's config is
# judged by `pipeline.config`, whose report says what was asked, also where that was too much.
AllowLargeChange = Annotated[
    bool,
    Field(description="Accept a count change, turnover or loss of events above the limit."),
]
Reason = Annotated[str, Field(description="Why; kept in the report.")]
Days = Annotated[
    int, Field(description=f"How far ahead events are looked for, in days: 1 to {MAX_DAYS}.")
]


@dataclass(frozen=True)
class RunSpec:
    """One run that is wanted. What each field means stands in its description."""

    tasks: Annotated[
        tuple[str, ...],
        Field(description="Work on these tasks only; empty means all that the run selects."),
    ]
    dry_run: bool
    allow_large_change: AllowLargeChange = False
    reason: Reason = ""
    report_id: Annotated[
        str,
        Field(description="For promote_proposals: the dry run whose proposals are published."),
    ] = ""
    backup: Annotated[
        str, Field(description=f"For restore_backup: a backup's id, or `{NEWEST}`.")
    ] = ""
    symbols: Annotated[
        tuple[str, ...],
        Field(
            description="Symbols whose events are fetched beside positions, strategies, watchlist."
        ),
    ] = ()
    days: Days = DEFAULT_DAYS
    many_symbols: Annotated[bool, Field(description="Fetch more than [events] max_symbols.")] = (
        False
    )
    entry_point: EntryPoint = EntryPoint.CLI
    actor: str = ""

    def to_json(self) -> bytes:
        """Return it as another process is handed it."""
        return _SPEC.dump_json(self)

    @classmethod
    def from_json(cls, content: bytes) -> "RunSpec":
        """Read what `to_json` wrote. Raises ValueError for anything else."""
        return _SPEC.validate_json(content)


_SPEC = TypeAdapter(RunSpec)


@dataclass(frozen=True, kw_only=True)
class PlannedRun(RunSpec):
    """A run as Dagster planned it; `tasks` are those that it will really work on.

    `fetches` is False where no step of it stages anything. `only_looked_at` are tasks that stay a
    dry run beside others that are applied; `lineage` the runs that this one executes again.
    """

    run_id: str
    fetches: bool = True
    only_looked_at: tuple[str, ...] = ()
    lineage: tuple[str, ...] = ()

    def head(self) -> dict[str, Any]:
        """Return what a report begins with: whose run it is and what was asked."""
        return {
            "run_id": self.run_id,
            "entry_point": self.entry_point,
            "actor": self.actor,
            "reason": self.reason,
            "dry_run": self.dry_run,
            "overrides": {"allow_large_change": self.allow_large_change},
        }


@dataclass(frozen=True)
class Executed:
    """A run that ended: its report's id, or why there is none."""

    run_id: str
    report_id: str | None
    problem: str
