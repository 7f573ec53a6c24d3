"""Market events and the watchlist over the API of the standalone console."""

import html
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from icalendar import Calendar

from tws_maintenance.config.environment import operating_system_user
from tws_maintenance.config.settings import load_settings
from tws_maintenance.config.venues import SATURDAY, XNYS
from tws_maintenance.core.clock import utc_now, utc_text
from tws_maintenance.demo.events import calendar_events
from tws_maintenance.demo.server import PageServer
from tws_maintenance.market_events.model import EventType, Held, MoveJson, SyncLog, Unconfirmed
from tws_maintenance.market_events.providers.calendars import days_of
from tws_maintenance.market_events.store.event_store import EventStore
from tws_maintenance_tests.console.shapes import faults_of
from tws_maintenance_tests.console.support import API, ENOUGH, Console, error_of, report_of
from tws_maintenance_tests.support import reports_of, result_of

EVENTS = "/api/market-events"
WATCHLIST = "/api/watchlist"
CLOSURES = f"{EVENTS}/closures"


@pytest.fixture(scope="module")
def synced(shared_console: Console, web: PageServer) -> Console:
    """A console that has refreshed its events: AAPL reports in five days."""
    soon = utc_now().date() + timedelta(days=5)
    answer = calendar_events([soon], ex_dividend=soon + timedelta(days=2))
    web.symbols["AAPL"] = (200, answer)
    web.symbols["MSFT"] = (500, b"fault")
    body = {"symbols": ["AAPL"], "days": 40, "wait": ENOUGH}
    report = report_of(shared_console.post(f"{EVENTS}/refresh", body))
    assert (report["status"], report["dry_run"]) == ("completed", False)
    assert [one["task"] for one in report["results"]] == ["market_events"]
    assert result_of(report, "market_events")["symbols"]["AAPL"]["outcome"] == "ok"
    assert result_of(report, "market_events")["window"]["days"] == 40
    return shared_console


@pytest.fixture
def unwatched(console: Console) -> Iterator[Console]:
    """A console without a watchlist, before and after."""
    console.home.watchlist.unlink(missing_ok=True)
    yield console
    console.home.watchlist.unlink(missing_ok=True)


def test_the_events_to_come_are_listed_by_day_and_kind(synced: Console, console: Console) -> None:
    assert synced is console
    answer = console.json(f"{EVENTS}/upcoming", days=40)
    assert faults_of("Upcoming", answer) == []
    events = answer["events"]
    assert answer["count"] == len(events) > 2
    assert [one["event_date"] for one in events] == sorted(one["event_date"] for one in events)
    own = console.json(f"{EVENTS}/upcoming", days=40, symbol="AAPL")["events"]
    assert {one["event_type"] for one in own} == {"EARNINGS", "DIVIDEND"}
    (earnings,) = console.json(f"{EVENTS}/upcoming", type="EARNINGS")["events"]
    assert (earnings["symbol"], earnings["status"]) == ("AAPL", "active")
    assert console.json(f"{EVENTS}/upcoming", days=1, symbol="AAPL")["count"] == 0
    assert answer["last_sync"]["finished_at"] <= utc_text(utc_now())
    page = console.get("/maintenance/events", days=40, symbol="AAPL").text
    assert "AAPL" in page


def test_a_near_event_that_is_no_longer_listed_is_marked_and_on_the_card(
    synced: Console, console: Console
) -> None:
    assert synced is console
    now, text = utc_now(), "AAPL earnings moved <b>away</b>"
    move: MoveJson = {
        "kind": "moved",
        "event_type": "EARNINGS",
        "symbol": "AAPL",
        "before": "2026-12-01",
        "after": "2026-12-02",
        "text": text,
    }
    log = SyncLog("yahoo", "", now, now, now, now, "success", detail={"moved": [move]})
    with EventStore(console.home, load_settings(console.home)) as store:
        (one,) = [it for it in store.read() if it.event.event_type == EventType.EARNINGS]
        with store.transaction() as writer:
            writer.hold([Held(one, Unconfirmed(now, 1))])
            writer.log(log)
    day = now.astimezone(ZoneInfo("America/New_York")).date()
    page = console.get("/maintenance/events", symbol="AAPL").text
    assert f"unconfirmed since {day}" in page
    assert text not in page
    (earnings,) = console.json(f"{EVENTS}/upcoming", type="EARNINGS")["events"]
    assert earnings["unconfirmed_since"] == str(day)
    assert console.json(f"{API}/status")["market_events"]["moved"] == [text]
    assert "AAPL earnings moved &lt;b&gt;" in console.get("/maintenance").text


