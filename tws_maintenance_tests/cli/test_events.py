"""`events` as an operator reads it: what comes, and whether the list can be trusted."""

import json
import os
import stat
import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import icalendar
import pytest
from click.testing import Result

from tws_maintenance.config.environment import operating_system_user
from tws_maintenance.config.home import Home
from tws_maintenance.config.settings import Settings, load_settings
from tws_maintenance.config.venues import SATURDAY, XNYS
from tws_maintenance.core.clock import utc_now
from tws_maintenance.market_events.model import (
    PROVIDERS,
    Confidence,
    Event,
    EventType,
    LogDetail,
    SyncLog,
)
from tws_maintenance.market_events.providers.calendars import days_of, is_closed_day
from tws_maintenance.market_events.store.event_store import EventStore
from tws_maintenance_tests.cli.conftest import Command
from tws_maintenance_tests.support import Program

NEW_YORK = "America/New_York"
HONG_KONG = "Asia/Hong_Kong"
FETCH = "Fetch them with: python -m tws_maintenance run --task market_events --apply"


def today(zone: str = NEW_YORK) -> date:
    return utc_now().astimezone(ZoneInfo(zone)).date()


def in_days(days: int, zone: str = NEW_YORK) -> date:
    return today(zone) + timedelta(days=days)


def long(day: date) -> str:
    return f"{day:%A} {day.day} {day:%B} {day.year}"


def timed(event_type: EventType, title: str, day: date, at: time, symbol: str | None) -> Event:
    start = datetime.combine(day, at, ZoneInfo(NEW_YORK)).astimezone(UTC)
    return Event(
        event_type,
        symbol or "scheduled",
        title,
        day,
        NEW_YORK,
        symbol=symbol,
        event_time=at,
        start_at_utc=start,
    )


def earnings(symbol: str, day: date, until: date | None = None) -> Event:
    confidence = Confidence.ESTIMATED if until else Confidence.CONFIRMED
    title = f"{symbol} earnings"
    return Event(
        EventType.EARNINGS, symbol, title, day, NEW_YORK, confidence, symbol=symbol, end_date=until
    )


def dividend(symbol: str, day: date, *, is_cancelled: bool = False) -> Event:
    return Event(
        EventType.DIVIDEND,
        symbol,
        f"{symbol} ex-dividend",
        day,
        NEW_YORK,
        symbol=symbol,
        is_cancelled=is_cancelled,
    )


def holiday(venue: str, day: date, zone: str) -> Event:
    return Event(EventType.MARKET_HOLIDAY, venue, f"A holiday ({venue})", day, zone)


def synced(
    home: Home,
    *,
    age: timedelta = timedelta(0),
    failed: str = "",
    asked: tuple[str, ...] = (),
    **events: list[Event],
) -> None:
    """Let a sync of `age` have stored `events` by provider."""
    at = utc_now() - age
    with EventStore(home, load_settings(home)) as store:
        store.prepare()
        with store.transaction() as writer:
            for name in PROVIDERS:
                writer.insert(name, events.get(name, []), at, {"AAPL"})
                status = "failed" if name == failed else "success"
                told = {event.symbol for event in events.get(name, []) if event.symbol}
                detail: LogDetail = {"symbols": dict.fromkeys({*asked, *told}, "ok")}
                end = at + timedelta(days=28)
                writer.log(SyncLog(name, "", at, at, at, end, status, detail=detail))


def test_without_a_sync_the_list_says_what_to_do_and_writes_nothing(
    command: Command, home: Home
) -> None:
    shown = command("events", "list")
    assert shown.exit_code == 0
    assert shown.stdout.splitlines() == [
        "No event is stored for today and the next 28 days.",
        "Warning: No sync has run yet: upcoming events are unknown.",
        FETCH,
    ]
    told = json.loads(command("events", "list", "--json").stdout)
    unread = {
        "index_changes": [],
        "index_changes_unknown": ["sp500_constituents", "hsi_constituents"],
    }
    assert told == {"events": [], "count": 0, "last_sync": None} | unread
    assert list(home.root.iterdir()) == []


