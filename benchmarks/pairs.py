"""What a command costs in this checkout and in another one, measured in pairs.

    python benchmarks/pairs.py COMMAND ...      what one command costs, as JSON

The other benchmarks use it so:

    parser = pairs.arguments(__doc__)           # --other CHECKOUT, --rounds, --uncompiled
    options = parser.parse_args()
    with pairs.opened(options, server) as sides:
        for side in sides:
            side.run("run", "--apply")          # each has a home of its own
        pairs.compare("status", sides, lambda side: side.run("status"))

Absolute times differ from machine to machine and from minute to minute, so both checkouts are
measured in turn, and what counts is the median of the ratios of the pairs. The first round, in
which Python writes bytecode and files come into memory, is not counted.
"""

import argparse
import contextlib
import ctypes
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tws_maintenance.demo.server import PageServer

HERE = Path(__file__).resolve().parent.parent
PACKAGE = "tws_maintenance"
ROUNDS = 5
_SET_CHILD_SUBREAPER = 36  # of prctl(2)
_SERVERS = ("WIKIPEDIA", "HANG_SENG", "SSGA", "FEDERAL_RESERVE", "YAHOO")
_SERVERS_OF_A_VOTE = ("ISHARES", "BLACKROCK", "HSBC")
_PAGE_ALONE = {"MEMBERSHIP": '["wikipedia"]', "CORROBORATION": "[]"}
_PAGE_ALONE_IN_A_VOTE = {"SOURCES": '["wikipedia"]', "QUORUM": "1"}


@dataclass(frozen=True)
class Cost:
    """What something took: processor seconds of all its processes, seconds, largest process."""

    cpu_seconds: float
    wall_seconds: float
    largest_mb: float = 0.0
    code: int = 0


@dataclass(frozen=True)
class Side:
    """A checkout with its own environment in `.venv`, and a home of its own."""

    name: str
    checkout: Path
    home: Path
    environment: Mapping[str, str]
    settings: Mapping[str, str]

    def without_settings(self) -> "Side":
        """Return the same without settings: no server is asked, and every default holds."""
        return replace(self, settings={})

    def command(self, *words: str) -> list[str]:
        """Return the program of this checkout with `words`."""
        return [str(self.checkout / ".venv" / "bin" / "python"), "-m", PACKAGE, *words]

    def run(self, *words: str, codes: Sequence[int] = (0,)) -> Cost:
        """Return what a command of the program costs. Exits where its code is none of `codes`."""
        environment = {**self.environment, **self.settings}
        found = cost_of(self.command(*words), environment, self.home)
        if found.code not in codes:
            raise SystemExit(f"{self.name}: {' '.join(words)[:200]} ended with {found.code}")
        return found


@dataclass(frozen=True)
class Ratio:
    """The medians of this checkout, and of its ratios to the other, None without another."""

    here: Cost
    cpu: float | None
    wall: float | None


