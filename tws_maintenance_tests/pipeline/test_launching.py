"""The report is reserved before the first request leaves; a run that never began has one too."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from tws_maintenance.config.environment import operating_system_user
from tws_maintenance.config.home import HOME_VARIABLE, Home
from tws_maintenance.config.indices import INDICES, MARKET_EVENTS
from tws_maintenance.config.settings import load_settings
from tws_maintenance.core.errors import HomeError, UsageError
from tws_maintenance.demo.pages import companies
from tws_maintenance.demo.server import PageServer
from tws_maintenance.pipeline.definitions import build_definitions
from tws_maintenance.pipeline.execution import create_run
from tws_maintenance.pipeline.instance import VARIABLE, open_instance
from tws_maintenance.pipeline.launching import launch
from tws_maintenance.pipeline.reconcile import reconcile
from tws_maintenance.pipeline.run_process import hand_over, start_process
from tws_maintenance.pipeline.tags import REPORT_ID_TAG
from tws_maintenance.reports.chain_verification import verify_chain
from tws_maintenance.reports.journal import Journal
from tws_maintenance.reports.schema import EntryPoint
from tws_maintenance.reports.store import journal_of, reservations, reserve
from tws_maintenance.runs.recovery import recover, run_lock
from tws_maintenance.runs.request import PlannedRun, RunSpec
from tws_maintenance_tests.constituents.bench import AT
from tws_maintenance_tests.defaults import TASK_GROUPS
from tws_maintenance_tests.killing import KILLED
from tws_maintenance_tests.pipeline.support import (
    good_pages,
    quiet_environment,
    run_job,
    web_environment,
)
from tws_maintenance_tests.support import (
    TIMEOUT_SECONDS,
    Program,
    live_bytes,
    reports_of,
    write_live,
)

HSI = INDICES["hsi"]
ALL = TASK_GROUPS["all"]
Started = Callable[[Home, Program], "subprocess.Popen[bytes]"]
# Runs the command line, interrupted where it begins to import Dagster.
INTERRUPTED = """
import os, signal, sys

def hook(event, arguments):
    if event == "import" and arguments[0] == "dagster":
        os.kill(os.getpid(), signal.SIGINT)

# A process that a shell put into the background begins with SIGINT ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.addaudithook(hook)
sys.argv = ["tws-maintenance", *sys.argv[1:]]
from tws_maintenance.__main__ import main
main()
"""


class WatchingServer(PageServer):
    """Notes what is reserved in `home` when the first request arrives, and ends who made it."""

    def __init__(self, home: Home) -> None:
        super().__init__(good_pages())
        self._home = home
        self._first = threading.Lock()
        self._is_known = threading.Event()
        self._victim: subprocess.Popen[bytes] | None = None
        self.reserved: list[Journal | None] | None = None

    def watch(self, victim: "subprocess.Popen[bytes] | None" = None) -> None:
        """Let requests be answered; the first one is the last thing that `victim` does."""
        self._victim = victim
        self._is_known.set()

    def _lookup(self, path: str) -> tuple[int, bytes]:
        self._is_known.wait(TIMEOUT_SECONDS)
        with self._first:
            if self.reserved is None:
                self.reserved = [journal_of(marker) for marker in reservations(self._home)]
                if self._victim is not None:
                    self._victim.send_signal(signal.SIGKILL)
        return super()._lookup(path)


@pytest.fixture
def watching(home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[WatchingServer]:
    """The server from which everything is fetched."""
    with WatchingServer(home) as server:
        for name, value in web_environment(server).items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.fixture(scope="module")
def dagster_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DAGSTER_HOME that is made ready, to be copied."""
    home = Home(tmp_path_factory.mktemp("ready"))
    with quiet_environment() as patch:
        patch.setenv(VARIABLE, str(home.dagster))
        open_instance(home).dispose()
    return home.dagster


