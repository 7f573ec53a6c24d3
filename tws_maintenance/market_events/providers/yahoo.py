"""Reading Yahoo's calendarEvents of one symbol: earnings and the ex-dividend date.

Yahoo gives epochs. An earnings date is placed in the exchange's own zone, never in the host's;
an ex-dividend date is midnight UTC of the date itself, or midnight where the exchange is. What
Yahoo only estimates has no time that means anything: such earnings are all-day, over the span that
Yahoo gives.

How Yahoo says "nothing comes", by 28 recorded answers: each of a company holds `earnings` with a
list `earningsDate`, each that it has no calendar for (funds, indices, currencies) is a 404. A
company that never paid a dividend has no `exDividendDate` at all (AMZN, SPOT), and one that paid
keeps its last one for years (THYAO's is of 2013). So a list without dates says "none", and a
missing or empty node says nothing; what is stored decides whether it had to be there.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from tws_maintenance.config.markets import venue_of
from tws_maintenance.config.venues import Venue
from tws_maintenance.core.clock import utc_text
from tws_maintenance.core.errors import PageChanged, SourceError
from tws_maintenance.market_events.model import Answer, Confidence, Event, EventType, Window

_T = TypeVar("_T")
# Tells whether a venue is closed on a local day: None for unknown.
IsClosed = Callable[[Venue, date], bool | None]
QUOTE_PAGE = "https://finance.yahoo.com/quote/"
_FIRST_EPOCH = datetime(1970, 1, 2, tzinfo=UTC).timestamp()
_LAST_EPOCH = datetime(2100, 1, 1, tzinfo=UTC).timestamp()
# How Yahoo writes "no time": midnight, or one minute before 11:00 UTC.
_NO_TIME = (time(0), time(10, 59))
# A span longer than this is no estimate of a quarter's report.
_MAX_SPAN = timedelta(days=45)
# When in the day it happens, where Yahoo or the exchange's hours do not say.
UNKNOWN = "unknown"
_KEPT = ("earningsDate", "isEarningsDateEstimate", "earningsCallDate")
_ESTIMATES = {
    "earningsAverage": "eps_average",
    "earningsLow": "eps_low",
    "earningsHigh": "eps_high",
    "revenueAverage": "revenue_average",
    "revenueLow": "revenue_low",
    "revenueHigh": "revenue_high",
}


def parse(symbol: str, venue: Venue, payload: Any) -> tuple[Event, ...]:
    """Return the events in Yahoo's answer about `symbol`, () where it names no date.

    `payload` is the decoded JSON of `quoteSummary/<symbol>?modules=calendarEvents`.

    Raises:
        PageChanged: it is not an answer of that kind, or says nothing about either kind of event.
    """
    calendar = _calendar(payload)
    earnings = _earnings_node(calendar)
    events = []
    if earnings and earnings["earningsDate"]:
        instants = sorted(_instant(value, "earningsDate") for value in earnings["earningsDate"])
        events.append(_earnings(symbol, venue, earnings, instants))
    if _has_dividend(calendar):
        events.append(_dividend(symbol, venue, calendar))
    elif earnings is None:
        raise PageChanged(
            f"Yahoo's answer names neither earnings nor an ex-dividend date: {calendar!r:.120}. "
            "Expected at least an empty list of earnings dates. Its format may have changed"
        )
    return tuple(events)


def silent_types(payload: Any) -> tuple[EventType, ...]:
    """Return the types of events about which an answer that `parse` accepts says nothing."""
    calendar = _calendar(payload)
    said = {
        EventType.EARNINGS: _earnings_node(calendar) is not None,
        EventType.DIVIDEND: _has_dividend(calendar),
    }
    return tuple(one for one, is_said in said.items() if not is_said)


def _earnings_node(calendar: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the node of earnings, None where it is missing or empty, as a fund's may be.

    One that holds something but no list of dates is a company's whose key was renamed.
    """
    earnings = _of_type(calendar, "earnings", dict, "an object")
    if earnings and not isinstance(earnings.get("earningsDate"), list):
        found = earnings.get("earningsDate", f"missing beside {', '.join(sorted(earnings))}")
        raise PageChanged(f"Yahoo's earningsDate is {found!r:.80}; expected a list")
    return earnings or None


