"""The surprises in a good answer: near events that it moves, and events that it withdraws.

Belongs here: judging a diff. Does not: making the diff (`diff`), or refusing to store a surprising
answer (`sync`).
"""

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from tws_maintenance.core.text import some_of
from tws_maintenance.market_events.diff import is_near, is_to_come
from tws_maintenance.market_events.model import (
    PROVIDERS,
    UPCOMING_STATUSES,
    Answer,
    Confidence,
    Diff,
    Event,
    EventType,
    Held,
    MoveJson,
    Pair,
    StoredEvent,
    SymbolOutcome,
    Unconfirmed,
    Window,
)

# With fewer, a share means little: one of two is half.
MIN_STALE = 4
NAMED = 8
_NODES = {EventType.EARNINGS: "earnings", EventType.DIVIDEND: "exDividendDate"}


class MoveKind(StrEnum):
    """What happened to a near event."""

    MOVED = "moved"
    UNCONFIRMED = "unconfirmed"
    GONE = "gone"


@dataclass(frozen=True)
class Move:
    """A near event of a held, traded or watched symbol that moved or is no longer listed."""

    kind: MoveKind
    event_type: EventType
    symbol: str
    before: date
    after: date | None
    text: str

    def to_dict(self) -> MoveJson:
        """Return the move for a report and the log of syncs."""
        return {
            "kind": self.kind.value,
            "event_type": self.event_type.value,
            "symbol": self.symbol,
            "before": self.before.isoformat(),
            "after": self.after.isoformat() if self.after else None,
            "text": self.text,
        }


def moves(diff: Diff, window: Window, relevant: Container[str]) -> tuple[Move, ...]:
    """Return the near events of `relevant` symbols that moved or are no longer listed, by date.

    An event is near if its former or its new date is. An unconfirmed one is named only once.
    """
    vanished = {one.event_id for one in diff.vanished}
    found = [
        *(_moved(pair) for pair in diff.changed if _is_move(pair, window)),
        *(
            _no_longer_listed(MoveKind.UNCONFIRMED, one.stored, unconfirmed_text(one))
            for one in diff.unconfirmed
            if one.stored.event_id in vanished
        ),
        *(
            _no_longer_listed(MoveKind.GONE, one, gone_text(one.event))
            for one in diff.stale
            if _is_near(one.event, window) and _is_withdrawn(one, vanished)
        ),
    ]
    wanted = (one for one in found if one.symbol in relevant)
    return tuple(sorted(wanted, key=lambda one: (one.before, one.symbol, one.event_type)))


def unconfirmed_text(one: Held) -> str:
    """Return the sentence about an unconfirmed event: it stays although it is no longer listed."""
    event = one.stored.event
    since = one.mark.since_date(event.market_timezone)
    return (
        f"{event.title} on {event.event_date} was confirmed but is no longer listed; kept as "
        f"unconfirmed since {since}"
    )


def gone_text(event: Event) -> str:
    """Return the sentence about an event that is withdrawn (its status becomes stale)."""
    is_sure = event.confidence == Confidence.CONFIRMED
    was = "was confirmed but is" if is_sure else "is"
    return f"{event.title} on {event.event_date} {was} no longer listed; marked as withdrawn"


def too_many_vanish(diff: Diff, stored: Iterable[StoredEvent], window: Window, share: float) -> str:
    """Return a sentence if an answer withdraws too many of a provider's future events, else "".

    Up to `share` of them may go, and fewer than `MIN_STALE` always may. Events that stay as
    unconfirmed count as withdrawn here, because the answer is judged, not the store.
    """
    future = sum(is_to_come(one, window) for one in stored)
    gone = diff.vanished
    if len(gone) < MIN_STALE or len(gone) <= share * future:
        return ""
    named = some_of([f"{one.event.title} on {one.event.event_date}" for one in gone], NAMED)
    return f"{len(gone)} of {future} events to come are no longer listed: {named}"


