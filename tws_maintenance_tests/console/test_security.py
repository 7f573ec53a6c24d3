"""What keeps other sites, other names and large bodies out: tokens, headers, hosts, sizes."""

import re
import socket
from collections.abc import Iterator

import pytest
import requests
from flask import Flask
from itsdangerous import TimestampSigner, URLSafeTimedSerializer
from pydantic import SecretStr
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from tws_maintenance.config.settings import ConsoleSettings
from tws_maintenance.console.security import HEADERS, MAX_REQUEST_BYTES, TOKEN_SECONDS, is_loopback
from tws_maintenance.core.clock import utc_now
from tws_maintenance_tests.console.support import API, STI, Console, error_of, opened, served
from tws_maintenance_tests.support import live_bytes, reports_of

SAFE = {"GET", "HEAD", "OPTIONS"}
UNKNOWN_RUN = "00000000-0000-0000-0000-000000000000"


class Clock(TimestampSigner):
    """Signs as the console does, as if it were so many seconds ago."""

    seconds_ago = 0

    def get_timestamp(self) -> int:
        return int(utc_now().timestamp()) - Clock.seconds_ago


def token_of_age(app: Flask, raw: str, seconds: int) -> str:
    """Return the token that a page of that age carries."""
    Clock.seconds_ago = seconds
    key = app.secret_key
    assert key is not None
    signed = URLSafeTimedSerializer(key, salt="wtf-csrf-token", signer=Clock).dumps(raw)
    return signed if isinstance(signed, str) else signed.decode()


def raw_token(console: Console) -> str:
    """Return what the token signs, which the session holds as well."""
    with console.client.session_transaction() as session:
        return str(session["csrf_token"])


def changing(console: Console) -> list[tuple[Rule, str]]:
    """Return every address and method that may change something."""
    return [
        (rule, method)
        for rule in console.app.url_map.iter_rules()
        for method in sorted((rule.methods or set()) - SAFE)
    ]


def path_of(rule: Rule) -> str:
    """Return an address that a rule matches."""
    values = {"run_id": UNKNOWN_RUN, "report_id": "maintenance_20260101_000000", "task": STI}
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda m: values.get(m[1], "console.css"), rule.rule)


def state_of(console: Console) -> tuple[object, ...]:
    """Return what a change would change."""
    watched = console.home.watchlist
    runs = console.instance.get_runs_count()
    return runs, len(reports_of(console.home)), live_bytes(console.home), watched.exists()


def test_every_change_demands_a_token_that_is_ours_and_fresh(console: Console) -> None:
    raw, before = raw_token(console), state_of(console)
    assert token_of_age(console.app, raw, 0) != token_of_age(console.app, raw, 9)
    other = "A" if console.token[-5] != "A" else "B"
    tokens = {
        "none": None,
        "empty": "",
        "wrong": "IjEi.aaaaaa.bbbb",
        "of another session": token_of_age(console.app, "0" * 40, 0),
        "expired": token_of_age(console.app, raw, TOKEN_SECONDS + 10),
        # Not its last character, of which base64 ignores some bits.
        "altered": console.token[:-5] + other + console.token[-4:],
        "not ASCII": "é" * 20,
    }
    rules = changing(console)
    assert len(rules) >= 11
    for rule, method in rules:
        for what, token in tokens.items():
            path = path_of(rule)
            if path.startswith(("/maintenance", "/login")):
                data = {} if token is None else {"csrf_token": token}
                answer = console.client.open(path, method=method, data=data)
                assert answer.status_code == 403, (path, what)
                assert "This page has expired" in answer.text
                assert 'href="/maintenance">Load the overview again' in answer.text
            else:
                headers = {} if token is None else {"X-CSRFToken": token}
                answer = console.client.open(path, method=method, json={}, headers=headers)
                assert error_of(answer) == (403, "csrf_failed"), (path, what)
                assert answer.json is not None
                assert "Load the page again" in answer.json["error"]["message"]
    assert state_of(console) == before


def test_a_token_lasts_a_working_day(console: Console) -> None:
    old = token_of_age(console.app, raw_token(console), TOKEN_SECONDS - 60)
    body = {"symbol": "AAPL"}
    answer = console.client.post("/api/watchlist", json=body, headers={"X-CSRFToken": old})
    assert answer.status_code == 200


