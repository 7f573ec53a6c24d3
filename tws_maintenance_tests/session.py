"""How a session of tests is arranged: the warm process, what runs together, what a test needs.

What belongs here: hooks of pytest and pytest-xdist. What does not: fixtures, which are in the
conftest.py of their folder. docs/testing.md says how to use it.
"""

import contextlib
import gc
import importlib
import os
import shutil
import sys
import zlib
from collections.abc import Generator, Iterable
from pathlib import Path

import pytest

from tws_maintenance_tests import warm
from tws_maintenance_tests.support import forget_the_machine

# What a test needs, by the fixtures that it asks for; a mark says what no fixture shows.
NEEDS = {
    "browser": {"chromium"},
    "services": {
        *("postgres_server", "stoppable_server", "server", "web", "pages", "faulty", "yahoo"),
        *("robot", "silent", "screener_of", "daemon", "ui"),
    },
    "process": {
        *("program", "recorded", "shared_console", "fresh", "running_console"),
        *("journey", "day", "dead", "killed", "counting"),
    },
}
LONG_ID = 40
BROWSERS = 2
# Files in memory: a run leaves some 300 MB, and pytest keeps the last one.
MEMORY = Path("/dev/shm")  # noqa: S108 - it is where Linux has it
MEMORY_BYTES = 4 << 30
TEMPORARY_VARIABLE = "PYTEST_DEBUG_TEMPROOT"
# What a `unit` test does not do, by Python's audit events.
BEYOND_UNIT = {
    "os.fork": "forks",
    "os.posix_spawn": "starts a process",
    "socket.bind": "listens on a port",
    "subprocess.Popen": "starts a process",
}
# Groups that wait the most, for a server that is down and for Dagster's daemon. In this order one
# worker takes all of them, while the others have the browsers.
WAITING = ("stopped_server", "daemon", "postgres")
SHARED_SCOPES = {"module", "package"}
# Made for every test and shared by no two of them.
OF_EVERY_MODULE = {"_processes_of_the_module"}


def pytest_configure(config: pytest.Config) -> None:
    """Start the warm process, in the one process that all others of a session come from."""
    if not hasattr(config, "workerinput"):
        # With it every process that a test starts compiles the package, and each worker all tests.
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        forget_the_machine()
        if _has_memory():
            os.environ.setdefault(TEMPORARY_VARIABLE, str(MEMORY))
        running = contextlib.ExitStack()
        running.enter_context(warm.running())
        if config.getoption("dist") != "no":
            running.enter_context(warm.use())  # the workers are forked, too
        config.add_cleanup(running.close)


def _has_memory() -> bool:
    """Return whether temporary homes may lie in memory, where making a file safe costs nothing."""
    if not os.access(MEMORY, os.W_OK) or os.statvfs(MEMORY).f_flag & os.ST_NOEXEC:
        return False
    return shutil.disk_usage(MEMORY).free >= MEMORY_BYTES


def pytest_xdist_auto_num_workers() -> int:
    """Return one worker more than there are cores: the tests wait at times.

    With more of them the cores rest less, and each test costs as much more.
    """
    return len(os.sched_getaffinity(0)) + 1 if hasattr(os, "sched_getaffinity") else 3


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name long bytes by their argument: a packed file holds its time, so two workers differ."""
    return argname if isinstance(val, bytes) and len(val) > LONG_ID else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what each test needs, keep together what shares a fixture, and begin with the longest.

    Tests that share nothing go one by one to whichever process is free. So the groups, whose
    browsers and daemons take longest, come first, and both cores work to the end.
    """
    for item in items:
        _mark_needs(item)
    browsers = sorted({_module(one) for one in items if one.get_closest_marker("browser")})
    for item in items:
        if item.get_closest_marker("xdist_group") is not None:
            continue
        if _asks_postgres(item):
            item.add_marker(pytest.mark.xdist_group("postgres"))  # one server for all
        elif (name := _module(item)) in browsers:
            # Two browsers for all: one costs as much as the tests of a module.
            item.add_marker(pytest.mark.xdist_group(f"browser_{browsers.index(name) % BROWSERS}"))
        elif _shares_a_fixture(item):
            item.add_marker(pytest.mark.xdist_group(name))
    items.sort(key=_order)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection(session: pytest.Session) -> Generator[None]:
    """Collect the tests without looking for garbage: what comes up is there to stay."""
    gc.disable()
    try:
        _compile_a_share(session.config)
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