def without_silence(answer: Answer, stored: Sequence[StoredEvent], window: Window) -> Answer:
    """Return the answer; a symbol that lacks a node which it must have gets a bad payload.

    It must have the node of each stored event that is still to come: a company stays a company,
    and Yahoo keeps the last ex-dividend date of one that stopped paying. The rest of such an
    answer is used.
    """
    lacking: dict[str, list[str]] = defaultdict(list)
    for one in stored:
        event = one.event
        is_expected = event.event_type in answer.silent.get(event.subject, ())
        if is_expected and is_to_come(one, window):
            lacking[_NODES[event.event_type]].append(event.subject)
    known = {
        symbol
        for symbol, (outcome, _) in answer.symbols.items()
        if outcome == SymbolOutcome.BAD_PAYLOAD
    }
    errors = [
        f"bad payload: Yahoo's answer lacks {node}, expected because an event is stored "
        f"({', '.join(sorted(found))}; stored events stay). Yahoo's format may have changed"
        for node, symbols in sorted(lacking.items())
        if (found := {*symbols} - known)
    ]
    symbols = answer.symbols | {
        symbol: (SymbolOutcome.BAD_PAYLOAD, f"the answer lacks {node}")
        for node, found in lacking.items()
        for symbol in found
        if symbol not in known
    }
    return replace(answer, errors=(*answer.errors, *errors), symbols=symbols)


def sentences(diff: Diff, found: Sequence[Move]) -> Iterator[str]:
    """Yield the warnings of a preview and a report: moves, and confirmed events that are gone."""
    yield from (one.text for one in found if one.kind == MoveKind.MOVED)
    yield from (unconfirmed_text(one) for one in diff.unconfirmed)
    named = {one.text for one in found}
    for stale in diff.stale:
        text = gone_text(stale.event)
        if text in named or stale.event.confidence == Confidence.CONFIRMED:
            yield text


def refusal_text(provider: str, finding: str, share: float) -> str:
    """Return why nothing of a provider's answer is stored, and what to do."""
    return (
        f"{finding}. One answer may withdraw at most {share:.0%} of them ([events] fail_stale), so "
        "nothing of this one is stored and the events stay. Check what "
        f"{PROVIDERS[provider].title} shows; if they are gone, run with --allow-large-change "
        '--reason "..."'
    )


def _moved(pair: Pair) -> Move:
    before, after = pair.before.event, pair.after
    kind = "earnings" if after.event_type == EventType.EARNINGS else "ex-dividend"
    text = f"{after.symbol} {kind} moved from {_days(before)} to {_days(after)}"
    assert after.symbol is not None, "_is_move demands a symbol"
    return Move(
        MoveKind.MOVED, after.event_type, after.symbol, before.event_date, after.event_date, text
    )


def _is_move(pair: Pair, window: Window) -> bool:
    """Return whether a near event has another date; a day within its former span is no move."""
    before, after = pair.before.event, pair.after
    is_narrower = before.event_date <= after.event_date and after.last_date <= before.last_date
    has_lost_its_day = _is_sure(before) and not _is_sure(after)
    return (
        after.symbol is not None
        and pair.before.status in UPCOMING_STATUSES
        and (not is_narrower or has_lost_its_day)
        and (_is_near(before, window) or _is_near(after, window))
    )


def _is_withdrawn(one: StoredEvent, vanished: Container[str]) -> bool:
    """Return whether an event was withdrawn; a span also goes when its exact day becomes known."""
    return one.event_id in vanished or Unconfirmed.of(one.event) is not None


def _is_sure(event: Event) -> bool:
    return event.confidence == Confidence.CONFIRMED


def _no_longer_listed(kind: MoveKind, one: StoredEvent, text: str) -> Move:
    event = one.event
    return Move(kind, event.event_type, event.symbol or event.subject, event.event_date, None, text)


def _is_near(event: Event, window: Window) -> bool:
    return is_near(event.event_date, event.market_timezone, window)


def _days(event: Event) -> str:
    span = f"{event.event_date} to {event.end_date}" if event.end_date else f"{event.event_date}"
    return span if _is_sure(event) else f"{span} (estimated)"
