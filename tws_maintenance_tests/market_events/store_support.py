"""Events to store, a look at the database itself, and other processes beside the test."""

import contextlib
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, time
from typing import Any

from sqlalchemy import NullPool, create_engine

from tws_maintenance.market_events.model import (
    Confidence,
    Event,
    EventType,
    StoredEvent,
    SyncLog,
)
from tws_maintenance.market_events.store.event_store import EventStore
from tws_maintenance_tests.postgres import SQLITE, EventDatabase

AT = datetime(2026, 11, 22, 19, 0, 0, 125000, tzinfo=UTC)
LATER = datetime(2026, 11, 23, 19, 0, tzinfo=UTC)
YAHOO = "yahoo"
NEW_YORK = "America/New_York"
SECONDS = 30

_forking = multiprocessing.get_context("fork")


def earnings(symbol: str = "AAPL", on: date = date(2027, 1, 28), **changes: Any) -> Event:
    """Return earnings at half past four, New York time."""
    known: dict[str, Any] = {
        "event_type": EventType.EARNINGS,
        "subject": symbol,
        "symbol": symbol,
        "title": f"{symbol} earnings",
        "event_date": on,
        "event_time": time(16, 30),
        "start_at_utc": datetime(on.year, on.month, on.day, 21, 30, tzinfo=UTC),
        "market_timezone": NEW_YORK,
        "raw": {"symbol": symbol},
    }
    return Event(**known | changes)


def one_of_each() -> list[Event]:
    """Return an event of every type, with every field set somewhere."""
    return [
        earnings(
            end_date=date(2027, 2, 1),
            confidence=Confidence.ESTIMATED,
            event_time=None,
            start_at_utc=None,
            description="between two days",
            source_url="https://finance.yahoo.com/quote/AAPL",
            detail={"eps": 1.25, "days": ["2027-01-28", "2027-02-01"], "a": None},
            raw={"z": [1801171800], "a": {"fmt": "2027-01-28"}, "name": "Zürich \x00 恒生"},
        ),
        Event(
            EventType.DIVIDEND, "MSFT", "MSFT goes ex", date(2026, 11, 27), NEW_YORK, symbol="MSFT"
        ),
        Event(
            EventType.FOMC,
            "meeting",
            "FOMC decision",
            date(2026, 12, 9),
            NEW_YORK,
            event_time=time(14, 0),
            start_at_utc=datetime(2026, 12, 9, 19, 0, tzinfo=UTC),
            end_at_utc=datetime(2026, 12, 9, 20, 0, tzinfo=UTC),
        ),
        Event(EventType.MARKET_HOLIDAY, "XNYS", "Christmas Day", date(2026, 12, 25), NEW_YORK),
        Event(EventType.MARKET_HOLIDAY, "XHKG", "Christmas", date(2026, 12, 25), "Asia/Hong_Kong"),
        Event(
            EventType.MARKET_EARLY_CLOSE,
            "XNYS",
            "Christmas Eve",
            date(2026, 12, 24),
            NEW_YORK,
            is_cancelled=True,
        ),
    ]


def sync_log(report_id: str = "maintenance_20261122_190000", **changes: Any) -> SyncLog:
    """Return what a turn of Yahoo did."""
    known: dict[str, Any] = {
        "provider": YAHOO,
        "event_type": "EARNINGS,DIVIDEND",
        "sync_started_at": AT,
        "sync_finished_at": LATER,
        "window_start_utc": AT,
        "window_end_utc": LATER,
        "status": "partial_failure",
        "fetched_count": 5,
        "upserted_count": 4,
        "stale_count": 3,
        "error_count": 2,
        "error_message": "HK: rate limited",
        "detail": {"report_id": report_id, "run_id": "a-run"},
    }
    return SyncLog(**known | changes)


def opened(database: EventDatabase, wait_seconds: float = 10.0) -> EventStore:
    """Return the store of that database."""
    return EventStore(database.home, database.settings, wait_seconds=wait_seconds)


def stored_in(database: EventDatabase, *events: Event, source: str = YAHOO) -> EventStore:
    """Return a prepared store that holds `events`, stored at AT."""
    store = opened(database)
    store.prepare()
    with store.transaction() as writer:
        writer.insert(source, events, AT, set())
    return store


def the_one(store: EventStore) -> StoredEvent:
    """Return the only event that is stored."""
    (found,) = store.read()
    return found


def ask(database: EventDatabase, statement: str, values: Sequence[Any] = ()) -> list[Any]:
    """Execute a statement on the database itself and return its rows, if it has any."""
    engine = create_engine(database.sqlalchemy_url, poolclass=NullPool)
    with engine.begin() as connection:
        marked = statement if database.kind == SQLITE else statement.replace("?", "%s")
        found = connection.exec_driver_sql(marked, tuple(values))
        return [tuple(row) for row in found] if found.returns_rows else []


def whole(database: EventDatabase) -> object:
    """Return everything that a write would change: all bytes and names, or all rows and columns."""
    if database.kind == SQLITE:
        files = sorted(one for one in database.home.root.rglob("*") if one.is_file())
        return {one.name: one.read_bytes() for one in files}
    columns = ask(
        database,
        "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns "
        "WHERE table_schema = 'public' ORDER BY table_name, ordinal_position",
    )
    names = sorted({row[0] for row in columns})
    # xmin is the transaction that wrote a row last.
    rows = {name: ask(database, f"SELECT xmin, * FROM {name}") for name in names}  # noqa: S608
    return columns, repr(rows)


@contextlib.contextmanager
def meanwhile(work: Callable[[Callable[[], None]], None]) -> Iterator[None]:
    """Let another process do `work` up to where it calls its argument, and stand there."""
    here, there = _forking.Pipe()

    def stand() -> None:
        here.close()  # so that it meets the end of the file where the test was killed
        there.send("there")
        there.recv()

    process = _forking.Process(target=work, args=(stand,))
    process.start()
    try:
        assert here.poll(SECONDS), "the other process never came there"
        assert here.recv() == "there"
        yield
        here.send("go on")
    finally:
        process.join(SECONDS)
        process.kill()
    assert process.exitcode == 0


def all_at_once(work: Callable[[], None], processes: int) -> list[int | None]:
    """Let so many processes do `work` at the same moment and return their exit codes."""
    barrier = _forking.Barrier(processes)

    def together() -> None:
        barrier.wait(SECONDS)
        work()

    started = [_forking.Process(target=together) for _ in range(processes)]
    for one in started:
        one.start()
    for one in started:
        one.join(SECONDS)
    return [one.exitcode for one in started]


def killed(work: Callable[[], None]) -> int | None:
    """Let another process do `work`, which ends in `die`, and return its exit code."""
    process = _forking.Process(target=work)
    process.start()
    process.join(SECONDS)
    return process.exitcode


def die() -> None:
    """End this process as the system does when memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)
