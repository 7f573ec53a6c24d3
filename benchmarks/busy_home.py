"""A home in which much has happened: real runs, repeated in Dagster's storage and in the folders.

A repeated run keeps everything but its ids and its time. The chain of reports does not hold in
such a home; nothing that is measured reads it.
"""

import json
import re
import shutil
import sqlite3
import subprocess
import sys
import uuid
from datetime import datetime
from pathlib import Path

from tws_maintenance.config.home import Home

PROGRAM = [sys.executable, "-m", "tws_maintenance"]
STAMP = "%Y%m%d_%H%M%S"
# What holds a run's id, in the tables of Dagster that are repeated.
_TEXTS = {"run_id", "run_body", "event", "evaluation_event"}
_RUNS = ("runs", "run_tags")
_EVENTS = ("event_logs", "asset_check_executions", "asset_event_tags")


def carry_out(environment: dict[str, str], *words: str, python: str = sys.executable) -> None:
    """Run a command of the program to its end, of the build whose `python` it is."""
    command = [python, *PROGRAM[1:], *words]
    # From a checkout the other build would import its package.
    subprocess.run(command, cwd="/", env=environment, check=True, stdout=subprocess.DEVNULL)


class BusyHome:
    """Repeats runs of `home`; open it once, close it before anybody else reads the storage."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._runs = sqlite3.connect(home.dagster / "history" / "runs.db")
        self._events = sqlite3.connect(home.dagster / "event_log.db")

    def close(self) -> None:
        """Keep what was repeated."""
        for database in (self._runs, self._events):
            database.commit()
            database.close()

    def repeat(self, stamp: str, at: datetime) -> None:
        """Repeat the run whose report is `stamp`, with its report and proposals, at `at`."""
        report = json.loads((self._home.reports / f"{stamp}.json").read_text())
        copied = str(uuid.uuid4())
        self.repeat_run(report["run_id"], copied, at)
        repeat_files(self._home, stamp, at, copied)

    def repeat_run(self, model: str, copied: str, at: datetime) -> None:
        """Repeat the run `model` in Dagster's storage as `copied`, as if created at `at`."""
        for database, tables in ((self._runs, _RUNS), (self._events, _EVENTS)):
            for table in tables:
                _copy(database, table, model, copied, at)

    def rename_run(self, model: str, former: str) -> None:
        """Give the run `model` another id, so that a copy can have its own."""
        for database, tables in ((self._runs, _RUNS), (self._events, _EVENTS)):
            for table in tables:
                _rename(database, table, model, former)


def repeat_files(home: Home, stamp: str, at: datetime, run_id: str) -> None:
    """Repeat the report `stamp`, its proposals and its backup as those of `run_id` at `at`."""
    report = (home.reports / f"{stamp}.json").read_text()
    named = at.strftime(STAMP)
    text = report.replace(stamp, named).replace(json.loads(report)["run_id"], run_id)
    text = re.sub(r'(_at": ")[^"]+', lambda match: f"{match[1]}{at.isoformat()[:19]}Z", text)
    (home.reports / f"{named}.json").write_text(text)
    readable = (home.reports / f"{stamp}.md").read_text()
    (home.reports / f"{named}.md").write_text(readable.replace(stamp, named))
    for folder in home.staging.glob(f"maintenance_{stamp}_*"):
        shutil.copytree(folder, folder.with_name(folder.name.replace(stamp, named)))
    kept = home.backups / stamp
    if kept.exists():
        shutil.copytree(kept, kept.with_name(named))


def newest_stamp(home: Home) -> str:
    """Return the name of the newest report."""
    return max(path.stem for path in home.reports.glob("2*.json"))


def size_of(folder: Path) -> int:
    """Return the bytes of all files below `folder`."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _columns(database: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in database.execute(f"PRAGMA table_info({table})") if row[1] != "id"]


def _copy(database: sqlite3.Connection, table: str, model: str, copied: str, at: datetime) -> None:
    columns = _columns(database, table)
    if "run_id" not in columns:
        return
    created = at.replace(tzinfo=None).isoformat(sep=" ")
    values = [
        f"replace({one}, '{model}', '{copied}')"
        if one in _TEXTS
        else f"'{created}'"
        if one == "create_timestamp"
        else one
        for one in columns
    ]
    database.execute(
        f"INSERT INTO {table} ({', '.join(columns)}) "  # noqa: S608 - names of Dagster's own
        f"SELECT {', '.join(values)} FROM {table} WHERE run_id = ?",
        (model,),
    )


def _rename(database: sqlite3.Connection, table: str, model: str, former: str) -> None:
    names = _columns(database, table)
    if "run_id" not in names:
        return
    values = [f"{one} = replace({one}, '{model}', '{former}')" for one in names if one in _TEXTS]
    database.execute(f"UPDATE {table} SET {', '.join(values)} WHERE run_id = ?", (model,))  # noqa: S608
