"""The whole journey with Dagster's runs and the events in a real PostgreSQL server."""

import subprocess
import sys
from functools import cache

import pytest
from sqlalchemy import Engine, NullPool, create_engine, text

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES
from tws_maintenance.demo.pages import companies
from tws_maintenance.pipeline import instance
from tws_maintenance.pipeline.dagster_process import Observer
from tws_maintenance.pipeline.instance import CONFIGURATION, POSTGRES_CONFIGURATION
from tws_maintenance.reports.chain_verification import verify_chain
from tws_maintenance.runs.request import RunSpec
from tws_maintenance_tests.pipeline.support import HeldServer, good_pages, until, web_environment
from tws_maintenance_tests.postgres import GUARDED, PASSWORD, PostgresServer
from tws_maintenance_tests.support import (
    TIMEOUT_SECONDS,
    Program,
    live_bytes,
    reports_of,
    result_of,
    write_live,
)

VARIABLE = "TWS_MAINTENANCE_STORAGE__DATABASE_URL"
STI_TASK = "sti_constituents"
MOST_CONNECTIONS = 200


@pytest.fixture
def journey(program: Program, postgres_server: PostgresServer) -> Program:
    """The program with its storage in an empty database of the server."""
    program.environment[VARIABLE] = postgres_server.url(postgres_server.new_database())
    return program


@cache
def engine_of(url: str) -> Engine:
    """Return an engine that keeps no connection."""
    return create_engine(url.replace("postgresql:", "postgresql+psycopg2:"), poolclass=NullPool)


def number(url: str, query: str) -> int:
    with engine_of(url).connect() as connection:
        return int(connection.execute(text(query)).scalar_one())


def rows(url: str, table: str) -> int:
    return number(url, f"SELECT count(*) FROM {table}")  # noqa: S608


def connections(url: str) -> int:
    """Return how many were opened to this database and ended until now."""
    counted = "SELECT sessions FROM pg_stat_database WHERE datname = current_database()"
    return number(url, counted)


def test_look_apply_events_and_restore_all_lie_in_the_server(journey: Program) -> None:
    home, url = journey.home, journey.environment[VARIABLE]
    old = write_live(home, INDICES["sti"], companies("sti")[:-1])

    assert journey("run").returncode == 0
    (looked,) = reports_of(home)
    assert journey("promote", looked["report_id"], "--task", STI_TASK).returncode == 0
    assert journey("run", "--task", "market_events", "--apply").returncode == 0
    assert journey("restore", STI_TASK, "--apply").returncode == 0

    assert home.live_file("sti").read_bytes() == old
    assert [report["status"] for report in reports_of(home)] == ["completed"] * 4
    assert (rows(url, "runs"), rows(url, "market_events") > 0) == (4, True)
    assert (home.dagster / "dagster.yaml").read_text() == POSTGRES_CONFIGURATION
    assert sorted(one.name for one in home.dagster.iterdir()) == ["dagster.yaml", "locks"]
    assert not home.market_events.exists()
    assert verify_chain(home).problem == ""
    # Four runs, of which each event would open a connection of its own: a thousand.
    assert connections(url) < MOST_CONNECTIONS


def test_a_console_asks_again_only_when_the_server_has_something_new(
    home: Home, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, postgres_server.url(postgres_server.new_database()))
    observer, gone = Observer(home), subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    observer.known()
    kept = observer.known()
    assert observer.known() is kept
    run_id = "00000000-0000-4000-8000-000000000000"
    observer.create_run(RunSpec((STI_TASK,), dry_run=True), run_id, gone.pid)
    assert [one.run_id for one in observer.known().running] == [run_id]
    assert observer.known().has_dead
    observer.reconcile()
    assert observer.known().running == ()
    kept = observer.known()
    assert observer.known() is kept
    observer.close()


