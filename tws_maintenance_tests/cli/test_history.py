"""`history` on any day: before the first promotion by announced changes, after it by promotions."""

import csv
import io
import json
from datetime import date, timedelta
from typing import Any

import pandas as pd
import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES
from tws_maintenance.constituents.history import Stay, read_history, settled, to_csv
from tws_maintenance.core.clock import utc_now
from tws_maintenance.demo.announced import Change, changes_page
from tws_maintenance.demo.pages import Company
from tws_maintenance.demo.server import PageServer
from tws_maintenance_tests.cli.conftest import Command
from tws_maintenance_tests.constituents.test_history import rows

SP500 = INDICES["sp500"]
TASK = SP500.task
BEGUN = date(2026, 5, 10)
NEW, OLD = Company("NEW", "New Gate Inc."), Company("OLD", "Old Mill Corp.")
FACEBOOK, TELLER = Company("FB", "Facebook"), Company("TER", "Teller Group")
PAGE = changes_page(
    [
        Change("March 23, 2026", NEW, OLD),
        Change("December 23, 2013", FACEBOOK, TELLER),
    ]
)


@pytest.fixture
def began(home: Home, server: PageServer) -> Home:
    """A home whose first list was published on `BEGUN`, and whose changes are announced."""
    server.pages["sp500_changes"] = PAGE
    home.settings_file.write_text("[indices.sp500]\nmin_rows = 1\n")
    home.history.mkdir(parents=True)
    history = settled([], [], rows("A", META="Meta Platforms", NEW=NEW.name), "report-1", BEGUN)
    home.membership_file("sp500").write_bytes(to_csv(history))
    return home


def value_of(command: Command, *arguments: str) -> dict[str, Any]:
    done = command("history", TASK, *arguments, "--json")
    assert done.exit_code == 0, done.output
    value: dict[str, Any] = json.loads(done.stdout)
    return value


def members_on(command: Command, day: str) -> list[str] | None:
    members = value_of(command, "--on", day)["members"]
    return members and [one["symbol"] for one in members]


def test_a_dry_run_shows_how_far_back_it_gets_and_writes_nothing(
    command: Command, began: Home, server: PageServer
) -> None:
    before = began.membership_file("sp500").read_bytes()
    done = command("history", TASK, "--backfill")
    assert done.exit_code == 0, done.output
    assert "members known from 2013-12-23 to the first promotion on 2026-05-10" in done.output
    assert "4 announced changes and 1 change of ticker, 6 rows" in done.output
    assert done.output.endswith(f"  python -m tws_maintenance history {TASK} --backfill --apply\n")
    assert began.membership_file("sp500").read_bytes() == before
    assert [path for path in server.asked if "components" in path] == server.asked
    assert len(server.asked) == 1


def test_what_was_applied_answers_for_the_days_before_and_promotions_for_those_after(
    command: Command, began: Home
) -> None:
    assert members_on(command, "2020-01-01") is None
    unknown = command("history", TASK, "--on", "2020-01-01").output
    assert "recording started with the first promotion, on 2026-05-10" in unknown
    assert f"history {TASK} --backfill" in unknown
    done = command("history", TASK, "--backfill", "--apply")
    assert "Written to data/history/sp500_membership.csv: 6 rows." in done.output
    assert members_on(command, "2020-01-01") == ["A", "FB", "OLD"]
    assert members_on(command, "2026-03-23") == ["A", "META", "NEW"]
    assert members_on(command, "2026-05-10") == ["A", "META", "NEW"]
    assert members_on(command, "2013-12-22") is None
    unknown = command("history", TASK, "--on", "2013-12-22").output
    assert "announced changes reach back only to 2013-12-23" in unknown
    again = command("history", TASK, "--backfill", "--apply")
    assert "has these rows already; nothing was written" in again.output
    sources = {one.symbol: one.source for one in read_history(began, SP500) if one.to_date == ""}
    assert set(sources.values()) == {"promotion"}


