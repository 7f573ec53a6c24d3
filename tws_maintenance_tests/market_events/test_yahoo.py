"""Yahoo's calendar of one symbol: dates in the exchange's zone, spans, times, and odd answers."""

import json
from datetime import UTC, date, datetime, time
from typing import Any

import pytest

from tws_maintenance.config.symbol_markets import venue_of
from tws_maintenance.config.venues import XHKG, XNYS, XSES, Venue
from tws_maintenance.core.errors import PageChanged
from tws_maintenance.market_events.model import Confidence, Event, EventType
from tws_maintenance.market_events.providers.yahoo import parse, silent_types
from tws_maintenance_tests.support import SHARED


def epoch(*when: int) -> int:
    return int(datetime(*when, tzinfo=UTC).timestamp())  # type: ignore[misc,arg-type]


def payload(earnings: Any = None, **events: Any) -> dict[str, Any]:
    told = {"maxAge": 1, "earnings": earnings or {"earningsDate": []}, **events}
    return {"quoteSummary": {"result": [{"calendarEvents": told}], "error": None}}


def confirmed(at: int) -> dict[str, Any]:
    return {"earningsDate": [at], "isEarningsDateEstimate": False}


@pytest.mark.usefixtures("host_zone")
@pytest.mark.parametrize(
    ("venue", "at", "day", "local", "timing"),
    [
        # 21:00 UTC is four in the afternoon in New York's winter, five in its summer.
        (XNYS, (2025, 2, 26, 21, 0), date(2025, 2, 26), time(16), "after_close"),
        (XNYS, (2025, 7, 24, 21, 0), date(2025, 7, 24), time(17), "after_close"),
        (XNYS, (2025, 2, 4, 11, 30), date(2025, 2, 4), time(6, 30), "before_open"),
        # The Friday before and the Monday after the change to summer time (9 March 2025).
        (XNYS, (2025, 3, 7, 13, 45), date(2025, 3, 7), time(8, 45), "before_open"),
        (XNYS, (2025, 3, 10, 13, 45), date(2025, 3, 10), time(9, 45), "during_session"),
        # After midnight in Asia it is the next day there.
        (XSES, (2025, 2, 9, 23, 30), date(2025, 2, 10), time(7, 30), "before_open"),
        (XHKG, (2025, 2, 18, 16, 5), date(2025, 2, 19), time(0, 5), "before_open"),
        (XHKG, (2025, 2, 19, 8, 30), date(2025, 2, 19), time(16, 30), "after_close"),
    ],
)
def test_a_confirmed_date_is_placed_in_the_exchanges_zone_whatever_the_hosts(
    venue: Venue, at: tuple[int, ...], day: date, local: time, timing: str
) -> None:
    (event,) = parse("AAA", venue, payload(confirmed(epoch(*at))))
    assert (event.event_date, event.event_time, event.detail["timing"]) == (day, local, timing)
    assert event.start_at_utc == datetime(*at, tzinfo=UTC)  # type: ignore[misc,arg-type]
    assert event.market_timezone == venue.timezone
    assert event.confidence == Confidence.CONFIRMED
    assert event.title == f"AAA earnings, {timing.replace('_', ' ')}"


@pytest.mark.usefixtures("host_zone")
def test_an_ex_dividend_date_is_the_utc_date_of_its_midnight() -> None:
    """In New York's zone it would be the day before, a day too late to sell."""
    (event,) = parse("AAPL", XNYS, payload(exDividendDate=1739145600, dividendDate=1739404800))
    assert (event.event_type, event.event_date) == (EventType.DIVIDEND, date(2025, 2, 10))
    assert (event.start_at_utc, event.event_time) == (None, None)
    assert event.detail["payment_date"] == "2025-02-13"


@pytest.mark.usefixtures("host_zone")
@pytest.mark.parametrize(
    ("venue", "at"),
    [
        (XNYS, (2026, 12, 9, 5, 0)),
        (XNYS, (2026, 12, 9, 0, 0)),
        (XHKG, (2026, 12, 8, 16, 0)),
        (XSES, (2026, 12, 8, 16, 0)),
        (XSES, (2026, 12, 9, 0, 0)),
    ],
)
def test_midnight_where_the_exchange_is_stands_for_that_date(
    venue: Venue, at: tuple[int, ...]
) -> None:
    """In UTC Hong Kong's would be the day before."""
    when = epoch(*at)
    (event,) = parse("A", venue, payload(exDividendDate=when, dividendDate=when))
    assert event.event_date == date(2026, 12, 9)
    assert event.detail["payment_date"] == "2026-12-09"


