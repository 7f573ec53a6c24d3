"""The answers that a running robot gave, through everything that reads them.

They lie beside the repository, and are read from there only; without them the tests are skipped.
"""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tws_maintenance.audit.run_context import RunContext
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import MARKET_EVENTS
from tws_maintenance.config.settings import RobotSettings, Settings
from tws_maintenance.core.clock import utc_now
from tws_maintenance.market_events import robot_service as service
from tws_maintenance.market_events.audit import audit
from tws_maintenance.market_events.keeper import SyncOrder
from tws_maintenance.market_events.model import Window
from tws_maintenance.market_events.providers.worker import EventsWorker
from tws_maintenance.market_events.robot_keeper import (
    RobotSync,
    contents_of,
    events_of,
    write_look,
)
from tws_maintenance.market_events.robot_service import Look
from tws_maintenance.market_events.scope import Scope
from tws_maintenance.market_events.sync_log import last_sync
from tws_maintenance.market_events.upcoming import upcoming
from tws_maintenance.reports.event_results import describe_sync
from tws_maintenance.reports.schema import EventsResult
from tws_maintenance.robot.answers import SyncLog, Upcoming
from tws_maintenance.robot.client import RobotClient
from tws_maintenance_tests.robot.stand_in import ENRICHMENT, FED, HOLIDAYS, StandInRobot
from tws_maintenance_tests.support import SHARED

RECORDED_AT = datetime(2026, 11, 28, 13, 20, tzinfo=UTC)
RECORDED_DAYS = 60
OWN = {"CPI_RELEASE": 1, "GDP_RELEASE": 1, "JOBS_REPORT": 1, "PPI_RELEASE": 1}


def recorded(name: str) -> dict[str, Any]:
    path = SHARED / "robot" / f"{name}.json"
    if not path.exists():
        pytest.skip(f"the recorded answers of a robot are not here ({SHARED.name}/ is absent)")
    answer: dict[str, Any] = json.loads(path.read_bytes())
    return answer


@pytest.fixture
def found() -> Look:
    return Look(
        Window(RECORDED_AT, RECORDED_DAYS),
        Upcoming.model_validate(recorded("upcoming")),
        SyncLog.model_validate(recorded("sync_log")),
        RECORDED_AT,
    )


def test_every_event_is_read_on_its_day(found: Look) -> None:
    assert found.upcoming.unreadable == ()
    assert found.log.unreadable == ()
    assert [(o.event_type, o.event_date.isoformat(), bool(o.start_at_utc)) for o in found.ours] == [
        ("MARKET_EARLY_CLOSE", "2026-12-24", True),
        ("MARKET_HOLIDAY", "2026-12-25", False),
        ("MARKET_HOLIDAY", "2027-01-01", False),
        ("MARKET_HOLIDAY", "2027-01-18", False),
    ]


def test_its_own_types_are_counted_and_each_provider_is_told_once(found: Look, home: Home) -> None:
    result = EventsResult(task=MARKET_EVENTS, dry_run=True)
    settings = Settings(robot=RobotSettings.model_validate({"url": "http://127.0.0.1:5000"}))
    sync = RobotSync(home, settings, SyncOrder(Scope(), RECORDED_DAYS), EventsWorker())
    seen = sync.looked(found, RunContext("maintenance_20261128_132000", "run", RECORDED_AT))
    describe_sync(result, seen)
    assert result.source == "http://127.0.0.1:5000"
    assert result.errors == []
    assert (result.before_count, result.after_count) == (4, 4)
    own = result.robots_own
    assert own is not None
    assert (own.count, own.types) == (4, OWN)
    assert {one.change for one in own.events} == {"unchanged"}
    providers = {one.provider: one for one in result.providers}
    assert sorted(providers) == sorted([FED, HOLIDAYS, *ENRICHMENT])
    assert len(result.providers) == len(providers)
    assert {one.status for one in providers.values()} == {"success"}
    counts = {name: (one.fetched, one.unchanged) for name, one in providers.items()}
    assert {name: both for name, both in counts.items() if any(both)} == {
        HOLIDAYS: (4, 4),
        "macro-calendar": (4, 4),
    }
    (told,) = [text for text in seen.passing if "nothing fetched" in text]
    assert told.startswith(
        f"{FED} (FOMC) is logged as a success with nothing fetched, although the Federal Reserve "
        "always lists its next meetings."
    )


