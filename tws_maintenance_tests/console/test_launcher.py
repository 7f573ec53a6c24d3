"""Starting a run where something goes wrong in between: nothing is left at work, or waiting."""

import errno
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress

import psutil
import pytest

from tws_maintenance.console import launcher
from tws_maintenance.core.errors import LockHeld, StorageFault
from tws_maintenance.pipeline.dagster_process import Observer
from tws_maintenance.pipeline.tags import PROCESS_TAG
from tws_maintenance_tests.console.support import API, STI, Console, error_of, opened, until
from tws_maintenance_tests.pipeline.support import HeldServer, good_pages
from tws_maintenance_tests.support import Program, reports_of, result_of

FULL = OSError(errno.ENOSPC, "No space left on device")
LOST = StorageFault("the server is gone", "its server cannot be reached")
KILLED_IN_BETWEEN = """
import os, signal, sys
from tws_maintenance.console import launcher
from tws_maintenance.config.home import find_home
from tws_maintenance.pipeline.dagster_process import Observer
from tws_maintenance.runs.request import RunSpec

launcher.hand_over = lambda process, spec: (
    print(process.pid, flush=True), os.kill(os.getpid(), signal.SIGKILL)
)
home = find_home()
launcher.Launcher(home, Observer(home)).start(RunSpec((sys.argv[1],), dry_run=True))
"""


def failing(error: Exception) -> Callable[..., None]:
    """Return what fails whatever it is called with."""

    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


def runs_at_work(console: Console) -> list[psutil.Process]:
    """Return the processes of runs of this home: they lead a session each, in its folder."""
    return [
        one
        for one in psutil.process_iter(["cwd"])
        if one.info["cwd"] == str(console.home.root) and leads_a_session(one.pid)
    ]


def leads_a_session(pid: int) -> bool:
    """Say whether this process, which may have ended, was started with a session of its own."""
    with suppress(ProcessLookupError):
        return os.getsid(pid) == pid
    return False


def test_a_start_that_fails_leaves_no_process_and_keeps_no_task_busy(
    fresh: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failed() -> tuple[int, str]:
        answer = fresh.post(f"{API}/run", {"tasks": [STI]})
        assert runs_at_work(fresh) == []
        assert fresh.running == []
        assert fresh.backend.launcher._ends == {}
        return error_of(answer)

    fresh.home.logs.write_text("a file where a folder should be")
    assert failed() == (503, "unavailable")
    fresh.home.logs.unlink()

    with monkeypatch.context() as patch:
        patch.setattr(fresh.backend.observer, "create_run", failing(LOST))
        assert failed() == (503, "unavailable")
    assert reports_of(fresh.home) == []

    with monkeypatch.context() as patch:
        patch.setattr(launcher, "hand_over", failing(BrokenPipeError(errno.EPIPE, "Broken pipe")))
        assert failed() == (503, "unavailable")
    assert [one["status"] for one in reports_of(fresh.home)] == ["interrupted"]

    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if "_reap" in thread.name:
            raise RuntimeError("can't start new thread")
        start(thread)

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        assert failed() == (500, "internal_error")

    assert result_of(fresh.run(STI), STI)["status"] == "success"


def test_a_console_that_is_killed_between_creating_and_starting_blocks_nothing(
    fresh: Console,
) -> None:
    killed = Program(fresh.home).execute(sys.executable, "-c", KILLED_IN_BETWEEN, STI)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    # Its process has nothing to read any more, and ends by itself.
    until(lambda: not psutil.pid_exists(int(killed.stdout)), "the end of the started process")
    begun = time.monotonic()
    assert fresh.running == []
    assert time.monotonic() - begun < 30
    (report,) = reports_of(fresh.home)
    assert (report["status"], report["entry_point"]) == ("interrupted", "console")
    assert [one["task"] for one in report["results"]] == [STI]
    assert result_of(fresh.run(STI), STI)["status"] == "success"


def test_a_dead_run_that_cannot_be_closed_takes_no_page_down(
    fresh: Console, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with HeldServer(good_pages(), "sti") as held:
        origin = held.origin
        settings = fresh.home.settings_file
        text = settings.read_text()
        old = text.partition('wikipedia_url = "')[2].partition('"')[0]
        settings.write_text(text.replace(old, origin))
        answer = fresh.post(f"{API}/run", {"tasks": [STI], "wait": 0})
        assert answer.json is not None
        run_id = answer.json["run_id"]
        with monkeypatch.context() as patch, ExitStack() as others:
            patch.setattr(Observer, "reconcile", failing(FULL))
            until(lambda: fresh.running[0]["state"] == "running", "the run")
            run = fresh.instance.get_run_by_id(run_id)
            assert run is not None
            process = psutil.Process(int(run.tags[PROCESS_TAG]))
            assert process in runs_at_work(fresh)
            process.kill()
            process.wait()
            for error in (FULL, LOST, LockHeld("the recovery is locked")):
                patch.setattr(Observer, "reconcile", failing(error))
                caplog.clear()
                for path in (f"{API}/status", "/maintenance", "/metrics", f"{API}/runs/{run_id}"):
                    assert fresh.get(path).status_code == 200, (path, error)
                assert [one["run_id"] for one in fresh.running] == [run_id]
                assert "could not be closed yet" in caplog.text
                another = others.enter_context(opened(fresh.home))
                assert another.get("/maintenance").status_code == 200, error
            patch.undo()  # the others wait for the end of all runs
        held.release()
        assert fresh.running == []
        assert fresh.json(f"{API}/runs/{run_id}")["state"] == "interrupted"