def test_what_is_only_estimated_is_a_span_of_days_without_a_time() -> None:
    earnings = {"earningsDate": [1746446400, 1746010740], "isEarningsDateEstimate": True}
    (event,) = parse("AAPL", XNYS, payload(earnings | {"earningsAverage": 1.61696}))
    assert (event.event_date, event.end_date) == (date(2025, 4, 30), date(2025, 5, 5))
    assert (event.start_at_utc, event.confidence) == (None, Confidence.ESTIMATED)
    assert event.detail["estimates"] == {"eps_average": 1.61696}
    assert event.title == "AAPL earnings (estimated)"


def test_one_estimated_day_is_all_day_and_so_is_a_confirmed_one_at_midnight() -> None:
    at = epoch(2025, 4, 30, 20, 0)
    (guess,) = parse("A", XNYS, payload({"earningsDate": [at], "isEarningsDateEstimate": True}))
    (unsaid,) = parse("A", XNYS, payload({"earningsDate": [at]}))
    (midnight,) = parse("A", XNYS, payload(confirmed(epoch(2025, 4, 30, 4, 0))))
    (in_utc,) = parse("A", XNYS, payload(confirmed(epoch(2025, 4, 30, 0, 0))))
    assert (in_utc.event_date, in_utc.start_at_utc) == (date(2025, 4, 30), None)
    assert [(e.event_date, e.end_date, e.start_at_utc) for e in (guess, unsaid, midnight)] == [
        (date(2025, 4, 30), None, None)
    ] * 3
    assert [e.confidence.value for e in (guess, unsaid, midnight)] == [
        "estimated",
        "estimated",
        "confirmed",
    ]


def test_one_minute_before_eleven_is_no_time_either() -> None:
    """Recorded of CMCOM.AS and THYAO.IS, whose calls were in the morning and in the afternoon."""
    (event,) = parse("A", XNYS, payload(confirmed(epoch(2025, 2, 13, 10, 59))))
    assert (event.event_date, event.start_at_utc) == (date(2025, 2, 13), None)
    assert event.detail["timing"] == "unknown"


def test_a_span_of_a_year_is_no_estimate() -> None:
    days = [epoch(2025, 1, 5, 21, 0), epoch(2026, 1, 5, 21, 0)]
    with pytest.raises(PageChanged, match="spans 2025-01-05 to 2026-01-05"):
        parse("A", XNYS, payload({"earningsDate": days, "isEarningsDateEstimate": True}))


def test_odd_details_do_not_cost_an_event_its_date() -> None:
    told = confirmed(epoch(2025, 2, 26, 21, 0)) | {"earningsCallDate": [{}]}
    first, second = parse("A", XNYS, payload(told, exDividendDate=1739145600, dividendDate={}))
    assert (first.detail["call_at_utc"], second.detail["payment_date"]) == ([], None)
    assert len(parse("A", XNYS, payload(told, exDividendDate={}))) == 1


def test_estimates_are_detail_and_their_change_is_no_change_of_the_event() -> None:
    at = confirmed(epoch(2025, 2, 26, 21, 0))
    before = parse("A", XNYS, payload(at | {"earningsAverage": 1.0}))[0]
    after = parse("A", XNYS, payload(at | {"earningsAverage": 2.0}))[0]
    assert before.detail != after.detail
    assert before.facts() == after.facts()


def test_only_what_json_can_say_again_is_kept_of_an_answer() -> None:
    odd = {"earningsAverage": float("nan"), "earningsLow": float("inf"), "earningsHigh": True}
    told = confirmed(epoch(2025, 2, 26, 21, 0)) | odd | {"revenueLow": 1, "note": "\ud800"}
    (event,) = parse("A", XNYS, payload(told))
    assert event.detail["estimates"] == {"revenue_low": 1}
    assert set(event.raw) == {"earningsDate", "isEarningsDateEstimate"}
    json.dumps(event.to_dict(), allow_nan=False, ensure_ascii=False).encode()


def test_a_symbol_without_dates_has_no_event() -> None:
    assert parse("A", XNYS, payload()) == ()
    assert silent_types(payload()) == (EventType.DIVIDEND,)


def calendar(**nodes: Any) -> dict[str, Any]:
    told = {"maxAge": 1, **nodes}
    return {"quoteSummary": {"result": [{"calendarEvents": told}], "error": None}}


