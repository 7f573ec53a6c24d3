"""Whole runs that die by SIGKILL, or stand still, at a moment that a test names.

A moment is a touch of the disk, told by Python's audit event and the path: it comes before the
touch is done. The runs are forked from one process that has imported everything, so that each
costs only what it does itself.

    python -m tws_maintenance_tests.killing      jobs as JSON on stdin, their exit codes on stdout
"""

import contextlib
import importlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tws_maintenance.config.home import HOME_VARIABLE, Home
from tws_maintenance.config.indices import index_of_task
from tws_maintenance.config.settings import load_settings
from tws_maintenance.runs import list_steps
from tws_maintenance.runs.maintenance import MaintenanceRun, head_start
from tws_maintenance.runs.recorder import StepFailed
from tws_maintenance.runs.request import PlannedRun
from tws_maintenance_tests.defaults import CONSTITUENT_TASKS
from tws_maintenance_tests.support import TIMEOUT_SECONDS

STI_TASK = "sti_constituents"
WITH_TARGET = {"os.rename", "os.link"}
KILLED = -signal.SIGKILL


@dataclass(frozen=True)
class Moment:
    """The nth `event` on a path that ends like `pattern`.

    `stop` stands still there instead of dying, `cancel` is a Ctrl-C at that moment.
    """

    event: str
    pattern: str
    nth: int = 1
    stop: bool = False
    cancel: bool = False


@dataclass(frozen=True)
class Job:
    """A run to be started: of `home`, through Dagster or without it, up to `moment`."""

    home: str
    moment: Moment
    dagster: bool = False
    dry_run: bool = False
    tasks: tuple[str, ...] = (STI_TASK,)
    run_id: str = "the-run-that-dies"
    environment: dict[str, str] = field(default_factory=dict)


NOWHERE = Moment("no such event", "")


def carry_out(jobs: Sequence[Job]) -> list[int]:
    """Let every job run until its moment, one after the other, and return how each ended."""
    done = subprocess.run(
        [sys.executable, "-m", __name__],
        input=json.dumps([asdict(job) for job in jobs]),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    codes: list[int] = json.loads(done.stdout.splitlines()[-1])
    return codes


def started(job: Job) -> "subprocess.Popen[str]":
    """Start a job in a process of its own and return it."""
    command = [sys.executable, "-m", __name__, json.dumps(asdict(job))]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@contextlib.contextmanager
def standing_still(job: Job) -> Iterator["subprocess.Popen[str]"]:
    """Yield the process of a run that reached its moment; it goes on when its stdin is closed."""
    with started(job) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "there\n"
            yield process
        finally:
            process.communicate(timeout=TIMEOUT_SECONDS)


def _job(value: dict[str, Any]) -> Job:
    return Job(**value | {"moment": Moment(**value["moment"]), "tasks": tuple(value["tasks"])})


def _work(job: Job) -> None:
    for name in list(os.environ):
        if name.startswith(("TWS_MAINTENANCE_", "DAGSTER_")):
            del os.environ[name]
    os.environ.update(job.environment)
    os.environ[HOME_VARIABLE] = job.home
    home = Home(Path(job.home))
    _watch(job.moment)
    if job.dagster:
        from tws_maintenance.pipeline.execution import execute
        from tws_maintenance.runs.request import RunSpec

        execute(home, RunSpec(job.tasks, job.dry_run))
    else:
        _run(home, job)


def _run(home: Home, job: Job) -> None:
    settings = load_settings(home)
    request = PlannedRun(job.tasks, job.dry_run, run_id=job.run_id, actor="operator")
    run = MaintenanceRun(request, head_start(home, settings))
    run.open()
    cancel: KeyboardInterrupt | None = None
    try:
        for task in (task for task in CONSTITUENT_TASKS if run.wants(task)):
            index = index_of_task(task)
            with contextlib.suppress(StepFailed):
                list_steps.stage(run, index)
                if list_steps.audit(run, index).has_passed and not job.dry_run:
                    list_steps.promote(run, index)
    except KeyboardInterrupt as error:
        cancel = error
    run.close({}, cancel)


def _watch(moment: Moment) -> None:
    pattern = re.compile(f"(?:{moment.pattern})$")
    met = 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal met
        if event != moment.event:
            return
        if not pattern.search(str(arguments[1 if event in WITH_TARGET else 0])):
            return
        met += 1
        if met == moment.nth and moment.stop:
            sys.stdout.write("there\n")
            sys.stdout.flush()
            sys.stdin.read()
        elif met == moment.nth and moment.cancel:
            raise KeyboardInterrupt
        elif met == moment.nth:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def _fork(job: Job) -> int:
    child = os.fork()
    if child == 0:
        code = 1
        with contextlib.suppress(SystemExit):
            _work(job)
            code = 0
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _serve(jobs: list[Job]) -> None:
    importlib.import_module("tws_maintenance.constituents.audit")
    if any(job.dagster for job in jobs):
        importlib.import_module("tws_maintenance.pipeline.execution")
    codes = [_fork(job) for job in jobs]
    sys.stdout.write(json.dumps(codes) + "\n")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _work(_job(json.loads(sys.argv[1])))
    else:
        _serve([_job(one) for one in json.load(sys.stdin)])
