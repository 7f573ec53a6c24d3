"""The index beside the reports: what each says in short, so that a look reads the new ones only.

A line holds a checksum, the name of a report's file, the mark of that file and what it says. It is
believed for the very file that it was made of and by the very program that made it; whatever else
stands there (a line cut off, of another build, of a file that was edited) is no line. So the index
may be missing, damaged or out of reach: the reports are read then, and whoever read one appends
its line. Nobody need lock it: a line is appended in one write.

Whoever may write it may write the reports as well, so it is trusted as they are; the chain, which
shows that a report was altered, is followed without it.
"""

import contextlib
import json
import os
import threading
import time
from hashlib import blake2b
from stat import S_ISREG
from sys import intern
from typing import Any

from tws_maintenance.config.home import Home
from tws_maintenance.core.atomic import write_whole
from tws_maintenance.core.program import program_mark
from tws_maintenance.reports.summary import ReportSummary, ResultLine

Mark = tuple[int, int, int, int]
# The coarsest times of a file system in use (FAT's): two changes within it look like one.
TICK_NS = 2_000_000_000
# Lines that were replaced by later ones, beyond which they are taken out.
SPARE = 1000
_DIGITS = 16
_SUMMARY = tuple(name for name in ReportSummary.__slots__ if name not in {"damaged", "results"})


class ReportIndex:
    """The index of one home, for any number of threads and processes."""

    def __init__(self, home: Home) -> None:
        """Take the home, whose folder of reports need not exist and is never made."""
        self._path = home.report_index
        self._lock = threading.Lock()
        self._lines: dict[bytes, bytes] | None = None

    def find(self, stem: str, mark: Mark) -> ReportSummary | None:
        """Return what the file `stem` says as long as it has `mark`, None where nobody noted it.

        It is returned once: whoever asks keeps it.
        """
        with self._lock:
            if self._lines is None:
                self._lines = self._read()
            line = self._lines.pop(stem.encode(), None)
        return None if line is None else _summary_in(line, mark)

    def keep(self, stem: str, mark: Mark, summary: ReportSummary) -> None:
        """Note what the file `stem` said when it had `mark`, where that can be noted.

        A file that changed just now may change again without a new mark.
        """
        if time.time_ns() - max(mark[0], mark[3]) <= TICK_NS:
            return
        line = _line(stem, mark, summary)
        with contextlib.suppress(OSError):
            try:
                self._append(line)
            except PermissionError:  # begun by another user, such as root
                self._path.unlink()
                self._append(line)

    def _append(self, line: bytes) -> None:
        # The line break comes first too: what stands before may have been cut off.
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(descriptor, b"\n" + line + b"\n")
        finally:
            os.close(descriptor)

    def _read(self) -> dict[bytes, bytes]:
        """Return the lines by the name of their report, the last of each."""
        try:
            # Opening a pipe would wait for whoever writes to it.
            content = self._path.read_bytes() if S_ISREG(self._path.stat().st_mode) else b""
        except OSError:
            return {}
        lines = [line for line in content.split(b"\n") if line]
        found = {line[_DIGITS + 1 : line.find(b" ", _DIGITS + 1)]: line for line in lines}
        if len(lines) > 2 * len(found) + SPARE:
            with contextlib.suppress(OSError):
                # What somebody appends meanwhile is lost, and its report read once more.
                write_whole(self._path, b"\n".join(found.values()) + b"\n")
        return found


def _line(stem: str, mark: Mark, summary: ReportSummary) -> bytes:
    said = [getattr(summary, name) for name in _SUMMARY]
    results = [[getattr(one, name) for name in ResultLine.__slots__] for one in summary.results]
    body = f"{stem} {json.dumps([mark, said, results], separators=(',', ':'))}".encode()
    return _checksum(body) + b" " + body


def _summary_in(line: bytes, mark: Mark) -> ReportSummary | None:
    """Return what a line says, None where it is no line of this program or of another file."""
    body = line[_DIGITS + 1 :]
    if line[:_DIGITS] != _checksum(body):
        return None
    noted, said, results = json.loads(body[body.find(b" ") :])
    if tuple(noted) != mark:
        return None
    return ReportSummary(
        **dict(zip(_SUMMARY, said, strict=True)),
        results=tuple([ResultLine(*_shared(one)) for one in results]),
    )


def _checksum(body: bytes) -> bytes:
    key = program_mark().encode()
    return blake2b(body, digest_size=_DIGITS // 2, key=key).hexdigest().encode()


def _shared(values: list[Any]) -> list[Any]:
    """Return one object for equal texts: thousands of results name the same tasks and sources."""
    return [intern(one) if one.__class__ is str else one for one in values]
