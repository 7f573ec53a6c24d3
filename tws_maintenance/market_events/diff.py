"""Comparing an answer with the store: which events are new, changed, withdrawn or unchanged.

An event that moved is the same event with another date, not a new event and a withdrawn one. A
stored event that an answer does not list becomes stale only if the answer is complete. A near,
confirmed one becomes stale only after several answers agree.
Belongs here: the comparison. Does not: warning about it (`suspicious_changes`), or storing it
(`sync`).
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from tws_maintenance.market_events.model import (
    UPCOMING_STATUSES,
    Answer,
    Confidence,
    Diff,
    Event,
    EventStatus,
    EventType,
    Held,
    Pair,
    StoredEvent,
    Unconfirmed,
    Window,
)

# How far an event may move and still be the same one: less than the gap to the next of its type.
# Companies report each quarter or half-year, some funds pay each month, the FOMC meets every six
# weeks; a holiday does not move.
MOVES_WITHIN = {
    EventType.EARNINGS: timedelta(days=45),
    EventType.DIVIDEND: timedelta(days=14),
    EventType.FOMC: timedelta(days=14),
    EventType.MARKET_HOLIDAY: timedelta(0),
    EventType.MARKET_EARLY_CLOSE: timedelta(0),
}

# Yahoo has one field for the next date of each type. A past date in it, or an empty field, does not
# disprove a near date that was confirmed: Yahoo once dropped all of them before they took place.
HELD_TYPES = frozenset({EventType.EARNINGS, EventType.DIVIDEND})
NEAR = timedelta(days=10)
AGREEING_ROUNDS = 3
AGREEING_FOR = timedelta(days=2)

_Group = tuple[EventType, str]


def compare(stored: Iterable[StoredEvent], answer: Answer, window: Window) -> Diff:
    """Return how `answer` changes the `stored` events of its provider.

    Listed events outside the window are compared with stored ones but are never new. Stored events
    outside it, of today or of the past never become stale. A near, confirmed event of a company
    stays, unconfirmed, until `AGREEING_ROUNDS` answers over `AGREEING_FOR` leave it out.
    """
    before: dict[_Group, list[StoredEvent]] = defaultdict(list)
    listed: dict[_Group, list[Event]] = defaultdict(list)
    for one in stored:
        before[one.event.event_type, one.event.subject].append(one)
    for event in answer.events:
        listed[event.event_type, event.subject].append(event)
    new: list[Event] = []
    pairs: list[Pair] = []
    doubled: list[StoredEvent] = []
    gone: list[StoredEvent] = []
    for group in sorted({*before, *listed}):
        found, added, missing = _match(before[group], listed[group], window)
        pairs += found
        new += [event for event in added if window.holds(event)]
        for one in missing:
            if _is_doubled(one, listed[group], window):
                doubled.append(one)
            elif _is_gone(one, answer, window) and not _is_hidden(one, listed[group]):
                gone.append(one)
    held = {one.event_id: mark for one in gone if (mark := _mark(one, window)) is not None}
    stale = [*doubled, *(one for one in gone if one.event_id not in held)]
    vanished = [one for one in gone if Unconfirmed.of(one.event) is None]
    return Diff(
        new=tuple(sorted(new, key=_order)),
        changed=tuple(pair for pair in pairs if _is_changed(pair)),
        stale=_sorted(stale),
        unchanged=tuple(pair for pair in pairs if not _is_changed(pair)),
        unconfirmed=tuple(
            Held(one, held[one.event_id]) for one in _sorted(gone) if one.event_id in held
        ),
        vanished=_sorted(vanished),
    )


def is_near(day: date, timezone: str, window: Window) -> bool:
    """Return whether `day` lies after today in `timezone`, and within `NEAR`."""
    today = window.today(timezone)
    return today < day <= today + NEAR


def is_to_come(one: StoredEvent, window: Window) -> bool:
    """Return whether a stored event counts and lies after today at its market."""
    today = window.today(one.event.market_timezone)
    return one.status in UPCOMING_STATUSES and one.event.event_date > today


def _match(
    stored: Sequence[StoredEvent], listed: Sequence[Event], window: Window
) -> tuple[list[Pair], list[Event], list[StoredEvent]]:
    """Return pairs (same day first, then the nearest move), the added and the missing events."""
    by_day = {one.event.event_date: one for one in stored}
    pairs: list[Pair] = []
    added: list[Event] = []
    for event in listed:
        same = by_day.pop(event.event_date, None)
        if same is None:
            added.append(event)
        else:
            pairs.append(Pair(same, event))
    left = sorted(by_day.values(), key=lambda one: one.event.event_date)
    for event in list(added):
        former = _moved_from(event, left, window)
        if former is not None:
            pairs.append(Pair(former, event))
            left.remove(former)
            added.remove(event)
    known = [one.event for one in stored if one.status in UPCOMING_STATUSES]
    return pairs, [event for event in added if not _is_reported(event, known)], left


def _moved_from(event: Event, left: list[StoredEvent], window: Window) -> StoredEvent | None:
    """Return the stored event that moved to `event`, None without one; past ones never move."""
    today = window.today(event.market_timezone)
    if event.is_cancelled or event.last_date < today:
        return None
    near = [
        one
        for one in left
        if one.status != EventStatus.CANCELLED and _may_become(one, event, today)
    ]
    return min(
        near,
        key=lambda one: (
            not _is_span_over(one.event, event),
            _distance(one.event.event_date, event.event_date),
        ),
        default=None,
    )


def _may_become(one: StoredEvent, event: Event, today: date) -> bool:
    """Return whether a stored event may be `event` with another date."""
    before = one.event
    if _is_span_over(before, event):
        return before.last_date >= today
    if _is_beside_earlier(one, event):
        return False
    if event.event_type == EventType.DIVIDEND and today < event.event_date < before.event_date:
        return True  # Yahoo has one field: an earlier date replaces the later one
    # A span that has begun may still lie ahead; a day that has come does not move away.
    is_ahead = before.event_date > today or (_is_span(before) and before.last_date > today)
    reach = MOVES_WITHIN[event.event_type]
    return is_ahead and _distance(before.event_date, event.event_date) <= reach


def _is_span(event: Event) -> bool:
    """Return whether an event is a span: the estimated days within which a company reports."""
    is_estimated = event.confidence == Confidence.ESTIMATED
    return event.event_type == EventType.EARNINGS and is_estimated and event.end_date is not None


def _is_span_over(span: Event, event: Event) -> bool:
    """Return whether `span` is an estimate of the report `event`."""
    overlaps = span.event_date <= event.last_date and event.event_date <= span.last_date
    return _is_span(span) and overlaps


def _is_beside_earlier(one: StoredEvent, event: Event) -> bool:
    """Return whether `event` is a further ex-dividend date after the confirmed date of `one`.

    Yahoo has one field: it may show a special dividend, or the last of three that were declared
    together, while an earlier one is still ahead.
    """
    return (
        event.event_type == EventType.DIVIDEND
        and one.status in UPCOMING_STATUSES
        and one.event.confidence == Confidence.CONFIRMED
        and event.event_date > one.event.event_date
    )


def _is_hidden(one: StoredEvent, listed: Sequence[Event]) -> bool:
    """Return whether a later ex-dividend date takes up Yahoo's only field for it."""
    return any(_is_beside_earlier(one, event) for event in listed)


