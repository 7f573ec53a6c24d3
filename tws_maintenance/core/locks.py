"""Locks between processes, and who holds them.

The operating system frees a lock with its holder's death (filelock), so a killed run never
blocks the next one. The note of who holds it lies beside the lock, because taking a lock
truncates the lock file itself.
"""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from tws_maintenance.core.atomic import write_json
from tws_maintenance.core.clock import utc_now, utc_text
from tws_maintenance.core.errors import LockHeld


@contextlib.contextmanager
def hold(path: Path, *, wait_seconds: float, holder: str) -> Iterator[None]:
    """Hold the lock `path`, waiting up to `wait_seconds` for its holder.

    Raises:
        LockHeld: it was not free in time; the message names the holder.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    note = path.with_suffix(".holder")
    lock = FileLock(path, thread_local=False)
    try:
        lock.acquire(timeout=wait_seconds)
    except Timeout:
        raise LockHeld(
            f"{path.stem} is locked by {_holder(note)}, and still was after {wait_seconds:g} s. "
            "Wait for that run to end, then try again."
        ) from None
    try:
        write_json(note, {"holder": holder, "pid": os.getpid(), "since": utc_text(utc_now())})
        yield
    finally:
        with contextlib.suppress(OSError):
            note.unlink(missing_ok=True)
        lock.release()


def _holder(note: Path) -> str:
    try:
        found = json.loads(note.read_text(encoding="utf-8"))
        return f"{found['holder']} (process {found['pid']}, since {found['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another run"
