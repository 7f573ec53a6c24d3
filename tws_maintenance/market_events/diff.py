"""What an answer means for the store: which events are new, changed, gone or as they were.

An event that moved is the same event with another date, not a new one beside one that is gone.
Only where an answer is complete may a stored event that it does not tell become stale.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from tws_maintenance.market_events.model import (
    UPCOMING_STATUSES,
    Answer,
    Diff,
    Event,
    EventStatus,
    EventType,
    Pair,
    StoredEvent,
    Window,
)

# How far an event may move and still be the same one: less than the time to the next of its kind.
# Companies report each quarter or half-year, some funds pay each month, the FOMC meets every six
# weeks; a holiday does not move.
MOVES_WITHIN = {
    EventType.EARNINGS: timedelta(days=45),
    EventType.DIVIDEND: timedelta(days=14),
    EventType.FOMC: timedelta(days=14),
    EventType.MARKET_HOLIDAY: timedelta(0),
    EventType.MARKET_EARLY_CLOSE: timedelta(0),
}

_Group = tuple[EventType, str]


def compare(stored: Iterable[StoredEvent], answer: Answer, window: Window) -> Diff:
    """Return what `answer` means for the `stored` events of its provider.

    Told events outside the window are compared with stored ones but are never new; stored events
    outside it never become stale, nor do those whose day has come.
    """
    before: dict[_Group, list[StoredEvent]] = defaultdict(list)
    told: dict[_Group, list[Event]] = defaultdict(list)
    for one in stored:
        before[one.event.event_type, one.event.subject].append(one)
    for event in answer.events:
        told[event.event_type, event.subject].append(event)
    new: list[Event] = []
    pairs: list[Pair] = []
    stale: list[StoredEvent] = []
    for group in sorted({*before, *told}):
        found, alone, missing = _match(before[group], told[group], window)
        pairs += found
        new += [event for event in alone if window.holds(event)]
        stale += [one for one in missing if _is_gone(one, answer, window)]
    return Diff(
        new=tuple(sorted(new, key=_order)),
        changed=tuple(pair for pair in pairs if _is_changed(pair)),
        stale=tuple(sorted(stale, key=lambda one: _order(one.event))),
        unchanged=tuple(pair for pair in pairs if not _is_changed(pair)),
    )


def _match(
    stored: Sequence[StoredEvent], told: Sequence[Event], window: Window
) -> tuple[list[Pair], list[Event], list[StoredEvent]]:
    """Pair stored with told events: those of the same day first, then the nearest that moved."""
    by_day = {one.event.event_date: one for one in stored}
    pairs: list[Pair] = []
    alone: list[Event] = []
    for event in told:
        same = by_day.pop(event.event_date, None)
        if same is None:
            alone.append(event)
        else:
            pairs.append(Pair(same, event))
    left = sorted(by_day.values(), key=lambda one: one.event.event_date)
    for event in list(alone):
        former = _moved_from(event, left, window)
        if former is not None:
            pairs.append(Pair(former, event))
            left.remove(former)
            alone.remove(event)
    return pairs, alone, left


def _moved_from(event: Event, left: list[StoredEvent], window: Window) -> StoredEvent | None:
    """Return the stored event that `event` was before it moved; what has begun stays."""
    today = window.today(event.market_timezone)
    if event.is_cancelled or event.last_date < today:
        return None
    near = [
        one
        for one in left
        if one.status != EventStatus.CANCELLED
        and one.event.event_date > today
        and _distance(one.event.event_date, event.event_date) <= MOVES_WITHIN[event.event_type]
    ]
    return min(
        near, key=lambda one: _distance(one.event.event_date, event.event_date), default=None
    )


def _is_changed(pair: Pair) -> bool:
    """Tell whether a reader sees a difference; what was cancelled stays so."""
    if pair.before.status == EventStatus.CANCELLED:
        return False
    return (
        pair.before.status == EventStatus.STALE or pair.before.event.facts() != pair.after.facts()
    )


def _is_gone(one: StoredEvent, answer: Answer, window: Window) -> bool:
    """Tell whether the answer would have told this event if it were still to come."""
    event = one.event
    until = answer.covers.get(event.subject)
    zone = event.market_timezone
    return (
        one.status in UPCOMING_STATUSES
        and until is not None
        and window.today(zone) < event.event_date <= min(until, window.last(zone))
    )


def _distance(one: date, other: date) -> timedelta:
    return abs(one - other)


def _order(event: Event) -> tuple[date, str, str]:
    return event.event_date, event.event_type.value, event.subject
