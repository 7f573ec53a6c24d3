"""Finishing what a killed run left behind, from the bytes on disk alone.

A run holds a file lock from before it reserves its report until the report is written; the
system frees the lock with the process, so a reservation whose lock is free belongs to a run that
died. No process id is trusted. Nothing here knows Dagster.
"""

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import (
    INDICES,
    MARKET_EVENTS,
    METADATA_VALIDATION,
    Index,
    index_of_task,
)
from tws_maintenance.constituents.promotion import (
    awaited_files,
    finish_promotion,
    promotions_of,
)
from tws_maintenance.core.atomic import TEMPORARY_SUFFIX, owner_of_temporary
from tws_maintenance.core.clock import parse_utc, utc_now, utc_text
from tws_maintenance.core.errors import LockHeld
from tws_maintenance.core.locks import hold
from tws_maintenance.reports import store
from tws_maintenance.reports.building import Ending, build_report
from tws_maintenance.reports.journal import Journal, TaskNote
from tws_maintenance.runs.event_recovery import settle_events

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
            with contextlib.suppress(LockHeld), _owned_by_nobody(home, marker) as journal:
                if journal is not None:
                    recovered.append(_finish(home, marker, journal))
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


def report_unstarted(home: Home, journal: Journal, text: str) -> Recovered:
    """Write the report of a run that died, or was ended, before it reserved one.

    Called while `alone`.
    """
    reservation = store.reserve(home, utc_now(), journal.to_dict())
    ending = Ending(interrupted=f"{text}. Nothing was replaced.")
    report = build_report(home, reservation.report_id, journal, ending, utc_now())
    store.write_report(home, reservation, report)
    run_lock(home, journal.run_id).unlink(missing_ok=True)
    clear_temporary_files(home)
    return Recovered(journal.run_id, reservation.report_id, text)


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
def _owned_by_nobody(home: Home, marker: Path) -> Iterator[Journal | None]:
    """Yield the journal of a run that is dead, None where it is alive or gone."""
    found = store.journal_of(marker)
    if found is None:
        yield None
        return
    lock = FileLock(run_lock(home, found.run_id))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        yield None
        return
    try:
        # Read again: between the look and the lock it may have gone on, or ended well.
        yield store.journal_of(marker)
    finally:
        lock.release()
        Path(lock.lock_file).unlink(missing_ok=True)


def _may_be_dead(home: Home, marker: Path) -> bool:
    journal = store.journal_of(marker)
    return journal is not None and not is_locked(home, journal.run_id)


def _finish(home: Home, marker: Path, journal: Journal) -> Recovered:
    """Write the report of a dead run, once its promotions are settled."""
    reservation = store.Reservation(store.report_id_of(marker), marker)
    report_id, report = reservation.report_id, journal.report
    if store.is_written(home, report_id):  # killed before it gave up the reservation
        marker.unlink(missing_ok=True)
        return Recovered(journal.run_id, report_id, "its report was complete")
    text = "its report is written now"
    if report is None:  # else it ended well, but its report could not be written then
        for task in journal.tasks:
            _settle(home, report_id, journal, task)
        replaced = [task for task in journal.tasks if journal.note(task).changed]
        text = f"the run was killed (process {journal.pid}); " + (
            f"it had replaced {', '.join(replaced)}" if replaced else "it had replaced no file"
        )
        ending = Ending(interrupted=f"{text}.", is_killed=True)
        report = build_report(home, report_id, journal, ending, utc_now())
    store.write_report(home, reservation, report)
    return Recovered(journal.run_id, report_id, text)


def _settle(home: Home, report_id: str, journal: Journal, task: str) -> None:
    """Complete the note of a task by what the run did and could not note any more."""
    note = journal.note(task)
    try:
        if task == MARKET_EVENTS:
            settle_events(home, report_id, journal)
        elif task == METADATA_VALIDATION:
            if not note.errors and not note.files.keys() >= INDICES.keys():
                note.errors.append("the run was killed before the validation ended")
        elif note.changed is None:
            _settle_promotion(home, report_id, index_of_task(task), note)
    except LockHeld:
        raise
    except Exception as error:  # noqa: BLE001 - told in the report, or no command would start again
        note.errors.append(
            f"what the killed run did could not be told ({error}). Compare the live file with the "
            "newest backup; `validate` tells whether it is sound."
        )
    note.begin(parse_utc(journal.reserved_at))
    note.finished_at = note.finished_at or utc_text(utc_now())


def _settle_promotion(home: Home, report_id: str, index: Index, note: TaskNote) -> None:
    """Finish the promotion that was under way, if one was, and note what it did."""
    for proposal_id in promotions_of(home, index, report_id)[:1]:
        settled = finish_promotion(home, index, proposal_id, WAIT_SECONDS)
        note.proposal_id = proposal_id
        note.publish(settled)
        if settled.changed:
            # When it was published, not when that was found out: freshness counts from here.
            note.finished_at = settled.at
            note.warnings += [settled.text] if settled.text else []
        else:
            note.errors.append(settled.text)


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
