"""What a status costs in a home with many lists or reports, and a dry run of many lists.

    python benchmarks/many.py --other CHECKOUT

The home of each checkout has a real apply and a real dry run, whose lists and reports are repeated.
No file changes between the looks, and no report is new: `--changed` edits a list before each.
"""

import json
import os
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pairs
from busy_home import STAMP, repeat_files
from declared.sitecustomize import MODEL, keys_of

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES
from tws_maintenance.demo.pages import companies, page
from tws_maintenance.demo.server import PageServer

LISTS = ("run", "--task", "constituents")


def main() -> None:
    """Print a line a kind of home."""
    parser = pairs.arguments(__doc__)
    parser.add_argument("--lists", type=int, default=200)
    parser.add_argument("--run-lists", type=int, default=50, help="lists of a dry run")
    parser.add_argument("--reports", type=int, default=5000)
    parser.add_argument("--changed", action="store_true", help="edit a list before each look")
    options = parser.parse_args()
    pages = {key: page(key, companies(key)) for key in INDICES}
    more = options.run_lists - len(INDICES)
    with PageServer(pages, latency=0.15) as server, pairs.opened(options, server) as sides:
        name = f"dry run of {options.run_lists} lists"
        pairs.compare(name, sides, lambda side: many_lists(side, more, *LISTS), options.rounds)
    with PageServer(pages) as server, pairs.opened(options, server) as opened:
        for side in opened:
            side.run(*LISTS, "--apply", "--reason", "the first lists")
            side.run(*LISTS)
        sides = [side.without_settings() for side in opened]

        def look(side: pairs.Side, *words: str) -> pairs.Cost:
            if options.changed:
                live = Home(side.home).live_file(MODEL)
                live.write_text(live.read_text() + "ZZ9.SI,ZZ9,A company more,,\n")
            return side.run(*words)

        rounds = options.rounds
        pairs.compare("status", sides, lambda side: look(side, "status"), rounds)
        for side in sides:
            repeat_lists(Home(side.home), options.lists)
        name = f"status, {options.lists} lists more"
        pairs.compare(name, sides, lambda side: many_lists(side, options.lists, "status"), rounds)
        for side in sides:
            repeat_dry_runs(Home(side.home), options.reports)
        name = f"{options.reports} reports, none an apply"
        pairs.compare(f"status, {name}", sides, lambda side: look(side, "status"), rounds)
        words = ("reports", "list")
        pairs.compare(f"reports list, {name}", sides, lambda side: look(side, *words), rounds)


def many_lists(side: pairs.Side, number: int, *words: str) -> pairs.Cost:
    """Return what a command costs with `number` lists more than are declared."""
    folder = Path(__file__).resolve().parent / "declared"
    paths = [str(folder), *filter(None, [side.environment.get("PYTHONPATH")])]
    more = {"PYTHONPATH": os.pathsep.join(paths), "DECLARED_LISTS": str(number)}
    return replace(side, environment={**side.environment, **more}).run(*words)


def repeat_lists(home: Home, number: int) -> None:
    """Repeat a list that was applied: its file, stamp, proposal, backup and results."""
    stem = max(one.stem for one in home.reports.glob("2*.json") if _is_apply(one))
    report = home.reports / f"{stem}.json"
    value = json.loads(report.read_text())
    task = f"{MODEL}_constituents"
    result = json.dumps(next(one for one in value["results"] if one["task"] == task))
    backups = home.backups / "20250101_000000"
    backups.mkdir(parents=True)
    for key in keys_of(number):
        shutil.copy(home.live_file(MODEL), home.live_file(key))
        shutil.copy(home.live_file(MODEL), backups / home.live_file(key).name)
        stamp = home.generation_file(MODEL).read_text().replace(f"_{MODEL}", f"_{key}")
        home.generation_file(key).write_text(stamp)
        proposal = f"maintenance_{stem}_{MODEL}"
        shutil.copytree(home.proposal(proposal), home.proposal(f"maintenance_{stem}_{key}"))
        value["results"].append(json.loads(result.replace(task, f"{key}_constituents")))
    report.write_text(json.dumps(value))


def repeat_dry_runs(home: Home, number: int) -> None:
    """Repeat the newest dry run, and leave no other report: no list was ever refreshed."""
    stem = max(one.stem for one in home.reports.glob("2*.json"))
    begun = datetime.strptime(stem, STAMP).replace(tzinfo=UTC)
    for path in home.reports.glob("2*.json"):
        if _is_apply(path):
            path.unlink()
    shutil.rmtree(home.staging)
    for count in range(1, number):
        repeat_files(home, stem, begun - timedelta(hours=count), f"run-{count}")


def _is_apply(report: Path) -> bool:
    return not json.loads(report.read_text())["dry_run"]


if __name__ == "__main__":
    main()
