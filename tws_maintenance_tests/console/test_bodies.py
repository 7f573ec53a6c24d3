"""What the API takes: strict types, no unknown field, nothing twice, nothing that is not JSON."""

from typing import Any

import pytest

from tws_maintenance.console.api import bodies
from tws_maintenance.runs.request import RunSpec
from tws_maintenance_tests.console.support import API, STI, Console, error_of
from tws_maintenance_tests.defaults import MAINTAINED

REFUSED: dict[str, list[Any]] = {
    f"{API}/run": [
        {"tasks": []},
        {"tasks": None},
        {"tasks": "all"},
        {"tasks": ["everything"]},
        {"tasks": ["all", 1]},
        {"tasks": [["all"]]},
        {"tasks": {"0": "all"}},
        {"tasks": [""]},
        {"dry_run": "false"},
        {"dry_run": 0},
        {"dry_run": None},
        {"dry_run": []},
        {"allow_large_change": "true"},
        {"allow_large_change": 1},
        {"reason": None},
        {"reason": 5},
        {"reason": "two\nlines"},
        {"reason": "line\n"},
        {"reason": "bell\x07"},
        {"reason": "\u2028"},
        {"reason": "x" * 501},
        {"wait": "5"},
        {"wait": True},
        {"wait": None},
        {"wait": -1},
        {"wait": 121},
        {"wait": 10**400},
        {"days": "28"},
        {"days": 28.5},
        {"days": 0},
        {"days": 366},
        {"days": 10**30},
        {"days": True},
        {"symbols": "AAPL"},
        {"symbols": [1]},
        {"symbols": ["not a symbol"]},
        {"symbols": ["aapl"]},
        {"symbols": ["AAPL\n"]},
        {"symbols": ["AAPL"] * 101},
        {"symbols": [], "tasks": [STI]},
        {"days": 28, "tasks": ["constituents"]},
        {"symbols": ["AAPL"], "days": 5, "tasks": ["metadata_validation"]},
        {"dryrun": True},
        {"dry_run": True, "": 1},
        {"report_id": "maintenance_20260101_000000"},
        [],
        "all",
        5,
        True,
    ],
    f"{API}/promote": [
        {},
        {"report_id": None},
        {"report_id": ""},
        {"report_id": "20260101_000000"},
        {"report_id": "maintenance_20260101_000000\n"},
        {"report_id": "../maintenance_20260101_000000"},
        {"report_id": "maintenance_20260101_000000", "tasks": []},
        {"report_id": "maintenance_20260101_000000", "tasks": ["all"]},
        {"report_id": "maintenance_20260101_000000", "tasks": ["market_events"]},
        {"report_id": "maintenance_20260101_000000", "allow_large_change": True},
    ],
    f"{API}/restore": [
        {},
        {"task": "constituents"},
        {"task": "market_events"},
        {"task": [STI]},
        {"task": STI, "backup": None},
        {"task": STI, "backup": ""},
        {"task": STI, "backup": "../20260101_000000"},
        {"task": STI, "backup": "20260101_000000/.."},
        {"task": STI, "backup": "newest\n"},
        {"task": STI, "dry_run": "true"},
    ],
    "/api/market-events/refresh": [{"dry_run": False}, {"tasks": ["all"]}, {"days": "5"}],
    "/api/watchlist": [{}, {"symbol": ["AAPL"]}, {"symbol": "?"}, {"symbol": "AAPL", "x": 1}],
}


