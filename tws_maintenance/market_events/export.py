"""The stored events as a calendar (RFC 5545) that other programs subscribe to.

The same store gives the same bytes, except for events that are over, so subscribers see only real
changes. There is no METHOD, because that would demand an organizer (RFC 5546, 3.2.1).
Belongs here: the iCalendar form. Does not: which events a keeper has.
"""

import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import icalendar

from tws_maintenance.core.atomic import write_whole
from tws_maintenance.core.errors import UsageError
from tws_maintenance.market_events.keeper import WITHDRAWN_DAYS
from tws_maintenance.market_events.model import (
    PROVIDERS,
    Event,
    StoredEvent,
    Window,
)

CALENDAR_NAME = "Market events"
PRODUCT = "-//tws-maintenance//market events//EN"
UID_DOMAIN = "tws-maintenance"
CANCELLED = "CANCELLED"


def to_icalendar(stored: Iterable[StoredEvent], at: datetime) -> bytes:
    """Return the iCalendar bytes of events that are not over at `at` (aware).

    A cancelled or withdrawn event stays in it, as CANCELLED, for 30 days.
    An all-day event is a date at its market, and every calendar shows it on that date. An instant
    is in UTC, and each calendar shows it in its own time zone.
    """
    calendar = icalendar.Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", CALENDAR_NAME)
    shown = [one for one in stored if _is_shown(one, at)]
    for one in sorted(shown, key=lambda one: (one.event.event_date, one.event_id)):
        calendar.add_component(_component(one))
    content: bytes = calendar.to_ical()
    return content


def write_calendar(path: Path, content: bytes) -> None:
    """Replace the file at `path` with a calendar; readers see the old or the new one, whole.

    Raises:
        UsageError: the file cannot be written; it is unchanged.
    """
    try:
        problem = _problem_of(path)
        if not problem:
            write_whole(path, content)
            return
    except OSError as error:
        problem = (
            f"{error.strerror or error}. Nothing was changed; name a file in a folder that you may "
            "write to"
        )
    raise UsageError(f"The calendar cannot be written to {path}: {problem}.")


def _problem_of(path: Path) -> str:
    if path.is_dir():
        return "it is a folder; name a file in it"
    if path.exists() and not path.is_file():
        return "it exists and is not a file; leave out --output to write to stdout"
    if not path.parent.is_dir():
        return f"there is no folder {path.parent}; create it first"
    return ""


def _is_shown(one: StoredEvent, at: datetime) -> bool:
    if _status(one) == CANCELLED:
        return at - one.updated_at <= WITHDRAWN_DAYS
    return one.event.last_date >= Window(at, 0).today(one.event.market_timezone)


def _component(one: StoredEvent) -> icalendar.Event:
    event = one.event
    component = icalendar.Event()
    component.add("uid", f"{one.event_id}@{UID_DOMAIN}")
    component.add("dtstamp", one.updated_at.astimezone(UTC))
    component.add("last-modified", one.updated_at.astimezone(UTC))
    component.add("sequence", one.sequence)
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
        # DTEND is the day after the last one.
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
    return one.event.calendar_status(one.status)


def _text(text: str) -> str:
    """Return `text` without the control characters that RFC 5545 forbids."""
    return "".join(c for c in text if c in "\n\r\t" or unicodedata.category(c) != "Cc")
