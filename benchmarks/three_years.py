"""Three years of daily use in a minute or two: what a home then weighs, and how fast it still is.

Every day a dry run, every third day an apply with its backup, all repeated from real ones; every
week the job `clean_up` with the time of that day. Then a real run and a look at the console are
measured beside those of a new home.
"""

import argparse
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pairs
from busy_home import BusyHome, carry_out, newest_stamp, size_of

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES
from tws_maintenance.config.settings import load_settings
from tws_maintenance.demo.pages import companies, page
from tws_maintenance.demo.server import PageServer
from tws_maintenance.operations.retention import clean
from tws_maintenance.pipeline.clean_up import clean_runs
from tws_maintenance.pipeline.instance import open_instance

YEAR = 365
DAYS = 3 * YEAR
APPLY_EVERY = 3
CLEAN_EVERY = 7
FOLDERS = ("reports", "data/staging", "data/backups", "data/history", ".dagster")


def main() -> None:
    """Simulate and print the size of the home a year, and seconds before and after."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=DAYS)
    options = parser.parse_args()
    pages = {key: page(key, companies(key)) for key in INDICES}
    with (
        tempfile.TemporaryDirectory(prefix="tws-benchmark-") as folder,
        PageServer(pages) as server,
    ):
        home = Home(Path(folder))
        environment = pairs.environment_of(pairs.HERE, home.root, server)
        carry_out(environment, "run", "--apply", "--reason", "the first")
        server.pages["sti"] = page("sti", companies("sti")[:-1])
        carry_out(environment, "run", "--apply")
        apply_stamp = newest_stamp(home)
        before = _seconds(environment)
        look_stamp = newest_stamp(home)
        size = size_of(home.root) / 1e6
        print(f"new home: a dry run takes {before:.1f} s, the home has {size:.1f} MB")
        _live(home, options.days, look_stamp, apply_stamp)
        after = _seconds(environment)
        ratio = after / before
        print(f"after {options.days} days: a dry run takes {after:.1f} s, ratio {ratio:.2f}")


def _live(home: Home, days: int, look_stamp: str, apply_stamp: str) -> None:
    now = datetime.now(UTC) - timedelta(hours=1)
    settings = load_settings(home)
    for day in range(days, 0, -1):
        at = now - timedelta(days=day)
        busy = BusyHome(home)
        busy.repeat(look_stamp, at)
        if day % APPLY_EVERY == 0:
            busy.repeat(apply_stamp, at + timedelta(minutes=5))
        busy.close()
        if day % CLEAN_EVERY == 0:
            clean(home, settings, at)
            with open_instance(home) as instance:
                clean_runs(home, instance, at - timedelta(days=settings.retention.runs_days))
        if (days - day + 1) % YEAR == 0 or day == 1:
            sizes = ", ".join(f"{one} {size_of(home.root / one) / 1e6:.1f}" for one in FOLDERS)
            total = size_of(home.root) / 1e6
            print(f"day {days - day + 1:5}: {total:6.1f} MB ({sizes})", flush=True)


def _seconds(environment: dict[str, str]) -> float:
    began = time.perf_counter()
    carry_out(environment, "run")
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
