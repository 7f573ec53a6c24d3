"""Market events on the recorded web: stored, unchanged, and kept when everything fails."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance_tests.pipeline.support import quiet_environment
from tws_maintenance_tests.support import Program, RecordedWeb, reports_of

SYMBOLS = ("AAPL", "D05.SI", "0005.HK")
CHOSEN = [word for symbol in SYMBOLS for word in ("--symbol", symbol)]
RUN = ("run", "--task", "market_events", *CHOSEN)
Done = subprocess.CompletedProcess[str]


@dataclass
class Journey:
    """What each command printed, the reports, what was stored and what the look asked for."""

    done: dict[str, Done]
    results: dict[str, dict[str, Any]]
    stored: dict[str, list[tuple[str, str]]]
    asked: list[dict[str, Any]]


@pytest.fixture(scope="module")
def journey(tmp_path_factory: pytest.TempPathFactory) -> Journey:
    folder = tmp_path_factory.mktemp("recorded_events")
    home = Home(folder / "home")
    home.root.mkdir()
    log = folder / "requests.jsonl"
    everything_fails = ("--fault", "*yahoo.com*=429", "--fault", "*federalreserve.gov*=500")
    done: dict[str, Done] = {}
    stored: dict[str, list[tuple[str, str]]] = {}

    def step(name: str, program: Program, *options: str) -> None:
        done[name] = program(*RUN, *options)
        stored[name] = _stored(home)

    with quiet_environment(), RecordedWeb(home) as recorded:
        program = recorded.program("--log", str(log), TWS_MAINTENANCE_HTTP__BACKOFF="0")
        step("looked", program)
        asked = _rows_of(log)
        step("applied", program, "--apply")
        step("again", program, "--apply")
        program = recorded.program(*everything_fails, TWS_MAINTENANCE_HTTP__BACKOFF="0")
        step("faulty", program, "--apply")
    results = [report["results"][0] for report in reports_of(home)]
    return Journey(done, dict(zip(done, results, strict=True)), stored, asked)


def _stored(home: Home) -> list[tuple[str, str]]:
    import sqlite3

    if not home.market_events.exists():
        return []
    connection = sqlite3.connect(home.market_events)
    try:
        return sorted(connection.execute("SELECT event_id, status FROM market_events").fetchall())
    finally:
        connection.close()


def _rows_of(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines()]


def test_the_look_finds_events_of_every_provider_and_stores_none(journey: Journey) -> None:
    assert journey.done["looked"].returncode == 0, journey.done["looked"].stderr
    result = journey.results["looked"]
    assert [one["status"] for one in result["providers"]] == ["success"] * 3
    assert {one["symbol"] for one in result["diff"]["new"]} >= set(SYMBOLS)
    assert journey.stored["looked"] == []


def test_a_symbol_is_one_request_and_the_fed_is_another(journey: Journey) -> None:
    paths = [one["path"] for one in journey.asked]
    for symbol in SYMBOLS:
        assert [path.rsplit("/", 1)[-1] for path in paths].count(symbol) == 1
    assert len(paths) == len(SYMBOLS) + 3


def test_the_apply_stores_them_and_the_next_changes_nothing(journey: Journey) -> None:
    assert journey.done["applied"].returncode == 0, journey.done["applied"].stderr
    new = len(journey.results["applied"]["diff"]["new"])
    assert len(journey.stored["applied"]) == new > 0
    assert journey.stored["again"] == journey.stored["applied"]
    again = journey.results["again"]["diff"]
    assert {kind: len(found) for kind, found in again.items()} == {
        "new": 0,
        "changed": 0,
        "stale": 0,
        "unchanged": new,
    }


def test_when_yahoo_and_the_fed_fail_nothing_is_lost_and_both_are_named(journey: Journey) -> None:
    assert journey.done["faulty"].returncode == 3
    assert journey.stored["faulty"] == journey.stored["applied"]
    result = journey.results["faulty"]
    assert result["status"] == "partial_failure"
    assert {one["provider"]: one["status"] for one in result["providers"]} == {
        "yahoo": "failed",
        "federal_reserve": "failed",
        "exchange_calendars": "success",
    }
    outcomes = {one["outcome"] for one in result["symbols"].values()}
    assert outcomes <= {"rate_limited", "not_asked"}
    assert "Failed: Yahoo Finance, Federal Reserve." in journey.done["faulty"].stdout
