"""`/api/maintenance`: what the page offers, for programs. Types are strict, errors have one shape.

Belongs here: turning a body into a run, and what the backend knows into an answer. Does not: the
shapes (`bodies`, `responses`), from which `openapi` derives the description.
"""

import re
from typing import TypeVar

from flask import Blueprint, Response, current_app, jsonify, request, url_for
from pydantic import BaseModel
from pydantic_core import from_json

from tws_maintenance.config.indices import Index, Maintained
from tws_maintenance.console.actor import actor
from tws_maintenance.console.api import bodies, responses
from tws_maintenance.console.api.responses import JsonObject
from tws_maintenance.console.api_error import ApiError
from tws_maintenance.console.pages.filters import as_json
from tws_maintenance.console.run_view import describe_run, report_of_run
from tws_maintenance.console.security import revalidated
from tws_maintenance.console.service import Backend
from tws_maintenance.constituents.promotion_stamp import read_generation
from tws_maintenance.core.errors import UsageError
from tws_maintenance.reports.file_names import is_ours, report_path
from tws_maintenance.reports.markdown import render
from tws_maintenance.reports.schema import Report
from tws_maintenance.reports.store import read_bytes, read_report
from tws_maintenance.robot.cache_guard import EXTENSION

PREFIX = "/api/maintenance"
# Programs read the badge: a late one is better than one without the audit of a changed file.
AUDIT_SECONDS = 20.0
DAMAGED_BYTES_SHOWN = 20_000
Model = TypeVar("Model", bound=BaseModel)


def body_as(backend: Backend, model: type[Model]) -> Model:
    """Return the JSON body of the request, checked against what the home maintains now.

    Raises:
        ApiError: 415 if its Content-Type is not JSON, 400 if it is wrong.
    """
    if not request.is_json:
        raise ApiError(
            415, "unsupported_media_type", "Send JSON, as Content-Type application/json."
        )
    return bodies.read_body(model, request.get_data(), backend.settings.maintained)


def query_as(model: type[Model], home: Maintained | None = None) -> Model:
    """Return the parameters of the request's address. Raises ApiError 400 if one is wrong.

    `home` is what the home maintains, for a model that depends on it.
    """
    return bodies.read_query(model, request.args.to_dict(flat=False), home)


def reply(answer: responses.Answer) -> Response:
    """Return an answer as JSON, written like all JSON of the application."""
    return jsonify(answer.to_dict())


def add_api(blueprint: Blueprint, backend: Backend) -> None:
    """Add the API to the blueprint of the console."""
    _add_reading(blueprint, backend)
    _add_reports(blueprint, backend)
    _add_starting(blueprint, backend)


def answer_for(backend: Backend, run_id: str, wait: float) -> tuple[Response, int]:
    """Return 200 with the report of a run that ended within `wait` seconds, else 202."""
    backend.launcher.wait(run_id, wait)
    report = report_of_run(backend, run_id) if wait > 0 else None
    if report is not None:
        return jsonify(report.to_dict()), 200
    address = url_for("maintenance.api_run", run_id=run_id)
    return reply(responses.Started(run_id=run_id, status_url=address)), 202


def _add_reading(blueprint: Blueprint, backend: Backend) -> None:
    @blueprint.get(f"{PREFIX}/status")
    def api_status() -> Response:
        query_as(bodies.NoQuery)
        answer = reply(backend.status())
        return revalidated(answer, answer.get_data(as_text=True))

    @blueprint.get(f"{PREFIX}/runs/<run_id>")
    def api_run(run_id: str) -> Response:
        query_as(bodies.NoQuery)
        return reply(describe_run(backend, run_id))

    @blueprint.get(f"{PREFIX}/caches")
    def api_caches() -> Response:
        query_as(bodies.NoQuery)
        generations = [_generation(backend, one) for one in backend.settings.maintained]
        # Mounted in the robot, this also shows the robot's caches: one address serves both.
        guard = current_app.extensions.get(EXTENSION)
        state = guard.state() if guard else {}
        return reply(responses.Caches(generations=generations, **state))

    @blueprint.get(f"{PREFIX}/badge")
    def api_badge() -> Response:
        query_as(bodies.NoQuery)
        return reply(badge(backend.status(wait_seconds=AUDIT_SECONDS)))


def _generation(backend: Backend, index: Index) -> responses.Generation:
    found = read_generation(backend.home, index)
    return responses.Generation(
        index=index.key,
        task=index.task,
        generation=found.generation if found else None,
        report_id=found.report_id if found else None,
        promoted_at=found.promoted_at if found else None,
        sha256=found.sha256 if found else None,
    )