EMPTIED = [{}, {"earnings": None}, {"earnings": {}}, {"earningz": {"earningsDate": [1746446400]}}]


@pytest.mark.parametrize("nodes", EMPTIED)
def test_an_answer_without_earnings_says_nothing_about_them(nodes: dict[str, Any]) -> None:
    """A fund that pays has an ex-dividend date alone; with neither it is no answer."""
    answer = calendar(**nodes, exDividendDate=1739145600)
    (event,) = parse("SPY", XNYS, answer)
    assert event.event_type == EventType.DIVIDEND
    assert silent_types(answer) == (EventType.EARNINGS,)
    with pytest.raises(PageChanged):
        parse("SPY", XNYS, calendar(**nodes))


@pytest.mark.parametrize(
    "earnings",
    [
        [],
        {"earningsDate": None},
        {"earningsDates": [1746446400], "isEarningsDateEstimate": True},
        {"earningsAverage": 1.5},
    ],
)
def test_earnings_of_another_form_are_no_answer_whatever_stands_beside_them(earnings: Any) -> None:
    with pytest.raises(PageChanged, match="earnings"):
        parse("A", XNYS, calendar(earnings=earnings, exDividendDate=1739145600))


@pytest.mark.parametrize("value", [None, {}])
def test_an_emptied_ex_dividend_date_is_silence(value: Any) -> None:
    answer = payload(exDividendDate=value)
    assert (parse("A", XNYS, answer), silent_types(answer)) == ((), (EventType.DIVIDEND,))


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        ({}, "no calendarEvents"),
        ([], "no calendarEvents"),
        (None, "no calendarEvents"),
        ({"quoteSummary": {"result": [], "error": None}}, "no calendarEvents"),
        ({"quoteSummary": {"result": [{"calendarEvents": 3}]}}, "no calendarEvents"),
        (payload({"earningsDate": "soon"}), "earningsDate is 'soon'"),
        (payload({"earningsDate": ["2025-01-01"]}), "seconds since 1970"),
        (payload({"earningsDate": [True]}), "seconds since 1970"),
        (payload({"earningsDate": [None]}), "seconds since 1970"),
        (payload({"earningsDate": [1746010740000]}), "not a plausible date"),
        (payload({"earningsDate": [0]}), "not a plausible date"),
        (payload(["x"]), "earnings is"),
        (
            {"quoteSummary": {"result": [{"calendarEvents": {}}], "error": None}},
            "no calendarEvents",
        ),
        (
            payload() | {"quoteSummary": {**payload()["quoteSummary"], "error": {"code": "x"}}},
            "reports an error",
        ),
        ({"quoteSummary": {"result": [{"calendarEvents": {"earnings": ""}}]}}, "earnings is ''"),
        (payload({"earningsDate": {}}), "earningsDate is {}"),
        (payload({"earningsDate": ""}), "earningsDate is ''"),
        (payload(exDividendDate="tomorrow"), "exDividendDate is 'tomorrow'"),
        (payload(exDividendDate=-5), "not a plausible date"),
    ],
)
def test_an_answer_of_another_form_is_refused_by_name(answer: Any, named: str) -> None:
    with pytest.raises(PageChanged, match=named):
        parse("A", XNYS, answer)


def test_every_event_survives_its_plain_form() -> None:
    told = payload(confirmed(epoch(2025, 2, 26, 21, 0)), exDividendDate=1739145600)
    for event in parse("CRM", XNYS, told):
        assert Event.from_dict(json.loads(json.dumps(event.to_dict()))) == event


def test_the_recorded_answers_are_read_as_somebody_read_them_by_hand() -> None:
    folder = SHARED / "yahoo"
    if not folder.is_dir():
        pytest.skip("the recorded answers are not beside this checkout")
    read = {}
    for path in folder.glob("*.json"):
        value = json.loads(path.read_text())
        if value["status"] == 200 and (venue := venue_of(value["symbol"])):
            events = parse(value["symbol"], venue, value["body"])
            read[value["symbol"]] = [(e.event_type.value, str(e.event_date)) for e in events]
    assert read["AAPL"] == [("EARNINGS", "2025-04-30"), ("DIVIDEND", "2025-02-10")]
    assert read["CRM"] == [("EARNINGS", "2025-02-26"), ("DIVIDEND", "2024-12-18")]
    assert read["AMZN"] == [("EARNINGS", "2025-04-28")]
    assert len(read) == 12
