"""Asking Yahoo through yfinance: seven outcomes told apart, and no more requests than needed."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from yfinance.data import SingletonMeta

from tws_maintenance.config.settings import EventSettings, HttpSettings
from tws_maintenance.core.clock import utc_now
from tws_maintenance.demo.events import calendar_events
from tws_maintenance.demo.server import QUOTE_PATH, PageServer
from tws_maintenance.market_events.model import Answer, EventType
from tws_maintenance.market_events.providers.yahoo_client import YahooClient
from tws_maintenance_tests.sources.faulty_server import (
    Asked,
    Endless,
    FaultyServer,
    Reply,
    hang_up,
    silence,
)

SOON = date(2026, 12, 1)


@pytest.fixture(autouse=True)
def _new_process() -> Iterator[None]:
    """Forget yfinance's one object a process, with its cookie and its crumb."""
    SingletonMeta._instances.clear()
    yield
    SingletonMeta._instances.clear()


@pytest.fixture
def yahoo() -> Iterator[PageServer]:
    with PageServer({}) as server:
        server.symbols = {
            symbol: (200, calendar_events([SOON], ex_dividend=SOON))
            for symbol in ("AAPL", "D05.SI", "0005.HK", *(f"S{n}" for n in range(60)))
        }
        yield server


class FaultyYahoo(FaultyServer):
    """Answers by script, by the symbol alone; gives its cookie and its crumb."""

    def __init__(self) -> None:
        super().__init__()
        self.script["/"] = [Reply(headers={"Set-Cookie": "A3=x; Path=/"})]
        self.script["/v1/test/getcrumb"] = [Reply(b"crumb")]

    def _answer_of(self, asked: Asked) -> Any:
        path = asked.path.partition("?")[0]
        return super()._answer_of(replace(asked, path=path.removeprefix(QUOTE_PATH)))


def ask(origin: str, *symbols: str, seconds: float = 20, **options: Any) -> Answer:
    http = HttpSettings(
        yahoo_url=origin,
        backoff=0,
        connect_timeout=0.3,
        read_timeout=options.pop("read_timeout", 5),
        attempts=2,
    )
    settings = EventSettings(**options)
    return YahooClient(http, settings, until=time.monotonic() + seconds).ask(symbols)


def outcomes(answer: Answer) -> dict[str, str]:
    return {symbol: outcome.value for symbol, (outcome, _) in answer.symbols.items()}


def quotes(server: PageServer) -> list[str]:
    return [path for path in server.asked if path.startswith(QUOTE_PATH)]


def test_one_request_a_symbol_and_two_for_the_cookie_and_the_crumb(yahoo: PageServer) -> None:
    symbols = [f"S{n}" for n in range(50)]
    answer = ask(yahoo.origin, *symbols)
    assert outcomes(answer) == dict.fromkeys(symbols, "ok")
    assert len(answer.events) == 100
    assert sorted(quotes(yahoo)) == sorted(f"{QUOTE_PATH}{symbol}" for symbol in symbols)
    assert len(yahoo.asked) == 52
    assert (answer.errors, answer.warnings) == ((), ())
    assert answer.covers == dict.fromkeys(symbols, date.max)
    assert set(json.loads(answer.raw["yahoo.json"])) == set(symbols)


def test_symbols_of_three_markets_keep_their_zones(yahoo: PageServer) -> None:
    answer = ask(yahoo.origin, "AAPL", "D05.SI", "0005.HK")
    assert {(e.symbol, e.market_timezone) for e in answer.events} == {
        ("AAPL", "America/New_York"),
        ("D05.SI", "Asia/Singapore"),
        ("0005.HK", "Asia/Hong_Kong"),
    }


def test_no_event_and_an_unknown_symbol_are_answers_of_two_kinds(yahoo: PageServer) -> None:
    yahoo.symbols["AAPL"] = (200, calendar_events())
    answer = ask(yahoo.origin, "AAPL", "NOSUCH", "S1")
    assert outcomes(answer) == {"AAPL": "no_event", "NOSUCH": "unknown_symbol", "S1": "ok"}
    assert set(answer.covers) == {"AAPL", "S1"}, "an unknown symbol may not make events stale"
    assert answer.errors == ()
    assert "NOSUCH" in answer.warnings[0]
    assert len(yahoo.asked) == 5, "the 404 is not asked again"


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (403, b"Forbidden", "refused"),
        (404, b"<html>not found</html>", "refused"),
        (401, b"{}", "refused"),
        (418, b"", "refused"),
        (500, b"oops", "unreachable"),
        (503, b"", "unreachable"),
        (200, b"", "bad_payload"),
        (200, b"<html>hello</html>", "bad_payload"),
        (200, bytes(range(256)), "bad_payload"),
        (200, b'{"quoteSummary": {"result": [{}]}}', "bad_payload"),
        (200, b"[" * 100_000, "bad_payload"),
        (200, b'{"finance": {"error": "Invalid Crumb"}}', "bad_payload"),
    ],
)
def test_a_failure_is_never_no_event_and_stays_with_its_symbol(
    yahoo: PageServer, status: int, body: bytes, outcome: str
) -> None:
    yahoo.symbols["AAPL"] = (status, body)
    answer = ask(yahoo.origin, "S1", "AAPL", "S2", threads=1)
    assert outcomes(answer) == {"S1": "ok", "AAPL": outcome, "S2": "ok"}
    assert set(answer.covers) == {"S1", "S2"}
    assert "AAPL" in answer.errors[0]