@pytest.fixture
def entered(home: Home, dagster_home: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """The home, named in the environment, with a Dagster that is made ready."""
    shutil.copytree(dagster_home, home.dagster)
    monkeypatch.setenv(HOME_VARIABLE, str(home.root))
    monkeypatch.setenv(VARIABLE, str(home.dagster))
    return home


def leftovers(home: Home) -> list[Path]:
    """Return the reservations and the locks of runs that lie in a home."""
    return [*reservations(home), *home.locks.glob("run_*")]


def from_the_command_line(home: Home, program: Program) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "tws_maintenance", "run", "--apply", "--reason", "weekly"]
    quiet = subprocess.DEVNULL
    environment = program.full_environment()
    return subprocess.Popen(command, cwd=home.root, env=environment, stdout=quiet, stderr=quiet)


def from_the_console(home: Home, program: Program) -> "subprocess.Popen[bytes]":
    assert program.home == home
    process = start_process(home, "a-run-of-the-console")
    hand_over(
        process,
        RunSpec(
            ALL,
            dry_run=False,
            reason="weekly",
            entry_point=EntryPoint.CONSOLE,
            actor=operating_system_user(),
        ),
    )
    return process


@pytest.mark.cold
@pytest.mark.process
@pytest.mark.parametrize("started", [from_the_command_line, from_the_console])
def test_a_run_that_is_killed_at_its_first_request_is_reported_by_the_next_start(
    started: Started, home: Home, watching: WatchingServer
) -> None:
    write_live(home, HSI, companies("hsi")[:-1])
    before = live_bytes(home)
    program = Program(home, web_environment(watching))
    with started(home, program) as process:
        watching.watch(process)
        assert process.wait(TIMEOUT_SECONDS) == KILLED
    assert not home.dagster.joinpath("history").exists(), "Dagster was at work already"

    (recovered,) = recover(home)

    (report,) = reports_of(home)
    assert report["report_id"] == recovered.report_id
    assert [report[key] for key in ("status", "entry_point", "actor", "reason", "dry_run")] == [
        "interrupted",
        "cli" if started is from_the_command_line else "console",
        operating_system_user(),
        "weekly",
        False,
    ]
    assert [one["task"] for one in report["results"]] == list(ALL)
    assert {one["status"] for one in report["results"]} == {"failed"}
    assert report["errors"][0] == (
        f"Interrupted: the run was killed (process {process.pid}); it had replaced no file."
    )
    assert live_bytes(home) == before
    assert leftovers(home) == []
    assert recover(home) == []


def launched(home: Home) -> None:
    launch(home, load_settings(home), RunSpec((HSI.task,), dry_run=True, reason="weekly"))


def by_dagster(home: Home) -> None:
    run_job(home, "dry_run_constituents", {"tasks": [HSI.task], "reason": "weekly"})


@pytest.mark.process
@pytest.mark.parametrize("run", [launched, by_dagster])
def test_the_report_is_reserved_when_the_first_request_arrives_and_tells_what_was_asked(
    run: Callable[[Home], None], entered: Home, watching: WatchingServer
) -> None:
    watching.watch()
    run(entered)
    (report,) = reports_of(entered)
    assert report["status"] == "completed"
    assert watching.reserved is not None
    (journal,) = watching.reserved
    assert journal is not None
    note = journal.to_dict()
    keys = ("run_id", "entry_point", "actor", "reason", "dry_run", "overrides")
    assert {key: note[key] for key in keys} == {key: report[key] for key in keys}
    assert (note["tasks"], note["reserved_at"]) == ([HSI.task], report["started_at"])
    assert leftovers(entered) == []


@pytest.mark.process
def test_a_mistake_in_the_symbols_is_told_before_anything_is_reserved_or_asked(
    entered: Home, watching: WatchingServer
) -> None:
    watching.watch()
    spec = RunSpec((HSI.task, MARKET_EVENTS), dry_run=True, symbols=("no symbol",))
    with pytest.raises(UsageError, match="no symbol"):
        launch(entered, load_settings(entered), spec)
    assert watching.reserved is None
    assert (leftovers(entered), reports_of(entered)) == ([], [])


