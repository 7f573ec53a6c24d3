"""Finishing what a killed run left behind, from the bytes on disk alone.

A run holds a file lock from before it reserves its report until the report is written; the
system frees the lock with the process, so a reservation whose lock is free belongs to a run that
died. No process id is trusted. Nothing here knows Dagster.
"""

import contextlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from tws_maintenance.audit.receipt import read_receipt
from tws_maintenance.audit.results import ValidationStatus
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import (
    ALL_TASKS,
    MARKET_EVENTS,
    Index,
    index_of_task,
)
from tws_maintenance.constituents.promotion import (
    awaited_files,
    finish_promotion,
    promotions_of,
)
from tws_maintenance.constituents.proposal import proposal_ids, read_proposal
from tws_maintenance.core.atomic import TEMPORARY_SUFFIX, owner_of_temporary
from tws_maintenance.core.clock import parse_utc, utc_now
from tws_maintenance.core.errors import LockHeld, ProposalMissing, ProposalUnaudited
from tws_maintenance.core.locks import hold
from tws_maintenance.reports import store
from tws_maintenance.reports.results import describe, describe_audit
from tws_maintenance.reports.schema import (
    ListResult,
    RunStatus,
    TaskResult,
    TaskStatus,
    compose,
    new_result,
    parse_report,
)
from tws_maintenance.runs.event_recovery import settled_events

# A run ends within 120 s; a temporary file of this age belongs to nobody.
ABANDONED_SECONDS = 3600.0
WAIT_SECONDS = 20.0


@dataclass(frozen=True)
class Recovered:
    """A run that died and now has its report."""

    run_id: str
    report_id: str
    text: str


def run_lock(home: Home, run_id: str) -> Path:
    """Return the lock that the run `run_id` holds while it is alive."""
    return home.locks / f"run_{run_id}.lock"


def is_locked(home: Home, run_id: str) -> bool:
    """Tell whether somebody holds the lock of a run; a look at it removes nothing."""
    path = run_lock(home, run_id)
    if not path.exists():
        return False
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    return False


def recover(home: Home) -> list[Recovered]:
    """Finish every run of `home` that died; those that are alive are left alone.

    Cheap when there is nothing to do: one look into the folder of reports, and at the locks of
    the runs that are at work.
    """
    markers = [marker for marker in store.reservations(home) if _may_be_dead(home, marker)]
    if not markers:
        return []
    recovered = []
    with alone(home) as is_alone:
        if not is_alone:
            return []
        for marker in markers:
            # Held: its index is being promoted just now, and the next start finishes it.
            with contextlib.suppress(LockHeld), _owned_by_nobody(home, marker) as note:
                if note is not None:
                    recovered.append(_finish(home, marker, note))
        clear_temporary_files(home)
    return recovered


@contextlib.contextmanager
def alone(home: Home) -> Iterator[bool]:
    """Hold the lock of everybody who recovers; False where somebody else is at it for long.

    Two that found the same dead run at once both wrote a report of it.
    """
    lock = home.locks / "recovery.lock"
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(
                hold(lock, wait_seconds=WAIT_SECONDS, holder=f"process {os.getpid()}")
            )
        except LockHeld:
            yield False
            return
        yield True


def report_unstarted(
    home: Home, head: dict[str, Any], tasks: tuple[str, ...], started_at: datetime, text: str
) -> Recovered:
    """Write the report of a run that died, or was ended, before it reserved one.

    Called while `alone`.
    """
    reservation = store.reserve(home, utc_now(), head | {"tasks": list(tasks)})
    results = [new_result(task, dry_run=head["dry_run"]) for task in ALL_TASKS if task in tasks]
    report = compose(
        head | {"report_id": reservation.report_id},
        RunStatus.INTERRUPTED,
        started_at,
        results,
        [],
        [f"Interrupted: {text}. Nothing was replaced."],
    )
    store.write_report(home, reservation, report)
    run_lock(home, head["run_id"]).unlink(missing_ok=True)
    clear_temporary_files(home)
    return Recovered(head["run_id"], reservation.report_id, text)


def clear_temporary_files(home: Home) -> None:
    """Remove temporary files whose process is gone, unless a promotion is yet to be settled."""
    folders = (home.data, home.history, home.reports, home.locks, home.dagster)
    deep = (home.staging, home.backups)
    found = [path for folder in folders for path in folder.glob(f".*{TEMPORARY_SUFFIX}")]
    found += [path for folder in deep for path in folder.rglob(f".*{TEMPORARY_SUFFIX}")]
    awaited = awaited_files(home) if found else frozenset()
    for path in found:
        with contextlib.suppress(OSError):
            if path.name not in awaited and not _may_be_in_use(path):
                path.unlink()


