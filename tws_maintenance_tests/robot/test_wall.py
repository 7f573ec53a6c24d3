"""The wall: what the program writes, whom it talks to and what it loads, over the whole journey."""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from subprocess import CompletedProcess
from urllib.parse import urlsplit

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES
from tws_maintenance.demo.events import calendar_events
from tws_maintenance.demo.pages import companies, page
from tws_maintenance.demo.server import PageServer
from tws_maintenance_tests.robot.stand_in import PASSWORD, StandInRobot, event, in_days, position
from tws_maintenance_tests.support import (
    Program,
    environment_of,
    quiet_environment,
    reports_of,
    write_live,
)
from tws_maintenance_tests.warm import SOCKET_VARIABLE

WATCHING = Path(__file__).parent / "watching"
BROKER = re.compile(r"^(ibapi|ib_insync|ib_async|ibkr|nautilus_trader|tws_robot)($|\.)")
# DESIGN.md, section 2. What is temporary lies in the same folders.
LISTED = re.compile(
    r"data/?$|reports/?$|reports/maintenance(/|$)|\.dagster(/|$)|"
    r"data/(staging|backups|history)(/|$)|data/\.generation_\w+|data/watchlist\.csv|"
    r"data/market_events\.db(-journal|-wal|-shm)?$|data/\w+_constituents\.csv|data/\.[\w.-]+$"
)
ALLOWED_POSTS = {"/auth/login", "/api/market-events/refresh"}


@dataclass
class Journey:
    """Everything that the processes of the whole journey did."""

    home: Home
    temporary: Path
    allowed_ports: set[int]
    robot: StandInRobot
    service: str
    ended: dict[str, CompletedProcess[str]] = field(default_factory=dict)
    written: set[str] = field(default_factory=set)
    databases: set[str] = field(default_factory=set)
    connected: set[tuple[str, ...]] = field(default_factory=set)
    modules: set[str] = field(default_factory=set)

    def read(self, notes: Path) -> None:
        """Take in what every process noted."""
        for path in notes.glob("*.jsonl"):
            for line in path.read_text().splitlines():
                kind, *told = json.loads(line)
                if kind == "write":
                    self.written.add(told[0])
                elif kind == "sqlite":
                    self.databases.add(told[0])
                elif kind == "connect" and told != [os.environ[SOCKET_VARIABLE]]:
                    self.connected.add(tuple(told))
                elif kind == "modules":
                    self.modules |= set(told)


def commands(report_id: str, service: str) -> Iterator[tuple[str, ...]]:
    """Yield every command; only those that know of events differ with their service."""
    yield ("promote", report_id, "--reason", "the journey")
    yield ("run", "--apply", "--task", "market_events")
    if service == "embedded":
        yield from (("events", "list"), ("events", "export", "--ics"), ("status",), ("doctor",))
        return
    yield ("validate",)
    yield ("status", "--check")
    yield ("watchlist", "add", "MSFT")
    yield ("watchlist", "remove", "MSFT")
    yield ("events", "list")
    yield ("events", "export", "--ics")
    yield ("reports", "list")
    yield ("reports", "verify")
    yield ("proposals", "list")
    yield ("history", "sp500_constituents")
    yield ("restore", "sp500_constituents", "--apply", "--allow-large-change", "--reason", "back")
    yield ("backups", "verify")
    yield ("backups", "prune", "--apply")
    yield ("doctor",)
    yield ("dagster", "job", "list", "-m", "tws_maintenance.definitions")