def test_the_audit_finds_nothing_wrong_with_them(found: Look, home: Home) -> None:
    mark = RunContext("maintenance_20261128_132000", "run", utc_now())
    proposal = write_look(home, found, mark, before_count=4)
    receipt = audit(home, proposal.proposal_id, mark)
    odd = [(one.name, one.message) for one in receipt.checks if one.outcome != "passed"]
    assert [name for name, _ in odd] == ["fomc_meetings_are_complete"]
    raw = home.proposal(proposal.proposal_id) / "raw"
    assert json.loads((raw / "upcoming.json").read_bytes()) == recorded("upcoming")
    assert json.loads((raw / "sync_log.json").read_bytes()) == recorded("sync_log")


def test_over_http_they_are_the_same(robot: StandInRobot, told: RobotSettings, found: Look) -> None:
    robot.override["/api/market-events/upcoming"] = lambda: recorded("upcoming")
    robot.override["/api/market-events/sync-log"] = lambda: recorded("sync_log")
    seen = service.look(RobotClient(told), found.window)
    assert (seen.events, seen.log.logs) == (found.events, found.log.logs)
    assert len(seen.events) == seen.upcoming.sent["count"] == 8


def test_they_are_what_comes(found: Look) -> None:
    listed = upcoming(events_of(found), RECORDED_AT, days=RECORDED_DAYS)
    assert [(one.event.title, one.days_away, str(one.event.event_time)) for one in listed] == [
        ("NYSE/Nasdaq Early Close: Christmas Eve Early Close", 26, "13:00:00"),
        ("NYSE/Nasdaq Closed: Christmas Day", 27, "None"),
        ("NYSE/Nasdaq Closed: New Year's Day", 34, "None"),
        ("NYSE/Nasdaq Closed: Martin Luther King Jr. Day", 51, "None"),
    ]
    kept = contents_of(found, RECORDED_AT, 3)
    doubts = kept.doubts
    assert ["nothing fetched" in text for text in doubts] == [True]
    synced = last_sync(kept.newest, doubts)
    assert synced is not None
    assert synced["finished_at"] == "2026-11-28T13:19:38.501Z"
    assert sorted(str(one["provider"]) for one in synced["providers"]) == sorted(
        [FED, HOLIDAYS, *ENRICHMENT]
    )


def form_of(value: object) -> object:
    """Return the form of a value: of a text that is a date which kind, of a table its keys."""
    if isinstance(value, dict):
        return {key: form_of(one) for key, one in value.items()}
    if isinstance(value, list):
        return [form_of(one) for one in value]
    if isinstance(value, str):
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            return "text"
        return "date" if len(value) < 19 else f"instant {at.tzinfo}"
    return "nothing" if value is None else type(value).__name__


def merged_forms(rows: list[dict[str, Any]], *skipped: str) -> dict[str, set[str]]:
    """Return the forms that each key has in some row."""
    forms: dict[str, set[str]] = {}
    for row in rows:
        for key, one in row.items():
            kind = form_of(one) if key not in skipped else "skipped"
            forms.setdefault(key, set()).add(kind if isinstance(kind, str) else "table")
    return forms


def answers_of(robot: StandInRobot) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the stand-in's answers after a refresh, as they come over HTTP."""
    client = RobotClient(
        RobotSettings.model_validate({"url": robot.url, "password": robot.password})
    )
    client.refresh(RECORDED_DAYS)
    for _ in range(200):
        log = client.sync_log()
        if log.last_sync_summary:
            break
    return client.upcoming(RECORDED_DAYS).sent, log.sent


def test_the_stand_in_answers_as_the_recorded_robot(robot: StandInRobot) -> None:
    """A stand-in that is kinder than the real one hides what breaks on it."""
    real, real_log = recorded("upcoming"), recorded("sync_log")
    ours, our_log = answers_of(robot)
    for real_part, our_part, rows in ((real, ours, "events"), (real_log, our_log, "logs")):
        assert set(our_part) == set(real_part)
        expected, got = merged_forms(real_part[rows]), merged_forms(our_part[rows])
        assert set(got) == set(expected)
        assert {k: got[k] for k in got if not got[k] <= expected[k]} == {}
    real_summary, our_summary = real_log["last_sync_summary"], our_log["last_sync_summary"]
    assert set(our_summary) == set(real_summary)
    assert merged_forms(our_summary["provider_results"]) == merged_forms(
        real_summary["provider_results"]
    )
    assert ours["filters"] == real["filters"]
    told = {(one["provider"], one["event_type"]) for one in our_log["logs"]}
    assert told == {(one["provider"], one["event_type"]) for one in real_log["logs"]}
