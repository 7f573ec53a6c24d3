"""The stored events as a calendar (RFC 5545) that other programs subscribe to.

Nothing in it depends on when it was made but what is over by then: the same store gives the same
bytes, so that a subscriber sees a change only where there is one.
"""

import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import icalendar

from tws_maintenance.market_events.model import (
    PROVIDERS,
    Confidence,
    Event,
    StoredEvent,
    Window,
)
from tws_maintenance.market_events.upcoming import SHOWN_STATUSES, is_cancelled

CALENDAR_NAME = "Market events"
PRODUCT = "-//tws-maintenance//market events//EN"
UID_DOMAIN = "tws-maintenance"


def to_icalendar(stored: Iterable[StoredEvent], at: datetime) -> bytes:
    """Return every event that is not over at `at` (aware), cancelled ones marked as such.

    An all-day event is a date in its market, which every reader's calendar shows on that date;
    an instant is UTC, which each shows in its own zone.
    """
    calendar = icalendar.Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", CALENDAR_NAME)
    now = Window(at, 0)
    shown = [
        one
        for one in stored
        if one.status in SHOWN_STATUSES
        and one.event.last_date >= now.today(one.event.market_timezone)
    ]
    for one in sorted(shown, key=lambda one: (one.event.event_date, one.event_id)):
        calendar.add_component(_component(one))
    content: bytes = calendar.to_ical()
    return content


def _component(one: StoredEvent) -> icalendar.Event:
    event = one.event
    component = icalendar.Event()
    component.add("uid", f"{one.event_id}@{UID_DOMAIN}")
    component.add("dtstamp", one.updated_at.astimezone(UTC))
    component.add("last-modified", one.updated_at.astimezone(UTC))
    _add_when(component, event)
    component.add("summary", _text(event.title))
    component.add("description", _text(_description(one)))
    component.add("categories", [event.event_type.value])
    component.add("status", _status(one))
    component.add("transp", "TRANSPARENT")
    if event.source_url:
        component.add("url", event.source_url)
    return component


def _add_when(component: icalendar.Event, event: Event) -> None:
    if event.start_at_utc is None:
        component.add("dtstart", event.event_date)
        # DTEND is the first day after it.
        component.add("dtend", event.last_date + timedelta(days=1))
        return
    component.add("dtstart", event.start_at_utc.astimezone(UTC))
    if event.end_at_utc is not None:
        component.add("dtend", event.end_at_utc.astimezone(UTC))


def _description(one: StoredEvent) -> str:
    provider = PROVIDERS.get(one.source)
    source = provider.title if provider else one.source
    lines = [f"Source: {source}", f"Confidence: {one.event.confidence.value}"]
    return "\n".join([one.event.description, *lines] if one.event.description else lines)


def _status(one: StoredEvent) -> str:
    if is_cancelled(one):
        return "CANCELLED"
    return "CONFIRMED" if one.event.confidence is Confidence.CONFIRMED else "TENTATIVE"


def _text(text: str) -> str:
    """Return `text` without the control characters that RFC 5545 forbids in a text."""
    return "".join(c for c in text if c in "\n\r\t" or unicodedata.category(c) != "Cc")
