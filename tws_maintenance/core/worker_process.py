"""A second process of ours for work that is heavy to import: it loads while this one does.

Both speak in lines of JSON, one request and one answer at a time. The process ends with
this one, because its input is closed then. It may be a fork, which has what this one imported.
"""

import contextlib
import gc
import importlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import traceback
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, NoReturn, TextIO, TypedDict, TypeVar

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
    """A process that runs `serve` of a module, which must call `serve_standard_streams`.

    Args:
        module: the module's full name; it runs `serve` as `__main__` too.
        task: what it does, for messages: "auditing".
        environment: returns the environment that the process gets.
    """

    def __init__(self, module: str, task: str, environment: Callable[[], dict[str, str]]) -> None:
        self._module = module
        self._task = task
        self._environment = environment
        self._process: subprocess.Popen[str] | _Fork | None = None

    @property
    def is_started(self) -> bool:
        """Whether there is a process to ask."""
        return self._process is not None

    @property
    def process_id(self) -> int | None:
        """The number of the process, None without one."""
        return self._process.pid if self._process is not None else None

    def start(self, *, may_fork: bool = False) -> None:
        """Start the process.

        `may_fork` is for a caller that holds no lock and has opened nothing: a fork begins with
        what this process has imported, and shares what it has open.
        """
        if may_fork and _can_fork():
            self._process = _fork(self._module, self._environment())
            return
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


@dataclass(eq=False)
class _Fork:
    """A forked process, with the methods of `subprocess.Popen` that are used here."""

    pid: int
    stdin: TextIO
    stdout: TextIO
    code: int | None = None
    _waiting: threading.Lock = field(default_factory=threading.Lock)

    def kill(self) -> None:
        if self.code is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> int:
        with self._waiting:
            if self.code is None:
                self.code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
            return self.code


_forks: "weakref.WeakSet[_Fork]" = weakref.WeakSet()


def _can_fork() -> bool:
    """Tell whether a fork is safe: Linux, and no other thread, which might hold a lock."""
    try:
        return len(os.listdir("/proc/self/task")) == 1  # noqa: PTH208 - names are enough
    except OSError:
        return False


def _fork(module: str, environment: Mapping[str, str]) -> _Fork:
    """Fork this process; the new one serves `module` on a pipe and ends with this one."""
    its_input, requests = os.pipe()
    answers, its_output = os.pipe()
    pipes = [pipe for one in _forks for pipe in (one.stdin, one.stdout) if not pipe.closed]
    ends = [requests, answers, *(pipe.fileno() for pipe in pipes)]
    pid = os.fork()
    if not pid:
        _become(module, environment, its_input, its_output, ends)
    os.close(its_input)
    os.close(its_output)
    forked = _Fork(
        pid, os.fdopen(requests, "w", encoding="utf-8"), os.fdopen(answers, encoding="utf-8")
    )
    _forks.add(forked)
    return forked


def _become(
    module: str,
    environment: Mapping[str, str],
    its_input: int,
    its_output: int,
    ends: Sequence[int],
) -> NoReturn:
    """Serve `module`, within the fork. Nothing of what called it ever runs on.

    `ends` are those of pipes to forks, this one too: whoever holds one open keeps a fork alive.
    """
    try:
        # Ctrl-C goes to the whole group; the run itself decides what it means.
        os.setsid()
        for handled in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(handled, signal.SIG_DFL)
        for end in ends:
            os.close(end)
        os.dup2(its_input, 0)
        os.dup2(its_output, 1)
        # What the former ones have not written yet belongs to the other process: `sys.__stdout__`
        # keeps them, so that they are not written at their end.
        sys.stdin, sys.stdout = os.fdopen(0, encoding="utf-8"), os.fdopen(1, "w", encoding="utf-8")
        os.environ.clear()
        os.environ.update(environment)
        importlib.import_module(module).serve()
    except BaseException:  # noqa: BLE001 - the process's edge
        traceback.print_exc()
    finally:
        os._exit(1)


def serve_standard_streams(
    answer: Callable[[Request], Answer], *, prepare: Callable[[], object]
) -> None:
    """Answer the process that started this one, and end with it, whatever is at work then.

    `prepare` imports what the first answer needs, while the run that will ask is still loading.
    """
    # What a library prints must not be taken for an answer.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    # It lives for seconds, and imports half a million objects that stay in use.
    gc.disable()
    requests: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(requests,), daemon=True).start()
    prepare()
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
