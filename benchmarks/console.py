"""How fast the console answers, and what it weighs, by how much has happened in its home.

A real dry run and a real apply are made, then repeated in Dagster's storage and in the folders of
reports and proposals, with other ids and earlier times. One proposal of the real runs stays the
newest. Figures are at the server: one request after the other over loopback.
"""

import argparse
import json
import os
import re
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import requests

from tws_maintenance.demo.pages import companies, page
from tws_maintenance.demo.server import PageServer
from tws_maintenance.home import HOME_VARIABLE, Home
from tws_maintenance.indices import INDICES

PORT = 5099
ORIGIN = f"http://127.0.0.1:{PORT}"
ADDRESSES = ("/api/maintenance/status", "/maintenance", "/api/maintenance/reports?limit=20")
PROGRAM = [sys.executable, "-m", "tws_maintenance"]
# What holds a run's id, in the tables of Dagster that are repeated.
TEXTS = {"run_id", "run_body", "event", "evaluation_event"}
STAMP = "%Y%m%d_%H%M%S"


def main() -> None:
    """Measure and print a line for each address and size of home."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, nargs="+", default=[10, 1000])
    parser.add_argument("--reports", type=int, nargs="+", default=[10, 5000])
    parser.add_argument("--requests", type=int, default=40)
    options = parser.parse_args()
    for runs, reports in zip(options.runs, options.reports, strict=True):
        with (
            tempfile.TemporaryDirectory(prefix="tws-benchmark-") as folder,
            PageServer({key: page(key, companies(key)) for key in INDICES}) as server,
        ):
            home = Home(Path(folder))
            environment = _environment(home, server)
            for words in (("run", "--apply"), ("run",)):
                subprocess.run(
                    [*PROGRAM, *words], env=environment, check=True, stdout=subprocess.DEVNULL
                )
            _multiply_runs(home, runs)
            _multiply_reports(home, reports)
            print(f"{runs} runs, {reports} reports and proposals")
            _measure(environment, options.requests)


def _environment(home: Home, server: PageServer) -> dict[str, str]:
    origins = ("WIKIPEDIA_URL", "FEDERAL_RESERVE_URL", "YAHOO_URL")
    settings = {f"TWS_MAINTENANCE_HTTP__{name}": server.origin for name in origins}
    inherited = {key: value for key, value in os.environ.items() if key != "DAGSTER_HOME"}
    return {**inherited, **settings, HOME_VARIABLE: str(home.root)}


def _multiply_runs(home: Home, number: int) -> None:
    """Repeat the newest run in Dagster's storage, as runs before it."""
    runs = sqlite3.connect(home.dagster / "history" / "runs.db")
    (model,) = runs.execute("SELECT run_id FROM runs ORDER BY id DESC LIMIT 1").fetchone()
    events = sqlite3.connect(home.dagster / "event_log.db")
    tables = (
        (runs, "runs"),
        (runs, "run_tags"),
        (events, "event_logs"),
        (events, "asset_check_executions"),
    )
    with runs, events:
        for _ in range(number):
            # The copy, which is the newer one, takes the name: it is the one with a report.
            former = str(uuid.uuid4())
            for database, table in tables:
                _rename(database, table, model, former)
                _copy(database, table, former, model)
    runs.close()
    events.close()


def _rename(database: sqlite3.Connection, table: str, model: str, former: str) -> None:
    names = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
    values = [f"{one} = replace({one}, '{model}', '{former}')" for one in names if one in TEXTS]
    database.execute(f"UPDATE {table} SET {', '.join(values)} WHERE run_id = ?", (model,))  # noqa: S608


def _copy(database: sqlite3.Connection, table: str, model: str, copied: str) -> None:
    columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})") if row[1] != "id"]
    values = [f"replace({one}, '{model}', '{copied}')" if one in TEXTS else one for one in columns]
    database.execute(
        f"INSERT INTO {table} ({', '.join(columns)}) "  # noqa: S608 - names of Dagster's own
        f"SELECT {', '.join(values)} FROM {table} WHERE run_id = ?",
        (model,),
    )


def _multiply_reports(home: Home, number: int) -> None:
    """Repeat the newest report and its proposals, an hour earlier each."""
    newest = max(home.reports.glob("2*.json"))
    stamp, report = newest.stem, newest.read_text()
    begun = datetime.strptime(stamp, STAMP).replace(tzinfo=UTC)
    for count in range(1, number + 1):
        at = begun - timedelta(hours=count)
        earlier = at.strftime(STAMP)
        text = report.replace(stamp, earlier).replace(json.loads(report)["run_id"], f"run-{count}")
        text = re.sub(
            r'(_at": ")[^"]+', lambda match, at=at: f"{match[1]}{at.isoformat()[:19]}Z", text
        )
        (home.reports / f"{earlier}.json").write_text(text)
        (home.reports / f"{earlier}.md").write_text("# A report\n")
        for folder in home.staging.glob(f"maintenance_{stamp}_*"):
            copy = folder.with_name(folder.name.replace(stamp, earlier))
            copy.mkdir()
            shutil.copy(next(folder.glob("proposal.json")), copy)


def _measure(environment: dict[str, str], number: int) -> None:
    command = [*PROGRAM, "console", "--port", str(PORT)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        try:
            began = time.perf_counter()
            _until_ready(process)
            print(f"  ready after {time.perf_counter() - began:.2f} s")
            for address in ADDRESSES:
                first, *others = _times(address, number)
                print(
                    f"  {address:38} first {first:6.1f} ms  median "
                    f"{statistics.median(others):6.1f}  slowest {max(others):6.1f}"
                )
            time.sleep(3.0)  # idle is what is measured now
            used = psutil.Process(process.pid).memory_full_info()
            print(f"  idle: {used.pss / 1e6:.0f} MB (PSS), {used.rss / 1e6:.0f} MB resident")
        finally:
            process.terminate()


def _until_ready(process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        try:
            requests.get(f"{ORIGIN}/maintenance/static/icon.svg", timeout=5)
        except requests.ConnectionError:
            time.sleep(0.02)
        else:
            return
    raise SystemExit("the console did not start")


def _times(address: str, number: int) -> Iterator[float]:
    with requests.Session() as session:
        for _ in range(number):
            began = time.perf_counter()
            session.get(ORIGIN + address, timeout=30).raise_for_status()
            yield (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    main()
