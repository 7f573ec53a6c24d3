"""The blueprint in another application: its addresses, its errors, and nothing of the host's."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_wtf.csrf import CSRFProtect, generate_csrf

from tws_maintenance.config.home import Home
from tws_maintenance.console.blueprint import build_blueprint
from tws_maintenance.console.security import HEADERS
from tws_maintenance.console.service import Backend
from tws_maintenance.demo.server import PageServer
from tws_maintenance.pipeline.instance import VARIABLE
from tws_maintenance_tests.console.support import (
    API,
    ENOUGH,
    STI,
    error_of,
    point_to,
    report_of,
    until,
)
from tws_maintenance_tests.support import quiet_environment


@dataclass
class Host:
    """Another program's Flask application, with a page of its own and our blueprint in it."""

    backend: Backend
    app: Flask = field(default_factory=lambda: Flask("robot"))
    prefix: str = ""

    def __post_init__(self) -> None:
        self.app.secret_key = "the host's own"
        CSRFProtect(self.app)

        @self.app.get("/")
        def home() -> str:
            return f"the robot's page {generate_csrf()}"

        @self.app.get("/fault")
        def fault() -> str:
            raise ValueError("of the host")

        @self.app.post("/orders")
        def post() -> str:
            return "posted"

        self.app.register_blueprint(build_blueprint(self.backend), url_prefix=self.prefix or None)

    def client(self) -> tuple[FlaskClient, str]:
        """Return a visitor with the host's own token."""
        client = self.app.test_client()
        return client, client.get("/").text.rsplit(" ", 1)[1]


@pytest.fixture(scope="module")
def backend(web: PageServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """What all hosts share: the home of this file, and what it serves."""
    home = Home(tmp_path_factory.mktemp("host"))
    point_to(home, web)
    with quiet_environment() as patch:
        patch.setenv(VARIABLE, str(home.dagster))
        backend = Backend(home, "http://dagster.example")
        yield backend
        until(lambda: not backend.running(), "the end of all runs")
        backend.close()


@pytest.fixture
def host(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setenv(VARIABLE, str(backend.home.dagster))
    return Host(backend)


def test_it_brings_its_own_addresses_and_no_other(host: Host) -> None:
    own = {"/", "/fault", "/orders", "/static/<path:filename>"}
    brought = {rule.rule for rule in host.app.url_map.iter_rules()} - own
    assert len(brought) > 20
    for rule in brought:
        assert rule.startswith(("/maintenance/", f"{API}/")) or rule == "/maintenance"


def test_the_hosts_own_pages_stay_what_they_were(host: Host) -> None:
    client, _ = host.client()
    answer = client.get("/")
    assert set(HEADERS) & set(answer.headers.keys()) == set()
    assert "Cache-Control" not in answer.headers
    missing = client.get("/nothing")
    assert (missing.status_code, missing.content_type) == (404, "text/html; charset=utf-8")
    assert "error" not in (missing.get_json(silent=True) or {})
    assert client.get("/fault").status_code == 500
    assert "The console met" not in client.get("/fault").text
    assert client.post("/orders").status_code == 400, "the host's own refusal of a missing token"
    assert host.app.config["MAX_CONTENT_LENGTH"] is None


def test_its_pages_and_its_api_work_there_with_the_hosts_token(host: Host) -> None:
    client, token = host.client()
    page = client.get("/maintenance")
    assert page.status_code == 200
    assert {name: page.headers.get(name) for name in HEADERS} == HEADERS
    assert client.get("/maintenance/static/console.css").status_code == 200
    host.app.extensions["tws_maintenance.actor"] = lambda: "the robot's user"
    body = {"tasks": [STI], "wait": ENOUGH}
    report = report_of(client.post(f"{API}/run", json=body, headers={"X-CSRFToken": token}))
    assert (report["actor"], report["entry_point"]) == ("the robot's user", "console")
    status = client.get(f"{API}/status").json
    assert status is not None
    assert status["latest_report"]["run_url"].startswith("http://dagster.example/runs/")
    for path in (
        f"/maintenance/reports/{report['report_id']}",
        f"/maintenance/runs/{report['run_id']}",
        f"/maintenance/apply/{report['report_id']}",
        f"/maintenance/history/{STI}",
        "/maintenance/backups",
        "/maintenance/events",
        "/maintenance/watchlist",
    ):
        assert client.get(path).status_code == 200, path


def test_its_errors_have_its_own_shape(host: Host) -> None:
    client, token = host.client()
    sent = {"X-CSRFToken": token}
    assert error_of(client.post(f"{API}/run", json={})) == (403, "csrf_failed")
    assert error_of(client.post(f"{API}/run", json=[], headers=sent)) == (400, "invalid_body")
    assert error_of(client.post(f"{API}/run", data="x", headers=sent))[0] == 415
    assert error_of(client.get(f"{API}/reports/maintenance_x")) == (404, "not_found")
    large = client.post(
        f"{API}/run", data=b" " * 100_000, headers=sent, content_type="application/json"
    )
    assert error_of(large) == (413, "too_large")
    page = client.post("/maintenance/run", data={})
    assert page.status_code == 403
    assert "This page has expired" in page.text
    assert client.get("/maintenance/apply/nothing").status_code == 404
    with client.post(
        "/maintenance/run", data={"csrf_token": token, "reason": "x" * 100_000}
    ) as one:
        assert one.status_code == 413


def test_it_refuses_a_host_that_does_not_protect_against_other_sites(host: Host) -> None:
    with pytest.raises(RuntimeError, match="CSRFProtect"):
        Flask("careless").register_blueprint(build_blueprint(host.backend))


@pytest.mark.parametrize(
    "setting",
    [
        {"WTF_CSRF_ENABLED": False},
        {"WTF_CSRF_CHECK_DEFAULT": False},
        {"WTF_CSRF_METHODS": set()},
    ],
)
def test_a_host_that_checks_no_token_is_not_followed_in_that(
    host: Host, setting: dict[str, object]
) -> None:
    client, token = host.client()
    host.app.config.update(setting)
    assert client.post("/orders").data == b"posted", "the host's own affair"
    assert error_of(client.post(f"{API}/run", json={"tasks": [STI]})) == (403, "csrf_failed")
    assert client.post("/maintenance/run", data={"tasks": STI}).status_code == 403
    sent = {"X-CSRFToken": token}
    status, _ = error_of(client.post(f"{API}/run", json=[], headers=sent))
    # Where the host names no method at all, even a right token is refused.
    assert status == (403 if "WTF_CSRF_METHODS" in setting else 400)


def test_below_a_path_of_the_host_pages_stay_pages_and_the_api_json(host: Host) -> None:
    below = Host(host.backend, Flask("robot below"), "/tools")
    client, token = below.client()
    page = client.get("/tools/maintenance/reports")
    assert page.status_code == 200
    assert re.findall(r'<a href="([^"]+)" aria-current', page.text) == [
        "/tools/maintenance/reports"
    ]
    missing = client.get("/tools/maintenance/apply/nothing")
    assert (missing.status_code, missing.mimetype) == (404, "text/html")
    assert 'href="/tools/maintenance">To the overview' in missing.text
    expired = client.post("/tools/maintenance/run", data={})
    assert (expired.status_code, expired.mimetype) == (403, "text/html")
    sent = {"X-CSRFToken": token}
    assert error_of(client.get(f"/tools{API}/reports/x")) == (404, "not_found")
    assert error_of(client.post(f"/tools{API}/run", json=[], headers=sent)) == (400, "invalid_body")
    assert client.get("/tools/maintenance/").location == "/tools/maintenance"