def test_a_token_of_before_a_restart_is_refused_and_the_way_on_is_told(console: Console) -> None:
    with opened(console.home) as restarted:
        answer = restarted.client.post("/maintenance/run", data={"csrf_token": console.token})
        assert answer.status_code == 403
        assert "the console was restarted" in answer.text


def test_reading_changes_nothing(console: Console) -> None:
    before = state_of(console)
    for rule in console.app.url_map.iter_rules():
        if "GET" not in (rule.methods or set()):
            continue
        for method in ("GET", "HEAD", "OPTIONS"):
            answer = console.client.open(path_of(rule), method=method)
            assert answer.status_code in {200, 302, 404}, (rule, answer.text)
            if method == "HEAD":
                assert answer.data == b""
    assert state_of(console) == before


def with_all_headers(answer: TestResponse) -> None:
    """Assert that the browser is told what it may do, whatever kind of answer this is."""
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    assert "Server" not in answer.headers
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_every_kind_of_answer_tells_the_browser_what_it_may_do(console: Console) -> None:
    for path, status in {
        "/maintenance": 200,
        "/": 302,
        "/maintenance/nothing": 404,
        "/maintenance/run": 405,
        "/maintenance/live": 200,
        f"{API}/status": 200,
        f"{API}/nothing": 404,
        f"{API}/run": 405,
        f"{API}/reports?limit=x": 400,
        "/metrics": 200,
        "/api/market-events/calendar.ics": 200,
        "/api/openapi.json": 200,
    }.items():
        answer = console.get(path)
        assert answer.status_code == status, path
        with_all_headers(answer)
        # What a page or a program asks again and again is kept by the browser that asked, and
        # asked for again each time.
        polled = {f"{API}/status", "/maintenance/live"}
        kept = "private, no-cache" if path in polled else "no-store"
        assert answer.headers["Cache-Control"] == kept, path
    for name in ("console.css", "console.js", "members.css", "members.js", "icon.svg"):
        answer = console.get(f"/maintenance/static/{name}")
        assert answer.status_code == 200
        with_all_headers(answer)
    policy = HEADERS["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'; ")


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("127.0.0.1", True),
        ("127.0.0.1:5080", True),
        ("localhost", True),
        ("localhost:5080", True),
        ("LOCALHOST", True),
        ("[::1]", True),
        ("[::1]:5080", True),
        ("maintenance.lan", True),
        ("evil.example", False),
        ("evil.example:5080", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("127.0.0.1@evil.example", False),
        ("evil.example#localhost", False),
        ("192.0.2.7", False),
        ("", False),
        (":5080", False),
        ("[", False),
        ("[]:80", False),
        ("localhost:x", False),
        ("local host", False),
        ("[::1", False),
        ("\xe9vil", False),
    ],
)
def test_it_answers_under_its_own_names_only(named: Console, host: str, is_ours: bool) -> None:
    for path in (f"{API}/status", "/maintenance", "/maintenance/static/console.css", "/nothing"):
        answer = named.client.get(path, environ_overrides={"HTTP_HOST": host})
        assert (answer.status_code != 400) == is_ours, path
        with_all_headers(answer)
        assert "Traceback" not in answer.text
    if not is_ours:
        refused = named.client.get(f"{API}/status", environ_overrides={"HTTP_HOST": host})
        assert error_of(refused) == (400, "unknown_host")


@pytest.fixture(scope="module")
def named(shared_console: Console) -> Iterator[Console]:
    """A console with a further name, on the same home."""
    with opened(shared_console.home, ConsoleSettings(allowed_hosts=("maintenance.lan",))) as other:
        yield other


def test_a_console_that_others_reach_answers_by_address_and_by_its_own_name(
    console: Console,
) -> None:
    settings = ConsoleSettings(host="0.0.0.0", password=SecretStr("a password"))  # noqa: S104
    with opened(console.home, settings) as outside:
        ours = ["192.0.2.7:5080", "[2001:db8::1]:5080", socket.gethostname(), "127.0.0.1"]
        # 302: asked for the password, so past the check of the name.
        for host, status in [*((one, 302) for one in ours), ("evil.example", 400), ("", 400)]:
            answer = outside.client.get("/maintenance", environ_overrides={"HTTP_HOST": host})
            assert answer.status_code == status, host


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),  # noqa: S104 - the point
        ("::", False),
        ("192.0.2.7", False),
        ("localhost.example", False),
        ("", False),
    ],
)
def test_only_this_machine_is_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) == expected