def test_a_page_that_lost_changes_takes_nothing_from_what_is_known(
    command: Command, began: Home, server: PageServer
) -> None:
    command("history", TASK, "--backfill", "--apply")
    before = began.membership_file("sp500").read_bytes()
    server.pages["sp500_changes"] = changes_page([Change("March 23, 2026", NEW, OLD)])
    told = "already reaches back to 2013-12-23, but this walk reaches only to 2026-03-23"
    assert told in command("history", TASK, "--backfill").output
    done = command("history", TASK, "--backfill", "--apply")
    assert done.exit_code == 2
    assert told in done.stderr
    assert began.membership_file("sp500").read_bytes() == before


@pytest.mark.usefixtures("began")
def test_a_walk_over_no_change_says_so_where_the_history_reaches_back(
    command: Command, server: PageServer
) -> None:
    command("history", TASK, "--backfill", "--apply")
    stranger = Company("ZZZZ", "Nobody Inc.", "Energy", "Oil & Gas")
    server.pages["sp500_changes"] = changes_page([Change("March 23, 2026", stranger, OLD)])
    told = "already reaches back to 2013-12-23, but this walk covers no change: the page"
    assert told in command("history", TASK, "--backfill").output


def test_the_members_say_where_each_row_comes_from(command: Command, began: Home) -> None:
    command("history", TASK, "--backfill", "--apply")
    before = command("history", TASK, "--on", "2020-01-01").output
    assert "earlier, unknown" in before
    assert "announced" in before
    assert "3 members on 2020-01-01" in before
    assert "report-1" in command("history", TASK, "--on", "2026-05-10").output
    began.live_file("sp500").write_text("symbol,security,sector,sub_industry\nA,A Company,,\n")
    told = command("explain", TASK, "FB").output
    assert "FB (Meta Platforms) is not a member of S&P 500" in told
    assert "joined on 2013-12-23, as announced: Market capitalization change." in told
    assert "left on 2022-06-09, as announced: FB changed its ticker to META" in told


@pytest.mark.usefixtures("began")
def test_who_came_and_went_between_two_days(command: Command) -> None:
    assert value_of(command, "--between", "2013-12-23", "2026-05-10")["changes"] is None
    command("history", TASK, "--backfill", "--apply")
    value = value_of(command, "--between", "2013-12-23", "2026-11-01")
    assert (value["after"], value["until"]) == ("2013-12-23", "2026-11-01")
    told = [(one["day"], one["kind"], one["symbol"], one["reason"]) for one in value["changes"]]
    assert told == [
        ("2022-06-09", "renamed", "META", "FB changed its ticker to META"),
        ("2026-03-23", "added", "NEW", "Market capitalization change."),
        ("2026-03-23", "removed", "OLD", "Market capitalization change."),
    ]
    printed = command("history", TASK, "--between", "2022-06-08", "2022-06-09").output
    assert "FB → META" in printed
    quiet = command("history", TASK, "--between", "2023-01-01", "2024-01-01").output
    assert quiet == "Nobody joined or left after 2023-01-01, up to 2024-01-01.\n"


@pytest.mark.usefixtures("began")
def test_a_back_test_reads_the_table_of_days_with_pandas(command: Command) -> None:
    command("history", TASK, "--backfill", "--apply")
    done = command("history", TASK, "--between", "2022-06-01", "2026-05-10", "--csv")
    table = pd.read_csv(io.StringIO(done.stdout), index_col="date", parse_dates=True)
    assert list(table.columns) == ["A", "FB", "META", "NEW", "OLD"]
    assert len(table) == 3
    sessions = pd.DatetimeIndex(["2022-06-08", "2022-06-09", "2026-03-20", "2026-03-23"])
    members = table.reindex(sessions, method="ffill").astype(bool)
    assert members["META"].tolist() == [False, True, True, True]
    assert members["OLD"].tolist() == [True, True, True, False]


