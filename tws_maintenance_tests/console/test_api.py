"""What `/api/maintenance` tells, key by key: after runs, of a broken file, of broken settings."""

import json

from tws_maintenance.config.home import Home
from tws_maintenance.console.api.openapi import describe
from tws_maintenance_tests.console.shapes import faults_of
from tws_maintenance_tests.console.support import (
    API,
    STI,
    Console,
    error_of,
)
from tws_maintenance_tests.defaults import MAINTAINED, TASKS
from tws_maintenance_tests.support import live_bytes, result_of

LATEST = {"report_id", "finished_at", "status", "warnings", "errors"}
RUN = {"run_id", "report_id", "state", "steps", "checks", "run_url"}


def test_after_a_dry_run_it_waits_and_after_the_apply_it_is_fresh(fresh: Console) -> None:
    dry = fresh.run("all")
    assert [one["task"] for one in dry["results"]] == list(TASKS[:4])
    one = fresh.list_of(STI)
    assert (one["last_refreshed_at"], one["stale"], one["row_count"]) == (None, True, None)
    assert one["validation"]["status"] == "passed"
    assert one["run_id"] == dry["run_id"]
    waiting = one["proposal"]
    assert (waiting["report_id"], waiting["state"]) == (dry["report_id"], "waiting")
    assert (waiting["after_count"], waiting["added"], waiting["removed"]) == (30, 30, 0)

    applied = fresh.apply("all")
    status = fresh.json(f"{API}/status")
    for one in status["constituents"]:
        result = result_of(applied, one["task"])
        assert one["last_refreshed_at"] == result["finished_at"]
        assert one["row_count"] == result["after_count"]
        assert one["source"] == result["source"]
        assert (one["stale"], one["drift"], one["file_problem"]) == (False, None, None)
        assert one["run_url"] == f"http://127.0.0.1:3000/runs/{applied['run_id']}"
        assert one["proposal"]["state"] == "promoted"
    events = status["market_events"]
    providers = result_of(applied, "market_events")["providers"]
    assert events["providers"] == providers
    assert events["fetched"] == sum(one["fetched"] for one in providers) > 0
    assert events["upserted"] == sum(one["new"] + one["changed"] for one in providers)
    assert status["latest_report"] == {
        key: applied[key]
        for key in ("report_id", "finished_at", "status", "warnings", "errors", "run_id")
    } | {"run_url": f"http://127.0.0.1:3000/runs/{applied['run_id']}"}
    assert set(status["latest_report"]) >= LATEST
    assert faults_of("Status", status) == []
    for path, name in (
        (f"{API}/runs/{applied['run_id']}", "Run"),
        (f"{API}/reports/{applied['report_id']}", "Report"),
        (f"{API}/reports", "Reports"),
        (f"{API}/caches", "Caches"),
        (f"{API}/badge", "Badge"),
        ("/api/market-events/upcoming", "Upcoming"),
        ("/api/market-events/sync-log", "SyncLog"),
        ("/api/watchlist", "Watchlist"),
    ):
        assert faults_of(name, fresh.json(path)) == [], path
    assert set(fresh.json(f"{API}/runs/{applied['run_id']}")) >= RUN


def test_a_file_that_somebody_changed_broke_or_lost_is_told(console: Console) -> None:
    console.here(STI, dry_run=False)
    path = console.home.live_file("sti")
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)

    path.write_bytes(b"".join(lines[:-1]))
    edited = console.list_of(STI)
    assert edited["row_count"] == 29
    assert "edited by somebody else" in edited["drift"]
    assert edited["file_problem"] is None

    path.write_bytes(b"".join(lines[:5]))
    assert "at least 25" in console.list_of(STI)["file_problem"]

    for broken in (b"\xff\xfe\x00nothing", b"", b"one,two\n1,2\n", whole[:40]):
        path.write_bytes(broken)
        one = console.list_of(STI)
        assert one["file_problem"], broken
        assert console.get("/maintenance").status_code == 200

    path.unlink()
    assert console.list_of(STI)["file_problem"].endswith("is missing.")
    path.mkdir()
    assert console.list_of(STI)["row_count"] is None
    assert console.get("/maintenance").status_code == 200
    assert console.json(f"{API}/badge")["isError"] is True
    path.rmdir()
    path.write_bytes(whole)
    assert console.list_of(STI)["file_problem"] is None


def test_an_edited_proposal_is_not_shown_and_the_rest_is(console: Console) -> None:
    console.here(STI)
    shown = console.list_of(STI)["proposal"]
    path = console.home.proposal(shown["proposal_id"]) / "proposal.json"
    whole = path.read_text()
    path.write_text(json.dumps(json.loads(whole) | {"after_count": "many"}))
    assert console.list_of(STI)["proposal"] is None
    path.write_text(whole)
    assert console.list_of(STI)["proposal"] == shown


def test_settings_that_break_while_it_runs_are_told_until_they_are_mended(
    fresh: Console, home: Home
) -> None:
    settings = home.root / "maintenance.toml"
    good = settings.read_text()
    settings.write_text("[indices.sp500]\nmin_rows = 'many'\n")
    for path in (f"{API}/status", f"{API}/badge", "/metrics", "/api/market-events/upcoming"):
        answer = fresh.get(path)
        assert error_of(answer) == (503, "unavailable")
        assert "min_rows" in answer.text
    assert fresh.get("/maintenance").status_code == 503
    assert "min_rows" in fresh.get("/maintenance").text
    assert error_of(fresh.post(f"{API}/run", {})) == (503, "unavailable")
    assert fresh.get(f"{API}/reports").status_code == 200
    settings.write_bytes(b"\xff\xfe")
    assert error_of(fresh.get(f"{API}/status")) == (503, "unavailable")
    settings.write_text(good)
    assert fresh.get(f"{API}/status").status_code == 200
    assert live_bytes(home) == {"sp500": None, "sti": None, "hsi": None}


def test_the_described_shapes_are_closed() -> None:
    """Else an answer could hold more than the description promises, and no test would see it."""
    found = describe(MAINTAINED)["components"]["schemas"]
    opened = {
        name.rpartition("__")[2]
        for name, one in found.items()
        if "enum" not in one and one.get("additionalProperties") is not False
    }
    # The first is also a report of an older form; the others are the parts of a list's diff.
    assert opened == {"ReportOrDamaged", "Changes", "Member", "Rename", "FieldChange"}
    assert faults_of("Started", {"run_id": "a", "status_url": "b", "more": 1}) != []
