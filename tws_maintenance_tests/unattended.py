"""What runs leave behind at any instant: dry runs, applies, failures, on real files.

For tests of what is decided, told or removed later: the real stage, audit and promotion with an
instant of the test's own, and the report that a run writes of them.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from tws_maintenance.audit.receipt import Override, Receipt
from tws_maintenance.audit.run_context import RunContext
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES, MARKET_EVENTS, Index, index_of_task
from tws_maintenance.config.settings import load_settings
from tws_maintenance.constituents.audit import audit
from tws_maintenance.constituents.promotion import promote
from tws_maintenance.constituents.proposal import read_proposal
from tws_maintenance.constituents.stage import stage
from tws_maintenance.core.clock import utc_text
from tws_maintenance.demo.pages import Company, companies
from tws_maintenance.reports.list_results import describe, describe_audit
from tws_maintenance.reports.schema import EventsResult, ListResult, TaskResult, TaskStatus
from tws_maintenance.reports.store import Reservation, read_report, reserve, write_report
from tws_maintenance.sources.model import Attempt, Gathered, SourceTable
from tws_maintenance_tests.constituents.bench import NO_OVERRIDE, gathered, page_alone, raw_copy
from tws_maintenance_tests.reports.shelf import report, whole
from tws_maintenance_tests.support import table_of

TOOK = timedelta(seconds=2)
KEYS = {index.task: index.key for index in INDICES.values()}


def dry_run(
    home: Home,
    listed: Mapping[str, list[Company]],
    at: datetime,
    *,
    override: Override = NO_OVERRIDE,
    warnings: tuple[str, ...] = (),
    beside: Mapping[str, SourceTable] | None = None,
    announcements: tuple[Attempt, ...] = (),
    **changed: Any,
) -> str:
    """Stage and audit what the pages list, by index key, and return the id of the report.

    The page decides where nothing is `beside` it; else it votes with these, by the source's name.
    """
    reservation = reserve(home, at, {})
    mark = RunContext(reservation.report_id, f"run-of-{reservation.report_id}", at)
    results = []
    for key, members in listed.items():
        index = INDICES[key]
        answer, limits = gathered(index, table_of(members)), page_alone(home, index)
        if beside is not None:
            others = (_answer(index, name, table) for name, table in beside.items())
            answer = Gathered(index, (*answer.attempts, *others))
            limits = load_settings(home).of(index)
        answer = replace(answer, announcements=announcements)
        proposal = stage(home, index, answer, limits, mark)
        receipt = audit(home, index, proposal, load_settings(home).of(index), override, mark)
        result = _result(index.task, at, dry_run=True)
        describe(result, proposal)
        _settle(result, receipt)
        result.warnings += warnings
        results.append(result)
    return _filed(home, reservation, at, results, dry_run=True, **changed)


def _answer(index: Index, name: str, table: SourceTable) -> Attempt:
    url = f"http://127.0.0.1/{name}"
    return Attempt(index.addresses(name)[0], url, raw_copy(url), table, status=200)


def applied(
    home: Home, report_id: str, at: datetime, tasks: Collection[str] = tuple(KEYS), **changed: Any
) -> str:
    """Promote what a dry run staged of `tasks` and passed; return the id of the new report."""
    reservation = reserve(home, at, {})
    mark = RunContext(reservation.report_id, f"run-of-{reservation.report_id}", at)
    results = []
    for told in read_report(home, report_id).lists:
        if told.status == TaskStatus.SUCCESS and told.task in tasks:
            index = index_of_task(told.task)
            done = promote(home, index, str(told.proposal_id), load_settings(home), mark)
            result = _result(index.task, at, dry_run=False)
            describe(result, done.proposal)
            _settle(result, done.receipt)
            result.changed = done.changed
            results.append(result)
    return _filed(home, reservation, at, results, dry_run=False, **changed)


def refreshed(home: Home, at: datetime, *keys: str) -> dict[str, list[Company]]:
    """Bring lists to be applied at that instant, and return what they list, by index key."""
    listed = {key: companies(key) for key in keys or tuple(INDICES)}
    applied(home, dry_run(home, listed, at - timedelta(minutes=1)), at)
    return listed


def ended(
    home: Home, at: datetime, *tasks: str, became: TaskStatus = TaskStatus.FAILED, **changed: Any
) -> str:
    """Write the report of a run whose tasks staged nothing; each `became` so."""
    reservation = reserve(home, at, {})
    results = [_result(task, at, dry_run=True) for task in tasks]
    for result in results:
        result.status = became
        if became is TaskStatus.SKIPPED:
            result.started_at = result.finished_at = result.duration_seconds = None
        else:
            result.errors = [f"{result.task} went wrong"]
    told = {"status": "failed", "dry_run": True, **changed}
    return _filed(home, reservation, at, results, **told)


def synced(home: Home, at: datetime, *, dry_run: bool, **changed: Any) -> str:
    """Write the report of a run that asked every provider for events and was answered."""
    reservation = reserve(home, at, {})
    result = EventsResult(task=MARKET_EVENTS, dry_run=dry_run, status=TaskStatus.SUCCESS)
    result.begin(at)
    result.end(at + TOOK)
    result.proposal_id = f"{reservation.report_id}_{MARKET_EVENTS}"
    return _filed(home, reservation, at, [result], dry_run=dry_run, **changed)


def staged_by(home: Home, report_id: str, key: str) -> Any:
    """Return the proposal that a run staged of an index."""
    return read_proposal(home, f"{report_id}_{key}")


def _result(task: str, at: datetime, *, dry_run: bool) -> ListResult:
    result = ListResult(task=task, dry_run=dry_run, status=TaskStatus.SUCCESS)
    result.begin(at)
    result.end(at + TOOK)
    return result


def _settle(result: ListResult, receipt: Receipt) -> None:
    describe_audit(result, receipt)
    if not receipt.has_passed:
        result.status = TaskStatus.FAILED
    elif result.is_unconfirmed and not result.changed:
        result.status = TaskStatus.PARTIAL_FAILURE


def _filed(
    home: Home,
    reservation: Reservation,
    at: datetime,
    results: Sequence[TaskResult],
    **changed: Any,
) -> str:
    told = {
        "report_id": reservation.report_id,
        "run_id": f"run-of-{reservation.report_id}",
        "entry_point": "sensor",
        "started_at": utc_text(at),
        "finished_at": utc_text(at + TOOK),
        "errors": [text for one in results for text in one.errors],
        **changed,
    }
    write_report(home, reservation, whole(report(*(one.to_dict() for one in results), **told)))
    return reservation.report_id