def test_a_large_body_is_refused_before_it_is_read(console: Console) -> None:
    before = state_of(console)
    large = b'{"reason": "' + b"x" * 1_000_000 + b'"}'
    for path in (f"{API}/run", f"{API}/promote", "/api/watchlist", "/api/market-events/refresh"):
        assert error_of(console.send(path, large)) == (413, "too_large")
    answer = console.form("/maintenance/run", tasks="all", reason="x" * 1_000_000)
    assert answer.status_code == 413
    assert '<p class="verdict bad"' in answer.text
    just_fits = b" " * (MAX_REQUEST_BYTES - 2) + b"[]"
    assert error_of(console.send(f"{API}/run", just_fits)) == (400, "invalid_body")
    assert error_of(console.send(f"{API}/run", just_fits + b" ")) == (413, "too_large")
    assert state_of(console) == before


def test_the_real_server_answers_in_the_same_shape_and_names_no_product(console: Console) -> None:
    with served(console.app) as origin, requests.Session() as session:
        page = session.get(f"{origin}/maintenance", timeout=30)
        token = re.findall(r'csrf-token" content="([^"]+)', page.text)[0]
        headers = {"X-CSRFToken": token, "Content-Type": "application/json"}
        body = b" " * 1_000_000
        large = session.post(f"{origin}{API}/run", data=body, headers=headers, timeout=30)
        assert (large.status_code, large.json()["error"]["code"]) == (413, "too_large")
        other = {"Host": "evil.example"}
        forged = session.get(f"{origin}{API}/status", headers=other, timeout=30)
        assert (forged.status_code, forged.json()["error"]["code"]) == (400, "unknown_host")
        for answer in (page, large, forged):
            assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
            assert "Server" not in answer.headers
        # A proxy that nobody configured is not believed.
        claims = {"X-Forwarded-Host": "evil.example", "X-Forwarded-For": "192.0.2.7"}
        assert session.get(f"{origin}{API}/status", headers=claims, timeout=30).status_code == 200


def test_forms_take_what_the_pages_offer_and_nothing_more(console: Console) -> None:
    before = state_of(console)
    for values in (
        {},
        {"tasks": "everything"},
        {"tasks": "sti_constituents", "apply": "events"},
        {"tasks": "all", "apply": "events"},
        {"tasks": "sti_constituents", "days": "9"},
        {"tasks": "market_events", "days": "no number"},
        {"tasks": "market_events", "days": "0"},
        {"tasks": "market_events", "days": "\u0663"},
        {"tasks": "market_events", "days": "1" * 5000},
        {"tasks": "market_events", "days": "5", "symbols": "not!a!symbol"},
        {"tasks": "sti_constituents", "allow_large_change": "yes"},
        {"tasks": "sti_constituents", "reason": "two\nlines"},
        {"tasks": "sti_constituents", "reason": "x" * 501},
    ):
        answer = console.form("/maintenance/run", **values)
        assert answer.status_code == 400, values
        assert '<p class="verdict bad" role="alert">' in answer.text
    for path, values, status in (
        ("/maintenance/promote", {"report_id": "../../etc/passwd", "tasks": STI}, 400),
        ("/maintenance/promote", {"report_id": "maintenance_20200101_000000", "tasks": STI}, 404),
        ("/maintenance/promote", {}, 400),
        ("/maintenance/restore", {"task": STI, "backup": "../20200101_000000"}, 400),
        ("/maintenance/restore", {"task": STI, "backup": "20200101_000000"}, 404),
        ("/maintenance/restore", {}, 400),
        ("/maintenance/watchlist/add", {"symbols": " , "}, 400),
        ("/maintenance/watchlist/add", {"symbols": "<script>"}, 400),
        ("/maintenance/watchlist/remove", {"symbol": "NOTTHERE"}, 400),
    ):
        assert console.form(path, **values).status_code == status, (path, values)
    assert state_of(console) == before