def test_members_and_stays_as_csv(command: Command, began: Home) -> None:
    command("history", TASK, "--backfill", "--apply")
    on = command("history", TASK, "--on", "2020-01-01", "--csv").stdout
    assert [one["symbol"] for one in csv.DictReader(io.StringIO(on))] == ["A", "FB", "OLD"]
    every = command("history", TASK, "--csv").stdout
    assert every.encode() == began.membership_file("sp500").read_bytes()
    unknown = command("history", TASK, "--on", "2010-01-01", "--csv")
    assert (unknown.exit_code, unknown.stdout) == (1, "")
    assert "are unknown: " in unknown.stderr


def test_a_contradiction_is_shown_with_what_to_do(
    command: Command, began: Home, server: PageServer
) -> None:
    strange = Change("September 20, 2021", Company("CERI", "Ceridian"), TELLER)
    newest = Change("March 23, 2026", NEW, OLD)
    server.pages["sp500_changes"] = changes_page([newest, strange])
    done = command("history", TASK, "--backfill")
    assert "members known from 2026-03-23" in done.output
    assert "stopped at the changes of 2021-09-20: CERI (Ceridian) joined" in done.output
    assert 'renamed = ["DAY FORMER NEW"]' in done.output
    settings = '[indices.sp500]\nmin_rows = 1\nrenamed = ["2024-02-01 CERI A"]\n'
    began.settings_file.write_text(settings)
    value = value_of(command, "--backfill")
    assert (value["consistent_since"], value["stopped_at"]) == ("2021-09-20", None)
    assert (value["dry_run"], value["written"]) == (True, False)


def test_a_page_that_does_not_answer_is_an_error_and_no_empty_past(
    command: Command, began: Home, server: PageServer
) -> None:
    before = began.membership_file("sp500").read_bytes()
    server.pages["sp500_changes"] = b"<html><body><p>Moved.</p></body></html>"
    done = command("history", TASK, "--backfill", "--apply")
    assert done.exit_code == 1
    assert "announced changes of S&P 500 could not be read" in done.output
    assert began.membership_file("sp500").read_bytes() == before


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (TASK, f"python -m tws_maintenance run --task {TASK} --apply"),
        ("hsi_constituents", "only the newest reviews"),
        ("sti_constituents", "no announcements of its changes are known"),
    ],
)
def test_what_cannot_be_backfilled_is_refused_before_anything_is_asked(
    command: Command, server: PageServer, task: str, message: str
) -> None:
    done = command("history", task, "--backfill")
    assert (done.exit_code, message in done.output) == (2, True)
    assert server.asked == []


TOMORROW = (utc_now().date() + timedelta(days=2)).isoformat()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--on", "2020-01-01", "--between", "2020-01-01", "2020-02-01"),
            "cannot be used together",
        ),
        (("--on", "2020-01-01", "--backfill"), "--on and --backfill cannot be used together"),
        (("--between", "2020-02-01", "2020-01-01"), "2020-02-01 is after 2020-01-01"),
        (("--between", "2020-02-01", TOMORROW), f"{TOMORROW} is in the future; --between"),
        (("--on", TOMORROW), "is in the future; --on"),
        (("--apply",), "--apply needs --backfill"),
        (("--csv", "--json"), "--csv and --json cannot be used together"),
        (("--csv", "--backfill"), "--csv and --backfill cannot be used together"),
        (("--between", "2020-02-01"), "requires 2 arguments"),
    ],
)
def test_what_contradicts_itself_is_a_usage_error(
    command: Command, arguments: tuple[str, ...], message: str
) -> None:
    done = command("history", TASK, *arguments)
    assert (done.exit_code, message in done.output) == (2, True), done.output


def test_one_who_was_in_the_file_before_the_first_promotion_is_listed_as_before(
    command: Command, home: Home
) -> None:
    home.history.mkdir(parents=True)
    stays = [Stay("A", "A Company", "", "", ""), Stay("B", "B Company", "2026-05-10", "", "r-1")]
    home.membership_file("sp500").write_bytes(to_csv(stays))
    done = command("history", TASK, "--on", "2020-01-01")
    assert "before the history" in done.output
    assert "The history begins on 2026-05-10" in done.stderr
