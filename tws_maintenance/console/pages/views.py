"""`/maintenance`: the pages. Forms start runs; a small script keeps what is shown up to date.

Without the script a page lacks only the live progress and the dialog, whose contents have their own
address. Runs in progress come from Dagster, so it does not matter who started them.
"""

from datetime import datetime
from typing import Any

from flask import Blueprint, redirect, request, url_for

from tws_maintenance.config.events_service import EventsService
from tws_maintenance.config.indices import ALL_TASKS, Index
from tws_maintenance.console.api import bodies
from tws_maintenance.console.api.routes import markdown_of, query_as, report_or_damaged
from tws_maintenance.console.apply_preview import newest_dry_run, to_apply, waiting_elsewhere
from tws_maintenance.console.errors import ApiError
from tws_maintenance.console.pages.actions import add_actions
from tws_maintenance.console.pages.archive import add_shelves
from tws_maintenance.console.pages.cards import cards_of, verdict_of
from tws_maintenance.console.pages.filters import curve, page
from tws_maintenance.console.pages.machine import add_machine
from tws_maintenance.console.pages.pictures import pictures
from tws_maintenance.console.run_view import describe_run
from tws_maintenance.console.service import Backend
from tws_maintenance.constituents.generation import read_generation
from tws_maintenance.constituents.history import member_counts, read_history
from tws_maintenance.core.clock import utc_now
from tws_maintenance.core.errors import HistoryError, StoreError
from tws_maintenance.market_events.agenda import read_agenda
from tws_maintenance.market_events.watchlist import WatchlistError, read_watchlist
from tws_maintenance.reports.schema import ListResult, Report

PAGE_SIZE = 25


def add_pages(blueprint: Blueprint, backend: Backend) -> None:
    """Add every page to the blueprint of the console."""

    @blueprint.context_processor
    def common() -> dict[str, object]:
        return {"home_root": backend.home.root, "dagster_url": backend.dagster_url}

    _add_overview(blueprint, backend)
    _add_runs(blueprint, backend)
    _add_reports(blueprint, backend)
    add_actions(blueprint, backend)
    add_shelves(blueprint, backend)
    add_machine(blueprint, backend)


def _add_overview(blueprint: Blueprint, backend: Backend) -> None:
    @blueprint.get("/maintenance")
    def overview() -> str:
        at = utc_now()
        return page("overview", **_overview(backend, at), pictures=pictures(backend, at))

    @blueprint.get("/maintenance/live")
    def overview_live() -> str:
        return page("_overview", **_overview(backend, utc_now()))


def _overview(backend: Backend, at: datetime) -> dict[str, object]:
    status, apply, settings = backend.status(at), newest_dry_run(backend, at), backend.settings
    maintained, elsewhere = settings.maintained, waiting_elsewhere(backend, apply, at)
    cards = cards_of(status, apply, elsewhere, settings, at)
    return {
        "status": status,
        "cards": cards,
        "verdict": verdict_of(cards),
        "busy": {task for run in status.running for task in run.tasks},
        "curves": {index.task: _curve(backend, index, at) for index in maintained},
        "apply": apply,
        "promoted": {index.task for index in maintained if read_generation(backend.home, index)},
        "elsewhere": elsewhere,
        "agenda": _agenda(backend, at),
        "at": at,
        "watched": _watched(backend) if status.latest_report is None else 0,
        "tasks": maintained.tasks,
    }


def _curve(backend: Backend, index: Index, at: datetime) -> Any:
    try:
        return curve(member_counts(read_history(backend.home, index)), at.date(), index.name)
    except (HistoryError, ValueError):
        return None  # `validate` and the history's own page report it


def _watched(backend: Backend) -> int:
    """Return how many symbols are watched, for the first steps."""
    try:
        return len(read_watchlist(backend.home, backend.settings.maintained).symbols)
    except WatchlistError:
        return 0  # its own page reports it


def _agenda(backend: Backend, at: datetime) -> Any:
    settings = backend.settings
    if settings.events_service == EventsService.ROBOT:
        return None  # the page of the events asks the robot; this one refreshes too often
    try:
        return read_agenda(backend.home, settings, at)
    except StoreError:
        return None  # the status reports it among its doubts


def _add_runs(blueprint: Blueprint, backend: Backend) -> None:
    @blueprint.get("/maintenance/runs/<run_id>")
    def run(run_id: str) -> str:
        return page("run", **_run(backend, run_id))

    @blueprint.get("/maintenance/runs/<run_id>/live")
    def run_live(run_id: str) -> str:
        return page("_run", **_run(backend, run_id))


def _run(backend: Backend, run_id: str) -> dict[str, object]:
    found = describe_run(backend, run_id)
    report_id = found.report_id if found.status else None
    report = backend.report(report_id) if report_id else None
    apply = to_apply(backend, report_id, utc_now()) if report_id and report else None
    checks = {
        task: own
        for task in ALL_TASKS
        if (own := [check for check in found.checks if check.task == task])
    }
    return {"run": found, "report": report, "apply": apply, "checks": checks}


def _add_reports(blueprint: Blueprint, backend: Backend) -> None:
    @blueprint.get("/maintenance/reports")
    def reports() -> str:
        given = {name: value for name, value in request.args.items() if value}
        query = bodies.read_query(
            bodies.ReportsQuery, {"limit": [str(PAGE_SIZE)], **{k: [v] for k, v in given.items()}}
        )
        entries, total = backend.shelf.page(
            limit=query.limit, offset=query.offset, status=query.status, task=query.task
        )
        return page(
            "reports",
            entries=entries,
            total=total,
            query=query,
            tasks=backend.settings.maintained.tasks,
        )

    @blueprint.get("/maintenance/reports/latest")
    def latest_report() -> Any:
        latest = backend.shelf.latest()
        if latest is None:
            raise ApiError(404, "not_found", "There is no report yet. Start with a dry run.")
        return redirect(url_for("maintenance.report", report_id=latest.report_id))

    @blueprint.get("/maintenance/reports/<report_id>")
    def report(report_id: str) -> str:
        query_as(bodies.NoQuery)
        found = report_or_damaged(backend, report_id)
        return page(
            "report",
            report=found,
            report_id=report_id,
            is_whole=isinstance(found, Report),
            markdown=markdown_of(found, report_id),
            apply=to_apply(backend, report_id, utc_now()),
        )

    @blueprint.get("/maintenance/changes/<report_id>/<task>")
    def changes(report_id: str, task: str) -> str:
        found = backend.report(report_id)
        result = found.of(task) if found else None
        if not isinstance(result, ListResult):
            raise ApiError(404, "not_found", f"No report {report_id} has changes of {task}.")
        return page("changes", result=result, report_id=report_id)

    @blueprint.get("/maintenance/apply/<report_id>")
    def confirm(report_id: str) -> str:
        apply = to_apply(backend, report_id, utc_now())
        if apply is None:
            raise ApiError(404, "not_found", f"There is no dry run of lists named {report_id}.")
        return page("apply", apply=apply)
