"""What a scene can do: give the program a command, let time pass, have it killed, ask its robot."""

import contextlib
import os
import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from click.testing import CliRunner

from tws_maintenance.cli.main import cli
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import (
    INDICES,
    MARKET_EVENTS,
    METADATA_VALIDATION,
    index_of_task,
)
from tws_maintenance.config.settings import load_settings
from tws_maintenance.core.errors import TwsMaintenanceError
from tws_maintenance.demo.pages import companies
from tws_maintenance.demo.server import PageServer
from tws_maintenance.reports.file_names import report_ids
from tws_maintenance.runs import event_steps, list_steps
from tws_maintenance.runs.maintenance import MaintenanceRun, head_start
from tws_maintenance.runs.recorder import StepFailed
from tws_maintenance.runs.recovery import recover
from tws_maintenance.runs.request import PlannedRun
from tws_maintenance_tests.cli.conftest import dagster_home_as_it_was
from tws_maintenance_tests.golden.normal import Names
from tws_maintenance_tests.golden.stopped_clock import RUNS_VARIABLE, StoppedClock
from tws_maintenance_tests.killing import KILLED, STI_TASK, Job, Moment, carry_out
from tws_maintenance_tests.pipeline.support import run_job
from tws_maintenance_tests.robot.stand_in import PASSWORD, StandInRobot
from tws_maintenance_tests.support import environment_of, write_live

BETWEEN_STEPS = timedelta(minutes=10)


class Play(contextlib.ExitStack):
    """One home in the hands of a scene. Every step comes ten minutes after the one before."""

    def __init__(
        self, home: Home, web: PageServer, clock: StoppedClock, patch: pytest.MonkeyPatch
    ) -> None:
        super().__init__()
        self.home = home
        self.web = web
        self.names = Names(home)
        self.names.call(web.origin, "http://web")
        self._clock = clock
        self._patch = patch

    def command(self, *words: str) -> int:
        """Give a command of the command line and return its exit code."""
        with dagster_home_as_it_was():
            done = CliRunner().invoke(cli, words, catch_exceptions=False)
        self.next_step()
        return done.exit_code

    def run(self, tasks: tuple[str, ...], *, dry_run: bool, **asked: Any) -> str:
        """Run `tasks` step by step, without Dagster, and return the report's id."""
        settings = load_settings(self.home)
        run_id, fetches = str(uuid.uuid4()), not asked.get("report_id")
        request = PlannedRun(
            tasks, dry_run, run_id=run_id, actor="operator", fetches=fetches, **asked
        )
        run = MaintenanceRun(request, head_start(self.home, settings))
        ended_by: TwsMaintenanceError | None = None
        try:
            run.open()
            for task in tasks:
                _work(run, task)
        except TwsMaintenanceError as error:
            ended_by = error
        run.close({}, ended_by)
        self.next_step()
        return run.report_id

    def look(self, *tasks: str, **asked: Any) -> str:
        """Make a dry run of `tasks` (the STI's list unless named) and return its report's id."""
        return self.run(tasks or (STI_TASK,), dry_run=True, **asked)

    def apply(self, *tasks: str, **asked: Any) -> str:
        """Apply `tasks` (the STI's list unless named) and return the report's id."""
        return self.run(tasks or (STI_TASK,), dry_run=False, **asked)

    def promote(self, report_id: str, *tasks: str) -> str:
        """Promote what a dry run staged (the STI's list unless named); return the report's id."""
        return self.apply(*tasks, report_id=report_id)

    def newest_report(self) -> str:
        """Return the id of the newest report."""
        return report_ids(self.home)[0]

    def next_step(self, after: timedelta = BETWEEN_STEPS) -> None:
        """Let time pass, and name the checksums of what lies in the home."""
        self.names.look()
        self._clock.move(after)

    def older_lists(self, *keys: str, without: int = 1) -> None:
        """Let the live files of `keys` (all unless named) lack their last members."""
        for key in keys or tuple(INDICES):
            write_live(self.home, INDICES[key], companies(key)[:-without])
        self.names.look()

    def setting(self, name: str, value: str) -> None:
        """Set a setting, such as `LOCKS__WAIT`, in the environment."""
        self._patch.setenv(f"TWS_MAINTENANCE_{name}", value)

    def every_source(self, official: Mapping[str, bytes]) -> None:
        """Have each list's sources asked as they are declared; serve the `official` lists, too."""
        for name in environment_of(self.web):
            if "_INDICES__" in name:
                self._patch.delenv(name)
        self.web.pages.update(official)
        for content in official.values():
            if content.startswith(b"PK"):
                self.names.blur(content)

    def killed(
        self,
        moment: Moment,
        *,
        dry_run: bool = False,
        tasks: tuple[str, ...] = (STI_TASK,),
        dagster: bool = False,
    ) -> None:
        """Have an apply killed, or cancelled, at a moment, and let the next start recover it."""
        environment = {k: v for k, v in os.environ.items() if k.startswith("TWS_MAINTENANCE_")}
        job = Job(str(self.home.root), moment, dagster, dry_run, tasks, environment=environment)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(RUNS_VARIABLE, "1")
            (code,) = carry_out([job])
        assert code == (0 if moment.cancel else KILLED)
        self.next_step()
        recover(self.home)

    def job(self, name: str, config: dict[str, Any] | None = None, *assets: str) -> None:
        """Have Dagster run a job, or some `assets` of it, as its own pages do."""
        with dagster_home_as_it_was():
            run_job(self.home, name, config, *assets)
        self.next_step()

    def with_robot(self) -> StandInRobot:
        """Have a robot run on the home, with its caches guarded, and name it in the settings."""
        robot = self.enter_context(StandInRobot(self.home.root, is_guarded=True))
        self.names.call(robot.url, "http://robot")
        self.setting("ROBOT__URL", robot.url)
        self.setting("ROBOT__PASSWORD", PASSWORD)
        return robot


def _work(run: MaintenanceRun, task: str) -> None:
    """Do what there is to do about one task, as far as it goes."""
    with contextlib.suppress(StepFailed):
        if task == METADATA_VALIDATION:
            for index in INDICES.values():
                list_steps.validate(run, index)
            return
        if task == MARKET_EVENTS:
            event_steps.stage(run)
            if event_steps.audit(run).has_passed and not run.request.dry_run:
                event_steps.apply(run)
            return
        index, asked = index_of_task(task), run.request
        if not asked.report_id:
            list_steps.stage(run, index)
            if not list_steps.audit(run, index).has_passed or asked.dry_run:
                return
        list_steps.promote(run, index)
