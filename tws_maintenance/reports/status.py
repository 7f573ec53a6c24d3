"""Is everything fresh? The state of each list, from its file, its stamp and the reports."""

from datetime import datetime
from typing import Any

from tws_maintenance.constituents.drift import find_drift
from tws_maintenance.constituents.rules import FRESH, NOT_EDITED
from tws_maintenance.constituents.validation import validate_live
from tws_maintenance.errors import StoreError
from tws_maintenance.freshness import is_older, is_stale
from tws_maintenance.home import Home
from tws_maintenance.indices import CONSTITUENT_TASKS, INDICES, MARKET_EVENTS, Index
from tws_maintenance.market_events.last_sync import LOGS_READ, doubts
from tws_maintenance.market_events.store import EventStore
from tws_maintenance.reports.store import last_refreshed, newest_reports, results_of
from tws_maintenance.settings import Settings
from tws_maintenance.verdict import Outcome

# Freshness and drift have fields of their own.
SHOWN_APART = frozenset({FRESH.name, NOT_EDITED.name})
_NOT_RUN: dict[str, Any] = {"status": "not_run", "warnings": [], "errors": []}


def status(home: Home, settings: Settings, at: datetime) -> dict[str, Any]:
    """Return {constituents[], market_events, latest_report}, as the console's API gives it."""
    refreshed = last_refreshed(home, (*CONSTITUENT_TASKS, MARKET_EVENTS))
    latest = next(newest_reports(home), None)
    return {
        "constituents": [
            _index_status(home, settings, index, refreshed.get(index.task), at)
            for index in INDICES.values()
        ],
        "market_events": _events_status(home, settings, refreshed.get(MARKET_EVENTS), at),
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
    """Tell whether something is stale, never refreshed, missing, unsound, or failed last time."""
    events = value["market_events"]
    return (
        events["needs_refresh"]
        or events["status"] in {"failed", "partial_failure"}
        or any(
            one["stale"] or "failed" in (one["file_audit"]["status"], one["validation"]["status"])
            for one in value["constituents"]
        )
    )


def _index_status(
    home: Home,
    settings: Settings,
    index: Index,
    refreshed: tuple[str, str | None] | None,
    at: datetime,
) -> dict[str, Any]:
    refreshed_at, source = refreshed or (None, None)
    limits = settings.of(index)
    audit = validate_live(home, index, limits, refreshed_at, at)
    drift = find_drift(home, index, audit.content) if audit.content else None
    run_id, validation = _last_validation(home, index)
    return {
        "task": index.task,
        "name": index.name,
        "file": home.relative(home.live_file(index.key)),
        "last_refreshed_at": refreshed_at,
        "row_count": audit.row_count,
        "source": source,
        "validation": validation,
        "stale": is_stale(refreshed_at, limits, at),
        "drift": drift.text if drift else None,
        "file_audit": {
            "status": audit.status.value,
            "warnings": audit.messages(Outcome.WARNED, but=SHOWN_APART),
            "errors": audit.messages(Outcome.FAILED),
        },
        "run_id": run_id,
    }


def _events_status(
    home: Home, settings: Settings, refreshed: tuple[str, str | None] | None, at: datetime
) -> dict[str, Any]:
    """Return what the last sync came to, and whether the last complete one is too old.

    A sync that failed in part has not refreshed the events.
    """
    refreshed_at, _ = refreshed or (None, None)
    result = next(
        (
            one
            for report in newest_reports(home)
            for one in results_of(report)
            if one.get("task") == MARKET_EVENTS
            and one.get("dry_run") is False
            and one.get("status") != "skipped"
        ),
        {},
    )
    providers = [one for one in result.get("providers") or [] if isinstance(one, dict)]

    def total(*keys: str) -> int:
        return sum(int(one.get(key) or 0) for one in providers for key in keys)

    return {
        "last_refreshed_at": refreshed_at,
        "fetched": total("fetched"),
        "upserted": total("new", "changed"),
        "stale": total("stale"),
        "errors": total("errors"),
        "providers": providers,
        "status": result.get("status"),
        "doubts": _doubts(home, settings, result, at),
        "needs_refresh": is_older(refreshed_at, settings.events.max_age_days, at),
    }


def _doubts(home: Home, settings: Settings, result: dict[str, Any], at: datetime) -> list[str]:
    """Return why what is stored may not be all that comes, a sentence each."""
    failed = result.get("errors") if result.get("status") == "failed" else None
    told = [f"The last sync failed: {text}" for text in failed or []]
    try:
        with EventStore(home, settings) as store:
            logs = store.sync_logs(limit=LOGS_READ)
    except StoreError as error:
        return [*told, str(error)]
    max_age = settings.events.max_age_days
    return told + doubts(logs, at, days=0, max_age_days=max_age)


def _last_validation(home: Home, index: Index) -> tuple[str | None, dict[str, Any]]:
    """Return the run and the audit of the newest report that worked on `index`."""
    for report in newest_reports(home):
        for result in results_of(report):
            # A refusal says something of the proposal, nothing of the list.
            is_told = result.get("status") != "skipped" and not result.get("refusal")
            if result.get("task") == index.task and is_told:
                told = result.get("validation")
                validation = dict(told) if isinstance(told, dict) else dict(_NOT_RUN)
                if result.get("status") == "failed":
                    validation = {**validation, "status": "failed"}
                return report.get("run_id"), validation
    return None, dict(_NOT_RUN)
