"""The command line in this process: the same code, without the second that a process costs."""

import contextlib
import os
from collections.abc import Callable, Iterator

import pytest
from click.testing import CliRunner, Result

from tws_maintenance.cli.main import cli
from tws_maintenance.config.home import HOME_VARIABLE, Home
from tws_maintenance.demo.server import PageServer
from tws_maintenance_tests.support import environment_of, good_pages, quiet_environment

Command = Callable[..., Result]


@pytest.fixture
def command(home: Home, server: PageServer, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The program as a function of its arguments, on `home`, reading from `server`."""
    return command_on(home, server, monkeypatch)


def command_on(home: Home, server: PageServer, patch: pytest.MonkeyPatch) -> Command:
    """Return the program as such a function, with the settings that `patch` sets for it."""
    for name, value in {**environment_of(server), HOME_VARIABLE: str(home.root)}.items():
        patch.setenv(name, value)

    def run(*arguments: str) -> Result:
        with dagster_home_as_it_was():
            return CliRunner().invoke(cli, arguments, catch_exceptions=False)

    return run


@contextlib.contextmanager
def preparing(home: Home) -> Iterator[tuple[Command, PageServer]]:
    """Yield the program on a home that a module prepares for its tests, and the pages it reads."""
    home.root.mkdir(exist_ok=True)
    with PageServer(good_pages()) as server, quiet_environment() as patch:
        yield command_on(home, server, patch), server


@contextlib.contextmanager
def dagster_home_as_it_was() -> Iterator[None]:
    """Give DAGSTER_HOME back as it was: a command sets it for its process."""
    before = os.environ.get("DAGSTER_HOME")
    try:
        yield
    finally:
        os.environ.pop("DAGSTER_HOME", None)
        if before is not None:
            os.environ["DAGSTER_HOME"] = before
