"""A second process of ours for work that is heavy to import: it loads while this one does.

Both speak in lines of JSON, one request and one answer at a time. The process ends with
this one, because its input is closed then.
"""

import contextlib
import gc
import importlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Generic, TypedDict, TypeVar

from tws_maintenance.core.errors import TwsMaintenanceError

FAULT = "fault"
Request = TypeVar("Request", bound=Mapping[str, object])
Answer = TypeVar("Answer", bound=Mapping[str, object])


class Fault(TypedDict):
    """The answer to a request that could not be answered: why."""

    fault: str


class WorkerDied(TwsMaintenanceError):
    """The process ended without answering, or could not answer."""


class WorkerProcess(Generic[Request, Answer]):
    """A process that runs `module`, which must call `serve_standard_streams`.

    Args:
        module: the module's full name.
        task: what it does, for messages: "auditing".
        environment: returns the environment that the process gets.
    """

    def __init__(self, module: str, task: str, environment: Callable[[], dict[str, str]]) -> None:
        self._module = module
        self._task = task
        self._environment = environment
        self._process: subprocess.Popen[str] | None = None

    @property
    def is_started(self) -> bool:
        """Whether there is a process to ask."""
        return self._process is not None

    @property
    def process_id(self) -> int | None:
        """The number of the process, None without one."""
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        """Start the process."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", self._module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env=self._environment(),
            # Ctrl-C goes to the whole group; the run itself decides what it means.
            start_new_session=True,
        )

    def stop(self) -> None:
        """End the process, whatever it is at."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with contextlib.suppress(OSError):  # a last line that is no longer read
                    assert pipe is not None
                    pipe.close()

    def ask(self, request: Request) -> Answer:
        """Return the answer to `request`.

        Raises:
            WorkerDied: there was none.
        """
        process = self._process
        if process is None:
            raise WorkerDied(f"the {self._task} process was stopped")
        assert process.stdin is not None
        assert process.stdout is not None
        line = ""
        # ValueError: stopped from another thread meanwhile.
        with contextlib.suppress(BrokenPipeError, ValueError):
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        if not line:
            code = process.wait()
            raise WorkerDied(f"the {self._task} process ended early (exit code {code})")
        answer: Answer = json.loads(line)
        if FAULT in answer:
            raise WorkerDied(f"the {self._task} process failed: {answer[FAULT]}")
        return answer


def serve_standard_streams(answer: Callable[[Request], Answer], *, needs: str) -> None:
    """Answer the process that started this one, and end with it, whatever is at work then.

    The module that it `needs` is imported first, while the run that will ask is still loading.
    """
    # What a library prints must not be taken for an answer.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    # It lives for seconds, and imports half a million objects that stay in use.
    gc.disable()
    requests: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(requests,), daemon=True).start()
    importlib.import_module(needs)
    while True:
        line = json.dumps(_answered(answer, requests.get()))
        try:
            answers.write(line + "\n")
            answers.flush()
        except BrokenPipeError:
            os._exit(1)


def _listen(requests: "queue.SimpleQueue[str]") -> None:
    """Take requests until the input ends: then the parent process has ended, and this one exits."""
    for line in sys.stdin:
        requests.put(line)
    os._exit(0)


def _answered(answer: Callable[[Request], Answer], request: str) -> Answer | Fault:
    try:
        return answer(json.loads(request))
    except Exception as error:  # noqa: BLE001 - the process's edge: reported, not lost
        return {"fault": f"{type(error).__name__}: {error}"[:500]}
