"""Locked, read-only, full, killed, unreachable, damaged: told in words, nothing half written."""

import contextlib
import os
import shutil
import socket
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy import NullPool, create_engine
from sqlalchemy.exc import DBAPIError

from tws_maintenance.config.home import Home
from tws_maintenance.config.settings import Settings
from tws_maintenance.core.errors import StoreError
from tws_maintenance.market_events.model import EventStatus
from tws_maintenance.market_events.store.event_store import EventStore
from tws_maintenance.market_events.store.schema import VERSION_TABLE
from tws_maintenance_tests.disks import mounted
from tws_maintenance_tests.market_events.store_support import (
    AT,
    LATER,
    YAHOO,
    ask,
    die,
    earnings,
    killed,
    meanwhile,
    one_of_each,
    opened,
    stored_in,
    sync_log,
    the_one,
    whole,
)
from tws_maintenance_tests.postgres import (
    GUARDED,
    PASSWORD,
    POSTGRES,
    SQLITE,
    EventDatabase,
    PostgresServer,
    settings_with,
)

LOCKED = "is locked by another process. Nothing was written; run again"
NOBODY = 65534


def store_one(store: EventStore) -> None:
    with store.transaction() as writer:
        writer.insert(YAHOO, [earnings("MSFT")], AT, set())


@contextlib.contextmanager
def as_nobody() -> Iterator[None]:
    """Do without root's rights for a while; another user has none to lose."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def nobodys_home() -> Iterator[Home]:
    """A home that nobody may enter and write to, which pytest's own folders are not."""
    folder = Path(tempfile.mkdtemp(prefix="tws_maintenance_home_"))
    folder.chmod(0o755)
    home = Home(folder)
    home.data.mkdir()
    stored_in(EventDatabase(SQLITE, home, Settings()), earnings())
    yield home
    home.data.chmod(0o755)
    shutil.rmtree(folder)


def lock_everything(database: EventDatabase, stand: Callable[[], None]) -> None:
    """Keep even readers out until told to go on."""
    engine = create_engine(database.sqlalchemy_url, poolclass=NullPool)
    with engine.connect() as connection:
        if database.kind == SQLITE:
            connection.exec_driver_sql("BEGIN EXCLUSIVE")
        else:
            connection.exec_driver_sql("LOCK TABLE market_events IN ACCESS EXCLUSIVE MODE")
        stand()


@pytest.mark.process
def test_a_writer_waits_for_another_and_then_gives_up(event_database: EventDatabase) -> None:
    store = stored_in(event_database, earnings())
    impatient = opened(event_database, wait_seconds=0.2)

    def keep(stand: Callable[[], None]) -> None:
        with store.transaction() as writer:
            # Read while it writes: a process that closes a file frees its own locks on it.
            writer.retire(store.read(), LATER)
            stand()

    with meanwhile(keep):
        with pytest.raises(StoreError, match=LOCKED) as caught:
            store_one(impatient)
        assert str(caught.value).startswith(store.describe())
        assert the_one(impatient).status == EventStatus.ACTIVE  # readers see what was before
    store_one(impatient)
    assert {one.status for one in store.read()} == {EventStatus.STALE, EventStatus.ACTIVE}


@pytest.mark.process
def test_a_locked_database_is_told_to_readers_too(event_database: EventDatabase) -> None:
    stored_in(event_database, earnings())
    impatient = opened(event_database, wait_seconds=0.1)
    with meanwhile(lambda stand: lock_everything(event_database, stand)):
        for use in (impatient.read, lambda: store_one(impatient)):
            with pytest.raises(StoreError, match=LOCKED):
                use()
    assert len(impatient.read()) == 1


@pytest.mark.process
def test_preparing_waits_for_a_lock_and_then_gives_up(event_database: EventDatabase) -> None:
    impatient = opened(event_database, wait_seconds=0.1)
    event_database.home.data.mkdir()

    def keep(stand: Callable[[], None]) -> None:
        with impatient._database.writing(create=True):
            stand()

    with meanwhile(keep), pytest.raises(StoreError, match=LOCKED):
        impatient.prepare()
    impatient.prepare()
    assert impatient.read() == []


