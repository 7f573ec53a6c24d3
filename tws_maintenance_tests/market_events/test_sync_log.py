"""Why a list of events may not be all that comes: every reason is told, and none without cause."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tws_maintenance.market_events.model import PROVIDERS, EventType, MoveJson, SyncLog
from tws_maintenance.market_events.sync_log import doubts, last_sync, moved_lately, newest_logs

AT = datetime(2026, 11, 22, 18, 30, tzinfo=UTC)
ASKED = {"AAPL": "ok", "MSFT": "no_event"}


def log(
    provider: str,
    status: str = "success",
    *,
    age: timedelta = timedelta(hours=1),
    days: int = 28,
    symbols: dict[str, str] | None = None,
) -> SyncLog:
    at = AT - age
    asked = ASKED if symbols is None and provider == "yahoo" else symbols or {}
    end = at + timedelta(days=days)
    return SyncLog(provider, "", at, at, at, end, status, detail={"symbols": asked})


def sync(status: str = "success", age: timedelta = timedelta(hours=1)) -> list[SyncLog]:
    return [log(name, status, age=age) for name in PROVIDERS]


def told(
    logs: list[SyncLog],
    days: int = 28,
    event_type: EventType | None = None,
    symbol: str | None = None,
) -> list[str]:
    return doubts(logs, AT, days=days, max_age_days=3.0, event_type=event_type, symbol=symbol)


def test_a_fresh_complete_sync_leaves_no_doubt() -> None:
    assert told(sync()) == []
    assert told(sync(age=timedelta(days=3))) == []
    assert told(sync(), symbol="AAPL") == []


def test_what_could_not_be_asked_about_is_told_after_the_run_too() -> None:
    yahoo, *others = sync()
    detail = yahoo.detail | {"unasked": ["Not fetched, from positions: 'ES' is no symbol"]}
    assert told([replace(yahoo, detail=detail), *others]) == detail["unasked"]


def test_listed_symbols_that_are_not_asked_about_any_more_are_named() -> None:
    (found,) = doubts(sync(), AT, days=28, max_age_days=3.0, listed=["AAPL", "TSLA", "NVDA"])
    assert found.startswith("Not part of the last sync: NVDA, TSLA. Their earnings and ")


def test_without_a_sync_nothing_is_known() -> None:
    assert told([]) == ["No sync has run yet: upcoming events are unknown."]
    assert last_sync([], []) is None


def test_a_failed_provider_is_told_with_its_last_complete_answer() -> None:
    old = log("yahoo", age=timedelta(days=1))
    logs = [log("yahoo", "failed"), *sync()[1:], log("yahoo", "failed"), old]
    expected = (
        "Yahoo Finance failed at the last sync: the earnings and dividends shown may be outdated "
        "(last complete answer: 2026-11-21T18:30:00.000Z)."
    )
    assert told(logs) == [expected]
    assert told([one for one in logs if one is not old]) == [
        expected.replace("2026-11-21T18:30:00.000Z", "none")
    ]
    assert told([*sync(), *logs]) == []


def test_only_what_concerns_the_list_is_told() -> None:
    logs = sync("failed")
    assert [text.split(" failed")[0] for text in told(logs)] == [
        "Yahoo Finance",
        "Federal Reserve",
        "Exchange calendars",
    ]
    (fomc,) = told(logs, event_type=EventType.FOMC)
    expected = "Federal Reserve failed at the last sync: the FOMC decisions shown"
    assert fomc.startswith(expected)
    (dividends,) = told(logs, event_type=EventType.DIVIDEND)
    assert dividends.startswith("Yahoo Finance failed at the last sync: the dividends shown")
    (symbol,) = told(logs, symbol="AAPL")
    assert symbol.startswith("Yahoo Finance failed")


@pytest.mark.parametrize(
    ("age", "expected"),
    [(timedelta(days=3, seconds=1), "3 days"), (timedelta(days=10, hours=12), "10.5 days")],
)
def test_an_old_sync_is_told_with_the_setting(age: timedelta, expected: str) -> None:
    assert told(sync(age=age), days=7) == [
        (
            f"The last sync was {expected} ago, and [events] max_age_days is 3: the events shown "
            "may be outdated."
        )
    ]


def test_one_provider_that_was_long_not_stored_is_named() -> None:
    logs = [log("yahoo"), log("exchange_calendars"), log("federal_reserve", age=timedelta(days=5))]
    assert told(logs, days=14) == [
        "Federal Reserve was last synced 5 days ago, and [events] max_age_days is 3."
    ]


def test_a_provider_without_a_log_is_told() -> None:
    assert told([log("yahoo"), log("exchange_calendars")]) == [
        "Federal Reserve was never asked: FOMC decisions are unknown."
    ]


def test_symbols_that_were_not_answered_are_named() -> None:
    names = {f"S{number}": "not_asked" for number in range(10)}
    symbols = {"AAPL": "ok", "MSFT": "rate_limited", "ZZZ": "unknown_symbol"}
    logs = [log("yahoo", "partial_failure", symbols=symbols), *sync()[1:]]
    unknown = "Yahoo Finance does not know ZZZ: its earnings and dividends are unknown."
    silent = (
        "Yahoo Finance did not answer for MSFT at the last sync: its earnings and dividends "
        "may be outdated or missing."
    )
    assert told(logs) == [unknown, silent]
    assert told(logs, symbol="MSFT") == [silent]
    assert told(logs, symbol="ZZZ") == [unknown]
    assert told(logs, symbol="AAPL") == []

    logs[0] = log("yahoo", "partial_failure", symbols=names)
    (text,) = told(logs)
    assert "for S0, S1, S2, S3, S4, S5, S6, S7 and 2 more at the last sync" in text


def test_an_answer_in_part_for_another_reason_is_told() -> None:
    logs = [log("yahoo"), log("federal_reserve", "partial_failure"), log("exchange_calendars")]
    assert told(logs) == [
        (
            "Federal Reserve answered only partly at the last sync: the FOMC decisions shown may "
            "be outdated."
        )
    ]
    logs[0] = log("yahoo", "partial_failure", symbols={"ZZZ": "unknown_symbol"})
    assert [text.split(":")[0] for text in told(logs, event_type=EventType.EARNINGS)] == [
        "Yahoo Finance does not know ZZZ",
        "Yahoo Finance answered only partly at the last sync",
    ]


def test_a_symbol_that_was_not_asked_about_is_told() -> None:
    assert told(sync(), symbol="NVDA") == [
        (
            "NVDA was not part of the last sync: its earnings and dividends are unknown. "
            "Use --symbol NVDA at the next sync, or add it to the watchlist."
        )
    ]


def test_a_sync_without_symbols_is_told() -> None:
    logs = [log("yahoo", "skipped", symbols={}), *sync()[1:]]
    assert told(logs) == [
        "Yahoo Finance was not asked at the last sync: no symbol was held or watched."
    ]


def test_a_list_that_looks_further_than_the_sync_says_so() -> None:
    fetched = [log(name, age=timedelta(days=2), days=28) for name in PROVIDERS]
    assert told(fetched, days=28) == []
    assert told(fetched, days=30) == [
        (
            "The last sync covered events up to 2026-12-18; later events may be missing. Use "
            "--days 30 at the next sync."
        )
    ]


def test_the_last_sync_is_told_by_provider() -> None:
    logs = [log("federal_reserve", "failed"), *sync(age=timedelta(days=1))]
    assert last_sync(list(newest_logs(logs).values()), ["a word"]) == {
        "finished_at": "2026-11-22T17:30:00.000Z",
        "providers": [
            {
                "provider": name,
                "status": status,
                "finished_at": finished,
                "window_end_at_utc": end,
                "error_message": None,
            }
            for name, status, finished, end in (
                ("yahoo", "success", "2026-11-21T18:30:00.000Z", "2026-12-19T18:30:00.000Z"),
                (
                    "federal_reserve",
                    "failed",
                    "2026-11-22T17:30:00.000Z",
                    "2026-12-20T17:30:00.000Z",
                ),
                (
                    "exchange_calendars",
                    "success",
                    "2026-11-21T18:30:00.000Z",
                    "2026-12-19T18:30:00.000Z",
                ),
            )
        ],
        "warnings": ["a word"],
    }


def moved(symbol: str, kind: EventType = EventType.EARNINGS) -> MoveJson:
    return {
        "kind": "moved",
        "event_type": kind.value,
        "symbol": symbol,
        "before": "2026-12-01",
        "after": "2026-12-02",
        "text": f"{symbol} {kind.value} moved",
    }


def test_what_became_of_near_events_is_told_for_two_days() -> None:
    logs = [
        replace(log("yahoo", age=age), detail={"moved": found})
        for age, found in (
            (timedelta(hours=1), [moved("AAPL")]),
            (timedelta(hours=2), [moved("MSFT"), moved("MSFT", EventType.DIVIDEND)]),
            (timedelta(days=2), [moved("AAPL")]),
            (timedelta(days=3), [moved("TSLA")]),
        )
    ]
    both = ["MSFT EARNINGS moved", "MSFT DIVIDEND moved"]
    assert moved_lately(logs, AT) == ["AAPL EARNINGS moved", *both]
    assert moved_lately(logs, AT, symbol="MSFT") == both
    assert moved_lately(logs, AT, event_type=EventType.DIVIDEND) == both[1:]
    assert moved_lately(sync(), AT) == []