@pytest.mark.parametrize("path", REFUSED)
def test_a_body_of_another_type_is_refused_and_nothing_is_started(
    console: Console, path: str
) -> None:
    before = console.instance.get_runs_count()
    for body in REFUSED[path]:
        answer = console.post(path, body)
        assert error_of(answer) == (400, "invalid_body"), body
        assert answer.json is not None
        fields = answer.json["error"]["detail"]["fields"]
        assert all(one["field"] and one["message"] for one in fields), body
    assert console.instance.get_runs_count() == before
    assert not console.home.watchlist.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b" ",
        b"null",
        b"{",
        b"{'tasks': ['all']}",
        b'{"wait": NaN}',
        b'{"wait": Infinity}',
        b'{"wait": -Infinity}',
        b'{"wait": 1e999}',
        b'{"days": 1e999}',
        b'{"days": 00028}',
        b'{"dry_run": true, "dry_run": false}',
        b'{"tasks": ["sti_constituents"], "tasks": ["all"], "wait": 0}',
        b'{"reason": "\\ud800"}',
        b'{"reason": "\xff"}',
        '{"reason": "utf-16"}'.encode("utf-16"),
        b'\xef\xbb\xbf{"tasks": [',
        b"[" * 60_000,
        b'{"a":' * 10_000,
        b'{"tasks": ["all"]} trailing',
        b"tasks=all",
    ],
)
def test_what_is_no_plain_json_is_refused(console: Console, content: bytes) -> None:
    before = console.instance.get_runs_count()
    assert error_of(console.send(f"{API}/run", content)) == (400, "invalid_body")
    assert console.instance.get_runs_count() == before


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "x/y", "json"],
)
def test_what_does_not_say_that_it_is_json_is_refused(console: Console, kind: str) -> None:
    for path in (f"{API}/run", f"{API}/promote", f"{API}/restore", "/api/watchlist"):
        answer = console.send(path, b"{}", kind)
        assert error_of(answer) == (415, "unsupported_media_type")


def test_the_queries_are_strict_too(console: Console) -> None:
    for path in (
        f"{API}/status?x=1",
        f"{API}/badge?style=flat",
        f"{API}/caches?x",
        f"{API}/reports?limit=0",
        f"{API}/reports?limit=201",
        f"{API}/reports?limit=ten",
        f"{API}/reports?limit=1.0",
        f"{API}/reports?limit=1_0",
        f"{API}/reports?limit=+1",
        f"{API}/reports?limit=%201",
        f"{API}/reports?limit=%D9%A3",
        f"{API}/reports?limit={'1' * 5000}",
        f"{API}/reports?limit=5&limit=6",
        f"{API}/reports?offset=-1",
        f"{API}/reports?status=good",
        f"{API}/reports?status=",
        f"{API}/reports?task=all",
        f"{API}/reports/maintenance_20260101_000000?format=html",
        "/api/market-events/upcoming?days=0",
        "/api/market-events/upcoming?type=earnings",
        "/api/market-events/upcoming?symbol=%3F",
        "/api/market-events/sync-log?limit=x",
        "/metrics?x=1",
    ):
        assert error_of(console.get(path)) == (400, "invalid_query"), path


def test_a_symbol_that_no_market_knows_starts_nothing(console: Console) -> None:
    before = console.instance.get_runs_count()
    many = [f"A{n:03d}" for n in range(100)]
    console.home.data.mkdir(exist_ok=True)
    console.home.watchlist.write_text("symbol\n" + "".join(f"B{n:03d}\n" for n in range(150)))
    body = {"tasks": ["market_events"], "symbols": many}
    refused = console.post(f"{API}/run", body)
    console.home.watchlist.unlink()
    assert error_of(refused) == (400, "invalid_symbols")
    assert console.instance.get_runs_count() == before


def test_a_body_hands_all_that_it_says_to_its_run() -> None:
    """What it has in common with a run is passed on by name, so that no field is forgotten."""
    words: Any = {"allow_large_change": True, "reason": "the index was reformed"}
    fetched: Any = {"symbols": ["AAPL", "D05.SI"], "days": 7}
    read: Any = {"symbols": ("AAPL", "D05.SI"), "days": 7}
    run = bodies.RunBody.model_validate({"tasks": ["all"], "wait": 0.0, **words, **fetched})
    assert run.spec(MAINTAINED, "anna") == RunSpec(
        MAINTAINED.groups["all"], dry_run=True, actor="anna", **words, **read
    )
    promote = bodies.PromoteBody(report_id="maintenance_20261122_183000", reason="seen")
    assert promote.spec((STI,), "anna") == RunSpec(
        (STI,),
        dry_run=False,
        report_id="maintenance_20261122_183000",
        reason="seen",
        actor="anna",
    )
    restore = bodies.RestoreBody.model_validate({"task": STI, "dry_run": False, **words})
    assert restore.spec("20261122_183000", "anna") == RunSpec(
        (STI,), dry_run=False, backup="20261122_183000", actor="anna", **words
    )
    refresh = bodies.RefreshBody.model_validate(fetched)
    assert refresh.spec("anna") == RunSpec(("market_events",), dry_run=False, actor="anna", **read)
