"""DAGSTER_HOME: made ready once, by whoever comes first, and never when it is somebody else's."""

import sqlite3
import subprocess
import sys
import uuid
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.run_coordinator import DefaultRunCoordinator
from dagster._core.storage.defs_state.base import DefsStateStorage

from tws_maintenance.config.home import Home
from tws_maintenance.core.errors import HomeError
from tws_maintenance.pipeline.event_log import SqliteEventLog
from tws_maintenance.pipeline.execution import execute
from tws_maintenance.pipeline.instance import (
    CONFIGURATION,
    FILES,
    READY_MARK,
    _made_ready,
    open_instance,
    prepare,
)
from tws_maintenance.runs.request import RunSpec
from tws_maintenance_tests.pipeline.support import LOCATION
from tws_maintenance_tests.support import Program, reports_of

# What each of four processes does: open the new home and write a run.
FIRST_OPENING = """
import uuid

import dagster as dg
from tws_maintenance.config.home import find_home
from tws_maintenance.pipeline.instance import open_instance

with open_instance(find_home()) as instance:
    instance.add_run(dg.DagsterRun(job_name="first", run_id=str(uuid.uuid4())))
    print(len(instance.get_runs()))
"""


def test_four_processes_may_open_a_new_home_at_once(program: Program) -> None:
    """Without the lock one home in three ended with two rows in alembic_version."""
    running = [
        subprocess.Popen(
            [sys.executable, "-c", FIRST_OPENING],
            env=program.full_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    ended = [one.communicate(timeout=90) for one in running]

    assert [one.returncode for one in running] == [0, 0, 0, 0], ended
    assert max(int(out) for out, _ in ended) == 4
    folder = program.home.dagster
    assert (folder / "dagster.yaml").read_text() == CONFIGURATION
    assert sorted(one.name for one in folder.iterdir()) == [
        "dagster.yaml",
        "event_log.db",
        "history",
        "locks",
        "schedules",
    ]


def test_a_home_of_ours_is_quiet_and_launches_from_the_webserver_alone(home: Home) -> None:
    with open_instance(home) as instance:
        assert instance.telemetry_enabled is False
        assert instance.nux_enabled is False
        assert isinstance(instance.run_coordinator, DefaultRunCoordinator)
        assert isinstance(instance.event_log_storage, SqliteEventLog)
    assert str(home.root) not in (home.dagster / "dagster.yaml").read_text()


def test_an_instance_that_a_home_was_made_ready_with_is_not_dagsters_present_one(
    home: Home,
) -> None:
    opened = _made_ready(home, None)
    assert opened is not None
    assert DefsStateStorage.get() is None
    opened.dispose()


def test_what_an_operator_changed_in_our_configuration_stays(home: Home) -> None:
    prepare(home)
    mine = yaml.safe_load(CONFIGURATION) | {"telemetry": {"enabled": True}}
    (home.dagster / "dagster.yaml").write_text(yaml.safe_dump(mine))
    prepare(home)
    with open_instance(home) as instance:
        assert instance.telemetry_enabled is True
    assert storages_of(home) == DAGSTERS_OWN


@pytest.fixture
def ready(home: Home) -> Home:
    """A home that was opened before."""
    prepare(home)
    return home


def storages_of(home: Home) -> list[str]:
    with open_instance(home) as instance:
        instance.add_run(dg.DagsterRun(job_name="one more", run_id=str(uuid.uuid4())))
        assert instance.all_instigator_state() == []
        storages = (instance.run_storage, instance.event_log_storage, instance.schedule_storage)
        return [type(one).__name__ for one in storages]


DAGSTERS_OWN = ["SqliteRunStorage", "SqliteEventLog", "SqliteScheduleStorage"]
OURS = ["SqliteRuns", "SqliteEventLog", "SqliteSchedules"]


def test_a_home_that_this_dagster_has_made_ready_is_opened_without_looking_for_migrations(
    ready: Home,
) -> None:
    assert storages_of(ready) == OURS
    mark = ready.locks / READY_MARK
    assert mark.read_text() == f"dagster {dg.__version__}"


@pytest.mark.parametrize("former", ["", "dagster 1.0.0"])
def test_a_home_that_another_version_made_ready_is_looked_at_by_dagster_once(
    ready: Home, former: str
) -> None:
    (ready.locks / READY_MARK).write_text(former)
    with sqlite3.connect(ready.dagster / "history" / "runs.db") as database:
        database.execute("DELETE FROM alembic_version")
    assert storages_of(ready) == DAGSTERS_OWN
    with sqlite3.connect(ready.dagster / "history" / "runs.db") as database:
        assert len(database.execute("SELECT * FROM alembic_version").fetchall()) == 1
    assert storages_of(ready) == OURS


@pytest.mark.parametrize("file", FILES.values())
def test_a_file_of_dagster_that_was_removed_is_made_again(ready: Home, file: str) -> None:
    (ready.dagster / file).unlink()
    assert storages_of(ready) == DAGSTERS_OWN
    assert storages_of(ready) == OURS


def test_an_operators_own_dagster_home_is_used_but_not_modified(
    entered: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "dagster of the operator"
    mine.mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(mine))

    executed = execute(entered, RunSpec(("sti_constituents",), dry_run=True))

    assert not (mine / "dagster.yaml").exists()
    assert sorted(one.name for one in entered.dagster.iterdir()) == ["locks"]
    assert not list((entered.dagster / "locks").glob("dagster_home*"))
    (report,) = reports_of(entered)
    assert (report["run_id"], report["status"]) == (executed.run_id, "completed")
    with open_instance(entered) as instance:
        assert instance.root_directory == str(mine)
        assert instance.get_run_by_id(executed.run_id) is not None


def test_a_home_that_cannot_be_written_is_told_with_what_to_do(home: Home) -> None:
    home.dagster.write_text("a file where the folder should be")
    with pytest.raises(HomeError, match=r"^\.dagster cannot be written \(.*set DAGSTER_HOME to a"):
        prepare(home)


def test_dagster_itself_finds_nothing_to_complain_about(program: Program) -> None:
    done = program.execute(
        *(sys.executable, "-m", "dagster", "definitions", "validate", "-m", LOCATION)
    )
    assert done.returncode == 0, done.stderr
    assert "Validation successful for code location" in done.stdout + done.stderr