@contextlib.contextmanager
def _owned_by_nobody(home: Home, marker: Path) -> Iterator[dict[str, Any] | None]:
    """Yield the note of a reservation whose run is dead, None where it is alive or gone."""
    note = store.note_of(marker)
    if note is None:
        yield None
        return
    lock = FileLock(run_lock(home, note["run_id"]))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        yield None
        return
    try:
        # It may have ended well between the look and the lock.
        yield note if marker.exists() else None
    finally:
        lock.release()
        Path(lock.lock_file).unlink(missing_ok=True)


def _may_be_dead(home: Home, marker: Path) -> bool:
    note = store.note_of(marker)
    return note is not None and not is_locked(home, note["run_id"])


def _finish(home: Home, marker: Path, note: dict[str, Any]) -> Recovered:
    """Write the report of a dead run, once its promotions are settled."""
    reservation = store.Reservation(store.report_id_of(marker), marker)
    path = store.report_path(home, reservation.report_id)
    if path.exists():  # killed between the report and giving up the reservation
        marker.unlink(missing_ok=True)
        return Recovered(note["run_id"], reservation.report_id, "its report was complete")
    if "report" in note:  # it ended well, but its report could not be written then
        store.write_report(home, reservation, parse_report(json.dumps(note["report"])))
        return Recovered(note["run_id"], reservation.report_id, "its report is written now")
    results = [_told(home, reservation.report_id, task, note) for task in note["tasks"]]
    replaced = [r.task for r in results if isinstance(r, ListResult) and r.changed]
    text = f"the run was killed (process {note.get('pid')}); " + (
        f"it had replaced {', '.join(replaced)}" if replaced else "it had replaced no file"
    )
    head = note | {"report_id": reservation.report_id}
    started_at = parse_utc(note["reserved_at"])
    report = compose(
        head, RunStatus.INTERRUPTED, started_at, results, [], [f"Interrupted: {text}."]
    )
    store.write_report(home, reservation, report)
    return Recovered(note["run_id"], reservation.report_id, text)


def _told(home: Home, report_id: str, task: str, note: dict[str, Any]) -> TaskResult:
    """Return what became of a task; one that cannot be told must not keep the others waiting."""
    try:
        return _result(home, report_id, task, note)
    except LockHeld:
        raise
    except Exception as error:  # noqa: BLE001 - told in the report, or no command would start again
        result = new_result(task, dry_run=bool(note["dry_run"]))
        result.status = TaskStatus.FAILED
        result.errors.append(
            f"what the killed run did could not be told ({error}). Compare the live file with the "
            "newest backup; `validate` tells whether it is sound."
        )
        return result


def _result(home: Home, report_id: str, task: str, note: dict[str, Any]) -> TaskResult:
    if task == MARKET_EVENTS:
        return settled_events(home, report_id, note)
    result = new_result(task, dry_run=bool(note["dry_run"]))
    if not isinstance(result, ListResult):
        result.status = TaskStatus.FAILED
        result.errors = ["the run was killed before the validation ended"]
        return result
    index = index_of_task(task)
    _settle(home, report_id, index, result)
    if result.status == TaskStatus.SKIPPED:
        result.status = TaskStatus.FAILED
        result.errors.append(
            "the run was killed before it had staged anything; nothing was replaced"
        )
    result.begin(parse_utc(note["reserved_at"]))
    result.end(parse_utc(result.finished_at) if result.finished_at else utc_now())
    return result


def _settle(home: Home, report_id: str, index: Index, result: ListResult) -> None:
    """Fill in what the files say of this index: staged, audited, promoted or not."""
    promoted = promotions_of(home, index, report_id)
    staged = [one for one in proposal_ids(home, index) if one == f"{report_id}_{index.key}"]
    for proposal_id in [*promoted, *staged][:1]:
        with contextlib.suppress(ProposalMissing):
            describe(result, read_proposal(home, proposal_id))
        with contextlib.suppress(ProposalUnaudited):
            describe_audit(result, read_receipt(home, proposal_id))
    result.status = TaskStatus.FAILED if promoted or staged else TaskStatus.SKIPPED
    if promoted:
        settled = finish_promotion(home, index, promoted[0], WAIT_SECONDS)
        result.backup_path = settled.backup_path
        if settled.changed:
            # When it was published, not when that was found out: freshness counts from here.
            result.finished_at = settled.at
            result.status = TaskStatus.SUCCESS
            result.changed, result.output_path = True, settled.output_path
            result.warnings += [settled.text] if settled.text else []
        else:
            result.errors.append(settled.text)
    elif staged and result.dry_run and result.validation.status == ValidationStatus.PASSED:
        result.status = TaskStatus.SUCCESS
    elif staged:
        result.errors.append(
            "the run was killed after staging; nothing was replaced. The proposal is kept: "
            "`proposals list` shows it."
        )


def _may_be_in_use(path: Path) -> bool:
    if time.time() - path.stat().st_mtime > ABANDONED_SECONDS:
        return False
    owner = owner_of_temporary(path)
    if owner is None:
        return False
    try:
        os.kill(owner, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