def test_a_rate_limit_stops_the_batch_and_names_those_not_asked(yahoo: PageServer) -> None:
    yahoo.symbols["AAPL"] = (429, b"Too Many Requests")
    answer = ask(yahoo.origin, "S1", "AAPL", "S2", "S3", threads=1)
    assert outcomes(answer) == {
        "S1": "ok",
        "AAPL": "rate_limited",
        "S2": "not_asked",
        "S3": "not_asked",
    }
    assert quotes(yahoo) == [f"{QUOTE_PATH}S1", f"{QUOTE_PATH}AAPL"]
    assert any("S2, S3" in text for text in answer.errors)
    assert set(answer.covers) == {"S1"}


@pytest.mark.parametrize(
    ("crumb", "outcome"),
    [
        ((429, b"Too Many Requests\r\n"), "rate_limited"),
        ((200, b"Too Many Requests\r\n"), "rate_limited"),
        ((200, b"<html><body>Sorry</body></html>"), "bad_payload"),
        ((200, b"the service is unavailable"), "bad_payload"),
        ((200, b""), "bad_payload"),
        ((403, b"no"), "refused"),
        ((500, b"no"), "unreachable"),
    ],
)
def test_an_error_text_is_no_crumb_and_nothing_is_asked_with_it(
    yahoo: PageServer, crumb: tuple[int, bytes], outcome: str
) -> None:
    yahoo.crumb = crumb
    answer = ask(yahoo.origin, "S1", "S2", "S3", threads=1)
    assert answer.symbols["S1"][0].value == outcome
    assert {one.value for one, _ in answer.symbols.values()} <= {outcome, "not_asked"}
    assert (quotes(yahoo), answer.covers, answer.events) == ([], {}, ())
    assert len(yahoo.asked) <= 8


@pytest.mark.services
def test_a_source_that_is_gone_is_given_up_after_six_symbols() -> None:
    with FaultyYahoo() as server:
        symbols = [f"S{n}" for n in range(20)]
        for symbol in symbols:
            server.script[symbol] = [hang_up]
        answer = ask(server.origin, *symbols, threads=1)
    told = list(outcomes(answer).values())
    assert told == ["unreachable"] * 6 + ["not_asked"] * 14


@pytest.mark.services
@pytest.mark.parametrize("fault", ["hang_up", "silence", "huge", "elsewhere", "http"])
def test_a_fault_of_the_connection_ends_in_time_and_reads_no_more_than_it_must(
    fault: str,
) -> None:

    hung_up = threading.Event()
    scripts: dict[str, Any] = {
        "hang_up": hang_up,
        "silence": silence,
        "huge": Endless(hung_up),
        "elsewhere": Reply(status=302, headers={"Location": "https://evil.example/x"}),
        "http": Reply(status=302, headers={"Location": "http://evil.example/x"}),
    }
    expected = {"hang_up": "unreachable", "silence": "unreachable"}
    with FaultyYahoo() as server:
        server.script["S1"] = [scripts[fault]]
        server.script["S2"] = [Reply(calendar_events([SOON]))]
        answer = ask(server.origin, "S1", "S2", read_timeout=0.5, seconds=4)
        if fault == "huge":
            assert hung_up.wait(5)
    assert outcomes(answer) == {"S1": expected.get(fault, "refused"), "S2": "ok"}
    if fault in {"elsewhere", "http"}:
        assert "evil.example" in answer.symbols["S1"][1]


@pytest.mark.services
def test_a_passing_fault_is_asked_again() -> None:
    with FaultyYahoo() as server:
        good = Reply(calendar_events([SOON]))
        server.script["S1"] = [Reply(status=500), good]
        assert outcomes(ask(server.origin, "S1")) == {"S1": "ok"}


@pytest.mark.services
def test_an_expired_crumb_is_renewed_once() -> None:
    with FaultyYahoo() as server:
        good = Reply(calendar_events([SOON]))
        server.script["S1"] = [Reply(b"{}", status=401), good]
        assert outcomes(ask(server.origin, "S1")) == {"S1": "ok"}


def test_a_budget_of_requests_and_of_seconds_is_kept(yahoo: PageServer) -> None:
    answer = ask(yahoo.origin, "S1", "S2", "S3", "S4", threads=1, max_requests=4)
    assert list(outcomes(answer).values()) == ["ok", "ok", "not_asked", "not_asked"]
    assert len(yahoo.asked) == 4
    SingletonMeta._instances.clear()
    late = ask(yahoo.origin, "S1", "S2", seconds=-1)
    assert set(outcomes(late).values()) == {"not_asked"}


def test_nothing_is_written_to_a_cache(yahoo: PageServer, tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert outcomes(ask(yahoo.origin, "S1")) == {"S1": "ok"}
    assert list(tmp_path.iterdir()) == []


def test_the_dates_are_those_told(yahoo: PageServer) -> None:
    soon = utc_now().date() + timedelta(days=7)
    yahoo.symbols["AAPL"] = (200, calendar_events([soon], ex_dividend=soon))
    answer = ask(yahoo.origin, "AAPL")
    assert [(e.event_type.value, e.event_date) for e in answer.events] == [
        ("EARNINGS", soon),
        ("DIVIDEND", soon),
    ]


def test_a_fund_without_a_node_of_earnings_is_named_and_has_answered(yahoo: PageServer) -> None:
    yahoo.symbols["SPY"] = (200, calendar_events(None, ex_dividend=SOON))
    answer = ask(yahoo.origin, "SPY", "AAPL")
    assert outcomes(answer) == {"SPY": "ok", "AAPL": "ok"}
    assert answer.silent == {"SPY": (EventType.EARNINGS,)}
    assert answer.warnings == ("Yahoo's answer has no earnings for SPY, as for a fund",)
    assert Answer.from_dict(json.loads(json.dumps(answer.to_dict()))) == answer
