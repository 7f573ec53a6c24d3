"""What is stored comes back; one transaction is kept whole or not at all."""

import hashlib
import json
import sqlite3
import time as clock
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import Engine, event

from tws_maintenance.config.home import Home
from tws_maintenance.core.errors import StoreError
from tws_maintenance.market_events.model import (
    EventStatus,
    Pair,
    StoredEvent,
)
from tws_maintenance.market_events.store.event_store import EventStore
from tws_maintenance_tests.market_events.store_support import (
    AT,
    LATER,
    YAHOO,
    ask,
    earnings,
    one_of_each,
    opened,
    stored_in,
    sync_log,
    the_one,
)
from tws_maintenance_tests.postgres import EventDatabase, settings_with

# As the robot declares them.
ROBOT_COLUMNS = (
    "id event_id event_type symbol title description event_date event_time start_at_utc end_at_utc "
    "market_timezone source source_event_id source_url detail_json raw_payload_json "
    "raw_payload_hash is_portfolio_relevant confidence importance_score status last_seen_at "
    "fetched_at created_at updated_at"
)
ROBOT_LOG_COLUMNS = (
    "id provider event_type sync_started_at sync_finished_at window_start_utc window_end_utc "
    "status fetched_count upserted_count stale_count error_count error_message detail_json "
    "created_at"
)


