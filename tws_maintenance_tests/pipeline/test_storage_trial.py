"""`doctor` tries Dagster's storage and the events database as a run would, and undoes it."""

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.config.settings import Settings, StorageSettings, load_settings
from tws_maintenance.core.errors import HomeError, StoreError
from tws_maintenance.market_events.store.event_store import EventStore
from tws_maintenance.operations.doctor import Finding
from tws_maintenance.pipeline.instance import CONFIGURATION, open_instance, prepare
from tws_maintenance.pipeline.storage_trial import look_at_storage
from tws_maintenance_tests.disks import mounted
from tws_maintenance_tests.market_events.test_store_faults import as_nobody
from tws_maintenance_tests.postgres import PostgresServer

VARIABLE = "TWS_MAINTENANCE_STORAGE__DATABASE_URL"
ROLE = "ordinary"


def looked(home: Home) -> tuple[str, str]:
    (one,) = look_at_storage(home)
    assert one == Finding(one.outcome, "storage", one.text)
    return one.outcome, one.text


def tree(folder: Path) -> dict[str, bytes]:
    paths = sorted(folder.rglob("*"))
    return {str(one): one.read_bytes() if one.is_file() else b"" for one in paths}


def everything_in(server: PostgresServer, database: str) -> list[str]:
    return server.asked(
        database, "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    )


@pytest.fixture
def postgres(
    postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[PostgresServer, str]]:
    """A new database for an ordinary role, as PostgreSQL 15 makes them: no CREATE for it."""
    database = postgres_server.new_database()
    postgres_server.execute(
        database, f"CREATE ROLE {ROLE} LOGIN", "REVOKE CREATE ON SCHEMA public FROM PUBLIC"
    )
    monkeypatch.setenv(VARIABLE, postgres_server.url(database, ROLE))
    yield postgres_server, database
    postgres_server.execute(database, f"DROP OWNED BY {ROLE}", f"DROP ROLE {ROLE}")


def test_a_home_that_was_never_used_is_tried_and_stays_empty(home: Home) -> None:
    files = ".dagster/history/runs.db, .dagster/event_log.db, .dagster/schedules/schedules.db"
    assert looked(home) == ("ok", f"Dagster's: {files}: can be written")
    EventStore(home, Settings()).try_out()
    assert list(home.root.iterdir()) == []


def test_files_that_are_in_use_stay_as_they_are(home: Home) -> None:
    prepare(home)
    EventStore(home, Settings()).prepare()
    before = tree(home.root)
    assert looked(home)[0] == "ok"
    EventStore(home, Settings()).try_out()
    assert tree(home.root) == before


def test_a_file_that_is_no_database_or_not_dagster_s_is_found(home: Home) -> None:
    path = home.dagster / "history" / "runs.db"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"a letter to somebody " * 100)
    outcome, text = looked(home)
    assert outcome == "failed"
    assert text.startswith(".dagster/history/runs.db is not an SQLite database")
    path.unlink()
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE runs (id INTEGER, animal TEXT)")
    other.close()
    outcome, text = looked(home)
    assert outcome == "failed"
    assert ".dagster/history/runs.db holds a table runs without the column run_id" in text
    assert "another program's" in text


@pytest.fixture
def nobodys_home() -> Iterator[Home]:
    """A home with both databases that another user may enter."""
    folder = Path(tempfile.mkdtemp(prefix="tws_maintenance_home_"))
    folder.chmod(0o755)
    home = Home(folder)
    prepare(home)
    EventStore(home, Settings()).prepare()
    yield home
    shutil.rmtree(folder)


def test_files_that_this_user_may_not_write_are_found(nobodys_home: Home) -> None:
    """The folders may be written, so that their trial passes."""
    files = [nobodys_home.dagster / "event_log.db", nobodys_home.market_events]
    for path in files:
        path.parent.chmod(0o777)
        path.chmod(0o444)
    for folder in ("history", "schedules"):
        (nobodys_home.dagster / folder).chmod(0o777)
        for path in (nobodys_home.dagster / folder).iterdir():
            path.chmod(0o666)
    with as_nobody():
        outcome, text = looked(nobodys_home)
        assert (outcome, text.partition(" for ")[0]) == (
            "failed",
            ".dagster/event_log.db is read-only",
        )
        with pytest.raises(StoreError, match=r"^data/market_events.db is read-only for this user"):
            EventStore(nobodys_home, Settings()).try_out()


