"""A program that dies, or is interrupted, at its nth touch of the disk; for every n in turn.

Python announces each opening, renaming, removing, making and changing of a file before it happens
(https://docs.python.org/3/library/audit_events.html). There the process ends without any clean-up,
as with SIGKILL, or gets a KeyboardInterrupt, as with Ctrl-C. Every death has a copy of the home
for itself, `<homes>/<n>`, and the last copy is the one in which the work went to its end.

    python -m tws_maintenance_tests.dying kill|interrupt WORK HOME HOMES [ARGUMENT]
"""

import itertools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tws_maintenance.audit.run_context import RunContext
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES
from tws_maintenance.config.settings import load_settings
from tws_maintenance.constituents.promotion import promote
from tws_maintenance.constituents.proposal import read_proposal
from tws_maintenance.core.clock import utc_text
from tws_maintenance.reports.chain import append
from tws_maintenance_tests.reports import shelf

TOUCHES = frozenset({"open", "os.rename", "os.remove", "os.mkdir", "os.chmod", "os.link"})
DIED, DONE = 9, 0
AT = datetime(2026, 11, 22, 19, 0, tzinfo=UTC)


def promotion(home: Home, proposal_id: str) -> None:
    """Promote a proposal."""
    index = INDICES[read_proposal(home, proposal_id).index]
    mark = RunContext("maintenance_20261122_190000", "the-run-that-dies", AT)
    promote(home, index, proposal_id, load_settings(home), mark)


def report(home: Home, report_id: str) -> None:
    """Add a report to the chain."""
    path = home.reports / f"{report_id.removeprefix('maintenance_')}.json"
    append(home, path, shelf.whole(shelf.report(report_id=report_id, finished_at=utc_text(AT))))


WORKS: dict[str, Callable[[Home, str], None]] = {"promotion": promotion, "report": report}


def deaths(how: str, work: str, home: Home, folder: Path, argument: str) -> list[Home]:
    """Let a process of its own do `work` once for each touch, and return what was left of it."""
    command = [sys.executable, "-m", __name__, how, work, str(home.root), str(folder), argument]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return [Home(folder / str(number)) for number in json.loads(done.stdout)]


def _die_each_time(how: str, work: str, home: Path, folder: Path, argument: str) -> list[int]:
    for number in itertools.count(1):
        copy = folder / str(number)
        shutil.copytree(home, copy, symlinks=True)
        child = os.fork()
        if child == 0:
            _end_at(number, how)
            try:
                WORKS[work](Home(copy), argument)
            except KeyboardInterrupt:
                os._exit(DIED)
            os._exit(DONE)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code not in (DIED, DONE):
            raise RuntimeError(f"{work} failed on its own at touch {number}, exit code {code}")
        if code == DONE:
            break
    return list(range(1, number + 1))


def _end_at(number: int, how: str) -> None:
    touches = itertools.count(1)
    fsync = os.fsync

    def touch() -> None:
        if next(touches) == number:
            if how == "kill":
                os._exit(DIED)
            raise KeyboardInterrupt

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in TOUCHES and str(arguments[0]).startswith("/"):
            touch()

    def counted_fsync(fd: Any) -> None:
        touch()  # Python announces no fsync; here the bytes are written, but not yet safe
        fsync(fd)

    os.fsync = counted_fsync
    sys.addaudithook(hook)


if __name__ == "__main__":
    numbers = _die_each_time(
        sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]), sys.argv[5]
    )
    sys.stdout.write(json.dumps(numbers))
