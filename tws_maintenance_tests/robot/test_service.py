"""The robot's service of events: looked at, asked to refresh, and not believed on its word."""

import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tws_maintenance.config.settings import RobotSettings
from tws_maintenance.core.clock import utc_now
from tws_maintenance.core.errors import RobotChanged, RobotError
from tws_maintenance.market_events import robot_service as service
from tws_maintenance.market_events.model import Window
from tws_maintenance.market_events.robot_doubts import empty_successes, gaps
from tws_maintenance.market_events.robot_service import (
    Refreshed,
    RefreshingAlready,
    by_provider,
    last_lines,
)
from tws_maintenance.robot.answers import LogLine
from tws_maintenance.robot.client import RobotClient
from tws_maintenance_tests.robot.stand_in import (
    ENRICHMENT,
    FED,
    HOLIDAYS,
    MACRO,
    YAHOO,
    Provider,
    StandInRobot,
    event,
    in_days,
    position,
)

# Whom the robot asks where it holds and trades nothing.
PROVIDERS = [FED, HOLIDAYS, *ENRICHMENT]
REFRESH = "/api/market-events/refresh"
LOG = "/api/market-events/sync-log"


@pytest.fixture
def client(told: RobotSettings) -> RobotClient:
    return RobotClient(told)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(service, "QUIET_SECONDS", 0.3)


def look(client: RobotClient, days: int = 28) -> service.Look:
    return service.look(client, Window(utc_now(), days))


def refresh(client: RobotClient, days: int = 28, seconds: float = 20) -> Refreshed:
    return service.refresh(client, Window(utc_now(), days), seconds=seconds)


def earnings(*events: dict[str, object]) -> Provider:
    return Provider(YAHOO, "EARNINGS", list(events))


def test_a_look_reads_and_changes_nothing(robot: StandInRobot, client: RobotClient) -> None:
    robot.store(event("EARNINGS", 3, "AAPL"), event("EARNINGS", 40, "MSFT"))
    found = look(client)
    assert [one.symbol for one in found.events] == ["AAPL"]
    assert found.log.logs == []
    assert {method for method, path, _ in robot.asked if path != "/auth/login"} == {"GET"}


def test_a_refresh_is_waited_for_and_what_it_changed_is_told(
    robot: StandInRobot, client: RobotClient
) -> None:
    robot.positions = [position("AAPL")]
    robot.providers[0] = earnings(event("EARNINGS", 3, "AAPL"))
    first = refresh(client)
    assert [(one.provider, one.status) for one in first.lines] == [
        (YAHOO, "success"),
        (YAHOO, "success"),
        *((name, "success") for name in PROVIDERS),
    ]
    assert [one.event_type for one in first.diff.new] == [
        *("EARNINGS", "JOBS_REPORT", "FOMC", "CPI_RELEASE"),
        *("MARKET_EARLY_CLOSE", "MARKET_HOLIDAY"),
    ]
    assert first.unfinished == ""
    robot.providers[0] = earnings(event("EARNINGS", 3, "AAPL", title="AAPL earnings, confirmed"))
    second = refresh(client)
    assert [after.title for _, after in second.diff.changed] == ["AAPL earnings, confirmed"]
    assert len(second.diff.unchanged) == 5
    assert [line.id for line in second.lines] == list(range(10, 19)), "this call's lines"


def test_it_waits_for_every_provider_that_the_last_refresh_had(
    robot: StandInRobot, client: RobotClient
) -> None:
    refresh(client)
    robot.gate.clear()
    robot.ungated = 1
    found: list[Refreshed] = []
    waiting = threading.Thread(target=lambda: found.append(refresh(client)))
    waiting.start()
    assert robot.at_the_gate.wait(20)
    robot.gate.set()
    waiting.join(30)
    assert [line.provider for line in found[0].lines] == PROVIDERS


def test_one_that_does_not_end_in_time_says_what_is_missing(
    robot: StandInRobot, client: RobotClient
) -> None:
    refresh(client)
    robot.gate.clear()
    robot.ungated = 1
    found = refresh(client, seconds=0.5)
    assert "did not finish within 0.5 s" in found.unfinished
    assert f"not logged yet: {HOLIDAYS} MARKET_HOLIDAY, company-events" in found.unfinished
    assert [line.provider for line in found.lines] == [FED]


