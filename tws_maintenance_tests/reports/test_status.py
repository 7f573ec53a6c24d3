"""Is everything fresh? Told from the files, their stamps and the reports, without a network."""

import json
from datetime import timedelta
from typing import Any

import pytest

from tws_maintenance.audit.results import ValidationStatus
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES, MARKET_EVENTS
from tws_maintenance.config.settings import load_settings
from tws_maintenance.core.clock import utc_text
from tws_maintenance.demo.pages import companies
from tws_maintenance.reports.schema import Validation
from tws_maintenance.reports.status import HomeStatus, ListStatus, status
from tws_maintenance_tests.constituents.bench import promoted, ready
from tws_maintenance_tests.reports.shelf import AT, filed, result
from tws_maintenance_tests.support import write_live

TASKS = [index.task for index in INDICES.values()]
FETCH = "python -m tws_maintenance run --task sti_constituents --apply"
PASSED = {"status": "passed", "warnings": [], "errors": []}
SOUND = Validation(status=ValidationStatus.PASSED)


def refreshed(home: Home, **changed: Any) -> None:
    """Leave a home as a successful apply of the three lists does."""
    for index in INDICES.values():
        write_live(home, index, companies(index.key))
    every = [*TASKS, MARKET_EVENTS]
    results = [result(task, validation=PASSED, source="page") | changed for task in every]
    filed(home, *results)


def asked(home: Home, days: float = 1) -> HomeStatus:
    return status(home, load_settings(home), AT + timedelta(days=days))


def of(value: HomeStatus, task: str = "sti_constituents") -> ListStatus:
    return next(one for one in value.constituents if one.task == task)


def test_after_an_apply_everything_is_fresh(home: Home) -> None:
    refreshed(home)
    value = asked(home)
    assert not value.needs_attention
    assert [one.task for one in value.constituents] == TASKS
    assert [one.name for one in value.constituents] == ["S&P 500", "STI", "HSI"]
    assert [one.row_count for one in value.constituents] == [503, 30, 85]
    sti = of(value)
    assert sti.last_refreshed_at == "2026-11-22T18:30:00.000Z"
    assert (sti.file, sti.source) == ("data/sti_constituents.csv", "page")
    assert (sti.validation, sti.run_id) == (SOUND, "run-1")
    assert (sti.stale, sti.drift, sti.file_audit) == (False, None, SOUND)
    assert value.to_dict()["latest_report"] == {
        "report_id": "maintenance_20261122_183000",
        "finished_at": "2026-11-22T18:30:00.000Z",
        "status": "completed",
        "warnings": [],
        "errors": [],
        "run_id": "run-1",
    }


def test_an_apply_that_changed_nothing_refreshed_the_list_too(home: Home) -> None:
    refreshed(home, changed=False)
    assert not asked(home).needs_attention


def test_a_home_that_was_never_used_needs_attention(home: Home) -> None:
    value = asked(home)
    assert value.needs_attention
    assert value.latest_report is None
    sti = of(value)
    assert (sti.last_refreshed_at, sti.stale, sti.row_count) == (None, True, None)
    assert sti.file_audit == Validation(
        status=ValidationStatus.FAILED,
        errors=[f"{sti.file} does not exist. Fetch it: {FETCH}"],
    )
    assert sti.validation == Validation()


@pytest.mark.parametrize(("days", "stale"), [(3.0, False), (3.001, True)])
def test_a_list_is_stale_after_three_days(home: Home, days: float, *, stale: bool) -> None:
    refreshed(home)
    value = asked(home, days)
    assert of(value).stale is stale
    assert value.needs_attention is stale


def test_a_dry_run_refreshes_nothing(home: Home) -> None:
    refreshed(home, dry_run=True)
    assert of(asked(home)).stale


def test_a_list_that_failed_last_time_needs_attention_although_it_is_fresh(home: Home) -> None:
    refreshed(home)
    failed = result(status="failed", errors=["gone"], validation=PASSED)
    filed(home, failed, at=AT + timedelta(hours=1), status="failed")
    value = asked(home)
    assert value.needs_attention
    assert of(value).validation.status == "failed"
    assert of(value).last_refreshed_at == "2026-11-22T18:30:00.000Z"
    assert of(value, "hsi_constituents").validation.status == "passed"


def test_a_run_that_skipped_a_list_says_nothing_about_it(home: Home) -> None:
    refreshed(home)
    filed(home, result(status="skipped"), at=AT + timedelta(hours=1), status="failed")
    assert not asked(home).needs_attention


def test_a_list_that_somebody_edited_is_told(home: Home) -> None:
    sti = INDICES["sti"]
    promoted(home, ready(home, sti, companies("sti")))
    assert not of(asked(home)).drift
    write_live(home, sti, companies("sti")[1:])
    assert of(asked(home)).drift


def test_a_list_that_cannot_be_read_needs_attention_and_is_told(home: Home) -> None:
    refreshed(home)
    home.live_file("sti").write_bytes(b"\xff")
    value = asked(home)
    assert value.needs_attention
    assert of(value).row_count is None
    audit = of(value).file_audit
    assert audit
    assert (audit.status, audit.warnings) == ("failed", [])
    (message,) = audit.errors
    assert message.startswith("data/sti_constituents.csv is not UTF-8 (at byte 0), so nothing")
    assert "python -m tws_maintenance restore sti_constituents. Or move" in message


def test_a_list_that_was_cut_off_needs_attention_although_it_is_fresh(home: Home) -> None:
    refreshed(home)
    path = home.live_file("sti")
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:4]))
    value = asked(home)
    assert value.needs_attention
    sti = of(value)
    assert (sti.stale, sti.row_count, sti.validation) == (False, 3, SOUND)
    assert sti.file_audit
    assert sti.file_audit.status == "failed"
    (message,) = sti.file_audit.errors
    assert "3 rows" in message
    assert of(value, "hsi_constituents").file_audit == SOUND


