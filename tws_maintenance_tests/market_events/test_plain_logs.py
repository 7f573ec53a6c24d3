"""The log read without SQLAlchemy is the log, or is left to whoever can say what is wrong."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.config.settings import EventSettings, Settings
from tws_maintenance.market_events.model import SyncLog
from tws_maintenance.market_events.store.event_store import EventStore
from tws_maintenance.market_events.store.plain_logs import plain_logs
from tws_maintenance_tests.market_events.store_support import sync_log

pytestmark = pytest.mark.unit


@pytest.fixture
def logged(home: Home) -> Home:
    """A home with a log of three turns."""
    home.data.mkdir(parents=True)
    with EventStore(home, Settings()) as store:
        store.prepare()
        with store.transaction() as writer:
            for number in range(3):
                writer.log(sync_log(f"maintenance_20261122_19000{number}", error_message=None))
    return home


def execute(home: Home, statement: str) -> None:
    with closing(sqlite3.connect(home.market_events)) as connection:
        connection.execute(statement)
        connection.commit()


def plain(home: Home, limit: int = 20) -> list[SyncLog] | None:
    return plain_logs(home, Settings(), limit)


def test_it_reads_what_the_store_reads(logged: Home) -> None:
    with EventStore(logged, Settings()) as store:
        assert plain(logged) == store.sync_logs()
        assert plain(logged, 2) == store.sync_logs(limit=2)
    assert len(plain(logged) or []) == 3


def test_there_are_none_before_the_first_sync(home: Home) -> None:
    assert plain(home) == []
    assert list(home.root.iterdir()) == []


def test_another_database_is_left_to_the_store(logged: Home) -> None:
    events = EventSettings(database_url=f"sqlite:///{logged.market_events}")
    assert plain_logs(logged, Settings(events=events), 20) is None


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE tws_maintenance_version",
        "DROP TABLE market_events",
        "UPDATE tws_maintenance_version SET version_num = '9999'",
        "INSERT INTO tws_maintenance_version VALUES ('0003')",
        "DELETE FROM tws_maintenance_version",
        "UPDATE market_event_sync_logs SET detail_json = 'nothing'",
        "UPDATE market_event_sync_logs SET detail_json = '[]'",
        "UPDATE market_event_sync_logs SET sync_finished_at = 'yesterday'",
        "UPDATE market_event_sync_logs SET sync_finished_at = 5",
        "ALTER TABLE market_event_sync_logs DROP COLUMN status",
    ],
)
def test_whatever_is_not_in_order_is_left_to_the_store(logged: Home, statement: str) -> None:
    execute(logged, statement)
    assert plain(logged) is None


@pytest.mark.parametrize("content", [b"", b"no database at all" * 100])
def test_a_file_that_is_no_database_is_left_to_the_store(home: Home, content: bytes) -> None:
    home.data.mkdir(parents=True)
    Path(home.market_events).write_bytes(content)
    assert plain(home) is None


def test_reading_leaves_nothing_beside_the_file(logged: Home) -> None:
    before = sorted(logged.data.iterdir()), logged.market_events.read_bytes()
    assert plain(logged)
    assert (sorted(logged.data.iterdir()), logged.market_events.read_bytes()) == before
