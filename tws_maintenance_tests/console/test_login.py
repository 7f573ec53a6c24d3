"""The password of a console that others can reach: asked for everywhere, guessed nowhere."""

import base64
import json
import re
from collections.abc import Iterator

import pytest
import requests
from flask.testing import FlaskClient
from pydantic import SecretStr, ValidationError
from werkzeug.security import check_password_hash
from werkzeug.test import TestResponse

from tws_maintenance.config.home import Home
from tws_maintenance.config.settings import ConsoleSettings
from tws_maintenance.console import login
from tws_maintenance.console.app import create_app
from tws_maintenance.console.login import MAX_NAME, OPEN_ENDPOINTS
from tws_maintenance.core.errors import SettingsError
from tws_maintenance_tests.console.support import (
    API,
    COOKIE,
    STI,
    Console,
    error_of,
    opened,
    report_of,
    served,
)

PASSWORD = "correct horse battery"
OUTSIDE = ConsoleSettings(host="0.0.0.0", password=SecretStr(PASSWORD))  # noqa: S104 - the point


@pytest.fixture(scope="module")
def guarded(shared_console: Console) -> Iterator[Console]:
    """A second console on the same home, which others could reach."""
    with opened(shared_console.home, OUTSIDE) as console:
        yield console


@pytest.fixture
def stranger(guarded: Console) -> Iterator[Console]:
    """The same for a test that fails to log in: whoever failed is forgotten after it."""
    yield guarded
    (limiter,) = guarded.app.extensions["limiter"]
    limiter.reset()


def basic(password: str, name: str = "prometheus") -> dict[str, str]:
    """Return the header of HTTP Basic."""
    sent = base64.b64encode(f"{name}:{password}".encode()).decode()
    return {"Authorization": f"Basic {sent}"}


def log_in(
    client: FlaskClient, password: str = PASSWORD, next_page: str = "", name: str = "Ada"
) -> TestResponse:
    """Fill in the form of the login page."""
    page = client.get("/login", query_string={"next": next_page})
    found = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert found, page.text
    values = {"password": password, "name": name, "next": next_page, "csrf_token": found[1]}
    return client.post("/login", data=values)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "console.example"])  # noqa: S104
def test_another_address_than_this_machine_demands_a_password(home: Home, host: str) -> None:
    with pytest.raises(SettingsError, match="TWS_MAINTENANCE_CONSOLE__PASSWORD"):
        create_app(home, ConsoleSettings(host=host))
    # Nothing was begun in the home for it.
    assert list(home.root.iterdir()) == []


def test_without_the_password_nothing_is_told_and_nothing_is_done(guarded: Console) -> None:
    client = guarded.app.test_client()
    rules = [rule for rule in guarded.app.url_map.iter_rules() if rule.endpoint]
    for rule in rules:
        path = re.sub("<[^>]+>", "x", rule.rule)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            answer = client.open(path, method=method)
            if rule.endpoint in OPEN_ENDPOINTS:
                # 404: there is no such file; 403: a login needs its token, too.
                assert answer.status_code in {200, 403, 404}, path
            elif method == "GET" and (path.startswith("/maintenance") or path == "/"):
                assert answer.status_code == 302
                assert answer.location.startswith("/login?next=/"), path
            elif path.startswith(("/maintenance", "/login")):
                assert answer.status_code == 401
                assert "requires its password" in answer.text
            else:
                assert error_of(answer) == (401, "login_required"), path
                assert answer.headers["WWW-Authenticate"].startswith("Basic realm=")
            assert str(guarded.home.root) not in answer.text
    assert error_of(client.get("/api/no-such-thing")) == (401, "login_required")


def test_the_login_leads_to_the_page_that_was_wanted_and_names_the_actor(guarded: Console) -> None:
    client = guarded.app.test_client()
    wanted = "/maintenance/reports?status=failed"
    answer = client.get(wanted)
    assert answer.status_code == 302
    shown = client.get(answer.location).text
    assert 'value="/maintenance/reports?status=failed"' in shown
    entered = log_in(client, next_page=wanted, name="Ada <b>\x07 ")
    assert (entered.status_code, entered.location) == (303, wanted)
    page = client.get(wanted).text
    assert "<span>Ada &lt;b&gt;</span>" in page

    token = re.findall(r'csrf-token" content="([^"]+)', page)[0]
    body = {"tasks": [STI], "wait": 60}
    started = client.post(f"{API}/run", json=body, headers={"X-CSRFToken": token})
    assert report_of(started)["actor"] == "Ada <b>"


