"""A second process of ours for work that is heavy to import: it loads while this one does.

Both speak in lines of JSON, one request and one answer at a time. The process ends when this one
does, however that ends: its input is closed then.
"""

import contextlib
import gc
import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import IO, Any

from tws_maintenance.errors import TwsMaintenanceError


class HelperDied(TwsMaintenanceError):
    """The process ended without answering."""


class HelperProcess:
    """A process that runs `module`, which must call `serve`.

    Args:
        module: the module's full name.
        task: what it does, for messages: "auditing".
    """

    def __init__(self, module: str, task: str) -> None:
        self._module = module
        self._task = task
        self._process: subprocess.Popen[str] | None = None

    @property
    def is_started(self) -> bool:
        """Tell whether there is a process to ask."""
        return self._process is not None

    def start(self) -> None:
        """Start the process."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", self._module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def stop(self) -> None:
        """End the process, whatever it is at."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with contextlib.suppress(OSError):  # a last line that nobody reads any more
                    assert pipe is not None
                    pipe.close()

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to `request`.

        Raises:
            HelperDied: there was none.
        """
        process = self._process
        if process is None:
            raise HelperDied(f"the {self._task} process was stopped")
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
            raise HelperDied(f"the {self._task} process ended early (exit code {code})")
        answer: dict[str, Any] = json.loads(line)
        return answer


def serve(
    answer: Callable[[dict[str, Any]], dict[str, Any]], requests: IO[str], answers: IO[str]
) -> None:
    """Answer requests, a line each, until there are no more; then end this process at once.

    Whatever threads are still at work then work for a run that is gone.
    """
    for line in requests:
        told = json.dumps(answer(json.loads(line)))
        try:
            answers.write(told + "\n")
            answers.flush()
        except BrokenPipeError:  # the run was killed
            os._exit(1)


def serve_standard_streams(
    answer: Callable[[dict[str, Any]], dict[str, Any]], *, needs: str
) -> None:
    """Serve the process that started this one, and end with it.

    The module that it `needs` is imported first, while the run that will ask is still loading.
    """
    # It lives for seconds, and imports half a million objects, none of them garbage.
    gc.disable()
    importlib.import_module(needs)
    # Ctrl-C goes to the whole group; the run itself decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    serve(answer, sys.stdin, sys.stdout)
    os._exit(0)