def arguments(description: str | None) -> argparse.ArgumentParser:
    """Return a parser with the options of a comparison."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--other", type=Path, help="another checkout, with its own .venv")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="pairs that count")
    parser.add_argument(
        "--uncompiled", action="store_true", help="compile our modules in every process"
    )
    return parser


def settings_of(checkout: Path, server: "PageServer") -> dict[str, str]:
    """Return the settings with which a checkout asks `server` for each list's page, and no other.

    What is compared then asks for the same pages. Versions before the vote have other names.
    """
    votes = (checkout / PACKAGE / "constituents" / "vote.py").exists()
    servers = (*_SERVERS, *(_SERVERS_OF_A_VOTE if votes else ()))
    rules = _PAGE_ALONE_IN_A_VOTE if votes else _PAGE_ALONE
    return {
        **{f"TWS_MAINTENANCE_HTTP__{name}_URL": server.origin for name in servers},
        **{
            f"TWS_MAINTENANCE_INDICES__{key}__{name}": value
            for key in ("SP500", "STI", "HSI")
            for name, value in rules.items()
        },
    }


def environment_of(
    checkout: Path, home: Path, server: "PageServer | None" = None
) -> dict[str, str]:
    """Return the environment in which a checkout works on `home`; it writes bytecode."""
    left_out = {"DAGSTER_HOME", "PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "VIRTUAL_ENV"}
    inherited = {key: value for key, value in os.environ.items() if key not in left_out}
    settings = settings_of(checkout, server) if server else {}
    return {**inherited, **settings, "TWS_MAINTENANCE_HOME": str(home)}


@contextlib.contextmanager
def opened(options: argparse.Namespace, server: "PageServer | None" = None) -> Iterator[list[Side]]:
    """Yield this checkout's side and, with --other, the other's, and say what is compared.

    The homes are new and empty, and gone afterwards.
    """
    checkouts = {"here": HERE, **({"other": options.other.resolve()} if options.other else {})}
    with tempfile.TemporaryDirectory(prefix="tws-benchmark-") as folder:
        sides = []
        for name, checkout in checkouts.items():
            home = Path(folder) / name
            home.mkdir()
            environment = environment_of(checkout, home)
            settings = settings_of(checkout, server) if server else {}
            if options.uncompiled:
                sources = Path(folder) / f"{name}-uncompiled"
                _copy_uncompiled(checkout, sources)
                environment |= {"PYTHONPATH": str(sources), "PYTHONDONTWRITEBYTECODE": "1"}
            sides.append(Side(name, checkout, home, environment, settings))
        compiled = "in every process" if options.uncompiled else "before what counts"
        print(f"{options.rounds} rounds count; our modules are compiled {compiled}")
        if len(sides) > 1:
            print(f"here / other = median of the ratios; other is {_commit_of(sides[1].checkout)}")
        yield sides


def compare(
    name: str, sides: Sequence[Side], measure: Callable[[Side], Cost], rounds: int = ROUNDS
) -> Ratio:
    """Measure the sides in turn, print the medians and the ratio, and return them.

    `measure` may prepare what it likes: only the cost that it returns counts.
    """
    taken: list[list[Cost]] = []
    for count in range(rounds + 1):
        # The order changes: who comes second finds a warmer machine.
        turn = sides if count % 2 else sides[::-1]
        costs = {side.name: measure(side) for side in turn}
        taken.append([costs[side.name] for side in sides])
    counted = taken[1:]
    medians = [_median(costs) for costs in zip(*counted, strict=True)]
    ratio = Ratio(medians[0], None, None)
    if len(sides) > 1:
        cpu = statistics.median(here.cpu_seconds / there.cpu_seconds for here, there in counted)
        wall = statistics.median(here.wall_seconds / there.wall_seconds for here, there in counted)
        ratio = Ratio(medians[0], cpu, wall)
    print(f"{name:32} {_line(ratio, medians)}", flush=True)
    return ratio


def cost_of(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> Cost:
    """Return what a command costs with every process it starts, also those that outlive it."""
    measuring = [sys.executable, "-I", "-S", __file__, *command]
    done = subprocess.run(
        measuring, env=dict(environment), cwd=folder, stdout=subprocess.PIPE, check=True
    )
    return Cost(**json.loads(done.stdout))


def cpu_so_far(pid: int) -> float:
    """Return the processor seconds of a process that still runs, with its children."""
    import psutil

    root = psutil.Process(pid)
    times = [root.cpu_times(), *(child.cpu_times() for child in root.children(recursive=True))]
    ended = times[0].children_user + times[0].children_system
    return float(sum(one.user + one.system for one in times) + ended)


def _commit_of(checkout: Path) -> str:
    asked = ["git", "-C", str(checkout), "log", "-1", "--format=%h %s"]
    done = subprocess.run(asked, stdout=subprocess.PIPE, text=True, check=False)
    return done.stdout.strip() or "no commit"


def _copy_uncompiled(checkout: Path, target: Path) -> None:
    """Copy the package without bytecode: only ours is compiled again, as in an image."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(checkout / PACKAGE, target / PACKAGE, ignore=ignored)


def _median(costs: Sequence[Cost]) -> Cost:
    return Cost(
        statistics.median(one.cpu_seconds for one in costs),
        statistics.median(one.wall_seconds for one in costs),
        max(one.largest_mb for one in costs),
    )


def _line(ratio: Ratio, medians: Sequence[Cost]) -> str:
    here = medians[0]
    if ratio.cpu is None:
        return f"cpu {here.cpu_seconds:6.2f} s  wall {here.wall_seconds:6.2f} s"
    other = medians[1]
    return (
        f"cpu {here.cpu_seconds:6.2f} / {other.cpu_seconds:6.2f} s = {ratio.cpu:.2f}   "
        f"wall {here.wall_seconds:6.2f} / {other.wall_seconds:6.2f} s = {ratio.wall:.2f}"
    )


def _measure(command: list[str]) -> Cost:
    """Run a command, wait for all that it started, and return what they took."""
    if sys.platform == "linux":
        # Whatever outlives the command becomes our child: without this its time is lost.
        ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    began = time.perf_counter()
    with open(os.devnull, "wb") as nowhere:
        process = subprocess.Popen(command, stdout=nowhere, stderr=nowhere)
    code = process.wait()
    seconds = time.perf_counter() - began
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(used.ru_utime + used.ru_stime, seconds, used.ru_maxrss / 1024, code)


if __name__ == "__main__":
    print(json.dumps(vars(_measure(sys.argv[1:]))))
