"""`run --task market_events`: look, store, look again, and what fails is never "no events"."""

import json
import sqlite3
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tws_maintenance.audit.receipt import read_receipt
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES
from tws_maintenance.config.settings import load_settings
from tws_maintenance.config.venues import SATURDAY, XNYS
from tws_maintenance.core.clock import utc_now
from tws_maintenance.demo.events import calendar_events, fomc_page, this_year
from tws_maintenance.demo.server import PageServer
from tws_maintenance.market_events.providers.calendars import days_of, is_closed_day
from tws_maintenance.operations.notices.incidents import find_incidents
from tws_maintenance.reports.catalog import ReportCatalog
from tws_maintenance.reports.status import HomeStatus, overview
from tws_maintenance_tests.cli.conftest import Command, preparing
from tws_maintenance_tests.support import copy_home, reports_of

TASK = ("--task", "market_events")
APPLY = (*TASK, "--apply", "--symbol", "AAPL", "--symbol", "MSFT")


def in_days(days: int) -> date:
    return utc_now().astimezone(ZoneInfo("America/New_York")).date() + timedelta(days=days)


def session_in(days: int) -> date:
    """Return the first day, in so many days or later, on which New York has a session."""
    day = in_days(days)
    while is_closed_day(XNYS, day):
        day += timedelta(days=1)
    return day


@pytest.fixture
def yahoo(server: PageServer) -> PageServer:
    """Two symbols with earnings in a week, one of them with a dividend too."""
    return with_dates(server)


def with_dates(server: PageServer) -> PageServer:
    server.symbols["AAPL"] = (200, calendar_events([in_days(7)], ex_dividend=in_days(9)))
    server.symbols["MSFT"] = (200, calendar_events([in_days(7)]))
    return server


@pytest.fixture(scope="module")
def applied_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home that has stored the events of both."""
    home = Home(tmp_path_factory.mktemp("applied") / "home")
    with preparing(home) as (command, server):
        with_dates(server)
        done = command("run", *APPLY)
    assert done.exit_code == 0, done.output
    return home


@pytest.fixture
def applied(applied_home: Home, home: Home) -> Home:
    """`home` as a copy of that one."""
    copy_home(applied_home, home)
    return home


def result_of(home: Home) -> dict[str, Any]:
    result: dict[str, Any] = reports_of(home)[-1]["results"][0]
    return result


def stored(home: Home) -> dict[tuple[str, str], tuple[str, str]]:
    """Return {(type, symbol): (day, status)} of a company's events, read as the robot would."""
    with sqlite3.connect(home.market_events) as connection:
        rows = connection.execute(
            "SELECT event_type, symbol, event_date, status FROM market_events "
            "WHERE symbol IS NOT NULL"
        ).fetchall()
    connection.close()
    return {(kind, symbol): (day, status) for kind, symbol, day, status in rows}


def rows_of(home: Home) -> list[tuple[str, ...]]:
    """Return everything that is stored of companies' events, but when it was last seen."""
    with sqlite3.connect(home.market_events) as connection:
        rows = connection.execute(
            "SELECT event_id, event_date, title, confidence, status, detail_json, updated_at "
            "FROM market_events WHERE symbol IS NOT NULL ORDER BY event_id"
        ).fetchall()
    connection.close()
    return rows


def overview_of(home: Home) -> HomeStatus:
    return overview(home, load_settings(home), utc_now(), ReportCatalog(home))


def incidents(home: Home) -> list[tuple[str, str]]:
    """Return {kind, subject} of the notices, but those of the lists that this home lacks."""
    found = find_incidents(home, load_settings(home), utc_now(), ReportCatalog(home))
    return [
        (one.kind, one.subject)
        for one in found
        if not any(one.subject.startswith(index.name) for index in INDICES.values())
    ]


