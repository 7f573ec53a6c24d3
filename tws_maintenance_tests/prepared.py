"""Dagster's storage of a new home, copied from one of this session instead of made anew.

Making it is a migration from nothing, table by table, and costs more than most runs. What is ours
of the first opening (dagster.yaml, the lock, the mark) goes on as ever; only the files of Dagster's
databases lie there already when it opens them.
"""

import contextlib
import io
import shutil
import tempfile
from pathlib import Path

from filelock import FileLock

from tws_maintenance.cli.main import cli
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import DEFAULT_DAYS, INDICES
from tws_maintenance.config.settings import load_settings
from tws_maintenance.demo.pages import companies, page
from tws_maintenance.demo.server import PageServer
from tws_maintenance.market_events.embedded_keeper import question_of
from tws_maintenance.market_events.providers.fetching import ask_all
from tws_maintenance.market_events.providers.worker import _warm_up
from tws_maintenance.market_events.scope import resolve
from tws_maintenance.pipeline import instance
from tws_maintenance.pipeline.execution import execute
from tws_maintenance.runs.maintenance import head_start
from tws_maintenance.runs.request import RunSpec
from tws_maintenance_tests.defaults import CONSTITUENT_TASKS
from tws_maintenance_tests.support import environment_of, quiet_environment

_configure = instance._configure


def install(template: Path) -> None:
    """Let every first opening in this process, and in its forks, find a copy of `template`."""

    def configure(home: Home, wanted: str) -> None:
        _configure(home, wanted)
        is_new = not any(home.dagster.rglob("*.db"))
        if is_new and wanted == instance.CONFIGURATION and home.root != template:
            _copy(template, home)

    instance._configure = configure


def _copy(template: Path, home: Home) -> None:
    with FileLock(template.with_suffix(".lock")):
        if not template.exists():
            with quiet_environment():
                instance.open_instance(Home(template)).dispose()
    for part in Home(template).dagster.iterdir():
        if part.is_dir() and part.name != "locks":
            shutil.copytree(part, home.dagster / part.name)
        elif part.suffix == ".db":
            shutil.copyfile(part, home.dagster / part.name)


def rehearse() -> None:
    """Make every kind of run once, in this process, so that everything is imported."""
    with (
        tempfile.TemporaryDirectory(prefix="rehearsal_") as folder,
        PageServer({key: page(key, companies(key)) for key in INDICES}) as server,
        quiet_environment() as patch,
    ):
        for name, value in environment_of(server).items():
            patch.setenv(name, value)
        home = Home(Path(folder))
        settings = load_settings(home)
        for dry_run in (True, False):
            execute(home, RunSpec(CONSTITUENT_TASKS, dry_run), begun=head_start(home, settings))
        ask_all(question_of(resolve(home, settings, ("AAPL",)), settings, DEFAULT_DAYS))
        _warm_up()
        with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):
            cli(["--home", folder, "status"], prog_name="rehearsal")