def test_a_refresh_that_was_at_work_already_is_not_taken_for_this_one(
    robot: StandInRobot, client: RobotClient, told: RobotSettings
) -> None:
    robot.gate.clear()
    robot.at_the_gate.clear()
    RobotClient(told).refresh(28)
    assert robot.at_the_gate.wait(20)
    looks: list[int] = []

    def let_go_at_the_second_look() -> object:
        looks.append(1)
        if len(looks) > 1:  # the first one comes before the call
            robot.gate.set()
        return None

    robot.override[LOG] = let_go_at_the_second_look  # type: ignore[assignment]
    with pytest.raises(RefreshingAlready, match="this call did nothing"):
        refresh(client)


def test_an_answer_that_says_so_is_believed(robot: StandInRobot, client: RobotClient) -> None:
    robot.override[REFRESH] = lambda: {"status": "already_running"}
    with pytest.raises(RefreshingAlready, match="already_running"):
        refresh(client)


def test_a_line_without_an_end_means_that_one_is_at_work_and_it_is_not_asked(
    robot: StandInRobot, client: RobotClient
) -> None:
    robot.log(robot.providers[0], datetime.now(UTC) - timedelta(seconds=3), None)
    with pytest.raises(RefreshingAlready):
        refresh(client)
    assert not [one for one in robot.asked if one[1] == REFRESH]


def test_a_line_that_a_stopped_robot_left_without_an_end_is_no_refresh(
    robot: StandInRobot, client: RobotClient
) -> None:
    robot.log(robot.providers[0], datetime.now(UTC) - timedelta(hours=3), None)
    assert len(refresh(client).lines) == len(PROVIDERS)


def test_a_robot_that_goes_away_in_the_middle_is_an_error(
    robot: StandInRobot, client: RobotClient
) -> None:
    looks: list[int] = []

    def gone_at_the_second_look() -> object:
        looks.append(1)
        if len(looks) == 1:  # the one before the call
            return None
        threading.Thread(target=robot.down).start()
        return "", 500

    robot.override[LOG] = gone_at_the_second_look  # type: ignore[assignment]
    with pytest.raises(RobotError):
        refresh(client, seconds=5)
    assert [one for one in robot.asked if one[1] == REFRESH], "it had been asked"


def test_a_provider_that_the_robot_has_no_more_is_not_waited_for(
    robot: StandInRobot, client: RobotClient
) -> None:
    refresh(client)
    robot.providers.pop()
    done = refresh(client)
    assert [line.provider for line in done.lines] == PROVIDERS[:-1]
    assert done.unfinished == ""


def empty_successes_of(
    robot: StandInRobot,
    client: RobotClient,
    providers: Sequence[Provider],
    days: int = 28,
    symbols: int = 0,
) -> list[str]:
    """Log that these providers found nothing, and return what is said of that."""
    now = datetime.now(UTC)
    for provider in providers:
        robot.log(provider, now, now, days)
    found = look(client, days)
    return list(empty_successes(found.lines, [found], symbols))


@pytest.mark.parametrize(
    ("provider", "days", "symbols", "why"),
    [
        (Provider(YAHOO, "EARNINGS"), 28, 3, "asked about 3 symbols"),
        (Provider(FED, "FOMC"), 1, 0, "always lists its next meetings"),
        (Provider(HOLIDAYS, "MARKET_HOLIDAY"), 90, 0, "always one (MARKET_HOLIDAY) within 90 days"),
        (Provider(MACRO, ENRICHMENT[MACRO]), 90, 0, "within 90 days"),
    ],
)
def test_a_success_of_nothing_where_something_must_be_is_a_warning(
    robot: StandInRobot,
    client: RobotClient,
    provider: Provider,
    days: int,
    symbols: int,
    why: str,
) -> None:
    (told,) = empty_successes_of(robot, client, [provider], days, symbols)
    assert why in told
    assert provider.name in told


def test_one_whose_stored_events_say_otherwise_is_a_warning(
    robot: StandInRobot, client: RobotClient
) -> None:
    robot.store(event("CPI_RELEASE", 5, source="bls.gov"))
    (told,) = empty_successes_of(robot, client, [Provider(MACRO, ENRICHMENT[MACRO])])
    assert "1 of its events is stored" in told


def test_a_success_of_nothing_where_nothing_need_be_is_none(
    robot: StandInRobot, client: RobotClient
) -> None:
    robot.store(event("SEC_8K", 0, "AAPL", source="sec-edgar"), event("NEWS_CATALYST", 1, "AAPL"))
    providers = [
        Provider(YAHOO, "EARNINGS"),
        Provider(YAHOO, "DIVIDEND"),
        # From Labor Day to Thanksgiving it is 87 days.
        Provider(HOLIDAYS, "MARKET_HOLIDAY"),
        *(Provider(name, types) for name, types in ENRICHMENT.items()),
    ]
    assert empty_successes_of(robot, client, providers) == []


