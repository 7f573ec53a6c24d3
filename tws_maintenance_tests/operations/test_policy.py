"""What may be started without anyone asking, at instants that the test names, and why."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES, MARKET_EVENTS
from tws_maintenance.config.settings import load_settings
from tws_maintenance.config.venues import XNYS
from tws_maintenance.demo.pages import companies
from tws_maintenance.market_events.providers import closures
from tws_maintenance.market_events.providers.closures import Closure
from tws_maintenance.operations.policy import Decision, Situation, decide
from tws_maintenance.reports.catalog import ReportCatalog
from tws_maintenance.reports.schema import TaskStatus
from tws_maintenance_tests.constituents.bench import configure, with_one, with_strangers
from tws_maintenance_tests.defaults import CONSTITUENT_TASKS
from tws_maintenance_tests.unattended import applied, dry_run, ended, refreshed, synced

SP500, STI, HSI = INDICES.values()
# For two days from here every market is closed.
SATURDAY = datetime(2026, 11, 21, 0, 30, tzinfo=UTC)
# Three o'clock in the afternoon, UTC: a session of New York's, after those of Asia.
MONDAY = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
THANKSGIVING = datetime(2026, 11, 26, 15, 0, tzinfo=UTC)
LUNCH_IN_ASIA = datetime(2026, 11, 23, 4, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def situation(home: Home, at: datetime, busy: Iterable[str] = ()) -> Situation:
    return Situation(home, load_settings(home), at, ReportCatalog(home), frozenset(busy))


def decision(now: Situation, task: str = SP500.task) -> Decision:
    return next(one for one in decide(now) if one.task == task)


def told(home: Home, at: datetime, task: str = SP500.task) -> tuple[bool, str]:
    found = decision(situation(home, at), task)
    return found.starts, found.why


def test_a_home_without_a_run_is_looked_at_at_once_where_its_markets_are_closed(home: Home) -> None:
    assert decide(situation(home, SATURDAY)) == [
        Decision(task, starts=True, why="never refreshed")
        for task in (*CONSTITUENT_TASKS, MARKET_EVENTS)
    ]


def test_a_fresh_list_is_left_alone_and_an_old_one_is_not(home: Home) -> None:
    refreshed(home, SATURDAY, "sp500")
    limit = "at most 3 are allowed"
    assert told(home, SATURDAY + 2 * DAY) == (False, f"refreshed 2.0 days ago, {limit}")
    assert told(home, SATURDAY + 3.5 * DAY) == (True, f"refreshed 3.5 days ago, {limit}")
    configure(home, "[indices.sp500]\nmax_age_days = 0.5\n")
    assert told(home, SATURDAY + DAY)[1] == "refreshed 1.0 days ago, at most 0.5 are allowed"


@pytest.mark.parametrize(
    ("at", "task", "why"),
    [
        (MONDAY, SP500.task, "New York is open until 21:00 UTC"),
        (MONDAY, MARKET_EVENTS, "New York is open until 21:00 UTC"),
        (LUNCH_IN_ASIA, STI.task, "Singapore is at lunch until 05:00 UTC"),
        (LUNCH_IN_ASIA, HSI.task, "Hong Kong is at lunch until 05:00 UTC"),
        (LUNCH_IN_ASIA, MARKET_EVENTS, "Singapore is at lunch until 05:00 UTC"),
        (
            datetime(2060, 6, 16, 2, tzinfo=UTC),
            STI.task,
            "could not tell whether Singapore is open; treated as open",
        ),
    ],
)
def test_nothing_is_started_while_its_market_is_or_may_be_open(
    home: Home, at: datetime, task: str, why: str
) -> None:
    assert told(home, at, task) == (False, f"never refreshed; {why}")


@pytest.mark.parametrize(
    ("at", "task"),
    [
        (MONDAY, STI.task),
        (LUNCH_IN_ASIA, SP500.task),
        (THANKSGIVING, SP500.task),
        (THANKSGIVING, MARKET_EVENTS),
        # The day after it New York closes at 18:00 UTC; Hong Kong has National Day.
        (datetime(2026, 11, 27, 18, 30, tzinfo=UTC), SP500.task),
        (datetime(2026, 10, 1, 2, 30, tzinfo=UTC), HSI.task),
    ],
)
def test_a_holiday_a_half_day_and_another_market_s_session_hold_nothing_up(
    home: Home, at: datetime, task: str
) -> None:
    assert told(home, at, task) == (True, "never refreshed")


def test_a_closure_of_the_operator_s_counts(home: Home) -> None:
    before = told(home, MONDAY), told(home, MONDAY, MARKET_EVENTS)
    assert before == ((False, "never refreshed; New York is open until 21:00 UTC"),) * 2
    closed = Closure(XNYS, MONDAY.date(), None, "Mourning", "ada", "the exchange says so")
    closures.add(home, load_settings(home), closed, SATURDAY)
    assert told(home, MONDAY) == (True, "never refreshed")
    assert told(home, MONDAY, MARKET_EVENTS) == (True, "never refreshed")


def test_a_run_at_work_is_not_joined_by_another(home: Home) -> None:
    now = situation(home, SATURDAY, busy=[STI.task])
    assert decision(now, STI.task).why == "never refreshed; a run of it is in progress"
    assert decision(now, HSI.task).starts


def test_a_dry_run_that_waits_is_not_made_again_until_it_expires_or_is_applied(home: Home) -> None:
    waiting = dry_run(home, {"sp500": companies("sp500")}, SATURDAY)
    why = f"never refreshed; the dry run {waiting} passed and waits to be applied"
    assert told(home, SATURDAY + 23 * HOUR) == (False, why)
    assert told(home, SATURDAY + 33 * HOUR) == (True, "never refreshed")
    applied(home, waiting, SATURDAY + 23 * HOUR)
    assert told(home, SATURDAY + 33 * HOUR)[1].startswith("refreshed 0.4 days ago")


def test_a_dry_run_without_a_change_waits_until_it_is_confirmed(home: Home) -> None:
    members = refreshed(home, SATURDAY, "sp500")
    at = SATURDAY + 4 * DAY
    same = dry_run(home, members, at)
    assert f"the dry run {same} passed and waits" in told(home, at + 7 * HOUR)[1]
    configure(home, "[indices.sp500]\nmax_age_days = 0.25\n")
    applied(home, same, at + HOUR)
    # It is still promotable, being what lies there, but nothing waits for anybody.
    assert told(home, at + 8 * HOUR) == (True, "refreshed 0.3 days ago, at most 0.25 are allowed")


def test_a_dry_run_that_failed_its_audit_does_not_wait(home: Home) -> None:
    refreshed(home, SATURDAY - 9 * DAY, "sp500")
    failed = dry_run(home, {"sp500": companies("sp500")[:300]}, SATURDAY)
    why = f"the last attempt, {failed}, is 2.0 h old, and [automation] retry_hours is 6"
    assert told(home, SATURDAY + 2 * HOUR)[1].endswith(why)
    assert told(home, SATURDAY + 6 * HOUR)[0]


def preview_of_a_restore(home: Home, at: datetime) -> None:
    report_id = ended(home, at, SP500.task, became=TaskStatus.SUCCESS)
    path = home.reports / f"{report_id.removeprefix('maintenance_')}.json"
    source = "data/backups/constituents/20261101_000000/sp500_constituents.csv"
    text = path.read_text().replace('"source": null', f'"source": "{source}"')
    path.write_text(text.replace('"proposal_id": null', f'"proposal_id": "{report_id}_sp500"'))


def test_a_preview_of_a_restore_is_no_attempt_to_fetch(home: Home) -> None:
    preview_of_a_restore(home, SATURDAY)
    assert told(home, SATURDAY + HOUR) == (True, "never refreshed")


def test_a_preview_of_a_restore_does_not_hide_what_waits(home: Home) -> None:
    waiting = dry_run(home, {"sp500": companies("sp500")}, SATURDAY)
    preview_of_a_restore(home, SATURDAY + HOUR)
    assert f"the dry run {waiting} passed" in told(home, SATURDAY + 2 * HOUR)[1]


@pytest.mark.parametrize("status", [TaskStatus.FAILED, TaskStatus.SKIPPED])
def test_an_attempt_is_not_repeated_before_its_time_however_it_ended(
    home: Home, status: TaskStatus
) -> None:
    # Skipped is what is told of a run that died before it could begin.
    attempt = ended(home, SATURDAY, STI.task, became=status, entry_point="cli")
    why = f"the last attempt, {attempt}, is 5.9 h old, and [automation] retry_hours is 6"
    assert told(home, SATURDAY + 5.9 * HOUR, STI.task) == (False, f"never refreshed; {why}")
    assert told(home, SATURDAY + 6 * HOUR, STI.task)[0]
    configure(home, "[automation]\nretry_hours = 12\n")
    assert not told(home, SATURDAY + 6 * HOUR, STI.task)[0]


def test_a_run_that_could_leave_no_report_is_an_attempt_too(home: Home) -> None:
    begun = {STI.task: SATURDAY - HOUR / 2}
    now = replace(situation(home, SATURDAY), begun=begun)
    why = "a run without a report started 0.5 h ago, and [automation] retry_hours is 6"
    assert decision(now, STI.task).why == f"never refreshed; {why}"
    later = replace(situation(home, SATURDAY + 6 * HOUR), begun=begun)
    assert decision(later, STI.task).starts


def test_a_refused_promotion_is_no_attempt_to_fetch(home: Home) -> None:
    refused = ended(home, SATURDAY, STI.task)
    path = home.reports / f"{refused.removeprefix('maintenance_')}.json"
    path.write_text(path.read_text().replace('"refusal": null', '"refusal": "stale"'))
    assert told(home, SATURDAY + HOUR, STI.task)[0]


def test_attempts_of_a_clock_that_was_ahead_neither_hold_back_nor_hide_those_of_now(
    home: Home,
) -> None:
    ahead = SATURDAY + 300 * DAY
    dry_run(home, {"sti": companies("sti")}, ahead)
    ended(home, ahead, HSI.task)
    assert [told(home, SATURDAY, one.task)[0] for one in (STI, HSI)] == [True, True]
    # Once tried with the right clock, both are left alone as ever.
    waits = dry_run(home, {"sti": companies("sti")}, SATURDAY)
    failed = ended(home, SATURDAY, HSI.task)
    assert f"the dry run {waits} passed" in told(home, SATURDAY + HOUR, STI.task)[1]
    assert f"the last attempt, {failed}, is 1.0 h old" in told(home, SATURDAY + HOUR, HSI.task)[1]


def test_a_refresh_of_a_clock_that_was_ahead_makes_nothing_fresh(home: Home) -> None:
    refreshed(home, SATURDAY + 300 * DAY, "sti")
    starts, why = told(home, SATURDAY, STI.task)
    assert starts
    assert why.endswith("is dated in the future: check the clock)")
    listed = {"sti": companies("sti")}
    applied(home, dry_run(home, listed, SATURDAY), SATURDAY + HOUR)
    assert told(home, SATURDAY + 2 * HOUR, STI.task)[1].startswith("refreshed 0.0 days ago")


def test_a_clock_that_is_a_little_behind_changes_nothing(home: Home) -> None:
    attempt = ended(home, SATURDAY + timedelta(minutes=3), STI.task)
    assert f"the last attempt, {attempt}, is 0.0 h old" in told(home, SATURDAY, STI.task)[1]


def test_events_are_looked_at_once_a_day_for_a_dry_run_cannot_be_applied(home: Home) -> None:
    synced(home, SATURDAY - 4 * DAY, dry_run=False)
    assert told(home, SATURDAY, MARKET_EVENTS)[0]
    looked = synced(home, SATURDAY, dry_run=True)
    why = f"the dry run {looked} shows what refresh_market_events would store"
    assert told(home, SATURDAY + 15 * HOUR, MARKET_EVENTS)[1].endswith(why)
    assert told(home, SATURDAY + 27 * HOUR, MARKET_EVENTS)[0]
    synced(home, SATURDAY + 16 * HOUR, dry_run=False)
    assert told(home, SATURDAY + 27 * HOUR, MARKET_EVENTS)[1].startswith("refreshed 0.5 days ago")


def test_each_list_has_its_own_decision(home: Home) -> None:
    refreshed(home, SATURDAY, "sti")
    waiting = dry_run(home, {"hsi": with_one(HSI, name="Renamed Ltd")}, SATURDAY)
    found = {one.task: (one.starts, one.why) for one in decide(situation(home, SATURDAY + HOUR))}
    assert found == {
        SP500.task: (True, "never refreshed"),
        STI.task: (False, "refreshed 0.0 days ago, at most 3 are allowed"),
        HSI.task: (
            False,
            f"never refreshed; the dry run {waiting} passed and waits to be applied",
        ),
        MARKET_EVENTS: (True, "never refreshed"),
    }


def test_a_report_that_was_damaged_or_removed_is_no_obstacle(home: Home) -> None:
    waiting = dry_run(home, {"sti": with_strangers(STI, 1)}, SATURDAY)
    path = home.reports / f"{waiting.removeprefix('maintenance_')}.json"
    path.write_bytes(b"{")
    assert told(home, SATURDAY + 7 * HOUR, STI.task) == (True, "never refreshed")
    path.unlink()
    assert told(home, SATURDAY + 7 * HOUR, STI.task) == (True, "never refreshed")
