"""`/api/maintenance`: the same as the page, for programs. Types are strict, errors have one shape.

Handlers translate: a body into a run that is wanted, what the backend says into JSON. The
description in `openapi` is made of the same models.
"""

import re
from typing import Any, TypeVar

from flask import Blueprint, Response, current_app, jsonify, request, url_for
from pydantic import BaseModel

from tws_maintenance.config.indices import Maintained
from tws_maintenance.console.api import bodies
from tws_maintenance.console.api.run_specs import promote_spec, restore_spec, run_spec
from tws_maintenance.console.errors import ApiError
from tws_maintenance.console.pages.filters import as_json
from tws_maintenance.console.run_view import describe_run, report_of_run
from tws_maintenance.console.service import Backend
from tws_maintenance.constituents.generation import read_generation
from tws_maintenance.core.errors import UsageError
from tws_maintenance.reports.markdown import render
from tws_maintenance.reports.schema import fault_of, is_whole
from tws_maintenance.reports.store import is_ours, read_report, report_path
from tws_maintenance.robot.cache_guard import EXTENSION

PREFIX = "/api/maintenance"
# A badge is looked at by machines: better late than without the audit of a file that changed.
AUDIT_SECONDS = 20.0
DAMAGED_BYTES_SHOWN = 20_000
Model = TypeVar("Model", bound=BaseModel)


def body_as(backend: Backend, model: type[Model]) -> Model:
    """Return the JSON body of the request, by what the home maintains now.

    Raises:
        ApiError: 415 where it is not JSON by its own word, 400 where it is wrong.
    """
    if not request.is_json:
        raise ApiError(
            415, "unsupported_media_type", "Send JSON, as Content-Type application/json."
        )
    return bodies.read_body(model, request.get_data(), backend.settings.maintained)


def query_as(model: type[Model], home: Maintained | None = None) -> Model:
    """Return the parameters of the request's address. Raises ApiError 400 where one is wrong.

    `home` is what the home maintains, for a model that goes by it.
    """
    return bodies.read_query(model, request.args.to_dict(flat=False), home)


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
        return jsonify(report), 200
    address = url_for("maintenance.api_run", run_id=run_id)
    return jsonify({"run_id": run_id, "status_url": address}), 202


def _add_reading(blueprint: Blueprint, backend: Backend) -> None:
    @blueprint.get(f"{PREFIX}/status")
    def api_status() -> Response:
        query_as(bodies.NoQuery)
        return jsonify(backend.status())

    @blueprint.get(f"{PREFIX}/runs/<run_id>")
    def api_run(run_id: str) -> Response:
        query_as(bodies.NoQuery)
        return jsonify(describe_run(backend, run_id))

    @blueprint.get(f"{PREFIX}/caches")
    def api_caches() -> Response:
        query_as(bodies.NoQuery)
        generations = []
        for index in backend.settings.maintained:
            found = read_generation(backend.home, index)
            generations.append(
                {
                    "index": index.key,
                    "task": index.task,
                    "generation": found and found.generation,
                    "report_id": found and found.report_id,
                    "promoted_at": found and found.promoted_at,
                    "sha256": found and found.sha256,
                }
            )
        # Mounted in the robot, its guard is asked here as well: one address serves both.
        guard = current_app.extensions.get(EXTENSION)
        state = guard.state() if guard else {}
        return jsonify({"generations": generations, **state})

    @blueprint.get(f"{PREFIX}/badge")
    def api_badge() -> Response:
        query_as(bodies.NoQuery)
        return jsonify(badge(backend.status(wait_seconds=AUDIT_SECONDS)))


def badge(status: dict[str, Any]) -> dict[str, Any]:
    """Return what shields.io shows: https://shields.io/badges/endpoint-badge."""
    stale = [one["name"] for one in status["constituents"] if one["stale"]]
    failed = [
        one["name"]
        for one in status["constituents"]
        if one["file_problem"]
        or "failed" in (one["file_audit"]["status"], one["validation"]["status"])
    ]
    events = status["market_events"]
    if events["status"] in {"failed", "partial_failure"}:
        failed.append("events")
    if events["needs_refresh"]:
        stale.append("events")
    told = [f"{', '.join(failed)} failed"] if failed else []
    told += [f"{', '.join(stale)} stale"] if stale else []
    colour = "red" if failed else "orange" if stale else "brightgreen"
    return {
        "schemaVersion": 1,
        "label": "maintenance",
        "message": "; ".join(told) or "fresh",
        "color": colour,
        "isError": bool(failed),
    }


def _add_reports(blueprint: Blueprint, backend: Backend) -> None:
    @blueprint.get(f"{PREFIX}/reports")
    def api_reports() -> Response:
        query = query_as(bodies.ReportsQuery)
        entries, total = backend.shelf.page(
            limit=query.limit, offset=query.offset, status=query.status, task=query.task
        )
        return jsonify({"reports": [entry.to_dict() for entry in entries], "total": total})

    @blueprint.get(f"{PREFIX}/reports/<report_id>")
    def api_report(report_id: str) -> Response:
        query = query_as(bodies.FormatQuery)
        report = report_or_damaged(backend, report_id)
        if query.format == "md":
            return Response(markdown_of(report, report_id), mimetype="text/markdown")
        return jsonify(report)


def report_or_damaged(backend: Backend, report_id: str) -> dict[str, Any]:
    """Return a report; of a damaged one {report_id, damaged: true, problem, text}.

    One of an older form is whatever object it is.

    Raises:
        ApiError: 404, there is none of that id.
    """
    if not re.fullmatch(bodies.ANY_REPORT_ID_PATTERN, report_id):
        raise ApiError(404, "not_found", "That is not the id of a report.")
    try:
        report = read_report(backend.home, report_id)
    except UsageError as error:
        raise ApiError(404, "not_found", f"There is no report {report_id}.") from error
    except (OSError, ValueError) as error:
        return _damaged(backend, report_id, type(error).__name__)
    fault = fault_of(report)
    # One of an older form is told as it is; what it lacks was never in it.
    if fault and is_ours(report_path(backend.home, report_id).stem):
        return _damaged(backend, report_id, fault)
    return report


def _damaged(backend: Backend, report_id: str, fault: str) -> dict[str, Any]:
    return {
        "report_id": report_id,
        "damaged": True,
        "problem": f"It cannot be read as a report: {fault}.",
        "text": _text_of(backend, report_id),
    }


def markdown_of(report: dict[str, Any], report_id: str) -> str:
    """Return a report as Markdown; one that is not whole as the block of text that it is."""
    if is_whole(report):
        return render(report)
    if report.get("damaged") is True:
        head, text = f"# Damaged report {report_id}\n\n{report['problem']}", str(report["text"])
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
        return answer_for(backend, backend.start(run_spec(backend, body)), body.wait)

    @blueprint.post(f"{PREFIX}/promote")
    def api_promote() -> tuple[Response, int]:
        body = body_as(backend, bodies.PromoteBody)
        return answer_for(backend, backend.start(promote_spec(backend, body)), body.wait)

    @blueprint.post(f"{PREFIX}/restore")
    def api_restore() -> tuple[Response, int]:
        body = body_as(backend, bodies.RestoreBody)
        return answer_for(backend, backend.start(restore_spec(backend, body)), body.wait)
