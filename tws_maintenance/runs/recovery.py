"""Finishing what a killed run left behind, only from the bytes on disk and the log of syncs.

A run holds a file lock from before it reserves its report until the report is written; the
system frees the lock with the process, so a reservation whose lock is free belongs to a run that
died. No process id is trusted. Nothing here imports Dagster.
"""

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from tws_maintenance.audit.receipt import read_receipt
from tws_maintenance.audit.results import ValidationStatus
from tws_maintenance.config.events_service import EventsService
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import index_of_task
from tws_maintenance.config.settings import Settings, load_settings
from tws_maintenance.constituents.promotion import (
    awaited_files,
    finish_promotion,
    promotions_of,
)
from tws_maintenance.core.atomic import TEMPORARY_SUFFIX, owner_of_temporary
from tws_maintenance.core.clock import parse_utc, utc_now, utc_text
from tws_maintenance.core.errors import LockHeld, ProposalUnaudited
from tws_maintenance.core.locks import hold
from tws_maintenance.market_events.model import PROVIDERS, Answer
from tws_maintenance.market_events.sync_result import provider_row
from tws_maintenance.reports import store
from tws_maintenance.reports.building import Ending, build_report
from tws_maintenance.reports.event_results import settle_half_done
from tws_maintenance.reports.journal import Journal
from tws_maintenance.reports.list_results import describe_audit, describe_settled
from tws_maintenance.reports.schema import (
    EventsDiff,
    EventsResult,
    ListResult,
    ProviderResult,
    TaskResult,
    TaskStatus,
)

# A run ends within 120 s, so no run uses a temporary file of this age.
ABANDONED_SECONDS = 3600.0
WAIT_SECONDS = 20.0
OF_ROBOT = (
    "the run was killed. The robot stores the events itself, and a refresh that had begun goes on "
    "there. Check its sync log, then run this again"
)
SKIPPED = "skipped"
NOT_LISTED = (
    "stored before the run was killed; the counts are known, but not which events they were"
)
NOT_LOOKED = "the run was killed before the dry run was complete; run it again"


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
    """Return whether somebody holds the lock of a run; the check removes nothing."""
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
    """Finish every run of `home` that died, and return them; runs that are alive are not touched.

    Cheap when there is nothing to do: it lists the folder of reports and checks the locks of the
    runs that are at work.
    """
    markers = [marker for marker in store.reservations(home) if _may_be_dead(home, marker)]
    if not markers:
        return []
    recovered = []
    with alone(home) as is_alone:
        if not is_alone:
            return []
        for marker in markers:
            # LockHeld: its index is being promoted now, so the next start finishes the run.
            with contextlib.suppress(LockHeld), _owned_by_nobody(home, marker) as journal:
                if journal is not None:
                    recovered.append(_finish(home, marker, journal))
        clear_temporary_files(home)
    return recovered


@contextlib.contextmanager
def alone(home: Home) -> Iterator[bool]:
    """Hold the lock of all recoveries; yield False where another one holds it for too long.

    Two processes that found the same dead run at once both wrote a report of it.
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

    Called inside `alone`.
    """
    reservation = store.reserve(home, utc_now(), journal.to_dict())
    ending = Ending(interrupted=f"{text}. Nothing was replaced.")
    report = build_report(home, reservation.report_id, journal, ending, utc_now())
    store.write_report(home, reservation, report)
    run_lock(home, journal.run_id).unlink(missing_ok=True)
    clear_temporary_files(home)
    return Recovered(journal.run_id, reservation.report_id, text)


def clear_temporary_files(home: Home) -> None:
    """Remove temporary files whose process is gone, unless an unsettled promotion needs them."""
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
    """Yield the journal of a dead run, None where the run is alive or has ended."""
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
        # Read again: before the lock was taken the run may have continued, or ended well.
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
    if store.is_written(home, report_id):  # killed before it removed the reservation
        marker.unlink(missing_ok=True)
        return Recovered(journal.run_id, report_id, "its report was complete")
    text = "its report is written now"
    if report is None:  # otherwise the run ended well but could not write its report
        for result in journal.results.values():
            _settle(home, report_id, result)
            result.begin(parse_utc(journal.reserved_at))
            result.end(parse_utc(result.finished_at) if result.finished_at else utc_now())
        results = journal.results.values()
        replaced = [one.task for one in results if isinstance(one, ListResult) and one.changed]
        text = f"the run was killed (process {journal.pid}); " + (
            f"it had replaced {', '.join(replaced)}" if replaced else "it had replaced no file"
        )
        ending = Ending(interrupted=f"{text}.", is_killed=True)
        report = build_report(home, report_id, journal, ending, utc_now())
    store.write_report(home, reservation, report)
    return Recovered(journal.run_id, report_id, text)


