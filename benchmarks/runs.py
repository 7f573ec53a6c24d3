"""What a dry run costs beside another checkout: processor time, seconds, megabytes of the log.

    python benchmarks/runs.py --other CHECKOUT               three lists, sources 150 ms away
    python benchmarks/runs.py --other CHECKOUT --lists 50    as many lists, declared for both
    python benchmarks/runs.py --other CHECKOUT --promote     publishing what a dry run staged

Both builds read from one page server, each in a home and an environment (`.venv`) of its own. Their
runs alternate; the ratios are medians over the pairs. More lists than three are declared by a
`sitecustomize` that every process of either build loads.
"""

import argparse
import os
import re
import resource
import statistics
import subprocess
import tempfile
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from tws_maintenance.config.indices import DECLARED, INDICES
from tws_maintenance.core.clock import utc_now
from tws_maintenance.demo import official
from tws_maintenance.demo.pages import companies, page
from tws_maintenance.demo.server import PageServer

HERE = Path(__file__).resolve().parent.parent
DRY_RUN = ("run", "--task", "constituents")
# In every process of either build, whose modules lie in other places.
DECLARING = """\
from dataclasses import replace
try:
    from tws_maintenance.config import indices
except ImportError:
    from tws_maintenance import indices
like = indices.DECLARED["sti"]
page = next(one for one in like.sources if one.name == "wikipedia")
decides = {{"quorum": 1}} if hasattr(like, "quorum") else {{"membership": ("wikipedia",)}}
for n in range(3, {count}):
    key = f"list{{n}}"
    indices.DECLARED[key] = indices.INDICES[key] = replace(
        like, key=key, name=key, sources=(replace(page, locator=key),), **decides
    )
lists = tuple(one.task for one in indices.INDICES.values())
indices.ALL_TASKS = indices.TASKS = (*lists, "market_events", "metadata_validation")
indices.CONSTITUENT_TASKS = lists
indices.TASK_GROUPS = {{"all": (*lists, "market_events"), "constituents": lists}}
"""
URLS = re.compile(r'(?:"|HTTP__)([A-Z]+(?:_[A-Z]+)?_URL)"')


class Cost(NamedTuple):
    """Of one command: processor time and duration in seconds, and what the event log grew by."""

    cpu: float
    seconds: float
    megabytes: float


class Build:
    """A checkout at work on a home of its own, whose sources are all at `origin`."""

    def __init__(self, checkout: Path, home: Path, origin: str, declaring: Path) -> None:
        self.name = checkout.name
        self._command = [str(checkout / ".venv/bin/python"), "-m", "tws_maintenance"]
        self._home = home
        known = (checkout / "tws_maintenance/demo/server.py").read_text()
        known += (checkout / "tws_maintenance/demo/journey.py").read_text()
        left_out = ("DAGSTER_HOME", "PYTHONDONTWRITEBYTECODE")
        self._environment = {
            **{name: one for name, one in os.environ.items() if name not in left_out},
            **{f"TWS_MAINTENANCE_HTTP__{name}": origin for name in URLS.findall(known)},
            "TWS_MAINTENANCE_HOME": str(home),
            "PYTHONPATH": str(declaring),
        }

    def carry_out(self, *words: str) -> Cost:
        """Return what a command cost, with all of its processes."""
        log, before = self._log_size(), resource.getrusage(resource.RUSAGE_CHILDREN)
        began = time.perf_counter()
        subprocess.run(
            [*self._command, *words],
            env=self._environment,
            cwd=self._home,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return Cost(cpu, seconds, (self._log_size() - log) / 1e6)

    def promote(self) -> Cost:
        """Return what it costs to publish what a dry run has just staged."""
        self.carry_out(*DRY_RUN)
        stamp = max(path.stem for path in self._home.glob("reports/maintenance/2*.json"))
        return self.carry_out("promote", f"maintenance_{stamp}")

    def _log_size(self) -> int:
        return sum(path.stat().st_size for path in self._home.glob(".dagster/event_log.db*"))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--other", type=Path, required=True, help="a checkout with its own .venv")
    parser.add_argument("--lists", type=int, default=3)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--latency", type=float, default=0.15, help="seconds before each answer")
    parser.add_argument("--promote", action="store_true", help="measure promote, not the dry run")
    options = parser.parse_args()
    pages = _declared(options.lists)
    with (
        tempfile.TemporaryDirectory(prefix="tws-benchmark-") as folder,
        PageServer(pages, latency=options.latency) as server,
    ):
        root, declaring = Path(folder), Path(folder, "declaring")
        for name in ("here", "there", "declaring"):
            (root / name).mkdir()
        if options.lists > len(INDICES):
            (declaring / "sitecustomize.py").write_text(DECLARING.format(count=options.lists))
        here = Build(HERE, root / "here", server.origin, declaring)
        there = Build(options.other.resolve(), root / "there", server.origin, declaring)
        _compare(here, there, options.pairs, promotes=options.promote)


def _declared(count: int) -> dict[str, bytes]:
    """Return the pages of `count` lists; those beyond the three are declared for the server."""
    day = utc_now().date() - timedelta(days=1)
    pages = {key: page(key, companies(key)) for key in INDICES} | {
        "sp500_spy": official.spy(companies("sp500"), day),
        "sp500_ivv": official.ishares(companies("sp500"), day),
        "sti_es3": official.es3(companies("sti"), day),
        "hsi_hang_seng": official.hang_seng(companies("hsi"), day),
        "hsi_tracker2800": official.tracker(companies("hsi"), day),
        "hsi_ishares3115": official.ishares(companies("hsi"), day),
    }
    like = DECLARED["sti"]
    source = like.addresses("wikipedia")[0]
    for key in (f"list{n}" for n in range(len(INDICES), count)):
        DECLARED[key] = replace(like, key=key, sources=(replace(source, locator=key),))
        pages[key] = pages["sti"]
    return pages


def _compare(here: Build, there: Build, pairs: int, *, promotes: bool) -> None:
    for one in (here, there):
        one.carry_out(*DRY_RUN, "--apply")
        one.carry_out(*DRY_RUN)
    costs: dict[Build, list[Cost]] = {here: [], there: []}
    for n in range(pairs):
        for one in (here, there) if n % 2 else (there, here):
            costs[one].append(one.promote() if promotes else one.carry_out(*DRY_RUN))
    for one, found in costs.items():
        cpu, seconds, megabytes = (statistics.median(part) for part in zip(*found, strict=True))
        print(f"{one.name}: {cpu:.2f} s of processor time, {seconds:.2f} s, {megabytes:.3f} MB")
    ratios = [
        [ours / theirs if theirs else 1.0 for ours, theirs in zip(*pair, strict=True)]
        for pair in zip(costs[here], costs[there], strict=True)
    ]
    cpu, seconds, megabytes = (statistics.median(part) for part in zip(*ratios, strict=True))
    print(f"ratio: {cpu:.2f} in processor time, {seconds:.2f} in seconds, {megabytes:.2f} in MB")


if __name__ == "__main__":
    main()
