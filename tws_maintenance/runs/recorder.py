"""The record of one run: from reserving its report to writing it, however the run ends.

What belongs here: the report's id, the lock that says the run is alive, the one edge at which a
step's error becomes part of its task's result. What does not: the steps themselves
(`tws_maintenance.runs.maintenance`).
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from filelock import FileLock

from tws_maintenance.audit.run_context import RunContext
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import ALL_TASKS, MARKET_EVENTS, METADATA_VALIDATION
from tws_maintenance.core.atomic import prove_writable
from tws_maintenance.core.clock import utc_now
from tws_maintenance.core.errors import (
    HomeError,
    PromotionFailed,
    Refusal,
    TwsMaintenanceError,
)
from tws_maintenance.reports import store
from tws_maintenance.reports.finalize import conclude
from tws_maintenance.reports.schema import (
    EventsResult,
    ListResult,
    Report,
    RunStatus,
    TaskResult,
    TaskStatus,
    ValidationResult,
    compose,
    new_result,
    run_status,
)
from tws_maintenance.runs.recovery import run_lock
from tws_maintenance.runs.request import PlannedRun

LOCK_SECONDS = 5.0


class StepFailed(TwsMaintenanceError):
    """A step failed and its result already says why; the message repeats it for Dagster."""


@dataclass(frozen=True)
class _Claim:
    """The report id that a run holds since `at`, and the lock that says that it is alive."""

    reservation: store.Reservation
    alive: FileLock
    at: datetime


class RunRecorder:
    """The state of a run that its report tells: who asked, what each task came to."""

    def __init__(self, home: Home, request: PlannedRun) -> None:
        self.home = home
        self.request = request
        self.report: Report | None = None
        self._started_at = utc_now()
        self._claim: _Claim | None = None
        self._interrupted: str | None = None
        self._errors: list[str] = []
        self._results = {
            task: new_result(task, dry_run=request.dry_run or task in request.only_looked_at)
            for task in _in_order(request.tasks)
        }
        # Set by who drives the run: raises, not an Exception, where it was interrupted meanwhile.
        self.heed_interrupts: Callable[[], None] = lambda: None

    @property
    def report_id(self) -> str:
        """The id of the report that this run will write."""
        assert self._claim is not None, "the run was not opened"
        return self._claim.reservation.report_id

    @property
    def owes_report(self) -> bool:
        """Whether it holds the id of a report that it has not written."""
        return self._claim is not None and self.report is None

    def reserve(self) -> None:
        """Reserve the report id: what a run does before anything that others could notice.

        Raises:
            HomeError: no report could be written.
        """
        try:
            prove_writable(self.home.locks)
        except OSError as error:
            raise HomeError(_unwritable(self.home, self.home.locks, error)) from error
        # Held from before the reservation until the report is written: a reservation whose lock
        # is free belongs to a run that died.
        alive = FileLock(run_lock(self.home, self.request.run_id), thread_local=False)
        alive.acquire(timeout=LOCK_SECONDS)
        try:
            reservation = store.reserve(self.home, self._started_at, self._note())
        except BaseException as error:
            _release(alive)
            if isinstance(error, OSError):
                raise HomeError(_unwritable(self.home, self.home.reports, error)) from error
            raise
        self._claim = _Claim(reservation, alive, self._started_at)

    def take_over(self, begun: "RunRecorder") -> None:
        """Go on with what `begun` reserved for this same run, and leave it nothing to write."""
        if begun.request.run_id != self.request.run_id or not begun.owes_report:
            return
        self._claim = claim = begun.hand_over()
        self._started_at = claim.at
        with contextlib.suppress(OSError):  # then it still tells what was asked
            store.note_again(claim.reservation, self._note())

    def hand_over(self) -> _Claim:
        """Return what it had reserved, for another that will write the report."""
        assert self._claim is not None, "nothing was reserved"
        claim, self._claim = self._claim, None
        return claim

    def give_up(self) -> None:
        """Let go of the reserved id without a report: for a run that has one already."""
        claim = self.hand_over()
        claim.reservation.marker.unlink(missing_ok=True)
        _release(claim.alive)

    def interrupt(self, text: str) -> None:
        """Note why the run ended before it was done, for its report."""
        self._interrupted = text

    def open(self, problem: TwsMaintenanceError | None = None) -> None:
        """Reserve the report id, prove that all can be written.

        A `problem` that was met before is raised as soon as there is a report to tell it in. What
        killed runs left, whoever drives the run has finished before (`runs.recovery`).

        Raises:
            HomeError: a folder cannot be written; nothing will be replaced.
        """
        if self._claim is None:
            self.reserve()
        if problem is not None:
            raise problem
        for folder in (self.home.data, self.home.staging, self.home.backups, self.home.history):
            try:
                prove_writable(folder)
            except OSError as error:
                raise HomeError(_unwritable(self.home, folder, error)) from error

    def wants(self, task: str) -> bool:
        """Tell whether `task` was asked for."""
        return task in self._results

    def result(self, task: str) -> TaskResult:
        """Return the result of `task` as it stands now."""
        return self._results[task]

    def close(self, step_failures: dict[str, str], error: BaseException | None = None) -> None:
        """Write the report. `step_failures` are Dagster's own, text by task or by step.

        Raises:
            OSError, LockHeld: the report could not be written.
        """
        if self._claim is None:
            return
        if isinstance(error, Exception):
            self._errors.append(_told(error))
        elif error is not None:
            self._interrupted = self._interrupted or "the run was cancelled"
        # Of an interrupted run Dagster only knows that its steps were interrupted.
        for task, text in () if self._interrupted else step_failures.items():
            result = self._results.get(task)
            if result is None:
                self._errors.append(text)
            elif not result.every_error:
                result.errors.append(text)
        for result in self._results.values():
            conclude(result, is_interrupted=self._interrupted is not None)
        report = self._compose()
        try:
            self.report = store.write_report(self.home, self._claim.reservation, report)
        except BaseException:
            # The next start writes it, once there is space or the chain is free.
            with contextlib.suppress(OSError):
                store.keep_for_later(self._claim.reservation, report)
            raise
        finally:
            _release(self._claim.alive)

    def _compose(self) -> Report:
        results = list(self._results.values())
        errors, warnings = list(self._errors), []
        if self._interrupted:
            errors.append(
                f"Interrupted: {self._interrupted}. What was not finished was left as it was."
            )
        if self.request.allow_large_change and not self.request.reason:
            warnings.append("a large change was allowed without a reason: give one with --reason")
        status = RunStatus.INTERRUPTED if self._interrupted else run_status(results, errors)
        head = self.request.head(self.report_id)
        return compose(head, status, self._started_at, results, warnings, errors)

    def _note(self) -> dict[str, Any]:
        """Return what the reservation tells whoever finds this run dead."""
        return self.request.head("") | {"tasks": list(self._results), "pid": os.getpid()}

    @contextlib.contextmanager
    def list_step(self, task: str) -> Iterator[ListResult]:
        """Yield the result of a list for one step of it."""
        result = self._results[task]
        assert isinstance(result, ListResult)
        with self._step(result):
            yield result

    @contextlib.contextmanager
    def events_step(self) -> Iterator[EventsResult]:
        """Yield the result of market events for one step of them."""
        result = self._results[MARKET_EVENTS]
        assert isinstance(result, EventsResult)
        with self._step(result):
            yield result

    @contextlib.contextmanager
    def validation_step(self) -> Iterator[ValidationResult]:
        """Yield the result of the validation for one of its files."""
        result = self._results[METADATA_VALIDATION]
        assert isinstance(result, ValidationResult)
        with self._step(result):
            yield result

    @contextlib.contextmanager
    def _step(self, result: TaskResult) -> Iterator[None]:
        """The one edge at which an error becomes part of the result.

        And at which a run that was interrupted stops, whatever became of the signal.
        """
        self.heed_interrupts()
        result.begin(utc_now())
        try:
            yield
        except Exception as error:
            result.status = TaskStatus.FAILED
            result.errors.append(_told(error))
            if isinstance(error, Refusal):
                result.refusal = error.code
            if isinstance(error, PromotionFailed) and isinstance(result, ListResult):
                result.changed, result.backup_path = error.changed, error.backup_path
            raise StepFailed(result.errors[-1]) from error
        except BaseException:
            self._interrupted = f"{result.task} was cancelled while at work"
            if not (
                isinstance(result, ListResult) and result.changed
            ):  # what is published stays published
                result.status = TaskStatus.FAILED
                result.errors.append("cancelled while at work")
            raise
        finally:
            result.end(utc_now())

    def mark(self) -> RunContext:
        """Return what proposals and receipts note of this run."""
        return RunContext(self.report_id, self.request.run_id, utc_now())


def _release(alive: FileLock) -> None:
    """Let go of the lock that says that a run is alive."""
    if alive.is_locked:
        alive.release()
        with contextlib.suppress(OSError):
            Path(alive.lock_file).unlink(missing_ok=True)


def _in_order(tasks: tuple[str, ...]) -> list[str]:
    known = [task for task in ALL_TASKS if task in tasks]
    return known + [task for task in tasks if task not in ALL_TASKS]


def _told(error: Exception) -> str:
    """Return an error as the operator should read it; a class name only where nothing is known."""
    if isinstance(error, TwsMaintenanceError):
        return str(error)
    if isinstance(error, OSError):
        return f"{error.strerror or error}" + (f": {error.filename}" if error.filename else "")
    return f"Unexpected {type(error).__name__}: {error}. This is a fault of tws_maintenance itself."


def _unwritable(home: Home, folder: Path, error: OSError) -> str:
    return (
        f"{home.relative(folder)} cannot be written ({error.strerror or error}), so nothing "
        f"will be replaced. Make {home.root} writable for this user"
        f"{f' (uid {os.getuid()})' if hasattr(os, 'getuid') else ''} and free some space."
    )