def test_the_calendar_holds_the_same(synced: Console, console: Console) -> None:
    assert synced is console
    calendar = Calendar.from_ical(console.get(f"{EVENTS}/calendar.ics").data)
    titles = [str(one["SUMMARY"]) for one in calendar.walk("VEVENT")]
    assert any("AAPL" in title for title in titles)


def test_each_sync_leaves_a_line_a_provider(synced: Console, console: Console) -> None:
    assert synced is console
    answer = console.json(f"{EVENTS}/sync-log", limit=200)
    assert faults_of("SyncLog", answer) == []
    assert answer["count"] == len(answer["logs"]) > 1
    assert {one["status"] for one in answer["logs"]} <= {"success", "ok", "completed"}
    first = console.json(f"{EVENTS}/sync-log", limit=1)["logs"]
    assert first == answer["logs"][:1]
    assert console.json(f"{EVENTS}/sync-log", limit=1, offset=1)["logs"] == answer["logs"][1:2]
    assert console.json(f"{EVENTS}/sync-log", offset=10_000)["logs"] == []


def test_a_refresh_asks_for_what_is_watched_and_says_what_failed(
    synced: Console, unwatched: Console, web: PageServer
) -> None:
    console = unwatched
    assert synced is console
    soon = utc_now().date() + timedelta(days=9)
    web.symbols["IBM"] = (200, calendar_events([soon]))
    console.post(WATCHLIST, {"symbol": "IBM"})
    body = {"symbols": ["AAPL", "MSFT"], "wait": ENOUGH}
    report = report_of(console.post(f"{EVENTS}/refresh", body))
    assert report["status"] == "partial_failure"
    symbols = result_of(report, "market_events")["symbols"]
    assert (symbols["AAPL"]["outcome"], symbols["MSFT"]["outcome"]) == ("ok", "unreachable")
    assert (symbols["IBM"]["from"], symbols["IBM"]["outcome"]) == (["watchlist"], "ok")
    status = console.json(f"{API}/status")["market_events"]
    assert status["status"] == "partial_failure"
    assert status["errors"] > 0
    assert console.json(f"{API}/badge")["isError"] is True


def test_symbols_are_watched_and_no_longer(unwatched: Console) -> None:
    added = unwatched.post(WATCHLIST, {"symbol": "AAPL"}).json
    assert added is not None
    assert faults_of("WatchlistChanged", added) == []
    assert (added["added"], added["count"]) == (["AAPL"], 1)
    assert unwatched.post(WATCHLIST, {"symbol": "AAPL"}).json == added | {"added": []}
    for symbol in ("D05.SI", "0005.HK", "BRK-B"):
        assert unwatched.post(WATCHLIST, {"symbol": symbol}).status_code == 200
    watched = unwatched.json(WATCHLIST)
    assert faults_of("Watchlist", watched) == []
    symbols = [one["symbol"] for one in watched["watchlist"]]
    assert symbols == ["0005.HK", "AAPL", "BRK-B", "D05.SI"]
    removed = unwatched.post(WATCHLIST, {"symbol": "AAPL"}, "DELETE").json
    assert removed is not None
    assert (removed["removed"], removed["count"]) == (["AAPL"], 3)
    again = unwatched.post(WATCHLIST, {"symbol": "AAPL"}, "DELETE")
    assert error_of(again) == (404, "not_found")
    assert unwatched.json(WATCHLIST)["count"] == 3


