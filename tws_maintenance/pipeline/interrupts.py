"""The signals that end a run: those that get lost, and when none may disturb.

Dagster lets SIGINT (and SIGTERM) raise in the middle of a step, once. Where that falls into a
callback of the garbage collector, Python prints it and forgets it: a run that was terminated, and
is called cancelled, went on to publish.
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
    """Yield what raises DagsterExecutionInterruptedError once a signal has come to end the run.

    To be called where work begins, at which no signal has come unless it got lost: the system's
    own handler notes it, whatever becomes of what Python's handler raises.
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
                # Here, because a run is kept from signals also before Dagster is imported.
                from dagster import DagsterExecutionInterruptedError

                raise DagsterExecutionInterruptedError("The run was interrupted.")

        try:
            yield heed
        finally:
            signal.set_wakeup_fd(former)


@contextlib.contextmanager
def kept_out() -> Iterator[None]:
    """Let no signal end what is done inside: neither handlers nor what they raise."""
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
