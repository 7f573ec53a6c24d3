"""What these tests share: reports as a run writes them."""

import json
from datetime import UTC, datetime
from typing import Any

from tws_maintenance.config.home import Home
from tws_maintenance.core.clock import utc_text
from tws_maintenance.reports.schema import Report, new_result, parse_report
from tws_maintenance.reports.store import Reservation, reserve, write_report

AT = datetime(2026, 11, 22, 18, 30, tzinfo=UTC)


def result(task: str = "sti_constituents", **changed: Any) -> dict[str, Any]:
    """Return a finished result of a constituents task, `changed` where asked."""
    plain = new_result(task, dry_run=False)
    plain.begin(AT)
    plain.end(AT)
    counts = {"status": "success", "before_count": 30, "after_count": 30}
    return plain.to_dict() | counts | changed


def whole(value: dict[str, Any]) -> Report:
    """Return the report that `value` is."""
    return parse_report(json.dumps(value))


def report(*results: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """Return a report of `results`, `changed` where asked."""
    plain = {
        "report_id": "maintenance_20261122_183000",
        "run_id": "run-1",
        "entry_point": "cli",
        "actor": "operator",
        "reason": "",
        "status": "completed",
        "dry_run": False,
        "overrides": {"allow_large_change": False},
        "started_at": utc_text(AT),
        "finished_at": utc_text(AT),
        "duration_seconds": 0.0,
        "results": list(results),
        "warnings": [],
        "errors": [],
    }
    return plain | changed


def filed(home: Home, *results: dict[str, Any], at: datetime = AT, **changed: Any) -> str:
    """Write a report as a run that started `at` and return its id."""
    reservation: Reservation = reserve(home, at, {})
    told = {"report_id": reservation.report_id, "finished_at": utc_text(at), **changed}
    write_report(home, reservation, whole(report(*results, **told)))
    return reservation.report_id
