"""Dagster's own scheduler, with the code location in a process of its own and a clock it is given.

A tick that is evaluated again, as after a crash of the daemon between launching and noting it,
starts no second run.
"""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta

import dagster as dg
import pytest
from dagster._core.remote_representation.external import RemoteSchedule
from dagster._core.scheduler.instigation import ScheduleInstigatorData, TickStatus
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import ModuleTarget
from dagster._daemon import daemon as _the_daemon  # it imports the scheduler, not the reverse
from dagster._scheduler.scheduler import launch_scheduled_runs

from tws_maintenance.config.home import Home
from tws_maintenance.config.venues import XNYS, XSES
from tws_maintenance.core.clock import utc_now
from tws_maintenance.operations.policy import opened
from tws_maintenance.pipeline.clean_up import clean_ticks
from tws_maintenance.pipeline.instance import open_instance
from tws_maintenance_tests.pipeline.support import LOCATION, until
from tws_maintenance_tests.support import reports_of

pytestmark = pytest.mark.xdist_group("daemon")
QUIET = logging.getLogger(f"{_the_daemon.__name__} under test")


class Scheduler:
    """The schedules of the code location, and Dagster's loop over them, once."""

    def __init__(self, instance: dg.DagsterInstance, context: WorkspaceProcessContext) -> None:
        self.instance = instance
        self._context = context

    def switch_on(self, name: str, since: datetime) -> RemoteSchedule:
        """Switch a schedule on as if that had been done before, and forget its ticks."""
        location = self._context.create_request_context().get_code_location(LOCATION)
        schedule = location.get_repository("__repository__").get_schedule(name)
        state = self.instance.start_schedule(schedule)
        data = ScheduleInstigatorData(schedule.cron_schedule, start_timestamp=since.timestamp())
        self.instance.update_instigator_state(state.with_data(data))
        self.instance.purge_ticks(
            state.instigator_origin_id, state.selector_id, utc_now().timestamp()
        )
        return schedule

    def go(self, at: datetime) -> None:
        """Launch what is due at that instant."""
        list(launch_scheduled_runs(self._context, QUIET, at, iteration_times={}))

    def is_idle(self) -> bool:
        """Tell whether every run has ended."""
        return all(run.is_finished for run in self.instance.get_runs())

    def ticks(self, schedule: RemoteSchedule) -> list[tuple[TickStatus, str | None]]:
        found = self.instance.get_ticks(schedule.get_remote_origin_id(), schedule.selector_id)
        return [(one.status, one.skip_reason) for one in found]


@pytest.fixture
def scheduler(entered: Home) -> Iterator[Scheduler]:
    target = ModuleTarget(LOCATION, attribute=None, working_directory=None, location_name=None)
    with (
        open_instance(entered) as instance,
        WorkspaceProcessContext(instance, target) as context,
    ):
        yield Scheduler(instance, context)


def test_a_schedule_that_fires_twice_starts_one_run_and_days_that_were_missed_none(
    scheduler: Scheduler, entered: Home
) -> None:
    now = utc_now()
    venue = next(one for one in (XNYS, XSES) if not opened(one, now))
    name = f"{venue.code.lower()}_dry_run_schedule"
    for _ in range(2):
        schedule = scheduler.switch_on(name, now - timedelta(days=6))
        scheduler.go(now)
        assert scheduler.ticks(schedule) == [(TickStatus.SUCCESS, None)]
        until(scheduler.is_idle, "the end of the run")
    (run,) = scheduler.instance.get_runs()
    (report,) = reports_of(entered)
    assert (report["run_id"], report["entry_point"]) == (run.run_id, "schedule")
    # What a clean-up of that location forgets, and one from the command line does not.
    by_command = run._replace(remote_job_origin=None)
    clean_ticks(scheduler.instance, by_command, now + timedelta(hours=1))
    assert len(scheduler.ticks(schedule)) == 1
    clean_ticks(scheduler.instance, run, now - timedelta(days=9))
    assert len(scheduler.ticks(schedule)) == 1
    clean_ticks(scheduler.instance, run, now + timedelta(hours=1))
    assert scheduler.ticks(schedule) == []
