"""What Yahoo's dates are worth on days on which their exchange is closed."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date

from tws_maintenance.config.markets import venue_of
from tws_maintenance.config.venues import Venue
from tws_maintenance.core.errors import SourceError
from tws_maintenance.market_events.model import Answer, Event, EventType, Window
from tws_maintenance.market_events.providers.yahoo import on_closed_day

# Tells whether a venue is closed on a local day: None for unknown.
IsClosed = Callable[[Venue, date], bool | None]


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
