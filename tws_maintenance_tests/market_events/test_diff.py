"""What an answer means for the store: new, moved, gone, or as it was, and never gone by mistake."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tws_maintenance.market_events.diff import compare
from tws_maintenance.market_events.model import (
    Answer,
    Confidence,
    Diff,
    Event,
    EventStatus,
    EventType,
    StoredEvent,
    Unconfirmed,
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
        "unconfirmed": [str(one.stored.event.event_date) for one in diff.unconfirmed],
    }


NOTHING: dict[str, list[str]] = {
    kind: [] for kind in ("new", "changed", "stale", "unchanged", "unconfirmed")
}


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


def test_what_happens_today_does_not_move_away_on_its_day() -> None:
    """A weekly payer goes ex today, and Yahoo tells the next week already."""
    kind = EventType.DIVIDEND
    diff = compare([stored(event(day(0), kind=kind))], answer(event(day(7), kind=kind)), WINDOW)
    assert told(diff) == NOTHING | {"new": [str(day(7))]}
    assert told(compare([stored(event(day(0)))], answer(event(day(9))), WINDOW)) == NOTHING | {
        "new": [str(day(9))]
    }


def test_what_is_to_come_does_not_move_into_the_past() -> None:
    diff = compare([stored(event(day(11)))], answer(event(day(-3))), WINDOW)
    assert told(diff) == NOTHING | {"stale": [str(day(11))]}


def test_one_that_is_over_is_left_alone() -> None:
    diff = compare([stored(event(day(-3)))], answer(event(day(9))), WINDOW)
    assert told(diff) == NOTHING | {"new": [str(day(9))]}


def test_earnings_and_dividend_of_a_symbol_are_not_taken_for_each_other() -> None:
    diff = compare(
        [stored(event(day(13)))], answer(event(day(13), kind=EventType.DIVIDEND)), WINDOW
    )
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
    diff = compare([stored(event(day(11)))], answer(), WINDOW)
    assert told(diff) == NOTHING | {"stale": [str(day(11))]}


def test_a_symbol_that_did_not_answer_loses_nothing() -> None:
    diff = compare([stored(event(day(3)))], answer(covers=("MSFT",)), WINDOW)
    assert told(diff) == NOTHING


def test_a_shorter_window_says_nothing_of_what_lies_beyond_it() -> None:
    events = [stored(event(day(12))), stored(event(day(16)))]
    assert told(compare(events, answer(), Window(NOW, 14))) == NOTHING | {"stale": [str(day(12))]}


def test_nothing_is_stale_beyond_what_the_source_knows() -> None:
    events = [stored(event(day(13))), stored(event(day(18)))]
    diff = compare(events, answer(until=day(15)), WINDOW)
    assert told(diff) == NOTHING | {"stale": [str(day(13))]}


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
    before = [stored(event(day(12))), stored(event(day(20)))]
    diff = compare(before, answer(event(day(19))), WINDOW)
    assert told(diff)["changed"] == [f"{day(20)} {day(19)}"]
    assert told(diff)["stale"] == [str(day(12))]


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


ESTIMATED = Confidence.ESTIMATED
DIVIDEND = EventType.DIVIDEND


@pytest.mark.parametrize("kind", [EventType.EARNINGS, DIVIDEND])
@pytest.mark.parametrize("listed", [(), (-60,)], ids=["nothing", "last quarter's date"])
@pytest.mark.parametrize("ahead", [1, 10])
def test_a_confirmed_date_that_is_near_stays_when_it_is_no_longer_listed(
    kind: EventType, listed: tuple[int, ...], ahead: int
) -> None:
    """A past date in Yahoo's one field says nothing of the next one."""
    said = answer(*(event(day(days), kind=kind) for days in listed))
    diff = compare([stored(event(day(ahead), kind=kind))], said, WINDOW)
    assert told(diff) == NOTHING | {"unconfirmed": [str(day(ahead))]}
    assert [one.mark for one in diff.unconfirmed] == [Unconfirmed(NOW, 1)]


def test_what_is_estimated_or_farther_ahead_goes_at_once() -> None:
    near_guess = stored(event(day(3), "A", confidence=ESTIMATED))
    far = stored(event(day(11), "B"))
    diff = compare([near_guess, far], answer(covers=("A", "B")), WINDOW)
    assert told(diff) == NOTHING | {"stale": [str(day(3)), str(day(11))]}


def test_a_meeting_that_its_maker_s_own_page_drops_goes_at_once() -> None:
    one = stored(event(day(3), "scheduled", EventType.FOMC, symbol=None))
    diff = compare([one], answer(covers=("scheduled",)), WINDOW)
    assert told(diff) == NOTHING | {"stale": [str(day(3))]}


