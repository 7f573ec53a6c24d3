"""Time, requests and memory of refreshing the events of many symbols, by their number."""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from itertools import islice, product
from string import ascii_uppercase

from tws_maintenance.config.home import HOME_VARIABLE
from tws_maintenance.core.clock import utc_now
from tws_maintenance.demo.events import as_json, calendar_events
from tws_maintenance.demo.server import PageServer

PROGRAM = [sys.executable, "-m", "tws_maintenance", "run", "--task", "market_events"]


def main() -> None:
    """Measure and print a line for each number of symbols."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbols", type=int, nargs="+", default=[1, 50, 200, 500])
    parser.add_argument("--latency", type=float, default=0.15, help="seconds before each answer")
    parser.add_argument("--apply", action="store_true", help="store them, too")
    options = parser.parse_args()
    print("symbols  seconds  requests  largest process")
    for number in options.symbols:
        with (
            tempfile.TemporaryDirectory(prefix="tws-benchmark-") as folder,
            PageServer({}, latency=options.latency) as server,
        ):
            seconds, peak = _measure(folder, server, number, apply=options.apply)
            print(f"{number:7d}  {seconds:6.2f}   {len(server.asked):7d}  {peak:6.0f} MB")


def _measure(folder: str, server: PageServer, number: int, *, apply: bool) -> tuple[float, float]:
    """Return the seconds of one run and the resident memory of its largest process, in MB."""
    symbols = ["".join(letters) for letters in islice(product(ascii_uppercase, repeat=3), number)]
    soon = utc_now().date() + timedelta(days=7)
    answer = (200, as_json(calendar_events([soon], ex_dividend=soon)))
    server.symbols = dict.fromkeys(symbols, answer)
    environment = {
        **os.environ,
        HOME_VARIABLE: folder,
        "TWS_MAINTENANCE_HTTP__FEDERAL_RESERVE_URL": server.origin,
        "TWS_MAINTENANCE_HTTP__YAHOO_URL": server.origin,
    }
    environment.pop("DAGSTER_HOME", None)
    command = [*PROGRAM, "--many-symbols", *(f"--symbol={symbol}" for symbol in symbols)]
    began = time.perf_counter()
    process = subprocess.Popen(
        [*command, *(["--apply"] if apply else [])], env=environment, stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"the run with {number} symbols failed")
    return time.perf_counter() - began, usage.ru_maxrss / 1024


if __name__ == "__main__":
    main()
