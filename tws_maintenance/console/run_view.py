"""One run as its page and the API show it: Dagster's steps and checks, its report's status."""

import re
from dataclasses import asdict

from tws_maintenance.console.api import bodies
from tws_maintenance.console.api.responses import Check, Run, RunLine, Step
from tws_maintenance.console.api_error import ApiError
from tws_maintenance.console.service import Backend
from tws_maintenance.pipeline.run_records import RunState, RunView
from tws_maintenance.reports.schema import Report


def describe_run(backend: Backend, run_id: str) -> Run:
    """Return a run with its steps and checks; once it has ended, its report gives its state.

    Raises:
        ApiError: 404, this home has no such run.
    """
    if not re.fullmatch(bodies.RUN_ID_PATTERN, run_id):
        raise ApiError(404, "not_found", "That is not the id of a run.")
    looked = backend.observer.look_at_run(run_id)
    if looked.is_dead:
        backend.launcher.close_dead()
        looked = backend.observer.look_at_run(run_id)
    view = looked.view
    report_id = (view and view.report_id) or backend.shelf.of_run(run_id)
    if view is None and report_id is None:
        raise ApiError(404, "not_found", "This home has no run with that id.")
    line = backend.line(view) if view else _line_of_report(backend, run_id, str(report_id))
    is_over = view is None or not view.is_in_progress
    report = backend.report(report_id) if is_over and report_id else None
    known = dict(line) | {"report_id": report_id, "state": _state(view, report)}
    return Run(
        **known,
        steps=[Step(**asdict(step)) for step in looked.steps],
        checks=[Check(**asdict(check)) for check in looked.checks],
        finished_at=view.finished_at if view else (report.finished_at if report else None),
        status=report.status.value if report else None,
    )


def report_of_run(backend: Backend, run_id: str) -> Report | None:
    """Return the report of a run that has ended, None if it has no readable one."""
    view = backend.observer.look_at_run(run_id).view
    if view is not None and view.is_in_progress:
        return None
    report_id = (view and view.report_id) or backend.shelf.of_run(run_id)
    return backend.report(report_id) if report_id else None


def _line_of_report(backend: Backend, run_id: str, report_id: str) -> RunLine:
    """Return a run that Dagster no longer has, from its report."""
    entry = backend.shelf.entry(report_id)
    return RunLine(
        run_id=run_id,
        report_id=report_id,
        state="finished",
        tasks=[line.task for line in entry.results],
        dry_run=bool(entry.dry_run),
        job=None,
        entry_point=entry.entry_point,
        actor=entry.actor,
        created_at=entry.started_at,
        started_at=entry.started_at,
        run_url=None,
    )


def _state(view: RunView | None, report: Report | None) -> RunState:
    """Return the state of a run.

    The report decides once there is one: checks of live files do not fail a run in Dagster, and
    Dagster shows a killed run as failed.
    """
    if view is not None and view.is_in_progress:
        return view.state
    status = report.status if report else None
    if status == "interrupted":
        return "interrupted"
    if status == "completed":
        return "finished"
    if status is not None:
        return "failed"
    return view.state if view else "interrupted"
