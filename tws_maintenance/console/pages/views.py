"""`/maintenance`: the pages. Forms start runs; a small script keeps what is shown up to date.

Without the script, a page lacks only the live progress and the dialog, whose content has its own
address. Runs in progress come from Dagster, whoever started them.
"""

import secrets
import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, current_app, redirect, request, session, url_for
from flask_wtf.csrf import generate_csrf
from markupsafe import Markup, escape

from tws_maintenance.config.events_service import EventsService
from tws_maintenance.config.indices import ALL_TASKS, Index
from tws_maintenance.console.answer_cache import Kept, Look, paths_of_proposal, paths_of_status
from tws_maintenance.console.api import bodies
from tws_maintenance.console.api.routes import markdown_of, query_as, report_or_damaged
from tws_maintenance.console.api_error import ApiError
from tws_maintenance.console.apply_preview import newest_dry_run, to_apply, waiting_elsewhere
from tws_maintenance.console.pages.actions import add_actions
from tws_maintenance.console.pages.archive import add_shelves
from tws_maintenance.console.pages.cards import cards_of, verdict_of
from tws_maintenance.console.pages.filters import curve, page
from tws_maintenance.console.pages.machine import add_machine
from tws_maintenance.console.pages.pictures import pictures
from tws_maintenance.console.run_view import describe_run
from tws_maintenance.console.security import revalidated
from tws_maintenance.console.service import Backend
from tws_maintenance.constituents.history import member_counts, read_history
from tws_maintenance.constituents.promotion_stamp import read_generation
from tws_maintenance.core.clock import utc_now
from tws_maintenance.core.errors import HistoryError, StoreError
from tws_maintenance.market_events.agenda import read_agenda
from tws_maintenance.market_events.watchlist import WatchlistError, read_watchlist
from tws_maintenance.reports.file_names import report_path
from tws_maintenance.reports.schema import ListResult, Report

PAGE_SIZE = 25
# A page does not wait for Dagster's process: its live part follows at once.
PAGE_PATIENCE_SECONDS = 0.25
# Marks in a kept page where a session's own token belongs; no text of a source can contain it.
TOKEN = secrets.token_hex(16)
TOKEN_RENEWED_SECONDS = 3600


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
    kept: Kept[str] = Kept()
    kept_pictures: Kept[str] = Kept()

    def looked() -> tuple[Look, datetime]:
        at = utc_now()
        return backend.look(at, patience=PAGE_PATIENCE_SECONDS), at

    def part(look: Look, at: datetime) -> str:
        """Return the page's live part, without the tokens of its forms."""

        def make() -> tuple[str, Iterable[Path]]:
            values = _overview(backend, look, at)
            values["csrf_token"] = lambda: TOKEN
            return page("_overview", **values), _paths(backend, values)

        return kept.get(look, make, url_for("maintenance.overview"))

    def drawn(look: Look, at: datetime) -> str:
        """Return the pictures below the live part, which are not polled."""

        def make() -> tuple[str, Iterable[Path]]:
            return page("_pictures", pictures=pictures(backend, at)), ()

        return kept_pictures.get(look, make, url_for("maintenance.overview"))

    @blueprint.get("/maintenance")
    def overview() -> str:
        look, at = looked()
        return page(
            "overview",
            overview=_with_token(part(look, at)),
            pictures=Markup(drawn(look, at)),  # noqa: S704 - Jinja's own
        )

    @blueprint.get("/maintenance/live")
    def overview_live() -> Response:
        shown = part(*looked())
        # A form's token is new each time and valid for half a day; an answer is kept for an hour.
        hour = int(time.time() // TOKEN_RENEWED_SECONDS)
        secret = generate_csrf() and session[current_app.config["WTF_CSRF_FIELD_NAME"]]
        return revalidated(Response(_with_token(shown)), f"{hour}{secret}{shown}")


def _with_token(shown: str) -> Markup:
    return Markup(shown.replace(TOKEN, str(escape(generate_csrf()))))  # noqa: S704 - Jinja's own


def _paths(backend: Backend, values: dict[str, Any]) -> Iterator[Path]:
    """Yield the paths that the page was read from, besides those that every answer reads."""
    yield from paths_of_status(backend.home, values["status"])
    if apply := values["apply"]:
        yield report_path(backend.home, apply.report.report_id)
        for one in apply.lists:
            if one.ready is not None:
                yield from paths_of_proposal(backend.home, one.ready.proposal_id)


def _overview(backend: Backend, look: Look, at: datetime) -> dict[str, Any]:
    status, apply = backend.status_of(look, at), newest_dry_run(backend, at)
    maintained, elsewhere = look.settings.maintained, waiting_elsewhere(backend, apply, at)
    cards = cards_of(status, apply, elsewhere, look.settings, at)
    return {
        "status": status,
        "cards": cards,
        "verdict": verdict_of(cards),
        "is_known": look.is_known,
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
    """Return the number of watched symbols, for the first steps."""
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
            bodies.ReportsQuery,
            {"limit": [str(PAGE_SIZE)], **{k: [v] for k, v in given.items()}},
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
            raise ApiError(
                404, "not_found", f"There is no report {report_id} with changes of {task}."
            )
        return page("changes", result=result, report_id=report_id)

    @blueprint.get("/maintenance/apply/<report_id>")
    def confirm(report_id: str) -> str:
        apply = to_apply(backend, report_id, utc_now())
        if apply is None:
            raise ApiError(404, "not_found", f"There is no dry run of lists named {report_id}.")
        return page("apply", apply=apply)