@pytest.fixture
def process_zone(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[None]:
    monkeypatch.setenv("TZ", request.param)
    clock.tzset()
    yield
    monkeypatch.undo()
    clock.tzset()


def test_every_field_of_every_type_comes_back(event_database: EventDatabase) -> None:
    store = stored_in(event_database, *one_of_each())
    expected = sorted(one_of_each(), key=lambda one: one.event_date)
    found = store.read()
    by_title = {one.event.title: one for one in found}
    assert [by_title[one.title].event for one in expected] == expected
    assert [one.event.event_date for one in found] == [one.event_date for one in expected]
    assert by_title["FOMC decision"] == StoredEvent(
        event_id="yahoo:FOMC:meeting:2026-12-09",
        event=one_of_each()[2],
        status=EventStatus.ACTIVE,
        source=YAHOO,
        is_portfolio_relevant=True,
        importance_score=90,
        last_seen_at=AT,
        fetched_at=AT,
        created_at=AT,
        updated_at=AT,
    )


def test_importance_and_status_follow_the_event(event_database: EventDatabase) -> None:
    found = stored_in(event_database, *one_of_each()).read()
    assert {
        (one.event.event_type.value, one.importance_score, one.status.value) for one in found
    } == {
        ("EARNINGS", 80, "active"),
        ("DIVIDEND", 50, "active"),
        ("FOMC", 90, "active"),
        ("MARKET_HOLIDAY", 70, "active"),
        ("MARKET_EARLY_CLOSE", 60, "cancelled"),
    }


def test_relevant_is_what_the_portfolio_holds_and_what_concerns_a_whole_market(
    event_database: EventDatabase,
) -> None:
    store = opened(event_database)
    store.prepare()
    with store.transaction() as writer:
        writer.insert(YAHOO, [earnings("AAPL"), earnings("MSFT"), one_of_each()[3]], AT, {"MSFT"})
    assert {(one.event.symbol, one.is_portfolio_relevant) for one in store.read()} == {
        ("AAPL", False),
        ("MSFT", True),
        (None, True),
    }


def test_reading_by_source_and_by_last_day(event_database: EventDatabase) -> None:
    span = earnings("SPAN", date(2026, 12, 1), end_date=date(2026, 12, 5))
    past = earnings("PAST", date(2026, 12, 4))
    store = stored_in(event_database, span, past)
    with store.transaction() as writer:
        writer.insert("federal_reserve", [one_of_each()[2]], AT, set())
        assert [one.event.symbol for one in writer.read(YAHOO)] == ["SPAN", "PAST"]
    assert [one.event.symbol for one in store.read(source=YAHOO)] == ["SPAN", "PAST"]
    assert [one.event.symbol for one in store.read(not_before=date(2026, 12, 5))] == ["SPAN", None]
    assert [one.event.symbol for one in store.read(not_before=date(2026, 12, 6))] == [None]
    assert store.read(source="exchange_calendars") == []


def test_an_event_on_the_old_date_of_one_that_moved_gets_an_id_of_its_own(
    event_database: EventDatabase,
) -> None:
    store = stored_in(event_database, earnings())
    for days in (1, 2):
        moved = earnings(on=date(2027, 1, 28) + timedelta(days))
        with store.transaction() as writer:
            at_old_date = next(
                one for one in writer.read(YAHOO) if one.event.event_date == date(2027, 1, 28)
            )
            writer.change([Pair(at_old_date, moved)], LATER, set())
            writer.insert(YAHOO, [earnings()], LATER, set())
    first = "yahoo:EARNINGS:AAPL:2027-01-28"
    assert {one.event_id: one.event.event_date.day for one in store.read()} == {
        first: 29,
        f"{first}#2": 30,
        f"{first}#3": 28,
    }


def test_a_changed_event_takes_everything_but_its_id_and_its_creation(
    event_database: EventDatabase,
) -> None:
    store = stored_in(event_database, earnings())
    before = the_one(store)
    after = replace(
        one_of_each()[0], title="moved", event_date=date(2027, 2, 3), end_date=date(2027, 2, 4)
    )
    with store.transaction() as writer:
        writer.change([Pair(before, after)], LATER, {"AAPL"})
    assert the_one(store) == replace(
        before,
        event=after,
        status=EventStatus.UPDATED,
        is_portfolio_relevant=True,
        last_seen_at=LATER,
        fetched_at=LATER,
        updated_at=LATER,
        sequence=1,
    )


def test_a_changed_event_may_be_cancelled_and_come_back(event_database: EventDatabase) -> None:
    store = stored_in(event_database, earnings())
    statuses = []
    for is_cancelled in (True, False):
        with store.transaction() as writer:
            after = earnings(is_cancelled=is_cancelled)
            writer.change([Pair(the_one(store), after)], LATER, set())
        assert the_one(store).event == after
        statuses.append(the_one(store).status)
    assert statuses == [EventStatus.CANCELLED, EventStatus.UPDATED]


def test_an_event_that_was_seen_again_only_says_when(event_database: EventDatabase) -> None:
    store = stored_in(event_database, earnings())
    before = the_one(store)
    with store.transaction() as writer:
        writer.seen([Pair(before, earnings())], LATER, set())
    assert the_one(store) == replace(before, last_seen_at=LATER)


def test_what_is_no_fact_of_an_event_follows_its_source_without_an_update(
    event_database: EventDatabase,
) -> None:
    store = stored_in(event_database, earnings(), earnings("MSFT"))
    before = {one.event.symbol: one for one in store.read()}
    now = earnings(
        description="now told", source_url="https://example.org", detail={"eps": 2}, raw={"v": 2}
    )
    pairs = [Pair(before["AAPL"], now), Pair(before["MSFT"], earnings("MSFT"))]
    with store.transaction() as writer:
        writer.seen(pairs, LATER, {"AAPL"})
    after = {one.event.symbol: one for one in store.read()}
    assert after == {
        "AAPL": replace(before["AAPL"], event=now, is_portfolio_relevant=True, last_seen_at=LATER),
        "MSFT": replace(before["MSFT"], last_seen_at=LATER),
    }
    (stored,) = ask(
        event_database,
        "SELECT raw_payload_json, raw_payload_hash FROM market_events WHERE symbol = 'AAPL'",
    )
    assert stored == ('{"v": 2}', hashlib.sha256(b'{"v": 2}').hexdigest())


def test_a_retired_event_is_stale_and_keeps_the_rest(event_database: EventDatabase) -> None:
    store = stored_in(event_database, earnings(), earnings("MSFT"))
    gone, other = store.read()
    with store.transaction() as writer:
        writer.retire([gone], LATER)
    stale = replace(gone, status=EventStatus.STALE, updated_at=LATER, sequence=1)
    assert store.read() == [stale, other]


def test_nothing_to_do_is_nothing_done(event_database: EventDatabase) -> None:
    store = stored_in(event_database, earnings())
    before = store.read()
    with store.transaction() as writer:
        writer.insert(YAHOO, [], LATER, set())
        writer.change([], LATER, set())
        writer.seen([], LATER, set())
        writer.retire([], LATER)
    assert store.read() == before


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_exception_undoes_the_whole_transaction(
    event_database: EventDatabase, error: type[BaseException]
) -> None:
    store = stored_in(event_database, earnings())
    before = store.read()
    with (  # noqa: PT012 - the error has to come after all of it
        pytest.raises(error, match="in the middle"),
        store.transaction() as writer,
    ):
        writer.retire(before, LATER)
        writer.insert(YAHOO, one_of_each()[1:], LATER, set())
        writer.log(sync_log())
        assert len(writer.read(YAHOO)) == 6
        raise error("in the middle")
    assert store.read() == before
    assert store.sync_logs() == []
    with store.transaction() as writer:  # and the lock is free
        writer.retire(before, LATER)


def test_a_second_event_of_the_same_type_symbol_and_date_is_refused(
    event_database: EventDatabase,
) -> None:
    store = stored_in(event_database, earnings())
    before = store.read()
    with (
        pytest.raises(
            StoreError, match=r"refused a row: .*(?i:unique).*Nothing was written"
        ) as caught,
        store.transaction() as writer,
    ):
        writer.insert("another", [earnings("MSFT"), earnings()], LATER, set())
    assert "INSERT" not in str(caught.value)
    assert store.read() == before


def test_an_instant_without_a_zone_is_refused(event_database: EventDatabase) -> None:
    store = stored_in(event_database)
    naive = earnings(start_at_utc=datetime(2027, 1, 28, 21, 30))  # noqa: DTZ001 - the point
    with (
        pytest.raises(StoreError, match="2027-01-28T21:30:00 has no time zone"),
        store.transaction() as writer,
    ):
        writer.insert(YAHOO, [naive], AT, set())
    assert store.read() == []


@pytest.mark.parametrize("process_zone", ["Asia/Singapore", "America/New_York"], indirect=True)
@pytest.mark.usefixtures("process_zone")
def test_instants_are_the_same_wherever_the_process_stands(event_database: EventDatabase) -> None:
    assert clock.timezone != 0
    there = earnings(start_at_utc=datetime.fromisoformat("2027-01-29T05:30:00.123456+08:00"))
    found = the_one(stored_in(event_database, there))
    assert found.event.start_at_utc == there.start_at_utc
    assert found.event.start_at_utc is not None
    assert found.event.start_at_utc.isoformat() == "2027-01-28T21:30:00.123456+00:00"
    assert (found.created_at, found.created_at.utcoffset()) == (AT, timedelta(0))
    assert found.event.event_date == date(2027, 1, 28)


def test_the_robot_reads_naive_utc_under_its_own_names(event_database: EventDatabase) -> None:
    store = stored_in(event_database, one_of_each()[2])
    with store.transaction() as writer:
        writer.log(sync_log())
    names = ROBOT_COLUMNS.replace(" ", ", ")
    (row,) = ask(event_database, f"SELECT {names} FROM market_events")  # noqa: S608 - of above
    found = dict(zip(ROBOT_COLUMNS.split(), (str(value) for value in row), strict=True))
    expected = {
        "event_type": "FOMC",
        "symbol": "None",
        "event_date": "2026-12-09",
        "market_timezone": "America/New_York",
        "source": "yahoo",
        "source_event_id": "meeting",
        "confidence": "confirmed",
        "status": "active",
        "importance_score": "90",
    }
    assert found | expected == found
    assert found["event_time"].startswith("14:00:00")
    instants = ("start_at_utc", "end_at_utc", "last_seen_at", "created_at")
    assert [found[name][:19] for name in instants] == [
        "2026-12-09 19:00:00",
        "2026-12-09 20:00:00",
        "2026-11-22 19:00:00",
        "2026-11-22 19:00:00",
    ]
    assert all("+" not in found[name] for name in instants)
    logs = ROBOT_LOG_COLUMNS.replace(" ", ", ")
    (log,) = ask(event_database, f"SELECT {logs} FROM market_event_sync_logs")  # noqa: S608
    assert str(log[3])[:19] == "2026-11-22 19:00:00"
    assert json.loads(log[13]) == {"report_id": "maintenance_20261122_190000", "run_id": "a-run"}


def test_plain_sqlite3_reads_the_file(sqlite_database: EventDatabase) -> None:
    stored_in(sqlite_database, *one_of_each())
    with sqlite3.connect(sqlite_database.home.market_events) as connection:
        rows = connection.execute(
            "SELECT symbol, event_date, end_date, start_at_utc FROM market_events "
            "WHERE event_type IN ('EARNINGS', 'FOMC') ORDER BY event_type"
        ).fetchall()
    connection.close()
    assert rows == [
        ("AAPL", "2027-01-28", "2027-02-01", None),
        (None, "2026-12-09", None, "2026-12-09 19:00:00.000000"),
    ]
    assert [one.name for one in sqlite_database.home.data.iterdir()] == ["market_events.db"]


def test_json_has_sorted_keys_and_its_own_sum(event_database: EventDatabase) -> None:
    stored_in(event_database, one_of_each()[0])
    ((detail, raw, digest),) = ask(
        event_database, "SELECT detail_json, raw_payload_json, raw_payload_hash FROM market_events"
    )
    assert list(json.loads(detail)) == ["a", "days", "eps"]
    assert list(json.loads(raw)) == ["a", "name", "z"]
    assert digest == hashlib.sha256(raw.encode()).hexdigest()


def test_logs_come_newest_first_a_page_at_a_time(event_database: EventDatabase) -> None:
    store = stored_in(event_database)
    logs = [sync_log(f"maintenance_20261122_19000{number}") for number in range(5)]
    logs.append(sync_log("maintenance_20261122_190000_2", error_message=None, detail={"a": [1]}))
    for log in logs:
        with store.transaction() as writer:
            writer.log(log)
    assert store.sync_logs() == logs[::-1]
    assert store.sync_logs(limit=2) == [logs[5], logs[4]]
    assert store.sync_logs(limit=2, offset=3) == [logs[2], logs[1]]
    assert store.sync_logs(report_id="maintenance_20261122_190000") == [logs[0]]
    assert store.sync_logs(report_id="maintenance_20261122%") == []


def test_500_symbols_take_a_few_statements(event_database: EventDatabase) -> None:
    store = opened(event_database)
    store.prepare()
    symbols = [f"S{number}" for number in range(500)]
    statements: list[str] = []

    def note(*arguments: object) -> None:
        statements.append(str(arguments[2]))

    event.listen(Engine, "before_cursor_execute", note)
    began = clock.process_time()
    try:
        with store.transaction() as writer:
            writer.insert(YAHOO, [earnings(one) for one in symbols], AT, set())
            stored = writer.read(YAHOO)
            later = date(2027, 1, 29)
            pairs = [Pair(one, earnings(one.event.subject, later)) for one in stored]
            writer.change(pairs, LATER, set())
            writer.seen([Pair(one, one.event) for one in stored], LATER, set(symbols))
            writer.retire(stored[:250], LATER)
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    seconds = clock.process_time() - began
    assert len(statements) < 25
    assert seconds < 1  # of this process; about 0.15, whatever else the machine does
    found = store.read()
    assert {one.event.event_date for one in found} == {later}
    assert sum(one.status is EventStatus.STALE for one in found) == 250
    assert sum(one.is_portfolio_relevant for one in found) == 500


def test_a_store_names_its_place(event_database: EventDatabase) -> None:
    expected = event_database.url or "data/market_events.db"
    with opened(event_database) as store:
        assert store.describe() == expected
        store.prepare()
        assert store.read() == []
    assert store.read() == []  # closed stores open again


@pytest.mark.parametrize("scheme", ["postgres", "postgresql+psycopg2"])
def test_the_other_names_of_postgresql_will_do(
    postgres_database: EventDatabase, scheme: str
) -> None:
    url = postgres_database.url.replace("postgresql:", f"{scheme}:")
    store = EventStore(postgres_database.home, settings_with(url))
    store.prepare()
    assert store.read() == []


def test_a_mistyped_path_makes_no_folder_outside_the_home(home: Home) -> None:
    missing = home.root.parent / "no such folder"
    store = EventStore(home, settings_with(f"sqlite:///{missing}/events.db"))
    with pytest.raises(StoreError, match="there is no folder"):
        store.prepare()
    assert not missing.exists()


def test_a_file_may_lie_elsewhere(home: Home) -> None:
    inside = EventStore(home, settings_with("sqlite:///kept/events of 100%.db"))
    outside = EventStore(home, settings_with(f"sqlite:///{home.root.parent}/events.db"))
    for store in (inside, outside):
        store.prepare()
        with store.transaction() as writer:
            writer.insert(YAHOO, [earnings()], AT, set())
        assert the_one(store).event == earnings()
    assert inside.describe() == "kept/events of 100%.db"
    assert outside.describe() == str(home.root.parent / "events.db")
    assert (home.root / "kept" / "events of 100%.db").is_file()
    assert not home.data.exists()


def test_a_symbolic_link_stays_one(sqlite_database: EventDatabase) -> None:
    home = sqlite_database.home
    elsewhere = home.root.parent / "elsewhere.db"
    home.data.mkdir()
    home.market_events.symlink_to(elsewhere)
    assert opened(sqlite_database).read() == []
    store = stored_in(sqlite_database, earnings())
    assert home.market_events.is_symlink()
    assert elsewhere.is_file()
    assert len(store.read()) == 1