@pytest.mark.parametrize(
    ("rounds", "hours", "is_gone"),
    [(1, 72, False), (2, 47, False), (2, 48, True), (9, 1, False)],
)
def test_three_answers_over_two_days_agree_that_it_is_gone(
    rounds: int, hours: int, *, is_gone: bool
) -> None:
    since = NOW - timedelta(hours=hours)
    marked = Unconfirmed(since, rounds).on(event(day(5)))
    diff = compare([stored(marked)], answer(), WINDOW)
    kind = "stale" if is_gone else "unconfirmed"
    assert told(diff) == NOTHING | {kind: [str(day(5))]}
    assert [one.mark for one in diff.unconfirmed] == (
        [] if is_gone else [Unconfirmed(since, rounds + 1)]
    )
    assert diff.vanished == (), "the answer that dropped it came before this one"


def test_a_damaged_mark_begins_anew() -> None:
    one = stored(event(day(5), detail={"unconfirmed": {"since": "soon"}}))
    assert compare([one], answer(), WINDOW).unconfirmed[0].mark == Unconfirmed(NOW, 1)


def test_an_answer_that_is_silent_about_a_type_makes_none_of_it_stale() -> None:
    both = [stored(event(day(13))), stored(event(day(13), kind=DIVIDEND))]
    said = replace(answer(), silent={"AAPL": (EventType.EARNINGS,)})
    diff = compare(both, said, WINDOW)
    assert [one.event.event_type for one in diff.stale] == [DIVIDEND]


@pytest.mark.parametrize(("first", "later"), [(2, 9), (2, 28), (15, 20), (5, 60)])
def test_a_later_ex_dividend_date_stands_beside_a_confirmed_earlier_one(
    first: int, later: int
) -> None:
    """Three months that were declared at once, or a special dividend, in the one field."""
    one, said = stored(event(day(first), kind=DIVIDEND)), answer(event(day(later), kind=DIVIDEND))
    diff = compare([one], said, WINDOW)
    assert told(diff) == NOTHING | {"new": [str(day(later))] if later <= 28 else []}
    both = [one, stored(event(day(later), kind=DIVIDEND))]
    assert told(compare(both, said, WINDOW)) == NOTHING | {"unchanged": [str(day(later))]}


@pytest.mark.parametrize(("before", "now"), [(9, 5), (27, 3)])
def test_an_earlier_ex_dividend_date_is_a_move(before: int, now: int) -> None:
    diff = compare(
        [stored(event(day(before), kind=DIVIDEND))], answer(event(day(now), kind=DIVIDEND)), WINDOW
    )
    assert told(diff) == NOTHING | {"changed": [f"{day(before)} {day(now)}"]}


def test_an_estimated_ex_dividend_date_may_move_to_a_later_one() -> None:
    guess = stored(event(day(7), kind=DIVIDEND, confidence=ESTIMATED))
    diff = compare([guess], answer(event(day(8), kind=DIVIDEND)), WINDOW)
    assert told(diff) == NOTHING | {"changed": [f"{day(7)} {day(8)}"]}


def span(first: int, last: int) -> Event:
    return event(day(first), confidence=ESTIMATED, end_date=day(last))


@pytest.mark.parametrize(("first", "last", "on"), [(5, 10, 8), (-1, 4, 2), (0, 5, 0), (-3, 2, 2)])
def test_a_span_and_the_confirmed_date_within_it_are_one_report(
    first: int, last: int, on: int
) -> None:
    diff = compare([stored(span(first, last))], answer(event(day(on))), WINDOW)
    assert told(diff) == NOTHING | {"changed": [f"{day(first)} {day(on)}"]}


def test_a_span_that_has_begun_may_still_become_a_later_date() -> None:
    diff = compare([stored(span(-1, 4))], answer(event(day(6))), WINDOW)
    assert told(diff) == NOTHING | {"changed": [f"{day(-1)} {day(6)}"]}


def test_a_span_that_has_begun_may_shift() -> None:
    diff = compare([stored(span(-1, 4))], answer(span(0, 5)), WINDOW)
    assert told(diff) == NOTHING | {"changed": [f"{day(-1)} {day(0)}"]}


@pytest.mark.parametrize("on", [0, -1])
def test_an_estimate_around_a_day_that_came_is_no_second_report(on: int) -> None:
    diff = compare([stored(event(day(on)))], answer(span(-2, 3)), WINDOW)
    assert told(diff) == NOTHING


@pytest.mark.parametrize(("first", "last", "on"), [(-1, 4, 2), (3, 8, 5), (-2, 3, -1)])
def test_a_span_that_was_stored_beside_its_date_goes(first: int, last: int, on: int) -> None:
    both = [stored(span(first, last)), stored(event(day(on)))]
    diff = compare(both, answer(event(day(on))), WINDOW)
    assert told(diff) == NOTHING | {"stale": [str(day(first))], "unchanged": [str(day(on))]}
    assert diff.vanished == (), "it is no loss"


def test_a_span_does_not_go_for_last_quarter_s_estimate() -> None:
    said = answer(event(day(-1), confidence=ESTIMATED))
    assert told(compare([stored(span(-2, 3))], said, WINDOW)) == NOTHING
