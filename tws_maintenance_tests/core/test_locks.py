"""Locks between real processes, and what becomes of them when a holder is killed."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tws_maintenance.core.errors import LockHeld
from tws_maintenance.core.locks import hold

HOLDER = """
import sys
from pathlib import Path
from tws_maintenance.core.locks import hold

with hold(Path(sys.argv[1]), wait_seconds=5, holder=sys.argv[2]):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def holding(path: Path, holder: str) -> Iterator["subprocess.Popen[str]"]:
    """Let another process hold the lock; it lets go when its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path), holder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    """A lock in a folder that does not exist yet."""
    return tmp_path / "locks" / "sp500.lock"


@pytest.mark.process
def test_a_held_lock_names_its_holder_to_another_process(lock: Path) -> None:
    with holding(lock, "maintenance_20261122_181700") as process:
        with pytest.raises(LockHeld) as caught, hold(lock, wait_seconds=0, holder="another"):
            pass

        message = str(caught.value)
        expected = f"sp500 is locked by maintenance_20261122_181700 (process {process.pid}, since 2"
        assert message.startswith(expected)
        assert message.endswith(
            "and still was after 0 s. Wait for that run to end, then try again."
        )
        assert caught.value.code == "lock_held"


@pytest.mark.process
def test_a_refused_one_does_not_take_the_name_off_the_lock(lock: Path) -> None:
    with holding(lock, "the first"):
        for _ in range(2):
            with (
                pytest.raises(LockHeld, match="locked by the first"),
                hold(lock, wait_seconds=0, holder="another"),
            ):
                pass


@pytest.mark.process
def test_a_lock_is_free_when_its_holder_is_done(lock: Path) -> None:
    with holding(lock, "the first") as process:
        process.communicate()
        assert process.returncode == 0

        with hold(lock, wait_seconds=0, holder="the second"):
            assert '"the second"' in lock.with_suffix(".holder").read_text()

    assert not lock.with_suffix(".holder").exists()


@pytest.mark.process
def test_a_lock_is_free_when_its_holder_is_killed(lock: Path) -> None:
    with holding(lock, "the first") as process:
        process.kill()
        process.wait()
        assert '"the first"' in lock.with_suffix(".holder").read_text()

        with hold(lock, wait_seconds=0, holder="the second"):
            assert '"the second"' in lock.with_suffix(".holder").read_text()


@pytest.mark.process
def test_whoever_waits_gets_the_lock_when_it_becomes_free(lock: Path) -> None:
    with holding(lock, "the first") as first:
        waiting = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(lock), "the second"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        first.communicate()
        said, _ = waiting.communicate()

    assert (said, waiting.returncode) == ("held\n", 0)


def test_a_lock_is_freed_by_an_error_inside(lock: Path) -> None:
    with pytest.raises(ZeroDivisionError), hold(lock, wait_seconds=0, holder="the first"):
        raise ZeroDivisionError

    with hold(lock, wait_seconds=0, holder="the second"):
        pass


def test_a_lock_is_not_given_twice_within_one_process(lock: Path) -> None:
    with (
        hold(lock, wait_seconds=0, holder="the first"),
        pytest.raises(LockHeld, match=rf"locked by the first \(process {os.getpid()}, "),
        hold(lock, wait_seconds=0, holder="the second"),
    ):
        pass


def test_locks_of_two_indices_do_not_meet(lock: Path) -> None:
    with (
        hold(lock, wait_seconds=0, holder="the first"),
        hold(lock.with_name("hsi.lock"), wait_seconds=0, holder="the second"),
    ):
        assert sorted(path.name for path in lock.parent.iterdir()) == [
            "hsi.holder",
            "hsi.lock",
            "sp500.holder",
            "sp500.lock",
        ]


@pytest.mark.parametrize("note", ["", "{}", "[]", '{"holder": "x"}', "\u00ff not json"])
def test_a_damaged_note_still_tells_that_the_lock_is_held(lock: Path, note: str) -> None:
    with hold(lock, wait_seconds=0, holder="the first"):
        lock.with_suffix(".holder").write_text(note, encoding="latin-1")

        with (
            pytest.raises(LockHeld, match="sp500 is locked by another run, and still was"),
            hold(lock, wait_seconds=0, holder="the second"),
        ):
            pass
