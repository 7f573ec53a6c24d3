"""The index beside the reports: a summary of each, so that only new reports are read.

A line holds a checksum, the name of a report's file, the mark of that file and its summary. It
counts only for the same file and the same build of the program. Any other line is ignored: one
that is cut off, of another build, or of a file that was edited. So the index may be missing,
damaged or unreadable: then the reports are read, and each reader appends the lines that it made.
It needs no lock: a line is appended in one write.

Whoever can write the index can write the reports as well, so it is trusted as they are. The chain,
which shows that a report was altered, does not use it.
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
from tws_maintenance.core.code_fingerprint import program_mark
from tws_maintenance.reports.summary import ReportSummary, ResultLine

Mark = tuple[int, int, int, int]
# The coarsest clock of a file system in use (FAT): two changes within it look like one.
TICK_NS = 2_000_000_000
# Above this many lines that later ones replaced, the file is rewritten without them.
SPARE = 1000
_DIGITS = 16
_SUMMARY = tuple(name for name in ReportSummary.__slots__ if name not in {"damaged", "results"})


class ReportIndex:
    """The index of one home, for any number of threads and processes."""

    def __init__(self, home: Home) -> None:
        """Take the home; its folder of reports need not exist and is never created."""
        self._path = home.report_index
        self._lock = threading.Lock()
        self._lines: dict[bytes, bytes] | None = None

    def find(self, stem: str, mark: Mark) -> ReportSummary | None:
        """Return the noted summary of the file `stem` with `mark`, None where it is not noted.

        Each is returned only once: the caller keeps it.
        """
        with self._lock:
            if self._lines is None:
                self._lines = self._read()
            line = self._lines.pop(stem.encode(), None)
        return None if line is None else _summary_in(line, mark)

    def keep(self, stem: str, mark: Mark, summary: ReportSummary) -> None:
        """Note the summary of the file `stem` with `mark`; a failed write is ignored.

        A file that changed just now is not noted: it may change again without a new mark.
        """
        if time.time_ns() - max(mark[0], mark[3]) <= TICK_NS:
            return
        line = _line(stem, mark, summary)
        with contextlib.suppress(OSError):
            try:
                self._append(line)
            except PermissionError:  # created by another user, such as root
                self._path.unlink()
                self._append(line)

    def _append(self, line: bytes) -> None:
        # A line break before it as well: the line before may have been cut off.
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
                # A line that is appended meanwhile is lost, and its report is read once more.
                write_whole(self._path, b"\n".join(found.values()) + b"\n")
        return found


def _line(stem: str, mark: Mark, summary: ReportSummary) -> bytes:
    said = [getattr(summary, name) for name in _SUMMARY]
    results = [[getattr(one, name) for name in ResultLine.__slots__] for one in summary.results]
    body = f"{stem} {json.dumps([mark, said, results], separators=(',', ':'))}".encode()
    return _checksum(body) + b" " + body


def _summary_in(line: bytes, mark: Mark) -> ReportSummary | None:
    """Return the summary in a line, None where another build wrote it or its file changed."""
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
