"""Schedules and sensors as Dagster evaluates them, and what they ask for really run."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES, MARKET_EVENTS, maintained
from tws_maintenance.config.settings import AutomationSettings, NoticeSettings, RetentionSettings
from tws_maintenance.core.clock import utc_now
from tws_maintenance.core.errors import SettingsError
from tws_maintenance.demo.pages import companies
from tws_maintenance.demo.server import PageServer
from tws_maintenance.pipeline.definitions import build_definitions
from tws_maintenance.pipeline.instance import open_instance
from tws_maintenance.pipeline.schedules import scheduled_tick
from tws_maintenance.pipeline.sensors import offpeak_tick
from tws_maintenance.pipeline.tick_context import busy_tasks
from tws_maintenance_tests.constituents.bench import configure
from tws_maintenance_tests.defaults import MAINTAINED, VENUES
from tws_maintenance_tests.killing import KILLED, Job, Moment, carry_out
from tws_maintenance_tests.support import (
    REPOSITORY,
    environment_of,
    live_bytes,
    reports_of,
    write_live,
)
from tws_maintenance_tests.unattended import dry_run, synced

SP500, STI, HSI = INDICES.values()
SATURDAY = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
MONDAY = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
SCHEDULES = {
    "xnys_dry_run_schedule": ("0 18 * * *", "America/New_York", "dry_run_constituents"),
    "xses_dry_run_schedule": ("0 19 * * *", "Asia/Singapore", "dry_run_constituents"),
    "xhkg_dry_run_schedule": ("0 18 * * *", "Asia/Hong_Kong", "dry_run_constituents"),
    "market_events_refresh_schedule": ("0 18 * * *", "America/New_York", "refresh_market_events"),
    "clean_up_schedule": ("0 5 * * 0", "UTC", "clean_up"),
}
SENSORS = {
    "offpeak_refresh_sensor": 900,
    "reconcile_sensor": 120,
    "notice_sensor": 300,
    "run_failure_notice_sensor": 60,
}


@pytest.fixture
def instance(entered: Home) -> Iterator[dg.DagsterInstance]:
    """The Dagster of the home."""
    with open_instance(entered) as opened:
        yield opened


@pytest.fixture
def defs(entered: Home) -> dg.Definitions:
    assert entered.root.exists()
    return build_definitions()


def evaluated(
    defs: dg.Definitions, instance: dg.DagsterInstance, name: str, due_at: datetime | None = None
) -> Any:
    """Return what Dagster makes of one tick of a schedule or sensor."""
    repository = defs.get_repository_def()
    if name in SENSORS:
        sensor = repository.get_sensor_def(name)
        context = dg.build_sensor_context(instance, repository_def=repository)
        return sensor.evaluate_tick(context)
    schedule = repository.get_schedule_def(name)
    return schedule.evaluate_tick(
        dg.build_schedule_context(
            instance, repository_def=repository, scheduled_execution_time=due_at or utc_now()
        )
    )


def launched(
    defs: dg.Definitions, instance: dg.DagsterInstance, request: dg.RunRequest, **tags: str
) -> dg.ExecuteInProcessResult:
    """Run what a tick asks for, as the daemon would: this job, this selection, these tags."""
    assert request.job_name is not None
    job = defs.resolve_job_def(request.job_name).get_subset(
        asset_selection=set(request.asset_selection or ()),
        asset_check_selection=set(request.asset_check_keys or ()),
    )
    return job.execute_in_process(
        run_config=dict(request.run_config),
        instance=instance,
        tags={**request.tags, **tags},
        raise_on_error=False,
    )


def test_the_schedules_are_these_and_are_stopped(defs: dg.Definitions) -> None:
    found = defs.get_repository_def().schedule_defs
    assert {
        one.name: (one.cron_schedule, one.execution_timezone, one.job_name) for one in found
    } == SCHEDULES
    assert {one.default_status for one in found} == {dg.DefaultScheduleStatus.STOPPED}
    assert all(one.description for one in found)


def test_the_sensors_are_these_and_are_stopped(defs: dg.Definitions) -> None:
    found = defs.get_repository_def().sensor_defs
    assert {one.name: one.minimum_interval_seconds for one in found} == SENSORS
    assert {one.default_status for one in found} == {dg.DefaultSensorStatus.STOPPED}
    assert all(one.description for one in found)


def test_the_documentation_names_every_one_of_them_and_every_setting() -> None:
    text = (REPOSITORY / "docs" / "automation.md").read_text()
    assert set(re.findall(r"^\| `(\w+_(?:schedule|sensor))` \|", text, re.MULTILINE)) == {
        *SCHEDULES,
        *SENSORS,
    }
    sections = (AutomationSettings, NoticeSettings, RetentionSettings)
    names = {name for section in sections for name in section.model_fields}
    secret = {"smtp_password", "webhook_url"}
    assert {name for name in names - secret if f"`{name}`" not in text} == set()
    assert all(f"TWS_MAINTENANCE_NOTICES__{name.upper()}" in text for name in secret)
    switched = set(re.findall(r"(?m)^python -m \w+ dagster \w+ st\w+ (\w+)$", text))
    assert len(switched) == 3
    assert switched <= {*SCHEDULES, *SENSORS}


def test_every_schedule_is_due_when_its_market_has_closed_summer_and_winter() -> None:
    for venue in VENUES:
        hour = int(SCHEDULES[f"{venue.code.lower()}_dry_run_schedule"][0].split()[1])
        assert hour == venue.closes.hour + 2


@pytest.mark.parametrize("number", range(2))
def test_a_schedule_asks_for_one_dry_run_of_its_list_a_day(
    defs: dg.Definitions, instance: dg.DagsterInstance, entered: Home, number: int
) -> None:
    due_at = SATURDAY + number * timedelta(days=1)
    request = scheduled_tick(entered, instance, (STI.task,), due_at=due_at, at=due_at + HOUR)
    assert isinstance(request, dg.RunRequest)
    assert (request.job_name, request.run_key) == ("dry_run_constituents", f"{due_at:%Y-%m-%d}")
    assert request.tags == {"tws/home": str(entered.root)}
    assert [one.to_user_string() for one in request.asset_selection or ()] == [
        "staged/sti_constituents"
    ]
    assert launched(defs, instance, request, **{"dagster/schedule_name": "x"}).success
    (report,) = reports_of(entered)
    assert report["entry_point"] == "schedule"
    assert (report["reason"], report["dry_run"]) == ("scheduled", True)
    assert [one["task"] for one in report["results"]] == [STI.task]


def test_the_events_are_fetched_and_stored_by_their_schedule(
    defs: dg.Definitions, instance: dg.DagsterInstance, entered: Home
) -> None:
    request = scheduled_tick(
        entered, instance, (MARKET_EVENTS,), due_at=SATURDAY, at=SATURDAY, dry_run=False
    )
    assert isinstance(request, dg.RunRequest)
    assert request.job_name == "refresh_market_events"
    assert launched(defs, instance, request, **{"dagster/schedule_name": "x"}).success
    (report,) = reports_of(entered)
    assert (report["entry_point"], report["dry_run"], report["status"]) == (
        "schedule",
        False,
        "completed",
    )


def test_dagster_evaluates_every_schedule_with_its_own_context(
    defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    for name in SCHEDULES:
        found = evaluated(defs, instance, name)
        # By the true clock: some market is open at most hours.
        assert found.run_requests or found.skip_message.startswith("Due ")
    (request,) = evaluated(defs, instance, "clean_up_schedule").run_requests
    assert request.tags == {"dagster/schedule_name": "clean_up_schedule"}


def test_a_late_tick_does_not_run_into_a_session(
    entered: Home, instance: dg.DagsterInstance
) -> None:
    due_at = MONDAY - 16 * HOUR
    late = scheduled_tick(entered, instance, (SP500.task,), due_at=due_at, at=MONDAY)
    assert isinstance(late, dg.SkipReason)
    assert late.skip_message == "Due 2026-11-22 23:00 UTC, but New York is open until 21:00 UTC."
    events = scheduled_tick(entered, instance, (MARKET_EVENTS,), due_at=due_at, at=MONDAY)
    assert isinstance(events, dg.SkipReason)
    asian = scheduled_tick(entered, instance, (STI.task,), due_at=due_at, at=MONDAY)
    assert isinstance(asian, dg.RunRequest)


def test_the_sensor_asks_for_what_is_due_and_the_report_says_who_asked_and_why(
    defs: dg.Definitions, instance: dg.DagsterInstance, entered: Home
) -> None:
    configure(entered, "[indices.sp500]\nmax_age_days = 1\n[events]\nmax_age_days = 1\n")
    write_live(entered, STI, companies("sti")[:-1])
    before = live_bytes(entered)
    (request,) = offpeak_tick(entered, instance, SATURDAY, MAINTAINED).run_requests or ()
    assert request.job_name == "dry_run_all"
    assert request.run_key is None
    assert launched(defs, instance, request, **{"dagster/sensor_name": "x"}).success
    (report,) = reports_of(entered)
    assert (report["entry_point"], report["dry_run"]) == ("sensor", True)
    assert report["reason"].startswith("S&P 500: never refreshed; STI: never refreshed; HSI: ")
    assert [one["task"] for one in report["results"]] == [
        *(index.task for index in INDICES.values()),
        MARKET_EVENTS,
    ]
    assert live_bytes(entered) == before


def test_the_sensor_promotes_by_the_setting_exactly_what_passed(
    defs: dg.Definitions, instance: dg.DagsterInstance, entered: Home
) -> None:
    configure(entered, "[automation]\nauto_apply = true\n")
    write_live(entered, STI, companies("sti")[:-1])
    configure(entered, "[automation]\nauto_apply = true\nauto_apply_max_turnover = 0.05\n")
    at = utc_now().replace(microsecond=0) - timedelta(seconds=5)
    report_id = dry_run(entered, {"sti": companies("sti")}, at)
    # The weekend's clock for the decision: the promotion itself goes by the true one.
    tick = offpeak_tick(entered, instance, _closed_in_singapore(at), MAINTAINED)
    (request,) = [one for one in tick.run_requests or () if one.job_name == "promote_proposals"]
    assert request.run_key == f"{report_id} {STI.task}"
    assert launched(defs, instance, request, **{"dagster/sensor_name": "x"}).success
    report = reports_of(entered)[-1]
    assert (report["entry_point"], report["dry_run"]) == ("sensor", False)
    assert report["reason"] == (
        f"applied by itself ([automation] auto_apply): {report_id} passed every rule without a "
        "warning"
    )
    assert [one["changed"] for one in report["results"]] == [True]
    # What was promoted is not asked for again.
    again = offpeak_tick(entered, instance, _closed_in_singapore(utc_now()), MAINTAINED)
    assert "promote_proposals" not in [one.job_name for one in again.run_requests or ()]


def test_an_index_that_was_switched_since_the_code_location_was_loaded_is_reported(
    instance: dg.DagsterInstance, entered: Home
) -> None:
    configure(entered, "[indices.nasdaq100]\nenabled = true\n")
    with pytest.raises(SettingsError, match=r"switched NASDAQ-100 on since .* Reload the code"):
        offpeak_tick(entered, instance, SATURDAY, MAINTAINED)
    configure(entered, "")
    both = maintained(["nikkei225", "nasdaq100"])
    with pytest.raises(SettingsError, match="switched NASDAQ-100 off, Nikkei 225 off since"):
        offpeak_tick(entered, instance, SATURDAY, both)
    tasks = ("nikkei225_constituents",)
    skipped = scheduled_tick(entered, instance, tasks, due_at=SATURDAY, at=SATURDAY)
    assert isinstance(skipped, dg.SkipReason)
    assert str(skipped.skip_message).startswith("The settings have switched Nikkei 225 off. Reload")


def _closed_in_singapore(at: datetime) -> datetime:
    """Return an instant soon after `at` at which Singapore is closed, whenever this is run."""
    return at if not 0 <= at.hour < 10 else at.replace(hour=10)


def test_a_tick_says_of_everything_why_nothing_is_started(
    entered: Home, instance: dg.DagsterInstance
) -> None:
    waiting = dry_run(entered, {key: companies(key) for key in INDICES}, SATURDAY)
    looked = synced(entered, SATURDAY, dry_run=True)
    tick = offpeak_tick(entered, instance, SATURDAY + HOUR, MAINTAINED)
    assert tick.run_requests == []
    assert tick.skip_reason is not None
    waits = f"never refreshed; the dry run {waiting} passed and waits to be applied"
    assert tick.skip_reason.skip_message == (
        f"S&P 500: {waits}. STI: {waits}. HSI: {waits}. market events: never refreshed; the dry "
        f"run {looked} shows what refresh_market_events would store."
    )


def test_the_sensor_closes_a_run_that_was_killed_and_it_holds_nothing_up(
    defs: dg.Definitions, instance: dg.DagsterInstance, entered: Home, server: PageServer
) -> None:
    moment = Moment("os.rename", r"/raw/1_\w+\.html")
    job = Job(str(entered.root), moment, dagster=True, environment=environment_of(server))
    assert carry_out([job]) == [KILLED]
    (run,) = instance.get_runs()
    assert not run.is_finished
    told = evaluated(defs, instance, "reconcile_sensor").skip_message
    assert told.startswith("Closed maintenance_2")
    assert "the run was killed" in told
    (report,) = reports_of(entered)
    assert (report["run_id"], report["status"]) == (run.run_id, "interrupted")
    assert [one.status for one in instance.get_runs()] == [dg.DagsterRunStatus.FAILURE]
    assert evaluated(defs, instance, "reconcile_sensor").skip_message == "No run has died."
    assert busy_tasks(entered, instance) == set()


def test_a_mistake_in_the_settings_makes_the_tick_fail_in_words_and_nothing_else(
    entered: Home, instance: dg.DagsterInstance
) -> None:
    configure(entered, "[automation]\nauto_aply = true\n")
    defs = build_definitions()
    with pytest.raises(SettingsError, match=r"automation\.auto_aply: there is no such setting"):
        evaluated(defs, instance, "offpeak_refresh_sensor")
    with pytest.raises(SettingsError, match="auto_aply"):
        evaluated(defs, instance, "notice_sensor")
    assert evaluated(defs, instance, "reconcile_sensor").skip_message == "No run has died."
    # A schedule starts its run all the same, whose report tells the mistake.
    request = scheduled_tick(entered, instance, (STI.task,), due_at=SATURDAY, at=SATURDAY)
    assert isinstance(request, dg.RunRequest)
    assert not launched(defs, instance, request, **{"dagster/schedule_name": "x"}).success
    (report,) = reports_of(entered)
    assert "auto_aply" in report["errors"][0]