def test_a_look_stores_nothing_and_names_the_command_that_would(
    command: Command, home: Home, yahoo: PageServer
) -> None:
    done = command("run", *TASK, "--symbol", "AAPL", "--days", "20")
    assert done.exit_code == 0, done.output
    assert done.output.startswith("Dry run completed. Nothing was stored.")
    assert f"new      {in_days(9)} AAPL ex-dividend" in done.output
    assert (
        "python -m tws_maintenance run --apply --task market_events --symbol AAPL --days 20"
    ) in done.output
    assert not home.market_events.exists()
    result = result_of(home)
    assert list(result)[:15] == [
        *("task", "status", "dry_run", "source", "started_at", "finished_at"),
        *("duration_seconds", "before_count", "after_count", "added", "removed"),
        *("validation", "warnings", "errors", "providers"),
    ]
    assert result["added"] == ["AAPL"]
    assert result["symbols"] == {
        "AAPL": {"from": ["--symbol"], "is_portfolio_relevant": False, "outcome": "ok"}
    }
    assert result["window"]["days"] == 20
    assert set(yahoo.asked) >= {"/monetarypolicy/fomccalendars.htm"}
    refused = command("promote", reports_of(home)[-1]["report_id"])
    assert (refused.exit_code, "run --task market_events --apply" in refused.output) == (2, True)


def test_an_apply_stores_and_the_next_one_finds_nothing_to_change(
    command: Command, applied: Home, yahoo: PageServer
) -> None:
    home = applied
    day, ex = str(in_days(7)), str(in_days(9))
    assert stored(home) == {
        ("EARNINGS", "AAPL"): (day, "active"),
        ("DIVIDEND", "AAPL"): (ex, "active"),
        ("EARNINGS", "MSFT"): (day, "active"),
    }
    second = command("run", *APPLY)
    assert "Apply completed. Events: nothing to change." in second.output
    assert {
        kind: len(events) for kind, events in result_of(home)["diff"].items() if kind != "unchanged"
    } == {"new": 0, "changed": 0, "stale": 0}

    yahoo.symbols["MSFT"] = (200, calendar_events([in_days(10)]))
    moved = command("run", *APPLY)
    assert "Events stored: 1 changed." in moved.output
    assert f"MSFT event_date: {day} → {in_days(10)}" in moved.output
    assert stored(home)["EARNINGS", "MSFT"] == (str(in_days(10)), "updated")
    diff = result_of(home)["diff"]["changed"]
    assert [(one["symbol"], one["date"]) for one in diff] == [("MSFT", str(in_days(10)))]


def test_a_failed_symbol_and_a_failed_provider_keep_their_events_and_are_named(
    command: Command, applied: Home, yahoo: PageServer
) -> None:
    home = applied
    before = stored(home)
    yahoo.symbols["MSFT"] = (403, b"Forbidden")
    del yahoo.pages["fomc"]
    done = command("run", *APPLY)
    assert done.exit_code == 3
    assert "Failed: Yahoo Finance (in part), Federal Reserve." in done.output
    assert stored(home) == before
    report = reports_of(home)[-1]
    result = report["results"][0]
    assert (report["status"], result["status"]) == ("partial_failure", "partial_failure")
    states = {one["provider"]: one["status"] for one in result["providers"]}
    assert states == {
        "yahoo": "partial_failure",
        "federal_reserve": "failed",
        "exchange_calendars": "success",
    }
    outcomes = {symbol: one["outcome"] for symbol, one in result["symbols"].items()}
    assert outcomes == {"AAPL": "ok", "MSFT": "refused"}
    assert any("MSFT" in text for text in report["errors"])
    assert command("status", "--check").exit_code == 1


@pytest.mark.usefixtures("yahoo")
def test_an_unreadable_watchlist_is_a_failure_beside_what_is_stored(
    command: Command, home: Home
) -> None:
    home.data.mkdir()
    home.watchlist.write_bytes(b"\xff\xfe\x00bad")
    done = command("run", *APPLY)
    assert done.exit_code == 3
    assert "Failed: Yahoo Finance (in part)." in done.output
    assert any("watchlist.csv" in text for text in reports_of(home)[-1]["errors"])
    assert ("EARNINGS", "AAPL") in stored(home)


