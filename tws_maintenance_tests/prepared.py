"""Dagster's storage of a new home, copied from one of this session instead of made anew.

Making it is a migration from nothing, table by table, and costs more than most runs. What is ours
of the first opening (dagster.yaml, the lock, the mark) goes on as ever; only the files of Dagster's
databases lie there already when it opens them.
"""

import contextlib
import io
import shutil
import tempfile
from functools import cache
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, cast

from filelock import FileLock
from jinja2.bccache import Bucket, BytecodeCache

from tws_maintenance.config.home import Home
from tws_maintenance_tests.defaults import CONSTITUENT_TASKS
from tws_maintenance_tests.support import environment_of, good_pages, quiet_environment

if TYPE_CHECKING:
    from tws_maintenance.console.service import Backend


def install(template: Path) -> None:
    """Let every first opening in this process, and in its forks, find a copy of `template`."""
    from tws_maintenance.pipeline import instance

    plain = getattr(instance._configure, "plain", instance._configure)

    def configure(home: Home, wanted: str) -> None:
        plain(home, wanted)
        is_new = not any(home.dagster.rglob("*.db"))
        if is_new and wanted == instance.CONFIGURATION and home.root != template:
            _copy(template, home)

    configure.plain = plain  # type: ignore[attr-defined]
    instance._configure = configure


def read_migrations_once() -> None:
    """Let Dagster's migrations be read from their files once, here and not in every fork.

    Each opening of an instance reads them four times to learn their head, a fifth of what a short
    command costs. What a database says is compared with that head as ever; other migrations, ours
    too, are read as ever.
    """
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from dagster._core.storage.runs.sqlite import sqlite_run_storage
    from dagster._core.storage.sql import ALEMBIC_SCRIPTS_LOCATION, get_alembic_config

    plain = ScriptDirectory.from_config
    directory = plain(get_alembic_config(sqlite_run_storage.__file__))
    directory.as_revision_number("head")  # reads the files

    def from_config(config: Config) -> ScriptDirectory:
        is_dagsters = config.get_main_option("script_location") == ALEMBIC_SCRIPTS_LOCATION
        return directory if is_dagsters else plain(config)

    ScriptDirectory.from_config = from_config  # type: ignore[method-assign]


def compute_calendars_once() -> None:
    """Let the second opinion of the next weeks be computed once, here and not in every fork.

    It depends on the exchange and the days asked for, and on nothing else.
    """
    from tws_maintenance.config.indices import DEFAULT_DAYS, maintained
    from tws_maintenance.core.clock import utc_now
    from tws_maintenance.market_events.model import Window
    from tws_maintenance.market_events.providers import calendars

    calendars._second_opinion = cache(calendars._second_opinion)
    window = Window(utc_now(), DEFAULT_DAYS)
    for venue in maintained().venues:
        calendars.answer(venue, window)


def compile_templates_once() -> None:
    """Let the templates of pages be compiled once, here and not in every console of every fork.

    Each console is an application of its own and compiles what it shows. What is kept belongs to
    the text of a template, so a changed one is compiled as ever.
    """
    from flask import Flask
    from flask_wtf.csrf import CSRFProtect

    from tws_maintenance.console.blueprint import build_blueprint

    if "bytecode_cache" in Flask.jinja_options:
        return
    Flask.jinja_options = {**Flask.jinja_options, "bytecode_cache": _Compiled()}
    app = Flask(__name__, static_folder=None)
    CSRFProtect(app)
    app.register_blueprint(build_blueprint(cast("Backend", None)))
    for name in app.jinja_env.list_templates():
        app.jinja_env.get_template(name)


class _Compiled(BytecodeCache):
    """Compiled templates of this process, by name and text."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._codes.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        assert bucket.code is not None
        self._codes[bucket.key, bucket.checksum] = bucket.code


def _copy(template: Path, home: Home) -> None:
    from tws_maintenance.pipeline import instance

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
    from tws_maintenance.cli.main import cli
    from tws_maintenance.config.indices import DEFAULT_DAYS
    from tws_maintenance.config.settings import load_settings
    from tws_maintenance.demo.server import PageServer
    from tws_maintenance.market_events.embedded_keeper import question_of
    from tws_maintenance.market_events.providers.fetching import ask_all
    from tws_maintenance.market_events.providers.worker import _warm_up
    from tws_maintenance.market_events.scope import resolve
    from tws_maintenance.pipeline.execution import execute
    from tws_maintenance.runs.maintenance import head_start
    from tws_maintenance.runs.request import RunSpec

    with (
        tempfile.TemporaryDirectory(prefix="rehearsal_") as folder,
        PageServer(good_pages()) as server,
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
