"""`console` and `dev` as processes: what they say, what they refuse, how they end."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import IO
from urllib.error import URLError

import psutil
import pytest

from tws_maintenance.cli import dagster
from tws_maintenance.config.home import Home
from tws_maintenance.console.serve import THREADS
from tws_maintenance.pipeline.instance import prepare
from tws_maintenance_tests.cli.conftest import dagster_home_as_it_was
from tws_maintenance_tests.pipeline.support import until
from tws_maintenance_tests.support import (
    TIMEOUT_SECONDS,
    Program,
    free_port,
    write_modules_of_others,
)

PASSWORD = "TWS_MAINTENANCE_CONSOLE__PASSWORD"
# What the console starts a process for, which imports it.
HEAVY = {
    *("dagster", "pandas", "pandera", "requests", "lxml", "alembic", "psycopg2", "psutil"),
    "holidays",
}


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310 - our own http
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


@contextmanager
def started(
    program: Program,
    *arguments: str,
    python: tuple[str, ...] = (sys.executable,),
    stderr: int | IO[str] = subprocess.STDOUT,
) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*python, "-m", "tws_maintenance", *arguments],
        env=program.full_environment(),
        cwd=program.home.root,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def told(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.read()


def test_the_console_says_its_address_and_ends_at_a_signal(program: Program) -> None:
    port = free_port()
    with started(program, "console", "--port", str(port)) as process:
        until(lambda: answers(f"http://127.0.0.1:{port}/maintenance"), "the console")
        ask_at_once(port, 4 * THREADS)
        process.send_signal(signal.SIGTERM)
        assert process.wait(TIMEOUT_SECONDS) == 0
        assert told(process) == said_of(port)


def ask_at_once(port: int, times: int) -> None:
    """Ask for a file of the page from many connections before any answer is read."""
    asked = b"GET /maintenance/static/console.css HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n"
    with ExitStack() as closing_all:
        address = ("127.0.0.1", port)
        callers = [
            closing_all.enter_context(socket.create_connection(address, TIMEOUT_SECONDS))
            for _ in range(times)
        ]
        for one in callers:
            one.sendall(asked)
        for one in callers:
            with one.makefile("rb") as answer:
                assert b" 200 " in answer.readline()


@pytest.mark.cold
def test_a_console_that_serves_loads_no_dagster_and_no_pandas_until_ctrl_c_ends_it(
    program: Program, tmp_path: Path
) -> None:
    port = free_port()
    python = (sys.executable, "-X", "importtime")
    arguments = ("console", "--port", str(port))
    with (
        open(tmp_path / "imports", "w", encoding="utf-8") as imports,
        started(program, *arguments, python=python, stderr=imports) as process,
    ):
        until(lambda: answers(f"http://127.0.0.1:{port}/maintenance"), "the console")
        for path in ("/maintenance/live", "/api/maintenance/status", "/metrics"):
            assert answers(f"http://127.0.0.1:{port}{path}"), path
        process.send_signal(signal.SIGINT)
        assert process.wait(TIMEOUT_SECONDS) == 0
        assert told(process) == said_of(port)
        lines = Path(imports.name).read_text().splitlines()
    assert {line.partition(":")[0] for line in lines} == {"import time"}
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}
    assert "flask" in loaded
    assert loaded & HEAVY == set()


def said_of(port: int) -> str:
    return f"Console: http://127.0.0.1:{port}/maintenance  (Ctrl-C ends it)\n"


def test_a_port_that_is_taken_is_named(program: Program) -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = program("console", "--port", str(port))
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1 port {port}" in done.stderr
    assert "--port" in done.stderr


def test_an_address_that_others_reach_demands_a_password(program: Program) -> None:
    done = program("console", "--host", "0.0.0.0", "--port", str(free_port()))  # noqa: S104
    assert done.returncode == 2
    assert PASSWORD in done.stderr
    assert done.stdout == ""


def test_a_password_in_the_settings_file_is_refused(program: Program) -> None:
    program.home.settings_file.write_text('[console]\npassword = "correct horse"\n')
    done = program("console", "--port", str(free_port()))
    assert done.returncode == 2
    assert PASSWORD in done.stderr
    assert "correct horse" not in done.stderr


def code_location_of(dagster_port: int) -> str:
    """Return what became of loading the code location, "" as long as it is not known."""
    query = "{ workspaceOrError { ... on Workspace { locationEntries { locationOrLoadError "
    query += "{ __typename } } } } }"
    asked = urllib.request.Request(
        f"http://127.0.0.1:{dagster_port}/graphql",
        json.dumps({"query": query}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(asked, timeout=30) as answer:  # noqa: S310
        (entry,) = json.load(answer)["data"]["workspaceOrError"]["locationEntries"]
    return str((entry["locationOrLoadError"] or {}).get("__typename", ""))


def processes_on(home: Home) -> list[psutil.Process]:
    """Return the processes that work on a home, by their environment."""
    found = []
    for one in psutil.process_iter():
        with suppress(psutil.Error):
            if one.environ().get("DAGSTER_HOME") == str(home.dagster):
                found.append(one)
    return found


@pytest.mark.cold
def test_one_interrupt_ends_the_console_and_the_dagster_ui(program: Program) -> None:
    port, dagster_port = free_port(), free_port()
    write_modules_of_others(program.home, "holidays", "pandas", "flask")
    arguments = ("--port", str(port), "--dagster-port", str(dagster_port))
    with started(program, "dev", *arguments) as process:
        until(lambda: answers(f"http://127.0.0.1:{dagster_port}/server_info"), "the Dagster UI")
        until(lambda: answers(f"http://127.0.0.1:{port}/maintenance"), "the console")
        until(lambda: code_location_of(dagster_port) != "", "the code location")
        assert code_location_of(dagster_port) == "RepositoryLocation"
        children = psutil.Process(process.pid).children(recursive=True)
        assert children
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(TIMEOUT_SECONDS) == 0
        assert told(process).splitlines() == [
            f"Dagster UI: http://127.0.0.1:{dagster_port}  (ready in a few seconds)",
            f"Console: http://127.0.0.1:{port}/maintenance  (Ctrl-C ends both)",
        ]
    _, alive = psutil.wait_procs(children, timeout=TIMEOUT_SECONDS)
    assert alive == []


@pytest.mark.cold
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_dev_begins_leaves_nothing_behind(
    program: Program, number: signal.Signals
) -> None:
    with dagster_home_as_it_was():
        prepare(program.home)  # a new home costs a cold process more, and is not the subject
    arguments = ("--port", str(free_port()), "--dagster-port", str(free_port()))
    handled = signal.signal(number, signal.SIG_DFL)  # also where the tests run under nohup
    with started(program, "dev", *arguments) as process:
        signal.signal(number, handled)
        assert process.stdout is not None
        assert process.stdout.readline().startswith("Dagster UI: ")
        process.send_signal(number)
        assert process.wait(TIMEOUT_SECONDS) == 0
    until(lambda: processes_on(program.home) == [], "the end of all processes")


SWALLOWING = """
import os, signal, sys
from tws_maintenance.console.serve import exit_at_signals, serve
from tws_maintenance.config.home import find_home
from tws_maintenance.config.settings import load_settings

