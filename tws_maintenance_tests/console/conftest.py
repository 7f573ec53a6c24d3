"""One console for all tests of a file: its home, its sources, its runs are real."""

from collections.abc import Iterator
from functools import partial

import pytest
from werkzeug.security import generate_password_hash

from tws_maintenance.config.home import Home
from tws_maintenance.console import login
from tws_maintenance.demo.server import PageServer
from tws_maintenance.pipeline.instance import VARIABLE
from tws_maintenance_tests import prepared
from tws_maintenance_tests.console.support import Console, consoled, opened, point_to


@pytest.fixture(scope="session", autouse=True)
def _cheap_hashes() -> Iterator[None]:
    """Hash passwords with one round: a guess costs a hundred logins of a test otherwise."""
    quick = partial(generate_password_hash, method="pbkdf2:sha256:1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(login, "generate_password_hash", quick)
        yield


@pytest.fixture(scope="session", autouse=True)
def _templates_are_compiled() -> None:
    prepared.compile_templates_once()


@pytest.fixture(scope="module")
def shared_console(web: PageServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """One console for all tests of a file; ask for `console` instead."""
    with consoled(tmp_path_factory.mktemp("console"), web) as console:
        yield console


@pytest.fixture
def console(shared_console: Console, monkeypatch: pytest.MonkeyPatch) -> Console:
    """The console of this file, in the environment that it made for itself."""
    monkeypatch.setenv(VARIABLE, str(shared_console.home.dagster))
    return shared_console


@pytest.fixture
def fresh(home: Home, server: PageServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Console]:
    """A console on an empty home of its own."""
    point_to(home, server)
    monkeypatch.setenv(VARIABLE, str(home.dagster))
    with opened(home) as console:
        yield console
