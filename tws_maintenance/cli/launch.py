"""Starting a run from a command: fetch while Dagster is imported, show progress, print the end."""

import contextlib
import gc
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from tws_maintenance.cli.output import is_terminal
from tws_maintenance.constituents.auditor import Auditor
from tws_maintenance.errors import HomeError, UsageError
from tws_maintenance.home import Home
from tws_maintenance.indices import INDICES, MARKET_EVENTS, Index
from tws_maintenance.market_events.worker import EventsWorker
from tws_maintenance.reports.markdown import task_name

if TYPE_CHECKING:
    from tws_maintenance.maintenance import HeadStart
    from tws_maintenance.run_spec import RunSpec

STAGED_EVENTS = f"staged__{MARKET_EVENTS}"
VERBS = {"staged": "fetching and staging", "audit": "auditing", "validate": "validating"}


def launch(home: Home, spec: "RunSpec", *, verbose: bool = False) -> dict[str, Any]:
    """Execute a run in this process and return its report.

    Raises:
        HomeError: the run could not leave a report; the message says why.
        UsageError: a symbol is none, or there are too many; nothing was started.
    """
    indices = [index for index in INDICES.values() if index.task in spec.tasks]
    fetches = [] if spec.report_id or spec.backup else indices
    with (
        _without_gc(),
        _asking(wanted=MARKET_EVENTS in spec.tasks) as worker,
        _auditing(wanted=bool(indices) and not spec.report_id) as auditor,
    ):
        begun = _begin(home, fetches, auditor, worker)
        if MARKET_EVENTS in spec.tasks:
            _begin_events(home, worker, spec)
        from tws_maintenance.pipeline.runs import execute

        log_level = "INFO" if verbose else "CRITICAL"
        executed = execute(home, spec, begun=begun, on_step=_progress, log_level=log_level)
    return _report_of(home, executed.report_id, executed.problem)


@contextlib.contextmanager
def _without_gc() -> Iterator[None]:
    """Make half a million objects by importing, none of them garbage, without looking at them."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()  # nor need any be looked at on the way out
        gc.enable()


@contextlib.contextmanager
def _auditing(*, wanted: bool) -> Iterator[Auditor]:
    """Let the auditor's imports run on the second core, from the very first moment."""
    auditor = Auditor()
    if wanted:
        auditor.start()
    try:
        yield auditor
    finally:
        auditor.stop()


@contextlib.contextmanager
def _asking(*, wanted: bool) -> Iterator[EventsWorker]:
    """Let the process that asks the providers load, too; it ends with the run, or without one."""
    worker = EventsWorker()
    if wanted:
        worker.prepare()
    try:
        yield worker
    finally:
        worker.stop()


def _begin(home: Home, indices: list[Index], auditor: Auditor, worker: EventsWorker) -> "HeadStart":
    """Let the fetches run while this process imports Dagster."""
    from tws_maintenance.maintenance import head_start
    from tws_maintenance.settings import load_settings

    begun = head_start(home, load_settings(home), auditor, worker)
    begun.gathering.start(indices)
    return begun


def _begin_events(home: Home, worker: EventsWorker, spec: "RunSpec") -> None:
    """Let the providers be asked as well; what is wrong with the symbols is told at once."""
    from tws_maintenance.event_steps import question_of
    from tws_maintenance.market_events.scope import resolve
    from tws_maintenance.settings import load_settings

    settings = load_settings(home)
    scope = resolve(home, settings, spec.symbols, many_symbols=spec.many_symbols)
    worker.start(question_of(scope, settings, spec.days))


def _report_of(home: Home, report_id: str | None, problem: str) -> dict[str, Any]:
    from tws_maintenance.reports.store import read_report

    if report_id is None and "Interrupted" in problem:
        raise HomeError("Interrupted before the run began: no file was replaced.")
    if report_id is None:
        raise HomeError(problem or "The run could not start, and left no report.")
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
