"""A real PostgreSQL server that is thrown away, and homes whose events lie in it or in a file.

The server of whatever is installed here runs in a temporary folder, once a worker. Where none is
installed the tests skip; in CI they fail, so that a green CI means that they ran.
"""

import contextlib
import itertools
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import NullPool, create_engine

from tws_maintenance.config.home import Home
from tws_maintenance.config.settings import EventSettings, Settings

POSTGRES, SQLITE = "postgres", "sqlite"
# The one role that needs a password; the others are trusted.
GUARDED, PASSWORD = "guarded", "s3cret/of:the@operator"
SECONDS_TO_STOP = 60
# Keeps the server for as long as its stdin is open, and so never longer than the tests live.
KEEPER = """
"$1" -D "$2" -l "$3/log" --wait start >/dev/null || { cat "$3/log" >&2; exit 1; }
echo ready
read -r end
"$1" -D "$2" --wait -m immediate stop >/dev/null
rm -rf "$3"
"""


@dataclass
class PostgresServer:
    """A running server, on a port of this machine."""

    port: int
    _control: Callable[[str], None]
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _shared: str = ""

    def stop(self) -> None:
        """Let it go away, as in a restart of its machine; connections are cut."""
        self._control("stop")

    def start(self) -> None:
        """Let it come back."""
        self._control("start")

    def url(self, database: str, user: str = "tws") -> str:
        """Return the address of a database; `user` may hold a password, as user:password."""
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """Create an empty database and return its name."""
        name = f"test_{next(self._numbers)}"
        self.execute("postgres", f"CREATE DATABASE {name}")
        return name

    def emptied_database(self) -> str:
        """Return the database that one test after the other gets, empty; quicker than a new one."""
        if self._shared:
            self.execute(self._shared, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
        else:
            self._shared = self.new_database()
        return self._shared

    def execute(self, database: str, *statements: str) -> None:
        """Execute statements as the superuser, each for itself."""
        url = self.url(database).replace("postgresql:", "postgresql+psycopg2:")
        engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def asked(self, database: str, statement: str) -> list[str]:
        """Return the first column of what a statement answers."""
        url = self.url(database).replace("postgresql:", "postgresql+psycopg2:")
        with create_engine(url, poolclass=NullPool).connect() as connection:
            return [str(one) for one in connection.exec_driver_sql(statement).scalars()]


@dataclass(frozen=True)
class EventDatabase:
    """A home and the settings that put its events into a file (`url` empty) or into a server."""

    kind: str
    home: Home
    settings: Settings
    url: str = ""

    @property
    def sqlalchemy_url(self) -> str:
        """Return the address for a test that looks at the database itself."""
        if self.kind == SQLITE:
            return f"sqlite:///{self.home.market_events}"
        return self.url.replace("postgresql:", "postgresql+psycopg2:")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Start the server; skips where PostgreSQL is not installed, fails there in CI."""
    with _started() as server:
        yield server


@pytest.fixture
def stoppable_server() -> Iterator[PostgresServer]:
    """A server of the test's own, which it may stop and start."""
    with _started() as server:
        yield server


@contextlib.contextmanager
def _started() -> Iterator[PostgresServer]:
    programs = _programs()
    if programs is None:
        reason = "PostgreSQL (initdb, pg_ctl) is neither on PATH nor in /usr/lib/postgresql"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{reason}, and CI has to test with it")
        pytest.skip(reason)
    # Beside pytest's own folder, which nobody but its owner may enter.
    within = os.environ.get("PYTEST_DEBUG_TEMPROOT")
    folder = Path(tempfile.mkdtemp(prefix="tws_maintenance_postgres_", dir=within))
    try:
        with _running(programs, folder) as server:
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def settings_with(url: str) -> Settings:
    """Return settings whose events lie at `url`."""
    return Settings(events=EventSettings(database_url=url))


@pytest.fixture
def postgres_database(home: Home, postgres_server: PostgresServer) -> EventDatabase:
    """A home whose events lie in an empty database of the server."""
    url = postgres_server.url(postgres_server.emptied_database())
    return EventDatabase(POSTGRES, home, settings_with(url), url)


@pytest.fixture
def sqlite_database(home: Home) -> EventDatabase:
    """A home whose events lie in its own file, which is not there yet."""
    return EventDatabase(SQLITE, home, Settings())


@pytest.fixture(params=[SQLITE, pytest.param(POSTGRES, marks=pytest.mark.services)])
def event_database(request: pytest.FixtureRequest) -> EventDatabase:
    """Each of both."""
    found: EventDatabase = request.getfixturevalue(f"{request.param}_database")
    return found


def _programs() -> Path | None:
    on_path = shutil.which("initdb")
    found = [Path(os.path.realpath(on_path)).parent] if on_path else []
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    needed = ("initdb", "pg_ctl")
    return next((one for one in found if all((one / name).exists() for name in needed)), None)


@contextlib.contextmanager
def _running(programs: Path, folder: Path) -> Iterator[PostgresServer]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    # PostgreSQL refuses to run as root.
    identity = _account(folder) if os.geteuid() == 0 else {}
    data = folder / "data"
    initdb = (programs / "initdb", "-D", data, "--auth=trust", "-U", "tws", "--no-sync")
    locale = ("--encoding=UTF8", "--locale=C")
    subprocess.run(
        [*initdb, *locale], cwd=folder, check=True, stdout=subprocess.DEVNULL, **identity
    )
    _configure(data, port, folder)
    command = ["sh", "-c", KEEPER, "sh", str(programs / "pg_ctl"), str(data), str(folder)]
    keeper = subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a Ctrl-C is for the tests alone
        **identity,
    )
    with keeper:
        assert keeper.stdout is not None
        assert keeper.stdout.readline() == "ready\n", "PostgreSQL did not start"

        def control(verb: str) -> None:
            words = ("-D", str(data), "-l", str(folder / "log"), "-m", "fast", "--wait", verb)
            subprocess.run(
                [programs / "pg_ctl", *(words if verb == "stop" else (*words[:4], *words[6:]))],
                cwd=folder,
                check=True,
                stdout=subprocess.DEVNULL,
                **identity,
            )

        server = PostgresServer(port, control)
        server.execute("postgres", f"CREATE ROLE {GUARDED} LOGIN PASSWORD '{PASSWORD}'")
        yield server
        keeper.communicate(timeout=SECONDS_TO_STOP)


def _configure(data: Path, port: int, sockets: Path) -> None:
    values = {
        "port": port,
        "listen_addresses": "'127.0.0.1'",
        "unix_socket_directories": f"'{sockets}'",
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
    }
    with (data / "postgresql.conf").open("a") as file:
        file.writelines(f"{name} = {value}\n" for name, value in values.items())
    rules = data / "pg_hba.conf"
    rules.write_text(f"host all {GUARDED} 127.0.0.1/32 scram-sha-256\n{rules.read_text()}")


def _account(folder: Path) -> dict[str, Any]:
    """Give `folder` to an account without rights and return how to run as it."""
    known = {one.pw_name: one for one in pwd.getpwall()}
    account = known.get("postgres") or known["nobody"]
    os.chown(folder, account.pw_uid, account.pw_gid)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