@pytest.mark.process
def test_killed_in_the_middle_nothing_of_it_is_seen(event_database: EventDatabase) -> None:
    store = stored_in(event_database, earnings())
    before = store.read()

    def half() -> None:
        with store.transaction() as writer:
            writer.retire(before, LATER)
            writer.insert(YAHOO, one_of_each()[1:], LATER, set())
            writer.log(sync_log())
            die()

    assert killed(half) == -9
    assert store.read() == before
    assert store.sync_logs() == []
    store_one(store)
    assert len(store.read()) == 2


@pytest.mark.process
def test_killed_while_preparing_it_can_be_prepared(event_database: EventDatabase) -> None:
    store = opened(event_database)
    event_database.home.data.mkdir()

    def half() -> None:
        with store._database.writing(create=True) as connection:
            connection.exec_driver_sql("CREATE TABLE market_events (a INTEGER)")
            die()

    assert killed(half) == -9
    assert store.read() == []
    store.prepare()
    store_one(store)
    assert len(store.read()) == 1


@pytest.mark.process
def test_half_written_pages_are_undone_by_the_next_reader(sqlite_database: EventDatabase) -> None:
    store = stored_in(sqlite_database, *(earnings(f"S{number}") for number in range(300)))
    before = store.read()
    path = sqlite_database.home.market_events
    committed = path.read_bytes()

    def half() -> None:
        file = sqlite3.connect(path, isolation_level=None)
        file.execute("PRAGMA cache_size = 1")  # pages reach the file before the commit
        file.execute("BEGIN IMMEDIATE")
        file.execute("UPDATE market_events SET status = 'stale', description = 'x'")
        die()

    assert killed(half) == -9
    assert path.read_bytes() != committed
    assert path.with_name(f"{path.name}-journal").exists()
    assert store.read() == before
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_a_file_that_is_no_database_is_left_alone(sqlite_database: EventDatabase) -> None:
    sqlite_database.home.data.mkdir()
    sqlite_database.home.market_events.write_text("date,symbol\n" * 100)
    before = whole(sqlite_database)
    store = opened(sqlite_database)
    for use in (store.read, store.sync_logs, store.prepare, lambda: store_one(store)):
        with pytest.raises(StoreError, match=r"market_events.db is not an SQLite database"):
            use()
    assert whole(sqlite_database) == before


def test_a_folder_in_its_place_is_told(sqlite_database: EventDatabase) -> None:
    sqlite_database.home.market_events.mkdir(parents=True)
    store = opened(sqlite_database)
    for use in (store.read, store.prepare):
        with pytest.raises(StoreError, match=r"market_events.db cannot be opened"):
            use()


def test_a_damaged_file_is_told(sqlite_database: EventDatabase) -> None:
    stored_in(sqlite_database, *(earnings(f"S{number}") for number in range(300)))
    path = sqlite_database.home.market_events
    content = path.read_bytes()
    path.write_bytes(content[:8192] + b"\xff" * (len(content) - 8192))
    with pytest.raises(StoreError, match=r"is damaged: .*malformed"):
        opened(sqlite_database).read()


def test_a_read_only_file_is_read_but_not_written(nobodys_home: Home) -> None:
    nobodys_home.market_events.chmod(0o444)
    nobodys_home.data.chmod(0o777)
    store = EventStore(nobodys_home, Settings())
    before = nobodys_home.market_events.read_bytes()
    with as_nobody():
        assert len(store.read()) == 1
        for use in (store.prepare, lambda: store_one(store)):
            with pytest.raises(StoreError, match=r"market_events.db is read-only for this user"):
                use()
    assert nobodys_home.market_events.read_bytes() == before


def test_a_folder_without_permission_is_told_before_anything_is_written(
    nobodys_home: Home,
) -> None:
    nobodys_home.market_events.chmod(0o666)
    nobodys_home.data.chmod(0o555)
    store = EventStore(nobodys_home, Settings())
    with as_nobody():
        assert len(store.read()) == 1
        for use in (store.prepare, lambda: store_one(store)):
            with pytest.raises(
                StoreError,
                match=r"Nothing was written|nothing was written. Make it, and its folder",
            ):
                use()
    assert len(store.read()) == 1


def test_whose_file_it_is_comes_before_whether_it_can_be_written(nobodys_home: Home) -> None:
    ask(EventDatabase(SQLITE, nobodys_home, Settings()), f"DROP TABLE {VERSION_TABLE}")
    nobodys_home.data.chmod(0o555)
    with as_nobody(), pytest.raises(StoreError, match="which tws_maintenance did not create"):
        EventStore(nobodys_home, Settings()).prepare()


