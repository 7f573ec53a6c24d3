"""A run's steps where the robot keeps the events: what the look says, and what the apply keeps."""

import pytest

from tws_maintenance.audit.run_context import RunContext
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import MARKET_EVENTS
from tws_maintenance.config.settings import RobotSettings, Settings
from tws_maintenance.core.clock import utc_now
from tws_maintenance.market_events import robot_service as service
from tws_maintenance.market_events.keeper import SyncOrder
from tws_maintenance.market_events.model import Window
from tws_maintenance.market_events.providers.worker import EventsWorker
from tws_maintenance.market_events.robot_keeper import RobotSync
from tws_maintenance.market_events.scope import Scope
from tws_maintenance.reports.building import conclude
from tws_maintenance.reports.event_results import describe_sync, settle_providers
from tws_maintenance.reports.schema import EventsResult, TaskStatus
from tws_maintenance.reports.view import failed_providers, view_of_result
from tws_maintenance.robot.client import RobotClient
from tws_maintenance_tests.robot.stand_in import (
    ENRICHMENT,
    FED,
    HOLIDAYS,
    YAHOO,
    StandInRobot,
    event,
    in_days,
    position,
)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(service, "QUIET_SECONDS", 0.3)


def window() -> Window:
    return Window(utc_now(), 28)


def result() -> EventsResult:
    return EventsResult(task=MARKET_EVENTS, dry_run=False)


def sync_of(home: Home, told: RobotSettings) -> RobotSync:
    """Return a sync whose audit is left out: it is a process of its own."""
    return RobotSync(home, Settings(robot=told), SyncOrder(Scope(), 28), EventsWorker())


def applied(robot: StandInRobot, told: RobotSettings, home: Home) -> EventsResult:
    """Return the result of a look and a refresh, as a run fills it in."""
    found = result()
    mark = RunContext("maintenance_20261122_183000", "run", utc_now())
    steps = sync_of(home, told)
    staged = steps.stage(mark)
    describe_sync(found, staged)
    describe_sync(found, steps.refresh(mark), before=staged)
    found.status = TaskStatus.SUCCESS
    settle_providers(found)
    assert robot.asked[-1][1] == "/api/market-events/sync-log"
    return found


def test_each_provider_is_told_once_and_its_own_types_are_listed_and_no_error(
    robot: StandInRobot, told: RobotSettings, home: Home
) -> None:
    robot.positions = [position("KO")]
    robot.provider(YAHOO, "EARNINGS").events = [event("EARNINGS", 3, "KO", source=YAHOO)]
    robot.provider(YAHOO, "DIVIDEND").events = [event("DIVIDEND", 5, "KO", source=YAHOO)]
    minutes = event("FED_MINUTES", 9, source=FED)  # of a source that is another provider's name
    robot.provider("macro-calendar").events.append(minutes)
    found = applied(robot, told, home)
    rows = {one.provider: (one.event_type, one.fetched, one.new) for one in found.providers}
    assert [one.provider for one in found.providers] == list(rows)
    assert rows == {
        YAHOO: ("EARNINGS,DIVIDEND", 2, 2),
        FED: ("FOMC", 1, 1),
        HOLIDAYS: ("MARKET_HOLIDAY", 2, 2),
        **{name: (types, 0, 0) for name, types in ENRICHMENT.items()},
        "macro-calendar": (ENRICHMENT["macro-calendar"], 3, 3),
    }
    assert [one.event_type for one in found.diff.new] == [
        *("EARNINGS", "DIVIDEND", "FOMC", "MARKET_EARLY_CLOSE", "MARKET_HOLIDAY"),
    ]
    assert (found.before_count, found.after_count) == (0, 5)
    own = found.robots_own
    assert own is not None
    assert (own.count, own.types) == (
        3,
        {"CPI_RELEASE": 1, "FED_MINUTES": 1, "JOBS_REPORT": 1},
    )
    assert [(one.event_type, one.change) for one in own.events] == [
        ("JOBS_REPORT", "new"),
        ("FED_MINUTES", "new"),
        ("CPI_RELEASE", "new"),
    ]
    assert (found.errors, found.warnings) == ([], [])
    (also,) = [one for one in view_of_result(found).reasons if one.kind == "also stored"]
    assert len(also.texts) == 4
    assert also.texts[0] == (
        "3 events of types that only the robot keeps (CPI release 1, Fed minutes 1, jobs report 1)"
    )


