"""Executing a run in this process; the fetches begin before Dagster is imported.

The report is reserved first; then the fetches, the auditor and the process that asks the providers
work on the second core. A run that never begins gets its report here. The command line and the
processes that the console starts use this module; `launch` imports Dagster itself.
"""

import contextlib
import gc
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from tws_maintenance.config.environment import operating_system_user
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import MARKET_EVENTS
from tws_maintenance.constituents.audit_worker import Auditor
from tws_maintenance.core.errors import HomeError, TwsMaintenanceError
from tws_maintenance.market_events.providers.worker import EventsWorker
from tws_maintenance.runs.request import Executed, RunSpec

if TYPE_CHECKING:
    from tws_maintenance.config.settings import Settings
    from tws_maintenance.market_events.scope import Scope
    from tws_maintenance.pipeline.execution import Progress
    from tws_maintenance.runs.maintenance import HeadStart
    from tws_maintenance.runs.recorder import RunRecorder

INTERRUPTED = "Interrupted before the run began: no file was replaced."


def launch(
    home: Home,
    settings: "Settings",
    spec: RunSpec,
    *,
    run_id: str = "",
    on_step: "Progress | None" = None,
    log_level: str = "CRITICAL",
) -> Executed:
    """Execute the run of `spec` in this process: a new run, or `run_id`, which already exists.

    Raises:
        HomeError: no report can be written, so nothing was started; or Dagster's storage fails.
        UsageError: a symbol is not valid, or there are too many; nothing was started.
    """
    indices = [index for index in settings.maintained if index.task in spec.tasks]
    fetches = [] if spec.report_id or spec.backup else indices
    with (
        _without_gc(),
        _asking(wanted=MARKET_EVENTS in spec.tasks) as worker,
        _auditing(wanted=bool(indices) and not spec.report_id) as auditor,
    ):
        from tws_maintenance.market_events.embedded_keeper import question_of
        from tws_maintenance.runs.maintenance import head_start

        scope = _scope(home, settings, spec)
        record = _record(home, spec, run_id or str(uuid.uuid4()))
        try:
            # Before the first request is sent: a run that is killed after this is reported.
            record.reserve()
            begun = head_start(home, settings, auditor, worker, record, scope)
            if fetches:
                begun.gathering.start(fetches)
            if scope is not None:
                worker.start(question_of(scope, settings, spec.days))
            return _accounted(record, _execute(begun, spec, on_step, log_level))
        except BaseException as error:
            executed = _account_for(record, error)
            if executed is None:
                raise
            return executed


def _execute(
    begun: "HeadStart", spec: RunSpec, on_step: "Progress | None", log_level: str
) -> Executed:
    from tws_maintenance.pipeline.lazy_imports import unused_parts_later

    with unused_parts_later():
        from tws_maintenance.pipeline.execution import execute

    assert begun.record is not None
    run_id = begun.record.request.run_id
    return execute(
        begun.home, spec, run_id=run_id, begun=begun, on_step=on_step, log_level=log_level
    )


@contextlib.contextmanager
def _without_gc() -> Iterator[None]:
    """Switch the garbage collector off: imports make half a million objects that stay alive."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()  # the end of the process need not scan them either
        gc.enable()


@contextlib.contextmanager
def _auditing(*, wanted: bool) -> Iterator[Auditor]:
    """Yield the auditor; if it is `wanted`, its imports already run on the second core."""
    auditor = Auditor()
    if wanted:
        auditor.start()
    try:
        yield auditor
    finally:
        auditor.stop()


@contextlib.contextmanager
def _asking(*, wanted: bool) -> Iterator[EventsWorker]:
    """Yield the process that asks the providers; it ends with this context."""
    worker = EventsWorker()
    if wanted:
        worker.prepare(may_fork=True)  # before the run holds its lock
    try:
        yield worker
    finally:
        worker.stop()


def _scope(home: Home, settings: "Settings", spec: RunSpec) -> "Scope | None":
    """Return the symbols whose events are fetched; UsageError for invalid symbols.

    None for a run without events, or where the robot adds symbols: the run waits for its answer.
    """
    if MARKET_EVENTS not in spec.tasks:
        return None
    from tws_maintenance.market_events.scope import resolve
    from tws_maintenance.market_events.watchlist import read_symbols

    if settings.robot.url:
        read_symbols(home, settings.maintained, spec.symbols)
        return None
    return resolve(home, settings, spec.symbols, many_symbols=spec.many_symbols)


def _record(home: Home, spec: RunSpec, run_id: str) -> "RunRecorder":
    """Return the record of the requested run; that of its steps takes it over."""
    from tws_maintenance.runs.recorder import RunRecorder
    from tws_maintenance.runs.request import PlannedRun

    actor = spec.actor or operating_system_user()
    request = PlannedRun(**vars(spec) | {"run_id": run_id, "actor": actor})
    return RunRecorder(home, request)


def _account_for(record: "RunRecorder", error: BaseException) -> Executed | None:
    """Write the report of a reserved run that never began; return the run if it was interrupted.

    If it cannot be written, the next command finds the reservation of a dead run.
    """
    if not record.owes_report:
        return None
    from tws_maintenance.pipeline import interrupts

    report_id = record.report_id
    try:
        with interrupts.kept_out():
            record.close({}, error)
    except (OSError, TwsMaintenanceError):
        return None
    if isinstance(error, KeyboardInterrupt):
        return Executed(record.request.run_id, report_id, INTERRUPTED)
    if isinstance(error, HomeError):
        raise HomeError(f"{error} Nothing was replaced; the report is {report_id}.") from error
    return None


def _accounted(record: "RunRecorder", executed: Executed) -> Executed:
    """Return the ended run; one that Dagster ended before it began gets its report here."""
    if not record.owes_report:
        return executed
    if executed.report_id is not None:  # it had already ended and been reported
        record.give_up()
        return executed
    record.interrupt(
        f"the run ended before it could begin: {executed.problem or 'no reason given'}"
    )
    report_id = record.report_id
    try:
        record.close({})
    except (OSError, TwsMaintenanceError):
        return executed
    return replace(executed, report_id=report_id)
