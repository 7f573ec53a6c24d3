"""What a caller wants done (a command, a button, another program), and what came of it."""

from dataclasses import dataclass

from tws_maintenance.config.indices import DEFAULT_DAYS
from tws_maintenance.reports.schema import EntryPoint


@dataclass(frozen=True)
class RunSpec:
    """One run that is wanted, in the words of the run config.

    `report_id` names a dry run whose proposals are promoted, `backup` what is restored; `symbols`
    are added to those whose events are fetched anyway, `days` is how far ahead (1 to 365).
    """

    tasks: tuple[str, ...]
    dry_run: bool
    allow_large_change: bool = False
    reason: str = ""
    report_id: str = ""
    backup: str = ""
    symbols: tuple[str, ...] = ()
    days: int = DEFAULT_DAYS
    many_symbols: bool = False
    entry_point: EntryPoint = EntryPoint.CLI
    actor: str = ""


@dataclass(frozen=True)
class Executed:
    """A run that ended: its report's id, or why there is none."""

    run_id: str
    report_id: str | None
    problem: str
