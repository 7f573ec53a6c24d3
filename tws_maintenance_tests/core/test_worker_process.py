"""The second process: it answers, says why it cannot, and never outlives whoever asks."""

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TypedDict

import psutil
import pytest

from tws_maintenance.config.environment import child_environment
from tws_maintenance.core.worker_process import WorkerDied, WorkerProcess

MODULE = """
import os, sys, threading
from tws_maintenance.core.worker_process import serve_standard_streams

def answer(request):
    print("a library prints this")
    if request["do"] == "fail":
        raise ValueError("it cannot be done")
    if request["do"] == "die":
        os._exit(7)
    if request["do"] == "hang":
        print("hanging", file=sys.stderr, flush=True)
        threading.Event().wait()
    return {"pid": os.getpid(), "said": request["do"]}

def serve():
    serve_standard_streams(answer, prepare=dict)

if __name__ == "__main__":
    serve()
"""
PARENT = """
import os, sys, threading
from tws_maintenance.core.worker_process import WorkerProcess
forks = sys.argv[1:] == ["fork"]
helper = WorkerProcess("odd_helper", "odd", lambda: dict(os.environ))
helper.start(may_fork=forks)
print(helper.ask({"do": "talk"})["pid"], flush=True)
threading.Thread(target=helper.ask, args=({"do": "hang"},), daemon=True).start()
sys.stdin.readline()
"""


FORKING = """
import sys
from tws_maintenance.core.worker_process import WorkerProcess

sys.imported_by_the_parent = True
print("not written yet", end=" ")
first, second = (
    WorkerProcess("looking_helper", "odd", lambda: {"ONLY": "this"}) for _ in range(2)
)
first.start(may_fork=True)
second.start(may_fork=True)
print(first.ask({}))
print(second.ask({}), second.process_id, flush=True)
first._process.stdin.close()
print(first._process.wait())
second.stop()
"""
LOOKING = """
import os, signal, sys
from tws_maintenance.core.worker_process import serve_standard_streams

def answer(request):
    assert os.getsid(0) == os.getpid()
    assert signal.getsignal(signal.SIGINT) == signal.SIG_DFL
    return {
        "shares": hasattr(sys, "imported_by_the_parent"),
        "environment": dict(os.environ),
    }

def serve():
    serve_standard_streams(answer, prepare=dict)
"""


class Asked(TypedDict):
    do: str


class Said(TypedDict):
    pid: int
    said: str


Worker = WorkerProcess[Asked, Said]


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "odd_helper.py").write_text(MODULE)
    here = str(Path(__file__).resolve().parents[2])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), here]))
    return "odd_helper"


@pytest.fixture
def helper(module: str) -> Worker:
    return WorkerProcess(module, "odd", child_environment)


@pytest.mark.process
def test_it_answers_one_request_after_the_other_whatever_a_library_prints(
    helper: Worker,
) -> None:
    helper.start()
    try:
        first, second = helper.ask({"do": "one — ünïcode"}), helper.ask({"do": "two"})
    finally:
        helper.stop()
    assert (first["said"], second["said"]) == ("one — ünïcode", "two")
    assert first["pid"] == second["pid"] != os.getpid()
    assert not psutil.pid_exists(first["pid"])


@pytest.mark.process
def test_what_lies_in_the_current_folder_is_not_taken_for_a_module(
    helper: Worker, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    robot = tmp_path_factory.mktemp("robot")
    (robot / "json.py").write_text('raise RuntimeError("of the robot")')
    monkeypatch.chdir(robot)
    helper.start()
    try:
        assert helper.ask({"do": "talk"})["said"] == "talk"
    finally:
        helper.stop()


@pytest.mark.process
def test_a_fault_is_told_and_the_next_request_is_answered(helper: Worker) -> None:
    helper.start()
    try:
        with pytest.raises(WorkerDied, match="odd process failed: ValueError: it cannot be done"):
            helper.ask({"do": "fail"})
        assert helper.ask({"do": "again"})["said"] == "again"
    finally:
        helper.stop()


@pytest.mark.process
def test_its_death_is_told(helper: Worker) -> None:
    helper.start()
    try:
        with pytest.raises(WorkerDied, match=r"ended early \(exit code 7\)"):
            helper.ask({"do": "die"})
    finally:
        helper.stop()
    with pytest.raises(WorkerDied, match="was stopped"):
        helper.ask({"do": "talk"})


@pytest.mark.process
@pytest.mark.cold
def test_a_fork_has_what_is_imported_but_no_variable_and_no_pipe_of_its_parent(
    tmp_path: Path,
) -> None:
    (tmp_path / "looking_helper.py").write_text(LOOKING)
    parent = subprocess.run(
        [sys.executable, "-c", FORKING],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert parent.stderr == ""
    found = {"shares": True, "environment": {"ONLY": "this"}}
    said = re.fullmatch(rf"not written yet {found}\n{found} (\d+)\n0\n", parent.stdout)
    assert said is not None, parent.stdout
    assert not psutil.pid_exists(int(said[1]))


@pytest.mark.process
def test_a_process_with_another_thread_is_not_forked(module: str) -> None:
    """A fork would have a copy of every lock that the other thread holds, and nobody to free it."""
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    helper: Worker = WorkerProcess(module, "odd", child_environment)
    helper.start(may_fork=True)
    try:
        assert isinstance(helper._process, subprocess.Popen)
        assert helper.ask({"do": "talk"})["said"] == "talk"
    finally:
        helper.stop()
        stop.set()
        thread.join()


@pytest.mark.process
@pytest.mark.parametrize("way", ["new process", "fork"])
def test_it_ends_with_whoever_asked_although_it_is_at_work(module: str, way: str) -> None:
    assert module == "odd_helper"
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, way],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with parent:
        assert parent.stdout is not None
        assert parent.stderr is not None
        child = psutil.Process(int(parent.stdout.readline()))
        while "hanging" not in parent.stderr.readline():
            pass
        parent.send_signal(signal.SIGKILL)
        gone, alive = psutil.wait_procs([child], timeout=30)
    assert (len(gone), alive) == (1, [])
