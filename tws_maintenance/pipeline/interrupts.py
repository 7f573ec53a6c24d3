"""The signals that end a run: noticing those that get lost, and keeping them out of the end.

Dagster lets SIGINT (and SIGTERM) raise in the middle of a step, once. If that happens in a
callback of the garbage collector, Python prints the exception and drops it: a terminated run, which
Dagster showed as cancelled, went on to publish.
"""

import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator

ENDING = (signal.SIGINT, signal.SIGTERM)
READ_BYTES = 4096


@contextlib.contextmanager
def noted() -> Iterator[Callable[[], None]]:
    """Yield a function that raises DagsterExecutionInterruptedError after a signal to end the run.

    Each step calls it before it begins. It finds also the signals that got lost: the wakeup file
    descriptor notes them, whatever happens to the exception of Python's handler.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None  # signals are the main thread's
        return
    reader, writer = socket.socketpair()
    with reader, writer:
        reader.setblocking(False)
        writer.setblocking(False)
        former = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        came: set[int] = set()

        def heed() -> None:
            with contextlib.suppress(BlockingIOError):
                came.update(reader.recv(READ_BYTES))
            if came.intersection(ENDING):
                # Imported here: `kept_out` is used before Dagster is imported.
                from dagster import DagsterExecutionInterruptedError

                raise DagsterExecutionInterruptedError("The run was interrupted.")

        try:
            yield heed
        finally:
            signal.set_wakeup_fd(former)


@contextlib.contextmanager
def kept_out() -> Iterator[None]:
    """Ignore the signals that end a run inside this context."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    former = {number: signal.getsignal(number) for number in ENDING}
    try:
        for number in former:
            signal.signal(number, lambda _number, _frame: None)
        yield
    finally:
        for number, handler in former.items():
            if handler is not None:  # not of Python's making
                signal.signal(number, handler)
