"""Dagster asked through a process of its own: what is kept, for how long, and what a death does."""

import os
import signal
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.config.venues import VENUES
from tws_maintenance.core.errors import HomeError, StorageFault
from tws_maintenance.core.worker_process import WorkerDied, WorkerProcess
from tws_maintenance.market_events.market_hours import clocks
from tws_maintenance.market_events.providers.calendars import days_of
from tws_maintenance.pipeline.dagster_process import NotYetKnown, Observer
from tws_maintenance.pipeline.instance import VARIABLE
from tws_maintenance.pipeline.run_records import Known, Place
from tws_maintenance.pipeline.storage_mark import SqliteMark, StorageMark
from tws_maintenance.runs.request import RunSpec
from tws_maintenance_tests.pipeline.support import until

STI = "sti_constituents"
RUN_ID = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The questions that processes were asked, in order."""
    found: list[str] = []
    ask = WorkerProcess.ask

    def noticed(self: Any, question: Any) -> Any:
        found.append(question["ask"])
        return ask(self, question)

    monkeypatch.setattr(WorkerProcess, "ask", noticed)
    return found


@pytest.fixture
def observer(home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Observer]:
    monkeypatch.setenv(VARIABLE, str(home.dagster))
    found = Observer(home)
    yield found
    found.close()


def a_dead_process() -> int:
    """Return the number of a process that has ended."""
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return pid


def create_run(observer: Observer, process: int) -> None:
    observer.create_run(RunSpec((STI,), dry_run=True), RUN_ID, process)


@pytest.mark.process
def test_what_is_known_is_asked_again_only_when_the_storage_has_changed(
    observer: Observer, home: Home, asked: list[str]
) -> None:
    observer.known()
    kept = observer.known()  # the first answer comes before the storage is watched
    asked.clear()
    assert observer.known() is kept
    assert asked == []
    with sqlite3.connect(home.dagster / "event_log.db") as elsewhere:
        elsewhere.execute("CREATE TABLE of_another_process (id INTEGER)")
    assert observer.known() == kept
    assert asked == ["known"]
    observer.known()
    assert asked == ["known"]


@pytest.mark.process
def test_while_a_run_is_in_progress_it_is_asked_each_time_and_its_death_is_seen(
    observer: Observer, asked: list[str]
) -> None:
    alive = os.fork()
    if alive == 0:
        signal.pause()
    create_run(observer, alive)
    first = observer.known()
    assert [one.run_id for one in first.running] == [RUN_ID]
    assert (first.is_at_work, first.has_dead) == (True, False)
    asked.clear()
    assert observer.known() == first
    assert asked == ["known"]
    os.kill(alive, signal.SIGKILL)
    os.waitpid(alive, 0)
    # Nothing was written, and it is seen.
    assert observer.known().has_dead
    assert observer.look_at_run(RUN_ID).is_dead
    observer.reconcile()
    assert observer.known().running == ()


@pytest.mark.process
def test_a_process_that_died_is_started_again_and_no_answer_is_made_up(
    observer: Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_run(observer, os.getpid())
    first = observer.process_id
    assert first is not None
    os.kill(first, signal.SIGKILL)
    assert [one.run_id for one in observer.known().running] == [RUN_ID]
    assert observer.process_id not in {None, first}

    # Where it dies whenever it is asked, that is an error, never "nothing runs".
    monkeypatch.setattr(WorkerProcess, "ask", _dies)
    with pytest.raises(WorkerDied):
        observer.known()


def _dies(*_: object) -> None:
    raise WorkerDied("killed")


@pytest.mark.process
def test_a_question_that_is_open_at_the_end_starts_nothing_again(
    observer: Observer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    observer.known()
    process_id = observer.process_id
    assert process_id is not None
    ask = WorkerProcess.ask

    def meanwhile_closed(self: Any, question: Any) -> Any:
        # The console ends while this is being asked.
        os.kill(process_id, signal.SIGKILL)
        observer.close()
        return ask(self, question)

    monkeypatch.setattr(WorkerProcess, "ask", meanwhile_closed)
    with pytest.raises(WorkerDied):
        observer.look_at_run(RUN_ID)
    assert caplog.text == ""


@pytest.mark.process
def test_what_must_not_be_done_twice_is_not_asked_twice(
    observer: Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    observer.known()
    asked: list[object] = []

    def dies(_: object, question: object) -> None:
        asked.append(question)
        raise WorkerDied("killed")

    monkeypatch.setattr(WorkerProcess, "ask", dies)
    with pytest.raises(WorkerDied):
        create_run(observer, os.getpid())
    assert len(asked) == 1


@pytest.mark.process
def test_it_ends_when_nobody_asks_and_what_it_said_still_holds(
    home: Home, monkeypatch: pytest.MonkeyPatch, asked: list[str]
) -> None:
    monkeypatch.setenv(VARIABLE, str(home.dagster))
    observer = Observer(home, idle_seconds=0.05)
    observer.known()
    kept = observer.known()
    until(lambda: observer.process_id is None, "the end of the process")
    asked.clear()
    assert observer.known() is kept
    assert (asked, observer.process_id) == ([], None)
    # The next change starts it again, and who cannot wait is not told that nothing runs.
    with sqlite3.connect(home.dagster / "history" / "runs.db") as elsewhere:
        elsewhere.execute("CREATE TABLE of_another_process (id INTEGER)")
    with pytest.raises(NotYetKnown):
        observer.known(wait=0.0)
    assert observer.known() == kept
    observer.close()
    with pytest.raises(WorkerDied):
        observer.look_at_run(RUN_ID)


@pytest.mark.process
def test_the_holidays_of_a_year_are_asked_once_and_are_those_of_the_package(
    observer: Observer, asked: list[str]
) -> None:
    for venue in VENUES.values():
        assert observer.days_of(venue, 2026) == days_of(venue, 2026)
    assert observer.days_of(VENUES["XNYS"], 9999) is None
    at = datetime(2026, 11, 26, 15, 0, tzinfo=UTC)
    there = clocks(VENUES.values(), at, of=observer.days_of)
    asked.clear()
    assert clocks(VENUES.values(), at, of=observer.days_of) == there == clocks(VENUES.values(), at)
    assert asked == []


@pytest.mark.process
def test_a_storage_that_cannot_be_opened_or_read_is_told_as_what_it_is(
    home: Home, observer: Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    observer.known()
    runs = home.dagster / "history" / "runs.db"
    for one in (runs, runs.with_name("runs.db-wal"), runs.with_name("runs.db-shm")):
        one.unlink(missing_ok=True)
    runs.write_bytes(b"this is no database " * 50)
    with pytest.raises(StorageFault, match="file is not a database"):
        observer.known()
    monkeypatch.setenv(VARIABLE, "no/full/path")
    other = Observer(home)
    with pytest.raises(HomeError, match="not the full path"):
        other.wait_until_open()
    # It was not there once; that is not remembered.
    monkeypatch.setenv(VARIABLE, str(home.dagster))
    runs.unlink()
    other.wait_until_open()
    assert other.known() == Known()
    other.close()


def test_a_mark_moves_with_the_commits_of_others_and_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "one.db"
    watched = SqliteMark(str(path))
    seen = [watched.now()]
    other = sqlite3.connect(path)
    other.execute("PRAGMA journal_mode = WAL")
    for statement in ("CREATE TABLE t (id INTEGER)", "INSERT INTO t VALUES (1)"):
        other.execute(statement)
        other.commit()
        seen.append(watched.now())
        assert watched.now() == seen[-1]
    other.close()
    # Another file in its place may have the same version.
    (tmp_path / "two.db").write_bytes(path.read_bytes())
    (tmp_path / "two.db").replace(path)
    seen.append(watched.now())
    path.write_bytes(b"this is no database " * 50)
    seen.append(watched.now())
    path.unlink()
    assert watched.now() == seen[0]
    assert len(set(seen)) == len(seen)
    watched.close()


def test_a_storage_that_nobody_can_watch_has_no_mark(tmp_path: Path) -> None:
    assert StorageMark(Place(), None).now() is None
    assert StorageMark(Place(is_postgres=True), None).now() is None
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"this is no database " * 50)
    whole = StorageMark(Place(files=(str(broken), str(tmp_path / "missing.db"))), None)
    assert whole.now() is None