def test_a_name_is_one_short_line_and_there_is_always_one(guarded: Console) -> None:
    for given, shown in (("", "operator"), ("  ", "operator"), ("x" * 999, "x" * MAX_NAME)):
        client = guarded.app.test_client()
        log_in(client, name=given)
        assert f"<span>{shown}</span>" in client.get("/maintenance/watchlist").text


@pytest.mark.parametrize(
    "wanted",
    [
        "//evil.example/maintenance",
        "https://evil.example/maintenance",
        "/\\evil.example",
        "/\t/evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "/login",
        "//[",
        "http://[::1",
        "maintenance",
        "/maintenance\r\nSet-Cookie: a=b",
        "/maintenance@evil.example",
        "/maintenance.evil.example",
        "\x00/maintenance",
    ],
)
def test_a_login_leads_nowhere_else(guarded: Console, wanted: str) -> None:
    client = guarded.app.test_client()
    assert client.get("/login", query_string={"next": wanted}).status_code == 200
    entered = log_in(client, next_page=wanted)
    assert (entered.status_code, entered.location) == (303, "/maintenance")
    assert "a=b" not in str(entered.headers)


def test_who_logs_out_is_out(guarded: Console) -> None:
    client = guarded.app.test_client()
    log_in(client)
    page = client.get("/maintenance/watchlist").text
    token = re.findall(r'csrf-token" content="([^"]+)', page)[0]
    assert client.post("/login/leave").status_code == 403
    left = client.post("/login/leave", data={"csrf_token": token})
    assert (left.status_code, left.location) == (303, "/login")
    assert "You have logged out." in client.get("/login").text
    assert client.get("/maintenance").status_code == 302
    assert error_of(client.get(f"{API}/status"))[0] == 401


def test_programs_may_send_the_password_as_http_basic(guarded: Console) -> None:
    client = guarded.app.test_client(use_cookies=False)
    metrics = client.get("/metrics", headers=basic(PASSWORD))
    assert metrics.status_code == 200
    assert metrics.text.startswith("# HELP tws_maintenance_")
    assert client.get(f"{API}/badge", headers=basic(PASSWORD, "")).status_code == 200
    # The token is demanded all the same: a browser sends Basic by itself, too.
    refused = client.post(f"{API}/run", json={}, headers=basic(PASSWORD))
    assert error_of(refused) == (403, "csrf_failed")


def test_a_wrong_password_opens_nothing(stranger: Console) -> None:
    client = stranger.app.test_client()
    for wrong in ("", "Correct horse battery", PASSWORD + " ", "x" * 5000, "\x00", "ß"):
        page = log_in(client, wrong)
        assert page.status_code == 401
        assert "Wrong password" in page.text
        assert wrong not in page.text or len(wrong) < 2
    assert error_of(client.get("/metrics", headers=basic("wrong"))) == (401, "login_required")
    assert client.get("/maintenance").status_code == 302
    for broken in ("Basic", "Basic !", "Basic Og==", "Bearer x", "Basic " + "A" * 5000):
        assert client.get("/metrics", headers={"Authorization": broken}).status_code in {401, 429}


def test_guessing_is_slowed_down_for_who_guesses_not_for_who_is_in(stranger: Console) -> None:
    inside = stranger.app.test_client()
    log_in(inside)
    client = stranger.app.test_client()
    for _ in range(10):
        assert client.get("/metrics", headers=basic("wrong")).status_code == 401
    limited = client.get("/metrics", headers=basic(PASSWORD))
    assert error_of(limited) == (429, "too_many_requests")
    assert int(limited.headers["Retry-After"]) > 0
    page = client.get("/login")
    assert page.status_code == 429
    assert "<h1>" in page.text
    elsewhere = {"REMOTE_ADDR": "192.0.2.9"}
    assert client.get("/login", environ_base=elsewhere).status_code == 200
    # Somebody's guesses do not lock out those who know the password already.
    assert inside.get(f"{API}/status").status_code == 200
    assert inside.get("/maintenance").status_code == 200