def badge(status: responses.Status) -> responses.Badge:
    """Return the badge: red where something failed, orange where something is stale."""
    stale = [one.name for one in status.constituents if one.stale]
    failed = [
        one.name
        for one in status.constituents
        if one.file_problem or "failed" in (one.file_audit.status, one.validation.status)
    ]
    events = status.market_events
    if events.status in {"failed", "partial_failure"}:
        failed.append("events")
    if events.needs_refresh:
        stale.append("events")
    parts = [f"{', '.join(failed)} failed"] if failed else []
    parts += [f"{', '.join(stale)} stale"] if stale else []
    return responses.Badge(
        schemaVersion=1,
        label="maintenance",
        message="; ".join(parts) or "fresh",
        color="red" if failed else "orange" if stale else "brightgreen",
        isError=bool(failed),
    )


def _add_reports(blueprint: Blueprint, backend: Backend) -> None:
    @blueprint.get(f"{PREFIX}/reports")
    def api_reports() -> Response:
        query = query_as(bodies.ReportsQuery)
        entries, total = backend.shelf.page(
            limit=query.limit, offset=query.offset, status=query.status, task=query.task
        )
        lines = [responses.ReportLine(**entry.to_dict()) for entry in entries]
        return reply(responses.Reports(reports=lines, total=total))

    @blueprint.get(f"{PREFIX}/reports/<report_id>")
    def api_report(report_id: str) -> Response:
        query = query_as(bodies.FormatQuery)
        report = report_or_damaged(backend, report_id)
        if query.format == "md":
            return Response(markdown_of(report, report_id), mimetype="text/markdown")
        if isinstance(report, responses.DamagedReport):
            return reply(report)
        return jsonify(report.to_dict() if isinstance(report, Report) else report)


def report_or_damaged(
    backend: Backend, report_id: str
) -> Report | JsonObject | responses.DamagedReport:
    """Return a report, or what is left of a damaged one.

    A report of an older form is returned as the object that its file holds.

    Raises:
        ApiError: 404, there is no report with that id.
    """
    if not re.fullmatch(bodies.ANY_REPORT_ID_PATTERN, report_id):
        raise ApiError(404, "not_found", "That is not the id of a report.")
    try:
        return read_report(backend.home, report_id)
    except UsageError as error:
        raise ApiError(404, "not_found", f"There is no report {report_id}.") from error
    except OSError as error:
        return _damaged(backend, report_id, type(error).__name__)
    except ValueError as error:
        # A report of an older form is shown unchanged; it never had the missing fields.
        older = None if _is_ours(backend, report_id) else _object_in(backend, report_id)
        return older or _damaged(backend, report_id, str(error))


def _is_ours(backend: Backend, report_id: str) -> bool:
    return is_ours(report_path(backend.home, report_id).stem)


def _object_in(backend: Backend, report_id: str) -> JsonObject | None:
    """Return the object that a file holds, None where it holds something else."""
    try:
        value = from_json(read_bytes(backend.home, report_id), allow_inf_nan=False)
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def _damaged(backend: Backend, report_id: str, fault: str) -> responses.DamagedReport:
    return responses.DamagedReport(
        report_id=report_id,
        damaged=True,
        problem=f"It cannot be read as a report: {fault}.",
        text=_text_of(backend, report_id),
    )


def markdown_of(report: Report | JsonObject | responses.DamagedReport, report_id: str) -> str:
    """Return a report as Markdown; a damaged or older one as a block of its text."""
    if isinstance(report, responses.DamagedReport):
        head, text = f"# Damaged report {report_id}\n\n{report.problem}", report.text
    elif isinstance(report, Report):
        return render(report)
    else:
        head, text = f"# Report {report_id}, of an older form", as_json(report)
    return f"{head}\n\n```\n{text.replace('```', chr(39) * 3)}\n```\n"


def _text_of(backend: Backend, report_id: str) -> str:
    try:
        content = report_path(backend.home, report_id).read_bytes()[:DAMAGED_BYTES_SHOWN]
    except OSError:
        return ""
    return content.decode("utf-8", "replace")


def _add_starting(blueprint: Blueprint, backend: Backend) -> None:
    @blueprint.post(f"{PREFIX}/run")
    def api_start() -> tuple[Response, int]:
        body = body_as(backend, bodies.RunBody)
        spec = body.spec(backend.settings.maintained, actor())
        return answer_for(backend, backend.start(spec), body.wait)

    @blueprint.post(f"{PREFIX}/promote")
    def api_promote() -> tuple[Response, int]:
        body = body_as(backend, bodies.PromoteBody)
        tasks = backend.promotion(body.report_id, tuple(body.tasks or ()))
        return answer_for(backend, backend.start(body.spec(tasks, actor())), body.wait)

    @blueprint.post(f"{PREFIX}/restore")
    def api_restore() -> tuple[Response, int]:
        body = body_as(backend, bodies.RestoreBody)
        backup = backend.backup(body.task, body.backup)
        return answer_for(backend, backend.start(body.spec(backup, actor())), body.wait)
