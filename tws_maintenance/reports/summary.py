"""What is remembered of a report: little enough that thousands of them fit into a process.

What belongs here: reading it from a file that may hold anything. What does not: when it is read
again, which is `shelf`'s.
"""

import json
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from sys import intern
from typing import Any, TypeVar

from tws_maintenance.core.clock import parse_utc
from tws_maintenance.reports.record import TaskStatus
from tws_maintenance.reports.schema import is_whole
from tws_maintenance.reports.store import is_ours, is_refresh, refuse_constant, results_of

T = TypeVar("T")
DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class ResultLine:
    """One task's result in a report; `is_refresh` as `store.is_refresh` tells."""

    task: str
    status: str
    dry_run: bool | None
    refusal: str | None
    finished_at: str | None
    source: str | None
    validation_status: str | None
    proposal_id: str | None
    is_refresh: bool

    @property
    def was_tried(self) -> bool:
        """Tell whether the task started; a skipped one never did."""
        return self.status != TaskStatus.SKIPPED


@dataclass(frozen=True, slots=True)
class ReportSummary:
    """What a report says in short; of a damaged one only what could be told.

    `warnings` and `errors` are how many; `results` are in the order of the report.
    """

    report_id: str
    run_id: str | None = None
    status: str | None = None
    dry_run: bool | None = None
    entry_point: str | None = None
    actor: str | None = None
    started_at: str | None = None
    finished_at: str | None = None
    warnings: int = 0
    errors: int = 0
    damaged: bool = False
    results: tuple[ResultLine, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return it as a line of the list of reports, for programs."""
        return {
            "report_id": self.report_id,
            "run_id": self.run_id,
            "status": self.status,
            "dry_run": self.dry_run,
            "finished_at": self.finished_at,
            "warnings": self.warnings,
            "errors": self.errors,
            "damaged": self.damaged,
        }

    def matches(self, status: str | None, task: str | None) -> bool:
        """Tell whether it has that status (or is `damaged`) and a result of that task."""
        found = DAMAGED if self.damaged else self.status
        return (status is None or status == found) and (
            task is None or any(line.task == task for line in self.results)
        )


def read_entry(path: Path, report_id: str) -> ReportSummary:
    """Read a report; whatever is wrong with the file gives an entry that is damaged."""
    run_id = None
    try:
        # Opening a pipe would wait for whoever writes to it.
        if not stat.S_ISREG(path.stat().st_mode):
            return ReportSummary(report_id, damaged=True)
        report = json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse_constant)
        fields = _Fields(report, is_strict=is_ours(path.stem))
        run_id = fields.text("run_id")
        if fields.is_strict and not is_whole(report):
            return ReportSummary(report_id, run_id=run_id, damaged=True)
        return _entry_of(report_id, fields)
    except (OSError, ValueError, TypeError, OverflowError, RecursionError):
        return ReportSummary(report_id, run_id=run_id, damaged=True)


def _entry_of(report_id: str, fields: "_Fields") -> ReportSummary:
    status = fields.word("status")
    if status is None:
        raise TypeError("it has no status")
    return ReportSummary(
        report_id=report_id,
        run_id=fields.text("run_id"),
        status=status,
        dry_run=fields.get("dry_run", bool),
        entry_point=fields.word("entry_point"),
        actor=fields.word("actor"),
        started_at=fields.instant("started_at"),
        finished_at=fields.instant("finished_at"),
        warnings=fields.count("warnings"),
        errors=fields.count("errors"),
        results=tuple(_lines(fields)),
    )


def _lines(fields: "_Fields") -> Iterator[ResultLine]:
    records = results_of(fields.values)
    if fields.is_strict and records != fields.get("results", list):
        raise TypeError("its results are no list of objects")
    for record in records:
        one = _Fields(record, is_strict=fields.is_strict)
        task, status = one.word("task"), one.word("status")
        if task is not None and status is not None:
            yield _line(one, task, status)
        elif fields.is_strict:
            raise TypeError("a result has no task or no status")


def _line(fields: "_Fields", task: str, status: str) -> ResultLine:
    validation = _Fields(fields.get("validation", dict) or {}, is_strict=fields.is_strict)
    return ResultLine(
        task=task,
        status=status,
        dry_run=fields.get("dry_run", bool),
        refusal=fields.word("refusal"),
        finished_at=fields.instant("finished_at"),
        source=fields.word("source"),
        validation_status=validation.word("status"),
        proposal_id=fields.text("proposal_id"),
        is_refresh=is_refresh(fields.values),
    )


@dataclass(frozen=True)
class _Fields:
    """A record whose wrong types are errors (in a report of ours) or nothing (in an older one)."""

    values: dict[str, Any]
    is_strict: bool

    def __post_init__(self) -> None:
        if not isinstance(self.values, dict):
            raise TypeError("not an object")

    def get(self, key: str, kind: type[T]) -> T | None:
        """Return the value of a key; JSON's true is no number, as it would be in Python."""
        value = self.values.get(key)
        if type(value) is kind:
            return value
        if value is not None and self.is_strict:
            raise TypeError(f"{key} is {type(value).__name__}, expected {kind.__name__}")
        return None

    def text(self, key: str) -> str | None:
        """Return a text that can be written out again: a lone surrogate cannot."""
        found = self.get(key, str)
        if found is not None:
            found.encode()
        return found

    def word(self, key: str) -> str | None:
        """Return a text that many reports share, kept once."""
        found = self.text(key)
        return found if found is None else intern(found)

    def instant(self, key: str) -> str | None:
        """Return the text of an instant."""
        found = self.text(key)
        try:
            if found is not None:
                parse_utc(found)
        except (ValueError, OverflowError):
            if self.is_strict:
                raise
            return None
        return found

    def count(self, key: str) -> int:
        """Return how many a list holds."""
        return len(self.get(key, list) or ())
