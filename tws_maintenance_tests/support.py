"""What tests share: running the real program, and the recorded web beside the repository."""

import ast
import contextlib
import json
import os
import random
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import pytest

from tws_maintenance.config.home import HOME_VARIABLE, Home
from tws_maintenance.config.indices import INDICES, Index
from tws_maintenance.constituents.carry_forward import listings, normalise
from tws_maintenance.constituents.csv_file import to_csv
from tws_maintenance.demo.pages import Company, companies, page
from tws_maintenance.demo.server import SOURCE_URLS, PageServer
from tws_maintenance.sources.model import SourceRow, SourceTable

REPOSITORY = Path(__file__).resolve().parent.parent
SHARED = REPOSITORY.parent / "shared"
TIMEOUT_SECONDS = 120
# Below those that systems give out: from 32768 on Linux, from 49152 elsewhere.
PORTS = range(20_000, 32_000)


@dataclass
class Program:
    """`python -m tws_maintenance` on a home, each call a process of its own."""

    home: Home
    environment: dict[str, str] = field(default_factory=dict)
    prefix: tuple[str, ...] = ()

    def __call__(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end and return its exit code and output."""
        return self.execute(sys.executable, "-m", "tws_maintenance", *arguments, **environment)

    def execute(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run any command in this home's environment."""
        return subprocess.run(
            [*self.prefix, *command],
            env=self.full_environment(**environment),
            cwd=self.home.root,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )

    def full_environment(self, **environment: str) -> dict[str, str]:
        """Return the environment of a process: the machine's, the home, the fixture's, yours."""
        return {
            **os.environ,
            HOME_VARIABLE: str(self.home.root),
            **self.environment,
            **environment,
        }


def good_pages() -> dict[str, bytes]:
    """Return the three pages of invented companies."""
    return dict(_good_pages())


@cache
def _good_pages() -> dict[str, bytes]:
    return {key: page(key, companies(key)) for key in INDICES}


def environment_of(server: PageServer) -> dict[str, str]:
    """Return the settings that make `server` every source, with no pause between attempts."""
    return {
        **{f"TWS_MAINTENANCE_HTTP__{name}": server.origin for name in SOURCE_URLS},
        "TWS_MAINTENANCE_HTTP__BACKOFF": "0",
        **pages_alone(),
    }


def pages_alone() -> dict[str, str]:
    """Return the settings with which each index's page decides and nobody else is heard."""
    return {
        f"TWS_MAINTENANCE_INDICES__{key.upper()}__{name}": value
        for key in INDICES
        for name, value in (("SOURCES", '["wikipedia"]'), ("QUORUM", "1"))
    }


class RecordedWeb(contextlib.ExitStack):
    """The recorded web for programs on a home: real pages, latency and faults."""

    def __init__(self, home: Home) -> None:
        super().__init__()
        self._home = home

    def program(self, *options: str, **environment: str) -> Program:
        """Return the program with the web served as `options` say, such as --fault GLOB=MODE."""
        served = self.enter_context(recorded_web(*options))
        return Program(self._home, {**served, **environment})

    def started_by_it(self, *options: str) -> Program:
        """Return the program as a user puts it behind the recorded web, on one command line."""
        return Program(
            self._home, {}, (sys.executable, str(recorded_web_tool()), "run", *options, "--")
        )


@contextlib.contextmanager
def recorded_web(*options: str) -> Iterator[dict[str, str]]:
    """Serve the recorded web; yields the environment of a program that is to read from it.

    Skips where the recordings are not there.
    """
    process = subprocess.Popen(
        [sys.executable, str(recorded_web_tool()), "serve", *options],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        environment: dict[str, str] = {}
        while not environment.get("CURL_CA_BUNDLE"):  # the last that it prints
            name, _, value = process.stdout.readline().removeprefix("export ").partition("=")
            assert name, "recorded-web did not start"
            environment[name] = value.strip()
        yield environment
    finally:
        process.terminate()
        process.communicate(timeout=TIMEOUT_SECONDS)


def recorded_web_tool() -> Path:
    """Return the program that serves the recorded web; skips where it is absent."""
    tool = SHARED / "bin" / "recorded-web"
    if not tool.exists():
        pytest.skip(f"the recorded web pages are not here ({SHARED.name}/ is absent)")
    return tool


def forget_the_machine() -> None:
    """Remove what no test may see: variables that lead to somebody's home, or elsewhere."""
    for name in list(os.environ):
        is_ours = name.startswith(("TWS_MAINTENANCE_", "DAGSTER_"))
        if is_ours or name.lower().endswith("_proxy"):
            del os.environ[name]


@contextlib.contextmanager
def quiet_environment() -> Iterator[pytest.MonkeyPatch]:
    """Hide every setting, also of other fixtures, and leave the environment as it was found.

    The program sets variables for what it starts, also where a test runs it in this process.
    """
    before = dict(os.environ)
    forget_the_machine()
    try:
        with pytest.MonkeyPatch.context() as patch:
            yield patch
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)


def free_port() -> int:
    """Return a port on which nobody listens, and that the system gives to nobody by itself.

    One that it had given would soon be somebody else's: tests listen and connect all the time. Each
    worker has its own, and a look does not listen itself: whoever expects that nobody answers on a
    port would find an answer.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    own = PORTS[worker :: int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))]
    for port in random.sample(own, k=len(own)):
        with contextlib.suppress(OSError), socket.socket() as look:
            look.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            look.bind(("127.0.0.1", port))
            return port
    raise AssertionError(f"no port of {PORTS} is free")


def page_file(name: str) -> Path:
    """Return a recorded page; skips where the recordings are not there."""
    path = SHARED / "pages" / name
    if not path.exists():
        pytest.skip(f"the recorded page {name} is not here ({SHARED.name}/ is absent)")
    return path


def reports_of(home: Home) -> list[dict[str, Any]]:
    """Return every report of a home, oldest first."""
    return [json.loads(path.read_text()) for path in sorted(home.reports.glob("2*.json"))]


def result_of(report: dict[str, Any], task: str) -> dict[str, Any]:
    """Return the result of `task` in a report."""
    return next(result for result in report["results"] if result["task"] == task)


def copy_home(prepared: Home, home: Home) -> None:
    """Begin a test's `home` with all that was done in one which its module prepared."""
    shutil.copytree(prepared.root, home.root, dirs_exist_ok=True)


def write_modules_of_others(home: Home, *names: str) -> None:
    """Write modules that no command may import, though Python looks where it is started first."""
    for name in names:
        (home.root / f"{name}.py").write_text(f'raise RuntimeError("{name} of the home")')


def table_of(members: list[Company]) -> SourceTable:
    """Return what a source that lists `members` gives."""
    rows = tuple(
        SourceRow(number, one.ticker, one.name, one.sector, one.sub_industry)
        for number, one in enumerate(members, start=1)
    )
    return SourceTable(rows=rows, dropped=(), rows_read=len(rows))


def spoiled(members: list[Company]) -> list[Company]:
    """Return `members` with one name that the audit refuses, `text_is_plain`."""
    return [replace(members[0], name="=SUM(A1)"), *members[1:]]


def write_live(home: Home, index: Index, members: list[Company]) -> bytes:
    """Write the live file that lists `members` and return its bytes."""
    content = _live_content(index, tuple(members))
    home.data.mkdir(parents=True, exist_ok=True)
    home.live_file(index.key).write_bytes(content)
    return content


@lru_cache(maxsize=32)
def _live_content(index: Index, members: tuple[Company, ...]) -> bytes:
    rows = normalise(listings(table_of(list(members)), index), index, None)
    return to_csv(rows.columns, list(rows.rows))


def live_bytes(home: Home) -> dict[str, bytes | None]:
    """Return the bytes of each live file, None where there is none."""
    paths = {key: home.live_file(key) for key in INDICES}
    return {key: path.read_bytes() if path.exists() else None for key, path in paths.items()}


@cache
def tree_of(path: Path) -> ast.Module:
    """Return the syntax of a module, read once."""
    return ast.parse(path.read_text(encoding="utf-8"))


def texts_of(path: Path) -> Iterator[str]:
    """Yield the texts of a module, no docstrings, with an X for each value that is filled in."""
    tree = tree_of(path)
    passed = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            passed |= set(map(id, node.values))
            parts = (one.value if isinstance(one, ast.Constant) else "X" for one in node.values)
            yield "".join(str(part) for part in parts)
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in passed
        ):
            yield node.value
