"""Dagster's own commands: each leaves exactly one report that tells who started what."""

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tws_maintenance.config.environment import operating_system_user
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES
from tws_maintenance.demo.pages import companies, page
from tws_maintenance.demo.server import PageServer
from tws_maintenance_tests.pipeline.support import (
    LOCATION,
    good_pages,
    quiet_environment,
    web_environment,
)
from tws_maintenance_tests.support import (
    REPOSITORY,
    Program,
    live_bytes,
    reports_of,
    result_of,
    spoiled,
)

pytestmark = pytest.mark.xdist_group("dagster_commands")
HSI = INDICES["hsi"]


@dataclass
class Step:
    """A command that ran: its process, the reports it added, and the live files after it."""

    done: subprocess.CompletedProcess[str]
    reports: list[dict[str, Any]]
    live: dict[str, bytes | None]

    @property
    def report(self) -> dict[str, Any]:
        (report,) = self.reports
        return report

    @property
    def summary(self) -> tuple[str, str, bool, str]:
        one = self.report
        return one["entry_point"], one["actor"], one["dry_run"], one["status"]


class Commands:
    """`python -m dagster ...` on one home, step after step."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._seen = 0

    def __call__(self, *arguments: str, **environment: str) -> Step:
        command = (sys.executable, "-m", "dagster", *arguments)
        done = self.program.execute(*command, **environment)
        reports = reports_of(self.program.home)
        added, self._seen = reports[self._seen :], len(reports)
        return Step(done, added, live_bytes(self.program.home))

    def materialize(self, selection: str) -> Step:
        own = {"DAGSTER_HOME": str(self.program.home.dagster)}
        return self("asset", "materialize", "-m", LOCATION, "--select", selection, **own)


@dataclass
class Journey:
    """One home and everything that was done to it, in order."""

    dry_run: Step
    applied: Step
    staged: Step
    promoted: Step
    rejected: Step
    refused: Step
    mistaken: Step
    folder: Path


@pytest.fixture(scope="module")
def journey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journey]:
    folder = tmp_path_factory.mktemp("entry_points")
    root, mine = folder / "home", folder / "dagster_of_the_operator"
    root.mkdir()
    mine.mkdir()
    with quiet_environment(), PageServer(good_pages()) as server:
        commands = Commands(Program(Home(root), web_environment(server)))
        execute = ("job", "execute", "-m", LOCATION, "-j")
        config = folder / "hsi.yaml"
        config.write_text(f"resources: {{report: {{config: {{tasks: [{HSI.task}]}}}}}}\n")
        dry_run = commands(*execute, "dry_run_all", "-c", str(config))
        applied = commands(*execute, "apply_constituents", DAGSTER_HOME=str(mine))
        own = Home(root).dagster
        own.mkdir(exist_ok=True)
        server.pages["hsi"] = page("hsi", companies("hsi")[:-3])
        staged = commands.materialize(f"staged/{HSI.task}")
        promoted = commands.materialize(HSI.task)
        server.pages["hsi"] = page("hsi", spoiled(companies("hsi")))
        rejected = commands.materialize(f"staged/{HSI.task}")
        refused = commands.materialize(HSI.task)
        (root / "maintenance.toml").write_text("[http]\ndeadlin = 3\n")
        mistaken = commands(*execute, "dry_run_constituents")
        yield Journey(dry_run, applied, staged, promoted, rejected, refused, mistaken, folder)


USER = operating_system_user()


def test_job_execute_without_a_dagster_home_leaves_a_report_all_the_same(
    journey: Journey,
) -> None:
    step = journey.dry_run
    assert step.done.returncode == 0, step.done.stderr
    assert step.summary == ("dagster_cli", USER, True, "completed")
    assert [(one["task"], one["after_count"]) for one in step.report["results"]] == [(HSI.task, 85)]
    assert set(step.live.values()) == {None}


def test_job_execute_with_the_operators_dagster_home_applies_and_writes_nothing_of_ours_there(
    journey: Journey,
) -> None:
    step = journey.applied
    assert step.done.returncode == 0, step.done.stderr
    assert step.summary == ("dagster_cli", USER, False, "completed")
    assert [one["changed"] for one in step.report["results"][:3]] == [True, True, True]
    assert None not in step.live.values()
    mine = journey.folder / "dagster_of_the_operator"
    assert not (mine / "dagster.yaml").exists()
    assert (mine / "history").is_dir()


def test_materializing_a_staged_list_is_a_dry_run_of_that_list_alone(journey: Journey) -> None:
    step = journey.staged
    assert step.done.returncode == 0, step.done.stderr
    assert step.summary == ("dagster_cli", USER, True, "completed")
    assert [one["task"] for one in step.report["results"]] == [HSI.task]
    assert result_of(step.report, HSI.task)["after_count"] == 82
    assert step.live == journey.applied.live


def test_materializing_the_live_list_alone_promotes_the_newest_proposal(
    journey: Journey,
) -> None:
    step = journey.promoted
    assert step.done.returncode == 0, step.done.stderr
    assert step.summary == ("dagster_cli", USER, False, "completed")
    done, staged = result_of(step.report, HSI.task), result_of(journey.staged.report, HSI.task)
    assert (done["proposal_id"], done["proposal_sha256"], done["changed"]) == (
        staged["proposal_id"],
        staged["proposal_sha256"],
        True,
    )
    assert done["backup_path"].endswith("/hsi_constituents.csv")
    assert (step.live["hsi"] or b"").count(b"\n") == 83
    assert {**step.live, "hsi": None} == {**journey.applied.live, "hsi": None}


def test_a_rejected_proposal_fails_its_run(journey: Journey) -> None:
    step = journey.rejected
    assert step.done.returncode == 1
    assert step.summary == ("dagster_cli", USER, True, "failed")
    (error,) = result_of(step.report, HSI.task)["validation"]["errors"]
    assert error.startswith("text_is_plain: 1 of 85 rows break the rule")


def test_materializing_the_live_list_alone_refuses_a_newest_proposal_that_did_not_pass(
    journey: Journey,
) -> None:
    step = journey.refused
    assert step.done.returncode == 1
    assert step.summary[:3] == ("dagster_cli", USER, False)
    result = result_of(step.report, HSI.task)
    assert (result["status"], result["refusal"], result["changed"]) == (
        "failed",
        "unaudited",
        False,
    )
    assert "did not pass its audit" in result["errors"][0]
    assert step.live == journey.promoted.live


def test_a_mistake_in_the_settings_fails_the_job_with_a_report_that_names_it(
    journey: Journey,
) -> None:
    step = journey.mistaken
    assert step.done.returncode == 1
    assert step.summary == ("dagster_cli", USER, True, "failed")
    assert "http.deadlin: there is no such setting" in step.report["errors"][0]
    assert [one["status"] for one in step.report["results"]] == ["skipped"] * 3
    assert step.live == journey.promoted.live


def test_every_run_left_exactly_one_report_and_each_names_the_one_before_it(
    journey: Journey,
) -> None:
    home = Home(journey.folder / "home")
    reports = reports_of(home)
    assert len(reports) == 7
    assert len({one["run_id"] for one in reports}) == 7
    assert reports[0]["previous_report_sha256"] is None
    assert None not in [one["previous_report_sha256"] for one in reports[1:]]
    assert len(list(home.reports.glob("2*.md"))) == 7
    assert list(home.reports.glob(".*")) == []
    stored = [one for one in (home.dagster / "storage").rglob("*") if one.is_file()]
    assert [one for one in stored if "compute_logs" not in one.parts] == []


def test_dg_launch_in_the_checkout_leaves_a_report(program: Program) -> None:
    if importlib.util.find_spec("dagster_dg_cli") is None:
        pytest.skip("the dg command is not installed here (package dagster-dg-cli)")
    # What the script `dg` consists of.
    code = "from dagster_dg_cli.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "launch", "--job", "dry_run_constituents"],
        env=program.full_environment(),
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (report,) = reports_of(program.home)
    assert (report["entry_point"], report["actor"]) == ("dagster_cli", USER)
    assert (report["dry_run"], report["status"]) == (True, "completed")
