"""The audit of staged events: each rule passes what is sound and names what is not."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

import pytest

from tws_maintenance.audit.results import Outcome, Rule, RuleResult
from tws_maintenance.market_events import rules
from tws_maintenance.market_events.audit import judge
from tws_maintenance.market_events.model import Answer, Event, EventType, SymbolOutcome, Window
from tws_maintenance.market_events.proposal import StagedJson

NOW = datetime(2026, 11, 22, 19, 0, tzinfo=UTC)
NEW_YORK = "America/New_York"
FAR = date(2027, 12, 31)


def staged(**counts: int) -> dict[str, Any]:
    """Return what staging writes of three good answers."""
    soon = date(2026, 12, 1)
    yahoo = Answer(
        "yahoo",
        "yahoo",
        (
            Event(EventType.EARNINGS, "AAPL", "AAPL earnings", soon, NEW_YORK, symbol="AAPL"),
            Event(
                EventType.DIVIDEND, "D05.SI", "D05.SI ex", soon, "Asia/Singapore", symbol="D05.SI"
            ),
        ),
        {"AAPL": FAR, "D05.SI": FAR},
        symbols={"AAPL": (SymbolOutcome.OK, "")},
    )
    fed = Answer(
        "federal_reserve",
        "fed",
        (
            Event(
                EventType.FOMC,
                "scheduled",
                "FOMC",
                date(2026, 12, 9),
                NEW_YORK,
                start_at_utc=datetime(2026, 12, 9, 19, 0, tzinfo=UTC),
            ),
        ),
        {"scheduled": FAR},
        counts={"2026": 8, **counts},
    )
    closed = Event(EventType.MARKET_HOLIDAY, "XNYS", "closed", date(2026, 11, 26), NEW_YORK)
    calendars = Answer("exchange_calendars", "packages", (closed,), {"XNYS": FAR})
    answers: list[dict[str, Any]] = [one.to_dict() for one in (yahoo, fed, calendars)]
    for answer in answers:
        for event in answer["events"]:
            event["is_known"] = False
    return {"window": Window(NOW, 28).to_dict(), "relevant": [], "answers": answers}


def judged(value: dict[str, Any]) -> tuple[RuleResult, ...]:
    """Judge what may be of any form: it lies on disk."""
    return judge(cast("StagedJson", value))


def result_of(value: dict[str, Any], rule: Rule) -> RuleResult:
    (found,) = [one for one in judged(value) if one.name == rule.name]
    return found


def events_of(value: dict[str, Any], provider: int = 0) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = value["answers"][provider]["events"]
    return events


def test_good_answers_pass_every_rule_in_its_order() -> None:
    found = judged(staged())
    assert [one.name for one in found] == [rule.name for rule in rules.RULES]
    assert {one.outcome for one in found} == {Outcome.PASSED}


def test_no_events_at_all_are_sound_where_the_providers_answered() -> None:
    value = staged()
    for answer in value["answers"]:
        answer["events"] = []
    assert {one.outcome for one in judged(value)} == {Outcome.PASSED}


def changed(name: str, to: Any, provider: int = 0) -> Callable[[dict[str, Any]], None]:
    return lambda value: events_of(value, provider)[0].update({name: to})


@pytest.mark.parametrize(
    ("change", "rule", "named"),
    [
        (changed("event_date", "2026-13-01"), rules.DATES, "EARNINGS AAPL on 2026-13-01"),
        (changed("event_date", None), rules.DATES, "EARNINGS AAPL"),
        (changed("event_date", "soon"), rules.DATES, "soon"),
        (changed("end_date", "2026-11-30"), rules.DATES, "EARNINGS AAPL"),
        (changed("start_at_utc", "2026-12-01"), rules.DATES, "EARNINGS AAPL"),
        (changed("start_at_utc", "2026-12-02T06:00:00.000Z"), rules.DATES, "EARNINGS AAPL"),
        (changed("event_date", "2026-12-21"), rules.WINDOW, "2026-12-21"),
        (changed("event_date", "2026-11-21"), rules.WINDOW, "2026-11-21"),
        (changed("event_type", "RUMOUR"), rules.TYPES, "RUMOUR"),
        (changed("event_type", "FOMC"), rules.TYPES, "FOMC AAPL"),
        (changed("symbol", "AAPL.XX"), rules.SYMBOLS, "AAPL"),
        (changed("symbol", None), rules.SYMBOLS, "AAPL"),
        (changed("symbol", "TSLA"), rules.SYMBOLS, "AAPL"),
        (changed("market_timezone", "Asia/Hong_Kong"), rules.SYMBOLS, "AAPL"),
        (changed("symbol", "SPY", 1), rules.SYMBOLS, "FOMC scheduled"),
        (changed("event_date", "2026-11-28", 2), rules.WEEKDAYS, "MARKET_HOLIDAY XNYS"),
    ],
)
def test_an_event_that_breaks_a_rule_fails_it_by_name(
    change: Callable[[dict[str, Any]], None], rule: Rule, named: str
) -> None:
    value = staged()
    change(value)
    found = result_of(value, rule)
    assert found.outcome == Outcome.FAILED
    assert named in found.message
    assert "1 of 4 events" in found.message
    assert len(found.cells) == 1


def test_an_event_that_is_known_may_lie_outside_the_window() -> None:
    value = staged()
    events_of(value)[0].update({"event_date": "2027-01-05", "is_known": True})
    assert result_of(value, rules.WINDOW).outcome == Outcome.PASSED


def test_a_span_that_reaches_into_the_window_is_inside() -> None:
    value = staged()
    events_of(value)[0].update({"event_date": "2026-11-20", "end_date": "2026-11-23"})
    assert result_of(value, rules.WINDOW).outcome == Outcome.PASSED


def test_an_event_that_is_told_twice_is_named() -> None:
    value = staged()
    events_of(value).append(dict(events_of(value)[0]))
    found = result_of(value, rules.UNIQUE)
    assert found.outcome == Outcome.FAILED
    assert "2 of 5 events" in found.message


@pytest.mark.parametrize("count", [0, 7])
def test_a_year_has_eight_scheduled_meetings(count: int) -> None:
    value = staged(**{"2026": count})
    found = result_of(value, rules.FOMC)
    assert (found.outcome, found.measured) == (Outcome.FAILED, count)


def test_a_ninth_meeting_is_odd_and_stops_nothing() -> None:
    assert result_of(staged(**{"2026": 9}), rules.FOMC).outcome == Outcome.WARNED


@pytest.mark.parametrize(
    "change", [changed("market_timezone", "Mars/Olympus"), changed("subject", ["a", "list"])]
)
def test_a_rule_that_cannot_run_has_failed(change: Callable[[dict[str, Any]], None]) -> None:
    value = staged()
    change(value)
    failed = [one for one in judged(value) if one.outcome == Outcome.FAILED]
    assert failed
    assert any("could not run" in one.message for one in failed)


def test_a_calendar_that_was_not_read_is_not_judged_and_that_is_said() -> None:
    value = staged(**{"2026": 0})
    value["answers"][1] |= {"covers": {}, "events": [], "errors": ["HTTP 500"]}
    found = result_of(value, rules.FOMC)
    assert found.outcome == Outcome.WARNED
    assert "not checked" in found.message


def test_where_no_provider_answered_nothing_passes() -> None:
    value = staged()
    for answer in value["answers"]:
        answer |= {"covers": {}, "events": [], "symbols": {}}
    found = result_of(value, rules.ANSWERED)
    assert found.outcome == Outcome.FAILED
    value["answers"][0]["symbols"] = {"ZZZ": ["unknown_symbol", "no such"]}
    assert result_of(value, rules.ANSWERED).outcome == Outcome.PASSED


def test_many_offenders_are_counted_and_a_few_named() -> None:
    value = staged()
    one = events_of(value)[0]
    far = (NOW + timedelta(days=90)).date().isoformat()
    events_of(value).extend(
        one | {"subject": f"S{n}", "symbol": f"S{n}", "event_date": far} for n in range(30)
    )
    found = result_of(value, rules.WINDOW)
    assert "30 of 34 events" in found.message
    assert "and 25 more" in found.message
    assert len(found.cells) == 20
