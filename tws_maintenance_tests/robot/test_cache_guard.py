"""`CacheGuard`: a promotion by any process empties the robot's caches before the next answer."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from flask import Flask

from tws_maintenance.config.home import HOME_VARIABLE, Home
from tws_maintenance.config.indices import INDICES
from tws_maintenance.core.atomic import to_json, write_whole
from tws_maintenance.core.errors import UsageError
from tws_maintenance.demo.pages import companies
from tws_maintenance.robot import CacheGuard
from tws_maintenance.robot.cache_guard import EXTENSION, PATH
from tws_maintenance_tests.robot.stand_in import StandInRobot
from tws_maintenance_tests.support import write_live

SP500 = INDICES["sp500"]


def publish(home: Home, generation: str, key: str = "sp500") -> None:
    """Replace the stamp as a promotion does."""
    home.data.mkdir(parents=True, exist_ok=True)
    stamp = dict.fromkeys(("report_id", "proposal_id", "promoted_at", "sha256", "source"), "x")
    write_whole(home.generation_file(key), to_json({"generation": generation, **stamp}))


class Counting:
    """An application with one cache that counts how often it is emptied."""

    def __init__(self, home: Home) -> None:
        self.emptied = 0
        self.fault: Exception | None = None
        self.app = Flask("counting")
        self.guard = CacheGuard(self.app, {"sp500": self.invalidate}, home.root)
        self.app.add_url_rule("/", "front", lambda: "ok")

    def invalidate(self) -> None:
        if self.fault:
            raise self.fault
        self.emptied += 1

    def visit(self) -> str:
        answer = self.app.test_client().get("/")
        assert answer.status_code == 200
        return answer.text

    def state(self) -> dict[str, str | None]:
        answer = self.app.test_client().get(PATH)
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.json is not None
        assert answer.json["pid"] == os.getpid()
        found: dict[str, str | None] = answer.json["caches"]["sp500"]
        return found


@pytest.fixture
def counting(home: Home) -> Counting:
    return Counting(home)


def test_the_first_request_empties_and_the_next_do_not(counting: Counting) -> None:
    for _ in range(3):
        counting.visit()
    assert counting.emptied == 1


def test_every_promotion_empties_once(counting: Counting, home: Home) -> None:
    counting.visit()
    for number in range(2, 5):
        publish(home, f"g{number}")
        counting.visit()
        counting.visit()
        assert counting.emptied == number
        state = counting.state()
        assert (state["generation"], state["seen"], state["error"]) == (f"g{number}",) * 2 + (None,)


def test_another_index_and_other_files_do_not(counting: Counting, home: Home) -> None:
    publish(home, "g1")
    counting.visit()
    publish(home, "h1", "hsi")
    (home.data / "notes.txt").write_text("x")
    counting.visit()
    assert counting.emptied == 1


def test_a_stamp_that_is_gone_is_a_change_as_well(counting: Counting, home: Home) -> None:
    publish(home, "g1")
    counting.visit()
    home.generation_file("sp500").unlink()
    counting.visit()
    assert counting.emptied == 2
    assert counting.state()["seen"] is None


def test_an_invalidator_that_fails_is_told_and_tried_again(
    counting: Counting, home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    publish(home, "g1")
    counting.fault = ValueError("locked")
    assert counting.visit() == "ok"
    state = counting.state()
    assert (state["seen"], state["error"]) == (None, "ValueError: locked")
    assert "could not be emptied" in caplog.text
    counting.fault = None
    state = counting.state()
    assert (counting.emptied, state["seen"], state["error"]) == (1, "g1", None)


def test_a_promotion_while_it_empties_is_seen_at_the_next_request(home: Home) -> None:
    publish(home, "g1")
    emptied = []

    def invalidate() -> None:
        emptied.append(1)
        if len(emptied) == 1:
            publish(home, "g2")  # comes after the stamp was read

    app = Flask("racing")
    CacheGuard(app, {"sp500": invalidate}, home.root)
    app.test_client().get("/")
    app.test_client().get("/")
    app.test_client().get("/")
    assert len(emptied) == 2


def test_many_threads_empty_once_and_none_is_served_before(home: Home) -> None:
    publish(home, "g1")
    started, may_go = threading.Event(), threading.Event()
    emptied: list[int] = []
    app = Flask("threads")

    def invalidate() -> None:
        started.set()
        may_go.wait(20)
        emptied.append(1)

    CacheGuard(app, {"sp500": invalidate}, home.root)
    app.add_url_rule("/", "front", lambda: str(len(emptied)))
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(lambda: app.test_client().get("/").text) for _ in range(8)]
        started.wait(20)
        may_go.set()
        assert {one.result() for one in answers} == {"1"}
    assert emptied == [1]


@pytest.mark.parametrize(
    ("caches", "told"),
    [
        ({"dax": print}, "known: sp500, sti, hsi, nasdaq100, nikkei225"),
        ({"sti": 5}, "without parentheses"),
    ],
)
def test_a_mistake_is_told_where_it_is_mounted(
    home: Home, caches: dict[str, object], told: str
) -> None:
    with pytest.raises(UsageError, match=told):
        CacheGuard(Flask("mistaken"), caches, home.root)  # type: ignore[arg-type]


def test_an_index_that_this_process_has_off_may_be_guarded(home: Home) -> None:
    """The robot's process need not find the home of which the file switches it on."""
    emptied: list[str] = []
    app = Flask("another")
    CacheGuard(app, {"nasdaq100": lambda: emptied.append("nasdaq100")}, home.root)
    app.test_client().get("/")
    assert emptied == ["nasdaq100"]


def test_a_second_guard_is_refused(counting: Counting, home: Home) -> None:
    with pytest.raises(UsageError, match="already"):
        CacheGuard(counting.app, {}, home.root)
    assert counting.app.extensions[EXTENSION] is counting.guard


@pytest.mark.process
@pytest.mark.cold
def test_it_brings_nothing_heavy_into_the_robots_process() -> None:
    heavy = ("flask", "pydantic", "requests", "sqlalchemy", "pandas", "lxml", "dagster")
    code = (
        "import sys, tws_maintenance.robot as r; assert r.CacheGuard; "
        f"print([n for n in {heavy!r} if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


@pytest.fixture(params=[True, False], ids=["guarded", "not guarded"])
def screener_of(request: pytest.FixtureRequest, home: Home) -> Iterator[StandInRobot]:
    write_live(home, SP500, companies("sp500"))
    with StandInRobot(home.root, is_guarded=request.param) as robot:
        yield robot


def test_the_screener_serves_the_new_members_only_with_the_guard(
    screener_of: StandInRobot, home: Home
) -> None:
    client = screener_of.app.test_client()
    screener_of.app.config["LOGIN_DISABLED"] = True
    path = "/api/stocks/sp500/screener"
    before = client.get(path).json
    assert before is not None
    write_live(home, SP500, companies("sp500")[1:])
    publish(home, "g2")
    after = client.get(path).json
    assert after is not None
    is_guarded = EXTENSION in screener_of.app.extensions
    assert len(after["symbols"]) == len(before["symbols"]) - (1 if is_guarded else 0)


def test_the_home_is_the_one_of_the_environment_unless_named(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(home.root))
    monkeypatch.chdir(tmp_path)
    publish(home, "g7")
    app = Flask("found")
    CacheGuard(app, {"sp500": list})
    answer = app.test_client().get(PATH).json
    assert answer is not None
    assert answer["caches"]["sp500"]["seen"] == "g7"
