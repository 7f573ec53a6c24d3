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
    migrated_to,
    opened,
    stored_in,
    sync_log,
    the_one,
    whole,
)
from tws_maintenance_tests.postgres import EventDatabase
from tws_maintenance_tests.support import TIMEOUT_SECONDS

# A row as revision 0001 knew it.
OLD_ROW = {
    "event_id": "yahoo:EARNINGS:AAPL:2027-01-28",
    "event_type": "EARNINGS",
    "symbol": "AAPL",
    "title": "AAPL earnings",
    "description": "",
    "event_date": "2027-01-28",
    "event_time": "16:30:00.000000",
    "start_at_utc": "2027-01-28 21:30:00.000000",
    "market_timezone": "America/New_York",
    "source": "yahoo",
    "source_event_id": "AAPL",
    "source_url": "",
    "detail_json": "{}",
    "raw_payload_json": '{"symbol": "AAPL"}',
    "raw_payload_hash": "",
    "is_portfolio_relevant": False,
    "confidence": "confirmed",
    "importance_score": 80,
    "status": "active",
    "last_seen_at": "2026-11-22 19:00:00.125000",
    "fetched_at": "2026-11-22 19:00:00.125000",
    "created_at": "2026-11-22 19:00:00.125000",
    "updated_at": "2026-11-22 19:00:00.125000",
}


def with_an_old_row(database: EventDatabase) -> None:
    migrated_to(database, "0001")
    marks = ", ".join("?" * len(OLD_ROW))
    statement = f"INSERT INTO market_events ({', '.join(OLD_ROW)}) VALUES ({marks})"  # noqa: S608
    ask(database, statement, list(OLD_ROW.values()))


def with_the_robots_tables(database: EventDatabase) -> None:
    """Make the robot's own tables, with its rows, and no version table of ours."""
    with_an_old_row(database)
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


def test_an_older_schema_is_read_as_it_is(event_database: EventDatabase) -> None:
    with_an_old_row(event_database)
    before = whole(event_database)
    store = opened(event_database)
    assert the_one(store).event == earnings()
    assert the_one(store).created_at == AT
    assert store.read(not_before=earnings().event_date) == store.read()
    assert store.sync_logs() == []
    assert whole(event_database) == before


def test_an_older_schema_is_migrated_with_its_rows(event_database: EventDatabase) -> None:
    with_an_old_row(event_database)
    store = opened(event_database)
    before = store.read()
    with (
        pytest.raises(StoreError, match="has the schema revision 0001, and this program writes"),
        store.transaction(),
    ):
        raise AssertionError
    store.prepare()
    assert store.read() == before
    span = earnings(end_date=earnings().event_date.replace(day=30))
    with store.transaction() as writer:
        writer.change([Pair(before[0], span)], LATER, set())
    assert the_one(store).event == span


def test_a_migration_that_fails_leaves_the_older_schema(sqlite_database: EventDatabase) -> None:
    with_an_old_row(sqlite_database)
    ask(sqlite_database, "ALTER TABLE market_events ADD COLUMN end_date DATE")
    before = whole(sqlite_database)
    with pytest.raises(StoreError, match="duplicate column name: end_date"):
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
@pytest.mark.parametrize("revision", [None, "0001"])
def test_processes_that_prepare_at_once_all_succeed(
    event_database: EventDatabase, revision: str | None
) -> None:
    if revision:
        with_an_old_row(event_database)
    store = opened(event_database)
    assert all_at_once(store.prepare, processes=3) == [0, 0, 0]
    versions = ask(event_database, f"SELECT version_num FROM {VERSION_TABLE}")  # noqa: S608
    assert versions == [(HEAD,)]
    assert len(store.read()) == (1 if revision else 0)


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
