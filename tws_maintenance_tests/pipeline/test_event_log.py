"""What our event log holds is what Dagster's own would: the same rows, whether written together."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.event_log import ConsolidatedSqliteEventLogStorage

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES, METADATA_VALIDATION
from tws_maintenance.demo.pages import companies, page
from tws_maintenance.demo.server import PageServer
from tws_maintenance.pipeline.event_log import PAGE_BYTES, SqliteEventLog
from tws_maintenance.pipeline.execution import execute
from tws_maintenance.pipeline.instance import open_instance
from tws_maintenance.pipeline.lazy_imports import KNOWN_DAGSTER
from tws_maintenance.runs.request import RunSpec
from tws_maintenance_tests.pipeline.support import good_pages
from tws_maintenance_tests.support import environment_of, quiet_environment, spoiled

TABLES = ("event_logs", "asset_check_executions", "asset_keys", "asset_event_tags")


def rows_of(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Return every row of the tables of events, but when it was created by the clock."""
    found = {}
    with sqlite3.connect(folder / "event_log.db") as database:
        database.row_factory = sqlite3.Row
        for table in TABLES:
            rows = map(dict, database.execute(f"SELECT * FROM {table} ORDER BY id"))  # noqa: S608
            found[table] = [row | {"create_timestamp": None} for row in rows]
    return found


def store(log: ConsolidatedSqliteEventLogStorage, events: Sequence[dg.EventLogEntry]) -> None:
    for one in events:
        log.store_event(one)


def stored_by_both(
    events: Sequence[dg.EventLogEntry], folder: Path
) -> tuple[dict[str, list[dict[str, Any]]], dict[str, list[dict[str, Any]]]]:
    """Return what our log holds of events that were stored together, and what Dagster's does."""
    ours, theirs = SqliteEventLog(str(folder / "ours")), folder / "theirs"
    with ours.together():
        store(ours, events)
    store(ConsolidatedSqliteEventLogStorage(str(theirs)), events)
    return rows_of(folder / "ours"), rows_of(theirs)


@pytest.fixture(scope="module")
def dry_run(tmp_path_factory: pytest.TempPathFactory) -> Sequence[dg.EventLogEntry]:
    """The events of a dry run of the STI."""
    home = Home(tmp_path_factory.mktemp("dry_run"))
    with PageServer(good_pages()) as server, quiet_environment() as patch:
        for name, value in environment_of(server).items():
            patch.setenv(name, value)
        executed = execute(home, RunSpec((INDICES["sti"].task,), dry_run=True))
        with open_instance(home) as instance:
            return instance.all_logs(executed.run_id)


def test_the_way_of_storing_is_that_of_the_installed_dagster() -> None:
    """Another version: compare `SqlEventLogStorage.store_event` with `_write`, then name it."""
    assert dg.__version__ == KNOWN_DAGSTER


def test_the_events_of_a_run_written_together_are_the_rows_of_dagsters_own_writing(
    entered: Home, server: PageServer, tmp_path: Path
) -> None:
    server.pages["hsi"] = page("hsi", spoiled(companies("hsi")))
    tasks = (INDICES["sti"].task, INDICES["hsi"].task, METADATA_VALIDATION)
    executed = execute(entered, RunSpec(tasks, dry_run=False))
    with open_instance(entered) as instance:
        events = instance.all_logs(executed.run_id)
    kinds = {one.dagster_event_type for one in events}
    assert {
        dg.DagsterEventType.ASSET_MATERIALIZATION,
        dg.DagsterEventType.ASSET_CHECK_EVALUATION,
        dg.DagsterEventType.STEP_FAILURE,
    } <= kinds

    ours, theirs = stored_by_both(events, tmp_path)

    assert ours == theirs
    assert rows_of(entered.dagster) == theirs
    assert {row["execution_status"] for row in ours["asset_check_executions"]} == {
        "SUCCEEDED",
        "FAILED",
        "PLANNED",
    }


@pytest.mark.services
def test_what_is_known_of_a_proposal_is_written_once_and_a_check_says_each_thing_once(
    dry_run: Sequence[dg.EventLogEntry],
) -> None:
    events = [one.dagster_event for one in dry_run]

    (output,) = (
        one.step_output_data
        for one in events
        if one and one.is_successful_output and "staged__" in str(one.step_key)
    )
    (kept,) = (one.materialization for one in events if one and one.is_step_materialization)
    checks = [
        one.asset_check_evaluation_data
        for one in events
        if one and one.event_type_value == "ASSET_CHECK_EVALUATION"
    ]
    assert output.metadata == {}
    assert {"task_result", "diff", "sha256", "preview"} <= set(kept.metadata)
    assert len(checks) == 18
    assert all(one.description for one in checks)
    assert {key for one in checks for key in one.metadata} == {"measured"}


def test_a_new_log_has_pages_for_several_events_and_an_older_one_stays_as_it_is(
    tmp_path: Path,
) -> None:
    ConsolidatedSqliteEventLogStorage(str(tmp_path / "older"))
    for folder, size in ((tmp_path / "new", PAGE_BYTES), (tmp_path / "older", 4096)):
        SqliteEventLog(str(folder)).dispose()
        with sqlite3.connect(folder / "event_log.db") as file:
            assert file.execute("PRAGMA page_size").fetchone() == (size,)
            assert file.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.services
def test_a_check_that_nobody_planned_is_stored_in_dagsters_own_way(
    dry_run: Sequence[dg.EventLogEntry], tmp_path: Path
) -> None:
    planned = dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED
    unplanned = [one for one in dry_run if one.dagster_event_type != planned]

    ours, theirs = stored_by_both(unplanned, tmp_path)

    assert ours == theirs
    assert len(ours["asset_check_executions"]) == 18


def test_what_was_stored_before_an_interrupt_is_kept(tmp_path: Path) -> None:
    entry = dg.EventLogEntry(  # type: ignore[no-untyped-call]
        error_info=None, level=20, user_message="told", run_id="a run", timestamp=1.0
    )
    log = SqliteEventLog(str(tmp_path))

    def interrupted() -> None:
        with log.together():
            log.store_event(entry)
            assert log.get_logs_for_run("a run") == []
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert [one.user_message for one in log.get_logs_for_run("a run")] == ["told"]
    log.store_event(entry)
    assert len(log.get_logs_for_run("a run")) == 2