class Swallows:
    def __del__(self):
        os.kill(os.getpid(), signal.Signals[sys.argv[1]])

def at_once(address):
    if sys.argv[3] == "serving":
        Swallows()
    print(address, flush=True)

exit_at_signals()
if sys.argv[3] == "beginning":
    Swallows()
home = find_home()
serve(home, load_settings(home).console.placed(None, int(sys.argv[2])), at_once)
"""


@pytest.mark.parametrize(("name", "when"), [("SIGINT", "beginning"), ("SIGTERM", "serving")])
def test_a_signal_that_falls_into_garbage_collection_ends_the_console_all_the_same(
    program: Program, name: str, when: str
) -> None:
    """Python prints and forgets what is raised there, as a signal's exception was."""
    port = str(free_port())
    done = subprocess.run(
        [sys.executable, "-c", SWALLOWING, name, port, when],
        env=program.full_environment(),
        cwd=program.home.root,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    assert "Exception ignored in: <function Swallows.__del__" in done.stderr
    assert (done.returncode, done.stdout) == (0, f"http://127.0.0.1:{port}/maintenance\n")


STUBBORN = r"""
import os, signal, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
os.fork()
os.write(1, b"%d\n" % os.getpid())
time.sleep(600)
"""


@pytest.mark.process
@pytest.mark.cold
@pytest.mark.parametrize("is_interrupted", [False, True])
def test_a_dagster_ui_that_does_not_end_is_killed_with_its_children(
    monkeypatch: pytest.MonkeyPatch, is_interrupted: bool
) -> None:
    monkeypatch.setattr(dagster, "ENDING_SECONDS", 60 if is_interrupted else 0.2)
    ui = subprocess.Popen(
        [sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE, start_new_session=True
    )
    with ui:
        assert ui.stdout is not None
        both = [psutil.Process(int(ui.stdout.readline())) for _ in range(2)]
        if is_interrupted:
            before = signal.signal(signal.SIGALRM, signal.default_int_handler)
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            with pytest.raises(KeyboardInterrupt):
                dagster._end(ui)
            signal.signal(signal.SIGALRM, before)
        else:
            dagster._end(ui)
    assert psutil.wait_procs(both, timeout=30)[1] == []
