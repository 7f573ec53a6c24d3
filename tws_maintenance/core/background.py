"""Work in a thread that does not keep the process from ending."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

Answer = TypeVar("Answer")


def begin(work: Callable[[], Answer], name: str) -> "Future[Answer]":
    """Begin `work` in a thread called `name` and return its answer to come.

    A daemon thread: what hangs must not keep the process from ending.
    """
    answer: Future[Answer] = Future()

    def run() -> None:
        try:
            answer.set_result(work())
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits
            answer.set_exception(error)

    threading.Thread(target=run, name=name, daemon=True).start()
    return answer
