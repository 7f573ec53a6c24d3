"""Loaded by every Python process of a journey: notes what it writes and whom it connects to.

Audit events: https://docs.python.org/3/library/audit_events.html
"""

import atexit
import json
import os
import sys
from pathlib import Path
from typing import Any

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
NOTES = Path(os.environ["WATCHED_NOTES"]) / f"{os.getpid()}.jsonl"
_notes = os.open(NOTES, os.O_WRONLY | os.O_CREAT | os.O_APPEND)


def _note(kind: str, *told: Any) -> None:
    os.write(_notes, (json.dumps([kind, *(str(one) for one in told)]) + "\n").encode())


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if event == "open":
        path, mode, flags = args
        writes = any(one in mode for one in "wax+") if mode else bool(flags & WRITING)
        if writes and not isinstance(path, int):
            _note("write", os.path.abspath(os.fsdecode(path)))  # noqa: PTH100
    elif event in {"os.rename", "os.link", "os.symlink"}:
        _note("write", os.path.abspath(os.fsdecode(args[1])))  # noqa: PTH100
    elif event in {"os.mkdir", "os.remove", "os.rmdir", "os.truncate", "os.chmod"}:
        if not isinstance(args[0], int):
            _note("write", os.path.abspath(os.fsdecode(args[0])))  # noqa: PTH100
    elif event == "sqlite3.connect":
        _note("sqlite", os.fsdecode(args[0]))
    elif event == "socket.connect":
        _note("connect", *(args[1] if isinstance(args[1], tuple) else (args[1],)))


sys.addaudithook(_hook)
atexit.register(lambda: _note("modules", *sorted(sys.modules)))