def _has_dividend(calendar: Mapping[str, Any]) -> bool:
    return calendar.get("exDividendDate") not in (None, {})


def _calendar(payload: Any) -> Mapping[str, Any]:
    """Return the calendar; one that says nothing of either kind of event is no answer."""
    try:
        summary = payload["quoteSummary"]
        found, error = summary["result"][0]["calendarEvents"], summary.get("error")
    except (KeyError, IndexError, TypeError, AttributeError):
        found, error = None, None
    if error is not None:
        raise PageChanged(f"Yahoo's answer says that it failed: {error!r:.120}")
    if not isinstance(found, Mapping) or not {"earnings", "exDividendDate"} & found.keys():
        raise PageChanged(
            f"Yahoo's answer holds no calendarEvents: {payload!r:.120}. Its format may have changed"
        )
    return found


def _of_type(value: Mapping[str, Any], name: str, kind: type[_T], expected: str) -> _T | None:
    """Return a member, None where it is absent; "" or {} where a list belongs is no "none"."""
    found = value.get(name)
    if found is not None and not isinstance(found, kind):
        raise PageChanged(f"Yahoo's {name} is {found!r:.80}; expected {expected}")
    return found


def _instant(value: Any, name: str) -> datetime:
    """Return an epoch in seconds as an instant; Yahoo also writes {"raw": epoch, "fmt": text}."""
    epoch = value.get("raw") if isinstance(value, Mapping) else value
    if isinstance(epoch, bool) or not isinstance(epoch, int | float):
        raise PageChanged(f"Yahoo's {name} is {value!r:.80}; expected seconds since 1970")
    if not _FIRST_EPOCH <= epoch < _LAST_EPOCH:
        raise PageChanged(f"Yahoo's {name} is {value!r:.80}, which is no plausible date")
    return datetime.fromtimestamp(epoch, UTC)


def _detail(value: Any) -> datetime | None:
    """Return an instant that is only detail: an odd one does not cost the event its date."""
    try:
        return _instant(value, "detail")
    except PageChanged:
        return None


