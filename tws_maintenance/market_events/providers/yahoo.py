"""Reading Yahoo's calendarEvents of one symbol: earnings and the ex-dividend date.

Yahoo gives epochs. An earnings date is read in the exchange's time zone, never in the host's. An
ex-dividend date is midnight of that date, in UTC or at the exchange. The time of an estimate means
nothing: estimated earnings are all-day, over the span that Yahoo gives.

How Yahoo says "no event", by 28 recorded answers: a company has `earnings` with a list
`earningsDate`; a symbol without a calendar (funds, indices, currencies) gets a 404. A company that
never paid a dividend has no `exDividendDate` (AMZN, SPOT), and one that paid keeps its last one for
years (THYAO's is of 2013). So an empty list means "no date", but a missing or empty node means
nothing: the stored events decide whether it was expected.

Belongs here: reading one answer. Does not: asking for it (`yahoo_client`).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from tws_maintenance.config.symbol_markets import venue_of
from tws_maintenance.config.venues import Venue
from tws_maintenance.core.clock import utc_text
from tws_maintenance.core.errors import PageChanged, SourceError
from tws_maintenance.market_events.model import Answer, Confidence, Event, EventType, Window

_T = TypeVar("_T")
# Returns whether a venue is closed on a local day, None for unknown.
IsClosed = Callable[[Venue, date], bool | None]
QUOTE_PAGE = "https://finance.yahoo.com/quote/"
_FIRST_EPOCH = datetime(1970, 1, 2, tzinfo=UTC).timestamp()
_LAST_EPOCH = datetime(2100, 1, 1, tzinfo=UTC).timestamp()
# How Yahoo writes "no time": midnight, or one minute before 11:00 UTC.
_NO_TIME = (time(0), time(10, 59))
# A longer span is not an estimate of a quarter's report.
_MAX_SPAN = timedelta(days=45)
# The timing within the day, if neither Yahoo nor the exchange's hours give it.
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
    """Return the events in Yahoo's answer for `symbol`, () if it has no date.

    `payload` is the decoded JSON of `quoteSummary/<symbol>?modules=calendarEvents`.

    Raises:
        PageChanged: the payload has another form, or says nothing about either type of event.
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
            f"Yahoo's answer has neither earnings nor an ex-dividend date: {calendar!r:.120}. "
            "Expected at least an empty list of earnings dates. Its format may have changed"
        )
    return tuple(events)


def silent_types(payload: Any) -> tuple[EventType, ...]:
    """Return the types of events that an answer, accepted by `parse`, says nothing about."""
    calendar = _calendar(payload)
    has_node = {
        EventType.EARNINGS: _earnings_node(calendar) is not None,
        EventType.DIVIDEND: _has_dividend(calendar),
    }
    return tuple(one for one, is_there in has_node.items() if not is_there)


