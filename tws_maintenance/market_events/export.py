"""The stored events as a calendar (RFC 5545) that other programs subscribe to.

Nothing in it depends on when it was made but what is over by then: the same store gives the same
bytes, so that a subscriber sees a change only where there is one. There is no METHOD: that is for
what an organizer sends, and would demand one (RFC 5546, 3.2.1).
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
    """Return every event that is not over at `at` (aware), and what was withdrawn lately.

    An event that was cancelled, or that its source no longer lists, is CANCELLED for 30 days.
    An all-day event is a date in its market, which every reader's calendar shows on that date;
    an instant is UTC, which each shows in its own zone.
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
    """Replace the file at `path` with a calendar: a reader sees the old or the new one, whole.

    Raises:
        UsageError: there is no file that could be written; what was there is as it was.
    """
    try:
        problem = _problem_of(path)
        if not problem:
            write_whole(path, content)
            return
    except OSError as error:
        problem = (
            f"{error.strerror or error}. Nothing was changed there; name a file in a folder that "
            "you may write to"
        )
    raise UsageError(f"The calendar cannot be written to {path}: {problem}.")


def _problem_of(path: Path) -> str:
    if path.is_dir():
        return "it is a folder; name a file in it"
    if path.exists() and not path.is_file():
        return "it is neither a file nor a new name; leave --output out to write to stdout"
    if not path.parent.is_dir():
        return f"there is no folder {path.parent}; make it first"
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
    return one.event.calendar_status(one.status)


def _text(text: str) -> str:
    """Return `text` without the control characters that RFC 5545 forbids in a text."""
    return "".join(c for c in text if c in "\n\r\t" or unicodedata.category(c) != "Cc")
