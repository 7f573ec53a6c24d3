"""The real daemon with every sensor switched on: it looks once, tells once, and leaves it there."""

import contextlib
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import dagster as dg
import pytest
from dagster._core.scheduler.instigation import (
    InstigatorTick,
    SensorInstigatorData,
    TickStatus,
)

from tws_maintenance.config.home import HOME_VARIABLE, Home
from tws_maintenance.config.indices import INDICES
from tws_maintenance.demo.pages import companies
from tws_maintenance.demo.server import PageServer
from tws_maintenance.operations.notices.channels import FILE
from tws_maintenance.pipeline.instance import VARIABLE, open_instance
from tws_maintenance_tests.operations.notices.servers import Webhook
from tws_maintenance_tests.pipeline.support import (
    LOCATION,
    good_pages,
    quiet_environment,
    until,
    web_environment,
)
from tws_maintenance_tests.support import Program, live_bytes, reports_of, write_live

pytestmark = pytest.mark.xdist_group("daemon")
OFFPEAK, NOTICES, RECONCILE = "offpeak_refresh_sensor", "notice_sensor", "reconcile_sensor"
ENDED = {TickStatus.SUCCESS, TickStatus.SKIPPED, TickStatus.FAILURE}


class Daemon:
    """A running daemon, and what its ticks came to."""

    def __init__(self, home: Home, instance: dg.DagsterInstance, telemetry: Webhook) -> None:
        self.home = home
        self.telemetry = telemetry
        self.before = live_bytes(home)
        self._instance = instance

    def ticks(self, sensor: str) -> list[InstigatorTick]:
        """Return the ticks of a sensor that ended, newest first."""
        state = self._state(sensor)
        found = self._instance.get_ticks(state.instigator_origin_id, state.selector_id)
        return [tick for tick in found if tick.status in ENDED]

    def tick_again(self, *sensors: str) -> list[InstigatorTick]:
        """Let sensors tick before their intervals are over, and return what came of it."""
        known = {}
        for sensor in sensors:
            until(lambda: self._is_at_rest(sensor), f"{sensor} to be at rest")  # noqa: B023
            known[sensor] = len(self.ticks(sensor))
            state = self._state(sensor)
            data = state.instigator_data
            assert isinstance(data, SensorInstigatorData)
            at_once = SensorInstigatorData(
                cursor=data.cursor, min_interval=data.min_interval, sensor_type=data.sensor_type
            )
            self._instance.update_instigator_state(state.with_data(at_once))
        for sensor, count in known.items():
            until(lambda: len(self.ticks(sensor)) > count, f"the next tick of {sensor}")  # noqa: B023
        return [self.ticks(sensor)[0] for sensor in sensors]

    def _is_at_rest(self, sensor: str) -> bool:
        """Say whether a tick is over: the daemon writes the tick first, the sensor's state last.

        A state that is written in between is overwritten, and the sensor waits its interval.
        """
        data = self._state(sensor).instigator_data
        assert isinstance(data, SensorInstigatorData | None)
        return data is not None and data.last_tick_success_timestamp is not None

    def _state(self, sensor: str) -> Any:
        states = self._instance.all_instigator_state()
        return next(state for state in states if state.instigator_name == sensor)


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon on a home with one list; all its sensors were switched on by the command."""
    home = Home(tmp_path_factory.mktemp("daemon") / "home")
    write_live(home, INDICES["sti"], companies("sti")[:-1])
    home.logs.mkdir(parents=True)
    (home.logs / "run_before.log").write_text("what a run had to say, with a position in it\n")
    with (
        quiet_environment() as patch,
        PageServer(good_pages()) as server,
        Webhook() as telemetry,
    ):
        patch.setenv(HOME_VARIABLE, str(home.root))
        patch.setenv(VARIABLE, str(home.dagster))
        program = Program(
            home,
            {
                **web_environment(server),
                "TWS_MAINTENANCE_NOTICES__FILE": "true",
                "DAGSTER_TELEMETRY_URL": telemetry.url,
            },
        )
        with open_instance(home) as instance:
            switched = program("dagster", "sensor", "start", "--start-all")
            assert switched.returncode == 0, switched.stderr
            with _running(program):
                yield Daemon(home, instance, telemetry)


@contextlib.contextmanager
def _running(program: Program) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "-m", "dagster._daemon", "run", "-m", LOCATION],
        env=program.full_environment(),
        cwd=program.home.root,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=60)


@dataclass
class Looks:
    """What the sensors did in two looks after the first run, and the notices after each."""

    daemon: Daemon
    ticks: list[InstigatorTick]
    notices: list[list[dict[str, str]]]


@pytest.fixture(scope="module")
def looks(daemon: Daemon) -> Looks:
    until(lambda: bool(reports_of(daemon.home)), "the report of the dry run")
    found = Looks(daemon, [], [])
    for _ in range(2):
        found.ticks = daemon.tick_again(OFFPEAK, NOTICES, RECONCILE)
        text = (daemon.home.logs / FILE).read_text()
        found.notices.append([json.loads(line) for line in text.splitlines()])
    return found


def test_a_stale_list_gets_its_dry_run_and_no_second_one_follows(looks: Looks) -> None:
    reports = reports_of(looks.daemon.home)
    assert {(one["entry_point"], one["dry_run"]) for one in reports} == {("sensor", True)}
    # A market may have closed meanwhile: each list has its own, and none has two.
    done = Counter(result["task"] for one in reports for result in one["results"])
    assert done
    assert set(done.values()) == {1}
    assert "never refreshed" in reports[0]["reason"]
    assert looks.ticks[0].status in (TickStatus.SKIPPED, TickStatus.SUCCESS)
    assert live_bytes(looks.daemon.home) == looks.daemon.before


def test_what_is_wrong_is_told_once_however_often_the_sensor_looks(looks: Looks) -> None:
    assert looks.ticks[1].skip_reason == "Nothing new to send."
    first, second = looks.notices
    assert first == second
    assert Counter(one["subject"] for one in first if one["kind"] == "stale") == {
        "S&P 500 is stale": 1,
        "STI is stale": 1,
        "HSI is stale": 1,
        "Events are stale": 1,
    }


def test_the_other_sensors_tick_and_find_nothing(looks: Looks) -> None:
    assert looks.ticks[2].skip_reason == "No run has died."
    states = [tick.status for tick in looks.daemon.ticks("run_failure_notice_sensor")]
    assert states
    assert TickStatus.FAILURE not in states


def test_what_runs_and_notices_said_is_sent_to_nobody_and_stays(looks: Looks) -> None:
    """Dagster sends what lies in its folder `logs` to its makers, telemetry or not."""
    home = looks.daemon.home
    assert sorted(path.name for path in home.logs.iterdir()) == [FILE, "run_before.log"]
    assert list((home.dagster / "logs").iterdir()) == []  # made by Dagster itself
    assert looks.daemon.telemetry.asked == []
