"""What an answer means for the store: new, moved, gone, or as it was, and never gone by mistake."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tws_maintenance.market_events.diff import compare
from tws_maintenance.market_events.model import (
    Answer,
    Diff,
    Event,
    EventStatus,
    EventType,
    StoredEvent,
    Window,
)

NOW = datetime(2026, 11, 22, 19, 0, tzinfo=UTC)
TODAY = date(2026, 11, 22)
WINDOW = Window(NOW, 28)
ALWAYS = date.max


def day(days: int) -> date:
    return TODAY + timedelta(days=days)


def event(
    on: date, subject: str = "AAPL", kind: EventType = EventType.EARNINGS, **changes: Any
) -> Event:
    known: dict[str, Any] = {
        "event_type": kind,
        "subject": subject,
        "symbol": subject,
        "title": f"{subject} {kind.value.lower()}",
        "event_date": on,
        "market_timezone": "America/New_York",
    }
    return Event(**known | changes)


def stored(one: Event, status: EventStatus = EventStatus.ACTIVE) -> StoredEvent:
    before = NOW - timedelta(days=1)
    event_id = f"yahoo:{one.subject}:{one.event_date}"
    return StoredEvent(event_id, one, status, "yahoo", True, 80, before, before, before, before)


def answer(*events: Event, covers: tuple[str, ...] = ("AAPL",), until: date = ALWAYS) -> Answer:
    return Answer("yahoo", "yahoo", events, dict.fromkeys(covers, until))


def told(diff: Diff) -> dict[str, list[str]]:
    """Return the days of each kind."""
    return {
        "new": [str(one.event_date) for one in diff.new],
        "changed": [f"{p.before.event.event_date} {p.after.event_date}" for p in diff.changed],
        "stale": [str(one.event.event_date) for one in diff.stale],
        "unchanged": [str(pair.after.event_date) for pair in diff.unchanged],
    }


NOTHING: dict[str, list[str]] = {"new": [], "changed": [], "stale": [], "unchanged": []}


def test_what_the_store_does_not_know_is_new_if_it_lies_in_the_window() -> None:
    inside, last, outside = event(day(3), "A"), event(day(28), "B"), event(day(29), "C")
    diff = compare([], answer(inside, last, outside), WINDOW)
    assert told(diff) == NOTHING | {"new": [str(day(3)), str(day(28))]}


def test_what_is_over_is_not_new_but_today_is_not_over() -> None:
    past, today, running = (
        event(day(-1), "A"),
        event(day(0), "B"),
        event(day(-2), "C", end_date=day(0)),
    )
    diff = compare([], answer(past, today, running), WINDOW)
    assert told(diff)["new"] == [str(day(-2)), str(day(0))]


def test_an_identical_answer_changes_nothing() -> None:
    events = [event(day(3)), event(day(3), kind=EventType.DIVIDEND), event(day(90), "B")]
    diff = compare([stored(one) for one in events], answer(*events), WINDOW)
    assert (diff.new, diff.changed, diff.stale) == ((), (), ())
    assert [pair.after for pair in diff.unchanged] == [events[1], events[0], events[2]]


def test_an_event_that_moved_is_the_same_event() -> None:
    diff = compare([stored(event(day(3)))], answer(event(day(9))), WINDOW)
    assert told(diff) == NOTHING | {"changed": [f"{day(3)} {day(9)}"]}
    earlier = compare([stored(event(day(9)))], answer(event(day(3))), WINDOW)
    assert told(earlier) == NOTHING | {"changed": [f"{day(9)} {day(3)}"]}


def test_one_that_moved_out_of_the_window_is_followed() -> None:
    diff = compare([stored(event(day(20)))], answer(event(day(40))), WINDOW)
    assert told(diff) == NOTHING | {"changed": [f"{day(20)} {day(40)}"]}


def test_the_report_of_the_next_quarter_is_another_event() -> None:
    """On the evening of the day itself Yahoo tells the next date; today's report still happened."""
    diff = compare([stored(event(day(0)))], answer(event(day(91))), WINDOW)
    assert told(diff) == NOTHING
    monthly = [stored(event(day(2), kind=EventType.DIVIDEND))]
    diff = compare(monthly, answer(event(day(28), kind=EventType.DIVIDEND)), WINDOW)
    assert told(diff) == NOTHING | {"new": [str(day(28))], "stale": [str(day(2))]}


def test_what_happens_today_does_not_move_away_on_its_day() -> None:
    """A weekly payer goes ex today, and Yahoo tells the next week already."""
    kind = EventType.DIVIDEND
    diff = compare([stored(event(day(0), kind=kind))], answer(event(day(7), kind=kind)), WINDOW)
    assert told(diff) == NOTHING | {"new": [str(day(7))]}
    assert told(compare([stored(event(day(0)))], answer(event(day(9))), WINDOW)) == NOTHING | {
        "new": [str(day(9))]
    }


def test_what_is_to_come_does_not_move_into_the_past() -> None:
    diff = compare([stored(event(day(10)))], answer(event(day(-3))), WINDOW)
    assert told(diff) == NOTHING | {"stale": [str(day(10))]}


