"""Homes, pages and processes: everything real, everything in a temporary folder."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.config.settings import Settings, load_settings
from tws_maintenance.demo.server import PageServer
from tws_maintenance_tests import prepared, warm
from tws_maintenance_tests.support import (
    Program,
    RecordedWeb,
    environment_of,
    good_pages,
    quiet_environment,
)

pytest_plugins = ["tws_maintenance_tests.postgres", "tws_maintenance_tests.session"]


@pytest.fixture(scope="session", autouse=True)
def _dagster_is_prepared() -> None:
    # Not above: pytest has to be the first to import a plugin.
    from tws_maintenance_tests import session

    prepared.install(warm.template_of(os.environ[warm.SOCKET_VARIABLE]))
    session.forget_what_was_done()  # imports ask the machine what it is


@pytest.fixture(scope="module", autouse=True)
def _processes_of_the_module(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fork the processes of a module's fixtures; start them as users do where it is `cold`."""
    with warm.use(cold=request.node.get_closest_marker("cold") is not None):
        yield


@pytest.fixture(autouse=True)
def _processes_of_the_test(request: pytest.FixtureRequest) -> Iterator[None]:
    with warm.use(cold=request.node.get_closest_marker("cold") is not None):
        yield


@pytest.fixture(autouse=True)
def _no_environment_of_the_machine() -> Iterator[None]:
    """Tests must not see, or write to, the home and the Dagster of whoever runs them."""
    with quiet_environment():
        yield


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty home."""
    folder = tmp_path / "home"
    folder.mkdir()
    return Home(folder)


@pytest.fixture
def server() -> Iterator[PageServer]:
    """The three pages of invented companies, served on this machine; change `.pages` at will."""
    with PageServer(good_pages()) as running:
        yield running


@pytest.fixture(scope="module")
def web() -> Iterator[PageServer]:
    """The pages of invented companies, for all tests of a file."""
    with PageServer(good_pages()) as running:
        yield running


@pytest.fixture
def settings(home: Home, server: PageServer, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings that point to `server`, with no pause between attempts."""
    for name, value in environment_of(server).items():
        monkeypatch.setenv(name, value)
    return load_settings(home)


@pytest.fixture
def program(home: Home, server: PageServer) -> Program:
    """The real program in processes of its own, on `home`, reading from `server`."""
    return Program(
        home,
        environment_of(server),
    )


@pytest.fixture
def recorded(home: Home) -> Iterator[RecordedWeb]:
    """The real program against the recorded web; skips where the recordings are not there."""
    with RecordedWeb(home) as recorded:
        yield recorded
