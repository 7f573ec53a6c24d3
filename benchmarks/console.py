"""How fast the console answers, and what it weighs, by how much has happened in its home.

A real apply and a real dry run are made, then the dry run is repeated as earlier ones. Figures are
at the server: one request after the other over loopback. With another checkout each build makes a
home of its own and serves it, and both are asked in turns.
"""

import argparse
import contextlib
import json
import statistics
import subprocess
import tempfile
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pairs
import psutil
import requests
from busy_home import (
    PROGRAM,
    STAMP,
    BusyHome,
    carry_out,
    newest_stamp,
    repeat_files,
)

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES
from tws_maintenance.demo.pages import companies, page
from tws_maintenance.demo.server import PageServer

PORT = 5099
ADDRESSES = ("/api/maintenance/status", "/maintenance", "/api/maintenance/reports?limit=20")


@dataclass
class Build:
    """One build of the program, and its console on a home that it made itself."""

    python: str
    port: int
    environment: dict[str, str]
    session: requests.Session = field(default_factory=requests.Session)

    def ask(self, address: str) -> float:
        """Ask for an address and return the milliseconds."""
        began = time.perf_counter()
        origin = f"http://127.0.0.1:{self.port}"
        self.session.get(origin + address, timeout=30).raise_for_status()
        return (time.perf_counter() - began) * 1000


def main() -> None:
    """Measure and print a line for each address, size of home and build."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, nargs="+", default=[10, 1000])
    parser.add_argument("--reports", type=int, nargs="+", default=[10, 5000])
    parser.add_argument("--requests", type=int, default=40)
    parser.add_argument("--idle", type=float, default=3.0, help="seconds before memory is read")
    parser.add_argument("--other", type=Path, help="another checkout with its .venv, beside it")
    options = parser.parse_args()
    checkouts = [*([options.other.resolve()] if options.other else []), pairs.HERE]
    for runs, reports in zip(options.runs, options.reports, strict=True):
        with (
            contextlib.ExitStack() as folders,
            PageServer({key: page(key, companies(key)) for key in INDICES}) as server,
        ):
            builds = []
            for number, checkout in enumerate(checkouts):
                python = f"{checkout}/.venv/bin/python"
                home = Home(Path(folders.enter_context(tempfile.TemporaryDirectory())))
                environment = pairs.environment_of(checkout, home.root, server)
                carry_out(environment, "run", "--apply", python=python)
                carry_out(environment, "run", python=python)
                _multiply(home, runs, reports)
                builds.append(Build(python, PORT + number, environment))
            print(f"{runs} runs, {reports} reports and proposals")
            _measure(builds, options.requests, options.idle)


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


def _measure(builds: list[Build], number: int, idle: float) -> None:
    with contextlib.ExitStack() as ending:
        processes = [_served(build, ending) for build in builds]
        for address in ADDRESSES:
            times = [[build.ask(address) for build in builds] for _ in range(number + 1)]
            medians = []
            for first, *others in zip(*times, strict=True):
                medians.append(statistics.median(others))
                print(
                    f"  {address:38} first {first:6.1f} ms  median {medians[-1]:6.1f}  "
                    f"slowest {max(others):6.1f}"
                )
            if len(builds) > 1:
                print(f"  {'':38} ratio of the medians {medians[-1] / medians[0]:.3f}")
        time.sleep(idle)
        for process in processes:
            _weigh(process)


def _served(build: Build, ending: contextlib.ExitStack) -> psutil.Process:
    command = [build.python, *PROGRAM[1:], "console", "--port", str(build.port)]
    began = time.perf_counter()
    # The home lies elsewhere; from its own checkout each build would import the other's package.
    process = subprocess.Popen(
        command, env=build.environment, stdout=subprocess.DEVNULL, cwd=tempfile.gettempdir()
    )
    ending.callback(process.wait)
    ending.callback(process.terminate)
    _until_ready(process, build)
    print(f"  ready after {time.perf_counter() - began:.2f} s")
    return psutil.Process(process.pid)


def _weigh(process: psutil.Process) -> None:
    used = process.memory_full_info()
    beside = [one.memory_full_info().pss / 1e6 for one in process.children(recursive=True)]
    print(
        f"  idle: {used.pss / 1e6:.0f} MB (PSS), {used.rss / 1e6:.0f} MB resident; "
        f"processes beside it: {', '.join(f'{one:.0f} MB' for one in beside) or 'none'}"
    )


def _until_ready(process: subprocess.Popen[bytes], build: Build) -> None:
    while process.poll() is None:
        try:
            build.ask("/maintenance/static/icon.svg")
        except requests.ConnectionError:
            time.sleep(0.02)
        else:
            return
    raise SystemExit("the console did not start")


if __name__ == "__main__":
    main()