def hold_the_second_of_two(robot: StandInRobot) -> None:
    """Let the next refresh ask the Fed, and then wait at the gate before Yahoo fails."""
    robot.providers = [
        Provider(FED, "FOMC", [event("FOMC", 12)]),
        Provider(YAHOO, "EARNINGS", fault="quota exceeded"),
    ]
    robot.gate.clear()
    robot.ungated = 1


def test_a_first_refresh_is_waited_for_to_its_summary(
    robot: StandInRobot, client: RobotClient
) -> None:
    """No earlier one tells which providers there are, and one of them may be slow."""
    hold_the_second_of_two(robot)
    threading.Timer(3 * service.QUIET_SECONDS, robot.gate.set).start()
    done = refresh(client)
    assert [(one.provider, one.status) for one in done.lines] == [
        (FED, "success"),
        (YAHOO, "failed"),
    ]
    assert done.unfinished == ""


def test_a_line_that_is_written_while_the_robot_answers_is_not_missed(
    robot: StandInRobot, client: RobotClient
) -> None:
    """It reads the lines first, so an answer may hold the summary and lack the last line."""
    hold_the_second_of_two(robot)
    quiet_from = time.monotonic() + 3 * service.QUIET_SECONDS

    def end_it_where_all_is_quiet() -> None:
        if robot.at_the_gate.is_set() and time.monotonic() > quiet_from:
            robot.gate.set()
            assert robot.is_refreshed.wait(30)

    robot.between_lines_and_summary = end_it_where_all_is_quiet
    done = refresh(client)
    assert [one.provider for one in done.lines] == [FED, YAHOO]
    assert done.unfinished == ""


def test_a_log_that_cannot_be_had_once_ends_no_refresh(
    robot: StandInRobot, client: RobotClient
) -> None:
    robot.gate.clear()
    asked = []

    def fault() -> tuple[str, int]:
        asked.append(1)
        if len(asked) == service.FAILED_POLLS - 1:
            robot.override.clear()
            robot.gate.set()
        return "database is locked", 500

    def begin() -> None:
        robot.at_the_gate.wait(30)
        robot.override[LOG] = fault

    threading.Thread(target=begin).start()
    done = refresh(client)
    assert len(done.lines) == len(PROVIDERS)
    assert len(asked) == service.FAILED_POLLS - 1


UPCOMING = "/api/market-events/upcoming"
ODD = {"event_date": f"{in_days(4)}Tnoon", "title": "Odd one", "event_id": "evt_odd"}


def test_an_event_of_an_unknown_form_costs_itself_and_is_named(
    robot: StandInRobot, client: RobotClient
) -> None:
    robot.store(event("EARNINGS", 3, "AAPL"), {**event("EARNINGS", 4, "MSFT"), **ODD})
    found = look(client)
    assert [one.symbol for one in found.events] == ["AAPL"]
    (told,) = gaps(found)
    assert told.startswith(
        "Left out 1 of the robot's 2 events (unknown form): EARNINGS MSFT "
        f"Odd one (event_date is '{ODD['event_date']}', expected an instant such as"
    )


@pytest.mark.parametrize(
    ("part", "why"),
    [
        ({"event_id": None}, "event_id"),
        ({"event_type": " "}, "it has no type"),
        ({"symbol": 5}, "symbol"),
        ({"title": ["a"]}, "title"),
        ({"market_timezone": "Mars/Base"}, "not a known time zone"),
        ({"start_at_utc": "later"}, "start_at_utc"),
    ],
)
def test_whatever_is_odd_of_an_event_is_named(
    robot: StandInRobot, client: RobotClient, part: dict[str, object], why: str
) -> None:
    answer = {"events": [event("FOMC", 3), {**event("FOMC", 4), **part}, "no event"]}
    robot.override[UPCOMING] = lambda: answer
    found = look(client)
    assert [one.event_type for one in found.events] == ["FOMC"]
    (told,) = gaps(found)
    assert "Left out 2 of the robot's 3 events" in told
    assert why in told
    assert "number 3 (" in told


def test_several_events_none_of_which_is_known_are_an_answer_of_another_form(
    robot: StandInRobot, client: RobotClient
) -> None:
    robot.override[UPCOMING] = lambda: {"events": [{"id": 1}, {"id": 2}]}
    with pytest.raises(RobotChanged, match="all 2 events are unreadable"):
        look(client)
    robot.override[UPCOMING] = lambda: {"events": [{"id": 1}]}
    assert "Left out 1 of the robot's 1 events" in next(gaps(look(client)))


