"""Is everything fresh? The state of each list, from its file, its stamp and the reports."""

from datetime import datetime
from typing import Any

from tws_maintenance.constituents.drift import find_drift
from tws_maintenance.constituents.freshness import is_stale
from tws_maintenance.constituents.live import read_live
from tws_maintenance.errors import LiveFileError
from tws_maintenance.home import Home
from tws_maintenance.indices import CONSTITUENT_TASKS, INDICES, Index
from tws_maintenance.reports.store import last_refreshed, newest_reports, results_of
from tws_maintenance.settings import Settings

_NOT_RUN: dict[str, Any] = {"status": "not_run", "warnings": [], "errors": []}


def status(home: Home, settings: Settings, at: datetime) -> dict[str, Any]:
    """Return {constituents[], latest_report}, as the console's API gives it."""
    refreshed = last_refreshed(home, CONSTITUENT_TASKS)
    latest = next(newest_reports(home), None)
    return {
        "constituents": [
            _index_status(home, settings, index, refreshed.get(index.task), at)
            for index in INDICES.values()
        ],
        "latest_report": latest
        and {
            "report_id": latest.get("report_id"),
            "finished_at": latest.get("finished_at"),
            "status": latest.get("status"),
            "warnings": latest.get("warnings") or [],
            "errors": latest.get("errors") or [],
        },
    }


def needs_attention(value: dict[str, Any]) -> bool:
    """Tell whether a list is stale, was never refreshed, is unreadable, or failed last time."""
    return any(
        one["stale"] or one["row_count"] is None or one["validation"]["status"] == "failed"
        for one in value["constituents"]
    )


def _index_status(
    home: Home,
    settings: Settings,
    index: Index,
    refreshed: tuple[str, str | None] | None,
    at: datetime,
) -> dict[str, Any]:
    refreshed_at, source = refreshed or (None, None)
    problems: list[str] = []
    try:
        live = read_live(home, index)
        if live is None:
            problems.append("there is no file yet; an apply run creates it")
    except LiveFileError as error:
        live = None
        problems.append(str(error))
    drift = find_drift(home, index, live.content) if live else None
    run_id, validation = _last_validation(home, index)
    return {
        "task": index.task,
        "name": index.name,
        "file": home.relative(home.live_file(index.key)),
        "last_refreshed_at": refreshed_at,
        "row_count": len(live.rows) if live else None,
        "source": source,
        "validation": validation,
        "stale": is_stale(refreshed_at, settings.of(index), at),
        "drift": drift.text if drift else None,
        "problems": problems,
        "run_id": run_id,
    }


def _last_validation(home: Home, index: Index) -> tuple[str | None, dict[str, Any]]:
    """Return the run and the audit of the newest report that worked on `index`."""
    for report in newest_reports(home):
        for result in results_of(report):
            if result.get("task") == index.task and result.get("status") != "skipped":
                told = result.get("validation")
                validation = dict(told) if isinstance(told, dict) else dict(_NOT_RUN)
                if result.get("status") == "failed":
                    validation = {**validation, "status": "failed"}
                return report.get("run_id"), validation
    return None, dict(_NOT_RUN)
