"""A cache is called invalidated where the robot said so of exactly this generation, never else."""

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.config.settings import RobotSettings
from tws_maintenance.robot.caches import confirm, warnings_of
from tws_maintenance.robot.client import RobotClient
from tws_maintenance_tests.robot.conftest import settings_of
from tws_maintenance_tests.robot.stand_in import StandInRobot
from tws_maintenance_tests.robot.test_cache_guard import publish


def test_the_generation_that_was_seen_is_the_proof(told: RobotSettings, home: Home) -> None:
    publish(home, "g1")
    found = confirm(told, "sp500", "g1")
    assert (found["name"], found["outcome"]) == ("sp500", "invalidated")
    assert "generation g1" in found["detail"]
    assert warnings_of([found]) == []


@pytest.mark.parametrize(
    ("key", "generation", "why"),
    [
        ("sp500", "g2", "it uses another home's files"),
        ("dax", "g1", "CacheGuard has no cache for dax"),
    ],
)
def test_any_other_is_not_confirmed(
    told: RobotSettings, home: Home, key: str, generation: str, why: str
) -> None:
    publish(home, "g1")
    found = confirm(told, key, generation)
    assert found["outcome"] == "not_confirmed"
    assert why in found["detail"]
    assert "15 minutes" in warnings_of([found])[0]


def test_an_invalidator_that_failed_is_not_confirmed(
    robot: StandInRobot, told: RobotSettings, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(home, "g1")
    guard = robot.app.extensions["tws_maintenance.cache_guard"]
    fault = {"caches": {"sp500": {"generation": "g1", "seen": None, "error": "ValueError: no"}}}
    monkeypatch.setattr(guard, "state", lambda: fault)
    found = confirm(told, "sp500", "g1")
    assert found["outcome"] == "not_confirmed"
    assert "ValueError: no" in found["detail"]


@pytest.mark.services
def test_a_robot_without_the_guard_is_not_confirmed(home: Home) -> None:
    home.data.mkdir()
    with StandInRobot(home.root) as robot:
        found = confirm(settings_of(robot), "sp500", "g1")
    assert found["outcome"] == "not_confirmed"
    assert "HTTP 404" in found["detail"]
    assert "CacheGuard" in found["detail"]


def test_one_that_is_down_is_unreachable_and_a_refused_login_is_not_confirmed(
    robot: StandInRobot, told: RobotSettings
) -> None:
    refused = confirm(settings_of(robot, password="wrong"), "sp500", "g1")
    assert refused["outcome"] == "not_confirmed"
    robot.down()
    assert confirm(told, "sp500", "g1")["outcome"] == "unreachable"


def test_whatever_else_it_meets_a_published_list_stays_published(
    told: RobotSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: RobotClient) -> None:
        raise ValueError("of our own making")

    monkeypatch.setattr(RobotClient, "caches", broken)
    found = confirm(told, "sp500", "g1")
    assert found["outcome"] == "not_confirmed"
    assert "unexpected ValueError" in found["detail"]
