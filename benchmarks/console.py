"""How fast the console answers, and what it weighs, by how much has happened in its home.

A real apply and a real dry run are made, then the dry run is repeated as earlier ones. Figures are
at the server: one request after the other over loopback.
"""

import argparse
import json
import statistics
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import requests
from busy_home import (
    PROGRAM,
    STAMP,
    BusyHome,
    carry_out,
    environment_of,
    newest_stamp,
    repeat_files,
)

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES
from tws_maintenance.demo.pages import companies, page
from tws_maintenance.demo.server import PageServer

PORT = 5099
ORIGIN = f"http://127.0.0.1:{PORT}"
ADDRESSES = ("/api/maintenance/status", "/maintenance", "/api/maintenance/reports?limit=20")


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
            environment = environment_of(home, server)
            carry_out(environment, "run", "--apply")
            carry_out(environment, "run")
            _multiply(home, runs, reports)
            print(f"{runs} runs, {reports} reports and proposals")
            _measure(environment, options.requests)


def _multiply(home: Home, runs: int, reports: int) -> None:
    """Repeat the newest run: some with their report, the others in one of both places."""
    stamp = newest_stamp(home)
    begun = datetime.strptime(stamp, STAMP).replace(tzinfo=UTC)
    model = json.loads((home.reports / f"{stamp}.json").read_text())["run_id"]
    busy = BusyHome(home)
    for _ in range(runs):
        # The copy, which Dagster takes for the newer one, gets the name: it is in the report.
        former = str(uuid.uuid4())
        busy.rename_run(model, former)
        busy.repeat_run(former, model, begun)
    busy.close()
    for count in range(1, reports + 1):
        repeat_files(home, stamp, begun - timedelta(hours=count), f"run-{count}")


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