def test_what_comes_is_told_day_by_day_in_the_zone_of_its_market(
    command: Command, home: Home
) -> None:
    synced(
        home,
        federal_reserve=[timed(EventType.FOMC, "FOMC decision", today(), time(14), None)],
        exchange_calendars=[holiday("XNYS", in_days(5), NEW_YORK)],
        yahoo=[
            timed(EventType.EARNINGS, "MSFT earnings", in_days(5), time(8, 30), "MSFT"),
            earnings("AAPL", in_days(1)),
            dividend("MSFT", in_days(1), is_cancelled=True),
            dividend("IBM", in_days(29)),
        ],
    )
    shown = command("events", "list")
    assert shown.exit_code == 0
    *lines, last = shown.stdout.splitlines()
    assert lines == [
        f"Today, {long(today())}",
        "  14:00 New York  FOMC               FOMC decision",
        "",
        f"Tomorrow, {long(in_days(1))}",
        "  New York        ex-dividend  MSFT  MSFT ex-dividend (cancelled)",
        "  New York        earnings     AAPL  AAPL earnings (time unknown)",
        "",
        f"{long(in_days(5))}",
        "  New York        holiday            A holiday (XNYS)",
        "  08:30 New York  earnings     MSFT  MSFT earnings",
        "",
    ]
    assert last.startswith("Last sync: 2")


def test_a_span_is_told_with_its_days(command: Command, home: Home) -> None:
    first, last = in_days(-1), in_days(3)
    month_begins = (in_days(40).replace(day=28) + timedelta(days=4)).replace(day=1)
    other_first, other_last = month_begins - timedelta(days=3), month_begins + timedelta(days=2)
    synced(home, yahoo=[earnings("A", first, last), earnings("B", other_first, other_last)])
    today_, span, _, day, other = command("events", "list", "--days", "365").stdout.splitlines()[:5]
    month = "" if first.month == last.month else f" {first:%b}"
    assert today_ == f"Today, {long(today())}"
    expected = f"{first.day}{month}\N{EN DASH}{last.day} {last:%b}"
    assert span.split("  ")[1] == expected
    assert span.endswith("A earnings (estimated)")
    assert day == long(other_first)
    assert other.split("  ")[1] == (
        f"{other_first.day} {other_first:%b}\N{EN DASH}3 {other_last:%b}"
    )


@pytest.mark.parametrize("zone", ["UTC", "Asia/Singapore", NEW_YORK])
def test_the_hosts_zone_changes_nothing(program: Program, home: Home, zone: str) -> None:
    events = [holiday("XNYS", today(), NEW_YORK), holiday("XHKG", today(HONG_KONG), HONG_KONG)]
    synced(home, exchange_calendars=events)
    told = json.loads(program("events", "list", "--json", TZ=zone).stdout)
    found = {one["title"]: (one["event_date"], one["days_away"]) for one in told["events"]}
    assert found == {
        "A holiday (XNYS)": (today().isoformat(), 0),
        "A holiday (XHKG)": (today(HONG_KONG).isoformat(), 0),
    }


def test_each_market_has_its_own_today(command: Command, home: Home) -> None:
    # Kiritimati and Niue are 25 hours apart: it is never the same day in both.
    ahead, behind = "Pacific/Kiritimati", "Pacific/Niue"
    events = [holiday("A", today(ahead), ahead), holiday("B", today(behind), behind)]
    synced(home, exchange_calendars=events)
    heading, *lines = command("events", "list").stdout.splitlines()
    first, second = f"{long(today(behind))} in Niue", f"{long(today(ahead))} in Kiritimati"
    assert heading == f"Today, {first} and {second}"
    assert [line.split()[0] for line in lines[:2]] == ["Niue", "Kiritimati"]


def test_the_list_is_narrowed_by_days_type_and_symbol(command: Command, home: Home) -> None:
    synced(
        home,
        asked=("AAPL", "0005.HK"),
        federal_reserve=[timed(EventType.FOMC, "FOMC decision", in_days(3), time(14), None)],
        yahoo=[earnings("AAPL", in_days(4)), dividend("AAPL", in_days(9)), earnings("B", today())],
    )

    def titles(*arguments: str) -> list[str]:
        told = json.loads(command("events", "list", *arguments, "--json").stdout)
        assert told["count"] == len(told["events"])
        return [one["title"] for one in told["events"]]

    assert titles() == ["B earnings", "FOMC decision", "AAPL earnings", "AAPL ex-dividend"]
    assert titles("--days", "3") == ["B earnings", "FOMC decision"]
    assert titles("--type", "earnings") == ["B earnings", "AAPL earnings"]
    assert titles("--symbol", "aapl") == ["AAPL earnings", "AAPL ex-dividend"]
    assert titles("--symbol", "aapl", "--type", "DIVIDEND") == ["AAPL ex-dividend"]
    nothing = command("events", "list", "--symbol", "5.hk", "--type", "EARNINGS").stdout
    first = "No earnings event of 0005.HK is stored for today and the next 28 days."
    assert nothing.splitlines()[0] == first
    assert nothing.splitlines()[-1] == FETCH


@pytest.mark.parametrize(
    "arguments",
    [
        ("--days", "0"),
        ("--days", "366"),
        ("--days", "x"),
        ("--type", "SPLIT"),
        ("--symbol", "EUR.USD"),
        ("--symbol", ""),
    ],
)
def test_what_cannot_be_asked_is_a_usage_error(
    command: Command, arguments: tuple[str, ...]
) -> None:
    done = command("events", "list", *arguments)
    assert done.exit_code == 2
    assert done.stdout == ""


