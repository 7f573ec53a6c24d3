"""Executing a run in this process, with what can begin early begun before Dagster is imported.

Fetches, the auditor and the process that asks the providers start first and work on the second
core. Used by the command line and by the processes that the console starts; Dagster itself is
imported inside `launch`.
"""

import contextlib
import gc
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tws_maintenance.constituents.auditor import Auditor
from tws_maintenance.home import Home
from tws_maintenance.indices import INDICES, MARKET_EVENTS, Index
from tws_maintenance.market_events.worker import EventsWorker

if TYPE_CHECKING:
    from tws_maintenance.maintenance import HeadStart
    from tws_maintenance.pipeline.runs import Executed, Progress
    from tws_maintenance.run_spec import RunSpec


def launch(
    home: Home,
    spec: "RunSpec",
    *,
    run_id: str = "",
    on_step: "Progress | None" = None,
    log_level: str = "CRITICAL",
) -> "Executed":
    """Execute the run of `spec` here: a new one, or `run_id`, which was created before.

    Raises:
        HomeError: Dagster's storage fails.
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

        return execute(home, spec, run_id=run_id, begun=begun, on_step=on_step, log_level=log_level)


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