def test_no_limits_are_told_to_who_is_not_limited(stranger: Console) -> None:
    client = stranger.app.test_client()
    for answer in (client.get("/login"), client.get("/metrics", headers=basic("wrong"))):
        assert [name for name, _ in answer.headers if "Rate" in name or "Retry" in name] == []


@pytest.mark.parametrize(
    ("guesses", "asks", "status"),
    [
        ("2001:db8:1:2::{}", "2001:db8:1:2:ffff::9", 429),
        ("2001:db8:1:2::{}", "2001:db8:1:3::1", 200),
        ("192.0.2.1", "::ffff:192.0.2.1", 429),
        ("::ffff:192.0.2.{}", "::ffff:192.0.2.99", 200),
        ("somebody", "somebody", 429),
    ],
)
def test_who_has_a_network_of_addresses_guesses_no_more_than_who_has_one(
    stranger: Console, guesses: str, asks: str, status: int
) -> None:
    client = stranger.app.test_client()
    for number in range(1, 11):
        other = {"REMOTE_ADDR": guesses.format(number)}
        answer = client.get("/metrics", headers=basic("wrong"), environ_base=other)
        assert answer.status_code == 401
    assert client.get("/login", environ_base={"REMOTE_ADDR": asks}).status_code == status


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The passwords that were really looked at, as they come."""
    found: list[str] = []

    def noting(hashed: str, password: str) -> bool:
        found.append(password)
        return check_password_hash(hashed, password)

    monkeypatch.setattr(login, "check_password_hash", noting)
    return found


def test_what_is_open_to_all_tells_nothing_of_a_password(
    stranger: Console, checked: list[str]
) -> None:
    client = stranger.app.test_client()
    for _ in range(10):
        assert client.get("/metrics", headers=basic("wrong")).status_code == 401
    limited, free = {"REMOTE_ADDR": "127.0.0.1"}, {"REMOTE_ADDR": "192.0.2.1"}
    elsewhere = {**free, "HTTP_HOST": "evil.example"}
    checked.clear()
    for method, path, environment, status in (
        ("GET", "/login", free, 200),
        ("POST", "/login", free, 403),
        ("GET", "/maintenance/static/nope", free, 404),
        ("GET", "/maintenance/static/..%2fapp.py", free, 404),
        ("GET", "/maintenance/nope", free, 404),
        ("GET", "/api/nope", free, 404),
        ("POST", "/metrics", free, 405),
        ("GET", "/maintenance", limited, 429),
        ("GET", "/login", limited, 429),
        ("GET", f"{API}/status", limited, 429),
        ("GET", "/maintenance", elsewhere, 400),
        ("GET", "/maintenance/static/nope", elsewhere, 400),
        ("GET", "/login", elsewhere, 400),
        ("GET", f"{API}/status", elsewhere, 400),
    ):
        told = []
        for password in ("wrong", PASSWORD):
            answer = client.open(
                path, method=method, headers=basic(password), environ_overrides=environment
            )
            assert answer.status_code == status, (path, password)
            # A token is signed anew each second.
            told.append(re.sub('(content|value)="[^"]{40,}"', "", answer.text))
        assert told[0] == told[1], path
        assert str(stranger.home.root) not in told[0]
    assert checked == []


def test_wherever_a_password_is_looked_at_a_wrong_one_is_counted(
    stranger: Console, checked: list[str]
) -> None:
    for number, rule in enumerate(stranger.app.url_map.iter_rules()):
        caller = {"REMOTE_ADDR": f"198.51.100.{number}"}
        client = stranger.app.test_client()
        path = re.sub("<[^>]+>", "x", rule.rule)
        method = "POST" if "POST" in (rule.methods or ()) else "GET"
        checked.clear()
        answer = client.open(path, method=method, headers=basic("no"), environ_overrides=caller)
        assert (answer.status_code == 401) == bool(checked), path
        if checked:
            guess = {"Authorization": "Basic x"}
            for _ in range(9):
                client.get("/metrics", headers=guess, environ_overrides=caller)
            assert client.get("/login", environ_overrides=caller).status_code == 429, path


def test_who_logs_out_is_out_also_by_a_cookie_that_was_kept(guarded: Console) -> None:
    client, thief = guarded.app.test_client(), guarded.app.test_client()
    log_in(client)
    kept = client.get_cookie(COOKIE)
    assert kept is not None
    thief.set_cookie(COOKIE, kept.value)
    assert thief.get(f"{API}/status").status_code == 200
    token = re.findall(r'csrf-token" content="([^"]+)', client.get("/maintenance").text)[0]
    assert client.post("/login/leave", data={"csrf_token": token}).status_code == 303
    thief.set_cookie(COOKIE, kept.value)
    assert error_of(thief.get(f"{API}/status")) == (401, "login_required")


def test_logins_are_remembered_in_bounds() -> None:
    logins = login._Logins()
    first, *_, last = [logins.enter("Ada") for _ in range(login.LOGINS_KEPT + 1)]
    assert logins.find(first.get_id()) is None
    assert logins.find(last.get_id()) is not None


PROXIED = ConsoleSettings(
    password=SecretStr(PASSWORD),
    trusted_proxy="127.0.0.1",
    allowed_hosts=("maintenance.example",),
)


def test_a_trusted_proxy_is_believed_and_nobody_else(console: Console) -> None:
    """What it is asked for over https goes by https only, and guesses are their sender's."""
    forwarded = {"X-Forwarded-Host": "maintenance.example", "X-Forwarded-Proto": "https"}
    with opened(console.home, PROXIED) as behind:
        asks = {**forwarded, **basic("wrong"), "X-Forwarded-For": "198.51.100.1, 192.0.2.1"}
        other = {**forwarded, **basic(PASSWORD), "X-Forwarded-For": "192.0.2.1, 192.0.2.2"}
        for believed, expected in (("127.0.0.1", 200), ("192.0.2.77", 429)):
            with served(behind.app, believed) as origin:
                for _ in range(10):
                    requests.get(f"{origin}/metrics", headers=asks, timeout=30)
                answer = requests.get(f"{origin}/metrics", headers=other, timeout=30)
                assert answer.status_code == expected
        page = behind.client.get("/login", base_url="https://maintenance.example")
        assert "; Secure;" in page.headers["Set-Cookie"]


