"""Several runs at once, from the command line and from Dagster: no lost update, no half file.

The same with twenty: `python benchmarks/twenty_applies.py`.
"""

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from tws_maintenance.config.indices import INDICES
from tws_maintenance.constituents.backups import list_backups
from tws_maintenance.constituents.csv_file import parse_live
from tws_maintenance.constituents.history import changes_of, members_on, read_history
from tws_maintenance.demo.pages import Company, companies, page
from tws_maintenance.demo.server import PageServer
from tws_maintenance.reports.chain_verification import verify_chain
from tws_maintenance_tests.constituents.bench import temporary_files
from tws_maintenance_tests.pipeline.support import good_pages, web_environment
from tws_maintenance_tests.support import (
    TIMEOUT_SECONDS,
    Program,
    reports_of,
    result_of,
    write_live,
)

pytestmark = pytest.mark.xdist_group("concurrency")
STI = INDICES["sti"]
CLI = (sys.executable, "-m", "tws_maintenance", "run", "--apply", "--task", STI.task)
JOB = (*CLI[:3], "dagster", "job", "execute", "-j", "apply_all", "-c")


class ChangingServer(PageServer):
    """Lists one member more with every answer, so that each run has something else to publish."""

    def __init__(self) -> None:
        super().__init__(good_pages())
        self._asked = 0

    def _lookup(self, path: str) -> tuple[int, bytes]:
        self._asked += 1
        newcomer = Company(f"N{self._asked:02d}", f"Newcomer {self._asked} Ltd")
        self.pages["sti"] = page("sti", [*companies("sti"), newcomer])
        return super()._lookup(path)


def test_applies_at_once_from_everywhere_each_end_with_a_report_and_lose_nothing(
    program: Program,
) -> None:
    home = program.home
    old = write_live(home, STI, companies("sti"))
    config = home.root / "job.yaml"
    config.write_text(f"resources: {{report: {{config: {{tasks: [{STI.task}]}}}}}}\n")
    with ChangingServer() as server:
        environment = program.full_environment(**web_environment(server))
        running = [
            subprocess.Popen(
                command,
                env=environment,
                cwd=home.root,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for command in (CLI, (*JOB, str(config)), CLI, (*JOB, str(config)))
        ]
        ended = [one.communicate(timeout=TIMEOUT_SECONDS) for one in running]

    reports = reports_of(home)
    assert {one.returncode for one in running} <= {0, 1, 4}, (running, ended)
    assert len({one["report_id"] for one in reports}) == len(reports) == 4, ended
    results = [result_of(one, STI.task) for one in reports]
    assert [
        one["errors"] for one in results if one["status"] != "success" and not one["refusal"]
    ] == []
    published = [one for one in results if one["changed"]]
    assert published
    refusals = {one["refusal"] for one in results if one["status"] == "failed"}
    assert refusals <= {"stale", "lock_held"}

    live = home.live_file("sti").read_bytes()
    symbols = {row["symbol"] for row in parse_live(live, "live").rows}
    assert len(symbols) == 31
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    stays = read_history(home, STI)
    assert {one.symbol for one in members_on(stays, tomorrow)} == symbols
    makers = {one.report_id for one in changes_of(stays)}
    told = {one["report_id"] for one in reports if result_of(one, STI.task)["changed"]}
    assert makers == told
    replaced = [(home.root / one["backup_path"]).read_bytes() for one in published]
    assert old in replaced
    assert len(set(replaced)) == len(published)
    assert [one.damage for one in list_backups(home)] == [""] * len(published)

    assert verify_chain(home).problem == ""
    assert temporary_files(home) == []
    assert list(home.reports.glob(".*")) == []