@pytest.fixture(scope="module", params=["robot", "embedded"])
def journey(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Journey]:
    """The journey on a robot's checkout, once with each service of events."""
    root = tmp_path_factory.mktemp("robot")
    notes, temporary = (tmp_path_factory.mktemp(name) for name in ("notes", "temporary"))
    home = Home(root)
    members = companies("sp500")
    home.data.mkdir()
    for index in INDICES.values():
        write_live(home, index, companies(index.key))
    pages = {key: page(key, companies(key)) for key in INDICES}
    pages["sp500"] = page("sp500", members[1:])
    with (
        quiet_environment(),
        PageServer(pages) as web,
        StandInRobot(root, is_guarded=True) as robot,
    ):
        robot.positions = [position(members[0].ticker), position("AAPL")]
        robot.providers[0].events = [event("EARNINGS", 3, "AAPL")]
        web.symbols["AAPL"] = (200, calendar_events([date.fromisoformat(in_days(3))]))
        environment = {
            **environment_of(web),
            "TWS_MAINTENANCE_ROBOT__URL": robot.url,
            "TWS_MAINTENANCE_ROBOT__PASSWORD": PASSWORD,
            "TWS_MAINTENANCE_EVENTS__SERVICE": request.param,
            "PYTHONPATH": str(WATCHING),
            "PYTHONDONTWRITEBYTECODE": "1",
            "WATCHED_NOTES": str(notes),
            "TMPDIR": str(temporary),
        }
        program = Program(home, environment)
        ports = {int(urlsplit(one).port or 0) for one in (web.origin, robot.url)}
        found = Journey(home, temporary, ports, robot, request.param)
        found.ended["run"] = program("run")
        for command in commands(reports_of(home)[0]["report_id"], request.param):
            found.ended[" ".join(command[:2])] = program(*command)
        found.read(notes)
        yield found


def test_the_journey_was_a_whole_one(journey: Journey) -> None:
    assert {name: one.stderr for name, one in journey.ended.items() if one.returncode} == {}
    assert len(journey.written) > 50
    runs = {"robot": 5, "embedded": 3}[journey.service]
    assert [one["entry_point"] for one in reports_of(journey.home)] == ["cli"] * runs


def test_nothing_is_written_but_what_is_listed(journey: Journey) -> None:
    root = journey.home.root
    outside, unlisted = [], []
    for path in journey.written - {os.devnull}:
        if Path(path).is_relative_to(journey.temporary):
            continue  # of Python's and Dagster's own, and gone at the end
        if Path(path).is_relative_to(Path(os.environ[SOCKET_VARIABLE]).parent):
            continue  # the suite's own: the prepared Dagster that a new home is copied from
        if not Path(path).is_relative_to(root):
            outside.append(path)
        elif not LISTED.match(Path(path).relative_to(root).as_posix()):
            unlisted.append(path)
    assert outside == []
    assert unlisted == []
    assert list(journey.temporary.iterdir()) == []


def test_no_database_is_opened_but_our_own(journey: Journey) -> None:
    assert journey.databases
    for found in journey.databases:
        path = re.sub(r"^file:|\?.*$", "", found)
        assert path == ":memory:" or LISTED.match(
            Path(path).relative_to(journey.home.root).as_posix()
        ), found
        assert "tws_robot" not in path


def test_nobody_is_connected_to_but_the_sources_and_the_robot(journey: Journey) -> None:
    assert {(host, int(port)) for host, port, *_ in journey.connected} == {
        ("127.0.0.1", port) for port in journey.allowed_ports
    }


def test_the_robot_is_read_logged_in_to_and_asked_to_refresh_and_nothing_else(
    journey: Journey,
) -> None:
    asked = {(method, path) for method, path, _ in journey.robot.asked}
    assert {method for method, _ in asked} == {"GET", "POST"}
    assert {path for method, path in asked if method == "POST"} <= ALLOWED_POSTS
    assert ("GET", "/api/account/positions") in asked
    assert ("GET", "/api/maintenance/caches") in asked
    assert journey.robot.traded_upon == []


def test_no_broker_client_is_ever_loaded(journey: Journey) -> None:
    assert "tws_maintenance.robot.client" in journey.modules
    assert {name for name in journey.modules if BROKER.match(name)} == set()