def test_a_connection_that_the_server_ended_in_a_long_pause_costs_no_run(
    home: Home, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = postgres_server.new_database()
    monkeypatch.setenv(VARIABLE, postgres_server.url(database))
    monkeypatch.setattr(instance, "KEPT_SECONDS", 0)  # so that every pause is a long one
    with instance.open_instance(home) as opened:
        instance.keep_connections(opened)
        assert opened.get_runs() == []
        of_database = f"WHERE datname = '{database}'"
        postgres_server.execute(
            "postgres",
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity {of_database}",  # noqa: S608
        )
        assert opened.get_runs() == []


def test_a_password_reaches_no_file_and_no_message(
    program: Program, postgres_server: PostgresServer
) -> None:
    database = postgres_server.new_database()
    postgres_server.execute(database, f"GRANT ALL ON SCHEMA public TO {GUARDED}")
    secret = PASSWORD.replace("/", "%2F").replace(":", "%3A").replace("@", "%40")
    url = postgres_server.url(database, f"{GUARDED}:{secret}")

    done = program("run", "--task", STI_TASK, **{VARIABLE: url})
    wrong = program("run", "--task", STI_TASK, **{VARIABLE: url.replace(secret, "wr0ng-s3cret")})

    assert (done.returncode, wrong.returncode) == (0, 1)
    assert "Dagster's storage cannot be opened" in wrong.stderr
    told = done.stdout + done.stderr + wrong.stdout + wrong.stderr
    files = [path for path in program.home.root.rglob("*") if path.is_file()]
    written = "".join(path.read_text(errors="replace") for path in files)
    for word in (secret, PASSWORD, "wr0ng-s3cret"):
        assert word not in told
        assert word not in written


def test_two_processes_share_one_storage(journey: Program) -> None:
    both = ("sti", "hsi")
    command = [sys.executable, "-m", "tws_maintenance", "run", "--apply", "--task"]
    running = [
        subprocess.Popen(
            [*command, INDICES[key].task],
            env=journey.full_environment(),
            cwd=journey.home.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for key in both
    ]
    told = [one.communicate(timeout=TIMEOUT_SECONDS)[0] for one in running]

    assert [one.returncode for one in running] == [0, 0], told
    assert rows(journey.environment[VARIABLE], "runs") == 2
    assert {key for key, content in live_bytes(journey.home).items() if content} == {*both}


@pytest.mark.xdist_group("stopped_server")  # it takes longest, so it begins early
def test_a_server_that_stops_in_the_middle_costs_the_run_and_nothing_else(
    home: Home, stoppable_server: PostgresServer
) -> None:
    url = stoppable_server.url(stoppable_server.new_database())
    with HeldServer(good_pages(), held="sti") as web:
        program = Program(home, {**web_environment(web), VARIABLE: url})
        assert program("validate").returncode in {0, 1}
        before = write_live(home, INDICES["sti"], companies("sti")[:-1])
        command = [sys.executable, "-m", "tws_maintenance", "run", "--task", STI_TASK, "--apply"]
        with subprocess.Popen(
            command,
            env=program.full_environment(),
            cwd=home.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as cut:
            until(lambda: rows(url, "event_logs WHERE step_key IS NOT NULL") > 0, "its first step")
            stoppable_server.stop()
            web.release()
            told, _ = cut.communicate(timeout=TIMEOUT_SECONDS)
        assert cut.returncode == 1, told
        assert "Traceback" not in told
        assert home.live_file("sti").read_bytes() == before

        away = program("run", "--task", STI_TASK)
        assert away.returncode == 1
        assert "cannot be opened" in away.stderr

        stoppable_server.start()
        again = program("run", "--task", STI_TASK, "--apply")
        assert again.returncode == 0, again.stdout + again.stderr
    last = reports_of(home)[-1]
    assert result_of(last, STI_TASK)["changed"] is True
    assert rows(url, "runs WHERE status IN ('STARTED', 'NOT_STARTED', 'STARTING')") == 0
    assert verify_chain(home).problem == ""


def test_a_home_can_move_to_the_server_and_back(
    program: Program, postgres_server: PostgresServer
) -> None:
    configuration = program.home.dagster / "dagster.yaml"
    url = postgres_server.url(postgres_server.new_database())
    instance.prepare(program.home)
    assert configuration.read_text() == CONFIGURATION
    assert program("run", "--task", STI_TASK, "--apply", **{VARIABLE: url}).returncode == 0
    assert configuration.read_text() == POSTGRES_CONFIGURATION
    instance.prepare(program.home)
    assert configuration.read_text() == CONFIGURATION


def test_a_configuration_of_the_operators_own_is_not_overruled(program: Program) -> None:
    configuration = program.home.dagster / "dagster.yaml"
    program.home.dagster.mkdir(parents=True)
    configuration.write_text(f"{CONFIGURATION}# mine\n")
    url = "postgresql://tws@127.0.0.1:1/nowhere"

    done = program("run", "--task", STI_TASK, **{VARIABLE: url})

    assert done.returncode == 1
    assert "dagster.yaml was changed by somebody" in done.stderr
    assert configuration.read_text() == f"{CONFIGURATION}# mine\n"