def test_what_was_confirmed_and_disappears_stays_with_a_warning(
    command: Command, home: Home, yahoo: PageServer
) -> None:
    day = session_in(5)
    yahoo.symbols["MSFT"] = (200, calendar_events([day]))
    assert command("run", *APPLY).exit_code == 0
    yahoo.symbols["MSFT"] = (200, calendar_events([day - timedelta(days=91)]))
    done = command("run", *APPLY)
    assert done.exit_code == 0
    named = f"MSFT earnings, after close on {day} was confirmed but is no longer listed; kept"
    assert any(named in text for text in result_of(home)["warnings"])
    assert stored(home)["EARNINGS", "MSFT"] == (str(day), "active")
    since = utc_now().astimezone(ZoneInfo("America/New_York"))
    flag = f"MSFT earnings, after close (unconfirmed since {since.day} {since:%b})"
    assert flag in command("events", "list").output


def test_a_near_event_of_a_watched_symbol_that_moves_is_shown_wherever_events_are(
    command: Command, home: Home, yahoo: PageServer
) -> None:
    """The ex-dividend date falls on a Sunday, which is a warning of its own."""
    day, later = session_in(5), session_in(12)
    sunday = in_days(7 + (6 - in_days(0).weekday()) % 7)
    yahoo.symbols["AAPL"] = (200, calendar_events([day], ex_dividend=sunday))
    assert command("watchlist", "add", "AAPL").exit_code == 0
    assert command("run", *TASK, "--apply").exit_code == 0
    closed = f"AAPL ex-dividend on {sunday}: New York is closed that Sunday"
    assert any(closed in text for text in result_of(home)["warnings"])

    yahoo.symbols["AAPL"] = (200, calendar_events([later], ex_dividend=sunday))
    text = f"AAPL earnings moved from {day} to {later}"
    seen = command("run", *TASK)
    assert f"warning  {text}" in seen.output
    assert incidents(home) == [("event_moved", text)]
    assert command("run", *TASK, "--apply").exit_code == 0
    assert [one["text"] for one in result_of(home)["moved"]] == [text]
    assert incidents(home) == [("event_moved", text)], "one, for the look and the apply"
    assert f"Warning: {text}" in command("events", "list").output
    assert overview_of(home).market_events.moved == [text]


WATCHED = tuple(f"W{chr(ord('A') + n)}" for n in range(12))


def test_an_emptied_yahoo_undoes_nothing_and_is_one_notice(
    command: Command, home: Home, yahoo: PageServer
) -> None:
    days = [in_days(3 + n) for n in range(12)]
    for symbol, day in zip(WATCHED, days, strict=True):
        yahoo.symbols[symbol] = (200, calendar_events([day]))
    assert command("watchlist", "add", *WATCHED).exit_code == 0
    assert command("run", *TASK, "--apply").exit_code == 0
    before = rows_of(home)
    assert len(before) == 12

    no_dates = calendar_events()
    no_node = calendar_events(None, ex_dividend=in_days(-30))
    for emptied, told in (
        (no_dates, "12 of 12 events to come are no longer listed: WA earnings"),
        (no_node, "answer lacks earnings, expected because an event is stored (WA, "),
    ):
        for symbol in WATCHED:
            yahoo.symbols[symbol] = (200, emptied)
        done = command("run", *TASK, "--apply")
        assert done.exit_code == 3, done.output
        assert any(told in text for text in reports_of(home)[-1]["errors"])
        assert rows_of(home) == before
        assert [kind for kind, _ in incidents(home)] == ["failed"]
        assert command("status", "--check").exit_code == 1


@pytest.mark.usefixtures("yahoo")
def test_an_unknown_symbol_alone_is_a_warning_and_an_override_is_named_in_the_next_command(
    command: Command, home: Home
) -> None:
    allowed = ("--allow-large-change", "--reason", "it's true")
    done = command("run", *TASK, "--symbol", "AAPL", "--symbol", "NOSUCH", *allowed)
    assert done.exit_code == 0, done.output
    result = result_of(home)
    assert result["status"] == "success"
    assert any("NOSUCH" in text for text in result["warnings"])
    assert "--allow-large-change --reason 'it'\"'\"'s true'" in done.output
    assert reports_of(home)[-1]["overrides"] == {"allow_large_change": True}
    receipt = read_receipt(home, result["proposal_id"])
    assert (receipt.allow_large_change, receipt.reason) == (True, "it's true")


