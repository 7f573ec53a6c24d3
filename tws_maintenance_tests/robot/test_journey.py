"""The whole journey against a robot: preview, apply, its screener, its events, and its absence."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tws_maintenance.cli.main import cli
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES
from tws_maintenance.demo.pages import Company, companies, page
from tws_maintenance.demo.server import QUOTE_PATH, PageServer
from tws_maintenance_tests.cli.conftest import dagster_home_as_it_was
from tws_maintenance_tests.robot.stand_in import (
    ENRICHMENT,
    FED,
    HOLIDAYS,
    PASSWORD,
    YAHOO,
    StandInRobot,
    event,
    in_days,
    position,
)
from tws_maintenance_tests.support import (
    environment_of,
    reports_of,
    result_of,
    write_live,
)

TASK = "sp500_constituents"
NEW = Company("NEWW", "New Works Inc.", "Energy", "Energy Services")
MEMBERS = companies("sp500")
GONE = MEMBERS[3].ticker


@dataclass
class Scene:
    """A robot's checkout, the robot itself, the pages, and the program."""

    home: Home
    robot: StandInRobot
    environment: dict[str, str]
    web: PageServer

    def command(self, *arguments: str, **environment: str) -> Result:
        """Give a command of the command line, in this process."""
        words, told = ("--home", str(self.home.root), *arguments), self.environment | environment
        with dagster_home_as_it_was():
            return CliRunner().invoke(cli, words, env=told, catch_exceptions=False)

    def report(self, *arguments: str, **environment: str) -> dict[str, Any]:
        """Run a command and return the report that it wrote."""
        before = len(reports_of(self.home))
        done = self.command(*arguments, **environment)
        reports = reports_of(self.home)
        assert len(reports) == before + 1, done.output
        return reports[-1]

    def screened(self) -> list[str]:
        """Return what the robot's screener serves at a request just now."""
        client = self.robot.app.test_client()
        self.robot.app.config["LOGIN_DISABLED"] = True
        answer = client.get("/api/stocks/sp500/screener").json
        self.robot.app.config["LOGIN_DISABLED"] = False
        assert answer is not None
        symbols: list[str] = answer["symbols"]
        return symbols


@pytest.fixture
def scene(home: Home) -> Iterator[Scene]:
    home.data.mkdir()
    for index in INDICES.values():
        write_live(home, index, companies(index.key))
    pages = {key: page(key, companies(key)) for key in INDICES}
    pages["sp500"] = page("sp500", [*MEMBERS[:3], *MEMBERS[4:], NEW])
    with PageServer(pages) as web, StandInRobot(home.root, is_guarded=True) as robot:
        robot.positions = [position(GONE), position("BRK B"), position("TSLA", 0)]
        robot.traded = [MEMBERS[5].ticker]
        robot.providers[0].events = [event("EARNINGS", 3, GONE)]
        environment = {
            **environment_of(web),
            "TWS_MAINTENANCE_ROBOT__URL": robot.url,
            "TWS_MAINTENANCE_ROBOT__PASSWORD": PASSWORD,
        }
        yield Scene(home, robot, environment, web)


@pytest.mark.process
def test_preview_apply_and_the_robot_serves_the_new_list_at_once(scene: Scene) -> None:
    assert GONE in scene.screened()

    look = result_of(scene.report("run", "--task", TASK), TASK)
    assert look["impact"] == {"positions": [GONE], "strategies": [], "watchlist": []}
    assert f"{GONE} leaves the list; it is held (positions)" in look["warnings"]
    assert look["caches"] == []
    assert GONE in scene.screened(), "a dry run changes nothing for the robot"

    (dry,) = reports_of(scene.home)
    done = result_of(scene.report("promote", dry["report_id"]), TASK)
    (cache,) = done["caches"]
    assert (cache["name"], cache["outcome"]) == ("sp500", "invalidated")
    assert f"{GONE} leaves the list; it is held (positions)" in done["warnings"]
    served = scene.screened()
    assert "NEWW" in served
    assert GONE not in served


