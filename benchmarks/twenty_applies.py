"""Twenty applies of the same home at once, half from the command line, half as Dagster jobs.

    python benchmarks/twenty_applies.py [HOW_MANY]

Every answer of the source lists another newcomer, so each run has something of its own to publish.
Exits with 1 where anything was lost, torn or left behind.
"""

import collections
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pairs

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES
from tws_maintenance.config.sources import WIKIPEDIA
from tws_maintenance.constituents.backups import list_backups
from tws_maintenance.constituents.csv_file import parse_live
from tws_maintenance.constituents.history import members_on, read_history
from tws_maintenance.demo.pages import Company, companies, page
from tws_maintenance.demo.server import PageServer
from tws_maintenance.reports.chain_verification import verify_chain
from tws_maintenance.reports.file_names import report_ids
from tws_maintenance.reports.schema import ListResult
from tws_maintenance.reports.store import read_report

STI = INDICES["sti"]
PAGE = STI.addresses(WIKIPEDIA)[0]
MEMBERS = 31
CLI = ("-m", "tws_maintenance", "run", "--apply", "--task", STI.task)
JOB = ("-m", "tws_maintenance", "dagster", "job", "execute", "-j", "apply_all", "-c")


class ChangingServer(PageServer):
    """Lists another newcomer with every answer."""

    def __init__(self) -> None:
        super().__init__({})
        self._lock, self._asked = threading.Lock(), 0

    def _page(self, path: str) -> bytes | None:
        if PAGE.locator not in path:
            return None
        with self._lock:
            self._asked += 1
            newcomer = Company(f"N{self._asked:03d}", f"Newcomer {self._asked} Ltd")
        return page("sti", [*companies("sti"), newcomer])


def main(how_many: int) -> int:
    """Run them, print what happened, and return the exit code."""
    with tempfile.TemporaryDirectory() as folder, ChangingServer() as server:
        home = Home(Path(folder))
        began = time.monotonic()
        ended = _run_all(home, server, how_many)
        seconds = time.monotonic() - began
        return _judge(home, how_many, ended, seconds)


def _run_all(home: Home, server: ChangingServer, how_many: int) -> list[tuple[int, str]]:
    config = home.root / "job.yaml"
    config.write_text(f"resources: {{report: {{config: {{tasks: [{STI.task}]}}}}}}\n")
    environment = pairs.environment_of(pairs.HERE, home.root, server)
    running = [
        subprocess.Popen(
            [sys.executable, *(CLI if number % 2 == 0 else (*JOB, str(config)))],
            env=environment,
            cwd=home.root,
            stdout=subprocess.DEVNULL,
            stderr=open(home.root / f"{number}.log", "wb"),  # noqa: SIM115 - ends with us
        )
        for number in range(how_many)
    ]
    codes = [one.wait() for one in running]
    said = [(home.root / f"{number}.log").read_text().strip() for number in range(how_many)]
    return list(zip(codes, said, strict=True))


def _judge(home: Home, how_many: int, ended: list[tuple[int, str]], seconds: float) -> int:
    codes = [code for code, _ in ended]
    reports = [read_report(home, report_id) for report_id in report_ids(home)]
    results = [
        result for one in reports for result in one.results if isinstance(result, ListResult)
    ]
    outcomes = collections.Counter(
        "published" if one.changed else one.refusal or one.status for one in results
    )
    live = parse_live(home.live_file("sti").read_bytes(), "the live file")
    symbols = {row["symbol"] for row in live.rows}
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    known = {one.symbol for one in members_on(read_history(home, STI), tomorrow)}
    chain = verify_chain(home)
    left = [*home.root.rglob("*.tmp"), *home.reports.glob(".*")]
    backups = list_backups(home)
    faults = {
        "a run left no report": len(reports) != how_many,
        "a run's process crashed": any(code not in (0, 1, 4) for code in codes),
        "the live file is not whole": len(symbols) != MEMBERS,
        "the history is not the live file": known != symbols,
        f"the chain is broken: {chain.problem}": bool(chain.problem),
        "a backup is damaged or missing": any(one.damage for one in backups)
        or len(backups) != outcomes["published"] - 1,
        f"files were left behind: {left}": bool(left),
    }
    print(f"{how_many} applies at once ended after {seconds:.0f} s")
    print(f"exit codes: {dict(sorted(collections.Counter(codes).items()))}")
    print(f"outcomes: {dict(outcomes)}")
    print(f"live file: {len(symbols)} members; history: {len(known)}; backups: {len(backups)}")
    print(f"reports: {len(reports)}, chain {chain.problem or 'whole'}")
    for code, said in ended:
        if code and len(reports) != how_many:
            print(f"exit code {code}: {said.splitlines()[-1] if said else 'nothing on stderr'}")
    for fault in (text for text, is_so in faults.items() if is_so):
        print(f"FAULT: {fault}")
    return 1 if any(faults.values()) else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20))