def test_a_file_that_may_not_be_read_is_told(nobodys_home: Home) -> None:
    nobodys_home.market_events.chmod(0o000)
    with as_nobody(), pytest.raises(StoreError, match=r"market_events.db cannot be opened"):
        EventStore(nobodys_home, Settings()).read()


@pytest.mark.process
def test_a_read_only_disk_is_told(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", kilobytes=512) as disk:
        store = stored_in(EventDatabase(SQLITE, disk.home, Settings()), earnings())
        disk.make_read_only()
        assert len(store.read()) == 1
        for use in (store.prepare, lambda: store_one(store)):
            with pytest.raises(StoreError, match="is read-only for this user"):
                use()


@pytest.mark.process
def test_a_full_disk_is_told_and_nothing_is_written(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", kilobytes=512) as disk:
        store = stored_in(EventDatabase(SQLITE, disk.home, Settings()), earnings())
        before = store.read()
        disk.fill(free_pages=2)
        many = [earnings(f"S{number}", raw={"x": "y" * 1000}) for number in range(200)]
        with (
            pytest.raises(StoreError, match=r"The disk of data/market_events.db is full"),
            store.transaction() as writer,
        ):
            writer.insert(YAHOO, many, AT, set())
        assert store.read() == before
        disk.free()
        store_one(store)
        assert len(store.read()) == 2


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        (
            "detail_json",
            '{"a": ',
            "event yahoo:EARNINGS:AAPL:2027-01-28, cannot be read",
        ),
        ("raw_payload_json", "[1]", "expected a JSON object, found list"),
        ("status", "gone", "'gone' is not a valid EventStatus"),
        ("confidence", "tentative", "'tentative' is not a valid Confidence"),
    ],
)
def test_a_damaged_row_is_named(
    event_database: EventDatabase, column: str, value: str, told: str
) -> None:
    store = stored_in(event_database, earnings())
    ask(event_database, f"UPDATE market_events SET {column} = ?", [value])  # noqa: S608
    with pytest.raises(StoreError, match="is damaged") as caught:
        store.read()
    assert told in str(caught.value)


def test_a_damaged_date_is_told(sqlite_database: EventDatabase) -> None:
    store = stored_in(sqlite_database, earnings())
    ask(sqlite_database, "UPDATE market_events SET event_date = 'soon'")
    with pytest.raises(StoreError, match="market_events cannot be read"):
        store.read()


def test_a_damaged_log_is_told(event_database: EventDatabase) -> None:
    store = stored_in(event_database)
    with store.transaction() as writer:
        writer.log(sync_log())
    ask(event_database, "UPDATE market_event_sync_logs SET detail_json = 'nothing'")
    with pytest.raises(StoreError, match="market_event_sync_logs, row 1, cannot be read"):
        store.sync_logs()


def test_a_text_that_the_database_cannot_hold_is_told(event_database: EventDatabase) -> None:
    store = stored_in(event_database, earnings())
    with (
        pytest.raises(StoreError, match=r"could not be used: .*Nothing was written"),
        store.transaction() as writer,
    ):
        writer.insert(YAHOO, [earnings("MSFT", title="half of a pair: \ud83d")], AT, set())
    assert len(store.read()) == 1


@pytest.mark.services
def test_an_unreachable_server_is_told_without_the_password(home: Home) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound, but it does not listen
        port = closed.getsockname()[1]
        secret = quote(PASSWORD, safe="")
        url = f"postgresql://operator:{secret}@127.0.0.1:{port}/events?password={secret}"
        store = EventStore(home, settings_with(url))
        assert store.describe() == f"postgresql://operator@127.0.0.1:{port}/events"
        for use in (store.read, store.sync_logs, store.prepare, lambda: store_one(store)):
            with pytest.raises(StoreError, match=r"cannot be reached: .*refused") as caught:
                use()
            assert PASSWORD not in str(caught.value)
            assert secret not in str(caught.value)
            assert caught.value.__cause__ is None


def test_a_reader_cannot_write(event_database: EventDatabase) -> None:
    store = stored_in(event_database, earnings())
    with (
        pytest.raises(DBAPIError, match=r"readonly database|read-only transaction"),
        store._database.reading() as connection,
    ):
        connection.exec_driver_sql("DELETE FROM market_events")
    assert len(store.read()) == 1