def _earnings_node(calendar: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the node of earnings, None if it is missing or empty, as a fund's may be.

    Raises:
        PageChanged: it holds something but no list of dates; Yahoo must have renamed the key.
    """
    earnings = _of_type(calendar, "earnings", dict, "an object")
    if earnings and not isinstance(earnings.get("earningsDate"), list):
        found = earnings.get("earningsDate", f"missing beside {', '.join(sorted(earnings))}")
        raise PageChanged(f"Yahoo's earningsDate is {found!r:.80}; expected a list")
    return earnings or None


def _has_dividend(calendar: Mapping[str, Any]) -> bool:
    return calendar.get("exDividendDate") not in (None, {})


def _calendar(payload: Any) -> Mapping[str, Any]:
    """Return the calendar. Raises PageChanged if it has no node for either type of event."""
    try:
        summary = payload["quoteSummary"]
        found, error = summary["result"][0]["calendarEvents"], summary.get("error")
    except (KeyError, IndexError, TypeError, AttributeError):
        found, error = None, None
    if error is not None:
        raise PageChanged(f"Yahoo's answer reports an error: {error!r:.120}")
    if not isinstance(found, Mapping) or not {"earnings", "exDividendDate"} & found.keys():
        raise PageChanged(
            f"Yahoo's answer has no calendarEvents: {payload!r:.120}. Its format may have changed"
        )
    return found


def _of_type(value: Mapping[str, Any], name: str, kind: type[_T], expected: str) -> _T | None:
    """Return a member, None if it is absent. Raises PageChanged for another type, also if empty."""
    found = value.get(name)
    if found is not None and not isinstance(found, kind):
        raise PageChanged(f"Yahoo's {name} is {found!r:.80}; expected {expected}")
    return found


def _instant(value: Any, name: str) -> datetime:
    """Return an epoch in seconds, or {"raw": epoch, "fmt": text}, as an instant."""
    epoch = value.get("raw") if isinstance(value, Mapping) else value
    if isinstance(epoch, bool) or not isinstance(epoch, int | float):
        raise PageChanged(f"Yahoo's {name} is {value!r:.80}; expected seconds since 1970")
    if not _FIRST_EPOCH <= epoch < _LAST_EPOCH:
        raise PageChanged(f"Yahoo's {name} is {value!r:.80}, which is not a plausible date")
    return datetime.fromtimestamp(epoch, UTC)


def _detail(value: Any) -> datetime | None:
    """Return an instant that is only a detail, None if it is odd: the event is kept anyway."""
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
            f"Yahoo's earningsDate spans {first.date()} to {last.date()}, too long for an estimate"
        )
    is_confirmed = earnings.get("isEarningsDateEstimate") is False and first.date() == last.date()
    timing = _timing(first, venue) if is_confirmed and len(instants) == 1 else UNKNOWN
    half = f", {timing.replace('_', ' ')}" if timing != UNKNOWN else ""
    is_timed = timing != UNKNOWN
    return Event(
        event_type=EventType.EARNINGS,
        subject=symbol,
        symbol=symbol,
        title=f"{symbol} earnings{half or ('' if is_confirmed else ' (estimated)')}",
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
    """Return whether JSON can hold it as a number: finite, and not true or false."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value)


def _local(at: datetime, zone: ZoneInfo) -> datetime:
    """Return an instant in the exchange's zone; one that stands for "no time" is only a date."""
    if at.time() in _NO_TIME:
        return datetime.combine(at.date(), time(0), zone)
    return at.astimezone(zone)


def _timing(local: datetime, venue: Venue) -> str:
    """Return the timing within the day; midnight is how Yahoo writes "no time"."""
    if local.time() == time(0):
        return UNKNOWN
    if local.time() < venue.opens:
        return "before_open"
    return "after_close" if local.time() >= venue.closes else "during_session"


def on_closed_day(event: Event) -> Event:
    """Return an event, corrected for a day on which its exchange is closed.

    A share cannot go ex on such a day, so the date is an estimate. A company may report (some do
    on Saturdays), but not before an opening or after a close.
    """
    if event.event_type == EventType.DIVIDEND:
        return replace(event, confidence=Confidence.ESTIMATED)
    if event.detail["timing"] == UNKNOWN:
        return event
    detail = event.detail | {"timing": UNKNOWN}
    return replace(event, title=f"{event.symbol} earnings", detail=detail)


def _day_of(at: datetime, zone: ZoneInfo) -> date:
    """Return the date of an epoch for a day: local if it is midnight there, else UTC."""
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
    """Return the answer with events on closed days corrected, and a warning for each dividend.

    Past days, spans of days and unknown days stay as they are.
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
            return None  # the provider of holidays reports the reason in the same run

    return ask


def _remembering(ask: IsClosed) -> IsClosed:
    """Return `ask` with a memory for each day of a venue: it takes 1 ms, for 500 symbols."""
    known: dict[tuple[str, date], bool | None] = {}

    def remember(venue: Venue, day: date) -> bool | None:
        key = venue.code, day
        if key not in known:
            known[key] = ask(venue, day)
        return known[key]

    return remember


def _warning(event: Event, venue: Venue) -> str:
    return (
        f"{event.title} on {event.event_date}: {venue.name} is closed that {event.event_date:%A} "
        "and no share goes ex then, so the date is kept as estimated"
    )