def test_a_list_after_a_failed_sync_says_so(command: Command, home: Home) -> None:
    synced(home, yahoo=[earnings("AAPL", in_days(1))], age=timedelta(hours=1))
    synced(home, failed="yahoo")
    shown = command("events", "list").stdout
    failure = "Yahoo Finance failed at the last sync: the earnings and dividends shown may be"
    assert f"\nWarning: {failure} outdated (last complete answer: 2" in shown
    assert shown.endswith(f"\n{FETCH}\n")
    told = json.loads(command("events", "list", "--json").stdout)
    assert told["count"] == 1
    (warning,) = told["last_sync"]["warnings"]
    assert warning.startswith(failure)
    assert {one["provider"]: one["status"] for one in told["last_sync"]["providers"]} == {
        "yahoo": "failed",
        "federal_reserve": "success",
        "exchange_calendars": "success",
    }
    assert "Warning" not in command("events", "list", "--type", "FOMC").stdout


def test_a_list_after_an_old_sync_says_so(
    command: Command, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced(home, yahoo=[earnings("AAPL", in_days(1))], age=timedelta(days=4))
    warning = "Warning: The last sync was 4 days ago, and [events] max_age_days is 3"
    assert warning in command("events", "list", "--days", "20").stdout
    monkeypatch.setenv("TWS_MAINTENANCE_EVENTS__MAX_AGE_DAYS", "5")
    assert "Warning" not in command("events", "list", "--days", "20").stdout


def test_a_damaged_store_is_an_error_and_never_an_empty_list(command: Command, home: Home) -> None:
    home.data.mkdir()
    home.market_events.write_bytes(b"not a database, but long enough to be looked at" * 50)
    for arguments in (("list",), ("list", "--json"), ("export", "--ics")):
        done = command("events", *arguments)
        assert done.exit_code == 1
        assert "data/market_events.db" in done.stderr
        assert "VCALENDAR" not in done.stdout
        assert "No event" not in done.stdout


def test_the_export_is_the_calendar_byte_for_byte(
    program: Program, home: Home, settings: Settings
) -> None:
    title = "Nestlé, naïve; 騰訊"
    event = Event(EventType.MARKET_HOLIDAY, "XHKG", title, today(HONG_KONG), HONG_KONG)
    synced(home, exchange_calendars=[event], yahoo=[earnings("AAPL", in_days(300))])
    done = subprocess.run(
        [sys.executable, "-m", "tws_maintenance", "events", "export", "--ics"],
        env=program.full_environment(LC_ALL="C", PYTHONIOENCODING="ascii"),
        cwd=home.root,
        capture_output=True,
        check=True,
    )
    calendar = icalendar.Calendar.from_ical(done.stdout)
    found = {str(one["SUMMARY"]): one.decoded("DTSTART") for one in calendar.walk("VEVENT")}
    assert found == {title: today(HONG_KONG), "AAPL earnings": in_days(300)}
    assert done.stdout.count(b"\n") == done.stdout.count(b"\r\n")
    assert done.stderr == b""
    with EventStore(home, settings) as store:
        assert len(store.read()) == 2


def test_an_export_of_nothing_is_a_calendar_and_a_warning(command: Command, home: Home) -> None:
    done = command("events", "export", "--ics")
    assert done.exit_code == 0
    assert icalendar.Calendar.from_ical(done.stdout_bytes).walk("VEVENT") == []
    assert done.stderr == "Warning: No sync has run yet: upcoming events are unknown.\n"
    assert list(home.root.iterdir()) == []


def test_an_export_goes_into_a_file_whole(command: Command, home: Home, tmp_path: Path) -> None:
    synced(home, yahoo=[earnings("AAPL", in_days(300))])
    expected = command("events", "export", "--ics").stdout_bytes
    target, link = tmp_path / "events.ics", tmp_path / "link.ics"
    target.write_text("an older calendar")
    target.chmod(0o640)
    link.symlink_to(target)

    done = command("events", "export", "--ics", "--output", str(link))

    assert (done.exit_code, done.stdout) == (0, f"Written: {link}\n")
    assert target.read_bytes() == expected
    assert b"AAPL earnings" in expected
    assert link.is_symlink()
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert sorted(one.name for one in tmp_path.iterdir()) == ["events.ics", "home", "link.ics"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (".", "it is a folder; name a file in it"),
        ("nowhere/events.ics", "there is no folder {0}/nowhere; create it first"),
        ("pipe", "it exists and is not a file"),
        ("file/events.ics", "there is no folder {0}/file; create it first"),
        ("n" * 300, "File name too long. Nothing was changed; name"),
    ],
)
def test_a_place_that_cannot_be_written_is_named(
    command: Command, tmp_path: Path, name: str, told: str
) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").write_text("not a folder")
    before = sorted(one.name for one in tmp_path.iterdir())

    done = command("events", "export", "--ics", "--output", str(tmp_path / name))

    assert (done.exit_code, done.stdout) == (2, "")
    assert f"The calendar cannot be written to {tmp_path / name}: " in done.stderr
    assert told.format(tmp_path) in done.stderr
    assert sorted(one.name for one in tmp_path.iterdir()) == before


