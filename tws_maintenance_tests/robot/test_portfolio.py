"""What the robot holds and trades, and that not knowing it is never "nothing"."""

import threading

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.config.settings import RobotSettings, Settings
from tws_maintenance.constituents.diff import Changes, Member
from tws_maintenance.market_events.scope import resolve
from tws_maintenance.reports.list_results import impact_of
from tws_maintenance.reports.schema import ListResult
from tws_maintenance.robot import portfolio
from tws_maintenance.robot.portfolio import (
    Portfolio,
    PortfolioCache,
    PortfolioReading,
    read_portfolio,
)
from tws_maintenance_tests.robot.conftest import settings_of
from tws_maintenance_tests.robot.stand_in import StandInRobot, position

GONE = Changes(removed=(Member("AAPL", "Apple Inc."),))


def result_of(portfolio: Portfolio | None, home: Home, changes: Changes) -> ListResult:
    result = ListResult(task="sp500_constituents", dry_run=True)
    result.impact, result.warnings = impact_of(
        changes, resolve(home, Settings(), portfolio=portfolio)
    )
    return result


def test_what_is_held_and_traded_is_told_apart_from_what_is_not(
    robot: StandInRobot, told: RobotSettings
) -> None:
    robot.positions = [
        position("AAPL"),
        position("MSFT", -5),
        position("TSLA", 0),
        position("NVDA", sec_type=""),
        position("AAPL  261219C00200000", 2, "OPT"),
        position("EUR", 1000, "CASH"),
    ]
    robot.traded = ["BRK B", "BRK B"]
    found = read_portfolio(told)
    assert found.positions == ("AAPL", "MSFT", "NVDA", "AAPL  261219C00200000")
    assert found.strategies == ("BRK B",)
    assert found.ignored == ("The robot also holds these, which are not shares: EUR (CASH)",)
    assert found.problem == ""


@pytest.mark.services
def test_a_robot_that_cannot_be_asked_is_a_problem_and_not_an_empty_portfolio(
    robot: StandInRobot, told: RobotSettings
) -> None:
    robot.down()
    found = read_portfolio(told)
    assert "Treat them as unknown, not as empty" in found.problem
    robot.up()
    assert "refused the login" in read_portfolio(settings_of(robot, password="no")).problem


def test_the_symbols_of_the_robot_are_in_the_scope_by_yahoos_names(home: Home) -> None:
    scope = resolve(home, Settings(), portfolio=Portfolio(("BRK B", "ES DEC26"), ("NVDA",)))
    assert scope.origins == {"BRK-B": ("positions",), "NVDA": ("strategies",)}
    assert scope.robot == {"BRK-B", "NVDA"}
    assert "ES DEC26" in scope.ignored[0]


def test_a_member_that_leaves_and_is_held_is_a_warning(home: Home) -> None:
    result = result_of(Portfolio(("AAPL",), ("AAPL",)), home, GONE)
    assert result.impact == {
        "positions": ["AAPL"],
        "strategies": ["AAPL"],
        "watchlist": [],
    }
    assert result.warnings == [
        "AAPL leaves the list; it is held (positions) and traded (strategies)"
    ]


def test_an_impact_that_is_not_known_is_null_and_said_loudly(home: Home) -> None:
    result = result_of(Portfolio(problem="The robot is down."), home, GONE)
    assert result.impact == {"positions": None, "strategies": None, "watchlist": []}
    assert "The robot is down." in result.warnings[0]


def test_it_is_said_even_where_nothing_changes(home: Home) -> None:
    assert result_of(Portfolio(problem="Down."), home, Changes()).warnings == ["Down."]
    assert result_of(Portfolio(), home, Changes()).warnings == []


def test_a_run_asks_once_and_only_where_there_is_a_robot(
    robot: StandInRobot, told: RobotSettings
) -> None:
    assert PortfolioReading(RobotSettings()).portfolio() is None
    reading = PortfolioReading(told)
    reading.start()
    assert reading.portfolio() is reading.portfolio()
    assert len([path for _, path, _ in robot.asked if path == "/api/account/positions"]) == 1


def test_who_asks_often_is_told_what_is_known_and_waits_for_nobody(told: RobotSettings) -> None:
    may_answer, calls = threading.Event(), []

    def ask(settings: RobotSettings) -> Portfolio:
        calls.append(settings)
        may_answer.wait(20)
        return Portfolio(("AAPL",))

    cache = PortfolioCache(ask)
    assert cache.newest(RobotSettings()) is None
    assert cache.newest(told) is None
    assert cache.newest(told) is None
    may_answer.set()
    cache.wait()
    assert cache.newest(told) == Portfolio(("AAPL",))
    assert calls == [told]


def test_what_it_knows_of_one_robot_is_not_told_of_another(
    robot: StandInRobot, told: RobotSettings
) -> None:
    robot.positions = [position("AAPL")]
    cache = PortfolioCache()
    cache.newest(told)
    cache.wait()
    assert cache.newest(told) == Portfolio(("AAPL",))
    other = told.model_copy(update={"username": "somebody"})
    assert cache.newest(other) is None
    cache.wait()
    found = cache.newest(other)
    assert found is not None
    assert "refused the login" in found.problem


def test_a_fault_of_our_own_is_told_and_stops_nobody(
    told: RobotSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: RobotSettings) -> Portfolio:
        raise KeyError("of our own making")

    monkeypatch.setattr(portfolio, "read_portfolio", broken)
    found = PortfolioReading(told).portfolio()
    assert found is not None
    assert "unexpected KeyError" in found.problem
