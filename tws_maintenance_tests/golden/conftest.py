"""`--update`: write the golden reports anew and say which ones changed."""

import os
from collections.abc import Iterator

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.demo.server import PageServer
from tws_maintenance.market_events import robot_service as service
from tws_maintenance_tests.golden.play import Play
from tws_maintenance_tests.golden.stopped_clock import StoppedClock, stop
from tws_maintenance_tests.support import environment_of, good_pages

CHANGED = "golden report"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option; pytest knows it where this folder is named on its command line."""
    parser.addoption("--update", action="store_true", help="Write the golden reports anew.")


def pytest_configure(config: pytest.Config) -> None:
    """Refuse to update where nobody reviews what changes."""
    if config.getoption("update", default=False) and os.environ.get("CI"):
        raise pytest.UsageError("Golden reports are not updated in CI: review them, commit them.")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what `--update` changed, also where the tests ran in other processes."""
    ended = [one for many in terminalreporter.stats.values() for one in many]
    changed = sorted(
        {
            str(value)
            for one in ended
            for kind, value in getattr(one, "user_properties", ())
            if kind == CHANGED
        }
    )
    if terminalreporter.config.getoption("update", default=False):
        terminalreporter.section("golden reports")
        terminalreporter.line("\n".join(changed) or "All are as they were.")


@pytest.fixture
def stopped_clock(home: Home, monkeypatch: pytest.MonkeyPatch) -> StoppedClock:
    """The program's clock, stopped on a Sunday evening of November 2026."""
    return stop(home, monkeypatch)


@pytest.fixture
def play(
    stopped_clock: StoppedClock, home: Home, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Play]:
    """The program on an empty home with pages on this machine, for one scene."""
    monkeypatch.setenv("LOGNAME", "operator")
    monkeypatch.setattr(service, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(service, "QUIET_SECONDS", 0.3)
    with PageServer(good_pages()) as web:
        for name, value in environment_of(web).items():
            monkeypatch.setenv(name, value)
        with Play(home, web, stopped_clock, monkeypatch) as scene:
            yield scene