@pytest.mark.process
def test_its_events_are_looked_at_then_refreshed_by_its_own_service(scene: Scene) -> None:
    look = result_of(
        scene.report("run", "--task", "market_events", "--symbol", "NVDA"), "market_events"
    )
    assert (look["status"], look["service"], look["dry_run"]) == ("success", "robot", True)
    assert any("cannot preview" in text for text in look["warnings"])
    assert not [path for _, path, _ in scene.robot.asked if path.endswith("/refresh")]
    assert look["symbols"]["NVDA"]["outcome"] == "not_asked"
    assert any("Not fetched: NVDA" in text for text in look["warnings"])
    assert scene.web.asked == [], "no provider of ours is asked besides"

    done = result_of(scene.report("run", "--apply", "--task", "market_events"), "market_events")
    assert (done["status"], done["validation"]["status"]) == ("success", "passed")
    assert [one["provider"] for one in done["providers"]] == [
        *(YAHOO, FED, HOLIDAYS),
        *ENRICHMENT,
    ]
    assert [one["symbol"] for one in done["diff"]["new"]] == [GONE, None, None, None]
    assert done["symbols"][GONE]["outcome"] == "ok"
    assert not scene.home.data.joinpath("market_events.db").exists(), "no store of ours besides"
    assert done["robots_own"]["types"] == {"CPI_RELEASE": 1, "JOBS_REPORT": 1}
    listed = scene.command("events", "list").stdout
    assert f"{GONE} earnings" in listed
    assert "2 events of types that only the robot keeps" in listed
    assert f"{in_days(6)}  jobs report  jobs_report" in listed
    value = json.loads(scene.command("events", "list", "--json").stdout)
    found = {one["event_type"]: (one["event_date"], one["event_time"]) for one in value["events"]}
    assert found == {
        "EARNINGS": (in_days(3), None),
        "FOMC": (in_days(12), "14:00:00"),
        "MARKET_EARLY_CLOSE": (in_days(19), "13:00:00"),
        "MARKET_HOLIDAY": (in_days(20), None),
    }
    assert "Market events: last complete sync 20" in scene.command("status").stdout

    scene.robot.provider(FED).fault = "the Federal Reserve answered HTTP 500"
    report = scene.report("run", "--apply", "--task", "market_events")
    part = result_of(report, "market_events")
    assert (report["status"], part["status"]) == ("partial_failure", "partial_failure")
    assert "The last sync partly failed: " in scene.command("status").stdout
    assert part["errors"] == [f"{FED}: the Federal Reserve answered HTTP 500"]


@pytest.mark.process
def test_a_robot_that_goes_away_leaves_the_lists_their_way_and_is_said_loudly(
    scene: Scene,
) -> None:
    report = scene.report("run", "--task", TASK)
    scene.robot.down()
    done = result_of(scene.report("promote", report["report_id"]), TASK)
    assert done["status"] == "success"
    assert done["changed"] is True
    assert [one["outcome"] for one in done["caches"]] == ["unreachable"]
    assert done["impact"]["positions"] is None
    assert any("15 minutes" in text for text in done["warnings"])
    assert any("unknown, not as empty" in text for text in done["warnings"])
    events = scene.report("run", "--apply", "--task", "market_events")
    assert events["status"] == "failed"
    assert "nothing listens there" in events["errors"][0]


@pytest.mark.process
def test_a_wrong_password_is_named_and_is_in_no_file(scene: Scene) -> None:
    secret = "the wrong secret"
    tasks = ("--task", TASK, "--task", "market_events")
    report = scene.report("run", *tasks, TWS_MAINTENANCE_ROBOT__PASSWORD=secret)
    assert report["status"] == "partial_failure"
    assert any("TWS_MAINTENANCE_ROBOT__PASSWORD" in text for text in report["errors"])
    look = result_of(report, TASK)
    assert look["impact"]["positions"] is None
    for path in scene.home.root.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert secret.encode() not in content, path
            assert PASSWORD.encode() not in content, path


@pytest.mark.process
def test_with_the_embedded_service_the_robots_symbols_are_fetched_by_us(scene: Scene) -> None:
    environment = {"TWS_MAINTENANCE_EVENTS__SERVICE": "embedded"}
    result = result_of(
        scene.report("run", "--task", "market_events", **environment), "market_events"
    )
    assert result["service"] == "embedded"
    held_or_traded = {GONE, "BRK-B", MEMBERS[5].ticker}
    assert set(result["symbols"]) == held_or_traded
    asked = {path for path in scene.web.asked if path.startswith(QUOTE_PATH)}
    assert asked == {f"{QUOTE_PATH}{symbol}" for symbol in held_or_traded}
    assert result["symbols"]["BRK-B"]["from"] == ["positions"]
    assert result["symbols"][MEMBERS[5].ticker]["from"] == ["strategies"]
    scene.robot.down()
    result = result_of(
        scene.report("run", "--task", "market_events", **environment), "market_events"
    )
    assert result["status"] in {"partial_failure", "failed"}
    assert any("unknown, not as empty" in text for text in result["errors"])
