"""Dagster's storage of a new home, copied from one of this session instead of made anew.

Making it is a migration from nothing, table by table, and costs more than most runs. What is ours
of the first opening (dagster.yaml, the lock, the mark) goes on as ever; only the files of Dagster's
databases lie there already when it opens them.
"""

import shutil
from pathlib import Path

from filelock import FileLock

from tws_maintenance.home import Home
from tws_maintenance.pipeline import instance
from tws_maintenance_tests.support import quiet_environment

_configure = instance._configure


def install(template: Path) -> None:
    """Let every first opening in this process, and in its forks, find a copy of `template`."""

    def configure(home: Home, wanted: str) -> None:
        _configure(home, wanted)
        is_new = [one.name for one in home.dagster.iterdir()] == ["dagster.yaml"]
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
