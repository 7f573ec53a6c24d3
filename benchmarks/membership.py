"""How long `history` takes on a backfilled file of 50 years, beside the same command on none.

Prints seconds of the whole process and their ratio, the best of five, taken in turn.
"""

import os
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

from tws_maintenance.config.home import HOME_VARIABLE, Home
from tws_maintenance.constituents.history import BACKFILL, Stay, to_csv

ROUNDS, MEMBERS, CHANGES = 5, 500, 1200
TASK = "sp500_constituents"
ASKED = (("--on", "1990-01-01"), ("--between", "1976-07-01", "2026-01-02", "--csv"))


def fifty_years() -> list[Stay]:
    """Return stays from 1976 to 2026: 500 members, of which one is replaced every two weeks."""
    begun, oldest = date(2026, 1, 2), date(1976, 7, 1)
    step = (begun - oldest) / CHANGES
    days = [oldest + number * step for number in range(CHANGES)]
    former = []
    for number in range(MEMBERS + CHANGES):
        since = days[number - MEMBERS].isoformat() if number >= MEMBERS else ""
        until = min(begun, days[number]) if number < CHANGES else begun
        stay = Stay(_name(number), "Company Inc.", since, until.isoformat(), "", source=BACKFILL)
        former.append(stay)
    kept = range(CHANGES, MEMBERS + CHANGES)
    return [
        *former,
        *(Stay(_name(one), "Company Inc.", begun.isoformat(), "", "report-1") for one in kept),
    ]


def _name(number: int) -> str:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return f"{letters[number // 676 % 26]}{letters[number // 26 % 26]}{letters[number % 26]}"


def seconds(home: Home, *arguments: str) -> float:
    """Return how long the command takes, whole."""
    command = [sys.executable, "-m", "tws_maintenance", "history", TASK, *arguments]
    start = time.perf_counter()
    environment = {**os.environ, HOME_VARIABLE: str(home.root)}
    subprocess.run(
        command, check=False, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    return time.perf_counter() - start


def main() -> None:
    """Print a line for each question."""
    with tempfile.TemporaryDirectory() as folder:
        empty, full = (Home(Path(folder) / name) for name in ("empty", "full"))
        for home in (empty, full):
            home.history.mkdir(parents=True)
        stays = fifty_years()
        full.membership_file("sp500").write_bytes(to_csv(stays))
        print(f"{len(stays)} rows")
        for arguments in ASKED:
            took = [(seconds(full, *arguments), seconds(empty, *arguments)) for _ in range(ROUNDS)]
            best, without = (min(one) for one in zip(*took, strict=True))
            ratio = best / without
            print(f"{' '.join(arguments)}: {best:.2f} s, {ratio:.1f} times one without history")


if __name__ == "__main__":
    main()
