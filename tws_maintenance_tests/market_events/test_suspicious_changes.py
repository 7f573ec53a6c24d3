"""What becomes of a near event of a symbol that somebody holds, trades or watches."""

from datetime import UTC, date, datetime, timedelta

import pytest

from tws_maintenance.market_events.diff import compare
from tws_maintenance.market_events.model import (
    Answer,
    Confidence,
    Event,
    EventStatus,
    EventType,
    StoredEvent,
    Unconfirmed,
    Window,
)
from tws_maintenance.market_events.suspicious_changes import moves, sentences

NOW = datetime(2026, 11, 22, 19, 0, tzinfo=UTC)
WINDOW = Window(NOW, 28)
TODAY = date(2026, 11, 22)
HELD = frozenset({"AAPL"})


def event(first: int, last: int | None = None, symbol: str = "AAPL") -> Event:
    """Return earnings in so many days, estimated where they are a span."""
    confidence = Confidence.CONFIRMED if last is None else Confidence.ESTIMATED
    return Event(
        EventType.EARNINGS,
        symbol,
        f"{symbol} earnings",
        TODAY + timedelta(days=first),
        "America/New_York",
        confidence,
        symbol=symbol,
        end_date=None if last is None else TODAY + timedelta(days=last),
    )


def stored(one: Event, status: EventStatus = EventStatus.ACTIVE) -> StoredEvent:
    at = NOW - timedelta(days=1)
    name = f"{one.subject}:{one.event_date}"
    return StoredEvent(name, one, status, "yahoo", True, 80, at, at, at, at)


def found(before: StoredEvent, *now: Event) -> list[tuple[str, str]]:
    """Return {kind, text} of what an answer moves."""
    answer = Answer("yahoo", "", now, {before.event.subject: date.max})
    return [
        (one.kind.value, one.text) for one in moves(compare([before], answer, WINDOW), WINDOW, HELD)
    ]


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (event(5), event(8), "from 2026-11-27 to 2026-11-30"),
        (event(5), event(30), "from 2026-11-27 to 2026-12-22"),
        (event(20), event(4), "from 2026-12-12 to 2026-11-26"),
        (event(3, 6), event(8), "from 2026-11-25 to 2026-11-28 (estimated) to 2026-11-30"),
        (event(5), event(5, 5), "from 2026-11-27 to 2026-11-27 to 2026-11-27 (estimated)"),
        (event(5), event(3, 9), "from 2026-11-27 to 2026-11-25 to 2026-12-01 (estimated)"),
    ],
)
def test_a_near_event_that_moves_is_named(before: Event, after: Event, told: str) -> None:
    assert found(stored(before), after) == [("moved", f"AAPL earnings moved {told}")]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (event(5), event(5)),
        (event(3, 8), event(5)),
        (event(3, 8), event(4, 7)),
        (event(12), event(20)),
        (event(5, symbol="MSFT"), event(8, symbol="MSFT")),
    ],
    ids=["as it was", "a date in its span", "a narrower span", "far", "of nobody's"],
)
def test_what_is_as_expected_far_or_of_nobody_s_symbol_is_no_move(
    before: Event, after: Event
) -> None:
    assert found(stored(before), after) == []


def test_one_that_comes_back_on_another_day_did_not_move() -> None:
    assert found(stored(event(5), EventStatus.STALE), event(8)) == []


def test_one_that_is_no_longer_listed_is_named_when_it_happens_and_when_it_goes() -> None:
    first = "AAPL earnings on 2026-11-27 was confirmed but is no longer listed; "
    assert found(stored(event(5))) == [
        ("unconfirmed", f"{first}kept as unconfirmed since 2026-11-22")
    ]
    again = stored(Unconfirmed(NOW - timedelta(days=1), 1).on(event(5)))
    assert found(again) == []
    last = stored(Unconfirmed(NOW - timedelta(days=2), 2).on(event(5)))
    assert found(last) == [("gone", f"{first}marked as withdrawn")]


def test_an_estimate_that_goes_at_once_is_named() -> None:
    text = "AAPL earnings on 2026-11-25 is no longer listed; marked as withdrawn"
    assert found(stored(event(3, 6))) == [("gone", text)]


def test_a_preview_warns_of_each_round_without_it_and_of_every_confirmed_loss() -> None:
    again = stored(Unconfirmed(NOW - timedelta(days=1), 1).on(event(5)))
    far = stored(event(20, symbol="MSFT"))
    guess = stored(event(20, 25, symbol="GOOG"))
    answer = Answer("yahoo", "", (), dict.fromkeys(("AAPL", "MSFT", "GOOG"), date.max))
    diff = compare([again, far, guess], answer, WINDOW)
    lost = "was confirmed but is no longer listed;"
    assert list(sentences(diff, moves(diff, WINDOW, HELD))) == [
        f"AAPL earnings on 2026-11-27 {lost} kept as unconfirmed since 2026-11-21",
        f"MSFT earnings on 2026-12-12 {lost} marked as withdrawn",
    ]