def test_a_symbol_of_another_market_is_named_by_api_and_page(unwatched: Console) -> None:
    for text, told in (
        ("VOD.L", "symbol: 'VOD.L' is a symbol of a market that is not supported (.L is London)"),
        ("MKC.V", "symbol: 'MKC.V' is ambiguous."),
        ("brk.b", "symbol: write 'brk.b' as BRK-B"),
    ):
        refused = unwatched.post(WATCHLIST, {"symbol": text})
        assert error_of(refused) == (400, "invalid_body")
        assert told in refused.get_json()["error"]["message"]
    refused = unwatched.form("/maintenance/watchlist/add", symbols="AAPL VOD.L")
    assert refused.status_code == 400
    assert ".L is London" in refused.text
    assert not unwatched.home.watchlist.exists()


def test_a_symbol_of_no_known_market_is_named_and_no_refresh_starts(console: Console) -> None:
    before = len(reports_of(console.home))
    asked = {"tasks": "market_events", "apply": "events", "symbols": "AAPL, ^GSPC", "days": "28"}
    for refused in (
        console.form("/maintenance/run", **asked),
        console.get("/maintenance/events", symbol="^GSPC"),
    ):
        assert refused.status_code == 400
        assert "<h1>That did not work</h1>" in refused.text
        assert "'^GSPC' is not a symbol of a known market." in html.unescape(refused.text)
        assert 'href="/maintenance">To the overview</a>' in refused.text
    assert console.running == []
    assert len(reports_of(console.home)) == before


def test_the_page_of_the_watchlist_takes_what_people_write(unwatched: Console) -> None:
    def added(symbols: str) -> str:
        answer = unwatched.form("/maintenance/watchlist/add", symbols=symbols)
        assert (answer.status_code, answer.location) == (303, "/maintenance/watchlist")
        return unwatched.get(answer.location).text

    assert "No symbol is watched." in unwatched.get("/maintenance/watchlist").text
    assert "Now watched: 0005.HK, AAPL, D05.SI." in added("aapl, d05.si  5.hk")
    page = added("AAPL")
    assert "Already watched." in page
    form = page.partition('action="/maintenance/watchlist/remove"')[2].partition("</form>")[0]
    assert '<input type="hidden" name="symbol" value="0005.HK">' in form
    assert 'aria-label="Remove 0005.HK"' in form
    unwatched.form("/maintenance/watchlist/remove", symbol="AAPL")
    assert "No longer watched: AAPL." in unwatched.get("/maintenance/watchlist").text
    refused = unwatched.form("/maintenance/watchlist/add", symbols="no such thing!")
    assert refused.status_code == 400
    assert "is not a symbol of a known market." in refused.text
    assert [one["symbol"] for one in unwatched.json(WATCHLIST)["watchlist"]] == [
        "0005.HK",
        "D05.SI",
    ]
    unwatched.home.watchlist.write_text("symbol,note\nAAPL,mine\nnonsense!,x\n")
    assert unwatched.json(WATCHLIST) == {
        "watchlist": [{"symbol": "AAPL", "added_at": None}],
        "count": 1,
        "unreadable": ["nonsense!"],
    }
    assert "nonsense!" in unwatched.get("/maintenance/watchlist").text


def in_a_week() -> str:
    """Return a weekday of the weeks to come on which New York is open."""
    day = utc_now().date() + timedelta(days=7)
    while day.weekday() >= SATURDAY or day in (days_of(XNYS, day.year) or {}):
        day += timedelta(days=1)
    return day.isoformat()


def closure(**changes: Any) -> dict[str, Any]:
    known = {"type": "holiday", "venue": "XNYS", "date": in_a_week()}
    return known | {"title": "Day of Mourning", "reason": "NYSE says so"} | changes


@pytest.fixture
def open_as_usual(console: Console) -> Iterator[Console]:
    """A console without closures of an operator, before and after."""

    def clear() -> None:
        for one in console.json(CLOSURES)["closures"]:
            body = {"venue": one["venue"], "date": one["date"]}
            assert console.post(CLOSURES, body, "DELETE").status_code == 200

    clear()
    yield console
    clear()