def test_one_that_is_over_is_left_alone() -> None:
    diff = compare([stored(event(day(-3)))], answer(event(day(9))), WINDOW)
    assert told(diff) == NOTHING | {"new": [str(day(9))]}


def test_earnings_and_dividend_of_a_symbol_are_not_taken_for_each_other() -> None:
    diff = compare([stored(event(day(3)))], answer(event(day(3), kind=EventType.DIVIDEND)), WINDOW)
    assert [one.event_type for one in diff.new] == [EventType.DIVIDEND]
    assert [one.event.event_type for one in diff.stale] == [EventType.EARNINGS]


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"title": "AAPL earnings, after close"}, "title"),
        ({"end_date": day(5)}, "span"),
        ({"start_at_utc": NOW + timedelta(days=3)}, "time"),
        ({"is_cancelled": True}, "cancelled"),
    ],
)
def test_another_fact_is_a_change(changes: dict[str, Any], what: str) -> None:
    before = event(day(3))
    diff = compare([stored(before)], answer(replace(before, **changes)), WINDOW)
    assert told(diff) == NOTHING | {"changed": [f"{day(3)} {day(3)}"]}, what


def test_what_a_complete_answer_leaves_out_is_stale() -> None:
    diff = compare([stored(event(day(3)))], answer(), WINDOW)
    assert told(diff) == NOTHING | {"stale": [str(day(3))]}


def test_a_symbol_that_did_not_answer_loses_nothing() -> None:
    diff = compare([stored(event(day(3)))], answer(covers=("MSFT",)), WINDOW)
    assert told(diff) == NOTHING


def test_a_shorter_window_says_nothing_of_what_lies_beyond_it() -> None:
    events = [stored(event(day(3))), stored(event(day(8)))]
    assert told(compare(events, answer(), Window(NOW, 7))) == NOTHING | {"stale": [str(day(3))]}


def test_nothing_is_stale_beyond_what_the_source_knows() -> None:
    events = [stored(event(day(3))), stored(event(day(8)))]
    diff = compare(events, answer(until=day(5)), WINDOW)
    assert told(diff) == NOTHING | {"stale": [str(day(3))]}


def test_what_happens_today_or_began_already_is_never_stale() -> None:
    events = [stored(event(day(0), "A")), stored(event(day(-1), "B", end_date=day(2)))]
    assert told(compare(events, answer(covers=("A", "B")), WINDOW)) == NOTHING


@pytest.mark.parametrize("status", [EventStatus.STALE, EventStatus.CANCELLED])
def test_what_is_stale_or_cancelled_is_not_made_stale_again(status: EventStatus) -> None:
    assert told(compare([stored(event(day(3)), status)], answer(), WINDOW)) == NOTHING


def test_a_stale_event_that_is_told_again_is_back() -> None:
    before = stored(event(day(3)), EventStatus.STALE)
    assert told(compare([before], answer(event(day(3))), WINDOW))["changed"]
    moved = compare([before], answer(event(day(6))), WINDOW)
    assert told(moved) == NOTHING | {"changed": [f"{day(3)} {day(6)}"]}


def test_a_cancelled_event_stays_cancelled_but_another_day_is_another_event() -> None:
    before = stored(event(day(3)), EventStatus.CANCELLED)
    assert told(compare([before], answer(event(day(3))), WINDOW)) == NOTHING | {
        "unchanged": [str(day(3))]
    }
    assert told(compare([before], answer(event(day(5))), WINDOW)) == NOTHING | {
        "new": [str(day(5))]
    }


def test_a_holiday_does_not_move() -> None:
    kind = EventType.MARKET_HOLIDAY
    before = stored(event(day(3), "XHKG", kind, symbol=None))
    diff = compare(
        [before], answer(event(day(4), "XHKG", kind, symbol=None), covers=("XHKG",)), WINDOW
    )
    assert told(diff) == NOTHING | {"new": [str(day(4))], "stale": [str(day(3))]}


def test_of_two_near_ones_the_nearer_moved() -> None:
    before = [stored(event(day(2))), stored(event(day(20)))]
    diff = compare(before, answer(event(day(19))), WINDOW)
    assert told(diff)["changed"] == [f"{day(20)} {day(19)}"]
    assert told(diff)["stale"] == [str(day(2))]


def test_the_day_is_that_of_the_market() -> None:
    """Late on Sunday in New York it is Monday in Hong Kong: Monday's event is today there."""
    monday = event(day(1), "0005.HK", market_timezone="Asia/Hong_Kong")
    evening = Window(datetime(2026, 11, 22, 23, 0, tzinfo=UTC), 28)
    diff = compare([stored(monday)], answer(covers=("0005.HK",)), evening)
    assert told(diff) == NOTHING, "it has begun, so it is not stale"
    sunday = event(day(0), "0005.HK", market_timezone="Asia/Hong_Kong")
    assert told(compare([], answer(sunday), evening)) == NOTHING, "it is over"


def test_five_hundred_symbols_are_compared_at_once() -> None:
    before = [stored(event(day(3), f"S{n}")) for n in range(500)]
    after = [event(day(4), f"S{n}") for n in range(500)]
    diff = compare(before, answer(*after), WINDOW)
    assert len(diff.changed) == 500
