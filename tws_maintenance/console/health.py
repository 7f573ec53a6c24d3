"""`/metrics`, in the text format of Prometheus.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from collections.abc import Iterator

from flask import Blueprint, Response

from tws_maintenance.config.indices import MARKET_EVENTS
from tws_maintenance.console.api import bodies
from tws_maintenance.console.api.routes import query_as
from tws_maintenance.console.service import Backend
from tws_maintenance.core.clock import parse_utc, utc_now

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# Numbers, so that an alert can compare with "below 1".
LAST_STATUS = {"success": 1.0, "partial_failure": 0.5, "failed": 0.0}
_HELP = {
    "age_seconds": "Seconds since the last successful apply; absent before the first.",
    "last_success_timestamp_seconds": (
        "When the last successful apply ended, as Unix time; absent before the first."
    ),
    "last_run_timestamp_seconds": "When the last run of the task ended, as Unix time.",
    "rows": "Members in the live file, or events of the last sync.",
    "last_status": "The last run of the task: 1 if it succeeded, 0.5 in part, 0 if it failed.",
    "warnings": "Warnings of the last run of the task.",
    "duration_seconds": "Duration of the last run of the task, in seconds.",
}


def build_health_blueprint(backend: Backend) -> Blueprint:
    """Return the blueprint of `/metrics`."""
    health = Blueprint("health", __name__)

    @health.get("/metrics")
    def metrics() -> Response:
        query_as(bodies.NoQuery)
        return Response("\n".join([*_lines(backend), ""]), content_type=CONTENT_TYPE)

    return health


def _lines(backend: Backend) -> Iterator[str]:
    samples = dict(_samples(backend))
    for name, text in _HELP.items():
        yield f"# HELP tws_maintenance_{name} {text}"
        yield f"# TYPE tws_maintenance_{name} gauge"
        for task, values in samples.items():
            if values.get(name) is not None:
                yield f'tws_maintenance_{name}{{task="{task}"}} {values[name]!r}'


def _samples(backend: Backend) -> Iterator[tuple[str, dict[str, float | None]]]:
    status = backend.status()
    for one in status.constituents:
        yield one.task, _sample(backend, one.task, one.last_refreshed_at, one.row_count)
    events = status.market_events
    yield MARKET_EVENTS, _sample(backend, MARKET_EVENTS, events.last_refreshed_at, events.fetched)


def _sample(
    backend: Backend, task: str, refreshed_at: str | None, rows: int | None
) -> dict[str, float | None]:
    refreshed = _unix_time(refreshed_at)
    age = None if refreshed is None else utc_now().timestamp() - refreshed
    result = backend.last_result(task)
    return {
        "age_seconds": None if age is None else round(age, 1),
        "last_success_timestamp_seconds": refreshed,
        "last_run_timestamp_seconds": _unix_time(result.finished_at if result else None),
        "rows": rows,
        "last_status": LAST_STATUS.get(result.status) if result else None,
        "warnings": float(len(result.every_warning)) if result else None,
        "duration_seconds": result.duration_seconds if result else None,
    }


def _unix_time(at: str | None) -> float | None:
    return parse_utc(at).timestamp() if at else None
