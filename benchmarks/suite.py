"""What the tests cost: processor seconds of the whole process tree, wall time, number of tests.

    python benchmarks/suite.py                      the whole suite, then `-m unit`
    python benchmarks/suite.py --other CHECKOUT     the whole suite of both, and the ratio; then
                                                    of this one the tests that the other has too

A checkout has its own environment in `.venv`. Run it on an idle machine.
"""

import argparse
import os
import re
import resource
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from same_tests import NAMES_VARIABLE

HERE = Path(__file__).resolve().parent.parent
TESTED = re.compile(r"::(\w+)(?:\[|@|$)", re.MULTILINE)
COUNTED = re.compile(r"(\d+) (passed|failed|skipped|errors?)")


@dataclass(frozen=True)
class Cost:
    """What one run of tests took, and its last line."""

    cpu_seconds: float
    wall_seconds: float
    tests: int
    verdict: str


def measure(checkout: Path, *options: str, **variables: str) -> Cost:
    """Run the tests of a checkout in its own environment and return what they cost."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [str(checkout / ".venv" / "bin" / "python"), "-m", "pytest", "-q", *options]
    environment = {**os.environ, **variables}
    done = subprocess.run(
        command, cwd=checkout, env=environment, capture_output=True, text=True, check=False
    )
    after, ended = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    verdict = done.stdout.strip().splitlines()[-1]
    tests = sum(int(count) for count, _ in COUNTED.findall(verdict))
    return Cost(cpu, ended - began, tests, verdict)


def main() -> None:
    """Print a line a run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--other", type=Path, help="another checkout, with its own .venv")
    other = parser.parse_args().other
    here = show("whole suite", measure(HERE))
    if other is None:
        show("-m unit", measure(HERE, "-m", "unit"))
        return
    there = show("whole suite there", measure(other.resolve()))
    compare(here, there)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as names:
        names.write("\n".join(names_of_tests(other.resolve())))
        names.flush()
        variables = {"PYTHONPATH": str(HERE / "benchmarks"), NAMES_VARIABLE: names.name}
        same = measure(HERE, "-p", "same_tests", **variables)
    compare(show("tests that both have", same), there)


def names_of_tests(checkout: Path) -> set[str]:
    """Return the names of the functions that a checkout tests with."""
    command = [str(checkout / ".venv" / "bin" / "python"), "-m", "pytest", "-q", "-n", "0"]
    done = subprocess.run(
        [*command, "--collect-only"], cwd=checkout, capture_output=True, text=True, check=True
    )
    return set(TESTED.findall(done.stdout))


def compare(here: Cost, there: Cost) -> None:
    """Print what one run took of another."""
    cpu, wall = here.cpu_seconds / there.cpu_seconds, here.wall_seconds / there.wall_seconds
    print(f"ratio: {cpu:.2f} in processor time, {wall:.2f} in wall time", flush=True)


def show(name: str, cost: Cost) -> Cost:
    """Print what a run took and return it."""
    print(
        f"{name}: {cost.tests} tests, {cost.cpu_seconds:.0f} s of processor time, "
        f"{cost.wall_seconds:.0f} s of wall time ({cost.verdict.strip('= ')})",
        flush=True,
    )
    return cost


if __name__ == "__main__":
    main()