def test_a_line_of_the_log_of_an_unknown_form_costs_itself(
    robot: StandInRobot, client: RobotClient
) -> None:
    robot.log(Provider("", "FOMC"), datetime.now(UTC), datetime.now(UTC))
    robot.log(Provider(FED, "FOMC"), datetime.now(UTC), datetime.now(UTC))
    found = look(client)
    assert [one.provider for one in found.log.logs] == [FED]
    assert "Left out 1 of the robot's 2 log lines" in next(gaps(found))


def test_an_event_that_cannot_be_read_any_more_is_not_stale(
    robot: StandInRobot, client: RobotClient
) -> None:
    known = event("EARNINGS", 4, "MSFT")
    robot.store(known, event("EARNINGS", 3, "AAPL"))
    robot.positions = [position("AAPL")]
    robot.providers[0] = earnings({**known, "event_date": ODD["event_date"]})
    done = refresh(client)
    assert done.diff.stale == ()
    assert "EARNINGS MSFT" in next(gaps(done.after))


def test_an_event_whose_instant_has_passed_is_not_stale(
    robot: StandInRobot, client: RobotClient
) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    robot.store({**event("FOMC", 0), "event_date": soon.replace(tzinfo=None).isoformat()})
    before = look(client)
    assert len(before.events) == 1
    robot.override[UPCOMING] = lambda: {"events": []}
    after = look(client)
    later = replace(after, at=soon + timedelta(seconds=1))
    assert [one.event_type for one in service.compare(before, after).stale] == ["FOMC"]
    assert service.compare(before, later).stale == ()


def test_a_robot_that_lists_nothing_any_more_has_not_lost_its_events(
    robot: StandInRobot, client: RobotClient
) -> None:
    """It answers with no event where it cannot read its own database."""
    robot.store(event("EARNINGS", 3, "AAPL"))
    looks: list[int] = []

    def nothing_at_the_second_look() -> object:
        looks.append(1)
        return {"events": [], "count": 0} if len(looks) > 1 else None

    robot.override[UPCOMING] = nothing_at_the_second_look  # type: ignore[assignment]
    done = refresh(client)
    assert done.diff.stale == ()
    assert "lists no events (1 before)" in done.unfinished
    assert "but its last refresh stored 5" in next(gaps(done.after))


def test_more_days_than_the_robot_looks_ahead_are_said(
    robot: StandInRobot, client: RobotClient
) -> None:
    robot.store(event("EARNINGS", 3, "AAPL"))
    assert list(gaps(look(client, 90))) == []
    (told,) = gaps(look(client, 120))
    assert "shows at most 90 days ahead; 120 were requested" in told


def line(number: int, provider: str, event_type: str, **more: object) -> LogLine:
    at = datetime(2026, 11, 28, 13, 0, number, tzinfo=UTC)
    times = {"sync_started_at": at, "sync_finished_at": at + timedelta(seconds=1)}
    told = {"id": number, "provider": provider, "event_type": event_type, "status": "success"}
    return LogLine.model_validate({**told, **times, **more})


def test_the_newest_line_of_each_provider_counts_whatever_else_was_refreshed_since() -> None:
    logs = [
        line(1, MACRO, "CPI_RELEASE"),  # of a version that knew fewer types
        line(2, MACRO, "CPI_RELEASE,JOBS_REPORT"),
        line(3, YAHOO, "EARNINGS"),
        line(4, YAHOO, "DIVIDEND"),
        *(line(number, FED, "FOMC") for number in (5, 6, 7)),
    ]
    assert [one.id for one in last_lines(logs)] == [2, 3, 4, 7]


def test_the_lines_of_one_provider_are_one() -> None:
    lines = [
        line(1, YAHOO, "EARNINGS", fetched_count=3, upserted_count=2),
        line(2, FED, "FOMC"),
        line(3, YAHOO, "DIVIDEND", status="failed", error_count=1, error_message="HTTP 429"),
    ]
    both, fed = by_provider(lines)
    assert fed is lines[1]
    assert (both.provider, both.event_type, both.status) == (
        YAHOO,
        "EARNINGS,DIVIDEND",
        "partial_failure",
    )
    assert (both.fetched_count, both.upserted_count, both.error_count) == (3, 2, 1)
    assert both.error_message == "HTTP 429"
    assert (both.sync_started_at, both.sync_finished_at) == (
        lines[0].sync_started_at,
        lines[2].sync_finished_at,
    )
    still = line(4, YAHOO, "DIVIDEND", sync_finished_at=None)
    assert by_provider([lines[0], still])[0].sync_finished_at is None