def _is_reported(event: Event, known: Sequence[Event]) -> bool:
    """Return whether `event` is an estimate of a report whose day is already known."""
    return any(
        one.confidence == Confidence.CONFIRMED and _is_span_over(event, one) for one in known
    )


def _is_doubled(one: StoredEvent, listed: Sequence[Event], window: Window) -> bool:
    """Return whether a stored span estimates a report that is now listed with its date."""
    today = window.today(one.event.market_timezone)
    return one.status in UPCOMING_STATUSES and any(
        _is_span_over(one.event, event)
        and (event.confidence == Confidence.CONFIRMED or event.last_date >= today)
        for event in listed
    )


def _mark(one: StoredEvent, window: Window) -> Unconfirmed | None:
    """Return the mark with which an unlisted event stays, None if it is withdrawn."""
    event = one.event
    is_near_one = is_near(event.event_date, event.market_timezone, window)
    is_sure = event.confidence == Confidence.CONFIRMED
    if not (event.event_type in HELD_TYPES and is_sure and is_near_one):
        return None
    before = Unconfirmed.of(event) or Unconfirmed(window.at, 0)
    mark = Unconfirmed(before.since, before.rounds + 1)
    agree = mark.rounds >= AGREEING_ROUNDS and window.at - mark.since >= AGREEING_FOR
    return None if agree else mark


def _is_changed(pair: Pair) -> bool:
    """Return whether a reader sees a difference; a cancelled event stays cancelled."""
    if pair.before.status == EventStatus.CANCELLED:
        return False
    return (
        pair.before.status == EventStatus.STALE or pair.before.event.facts() != pair.after.facts()
    )


def _is_gone(one: StoredEvent, answer: Answer, window: Window) -> bool:
    """Return whether the answer would list this event if it were still planned."""
    event = one.event
    until = answer.covers.get(event.subject)
    is_silent = event.event_type in answer.silent.get(event.subject, ())
    return (
        is_to_come(one, window)
        and until is not None
        and not is_silent
        and event.event_date <= min(until, window.last(event.market_timezone))
    )


def _distance(one: date, other: date) -> timedelta:
    return abs(one - other)


def _sorted(found: Iterable[StoredEvent]) -> tuple[StoredEvent, ...]:
    return tuple(sorted(found, key=lambda one: _order(one.event)))


def _order(event: Event) -> tuple[date, str, str]:
    return event.event_date, event.event_type.value, event.subject
