"""Starting runs from the console: start a process, create its run, wait for it on request.

The run is created in Dagster before its process may begin, so its id is known at once, and two
simultaneous requests see each other's run. The process outlives the console. Its result is read
from Dagster, through the `Observer`'s process, and from its report, never from memory here.
"""

import logging
import subprocess
import threading
import uuid
from dataclasses import replace

from tws_maintenance.config.home import Home
from tws_maintenance.console.api.responses import RunFacts
from tws_maintenance.console.api_error import Busy
from tws_maintenance.core.errors import TwsMaintenanceError
from tws_maintenance.core.locks import hold
from tws_maintenance.pipeline.dagster_process import PATIENCE_SECONDS, Observer
from tws_maintenance.pipeline.run_process import give_up, hand_over, start_process
from tws_maintenance.pipeline.run_records import Known, RunView
from tws_maintenance.reports.schema import EntryPoint
from tws_maintenance.runs.request import RunSpec

LOCK_SECONDS = 10.0
# How many requests may wait at the same time; further ones are answered at once.
WAITING_ALLOWED = 6
logger = logging.getLogger(__name__)


class Launcher:
    """Starts runs of one home; `observer` answers for its Dagster."""

    def __init__(self, home: Home, observer: Observer) -> None:
        self._home = home
        self._observer = observer
        self._ends: dict[str, threading.Event] = {}
        self._waiting = threading.BoundedSemaphore(WAITING_ALLOWED)

    def start(self, spec: RunSpec) -> str:
        """Start a process, create the run of `spec` for it and return its id.

        Raises:
            Busy: a run of one of its tasks is in progress.
            LockHeld: another console has been starting a run for too long.
            OSError: the process or its run could not be created. Nothing runs.
        """
        wanted = replace(spec, entry_point=EntryPoint.CONSOLE)
        run_id = str(uuid.uuid4())
        lock = self._home.locks / "launch.lock"
        with hold(lock, wait_seconds=LOCK_SECONDS, holder="a console"):
            self.refuse_if_busy(wanted.tasks)
            process = start_process(self._home, run_id)
            try:
                self._observer.create_run(wanted, run_id, process.pid)
                hand_over(process, wanted)
                self._follow(run_id, process)
            except BaseException:
                give_up(process)
                self.close_dead()
                raise
        return run_id

    def known(self, wait: float = PATIENCE_SECONDS) -> Known:
        """Return what Dagster knows, after closing and reporting runs whose process has died.

        Raises NotYetKnown if Dagster's process does not answer within `wait` seconds.
        """
        found = self._observer.known(wait)
        if found.has_dead:
            self.close_dead()
            found = self._observer.known(wait)
        return found

    def running(self) -> list[RunView]:
        """Return the runs in progress."""
        return list(self.known().running)

    def close_dead(self) -> None:
        """Close and report the runs that died, or log why that is not possible yet.

        A full disk prevents a report but must not prevent a page.
        """
        try:
            self._observer.reconcile()
        except (OSError, TwsMaintenanceError) as error:
            logger.warning("runs that died could not be closed yet: %s", error)

    def refuse_if_busy(self, tasks: tuple[str, ...]) -> None:
        """Refuse tasks that another run works on.

        Raises:
            Busy: a run works on one of them; it names the run.
        """
        for view in self.running():
            shared = [task for task in tasks if task in view.tasks]
            if shared:
                raise Busy(run_facts(view), shared)

    def wait(self, run_id: str, seconds: float) -> None:
        """Wait at most `seconds` for the end of a run that this console started."""
        ended = self._ends.get(run_id)
        if ended is None or seconds <= 0 or not self._waiting.acquire(blocking=False):
            return
        try:
            ended.wait(seconds)
        finally:
            self._waiting.release()

    def _follow(self, run_id: str, process: subprocess.Popen[bytes]) -> None:
        """Wake up the requests that wait for a run when its process ends."""
        self._ends[run_id] = threading.Event()
        try:
            threading.Thread(target=self._reap, args=(run_id, process), daemon=True).start()
        except BaseException:
            del self._ends[run_id]
            raise

    def _reap(self, run_id: str, process: subprocess.Popen[bytes]) -> None:
        """Wait for the process to end, and close its run if the process died without doing so."""
        code = process.wait()
        try:
            if code != 0:
                logger.warning("the process of run %s ended with %s", run_id, code)
                self.close_dead()
        finally:
            self._ends.pop(run_id).set()


def run_facts(view: RunView) -> RunFacts:
    """Return a run in Dagster as the API describes it."""
    return RunFacts(
        run_id=view.run_id,
        report_id=view.report_id,
        state=view.state,
        tasks=list(view.tasks),
        dry_run=view.dry_run,
        job=view.job,
        entry_point=view.entry_point,
        actor=view.actor,
        created_at=view.created_at,
        started_at=view.started_at,
    )