def test_a_password_is_cut_out_of_what_the_driver_says(home: Home) -> None:
    url = "postgresql://operator:s3cret@127.0.0.1/events?sslmode=s3cret"
    with pytest.raises(StoreError, match=r'invalid sslmode value: "\*\*\*"') as caught:
        EventStore(home, settings_with(url)).read()
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("password", ["wr0ng", ""])
def test_a_wrong_password_is_told_but_not_shown(
    home: Home, postgres_server: PostgresServer, password: str
) -> None:
    url = postgres_server.url("postgres", f"{GUARDED}:{password}" if password else GUARDED)
    store = EventStore(home, settings_with(url))
    with pytest.raises(StoreError, match="refused the user or the password") as caught:
        store.read()
    assert "wr0ng" not in str(caught.value)


def test_the_right_password_opens_it(home: Home, postgres_server: PostgresServer) -> None:
    database = postgres_server.new_database()
    postgres_server.execute("postgres", f"ALTER DATABASE {database} OWNER TO {GUARDED}")
    url = postgres_server.url(database, f"{GUARDED}:{quote(PASSWORD, safe='')}")
    store = EventStore(home, settings_with(url))
    store.prepare()
    store_one(store)
    assert store.describe() == postgres_server.url(database, GUARDED)
    assert len(store.read()) == 1


def test_a_database_that_is_not_there_is_told(home: Home, postgres_server: PostgresServer) -> None:
    store = EventStore(home, settings_with(postgres_server.url("nowhere")))
    with pytest.raises(StoreError, match=r'cannot be reached: .*"nowhere" does not exist'):
        store.read()


@pytest.mark.parametrize("schema_rights", ["GRANT USAGE", "REVOKE ALL"])
def test_a_role_without_rights_is_told(
    postgres_database: EventDatabase, postgres_server: PostgresServer, schema_rights: str
) -> None:
    stored_in(postgres_database, earnings())
    preposition = "TO" if schema_rights.startswith("GRANT") else "FROM"
    ask(postgres_database, f"{schema_rights} ON SCHEMA public {preposition} PUBLIC")
    database = postgres_database.url.rpartition("/")[2]
    url = postgres_server.url(database, f"{GUARDED}:{quote(PASSWORD, safe='')}")
    store = EventStore(postgres_database.home, settings_with(url))
    for use in (store.read, lambda: store_one(store)):
        with pytest.raises(StoreError, match="refused access: permission denied"):
            use()


def test_a_read_only_server_is_read_but_not_written(
    home: Home, postgres_server: PostgresServer
) -> None:
    name = postgres_server.new_database()
    url = postgres_server.url(name)
    store = stored_in(EventDatabase(POSTGRES, home, settings_with(url), url), earnings())
    postgres_server.execute(
        "postgres", f"ALTER DATABASE {name} SET default_transaction_read_only = on"
    )
    assert len(store.read()) == 1
    for use in (store.prepare, lambda: store_one(store)):
        with pytest.raises(StoreError, match="is read-only for this user"):
            use()


def test_a_connection_that_breaks_undoes_the_transaction(
    postgres_database: EventDatabase, postgres_server: PostgresServer
) -> None:
    store = stored_in(postgres_database, earnings())
    database = postgres_database.url.rpartition("/")[2]
    end_all = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = "
    with (  # noqa: PT012 - it breaks between two statements
        pytest.raises(StoreError, match=r"closed the connection: .*run again"),
        store.transaction() as writer,
    ):
        writer.insert(YAHOO, [earnings("MSFT")], AT, set())
        postgres_server.execute("postgres", f"{end_all}'{database}'")
        writer.log(sync_log())
    assert len(store.read()) == 1


def test_a_missing_driver_names_what_to_install(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg2", None)  # what Python does where it is missing
    store = EventStore(home, settings_with("postgresql://tws@127.0.0.1/events"))
    with pytest.raises(StoreError, match=r"pip install 'tws_maintenance\[postgres\]'"):
        store.read()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql:/operator:s3cret@host/events",
        "postgresql://operator:s3cret@host:port/events",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///data/events.db?timeout=5",
        "sqlite:///data/what?.db",
    ],
)
def test_an_address_that_names_no_database_is_refused(home: Home, url: str) -> None:
    with pytest.raises(StoreError, match=r"\[events\] database_url") as caught:
        EventStore(home, settings_with(url))
    assert "s3cret" not in str(caught.value)
