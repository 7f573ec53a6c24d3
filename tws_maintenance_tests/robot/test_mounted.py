"""The console inside the robot: behind its login and its CSRF protection, beside its own pages."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from tws_maintenance.config.home import Home
from tws_maintenance.console.mounting import mount_console
from tws_maintenance.console.service import Backend
from tws_maintenance.demo.server import PageServer
from tws_maintenance.pipeline.instance import VARIABLE
from tws_maintenance_tests.console.support import API, ENOUGH, STI, error_of, point_to, report_of
from tws_maintenance_tests.robot.stand_in import PASSWORD, StandInRobot
from tws_maintenance_tests.support import quiet_environment


class Mounted:
    """A robot with the console in it, its guard, and a visitor who may log in."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.backend: Backend | None = None

        def mount(app: Flask) -> None:
            self.backend = mount_console(app, home.root)

        self.robot = StandInRobot(home.root, is_guarded=True, mount=mount)
        self.client = self.robot.app.test_client()

    def log_in(self) -> str:
        """Log in as the operator does and return the token of the front page."""
        form = {"username": "admin", "password": PASSWORD, "csrf_token": self._token("/auth/login")}
        assert self.client.post("/auth/login", data=form).status_code == 302
        return self._token("/")

    def _token(self, path: str) -> str:
        text = self.client.get(path).text
        return text.split('name="csrf-token" content="', 1)[1].split('"', 1)[0]


@pytest.fixture(scope="module")
def mounted_once(web: PageServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mounted]:
    """One robot for all tests of this file; ask for `mounted` instead."""
    home = Home(tmp_path_factory.mktemp("robot"))
    home.data.mkdir()
    point_to(home, web)
    with quiet_environment() as patch:
        patch.setenv(VARIABLE, str(home.dagster))
        found = Mounted(home)
        yield found
        if found.backend is not None:
            found.backend.close()


@pytest.fixture
def mounted(mounted_once: Mounted, monkeypatch: pytest.MonkeyPatch) -> Mounted:
    """A robot with the console in it, and a visitor who has not logged in."""
    monkeypatch.setenv(VARIABLE, str(mounted_once.home.dagster))
    mounted_once.client = mounted_once.robot.app.test_client()
    return mounted_once


def test_nobody_comes_in_without_the_robots_login(mounted: Mounted) -> None:
    for path in ("/maintenance", "/maintenance/reports", "/maintenance/backups"):
        answer = mounted.client.get(path)
        assert (answer.status_code, answer.location) == (302, "/auth/login"), path
    for path in (f"{API}/status", f"{API}/reports", f"{API}/runs/x"):
        assert error_of(mounted.client.get(path)) == (401, "unauthorized"), path


def test_whoever_is_logged_in_may_look_and_start_with_the_robots_token(mounted: Mounted) -> None:
    token = mounted.log_in()
    assert mounted.client.get("/maintenance").status_code == 200
    body = {"tasks": [STI], "wait": ENOUGH}
    assert error_of(mounted.client.post(f"{API}/run", json=body))[0] in {400, 403}
    sent = {"X-CSRFToken": token}
    report = report_of(mounted.client.post(f"{API}/run", json=body, headers=sent))
    assert (report["actor"], report["entry_point"]) == ("admin", "console")


def test_it_takes_none_of_the_robots_own_addresses(mounted: Mounted, tmp_path: Any) -> None:
    alone = StandInRobot(tmp_path).app.url_map
    before = {rule.rule for rule in alone.iter_rules()}
    brought = {rule.rule for rule in mounted.robot.app.url_map.iter_rules()} - before
    assert not [rule for rule in brought if "market-events" in rule or "stocks" in rule]
    for rule in brought:
        assert rule.startswith(("/maintenance", "/api/maintenance/")), rule


def test_one_address_serves_the_generations_and_what_the_guard_has_seen(mounted: Mounted) -> None:
    mounted.log_in()
    found = mounted.client.get(f"{API}/caches").json
    assert found is not None
    assert set(found["caches"]) == {"sp500", "sti", "hsi"}
