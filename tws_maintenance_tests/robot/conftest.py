"""One robot on the home of a test, and the settings that name it."""

from collections.abc import Iterator

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.config.settings import RobotSettings
from tws_maintenance_tests.robot.stand_in import PASSWORD, StandInRobot


@pytest.fixture
def robot(home: Home) -> Iterator[StandInRobot]:
    """A running robot whose checkout is the home, its caches guarded."""
    home.data.mkdir(parents=True, exist_ok=True)
    with StandInRobot(home.root, is_guarded=True) as running:
        yield running


@pytest.fixture
def told(robot: StandInRobot) -> RobotSettings:
    """The settings that name the robot."""
    return settings_of(robot)


def settings_of(robot: StandInRobot, **changed: object) -> RobotSettings:
    """Return the settings that name `robot`, with what a test says besides."""
    values = {"url": robot.url, "password": PASSWORD, "timeout": 5, **changed}
    return RobotSettings.model_validate(values)