def test_an_operators_own_column_is_no_drift_and_needs_nobody(home: Home) -> None:
    refreshed(home)
    sti = INDICES["sti"]
    promoted(home, ready(home, sti, companies("sti")))
    path = home.live_file("sti")
    header, *lines = path.read_text().splitlines()
    path.write_text("".join([f"{header},note\n", *(f"{line},mine\n" for line in lines)]))
    value = asked(home)
    assert (of(value).drift, of(value).file_audit) == (None, SOUND)
    assert not value.needs_attention


def test_a_restored_list_is_no_fresher_than_it_was(home: Home) -> None:
    refreshed(home)
    later = AT + timedelta(days=4)
    source = "data/backups/constituents/20261122_183000/sti_constituents.csv"
    filed(home, result(source=source, validation=PASSED, finished_at=utc_text(later)), at=later)
    value = asked(home, 4)
    sti = of(value)
    assert (sti.last_refreshed_at, sti.source) == ("2026-11-22T18:30:00.000Z", "page")
    assert sti.stale
    assert value.needs_attention


def test_a_refusal_says_nothing_of_the_list(home: Home) -> None:
    refreshed(home)
    refused = result(status="failed", refusal="stale", errors=["not the file"])
    filed(home, refused, at=AT + timedelta(hours=1), status="failed")
    value = asked(home)
    assert of(value).validation == SOUND
    assert not value.needs_attention


@pytest.mark.parametrize(
    "older",
    [
        {"status": "ok"},
        {"results": {"sti_constituents": {"status": "success"}}},
        {"results": ["sti_constituents"]},
        {"results": 3},
        {
            "results": [
                {
                    "task": "sti_constituents",
                    "status": "success",
                    "dry_run": False,
                    "finished_at": "2026-11-22 18:30:00",
                    "validation": "ok",
                }
            ]
        },
    ],
)
@pytest.mark.parametrize("name", ["maintenance_x", "maintenance_20261122_183000"])
def test_reports_of_an_older_form_and_damaged_ones_do_not_hide_the_status(
    home: Home, older: dict[str, Any], name: str
) -> None:
    home.reports.mkdir(parents=True)
    (home.reports / f"{name}.json").write_text(json.dumps(older))
    (home.reports / "20261122_190000.json").write_text("{")
    value = asked(home)
    assert of(value).last_refreshed_at is None
    assert value.needs_attention


def test_events_are_told_with_the_counts_of_the_last_sync(home: Home) -> None:
    refreshed(home)
    counts = {"fetched": 5, "new": 2, "changed": 1, "stale": 3, "errors": 0, "unchanged": 2}
    yahoo = {"provider": "yahoo", "status": "success", "error_message": None, **counts}
    filed(home, result(MARKET_EVENTS, validation=PASSED, providers=[yahoo, yahoo]))
    events = asked(home).market_events
    assert {key: getattr(events, key) for key in ("fetched", "upserted", "stale", "errors")} == {
        "fetched": 10,
        "upserted": 6,
        "stale": 6,
        "errors": 0,
    }
    assert (events.needs_refresh, [one.provider for one in events.providers]) == (
        False,
        ["yahoo", "yahoo"],
    )


def test_a_sync_that_failed_in_part_needs_attention_and_is_no_refresh(home: Home) -> None:
    filed(home, result(MARKET_EVENTS, status="partial_failure", validation=PASSED))
    for index in INDICES.values():
        write_live(home, index, companies(index.key))
    filed(home, *(result(task, validation=PASSED, source="page") for task in TASKS))
    value = asked(home)
    assert value.market_events.last_refreshed_at is None
    assert value.market_events.needs_refresh
    assert value.needs_attention


def test_events_are_stale_after_three_days(home: Home) -> None:
    refreshed(home)
    assert not asked(home, 3).market_events.needs_refresh
    late = asked(home, 3.1)
    assert late.market_events.needs_refresh
    assert late.needs_attention


def announcing(home: Home, days: float, *ahead: tuple[str, str], known: bool = True) -> None:
    """Leave a report of the S&P 500 `days` after the first, that read what is `ahead` or not."""
    rows = [
        {"effective_date": day, "action": "add", "symbol": symbol, "status": "upcoming"}
        for symbol, day in ahead
    ]
    key = {"announcements_known": True} if known else {}
    at = AT + timedelta(days=days)
    told = result("sp500_constituents", announced=rows, finished_at=utc_text(at), **key)
    filed(home, told, at=at)


def test_what_is_announced_comes_from_the_newest_run_that_could_read_it(home: Home) -> None:
    def ahead(days: float) -> list[tuple[str, str | None]] | None:
        found = of(asked(home, days), "sp500_constituents").announced
        return None if found is None else [(one.symbol, one.effective_date) for one in found]

    announcing(home, 0, ("OLDER", "2026-11-30"))
    announcing(home, 1, ("ONE", "2026-11-25"), ("TWO", "2026-12-01"))
    announcing(home, 2, known=False)
    assert ahead(2) == [("ONE", "2026-11-25"), ("TWO", "2026-12-01")]
    # 18:30 in UTC on the 25th is that day in New York, too: it is no longer ahead.
    assert ahead(3) == [("TWO", "2026-12-01")]
    assert ahead(2 + 9.4 / 24) == [("ONE", "2026-11-25"), ("TWO", "2026-12-01")], "24th, 22:54"
    assert ahead(40) is None, "nobody has asked for a month"
    announcing(home, 3)
    assert ahead(3) == []
    assert of(asked(home, 3)).announced is None, "of the STI nothing is published"
