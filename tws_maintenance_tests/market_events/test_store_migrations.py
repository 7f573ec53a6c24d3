"""The schema: made once, brought up to date with its rows kept, and never somebody else's."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import NullPool, create_engine

from tws_maintenance.core.errors import StoreError
from tws_maintenance.market_events.model import Pair
from tws_maintenance.market_events.store.event_store import EventStore
from tws_maintenance.market_events.store.schema import HEAD, REVISIONS, VERSION_TABLE
from tws_maintenance.market_events.store.tables import METADATA
from tws_maintenance_tests.market_events.store_support import (
    AT,
    LATER,
    YAHOO,
    all_at_once,
    ask,
    earnings,
    opened,
    stored_in,
    sync_log,
    the_one,
    whole,
)
from tws_maintenance_tests.postgres import EventDatabase
from tws_maintenance_tests.support import TIMEOUT_SECONDS


def with_the_robots_tables(database: EventDatabase) -> None:
    """Make the robot's own tables, with its rows, and no version table of ours."""
    stored_in(database, earnings()).close()
    ask(database, f"DROP TABLE {VERSION_TABLE}")
    ask(database, "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
    ask(database, "INSERT INTO alembic_version VALUES ('robot7')")


def every_use(store: EventStore) -> list[Callable[[], object]]:
    def write() -> None:
        with store.transaction() as writer:
            writer.log(sync_log())

    return [store.read, store.sync_logs, store.prepare, write]


def test_the_migrated_schema_is_the_one_of_the_tables(event_database: EventDatabase) -> None:
    opened(event_database).prepare()
    engine = create_engine(event_database.sqlalchemy_url, poolclass=NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": VERSION_TABLE, "compare_type": True}
        )
        assert compare_metadata(context, METADATA) == []


def test_every_revision_is_known_by_name() -> None:
    config = Config()
    config.set_main_option("script_location", "tws_maintenance.market_events.store:migrations")
    revisions = [one.revision for one in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(revisions)) == REVISIONS
    assert revisions[0] == HEAD


def test_reading_where_nothing_is_makes_nothing(event_database: EventDatabase) -> None:
    before = whole(event_database)
    store = opened(event_database)
    assert store.read() == []
    assert store.sync_logs() == []
    assert list(event_database.home.root.iterdir()) == []
    assert whole(event_database) == before


def test_reading_an_empty_file_leaves_it_empty(sqlite_database: EventDatabase) -> None:
    sqlite_database.home.data.mkdir()
    sqlite_database.home.market_events.touch()
    assert opened(sqlite_database).read() == []
    assert whole(sqlite_database) == {"market_events.db": b""}
    assert stored_in(sqlite_database, earnings()).read() != []


def test_reading_changes_nothing(event_database: EventDatabase) -> None:
    store = stored_in(event_database, earnings())
    before = whole(event_database)
    assert len(store.read()) == 1
    assert store.sync_logs() == []
    assert whole(event_database) == before


def test_a_file_in_wal_mode_is_read_without_anything_beside_it(
    sqlite_database: EventDatabase,
) -> None:
    store = stored_in(sqlite_database, earnings())
    ask(sqlite_database, "PRAGMA journal_mode=WAL")
    before = whole(sqlite_database)
    assert set(before) == {"market_events.db"}  # type: ignore[call-overload]
    assert len(store.read()) == 1
    assert whole(sqlite_database) == before
    with store.transaction() as writer:
        writer.retire(store.read(), LATER)
    assert set(whole(sqlite_database)) == {"market_events.db"}  # type: ignore[call-overload]


def test_preparing_again_changes_nothing(event_database: EventDatabase) -> None:
    store = stored_in(event_database, earnings())
    before = whole(event_database)
    store.prepare()
    assert whole(event_database) == before
    versions = ask(event_database, f"SELECT version_num FROM {VERSION_TABLE}")  # noqa: S608
    assert versions == [(HEAD,)]


@pytest.mark.cold
@pytest.mark.process
def test_alembic_is_only_loaded_for_a_migration(sqlite_database: EventDatabase) -> None:
    stored_in(sqlite_database, earnings())
    program = """
import sys
from pathlib import Path
from tws_maintenance.config.home import Home
from tws_maintenance.market_events.store.event_store import EventStore
from tws_maintenance.config.settings import Settings
store = EventStore(Home(Path(sys.argv[1])), Settings())
store.prepare()
print(len(store.read()), "alembic" in sys.modules)
"""
    command = [sys.executable, "-c", program, str(sqlite_database.home.root)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
    )
    assert (done.stdout, done.stderr) == ("1 False\n", "")


# As the two revisions left it that this one was made of.
FORMER = (
    """CREATE TABLE tws_maintenance_version (version_num VARCHAR(32) NOT NULL,
    CONSTRAINT tws_maintenance_version_pkc PRIMARY KEY (version_num))""",
    "INSERT INTO tws_maintenance_version VALUES ('0002')",
    """CREATE TABLE market_events (id INTEGER NOT NULL, event_id VARCHAR NOT NULL,
    event_type VARCHAR NOT NULL, symbol VARCHAR, title TEXT NOT NULL, description TEXT NOT NULL,
    event_date DATE NOT NULL, event_time TIME, start_at_utc DATETIME, end_at_utc DATETIME,
    market_timezone VARCHAR NOT NULL, source VARCHAR NOT NULL, source_event_id VARCHAR NOT NULL,
    source_url TEXT NOT NULL, detail_json TEXT NOT NULL, raw_payload_json TEXT NOT NULL,
    raw_payload_hash VARCHAR NOT NULL, is_portfolio_relevant BOOLEAN NOT NULL,
    confidence VARCHAR NOT NULL, importance_score INTEGER NOT NULL, status VARCHAR NOT NULL,
    last_seen_at DATETIME NOT NULL, fetched_at DATETIME NOT NULL, created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL, PRIMARY KEY (id),
    CONSTRAINT uq_market_events_event_id UNIQUE (event_id),
    CONSTRAINT uq_market_events_type_symbol_date UNIQUE (event_type, symbol, event_date))""",
    "CREATE INDEX ix_market_events_event_date ON market_events (event_date)",
    "CREATE INDEX ix_market_events_source_status ON market_events (source, status)",
    """CREATE TABLE market_event_sync_logs (id INTEGER NOT NULL, provider VARCHAR NOT NULL,
    event_type VARCHAR NOT NULL, sync_started_at DATETIME NOT NULL,
    sync_finished_at DATETIME NOT NULL, window_start_utc DATETIME NOT NULL,
    window_end_utc DATETIME NOT NULL, status VARCHAR NOT NULL, fetched_count INTEGER NOT NULL,
    upserted_count INTEGER NOT NULL, stale_count INTEGER NOT NULL, error_count INTEGER NOT NULL,
    error_message TEXT, detail_json TEXT NOT NULL, created_at DATETIME NOT NULL,
    PRIMARY KEY (id))""",
    "ALTER TABLE market_events ADD COLUMN end_date DATE",
)
FORMER_ROW = """INSERT INTO market_events (event_id, event_type, symbol, title, description,
    event_date, event_time, start_at_utc, market_timezone, source, source_event_id, source_url,
    detail_json, raw_payload_json, raw_payload_hash, is_portfolio_relevant, confidence,
    importance_score, status, last_seen_at, fetched_at, created_at, updated_at)
    VALUES ('yahoo:EARNINGS:AAPL:2027-01-28', 'EARNINGS', 'AAPL', 'AAPL earnings', '',
    '2027-01-28', '16:30:00.000000', '2027-01-28 21:30:00.000000', 'America/New_York', 'yahoo',
    'AAPL', '', '{}', '{"symbol": "AAPL"}', '', 0, 'confirmed', 80, 'active',
    '2026-11-22 19:00:00.125000', '2026-11-22 19:00:00.125000', '2026-11-22 19:00:00.125000',
    '2026-11-22 19:00:00.125000')"""


def test_a_database_of_the_former_revisions_goes_on(sqlite_database: EventDatabase) -> None:
    sqlite_database.home.data.mkdir(parents=True, exist_ok=True)
    for statement in (*FORMER, FORMER_ROW):
        ask(sqlite_database, statement)
    store = opened(sqlite_database)
    (before,) = store.read()
    assert (before.event, before.created_at) == (earnings(), AT)
    was = whole(sqlite_database)
    store.prepare()
    assert whole(sqlite_database) == was
    span = earnings(end_date=earnings().event_date.replace(day=30))
    with store.transaction() as writer:
        writer.change([Pair(before, span)], LATER, set())
    assert the_one(store).event == span


def test_a_migration_that_fails_leaves_nothing_of_it(sqlite_database: EventDatabase) -> None:
    sqlite_database.home.data.mkdir(parents=True, exist_ok=True)
    ask(sqlite_database, "CREATE TABLE other (a TEXT)")
    ask(sqlite_database, "CREATE INDEX ix_market_events_source_status ON other (a)")
    before = whole(sqlite_database)
    with pytest.raises(StoreError, match="ix_market_events_source_status already exists"):
        opened(sqlite_database).prepare()
    assert whole(sqlite_database) == before


def test_somebody_elses_tables_are_neither_read_nor_written(
    event_database: EventDatabase,
) -> None:
    with_the_robots_tables(event_database)
    before = whole(event_database)
    for use in every_use(opened(event_database)):
        with pytest.raises(StoreError) as caught:
            use()
        assert str(caught.value).startswith(opened(event_database).describe())
        assert "which tws_maintenance did not create" in str(caught.value)
        assert "Set [events] database_url to another database" in str(caught.value)
    assert whole(event_database) == before


def test_somebody_elses_file_in_wal_mode_stays_alone(sqlite_database: EventDatabase) -> None:
    with_the_robots_tables(sqlite_database)
    ask(sqlite_database, "PRAGMA journal_mode=WAL")
    before = whole(sqlite_database)
    for use in every_use(opened(sqlite_database))[:3]:
        with pytest.raises(StoreError, match="did not create"):
            use()
    assert whole(sqlite_database) == before


def test_one_table_of_that_name_is_enough_to_be_somebody_elses(
    event_database: EventDatabase,
) -> None:
    event_database.home.data.mkdir()
    ask(event_database, "CREATE TABLE market_event_sync_logs (a INTEGER)")
    before = whole(event_database)
    for use in every_use(opened(event_database)):
        with pytest.raises(StoreError, match="holds market_event_sync_logs, which"):
            use()
    assert whole(event_database) == before


def test_tables_of_other_names_are_good_neighbours(event_database: EventDatabase) -> None:
    event_database.home.data.mkdir()
    ask(event_database, "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
    ask(event_database, "INSERT INTO alembic_version VALUES ('robot7')")
    assert opened(event_database).read() == []
    assert len(stored_in(event_database, earnings()).read()) == 1
    assert ask(event_database, "SELECT * FROM alembic_version") == [("robot7",)]


def test_a_newer_schema_is_neither_read_nor_written(event_database: EventDatabase) -> None:
    stored_in(event_database, earnings())
    ask(event_database, f"UPDATE {VERSION_TABLE} SET version_num = '0003'")  # noqa: S608
    before = whole(event_database)
    for use in every_use(opened(event_database)):
        with pytest.raises(StoreError, match=r"revision 0003; .* Upgrade tws_maintenance"):
            use()
    assert whole(event_database) == before


def test_a_lost_table_is_told(event_database: EventDatabase) -> None:
    stored_in(event_database, earnings())
    ask(event_database, "DROP TABLE market_events")
    for use in every_use(opened(event_database)):
        with pytest.raises(StoreError, match="but not the table market_events"):
            use()


def test_a_transaction_needs_a_prepared_store(event_database: EventDatabase) -> None:
    with (
        pytest.raises(StoreError, match=r"no tables of events.*Prepare the store"),
        opened(event_database).transaction(),
    ):
        raise AssertionError
    assert list(event_database.home.root.iterdir()) == []


@pytest.mark.process
def test_processes_that_prepare_at_once_all_succeed(event_database: EventDatabase) -> None:
    store = opened(event_database)
    assert all_at_once(store.prepare, processes=3) == [0, 0, 0]
    versions = ask(event_database, f"SELECT version_num FROM {VERSION_TABLE}")  # noqa: S608
    assert versions == [(HEAD,)]
    assert store.read() == []


@pytest.mark.process
def test_processes_that_store_at_once_wait_for_each_other(event_database: EventDatabase) -> None:
    store = stored_in(event_database)

    def add_one() -> None:
        with store.transaction() as writer:
            symbol = f"S{len(writer.read(YAHOO))}"
            writer.insert(YAHOO, [earnings(symbol)], AT, set())

    assert all_at_once(add_one, processes=4) == [0, 0, 0, 0]
    assert {one.event.symbol for one in store.read()} == {"S0", "S1", "S2", "S3"}


def test_the_migrations_are_modules_of_the_package() -> None:
    folder = Path(
        sys.modules["tws_maintenance.market_events.store.event_store"].__file__ or ""
    ).parent
    versions = folder / "migrations" / "versions"
    assert {one.name for one in versions.glob("*.py")} == {
        "__init__.py",
        *(f"revision_{one}.py" for one in REVISIONS),
    }
