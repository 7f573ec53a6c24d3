"""Asking the robot: the login, what it answers, and every way in which it does not."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tws_maintenance.config.settings import RobotSettings
from tws_maintenance.core.errors import RobotChanged, RobotError, RobotRefused, RobotUnreachable
from tws_maintenance.robot.client import RobotClient
from tws_maintenance_tests.robot.conftest import settings_of
from tws_maintenance_tests.robot.stand_in import StandInRobot, position


def test_it_logs_in_once_and_then_only_reads(robot: StandInRobot, told: RobotSettings) -> None:
    robot.positions = [position("AAPL"), position("TSLA", 0)]
    client = RobotClient(told)
    assert [one.symbol for one in client.positions()] == ["AAPL", "TSLA"]
    assert client.strategies().summary.symbols_traded == []
    assert robot.asked == [
        ("GET", "/auth/login", 200),
        ("POST", "/auth/login", 302),
        ("GET", "/api/account/positions", 200),
        ("GET", "/api/strategies/", 200),
    ]


@pytest.mark.parametrize("status", [302, 401])
def test_a_session_that_is_over_is_begun_anew(
    robot: StandInRobot, told: RobotSettings, status: int
) -> None:
    robot.anonymous_status = status
    client = RobotClient(told)
    client.positions()
    robot.expire_sessions()
    assert client.positions() == []
    answers = [got for _, path, got in robot.asked if path == "/api/account/positions"]
    assert answers == [200, status, 200]


def test_a_token_that_is_over_is_fetched_anew(robot: StandInRobot, told: RobotSettings) -> None:
    client = RobotClient(told)
    client.refresh(28)
    robot.expire_sessions()
    answer, _ = client.refresh(28)
    assert answer.status == "refresh_started"
    assert [got for _, path, got in robot.asked if path.endswith("/refresh")] == [200, 400, 200]


def test_a_wrong_password_names_its_variable_and_is_tried_once(robot: StandInRobot) -> None:
    with pytest.raises(RobotRefused, match="TWS_MAINTENANCE_ROBOT__PASSWORD") as caught:
        RobotClient(settings_of(robot, password="a wrong one")).positions()
    assert "a wrong one" not in str(caught.value)
    assert [path for _, path, _ in robot.asked] == ["/auth/login", "/auth/login"]


def test_without_a_password_it_says_which_variable_is_missing(robot: StandInRobot) -> None:
    with pytest.raises(RobotRefused, match="no password is set"):
        RobotClient(settings_of(robot, password=None)).positions()


@pytest.mark.parametrize(
    ("answer", "kind", "told_of"),
    [
        (("not JSON", 200), RobotChanged, "unexpected form"),
        (({"count": 0}, 200), RobotChanged, "positions: Field required"),
        (({"positions": [{"symbol": "A", "quantity": "many"}]}, 200), RobotChanged, "quantity"),
        (({"positions": [{"symbol": "A", "quantity": None}]}, 200), RobotChanged, "quantity"),
        (("down for repairs", 503), RobotRefused, "HTTP 503"),
        (("elsewhere", 302, {"Location": "https://example.com/"}), RobotRefused, "HTTP 302"),
        (("x" * (6 << 20), 200), RobotChanged, "more than 5 MB"),
    ],
)
def test_an_odd_answer_is_never_no_positions(
    robot: StandInRobot,
    told: RobotSettings,
    answer: object,
    kind: type[RobotError],
    told_of: str,
) -> None:
    robot.override["/api/account/positions"] = lambda: answer  # type: ignore[return-value,assignment]
    with pytest.raises(kind, match=told_of):
        RobotClient(told).positions()


def test_another_program_at_its_address_is_not_the_robot(
    robot: StandInRobot, told: RobotSettings
) -> None:
    robot.override["/auth/login"] = lambda: "<h1>It works!</h1>"
    with pytest.raises(RobotChanged, match="has no login form"):
        RobotClient(told).positions()


def test_a_robot_that_is_down_is_unreachable(robot: StandInRobot, told: RobotSettings) -> None:
    robot.down()
    with pytest.raises(RobotUnreachable, match="nothing listens there"):
        RobotClient(told).positions()


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of somebody who takes a connection and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        kept: list[socket.socket] = []

        def take() -> None:
            try:
                while True:
                    kept.append(server.accept()[0])
            except OSError:
                return

        threading.Thread(target=take, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        for one in kept:
            one.close()


def test_one_that_never_answers_is_given_up(silent: str) -> None:
    settings = RobotSettings.model_validate({"url": silent, "password": "x", "timeout": 0.2})
    with pytest.raises(RobotUnreachable, match=r"within 0\.2 s"):
        RobotClient(settings).positions()


@pytest.mark.services
def test_headers_that_trickle_in_are_given_up() -> None:
    """No timeout of a socket meets them: something comes all the time."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def trickle() -> None:
            with suppress(OSError):
                connection = server.accept()[0]
                connection.sendall(b"HTTP/1.1 200 OK\r\n")
                while True:
                    connection.sendall(b"X: y\r\n")
                    is_over.wait(0.05)

        is_over = threading.Event()
        threading.Thread(target=trickle, daemon=True).start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        settings = RobotSettings.model_validate({"url": url, "password": "x", "timeout": 0.2})
        with pytest.raises(RobotUnreachable, match="did not answer completely within"):
            RobotClient(settings).positions()


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(
    told: RobotSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert RobotClient(told).positions() == []


def test_the_front_page_may_be_elsewhere_in_the_robot(
    robot: StandInRobot, told: RobotSettings
) -> None:
    robot.override["/"] = lambda: ("", 302, {"Location": "/auth/login"})
    answer, _ = RobotClient(told).refresh(7)
    assert answer.status == "refresh_started"