def test_behind_a_proxy_a_password_is_demanded(home: Home) -> None:
    with pytest.raises(SettingsError, match=r"others could reach it on .* behind 127\.0\.0\.1\."):
        create_app(home, ConsoleSettings(trusted_proxy="127.0.0.1"))


@pytest.mark.parametrize("wrong", ["*", "proxy.example", "10.0.0.0/8", ""])
def test_a_trusted_proxy_is_one_address(wrong: str) -> None:
    with pytest.raises(ValidationError, match="trusted_proxy"):
        ConsoleSettings(trusted_proxy=wrong)


def test_who_sends_no_password_is_not_counted_as_guessing(stranger: Console) -> None:
    client = stranger.app.test_client()
    for _ in range(15):
        assert client.get("/metrics").status_code == 401
        assert client.get("/maintenance").status_code == 302
    assert client.get("/metrics", headers=basic(PASSWORD)).status_code == 200


def test_a_cookie_of_another_console_opens_nothing(guarded: Console) -> None:
    client = guarded.app.test_client()
    log_in(client)
    cookie = client.get_cookie(COOKIE)
    assert cookie is not None
    with opened(guarded.home, OUTSIDE) as another:
        thief = another.app.test_client()
        thief.set_cookie(COOKIE, cookie.value)
        assert thief.get("/maintenance").status_code == 302
    assert cookie.http_only
    assert cookie.same_site == "Strict"


def test_the_password_is_nowhere_to_be_read(guarded: Console) -> None:
    client = guarded.app.test_client()
    log_in(client)
    pages = ["/maintenance", "/maintenance/watchlist", f"{API}/status", "/metrics", "/login"]
    told = [client.get(page).text for page in pages]
    told += [json.dumps(repr(guarded.backend.settings)), repr(guarded.app.config)]
    told += [path.read_text("utf-8", "replace") for path in guarded.home.reports.iterdir()]
    assert not any(PASSWORD in text for text in told)