def test_a_page_with_a_meeting_less_is_a_failure_and_no_empty_calendar(
    command: Command, applied: Home, yahoo: PageServer
) -> None:
    page = fomc_page([this_year(), this_year() + 1])
    start = page.index(b'<div class="row fomc-meeting">')
    yahoo.pages["fomc"] = page[:start] + page[page.index(b"</div></div>", start) + 12 :]
    done = command("run", *APPLY)
    assert done.exit_code == 3
    assert "Federal Reserve: " in done.output
    with sqlite3.connect(applied.market_events) as connection:
        found = connection.execute(
            "SELECT count(*) FROM market_events WHERE status = 'stale'"
        ).fetchone()
    connection.close()
    assert found == (0,)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((*TASK, "--symbol", "not a symbol!"), "is not a symbol of a known market"),
        ((*TASK, "--symbol", "5"), "Did you mean 0005.HK?"),
        ((*TASK, "--symbol", "BTC-USD"), "is not a symbol of a known market"),
        ((*TASK, "--days", "0"), "0 is not in the range 1<=x<=365"),
        ((*TASK, "--days", "366"), "366 is not in the range 1<=x<=365"),
        (("--task", "constituents", "--symbol", "AAPL"), "need the task market_events"),
        (("--task", "sti_constituents", "--days", "5"), "need the task market_events"),
    ],
)
def test_a_misuse_is_told_before_anything_begins(
    command: Command, home: Home, arguments: tuple[str, ...], told: str
) -> None:
    done = command("run", *arguments)
    assert (done.exit_code, told in done.output) == (2, True), done.output
    assert list(home.root.iterdir()) == []


@pytest.mark.usefixtures("yahoo")
def test_too_many_symbols_are_refused_with_the_way_out(command: Command, home: Home) -> None:
    (home.root / "maintenance.toml").write_text(
        '[events]\nmax_symbols = 1\npositions = ["AAPL"]\nstrategies = {momentum = ["MSFT"]}\n'
    )
    refused = command("run", *TASK)
    assert (refused.exit_code, "--many-symbols" in refused.output) == (2, True)
    done = command("run", *TASK, "--many-symbols")
    assert done.exit_code == 0, done.output
    symbols = result_of(home)["symbols"]
    assert {symbol: one["from"] for symbol, one in symbols.items()} == {
        "AAPL": ["positions"],
        "MSFT": ["strategy momentum"],
    }
    assert {one["is_portfolio_relevant"] for one in symbols.values()} == {True}


def test_a_run_says_what_the_packages_know_of_a_closure_and_leaves_it(
    command: Command, home: Home, yahoo: PageServer
) -> None:
    """Both packages have the next holiday; of the day of an operator's own they know nothing."""
    assert yahoo.symbols
    holidays = [one for one in map(in_days, range(1, 366)) if is_closed_day(XNYS, one)]
    known = next(one for one in holidays if one.weekday() < SATURDAY)
    own = next(
        one
        for one in map(in_days, range(1, 366))
        if one.weekday() < SATURDAY and one not in (days_of(XNYS, one.year) or {})
    )
    for day in (known, own):
        named = ("--type", "holiday", "--venue", "XNYS", "--date", str(day))
        said = ("--title", "Mourning", "--reason", "the exchange says so")
        assert command("events", "add", *named, *said).exit_code == 0
    done = command("run", *APPLY, "--days", "365")
    assert done.exit_code == 0, done.output
    told = [one for one in result_of(home)["warnings"] if "'New York closed: Mourning'" in one]
    assert len(told) == 1
    assert told[0].startswith(f"{known} 'New York closed: Mourning' (added by ")
    assert "confirmed, holidays and exchange_calendars have 'New York closed: " in told[0]
    assert told[0] in done.output
    listed = json.loads(command("events", "list", "--days", "365", "--json").stdout)
    own_events = [one for one in listed["events"] if one["source"] == "operator"]
    assert [(one["event_date"], one["status"]) for one in own_events] == sorted(
        (str(day), "active") for day in (known, own)
    )
    assert told[0] in listed["last_sync"]["warnings"]
