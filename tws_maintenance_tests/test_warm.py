"""The warm process is a faithful stand-in: what it forks gets its streams, its code and its end."""

import multiprocessing
import os
import signal
import sys
from multiprocessing.context import SpawnContext
from multiprocessing.queues import Queue

import pytest

from tws_maintenance_tests.support import PORTS, free_port

pytestmark = pytest.mark.process


@pytest.fixture
def spawn() -> SpawnContext:
    return multiprocessing.get_context("spawn")


def tell(queue: "Queue[tuple[int, bool]]") -> None:
    queue.put((os.getpid(), "dagster._core.instance" in sys.modules))


def test_what_multiprocessing_spawns_is_forked_and_can_be_talked_to(spawn: SpawnContext) -> None:
    queue: Queue[tuple[int, bool]] = spawn.Queue()
    process = spawn.Process(target=tell, args=(queue,))
    process.start()
    assert queue.get(timeout=60) == (process.pid, True)
    process.join()
    assert process.exitcode == 0


def test_the_end_of_what_is_spawned_is_reported(spawn: SpawnContext) -> None:
    leaves, waits = spawn.Process(target=sys.exit, args=(3,)), spawn.Process(target=signal.pause)
    for process in (leaves, waits):
        process.start()
    assert waits.is_alive()
    waits.terminate()
    for process in (leaves, waits):
        process.join()
        assert not process.is_alive()
    assert (leaves.exitcode, waits.exitcode) == (3, -signal.SIGTERM)


@pytest.mark.cold
def test_what_is_spawned_by_a_cold_test_is_a_python_of_its_own(spawn: SpawnContext) -> None:
    queue: Queue[tuple[int, bool]] = spawn.Queue()
    process = spawn.Process(target=tell, args=(queue,))
    process.start()
    assert queue.get(timeout=60) == (process.pid, False)
    process.join()


@pytest.mark.parametrize("worker", [0, 1, 2])
def test_each_worker_has_ports_of_its_own(monkeypatch: pytest.MonkeyPatch, worker: int) -> None:
    monkeypatch.setenv("PYTEST_XDIST_WORKER", f"gw{worker}")
    monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", "3")
    assert {(free_port() - PORTS.start) % 3 for _ in range(5)} == {worker}
