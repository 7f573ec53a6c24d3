"""What a console says of an empty home: that nothing is known, and nothing made up."""

from icalendar import Calendar

from tws_maintenance_tests.console.shapes import faults_of
from tws_maintenance_tests.console.support import API, HSI, SP500, STI, Console
from tws_maintenance_tests.console.test_health import metrics_of

# What DESIGN.md promises, and what is told beyond that; another key is a decision, no accident.
CONSTITUENTS = {
    *("task", "name", "file", "last_refreshed_at", "row_count", "source", "validation", "stale"),
    *("run_id", "run_url", "proposal"),
    *("drift", "file_problem", "file_audit", "restored_at", "last_run", "unconfirmed", "announced"),
}
EVENTS = {
    *("last_refreshed_at", "fetched", "upserted", "stale", "errors", "providers"),
    *("status", "run_id", "run_url", "doubts", "moved", "needs_refresh", "service"),
}
VENUES = {"venue", "name", "state", "until", "timezone", "local_time"}


def test_the_status_says_that_nothing_is_known(console: Console) -> None:
    status = console.json(f"{API}/status")
    assert list(status) == [
        "constituents",
        "market_events",
        "latest_report",
        "venues",
        "running",
    ]
    named = [(one["task"], one["name"], one["file"]) for one in status["constituents"]]
    assert named == [
        (SP500, "S&P 500", "data/sp500_constituents.csv"),
        (STI, "STI", "data/sti_constituents.csv"),
        (HSI, "HSI", "data/hsi_constituents.csv"),
    ]
    for one in status["constituents"]:
        assert set(one) == CONSTITUENTS
        assert one["stale"] is True
        assert one["validation"] == {"status": "not_run", "warnings": [], "errors": []}
        unknown = ("last_refreshed_at", "row_count", "source", "run_id", "run_url", "proposal")
        assert [one[key] for key in unknown] == [None] * 6
        assert one["file_problem"] == f"{one['file']} is missing."
    events = status["market_events"]
    assert set(events) == EVENTS
    assert [events[key] for key in ("fetched", "upserted", "stale", "errors")] == [0] * 4
    assert (events["last_refreshed_at"], events["providers"]) == (None, [])
    assert events["needs_refresh"] is True
    assert (status["latest_report"], status["running"]) == (None, [])
    venues = [(one["venue"], one["name"]) for one in status["venues"]]
    assert venues == [("XNYS", "New York"), ("XSES", "Singapore"), ("XHKG", "Hong Kong")]
    assert {one["state"] for one in status["venues"]} <= {"open", "lunch", "closed", "unknown"}
    assert set(status["venues"][0]) == VENUES
    assert faults_of("Status", status) == []


def test_there_are_descriptions_and_no_made_up_samples(console: Console) -> None:
    assert set(metrics_of(console)) <= {"rows"}
    assert metrics_of(console).get("rows", {}).get(STI) is None
    assert console.json(f"{API}/badge") == {
        "schemaVersion": 1,
        "label": "maintenance",
        "message": "S&P 500, STI, HSI failed; S&P 500, STI, HSI, events stale",
        "color": "red",
        "isError": True,
    }
    assert console.json(f"{API}/caches") == {
        "generations": [
            {
                "index": index,
                "task": task,
                "generation": None,
                "report_id": None,
                "promoted_at": None,
                "sha256": None,
            }
            for index, task in (("sp500", SP500), ("sti", STI), ("hsi", HSI))
        ]
    }


def test_before_a_sync_there_is_nothing_and_it_is_said(console: Console) -> None:
    assert console.json("/api/market-events/upcoming") == {
        "events": [],
        "count": 0,
        "last_sync": None,
    }
    assert console.json("/api/market-events/sync-log") == {"logs": [], "count": 0}
    calendar = console.get("/api/market-events/calendar.ics")
    assert calendar.content_type == "text/calendar; charset=utf-8"
    assert Calendar.from_ical(calendar.data).walk("VEVENT") == []
    assert console.json("/api/watchlist") == {"watchlist": [], "count": 0, "unreadable": []}


def test_before_the_first_report_there_is_no_latest(console: Console) -> None:
    answer = console.get("/maintenance/reports/latest")
    assert answer.status_code == 404
    assert "Start with a dry run" in answer.text


def test_a_home_without_reports_has_no_pictures(console: Console) -> None:
    answer = console.get("/maintenance")
    assert (answer.status_code, 'class="pictures"' in answer.text) == (200, False)
