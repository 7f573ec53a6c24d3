"""The buttons: each starts a run and opens the page of that run."""

import re
from typing import Any

from flask import Blueprint, redirect, request, url_for

from tws_maintenance.config.indices import MARKET_EVENTS
from tws_maintenance.console.actor import actor
from tws_maintenance.console.api import bodies
from tws_maintenance.console.api_error import ApiError
from tws_maintenance.console.apply_preview import to_apply
from tws_maintenance.console.service import Backend
from tws_maintenance.core.clock import utc_now
from tws_maintenance.core.errors import UsageError
from tws_maintenance.market_events.watchlist import read_symbols
from tws_maintenance.runs.request import RunSpec

SEE_OTHER = 303
# Python refuses to read a number of thousands of digits, with its own error.
NUMBER = re.compile("[0-9]{1,9}")


def add_actions(blueprint: Blueprint, backend: Backend) -> None:
    """Add the addresses that the forms post to."""

    @blueprint.post("/maintenance/run")
    def start() -> Any:
        body = _wanted_run(backend)
        return _started(backend, body.spec(backend.settings.maintained, actor()))

    @blueprint.post("/maintenance/promote")
    def promote() -> Any:
        form = request.form
        values = {
            "report_id": form.get("report_id", ""),
            "tasks": form.getlist("tasks"),
            "reason": form.get("reason", "").strip(),
        }
        body = bodies.read_values(bodies.PromoteBody, values, backend.settings.maintained)
        _refuse_superseded(backend, body)
        tasks = backend.promotion(body.report_id, tuple(body.tasks or ()))
        return _started(backend, body.spec(tasks, actor()))

    @blueprint.post("/maintenance/restore")
    def restore() -> Any:
        form = request.form
        values = {
            "task": form.get("task", ""),
            "backup": form.get("backup", ""),
            "allow_large_change": form.get("allow_large_change") == "yes",
            "reason": form.get("reason", "").strip(),
        }
        body = bodies.read_values(bodies.RestoreBody, values, backend.settings.maintained)
        _demand_reason(body)
        return _started(backend, body.spec(backend.backup(body.task, body.backup), actor()))


def _wanted_run(backend: Backend) -> bodies.RunBody:
    form = request.form
    values: dict[str, object] = {
        "tasks": form.getlist("tasks"),
        "dry_run": form.get("apply") != "events",
        "allow_large_change": form.get("allow_large_change") == "yes",
        "reason": form.get("reason", "").strip(),
    }
    if "days" in form:
        values["days"] = _number(form["days"])
        values["symbols"] = _symbols(backend, form.get("symbols", ""))
    body = bodies.read_values(bodies.RunBody, values, backend.settings.maintained)
    if not body.dry_run and set(body.tasks) != {MARKET_EVENTS}:
        raise ApiError(400, "invalid_body", "Lists are applied only by promoting a dry run.")
    _demand_reason(body)
    return body


def _demand_reason(body: bodies.RunBody | bodies.RestoreBody) -> None:
    if body.allow_large_change and not body.reason:
        raise ApiError(400, "reason_missing", "A large change needs a reason. Say why it is right.")


def _refuse_superseded(backend: Backend, body: bodies.PromoteBody) -> None:
    """Refuse a page after which a newer dry run had another result."""
    apply = to_apply(backend, body.report_id, utc_now())
    for one in apply.lists if apply else []:
        if one.superseded_by and one.result.task in (body.tasks or ()):
            raise ApiError(409, "superseded", f"{one.name}: {one.problems[0]} Nothing was started.")


def _started(backend: Backend, spec: RunSpec) -> Any:
    run_id = backend.start(spec)
    return redirect(url_for("maintenance.run", run_id=run_id), SEE_OTHER)


def _number(text: str) -> int | str:
    """Return a whole number; any other text as it is, for the model to refuse."""
    return int(text) if NUMBER.fullmatch(text.strip()) else text


def _symbols(backend: Backend, text: str) -> list[str]:
    """Return the typed symbols in canonical form; blanks and commas separate them."""
    try:
        typed = text.replace(",", " ").split()
        return read_symbols(backend.home, backend.settings.maintained, typed)
    except UsageError as error:
        raise ApiError(400, "invalid_symbols", f"{error} Nothing was started.") from error