@pytest.mark.process
def test_where_no_report_can_be_written_nothing_is_asked(
    entered: Home, watching: WatchingServer
) -> None:
    watching.watch()
    (entered.root / "reports").write_text("a file where a folder is needed")
    with pytest.raises(HomeError, match=r"reports/maintenance cannot be written"):
        launched(entered)
    assert watching.reserved is None
    assert leftovers(entered) == []


@pytest.mark.process
def test_a_run_that_dagsters_storage_keeps_from_beginning_has_failed_and_says_why(
    entered: Home, watching: WatchingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    watching.watch()
    monkeypatch.setenv(VARIABLE, "/no/such/folder")
    with pytest.raises(HomeError, match=r"Nothing was replaced; the report is maintenance_") as met:
        launched(entered)
    (report,) = reports_of(entered)
    assert report["report_id"] in str(met.value)
    assert (report["status"], report["dry_run"], report["reason"]) == ("failed", True, "weekly")
    assert report["errors"][0].startswith("DAGSTER_HOME is /no/such/folder, which is not the full")
    assert [(one["task"], one["status"]) for one in report["results"]] == [(HSI.task, "skipped")]
    assert leftovers(entered) == []
    assert verify_chain(entered).problem == ""


@pytest.mark.cold
@pytest.mark.process
def test_an_interrupt_before_dagster_is_there_leaves_a_report(program: Program) -> None:
    command = (sys.executable, "-c", INTERRUPTED, "run", "--task", HSI.task, "--json")
    done = program.execute(*command)
    (report,) = reports_of(program.home)
    assert json.loads(done.stdout) == report, done.stderr
    assert (done.returncode, report["status"]) == (1, "interrupted")
    assert [one["status"] for one in report["results"]] == ["skipped"]
    assert leftovers(program.home) == []


def cancelled_run(home: Home) -> str:
    """Create a run, cancel it in Dagster before anybody works on it, and return its id."""
    spec = RunSpec((HSI.task,), dry_run=True, reason="weekly")
    with open_instance(home) as instance:
        run = create_run(home, instance, build_definitions(), spec)
        instance.report_run_canceled(run)
    return run.run_id


@pytest.mark.process
def test_a_run_that_was_cancelled_before_its_process_began_has_one_report(
    entered: Home, watching: WatchingServer
) -> None:
    watching.watch()
    run_id = cancelled_run(entered)
    spec = RunSpec((HSI.task,), dry_run=True, reason="weekly")

    executed = launch(entered, load_settings(entered), spec, run_id=run_id)

    (report,) = reports_of(entered)
    assert (executed.run_id, executed.report_id) == (run_id, report["report_id"])
    assert (report["run_id"], report["status"]) == (run_id, "interrupted")
    assert "the run ended before it could begin" in report["errors"][0]
    with open_instance(entered) as instance:
        reconcile(entered, instance)
        run = instance.get_run_by_id(run_id)
    assert run is not None
    assert run.tags[REPORT_ID_TAG] == report["report_id"]

    again = launch(entered, load_settings(entered), spec, run_id=run_id)

    assert again.report_id == report["report_id"]
    assert reports_of(entered) == [report]
    assert leftovers(entered) == []


def test_a_run_that_holds_a_reserved_report_is_not_reported_by_others(entered: Home) -> None:
    run_id = cancelled_run(entered)
    request = PlannedRun(
        (HSI.task,), True, run_id=run_id, entry_point=EntryPoint.CONSOLE, actor="operator"
    )
    entered.locks.mkdir(parents=True, exist_ok=True)
    with FileLock(run_lock(entered, run_id)), open_instance(entered) as instance:
        reserve(entered, AT, request.head() | {"tasks": [HSI.task], "pid": os.getpid()})
        assert reconcile(entered, instance) == []
        assert reports_of(entered) == []
    with open_instance(entered) as instance:
        (recovered,) = reconcile(entered, instance)
    assert [one["report_id"] for one in reports_of(entered)] == [recovered.report_id]