def test_a_closure_is_added_counted_and_removed(open_as_usual: Console) -> None:
    console = open_as_usual
    answer = console.post(CLOSURES, closure())
    value = answer.get_json()
    assert (answer.status_code, faults_of("ClosuresChanged", value)) == (200, [])
    assert value["closures"] == [value["added"]]
    assert (value["added"]["title"], value["added"]["actor"]) == (
        "New York closed: Day of Mourning",
        operating_system_user(),
    )
    shown = console.json(CLOSURES)
    assert faults_of("Closures", shown) == []
    assert (shown["count"], shown["warnings"]) == (1, [])
    again = console.post(CLOSURES, closure(type="early_close", closes="13:00"))
    assert error_of(again) == (409, "conflict")

    body = {"venue": "XNYS", "date": in_a_week(), "reason": "called off"}
    removed = console.post(CLOSURES, body, "DELETE").get_json()
    assert (removed["removed"], removed["closures"]) == (value["added"], [])
    assert error_of(console.post(CLOSURES, body, "DELETE")) == (404, "not_found")


def test_the_venues_of_the_status_count_a_closure_at_once(open_as_usual: Console) -> None:
    """Asked for in the middle of its session, which need not be now."""
    console, day = open_as_usual, in_a_week()
    noon = datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=ZoneInfo(XNYS.timezone))

    def state() -> str:
        found = console.backend.status(noon).venues
        return str(next(one.state for one in found if one.venue == "XNYS"))

    assert state() == "open"
    console.post(CLOSURES, closure())
    assert state() == "closed"
    console.post(CLOSURES, {"venue": "XNYS", "date": day}, "DELETE")
    assert state() == "open"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"type": "early_close"},
            "An early close needs its time, by the exchange's clock (closes). ",
        ),
        ({"closes": "13:00"}, "A holiday is closed all day: leave its time out (closes)"),
        ({"type": "early_close", "closes": "1pm"}, "closes: "),
        ({"type": "MARKET_HOLIDAY"}, "type: "),
        ({"venue": "XLON"}, "venue: "),
        ({"date": "20270104"}, "date: must be a date such as 2027-01-31"),
        ({"date": "2027-02-30"}, "date: "),
        ({"date": 1798761600}, "date: "),
        ({"title": " "}, "title: "),
        ({"reason": ""}, "reason: "),
        ({"actor": "somebody else"}, "actor: "),
    ],
)
def test_a_closure_of_another_form_is_refused(
    open_as_usual: Console, changes: dict[str, Any], told: str
) -> None:
    answer = open_as_usual.post(CLOSURES, closure(**changes))
    assert error_of(answer) == (400, "invalid_body")
    assert told in answer.get_json()["error"]["message"]
    assert open_as_usual.json(CLOSURES)["count"] == 0


def test_a_closure_needs_the_token_of_the_page(open_as_usual: Console) -> None:
    for method in ("POST", "DELETE"):
        refused = open_as_usual.client.open(CLOSURES, method=method, json=closure())
        assert error_of(refused)[0] == 403


def test_the_page_of_the_events_adds_and_removes_a_closure(open_as_usual: Console) -> None:
    console, day = open_as_usual, in_a_week()
    sent = console.form("/maintenance/events/closures/add", **closure(closes=""))
    assert sent.status_code == 303
    page = console.get(sent.location).text
    assert f"Added: {day}, New York closed: Day of Mourning." in page
    assert f"added by {operating_system_user()}" in page
    assert f"Remove New York closed: Day of Mourning on {day}" in page
    refused = console.form("/maintenance/events/closures/add", **closure(type="early_close"))
    assert refused.status_code == 400
    assert "An early close needs its time" in refused.text
    assert 'value="NYSE says so"' in refused.text, "what was typed is there to be corrected"
    refused = console.form("/maintenance/events/closures/add", **closure())
    assert (refused.status_code, f"New York already has a closure on {day}" in refused.text) == (
        409,
        True,
    )
    sent = console.form("/maintenance/events/closures/remove", venue="XNYS", date=day)
    assert sent.status_code == 303
    assert "Removed: " in console.get(sent.location).text
    assert console.json(CLOSURES)["count"] == 0
