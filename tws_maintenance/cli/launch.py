"""Running a job from a command: shows its progress and returns its report."""

from typing import TYPE_CHECKING

import click

from tws_maintenance.cli.output import is_terminal
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import MARKET_EVENTS, task_name
from tws_maintenance.core.errors import HomeError, UsageError
from tws_maintenance.pipeline import launching

if TYPE_CHECKING:
    from tws_maintenance.config.settings import Settings
    from tws_maintenance.reports.schema import Report
    from tws_maintenance.runs.request import RunSpec

STAGED_EVENTS = f"staged__{MARKET_EVENTS}"
VERBS = {"staged": "fetching and staging", "audit": "auditing", "validate": "validating"}


def launch(home: Home, settings: "Settings", spec: "RunSpec", *, verbose: bool = False) -> "Report":
    """Execute a run in this process and return its report.

    Raises:
        HomeError: the run left no report; the message says why.
        UsageError: a symbol is invalid, or there are too many; nothing was started.
    """
    log_level = "INFO" if verbose else "CRITICAL"
    executed = launching.launch(home, settings, spec, on_step=_progress, log_level=log_level)
    return _report_of(home, executed.report_id, executed.problem)


def _report_of(home: Home, report_id: str | None, problem: str) -> "Report":
    from tws_maintenance.reports.store import read_report

    if report_id is None:
        raise HomeError(problem or "The run could not start and left no report.")
    try:
        return read_report(home, report_id)
    except (OSError, ValueError, UsageError) as error:
        raise HomeError(f"The report {report_id} could not be written or read: {error}") from error


def _progress(task: str, step_event: str) -> None:
    if not is_terminal():
        return
    step, _, event = step_event.rpartition(" ")
    verb = VERBS.get(step.split("_")[0], "promoting")
    if step.startswith(STAGED_EVENTS):
        verb = "asking the providers"
    elif task == MARKET_EVENTS and verb == "promoting":
        verb = "storing"
    if event == "started":
        click.echo(f"{task_name(task)}: {verb}", err=True)
    elif event == "failed":
        click.echo(f"{task_name(task)}: {verb} failed", err=True)
