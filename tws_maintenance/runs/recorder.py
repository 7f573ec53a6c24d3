"""The record of one run: from reserving its report to writing it, however the run ends.

What belongs here: the report's id, the lock that shows that the run is alive, the journal, the one
place at which a step's error enters it. What does not: the steps themselves (`runs.list_steps`,
`runs.event_steps`), and building the report from the journal (`reports.building`).
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from filelock import FileLock

from tws_maintenance.audit.run_context import RunContext
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import ALL_TASKS
from tws_maintenance.core.atomic import prove_writable
from tws_maintenance.core.clock import parse_utc, utc_now, utc_text
from tws_maintenance.core.errors import HomeError, PromotionFailed, Refusal, TwsMaintenanceError
from tws_maintenance.reports import store
from tws_maintenance.reports.building import Ending, build_report, build_result, message_of
from tws_maintenance.reports.journal import Journal
from tws_maintenance.reports.schema import (
    EventsResult,
    ListResult,
    Report,
    TaskResult,
    TaskStatus,
    ValidationResult,
    new_result,
)
from tws_maintenance.runs.recovery import run_lock
from tws_maintenance.runs.request import PlannedRun

LOCK_SECONDS = 5.0
Kind = TypeVar("Kind", ListResult, EventsResult, ValidationResult)


class StepFailed(TwsMaintenanceError):
    """A step failed and its result holds the reason; the message repeats it for Dagster."""


@dataclass(frozen=True)
class _Claim:
    """The report id that a run holds, and the lock that shows that it is alive."""

    reservation: store.Reservation
    alive: FileLock


class RunRecorder:
    """What a run holds until its report is written: the id, the lock, the journal."""

    def __init__(self, home: Home, request: PlannedRun) -> None:
        self.home = home
        self.request = request
        self.report: Report | None = None
        self.journal = Journal(
            **request.head(),
            tasks=(tasks := _in_order(request.tasks)),
            reserved_at=utc_text(utc_now()),
            pid=os.getpid(),
            results={
                task: new_result(task, dry_run=request.dry_run or task in request.only_looked_at)
                for task in tasks
            },
        )
        self._claim: _Claim | None = None
        self._interrupted = ""
        # Set by the driver of the run: raises a BaseException if the run was interrupted meanwhile.
        self.heed_interrupts: Callable[[], None] = lambda: None

    @property
    def report_id(self) -> str:
        """The id of the report that this run will write."""
        return self._reservation.report_id

    @property
    def owes_report(self) -> bool:
        """Whether the run holds the id of a report that it has not written."""
        return self._claim is not None and self.report is None

    @property
    def _reservation(self) -> store.Reservation:
        assert self._claim is not None, "the run was not opened"
        return self._claim.reservation

    def reserve(self) -> None:
        """Reserve the report id, before the run does anything that others could notice.

        Raises:
            HomeError: no report can be written.
        """
        try:
            prove_writable(self.home.locks)
        except OSError as error:
            raise HomeError(_unwritable(self.home, self.home.locks, error)) from error
        # Held from before the reservation until the report is written: a reservation whose lock
        # is free belongs to a run that died.
        alive = FileLock(run_lock(self.home, self.request.run_id), thread_local=False)
        alive.acquire(timeout=LOCK_SECONDS)
        at = parse_utc(self.journal.reserved_at)
        try:
            reservation = store.reserve(self.home, at, self.journal.to_dict())
        except BaseException as error:
            _release(alive)
            if isinstance(error, OSError):
                raise HomeError(_unwritable(self.home, self.home.reports, error)) from error
            raise
        self._claim = _Claim(reservation, alive)

    def take_over(self, begun: "RunRecorder") -> None:
        """Take over the reservation that `begun` made for this same run."""
        if begun.request.run_id != self.request.run_id or not begun.owes_report:
            return
        self._claim = begun.hand_over()
        self.journal.reserved_at = begun.journal.reserved_at
        self.keep_journal()

    def hand_over(self) -> _Claim:
        """Return the reservation, for another recorder that will write the report."""
        assert self._claim is not None, "nothing was reserved"
        claim, self._claim = self._claim, None
        return claim

    def give_up(self) -> None:
        """Release the reserved id without a report, for a run that already has one."""
        claim = self.hand_over()
        claim.reservation.marker.unlink(missing_ok=True)
        _release(claim.alive)

    def interrupt(self, text: str) -> None:
        """Note why the run ended before it was done, for its report."""
        self._interrupted = text

    def open(self, problem: TwsMaintenanceError | None = None) -> None:
        """Reserve the report id, and check that every folder can be written.

        An earlier `problem` is raised once there is a report that can hold it. The driver of the
        run has already finished what killed runs left (`runs.recovery`).

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
        """Return whether `task` was asked for."""
        return task in self.journal.results

    def result(self, task: str) -> TaskResult:
        """Return the result of `task` so far; its status is not settled yet."""
        return build_result(self.home, self.report_id, self.journal.results[task])

    def close(self, step_failures: dict[str, str], error: BaseException | None = None) -> None:
        """Write the report. `step_failures` are Dagster's messages, by task or by step.

        Raises:
            OSError, LockHeld: the report could not be written.
        """
        if self._claim is None:
            return
        if error is not None and not isinstance(error, Exception):
            self._interrupted = self._interrupted or "the run was cancelled"
        how = f"{self._interrupted}. What was not finished was left as it was."
        ending = Ending(
            interrupted=how if self._interrupted else "",
            errors=(message_of(error),) if isinstance(error, Exception) else (),
            # For an interrupted run Dagster only knows that its steps were interrupted.
            failures={} if self._interrupted else step_failures,
        )
        reservation = self._claim.reservation
        try:
            report = build_report(self.home, self.report_id, self.journal, ending, utc_now())
            # If writing fails, the next start writes it, once there is space or the chain is free.
            self.journal.report = report
            self.report = store.write_report(self.home, reservation, report)
        except BaseException:
            self.keep_journal()
            raise
        finally:
            _release(self._claim.alive)

    @contextlib.contextmanager
    def step(self, task: str, kind: type[Kind]) -> Iterator[Kind]:
        """Yield the result of a task for one step of it; the only place at which errors enter it.

        An interrupted run stops here as well, even if the signal got lost.

        Raises:
            StepFailed: the step raised an error, which is in the result.
        """
        self.heed_interrupts()
        result = self.journal.results[task]
        assert isinstance(result, kind)
        result.begin(utc_now())
        try:
            yield result
        except Exception as error:
            result.status = TaskStatus.FAILED
            result.errors.append(message_of(error))
            if isinstance(error, Refusal):
                result.refusal = error.code
            if isinstance(error, PromotionFailed) and isinstance(result, ListResult):
                result.changed, result.backup_path = error.changed, error.backup_path
            raise StepFailed(result.errors[-1]) from error
        except BaseException:
            self._interrupted = f"{task} was cancelled while it ran"
            if not (isinstance(result, ListResult) and result.changed):
                result.errors.append("cancelled while it ran")
            raise  # what is published stays published
        finally:
            result.end(utc_now())
            self.keep_journal()

    def keep_journal(self) -> None:
        """Write what the run has done so far to disk; if that fails, memory still has it."""
        with contextlib.suppress(OSError):
            store.write_journal(self._reservation, self.journal)

    def mark(self) -> RunContext:
        """Return what proposals and receipts record about this run."""
        return RunContext(self.report_id, self.request.run_id, utc_now())


def _release(alive: FileLock) -> None:
    """Release the lock that shows that a run is alive."""
    if alive.is_locked:
        alive.release()
        with contextlib.suppress(OSError):
            Path(alive.lock_file).unlink(missing_ok=True)


def _in_order(tasks: tuple[str, ...]) -> list[str]:
    known = [task for task in ALL_TASKS if task in tasks]
    return known + [task for task in tasks if task not in ALL_TASKS]


def _unwritable(home: Home, folder: Path, error: OSError) -> str:
    return (
        f"{home.relative(folder)} cannot be written ({error.strerror or error}), so nothing "
        f"will be replaced. Make {home.root} writable for this user"
        f"{f' (uid {os.getuid()})' if hasattr(os, 'getuid') else ''} and free some space."
    )
