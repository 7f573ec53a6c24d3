"""What automation goes by: runs at work, runs that began, and how fresh Dagster calls an asset."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES, MARKET_EVENTS
from tws_maintenance.core.clock import utc_now
from tws_maintenance.pipeline.asset_keys import EVENTS, live_key
from tws_maintenance.pipeline.definitions import build_definitions
from tws_maintenance.pipeline.execution import create_run
from tws_maintenance.pipeline.instance import open_instance
from tws_maintenance.pipeline.schedules import scheduled_tick
from tws_maintenance.pipeline.sensors import offpeak_tick
from tws_maintenance.pipeline.tick_context import busy_tasks
from tws_maintenance.runs.request import RunSpec
from tws_maintenance_tests.constituents.bench import configure
from tws_maintenance_tests.defaults import MAINTAINED

SP500, STI, HSI = INDICES.values()
SATURDAY = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture
def instance(entered: Home) -> Iterator[dg.DagsterInstance]:
    """The Dagster of the home."""
    with open_instance(entered) as opened:
        yield opened


def running(entered: Home, instance: dg.DagsterInstance, *tasks: str) -> dg.DagsterRun:
    """Return a run that has a process, this one, and has not begun."""
    spec = RunSpec(tasks, dry_run=True)
    return create_run(entered, instance, build_definitions(), spec)


def test_a_tick_while_a_run_is_in_progress_leaves_its_lists_alone(
    entered: Home, instance: dg.DagsterInstance
) -> None:
    running(entered, instance, SP500.task, STI.task)
    tick = offpeak_tick(entered, instance, SATURDAY, MAINTAINED)
    (request,) = tick.run_requests or ()
    assert request.run_config["resources"]["report"]["config"]["tasks"] == [
        HSI.task,
        MARKET_EVENTS,
    ]
    late = scheduled_tick(entered, instance, (STI.task,), due_at=SATURDAY, at=SATURDAY)
    assert isinstance(late, dg.SkipReason)
    assert late.skip_message == "A run of STI is in progress."


def test_a_run_that_is_asked_for_is_known_before_it_begins_in_an_operator_s_own_dagster_too(
    entered: Home, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path_factory.mktemp("own")))
    with open_instance(entered) as own:
        (request,) = offpeak_tick(entered, own, SATURDAY, MAINTAINED).run_requests or ()
        job = build_definitions().resolve_job_def(str(request.job_name))
        own.create_run_for_job(job, tags=request.tags, run_config=request.run_config)
        assert busy_tasks(entered, own) == {*(one.task for one in INDICES.values()), MARKET_EVENTS}


def test_a_run_that_could_not_write_its_report_is_not_started_again_at_every_tick(
    entered: Home, instance: dg.DagsterInstance
) -> None:
    configure(entered, "[automation]\nretry_hours = 168\n")
    now = utc_now()
    # At the next weekend, or at once where it is one: then every market is closed.
    saturday = now.replace(hour=12) + timedelta(days=5 - now.weekday())
    at = max(saturday, now + timedelta(minutes=1))
    run = create_run(entered, instance, build_definitions(), RunSpec((STI.task,), dry_run=True))
    instance.report_run_failed(run, "the disk was full")
    (request,) = offpeak_tick(entered, instance, at, MAINTAINED).run_requests or ()
    tasks = request.run_config["resources"]["report"]["config"]["tasks"]
    assert tasks == [SP500.task, HSI.task, MARKET_EVENTS]


@pytest.mark.parametrize(("days", "seconds"), [(None, 259200), (0.5, 43200), (0.0001, 60)])
def test_a_live_asset_is_fresh_as_long_as_status_says_so(
    entered: Home, days: float | None, seconds: int
) -> None:
    if days is not None:
        configure(
            entered,
            "".join(
                f"[{one}]\nmax_age_days = {days}\n"
                for one in (*(f"indices.{key}" for key in INDICES), "events")
            ),
        )
    graph = build_definitions().resolve_asset_graph()
    policies = {
        key.to_user_string(): graph.get(key).freshness_policy for key in graph.get_all_asset_keys()
    }
    window = dg.FreshnessPolicy.time_window(fail_window=timedelta(seconds=seconds))
    live = {live_key(index).to_user_string() for index in INDICES.values()}
    live |= {EVENTS.to_user_string()}
    assert policies == {key: window if key in live else None for key in policies}
    assert len(live) == 4
