"""The changes that a transaction can make to the stored events.

Belongs here: the statements that write. Does not: deciding what changes (`market_events.diff`).
"""

from collections.abc import Callable, Collection, Container, Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime

from sqlalchemy import Connection, Executable, bindparam, insert, select, update

from tws_maintenance.market_events.model import (
    Event,
    EventStatus,
    Held,
    Pair,
    StoredEvent,
    SyncLog,
)
from tws_maintenance.market_events.store.rows import (
    Row,
    event_columns,
    log_columns,
    read_events,
)
from tws_maintenance.market_events.store.tables import EVENTS, SYNC_LOGS

_ROW = EVENTS.c.event_id == bindparam("row")
# Columns outside `Event.facts`: a change in them is no change for a reader.
_BESIDE_THE_FACTS = (
    "description",
    "source_url",
    "detail_json",
    "raw_payload_json",
    "raw_payload_hash",
)


class Writer:
    """The changes possible within `EventStore.transaction`, each in bulk.

    The table holds one event for each type, symbol and date, whatever its status, and refuses a
    second one. Every method may raise StoreError, which undoes the transaction.
    """

    def __init__(
        self,
        connection: Connection,
        place: str,
        explaining: Callable[[], AbstractContextManager[None]],
    ) -> None:
        """Prepare to use `connection`; `explaining` turns errors of a block into StoreErrors."""
        self._connection = connection
        self._place = place
        self._explaining = explaining

    def read(self, source: str) -> list[StoredEvent]:
        """Return the stored events of a provider, by date, as this transaction sees them."""
        with self._explaining():
            return read_events(self._connection, self._place, source=source)

    def insert(
        self, source: str, events: Iterable[Event], at: datetime, relevant: Container[str]
    ) -> None:
        """Store new events; `relevant` are the portfolio's symbols."""
        with self._explaining():
            known = select(EVENTS.c.event_id).where(EVENTS.c.source == source)
            taken = set(self._connection.execute(known).scalars())
        rows = []
        for event in events:
            event_id = _free_id(source, event, taken)
            taken.add(event_id)
            status = EventStatus.CANCELLED if event.is_cancelled else EventStatus.ACTIVE
            rows.append(
                event_columns(event)
                | {"event_id": event_id, "source": source, "status": status.value}
                | {"is_portfolio_relevant": _is_relevant(event, relevant)}
                | dict.fromkeys(("last_seen_at", "fetched_at", "created_at", "updated_at"), at)
            )
        self._execute(insert(EVENTS), rows)

    def change(self, pairs: Iterable[Pair], at: datetime, relevant: Container[str]) -> None:
        """Update stored events to what their source says now; event_id and created_at stay."""
        rows = []
        for pair in pairs:
            status = EventStatus.CANCELLED if pair.after.is_cancelled else EventStatus.UPDATED
            sequence = pair.before.sequence_after(pair.after, status)
            rows.append(
                event_columns(pair.after, sequence)
                | _row(pair.before)
                | {"status": status.value}
                | {"is_portfolio_relevant": _is_relevant(pair.after, relevant)}
                | dict.fromkeys(("last_seen_at", "fetched_at", "updated_at"), at)
            )
        self._execute(update(EVENTS).where(_ROW), rows)

    def seen(self, pairs: Iterable[Pair], at: datetime, relevant: Container[str]) -> None:
        """Record that events were listed unchanged; columns outside the facts are updated."""
        pairs = list(pairs)
        self._execute(
            update(EVENTS).where(_ROW), [_row(pair.before) | {"last_seen_at": at} for pair in pairs]
        )
        rows = []
        for pair in pairs:
            sequence, was_relevant = pair.before.sequence, pair.before.is_portfolio_relevant
            is_relevant = _is_relevant(pair.after, relevant)
            now = _beside_the_facts(pair.after, sequence, is_relevant=is_relevant)
            if now != _beside_the_facts(pair.before.event, sequence, is_relevant=was_relevant):
                rows.append(_row(pair.before) | now)
        self._execute(update(EVENTS).where(_ROW), rows)

    def judge_relevance(self, source: str, relevant: Collection[str]) -> None:
        """Mark each event of a company as portfolio relevant if its symbol is in `relevant`."""
        is_relevant = EVENTS.c.symbol.in_(relevant)
        with self._explaining():
            self._connection.execute(
                update(EVENTS)
                .where(EVENTS.c.source == source, EVENTS.c.symbol.is_not(None))
                .where(EVENTS.c.is_portfolio_relevant != is_relevant)
                .values(is_portfolio_relevant=is_relevant)
            )

    def hold(self, held: Iterable[Held]) -> None:
        """Mark events that stay although their source no longer lists them."""
        marked = ((one.stored, one.mark.on(one.stored.event)) for one in held)
        self._execute(
            update(EVENTS).where(_ROW),
            [
                _row(stored) | {"detail_json": event_columns(event)["detail_json"]}
                for stored, event in marked
            ],
        )

    def retire(self, stored: Iterable[StoredEvent], at: datetime) -> None:
        """Mark events as no longer listed by their source."""
        changed = {"status": EventStatus.STALE.value, "updated_at": at}
        rows = []
        for one in stored:
            sequence = one.sequence_after(one.event, EventStatus.STALE)
            detail = event_columns(one.event, sequence)["detail_json"]
            rows.append(_row(one) | changed | {"detail_json": detail})
        self._execute(update(EVENTS).where(_ROW), rows)

    def log(self, log: SyncLog) -> None:
        """Add a log line."""
        self._execute(insert(SYNC_LOGS), [log_columns(log)])

    def _execute(self, statement: Executable, rows: Sequence[Row]) -> None:
        if rows:  # SQLAlchemy reads an empty list as one row without values
            with self._explaining():
                self._connection.execute(statement, rows)


def _row(stored: StoredEvent) -> Row:
    return {"row": stored.event_id}


def _beside_the_facts(event: Event, sequence: int, *, is_relevant: bool) -> Row:
    columns = event_columns(event, sequence)
    kept = {name: columns[name] for name in _BESIDE_THE_FACTS}
    return kept | {"is_portfolio_relevant": is_relevant}


def _is_relevant(event: Event, relevant: Container[str]) -> bool:
    return event.symbol is None or event.symbol in relevant


def _free_id(source: str, event: Event, taken: Container[str]) -> str:
    """Return the first free of id, id#2, id#3: a moved event keeps the id of its old date."""
    first = f"{source}:{event.event_type}:{event.subject}:{event.event_date}"
    event_id, number = first, 1
    while event_id in taken:
        number += 1
        event_id = f"{first}#{number}"
    return event_id