def test_a_provider_of_its_own_types_that_failed_is_a_warning(
    robot: StandInRobot, told: RobotSettings, home: Home
) -> None:
    robot.provider("sec-edgar").fault = "HTTP 503"
    found = applied(robot, told, home)
    assert (found.status, found.errors) == (TaskStatus.SUCCESS, [])
    (warning,) = found.warnings
    assert warning == (
        "sec-edgar (SEC_8K, SEC_10Q, SEC_10K, SEC_S3, SEC_FORM4) is logged as failed: HTTP 503"
    )
    assert failed_providers(found) == []


def test_the_look_says_that_nothing_was_fetched_where_something_must_be(
    robot: StandInRobot, told: RobotSettings, home: Home
) -> None:
    robot.provider(FED).events = []
    service.refresh(RobotClient(told), window(), seconds=20)
    found = result()
    mark = RunContext("maintenance_20261122_183000", "run", utc_now())
    describe_sync(found, sync_of(home, told).stage(mark))
    assert any(f"{FED} (FOMC) is logged as a success with nothing" in w for w in found.warnings)


def test_a_refresh_that_was_not_seen_to_its_end_is_a_partial_failure(
    robot: StandInRobot, told: RobotSettings, home: Home
) -> None:
    robot.gate.clear()
    robot.ungated = 1
    found = result()
    mark = RunContext("maintenance_20261122_183000", "run", utc_now())
    patience = told.model_copy(update={"refresh_seconds": 0.3})
    describe_sync(found, sync_of(home, patience).refresh(mark))
    found.status = TaskStatus.PARTIAL_FAILURE  # as `apply_events` has it where there are errors
    conclude(found)
    assert found.status == TaskStatus.PARTIAL_FAILURE
    assert ["did not finish within 0.3 s" in text for text in found.errors] == [True]


def test_an_event_of_an_unknown_form_is_a_warning_of_dry_run_and_apply(
    robot: StandInRobot, told: RobotSettings, home: Home
) -> None:
    odd = event("EARNINGS", 4, "MSFT", event_date=f"{in_days(4)}Tnoon")
    robot.store(event("EARNINGS", 3, "AAPL"), odd)
    look = result()
    mark = RunContext("maintenance_20261122_183000", "run", utc_now())
    describe_sync(look, sync_of(home, told).stage(mark))
    assert [one.symbol for one in look.diff.unchanged] == ["AAPL"]
    assert any("Left out 1 of the robot's 2 events" in text for text in look.warnings)
    done = applied(robot, told, home)
    (warning,) = done.warnings
    assert "(unknown form): EARNINGS MSFT MSFT earnings (event_date is" in warning
    assert done.after_count == 4


def test_what_failed_before_and_what_the_robot_did_meanwhile_is_not_of_this_refresh(
    robot: StandInRobot, told: RobotSettings, home: Home
) -> None:
    robot.provider(FED).fault = "the Federal Reserve answered HTTP 500"
    service.refresh(RobotClient(told), window(), seconds=20)
    mark = RunContext("maintenance_20261122_183000", "run", utc_now())
    found = result()
    steps = sync_of(home, told)
    staged = steps.stage(mark)
    describe_sync(found, staged)
    assert any(f"{FED} (FOMC) is logged as failed" in text for text in found.warnings)

    robot.provider(FED).fault = ""
    service.refresh(RobotClient(told), window(), seconds=20)  # the robot's own, in between
    describe_sync(found, steps.refresh(mark), before=staged)
    assert not [text for text in found.warnings if "logged as failed" in text]
    assert not [text for text in found.warnings if "cannot preview" in text]
    assert [one.status for one in found.providers] == ["success"] * 7
