"""Whether everything is fresh: the state of each list, from its file, its stamp and the reports.

What belongs here: the answer of `status` for people and programs. What does not: the audit of a
live file, which is in `live_audits`, and how a page or the command line shows the answer.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field, WithJsonSchema

from tws_maintenance.audit.results import ValidationStatus
from tws_maintenance.config.events_service import EventsService
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import ALL_TASKS, MARKET_EVENTS, Index
from tws_maintenance.config.settings import Settings
from tws_maintenance.constituents.csv_file import read_live
from tws_maintenance.constituents.drift import find_drift
from tws_maintenance.constituents.promotion_stamp import Generation, read_generation
from tws_maintenance.core.clock import CLOCK_TOLERANCE, is_older
from tws_maintenance.core.errors import LiveFileError, StoreError
from tws_maintenance.core.text import counted
from tws_maintenance.market_events.model import SyncLog
from tws_maintenance.market_events.store.plain_logs import plain_logs
from tws_maintenance.market_events.sync_log import LOGS_READ, doubts, moved_lately
from tws_maintenance.reports.catalog import Refreshed, ReportCatalog
from tws_maintenance.reports.file_names import BACKUP_SOURCE
from tws_maintenance.reports.live_audits import live_audits
from tws_maintenance.reports.schema import (
    Announced,
    Count,
    EventsResult,
    ListResult,
    Part,
    ProviderResult,
    TaskResult,
    TaskStatus,
    Validation,
    is_none,
)
from tws_maintenance.reports.store import FindReport, reports_once
from tws_maintenance.reports.summary import ReportSummary, ResultLine
from tws_maintenance.reports.upcoming_changes import ahead_of

# An instant of a report, which was checked when that was read.
Instant = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
TaskName = Annotated[str, WithJsonSchema({"type": "string", "enum": [*ALL_TASKS]})]


class LastRun(Part):
    """The last run that worked on a list; `audit` is the outcome of its audit."""

    report_id: str
    status: str
    audit: str | None
    dry_run: bool | None


class ListStatus(Part):
    """One index list: its file, its last refresh and its last run.

    `validation` is the audit of the last run, `file_audit` that of the file as it is now, None
    where there was no time for it. `unconfirmed`, `drift` and `file_problem` are sentences.
    `announced` are the changes still to come, None where they are not known.
    """

    task: TaskName
    name: str
    file: str
    last_refreshed_at: Instant | None
    row_count: Count | None
    source: str | None
    validation: Validation
    stale: bool
    unconfirmed: str | None
    announced: list[Announced] | None
    restored_at: Instant | None
    drift: str | None
    file_problem: str | None
    last_run: LastRun | None
    run_id: str | None
    file_audit: Validation | None = Field(default=None, exclude_if=is_none)


class EventsStatus(Part):
    """The last sync of market events, and whether a newer one is needed."""

    last_refreshed_at: Instant | None
    fetched: Count
    upserted: Count
    stale: Count
    errors: Count
    providers: list[ProviderResult]
    status: TaskStatus | None
    run_id: str | None
    service: EventsService
    doubts: list[str]
    moved: list[str]
    needs_refresh: bool


class LatestReport(Part):
    """The newest report in short."""

    report_id: str
    finished_at: Instant | None
    status: str | None
    warnings: list[str]
    errors: list[str]
    run_id: str | None


class HomeStatus(Part):
    """What is fresh and what is not."""

    constituents: list[ListStatus]
    market_events: EventsStatus
    latest_report: LatestReport | None

    @property
    def needs_attention(self) -> bool:
        """Whether something is stale, never refreshed, missing, unsound, or failed last time."""
        events, failed = self.market_events, ValidationStatus.FAILED
        return (
            events.needs_refresh
            or events.status in {TaskStatus.FAILED, TaskStatus.PARTIAL_FAILURE}
            or any(
                one.stale
                or one.unconfirmed
                or failed in {audit.status for audit in (one.validation, one.file_audit) if audit}
                for one in self.constituents
            )
        )


def status(home: Home, settings: Settings, at: datetime) -> HomeStatus:
    """Return `overview` with an audit of each live file as it is now.

    Only a file that changed since its last audit is audited again, because pandera is slow.
    """
    found = overview(home, settings, at, ReportCatalog(home))
    refreshed = {one.task: one.last_refreshed_at for one in found.constituents}
    audits = live_audits(home, settings, refreshed, at)
    for one in found.constituents:
        one.file_audit = audits[one.task]
    return found


def overview(home: Home, settings: Settings, at: datetime, shelf: ReportCatalog) -> HomeStatus:
    """Return how fresh everything is, from the files and the reports."""
    # A run dated in the future by a wrong clock would make a list fresh until then.
    tasks = settings.maintained.groups["all"]
    refreshed = shelf.last_refreshed(tasks, at + CLOCK_TOLERANCE)
    last = shelf.last_results(tasks)
    look = _Look(home, settings, shelf, at, reports_once(home))
    return HomeStatus(
        constituents=[
            _index_status(look, index, refreshed.get(index.task), last.get(index.task))
            for index in settings.maintained
        ],
        market_events=_events_status(look, refreshed.get(MARKET_EVENTS)),
        latest_report=_latest(look),
    )


@dataclass(frozen=True)
class _Look:
    """What one status is made from; `find` reads each report once."""

    home: Home
    settings: Settings
    shelf: ReportCatalog
    at: datetime
    find: FindReport

    def result(self, report_id: str, task: str) -> TaskResult | None:
        """Return a result, None where its report was damaged or removed since it was listed."""
        report = self.find(report_id)
        return report.of(task) if report else None


def _latest(look: _Look) -> LatestReport | None:
    latest = look.shelf.latest()
    if latest is None:
        return None
    report = look.find(latest.report_id)  # None for one of an older form
    return LatestReport(
        report_id=latest.report_id,
        finished_at=latest.finished_at,
        status=latest.status,
        warnings=report.warnings if report else [],
        errors=report.errors if report else [],
        run_id=latest.run_id,
    )


def _index_status(
    look: _Look,
    index: Index,
    refreshed: Refreshed | None,
    last: tuple[ReportSummary, ResultLine] | None,
) -> ListStatus:
    home, at = look.home, look.at
    refreshed_at = refreshed.finished_at if refreshed else None
    row_count, drift, problem = _file(home, index, look.settings)
    result = look.result(last[0].report_id, index.task) if last else None
    restored = _restored(home, index, refreshed_at)
    source = refreshed.source if refreshed else None
    max_age = look.settings.of(index).max_age_days
    ahead = ahead_of(look.find, index, look.shelf, at)
    return ListStatus(
        task=index.task,
        name=index.name,
        file=home.relative(home.live_file(index.key)),
        last_refreshed_at=refreshed_at,
        row_count=row_count,
        source=restored.source if restored else source,
        validation=_validation(result),
        # A restored backup is an older list, however recently its source was fetched.
        stale=restored is not None or is_older(refreshed_at, max_age, at),
        unconfirmed=_unconfirmed(result),
        announced=None if ahead is None else [*ahead.changes],
        restored_at=restored.promoted_at if restored else None,
        drift=drift,
        file_problem=problem,
        last_run=_last_run(*last) if last else None,
        run_id=last[0].run_id if last else None,
    )


def _unconfirmed(result: TaskResult | None) -> str | None:
    """Return why the last run could not confirm the members, None where it could."""
    if not isinstance(result, ListResult) or not result.is_unconfirmed:
        return None
    return result.membership.reason if result.membership else None


def _restored(home: Home, index: Index, refreshed_at: str | None) -> Generation | None:
    """Return the last promotion where it brought a backup back since the last refresh."""
    last = read_generation(home, index)
    if last is None or not last.source.startswith(BACKUP_SOURCE):
        return None
    return last if last.promoted_at > (refreshed_at or "") else None


def _last_run(entry: ReportSummary, line: ResultLine) -> LastRun:
    return LastRun(
        report_id=entry.report_id,
        status=line.status,
        audit=line.validation_status,
        dry_run=line.dry_run,
    )


def _file(
    home: Home, index: Index, settings: Settings
) -> tuple[int | None, str | None, str | None]:
    """Return the rows, drift and problem of the live file, each None where there is none."""
    try:
        live = read_live(home, index)
    except LiveFileError as error:
        return None, None, str(error)
    if live is None:
        return None, None, f"{home.relative(home.live_file(index.key))} is missing."
    drift = find_drift(home, index, live.content)
    rows, minimum = len(live.rows), settings.of(index).min_rows or 0
    problem = (
        f"It has {counted(rows, 'row')}; expected at least {minimum}." if rows < minimum else None
    )
    return rows, drift.text if drift else None, problem


def _events_status(look: _Look, refreshed: Refreshed | None) -> EventsStatus:
    """Return the outcome of the last sync, and whether the last complete one is too old.

    A sync that partly failed has not refreshed the events.
    """
    settings, at = look.settings, look.at
    refreshed_at = refreshed.finished_at if refreshed else None
    last = look.shelf.last_apply(MARKET_EVENTS)
    found = look.result(last[0].report_id, MARKET_EVENTS) if last else None
    result = found if isinstance(found, EventsResult) else None
    providers = result.providers if result else []
    logs, problem = _logs(look.home, settings)

    return EventsStatus(
        last_refreshed_at=refreshed_at,
        fetched=sum(one.fetched for one in providers),
        upserted=sum(one.new + one.changed for one in providers),
        stale=sum(one.stale for one in providers),
        errors=sum(one.errors for one in providers),
        providers=providers,
        status=result.status if result else None,
        run_id=last[0].run_id if last else None,
        service=settings.events_service,
        doubts=_doubts(settings, result, logs, problem, at),
        moved=moved_lately(logs, at),
        needs_refresh=is_older(refreshed_at, settings.events.max_age_days, at),
    )


def _logs(home: Home, settings: Settings) -> tuple[list[SyncLog], str]:
    """Return the logs of syncs, newest first, and why they cannot be read, "" where they can.

    The robot keeps a log of its own, which is read where its events are.
    """
    if settings.events_service == EventsService.ROBOT:
        return [], ""
    if (logs := plain_logs(home, settings, LOGS_READ)) is not None:
        return logs, ""
    from tws_maintenance.market_events.store.event_store import EventStore

    try:
        with EventStore(home, settings) as store:
            return store.sync_logs(limit=LOGS_READ), ""
    except StoreError as error:
        return [], str(error)


def _doubts(
    settings: Settings, result: EventsResult | None, logs: list[SyncLog], problem: str, at: datetime
) -> list[str]:
    """Return why events may be missing from the store, a sentence for each reason."""
    status, errors = (result.status, result.errors) if result else (None, [])
    failed = [f"The last sync failed: {text}" for text in errors if status == "failed"]
    if settings.events_service == EventsService.ROBOT:
        # As our last refresh found it.
        partly = [f"The last sync partly failed: {e}" for e in errors if status != "failed"]
        return [*failed, *partly, *(result.warnings if result else [])]
    if problem:
        return [*failed, problem]
    return failed + doubts(logs, at, days=0, max_age_days=settings.events.max_age_days)


def _validation(result: TaskResult | None) -> Validation:
    """Return the audit of a result; a failed task has not passed."""
    if result is None:
        return Validation()
    if result.status == TaskStatus.FAILED:
        return result.validation.model_copy(update={"status": ValidationStatus.FAILED})
    return result.validation