def _some(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _earnings(
    symbol: str, venue: Venue, earnings: Mapping[str, Any], instants: list[datetime]
) -> Event:
    zone = ZoneInfo(venue.timezone)
    first, last = _local(instants[0], zone), _local(instants[-1], zone)
    if last - first > _MAX_SPAN:
        raise PageChanged(
            f"Yahoo's earningsDate spans {first.date()} to {last.date()}, which is no estimate"
        )
    is_confirmed = earnings.get("isEarningsDateEstimate") is False and first.date() == last.date()
    timing = _timing(first, venue) if is_confirmed and len(instants) == 1 else UNKNOWN
    told = f", {timing.replace('_', ' ')}" if timing != UNKNOWN else ""
    is_timed = timing != UNKNOWN
    return Event(
        event_type=EventType.EARNINGS,
        subject=symbol,
        symbol=symbol,
        title=f"{symbol} earnings{told or ('' if is_confirmed else ' (estimated)')}",
        event_date=first.date(),
        end_date=last.date() if last.date() > first.date() else None,
        market_timezone=venue.timezone,
        confidence=Confidence.CONFIRMED if is_confirmed else Confidence.ESTIMATED,
        event_time=first.time() if is_timed else None,
        start_at_utc=instants[0] if is_timed else None,
        source_url=f"{QUOTE_PAGE}{symbol}",
        detail={
            "timing": timing,
            "venue": venue.code,
            "call_at_utc": [
                utc_text(at) for at in map(_detail, _some(earnings.get("earningsCallDate"))) if at
            ],
            "estimates": {
                ours: earnings[theirs]
                for theirs, ours in _ESTIMATES.items()
                if _is_number(earnings.get(theirs))
            },
        },
        raw={name: earnings[name] for name in _KEPT if name in earnings},
    )


def _is_number(value: Any) -> bool:
    """Tell whether JSON can say it again: a finite number, which true is not."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value)


def _local(at: datetime, zone: ZoneInfo) -> datetime:
    """Place an instant in the exchange's zone; what stands for no time is a date alone."""
    if at.time() in _NO_TIME:
        return datetime.combine(at.date(), time(0), zone)
    return at.astimezone(zone)


def _timing(local: datetime, venue: Venue) -> str:
    """Return when in the day; midnight is how Yahoo writes "no time"."""
    if local.time() == time(0):
        return UNKNOWN
    if local.time() < venue.opens:
        return "before_open"
    return "after_close" if local.time() >= venue.closes else "during_session"


def on_closed_day(event: Event) -> Event:
    """Return what an event is worth on a day on which its exchange is closed.

    A share cannot go ex then, so the date is a guess. A company may report (some do on Saturdays),
    but neither before the opening nor after the close of that day.
    """
    if event.event_type == EventType.DIVIDEND:
        return replace(event, confidence=Confidence.ESTIMATED)
    if event.detail["timing"] == UNKNOWN:
        return event
    detail = event.detail | {"timing": UNKNOWN}
    return replace(event, title=f"{event.symbol} earnings", detail=detail)


def _day_of(at: datetime, zone: ZoneInfo) -> date:
    """Return the date that stands for a day: of midnight in the exchange's zone, else of UTC."""
    local = at.astimezone(zone)
    return local.date() if local.time() == time(0) else at.date()


def _dividend(symbol: str, venue: Venue, calendar: Mapping[str, Any]) -> Event:
    zone = ZoneInfo(venue.timezone)
    paid = _detail(calendar.get("dividendDate"))
    return Event(
        event_type=EventType.DIVIDEND,
        subject=symbol,
        symbol=symbol,
        title=f"{symbol} ex-dividend",
        event_date=_day_of(_instant(calendar["exDividendDate"], "exDividendDate"), zone),
        market_timezone=venue.timezone,
        source_url=f"{QUOTE_PAGE}{symbol}",
        detail={
            "venue": venue.code,
            "payment_date": None if paid is None else _day_of(paid, zone).isoformat(),
        },
        raw={name: calendar.get(name) for name in ("exDividendDate", "dividendDate")},
    )


def judge_days(answer: Answer, window: Window, is_closed: IsClosed | None = None) -> Answer:
    """Return the answer with its events of closed days corrected, a warning for each dividend.

    A day that is over, a span of days, and a day about which nothing is known stay as they are.
    """
    ask = _remembering(is_closed or _by_the_calendars(window))
    events, warnings = [], []
    for event in answer.events:
        venue = venue_of(event.symbol or "")
        is_open_question = event.end_date is None and event.event_date >= window.today(
            event.market_timezone
        )
        if venue is None or not is_open_question or not ask(venue, event.event_date):
            events.append(event)
            continue
        events.append(on_closed_day(event))
        if event.event_type == EventType.DIVIDEND:
            warnings.append(_warning(event, venue))
    return replace(answer, events=tuple(events), warnings=(*answer.warnings, *warnings))


def _by_the_calendars(window: Window) -> IsClosed:
    from tws_maintenance.market_events.providers.calendars import is_closed_day

    def ask(venue: Venue, day: date) -> bool | None:
        try:
            return is_closed_day(venue, day, at=window.at)
        except SourceError:
            return None  # the provider of holidays fails with the reason, in the same run

    return ask


def _remembering(ask: IsClosed) -> IsClosed:
    """Ask about each day of a venue once: it is a millisecond, and there are 500 symbols."""
    known: dict[tuple[str, date], bool | None] = {}

    def remember(venue: Venue, day: date) -> bool | None:
        key = venue.code, day
        if key not in known:
            known[key] = ask(venue, day)
        return known[key]

    return remember


def _warning(event: Event, venue: Venue) -> str:
    return (
        f"{event.title} on {event.event_date}, a {event.event_date:%A} on which {venue.name} is "
        "closed: no share goes ex then, so the date is kept as estimated"
    )