@pytest.mark.process
def test_a_folder_in_which_no_database_can_be_made_is_found(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", kilobytes=256) as disk:
        disk.make_read_only()
        outcome, text = looked(disk.home)
        assert outcome == "failed"
        assert ".dagster/history/runs.db is read-only for this user" in text
        with pytest.raises(StoreError, match="read-only"):
            EventStore(disk.home, Settings()).try_out()


def test_a_role_that_may_not_create_tables_is_found_with_the_grant_to_issue(
    home: Home, postgres: tuple[PostgresServer, str]
) -> None:
    server, database = postgres
    place = f"postgresql://{ROLE}@127.0.0.1:{server.port}/{database}"
    outcome, text = looked(home)
    grant = f"GRANT USAGE, CREATE ON SCHEMA public TO {ROLE};"
    assert (outcome, text) == (
        "failed",
        (
            f"The role {ROLE} may not create tables in the schema public of {place}. Nothing was "
            f"written. Ask the owner of the database to run: {grant}"
        ),
    )
    with pytest.raises(StoreError) as events:
        EventStore(home, load_settings(home)).try_out()
    assert grant in str(events.value)
    with pytest.raises(HomeError) as opening:
        prepare(home)
    assert grant in str(opening.value)
    # It is what was missing, and trying left nothing.
    server.execute(database, grant)
    assert looked(home) == ("ok", f"Dagster's: {place}: can be written")
    EventStore(home, load_settings(home)).try_out()
    assert everything_in(server, database) == []
    with open_instance(home) as instance:
        assert instance.get_runs() == []


def test_tables_that_a_role_may_only_read_are_found_with_the_grant_to_issue(
    home: Home, postgres: tuple[PostgresServer, str]
) -> None:
    server, database = postgres
    own = server.url(database)
    with pytest.MonkeyPatch.context() as owner:
        owner.setenv(VARIABLE, own)
        prepare(home)
        EventStore(home, load_settings(home)).prepare()
    server.execute(database, f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {ROLE}")
    before = server.asked(database, "SELECT * FROM event_logs_id_seq")
    for word in ("TABLE", "SEQUENCE"):
        outcome, text = looked(home)
        assert outcome == "failed"
        assert f"ON {word} " in text
        server.execute(database, text.partition("to run: ")[2])
    assert looked(home)[0] == "ok"
    with pytest.raises(StoreError, match=r"to run: GRANT SELECT, INSERT, .* market_events.* TO"):
        EventStore(home, load_settings(home)).try_out()
    assert server.asked(database, "SELECT * FROM event_logs_id_seq") == before


def test_a_database_of_another_program_is_found(
    home: Home, postgres: tuple[PostgresServer, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, database = postgres
    monkeypatch.setenv(VARIABLE, server.url(database))
    server.execute(
        database,
        "CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)",
        "INSERT INTO alembic_version VALUES ('robot_0007')",
    )
    outcome, text = looked(home)
    assert outcome == "failed"
    assert "holds an alembic_version (robot_0007) that is not Dagster's" in text
    with pytest.raises(HomeError, match="Give Dagster a database of its own in "):
        prepare(home)
    assert everything_in(server, database) == ["alembic_version", "alembic_version_pkey"]
    server.execute(database, "DROP TABLE alembic_version", "CREATE TABLE runs (id INTEGER)")
    assert "holds a table runs without the column run_id" in looked(home)[1]
    with pytest.raises(HomeError, match=r"runs.run_body does not exist"):
        prepare(home)


def test_a_server_that_is_away_is_found(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "postgresql://tws:s3cr3t@127.0.0.1:1/away")
    outcome, text = looked(home)
    assert outcome == "failed"
    assert text.startswith("postgresql://tws@127.0.0.1:1/away cannot be reached: ")
    assert "correct [storage] database_url" in text
    assert "s3cr3t" not in text


def test_a_configuration_of_the_operator_s_own_is_read_and_tried(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(mine))
    assert looked(home)[0] == "ok"
    assert str(mine / "history" / "runs" / "index.db") in looked(home)[1]
    assert list(mine.iterdir()) == []
    (mine / "schedules").write_text("a file where the folder should be")
    assert looked(home)[0] == "failed"
    configuration = mine / "dagster.yaml"
    configuration.write_text("storage:\n  postgres:\n    postgres_url:\n      env: MINE\n")
    assert looked(home) == ("failed", "dagster.yaml names the variable MINE, which is not set.")
    monkeypatch.setenv("MINE", "postgresql://tws@127.0.0.1:1/away")
    assert "cannot be reached" in looked(home)[1]
    configuration.write_text("storage: [")
    assert looked(home)[0] == "failed"
    assert sorted(one.name for one in mine.iterdir()) == ["dagster.yaml", "schedules"]


def test_a_configuration_that_contradicts_the_setting_is_found(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.dagster.mkdir()
    (home.dagster / "dagster.yaml").write_text(f"{CONFIGURATION}# mine\n")
    monkeypatch.setenv(VARIABLE, "postgresql://tws@127.0.0.1:1/away")
    outcome, text = looked(home)
    assert outcome == "failed"
    assert "dagster.yaml was changed by somebody" in text


def test_events_that_lie_in_dagster_s_database_are_named_by_their_setting(home: Home) -> None:
    url = "postgresql://tws@127.0.0.1:1/away"
    store = EventStore(home, Settings(storage=StorageSettings(database_url=url)))
    with pytest.raises(StoreError, match=r"correct \[storage\] database_url, then"):
        store.try_out()