def _compile_a_share(config: pytest.Config) -> None:
    """Import this worker's share of the test modules, before it collects all of them.

    Every worker collects the same modules in the same order. So in a new checkout each would
    compile each of them; this way it finds most of them compiled.
    """
    if not hasattr(config, "workerinput") or config.args_source != config.ArgsSource.TESTPATHS:
        return
    worker = int(config.workerinput["workerid"].removeprefix("gw"))
    folder = Path(__file__).parent
    for path in sorted(folder.rglob("test_*.py"))[worker :: config.workerinput["workercount"]]:
        name = path.relative_to(folder.parent).with_suffix("")
        # What is wrong with a module is told where it is collected.
        with contextlib.suppress(Exception, pytest.skip.Exception):
            importlib.import_module(".".join(name.parts))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> Generator[None]:
    """Refuse to run where groups would be torn apart in silence, as by pytest 9.2 and xdist 3.8."""
    is_worker = hasattr(session.config, "workerinput")
    torn = [one.nodeid for one in session.items if "xdist_group" in one.keywords]
    if is_worker and any("@" not in nodeid for nodeid in torn):
        raise pytest.UsageError("This pytest-xdist puts no group into a test's id: see the pins.")
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None]:
    """Fail a `unit` test whose fixtures, its module's too, do what it does not."""
    _done.clear()
    yield
    _demand_unit(item)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """Fail a `unit` test that is none."""
    _done.clear()
    yield
    _demand_unit(item)


def _demand_unit(item: pytest.Item) -> None:
    if item.get_closest_marker("unit") and _done:
        pytest.fail(f"This test {' and '.join(sorted(_done))}: mark it `process` or `services`.")


_done: set[str] = set()


def forget_what_was_done() -> None:
    """Hold nothing that happened until now against the test that is being set up."""
    _done.clear()


def _notice(event: str, _arguments: tuple[object, ...]) -> None:
    if event in BEYOND_UNIT:
        _done.add(BEYOND_UNIT[event])


sys.addaudithook(_notice)


def _mark_needs(item: pytest.Item) -> None:
    asked = set(_fixture_names(item))
    for mark, fixtures in NEEDS.items():
        if fixtures & asked:
            item.add_marker(mark)
    if not any(item.get_closest_marker(mark) for mark in NEEDS):
        item.add_marker("unit")


def _module(item: pytest.Item) -> str:
    """Return the name of a test's module below the tests."""
    assert isinstance(item, pytest.Function)
    name: str = item.module.__name__
    return name.rpartition("tests.")[2]


def _fixture_names(item: pytest.Item) -> Iterable[str]:
    return getattr(item, "fixturenames", ())


def _asks_postgres(item: pytest.Item) -> bool:
    """Return whether a test works on the server of the session; one of its own is no matter."""
    callspec = getattr(item, "callspec", None)
    chosen = callspec.params.get("event_database") if callspec else None
    return chosen == "postgres" or "postgres_server" in _fixture_names(item)


def _shares_a_fixture(item: pytest.Item) -> bool:
    info = getattr(item, "_fixtureinfo", None)
    found = info.name2fixturedefs if info else {}
    return any(
        definitions[-1].scope in SHARED_SCOPES
        for name, definitions in found.items()
        if name not in OF_EVERY_MODULE
    )


def _order(item: pytest.Item) -> tuple[int, int, str]:
    """Order the groups of browsers first, then those that wait, other groups, the rest, unit tests.

    Tests that wait cost no time while the browsers work. The rest is mixed, because those of one
    module wait together: slow sources and robots leave both cores idle otherwise. Unit tests, which
    are short, come last, so that all workers end at the same time.
    """
    group = item.get_closest_marker("xdist_group")
    if group is not None:
        name = str(group.args[0])
        if item.get_closest_marker("browser") is not None:
            return 0, 0, name
        return (1, WAITING.index(name), name) if name in WAITING else (2, 0, name)
    if item.get_closest_marker("unit") is not None:
        return 4, 0, ""
    return 3, zlib.crc32(item.nodeid.encode()), ""
