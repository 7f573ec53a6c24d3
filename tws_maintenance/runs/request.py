"""The request of a run: one type for the command line, the console, Dagster and the report.

Dagster's config has its fields (`tws_maintenance.pipeline.config`), a process receives it as JSON,
and the report begins with it. What does not belong here: executing the run.
"""

from typing import Annotated, Any

from pydantic import Field, TypeAdapter
from pydantic.dataclasses import dataclass

from tws_maintenance.config.indices import DEFAULT_DAYS, MAX_DAYS
from tws_maintenance.reports.schema import EntryPoint

NEWEST = "newest"
# Only market events use these, so a run without them must not ignore them silently.
FOR_EVENTS = ("symbols", "days", "many_symbols")

# The API's bodies share these fields, with limits of their own. `pipeline.config` checks Dagster's
# config, so that its report shows what was asked even where that was too much.
AllowLargeChange = Annotated[
    bool,
    Field(description="Accept a count change, turnover or loss of events above the limit."),
]
Reason = Annotated[str, Field(description="The reason for the run, kept in the report.")]
Days = Annotated[
    int, Field(description=f"How many days ahead to look for events: 1 to {MAX_DAYS}.")
]


@dataclass(frozen=True)
class RunSpec:
    """The request of one run. The description of each field says what it means."""

    tasks: Annotated[
        tuple[str, ...],
        Field(description="Work on these tasks only; empty means every task that the run selects."),
    ]
    dry_run: bool
    allow_large_change: AllowLargeChange = False
    reason: Reason = ""
    report_id: Annotated[
        str,
        Field(description="For promote_proposals: the report id of the dry run to promote."),
    ] = ""
    backup: Annotated[
        str, Field(description=f"For restore_backup: a backup's id, or `{NEWEST}`.")
    ] = ""
    symbols: Annotated[
        tuple[str, ...],
        Field(
            description="Symbols to fetch events for, besides positions, strategies and watchlist."
        ),
    ] = ()
    days: Days = DEFAULT_DAYS
    many_symbols: Annotated[
        bool, Field(description="Fetch more symbols than [events] max_symbols.")
    ] = False
    entry_point: EntryPoint = EntryPoint.CLI
    actor: str = ""

    def to_json(self) -> bytes:
        """Return it as the JSON that another process reads with `from_json`."""
        return _SPEC.dump_json(self)

    @classmethod
    def from_json(cls, content: bytes) -> "RunSpec":
        """Return the request that `to_json` wrote. Raises ValueError for anything else."""
        return _SPEC.validate_json(content)


_SPEC = TypeAdapter(RunSpec)


@dataclass(frozen=True, kw_only=True)
class PlannedRun(RunSpec):
    """A run as Dagster planned it; `tasks` are those that it will really work on.

    `fetches` is False where no step stages anything. `only_looked_at` are tasks that stay a dry
    run while others are applied; `lineage` are the runs that this one repeats.
    """

    run_id: str
    fetches: bool = True
    only_looked_at: tuple[str, ...] = ()
    lineage: tuple[str, ...] = ()

    def head(self) -> dict[str, Any]:
        """Return the first keys of a report: who made the run and what was asked."""
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
    """A run that ended: its report's id, or why it has no report."""

    run_id: str
    report_id: str | None
    problem: str
