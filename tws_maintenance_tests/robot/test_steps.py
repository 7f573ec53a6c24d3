"""A run's steps where the robot keeps the events: what the look says, and what the apply keeps."""

from tws_maintenance.clock import utc_now
from tws_maintenance.home import Home
from tws_maintenance.indices import MARKET_EVENTS
from tws_maintenance.market_events.model import Window
from tws_maintenance.market_events.scope import Scope
from tws_maintenance.reports.record import TaskResult, events_details
from tws_maintenance.robot import service
from tws_maintenance.robot.client import RobotClient
from tws_maintenance.robot_steps import RobotEvents
from tws_maintenance.run_mark import RunMark
from tws_maintenance.settings import RobotSettings
from tws_maintenance_tests.robot.stand_in import FED, StandInRobot


def window() -> Window:
    return Window(utc_now(), 28)


def test_what_failed_before_and_what_the_robot_did_meanwhile_is_not_of_this_refresh(
    robot: StandInRobot, told: RobotSettings, home: Home
) -> None:
    robot.provider(FED).fault = "the Federal Reserve answered HTTP 500"
    service.refresh(RobotClient(told), window(), seconds=20)
    mark = RunMark("maintenance_20261122_183000", "run", utc_now())
    result = TaskResult(task=MARKET_EVENTS, dry_run=False, details=events_details())
    steps = RobotEvents(home, told, Scope(), window())
    steps.stage(result, mark)
    assert any(f"{FED} (FOMC) is logged as failed" in text for text in result.warnings)

    robot.provider(FED).fault = ""
    service.refresh(RobotClient(told), window(), seconds=20)  # the robot's own, in between
    steps.apply(result, mark)
    assert not [text for text in result.warnings if "logged as failed" in text]
    assert not [text for text in result.warnings if "cannot preview" in text]
    assert [one["status"] for one in result.details["providers"]] == ["success"] * 7
