"""What names the robot, what `doctor` says of it, and what the console shows."""

import json
from collections.abc import Iterator

import pytest

from tws_maintenance.config.environment import child_environment
from tws_maintenance.config.events_service import EventsService
from tws_maintenance.config.home import Home
from tws_maintenance.config.settings import load_settings
from tws_maintenance.core.errors import SettingsError
from tws_maintenance.demo.server import PageServer
from tws_maintenance.pipeline.instance import VARIABLE
from tws_maintenance_tests.console.shapes import faults_of
from tws_maintenance_tests.console.support import API, Console, opened, point_to, until
from tws_maintenance_tests.robot.stand_in import (
    HOLIDAYS,
    PASSWORD,
    StandInRobot,
    event,
    in_days,
    position,
)
from tws_maintenance_tests.support import Program, environment_of

PASSWORD_VARIABLE = "TWS_MAINTENANCE_ROBOT__PASSWORD"


def test_who_keeps_the_events_follows_from_whether_there_is_a_robot(home: Home) -> None:
    assert load_settings(home).events_service == EventsService.EMBEDDED
    home.settings_file.write_text('[robot]\nurl = "http://127.0.0.1:5000"\n')
    assert load_settings(home).events_service == EventsService.ROBOT
    home.settings_file.write_text(
        '[robot]\nurl = "http://127.0.0.1:5000"\n[events]\nservice = "embedded"\n'
    )
    assert load_settings(home).events_service == EventsService.EMBEDDED


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ('[events]\nservice = "robot"\n', "needs \\[robot\\] url"),
        ('[events]\nservice = "somebody"\n', "events.service"),
        ('[robot]\nurl = "http://10.0.0.5:5000"\n', "must be https"),
        ('[robot]\nurl = "127.0.0.1:5000"\n', "robot.url"),
        ('[robot]\npassword = "written down"\n', PASSWORD_VARIABLE),
        ("[robot]\nrefresh_seconds = 600\n", "robot.refresh_seconds"),
        ('[robot]\nadress = "x"\n', "robot.adress"),
    ],
)
def test_a_mistake_is_named(home: Home, written: str, told: str) -> None:
    home.settings_file.write_text(written)
    with pytest.raises(SettingsError, match=told) as caught:
        load_settings(home)
    assert "written down" not in str(caught.value)


def test_runs_that_we_start_get_the_robots_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSWORD_VARIABLE, PASSWORD)
    assert child_environment()[PASSWORD_VARIABLE] == PASSWORD


@pytest.fixture
def doctor(home: Home, server: PageServer, robot: StandInRobot) -> Program:
    robot.positions = [position("AAPL"), position("BRK B")]
    robot.traded = ["NVDA"]
    return Program(
        home,
        {
            **environment_of(server),
            "TWS_MAINTENANCE_ROBOT__URL": robot.url,
            PASSWORD_VARIABLE: PASSWORD,
        },
    )


def found_by(doctor: Program, *options: str, **environment: str) -> dict[str, tuple[str, str]]:
    value = json.loads(doctor("doctor", "--json", *options, **environment).stdout)
    return {one["subject"]: (one["outcome"], one["text"]) for one in value["findings"]}


def test_doctor_asks_the_robot_unless_offline(doctor: Program, robot: StandInRobot) -> None:
    found = found_by(doctor)
    assert found["robot"] == (
        "ok",
        f"{robot.url} answers: 2 symbols held, 1 traded",
    )
    assert found["symbols"] == ("ok", "3 from positions, strategies and watchlist")
    assert found["events"] == ("ok", f"kept by the robot's own service, {robot.url}")
    assert "Yahoo Finance" not in found
    robot.asked.clear()
    assert "robot" not in found_by(doctor, "--offline")
    assert robot.asked == []
    wrong = found_by(doctor, **{PASSWORD_VARIABLE: "no"})
    assert wrong["robot"][0] == "failed"
    assert PASSWORD_VARIABLE in wrong["robot"][1]


def test_doctor_names_what_a_repository_should_not_take_in_and_writes_nothing(
    doctor: Program,
) -> None:
    root = doctor.home.root
    (root / ".git").mkdir()
    (root / ".gitignore").write_text("*.pyc\n.dagster/\n")
    outcome, text = found_by(doctor, "--offline")["git"]
    assert outcome == "note"
    assert "data/staging/" in text
    assert ".dagster/" not in text
    assert (root / ".gitignore").read_text() == "*.pyc\n.dagster/\n"


@pytest.fixture
def console(
    home: Home, server: PageServer, robot: StandInRobot, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Console]:
    robot.positions = [position("AAPL")]
    point_to(home, server, f'[robot]\nurl = "{robot.url}"\n')
    monkeypatch.setenv(PASSWORD_VARIABLE, PASSWORD)
    monkeypatch.setenv(VARIABLE, str(home.dagster))
    with opened(home) as running:
        yield running


def test_the_console_shows_what_is_known_of_the_robot_without_waiting_for_it(
    console: Console, robot: StandInRobot
) -> None:
    until(
        lambda: console.json(f"{API}/status")["robot"]["positions"] == 1,
        "the robot's answer on the console",
    )
    status = console.json(f"{API}/status")
    assert status["robot"] == {
        "url": robot.url,
        "problem": None,
        "positions": 1,
        "strategies": 0,
    }
    assert status["market_events"]["service"] == "robot"
    page = console.client.get("/maintenance").text
    assert "1 symbol held, 0 traded by strategies" in page
    assert "a dry run only reads them" in page


def test_the_console_lists_the_robots_events_with_its_own_types_apart(
    console: Console, robot: StandInRobot
) -> None:
    robot.store(
        event("MARKET_HOLIDAY", 3, source=HOLIDAYS),
        event("CPI_RELEASE", 4, source="bls.gov", title="CPI <i>Release</i>"),
    )
    answer = console.json("/api/market-events/upcoming")
    assert faults_of("Upcoming", answer) == []
    assert [one["event_date"] for one in answer["events"]] == [in_days(3)]
    assert answer["robots_own"] == [
        {
            "event_type": "CPI_RELEASE",
            "symbol": None,
            "date": in_days(4),
            "title": "CPI <i>Release</i>",
        }
    ]
    page = console.client.get("/maintenance/events").text
    assert "Events of types that only the robot keeps" in page
    assert "<td>CPI release</td><td></td><td>CPI &lt;i&gt;Release&lt;/i&gt;</td>" in page
    holidays = console.json("/api/market-events/upcoming?type=MARKET_HOLIDAY")
    assert (holidays["count"], holidays["robots_own"]) == (1, [])


def test_a_robot_that_is_down_is_an_error_on_the_page(
    home: Home, server: PageServer, robot: StandInRobot, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_to(home, server, f'[robot]\nurl = "{robot.url}"\n')
    monkeypatch.setenv(PASSWORD_VARIABLE, PASSWORD)
    monkeypatch.setenv(VARIABLE, str(home.dagster))
    robot.down()
    with opened(home) as console:
        until(
            lambda: console.json(f"{API}/status")["robot"]["problem"] is not None,
            "the robot's absence on the console",
        )
        page = console.client.get("/maintenance").text
        assert "Treat them as unknown, not as empty" in page
        upcoming = console.client.get("/api/market-events/upcoming")
        assert upcoming.status_code == 503