def _settle(home: Home, report_id: str, result: TaskResult) -> None:
    """Add to a result what the run did and could no longer record."""
    try:
        if isinstance(result, EventsResult):
            settle_events(home, report_id, result)
        elif isinstance(result, ListResult):
            _settle_promotion(home, report_id, result)
        elif not result.errors and len(result.files) < len(load_settings(home).maintained.indices):
            result.errors.append("the run was killed before the validation ended")
    except LockHeld:
        raise
    except Exception as error:  # noqa: BLE001 - in the report, or no command would start again
        result.errors.append(
            f"could not determine what the killed run did ({error}). Compare the live file with "
            "the newest backup; `validate` checks whether it is sound."
        )


def _settle_promotion(home: Home, report_id: str, result: ListResult) -> None:
    """Finish the interrupted promotion, if there is one, and fill in what it did."""
    if result.status == TaskStatus.SUCCESS:
        return
    index = index_of_task(result.task)
    for proposal_id in promotions_of(home, index, report_id)[:1]:
        settled = finish_promotion(home, index, proposal_id, WAIT_SECONDS)
        result.proposal_id = proposal_id
        describe_settled(result, settled)
        with contextlib.suppress(ProposalUnaudited):
            describe_audit(result, read_receipt(home, proposal_id))
        if settled.changed:
            # The time of publishing, not of this recovery: freshness counts from here.
            result.finished_at = settled.at
            result.warnings += [settled.text] if settled.text else []
        else:
            result.errors.append(settled.text)


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


def settle_events(home: Home, report_id: str, result: EventsResult) -> None:
    """Fill in what a killed run stored, unless its result already says so.

    Raises:
        StoreError, SettingsError: the store cannot be read, so the answer is not known.
    """
    if result.errors or result.status == TaskStatus.SUCCESS:
        return
    settings = load_settings(home)
    if result.proposal_id is None:
        result.service = settings.events_service.value
    elif result.validation.status == ValidationStatus.NOT_RUN:
        with contextlib.suppress(ProposalUnaudited):
            describe_audit(result, read_receipt(home, result.proposal_id))
    if result.dry_run:
        if result.validation.status == ValidationStatus.NOT_RUN:
            result.errors.append(NOT_LOOKED)
    elif result.service == EventsService.ROBOT:
        result.errors.append(OF_ROBOT)
    else:
        _settle_from_log(home, settings, report_id, result)


def _settle_from_log(home: Home, settings: Settings, report_id: str, result: EventsResult) -> None:
    """Fill in the providers that the log of syncs names; with all of them the run succeeded."""
    from tws_maintenance.market_events.store.event_store import EventStore

    with EventStore(home, settings) as events:
        logs = {log.provider: log for log in events.sync_logs(report_id=report_id)}
    if not logs:
        _forget_what_was_planned(result)
    rows = {one.provider: one for one in result.providers}
    for name, log in logs.items():
        if name not in rows or rows[name].status == SKIPPED != log.status:
            row = provider_row(Answer(name, ""), log)
            rows[name] = ProviderResult.model_validate(row)
            if log.upserted_count or log.stale_count:
                result.warnings.append(f"{PROVIDERS[name].title}: {NOT_LISTED}")
    result.providers = list(rows.values())
    missing = [one.title for name, one in PROVIDERS.items() if name not in logs]
    if missing:
        stored = [PROVIDERS[name].title for name in PROVIDERS if name in logs]
        done = f"stored before: {', '.join(stored)}" if stored else "nothing was stored"
        result.errors.append(
            f"the run was killed before it stored the events of {', '.join(missing)}; {done}. "
            "Each provider is stored whole or not at all. Run it again."
        )
        settle_half_done(result)
    else:
        result.finished_at = utc_text(max(log.ended_at for log in logs.values()))
        result.status = TaskStatus.SUCCESS


def _forget_what_was_planned(result: EventsResult) -> None:
    """Remove the changes of the audited proposal from the result: none of them was stored."""
    result.diff, result.changed_fields, result.moved = EventsDiff(), [], []
    result.added, result.removed, result.after_count = [], [], result.before_count
    nothing = {"status": SKIPPED, "new": 0, "changed": 0, "unchanged": 0, "stale": 0}
    result.providers = [one.model_copy(update=nothing) for one in result.providers]
