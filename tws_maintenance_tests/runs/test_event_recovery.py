"""A run killed while it stored events: its report says which providers were stored."""

from datetime import UTC, datetime

import pytest

from tws_maintenance.audit.receipt import Receipt, write_receipt
from tws_maintenance.config.home import Home
from tws_maintenance.config.settings import load_settings
from tws_maintenance.core.errors import StoreError
from tws_maintenance.market_events.model import PROVIDERS
from tws_maintenance.market_events.store.event_store import EventStore, SyncLog
from tws_maintenance.reports.store import reserve
from tws_maintenance.runs.event_recovery import settled_events
from tws_maintenance.runs.recovery import recover
from tws_maintenance_tests.support import reports_of

AT = datetime(2026, 11, 22, 19, 0, tzinfo=UTC)
NOTE = {
    "run_id": "the-run-that-died",
    "entry_point": "cli",
    "actor": "somebody",
    "reason": "",
    "dry_run": False,
    "overrides": {"allow_large_change": False},
    "reserved_at": "2026-11-22T19:00:00.000Z",
    "tasks": ["market_events"],
    "pid": 1,
}


def log(home: Home, report_id: str, *providers: str, error: str | None = None) -> None:
    with EventStore(home, load_settings(home)) as store:
        store.prepare()
        for provider in providers:
            with store.transaction() as writer:
                writer.log(
                    SyncLog(
                        provider=provider,
                        event_type="FOMC",
                        sync_started_at=AT,
                        sync_finished_at=AT,
                        window_start_utc=AT,
                        window_end_utc=AT,
                        status="failed" if error else "success",
                        fetched_count=0,
                        upserted_count=0,
                        stale_count=0,
                        error_count=1 if error else 0,
                        error_message=error,
                        detail={"report_id": report_id},
                    )
                )


def test_killed_before_anything_was_stored(home: Home) -> None:
    reservation = reserve(home, AT, NOTE)
    (found,) = recover(home)
    assert found.report_id == reservation.report_id
    (report,) = reports_of(home)
    (result,) = report["results"]
    assert (report["status"], result["status"]) == ("interrupted", "failed")
    assert "nothing had been stored" in result["errors"][0]
    assert not home.market_events.exists()


def test_killed_between_two_providers(home: Home) -> None:
    log(home, "maintenance_1", "yahoo")
    result = settled_events(home, "maintenance_1", NOTE)
    assert result.status == "failed"
    assert "Yahoo Finance had been stored" in result.errors[0]
    assert "Federal Reserve, Exchange calendars" in result.errors[0]


def test_killed_after_all_were_stored_it_is_as_they_said(home: Home) -> None:
    log(home, "maintenance_1", *PROVIDERS)
    done = settled_events(home, "maintenance_1", NOTE)
    assert (done.status, done.finished_at, done.errors) == ("success", AT, [])
    log(home, "maintenance_2", *list(PROVIDERS)[1:])
    log(home, "maintenance_2", "yahoo", error="rate limited")
    partial = settled_events(home, "maintenance_2", NOTE)
    assert (partial.status, partial.errors) == ("partial_failure", ["Yahoo Finance: rate limited"])


def test_a_killed_look_had_nothing_to_store(home: Home) -> None:
    note = NOTE | {"dry_run": True}
    unfinished = settled_events(home, "maintenance_1", note)
    assert (unfinished.status, unfinished.errors) == (
        "failed",
        ["the run was killed before its look was complete; run it again"],
    )
    receipt = Receipt(
        "maintenance_1_market_events", "maintenance_1", "0" * 64, "passed", "", False, "", {}, ()
    )
    home.proposal(receipt.proposal_id).mkdir(parents=True)
    write_receipt(home, receipt)
    whole = settled_events(home, "maintenance_1", note)
    assert (whole.status, whole.errors, whole.validation_status) == ("success", [], "passed")


def test_a_store_that_cannot_be_read_is_told_and_other_commands_go_on(home: Home) -> None:
    home.data.mkdir()
    home.market_events.write_bytes(b"this is no database at all" * 100)
    with pytest.raises(StoreError):
        settled_events(home, "maintenance_1", NOTE)
    reserve(home, AT, NOTE)
    recover(home)
    (report,) = reports_of(home)
    assert "what the killed run did could not be told" in report["results"][0]["errors"][0]
