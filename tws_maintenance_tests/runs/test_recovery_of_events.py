"""A run killed while it stored events: its report says which providers were stored."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from tws_maintenance.audit.receipt import Receipt
from tws_maintenance.audit.run_context import RunContext
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import MARKET_EVENTS
from tws_maintenance.config.settings import load_settings
from tws_maintenance.core.clock import utc_text
from tws_maintenance.core.errors import StoreError
from tws_maintenance.market_events import sync
from tws_maintenance.market_events.audit import audit
from tws_maintenance.market_events.model import (
    PROVIDERS,
    Answer,
    Event,
    EventType,
    SymbolOutcome,
    SyncLog,
    Window,
)
from tws_maintenance.market_events.store.event_store import EventStore
from tws_maintenance.market_events.sync_result import SyncResult
from tws_maintenance.reports.building import Ending, conclude
from tws_maintenance.reports.event_results import describe_sync
from tws_maintenance.reports.journal import Journal
from tws_maintenance.reports.schema import EventsResult
from tws_maintenance.reports.store import reserve
from tws_maintenance.runs import event_steps
from tws_maintenance.runs.maintenance import MaintenanceRun, head_start
from tws_maintenance.runs.recovery import OF_ROBOT, recover, settle_events
from tws_maintenance.runs.request import PlannedRun
from tws_maintenance_tests.support import reports_of

NEW_YORK = "America/New_York"
DAY = date(2026, 12, 9)
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


def settled_events(home: Home, report_id: str, note: dict[str, Any]) -> EventsResult:
    """Return what is reported of the events of a run that was killed."""
    journal = Journal.model_validate_json(json.dumps(note))
    result = journal.results[MARKET_EVENTS]
    assert isinstance(result, EventsResult)
    settle_events(home, report_id, result)
    result.begin(AT)
    conclude(result, Ending("the run was killed", is_killed=True))
    return result


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
    assert "nothing was stored" in result["errors"][0]
    assert not home.market_events.exists()


def test_killed_between_two_providers(home: Home) -> None:
    log(home, "maintenance_1", "yahoo")
    result = settled_events(home, "maintenance_1", NOTE)
    assert result.status == "failed"
    assert "stored before: Yahoo Finance" in result.errors[0]
    assert "Federal Reserve, Exchange calendars" in result.errors[0]


def test_killed_after_all_were_stored_it_is_as_they_said(home: Home) -> None:
    log(home, "maintenance_1", *PROVIDERS)
    done = settled_events(home, "maintenance_1", NOTE)
    assert (done.status, done.finished_at, done.errors) == ("success", utc_text(AT), [])
    log(home, "maintenance_2", *list(PROVIDERS)[1:])
    log(home, "maintenance_2", "yahoo", error="rate limited")
    partial = settled_events(home, "maintenance_2", NOTE)
    assert (partial.status, partial.errors) == ("partial_failure", ["Yahoo Finance: rate limited"])


def test_a_killed_look_had_nothing_to_store(home: Home) -> None:
    note = NOTE | {"dry_run": True}
    unfinished = settled_events(home, "maintenance_1", note)
    assert (unfinished.status, unfinished.errors) == (
        "failed",
        ["the run was killed before the dry run was complete; run it again"],
    )


def test_a_store_that_cannot_be_read_is_told_and_other_commands_go_on(home: Home) -> None:
    home.data.mkdir()
    home.market_events.write_bytes(b"this is no database at all" * 100)
    with pytest.raises(StoreError):
        settled_events(home, "maintenance_1", NOTE)
    reserve(home, AT, NOTE)
    recover(home)
    (report,) = reports_of(home)
    assert "could not determine what the killed run did" in report["results"][0]["errors"][0]


def staged_by(home: Home, report_id: str, store: EventStore) -> sync.Synced:
    """Stage one good answer of each provider, as a run does."""
    window = Window(AT, 28)
    events = {
        "yahoo": Event(EventType.EARNINGS, "AAPL", "AAPL earnings", DAY, NEW_YORK, symbol="AAPL"),
        "federal_reserve": Event(EventType.FOMC, "scheduled", "FOMC decision", DAY, NEW_YORK),
        "exchange_calendars": Event(EventType.MARKET_HOLIDAY, "XNYS", "closed", DAY, NEW_YORK),
    }
    answers = [
        Answer(name, name, (event,), {event.subject: date(2027, 6, 1)}, counts={"2026": 8})
        for name, event in events.items()
    ]
    yahoo = replace(answers[0], symbols={"AAPL": (SymbolOutcome.OK, "")})
    context = RunContext(report_id, "the-run-that-died", AT)
    done = sync.stage(home, store, [yahoo, *answers[1:]], window, ["AAPL"], context)
    audit(home, done.proposal_id, context)
    return done


def as_told(found: SyncResult, *, dry_run: bool = False) -> EventsResult:
    """Return what the normal end of a run puts into its result."""
    result = EventsResult(task=MARKET_EVENTS, dry_run=dry_run)
    result.end(AT)
    describe_sync(result, found)
    return result


def noted(result: EventsResult) -> dict[str, Any]:
    """Return the journal of a run whose step left `result`."""
    journal = Journal.model_validate_json(json.dumps(NOTE | {"dry_run": result.dry_run}))
    journal.results[MARKET_EVENTS] = result
    value: dict[str, Any] = json.loads(journal.to_json())
    return value


SAME = ("providers", "diff", "window", "moved", "added", "removed", "source", "service")


@pytest.fixture
def store(home: Home) -> Iterator[EventStore]:
    with EventStore(home, load_settings(home)) as store:
        yield store


def test_a_killed_look_says_what_its_normal_end_would_have(home: Home, store: EventStore) -> None:
    staged = staged_by(home, "maintenance_1", store)
    look = as_told(staged.result(), dry_run=True)
    expected = look.to_dict()
    found = settled_events(home, "maintenance_1", noted(look))
    assert (found.status, found.errors) == ("success", [])
    assert len(found.diff.new) == 3
    keys = (*SAME, "before_count", "after_count", "proposal_sha256", "changed_fields", "symbols")
    assert {key: found.to_dict()[key] for key in keys} == {key: expected[key] for key in keys}


def applied(home: Home, store: EventStore, staged: sync.Synced) -> list[EventsResult]:
    """Store what was staged and return what the journal held before, after each provider."""
    told: list[EventsResult] = []
    context = RunContext("maintenance_1", "the-run-that-died", AT)
    sync.apply(
        home,
        store,
        staged,
        context,
        wait_seconds=0,
        note=lambda done: told.append(as_told(done.result())),
    )
    return told


def test_killed_after_all_was_noted_it_says_what_its_normal_end_would_have(
    home: Home, store: EventStore
) -> None:
    *_, done = applied(home, store, staged_by(home, "maintenance_1", store))
    expected = done.to_dict()
    found = settled_events(home, "maintenance_1", noted(done))
    assert (found.status, found.errors, found.after_count) == ("success", [], 3)
    keys = (*SAME, "changed_fields", "symbols", "warnings")
    assert {key: found.to_dict()[key] for key in keys} == {key: expected[key] for key in keys}


def test_killed_before_the_last_provider_was_noted_the_log_has_its_counts(
    home: Home, store: EventStore
) -> None:
    *_, before_the_last, _ = applied(home, store, staged_by(home, "maintenance_1", store))
    found = settled_events(home, "maintenance_1", noted(before_the_last))
    assert [(one.status, one.new) for one in found.providers] == [("success", 1)] * 3
    assert [one.event_type for one in found.diff.new] == ["EARNINGS", "FOMC"]
    (warning,) = found.warnings
    assert warning.startswith("Exchange calendars: stored before the run was killed")
    assert (found.status, found.errors) == ("success", [])


def test_killed_between_two_providers_the_rest_is_skipped(home: Home, store: EventStore) -> None:
    staged = staged_by(home, "maintenance_1", store)
    told: list[EventsResult] = []

    def die(done: sync.Synced) -> None:
        told.append(as_told(done.result()))
        if done.outcomes[0].log is not None:
            raise KeyboardInterrupt

    context = RunContext("maintenance_1", "the-run-that-died", AT)
    with pytest.raises(KeyboardInterrupt):
        sync.apply(home, store, staged, context, wait_seconds=0, note=die)
    found = settled_events(home, "maintenance_1", noted(told[-1]))
    rows = {one.provider: (one.status, one.new) for one in found.providers}
    assert rows == {
        "yahoo": ("success", 1),
        "federal_reserve": ("skipped", 0),
        "exchange_calendars": ("skipped", 0),
    }
    assert [one.symbol for one in found.diff.new] == ["AAPL"]
    assert found.status == "partial_failure", "its first line says what was stored"
    assert "stored before: Yahoo Finance" in found.errors[0]


@dataclass
class CtrlC:
    """A sync of the store during which the operator presses Ctrl-C when one provider is stored."""

    home: Home
    store: EventStore
    staged: sync.Synced

    def stage(self, _context: RunContext) -> SyncResult:
        return self.staged.result()

    def apply(self, context: RunContext, tell: Callable[[SyncResult], object]) -> Receipt:
        def told(done: sync.Synced) -> None:
            tell(done.result())
            if done.outcomes[0].log is not None:
                raise KeyboardInterrupt

        done = sync.apply(self.home, self.store, self.staged, context, wait_seconds=0, note=told)
        return done[1]


def test_cancelled_between_two_providers_it_begins_with_what_was_stored(
    home: Home, store: EventStore
) -> None:
    request = PlannedRun((MARKET_EVENTS,), False, run_id="run-1", actor="x", fetches=False)
    run = MaintenanceRun(request, head_start(home, load_settings(home)))
    run.open()
    staged = staged_by(home, run.report_id, store)
    run.sync, run.found = CtrlC(home, store, staged), staged.result()
    with pytest.raises(KeyboardInterrupt):
        event_steps.apply(run)
    run.close({}, KeyboardInterrupt())
    (report,) = reports_of(home)
    (result,) = report["results"]
    assert (report["status"], result["status"]) == ("interrupted", "partial_failure")
    assert result["errors"] == ["cancelled while it ran"]
    (text,) = (path.read_text() for path in home.reports.glob("*.md"))
    assert text.startswith("# Apply interrupted. Events stored: 1 new.")


def test_killed_before_it_stored_anything_nothing_that_was_planned_is_told_as_done(
    home: Home, store: EventStore
) -> None:
    planned = as_told(staged_by(home, "maintenance_1", store).result())
    assert len(planned.diff.new) == 3
    found = settled_events(home, "maintenance_1", noted(planned))
    assert found.diff.is_empty
    assert [(one.status, one.fetched, one.new) for one in found.providers] == [
        ("skipped", 1, 0)
    ] * 3
    assert (found.added, found.after_count) == ([], found.before_count)
    assert "nothing was stored" in found.errors[0]


def test_where_the_robot_keeps_the_events_it_goes_on_by_itself(home: Home) -> None:
    home.settings_file.write_text('[robot]\nurl = "http://127.0.0.1:9"\n', encoding="utf-8")
    found = settled_events(home, "maintenance_1", NOTE)
    assert (found.status, found.service) == ("failed", "robot")
    assert found.errors == [OF_ROBOT]
    look = settled_events(home, "maintenance_1", NOTE | {"dry_run": True})
    assert look.errors == ["the run was killed before the dry run was complete; run it again"]