def test_an_export_names_its_format(command: Command) -> None:
    done = command("events", "export")
    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr == (
        "Error: Name the format: python -m tws_maintenance events export --ics\n"
    )


def weekday_in(days: int) -> date:
    """Return a day that many days ahead, or the next one that is no weekend and no holiday."""
    day = in_days(days)
    while is_closed_day(XNYS, day) or is_early(day):
        day += timedelta(days=1)
    return day


def is_early(day: date) -> bool:
    return day in (days_of(XNYS, day.year) or {})


def add_closure(command: Command, day: date, *more: str, kind: str = "holiday") -> Result:
    named = ("--type", kind, "--venue", "xnys", "--date", str(day))
    said = ("--title", "National Day of Mourning", "--reason", "the exchange says so")
    return command("events", "add", *named, *said, *more)


def test_a_closure_is_added_listed_exported_and_removed(
    command: Command, home: Home, settings: Settings
) -> None:
    day, me = weekday_in(10), operating_system_user()
    title = "New York closed: National Day of Mourning"
    added = add_closure(command, day)
    assert (added.exit_code, added.output) == (0, f"Added: {long(day)}, {title}.\n")

    listed = command("events", "list").stdout.splitlines()
    assert long(day) in listed
    line = f"  New York  holiday      {title} (added by {me}: the exchange says so)"
    assert line in listed
    told = json.loads(command("events", "list", "--json").stdout)["events"]
    assert [(one["source"], one["detail"]["reason"]) for one in told] == [
        ("operator", "the exchange says so")
    ]
    assert title.encode() in command("events", "export", "--ics").stdout_bytes.replace(
        b"\r\n ", b""
    )

    again = add_closure(command, day)
    assert again.exit_code == 2
    assert f"New York already has a closure on {day}" in again.stderr
    removed = command(
        "events", "remove", "--venue", "XNYS", "--date", str(day), "--reason", "off", "--json"
    )
    assert json.loads(removed.stdout)["removed"]["title"] == title
    assert title not in command("events", "list").stdout
    (gone,) = EventStore(home, settings).read()
    assert (gone.event.detail["removed_by"], gone.event.detail["removed_why"]) == (me, "off")
    again = command("events", "remove", "--venue", "XNYS", "--date", str(day))
    assert again.exit_code == 2
    assert f"No operator added a closure of New York on {day}, so nothing" in again.stderr


def test_an_early_close_needs_its_time_and_a_holiday_has_none(command: Command) -> None:
    day = weekday_in(10)
    done = add_closure(command, day, "--closes", "13:00", kind="early_close")
    assert done.stdout.startswith(f"Added: {long(day)}, New York closes early at 13:")
    assert "13:00 New York  early close" in command("events", "list").stdout
    for kind, more, told in (
        (
            "early_close",
            (),
            "An early close needs its time, by the exchange's clock (--closes HH:MM).",
        ),
        (
            "holiday",
            ("--closes", "13:00"),
            "A holiday is closed all day: leave its time out (--closes HH:MM).",
        ),
        ("early_close", ("--closes", "1pm"), "Invalid value for '--closes'"),
        ("party", (), "Invalid value for '--type'"),
    ):
        refused = add_closure(command, day, *more, kind=kind)
        assert refused.exit_code == 2
        assert told in refused.stderr


def test_a_closure_that_is_known_or_over_is_stored_and_said(command: Command) -> None:
    """Of 9 January 2025 both packages know by now."""
    day = in_days(-7)
    while is_closed_day(XNYS, day):
        day -= timedelta(days=1)
    over = add_closure(command, day)
    assert over.exit_code == 0
    assert f"Warning: {day} is already over in New York." in over.stdout
    known = next(
        one for one in (in_days(number) for number in range(1, 366)) if is_full_holiday(one)
    )
    told = add_closure(command, known)
    assert told.exit_code == 0
    assert "confirmed, holidays has 'New York closed: " in told.stdout


def is_full_holiday(day: date) -> bool:
    return day.weekday() < SATURDAY and is_closed_day(XNYS, day) is True
