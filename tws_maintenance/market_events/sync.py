"""Sync: stage the providers' answers, then apply the audited ones to the store.

Staging compares and writes nothing to the store. Applying compares again, with what the store
holds by then, in one transaction for each provider; if one fails, the others are stored.
Belongs here: staging and applying. Does not: comparing (`diff`) or judging rows (`audit`).
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from tws_maintenance.audit.receipt import NO_OVERRIDE, Override, Receipt
from tws_maintenance.audit.run_context import RunContext
from tws_maintenance.config.events_service import FAIL_STALE
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import MARKET_EVENTS
from tws_maintenance.core.clock import utc_now
from tws_maintenance.core.errors import StoreError
from tws_maintenance.core.locks import hold
from tws_maintenance.market_events.diff import compare
from tws_maintenance.market_events.model import (
    PROVIDERS,
    UPCOMING_STATUSES,
    YAHOO,
    Answer,
    Diff,
    Event,
    EventStatus,
    LogDetail,
    Pair,
    StoredEvent,
    SyncLog,
    Window,
)
from tws_maintenance.market_events.proposal import (
    StagedEvents,
    audited,
    key_of,
    write_staged,
)
from tws_maintenance.market_events.store.event_store import EventStore
from tws_maintenance.market_events.suspicious_changes import (
    Move,
    moves,
    refusal_text,
    sentences,
    too_many_vanish,
    without_silence,
)
from tws_maintenance.market_events.sync_result import (
    FieldChange,
    ProviderRow,
    SyncResult,
    field_changes,
    provider_row,
    symbol_answer,
    together,
)


@dataclass(frozen=True)
class Outcome:
    """The sync of one provider: its answer, the diff, and the error if it was not stored.

    `is_pending` is whether it still waits to be stored. `moves` are near events that moved or are
    no longer listed. `log` is its line in the store's log, once there is one.
    """

    answer: Answer
    diff: Diff
    store_error: str = ""
    is_pending: bool = False
    moves: tuple[Move, ...] = ()
    log: SyncLog | None = None

    @property
    def errors(self) -> tuple[str, ...]:
        """Every failure of this provider."""
        return (*self.answer.errors, *((self.store_error,) if self.store_error else ()))

    @property
    def status(self) -> str:
        """Return `success`, `partial_failure`, `failed` or `skipped`."""
        if self.store_error:
            return "failed"
        if self.is_pending:
            return "skipped"
        if self.answer.errors:
            return "partial_failure" if self.answer.covers else "failed"
        if self.answer.provider == YAHOO.name and not self.answer.symbols:
            return "skipped"
        return "success"


@dataclass(frozen=True)
class Synced:
    """The result of a sync; counts are of upcoming events inside the window."""

    proposal_id: str
    proposal_sha256: str
    window: Window
    outcomes: tuple[Outcome, ...]
    before_count: int
    after_count: int

    def result(self) -> SyncResult:
        """Return the result in the form that reports read."""
        outcomes = self.outcomes
        return SyncResult(
            proposal_id=self.proposal_id,
            proposal_sha256=self.proposal_sha256,
            window=self.window,
            before_count=self.before_count,
            after_count=self.after_count,
            source=", ".join(PROVIDERS[one.answer.provider].title for one in outcomes),
            providers=tuple(self._row(one) for one in outcomes),
            diff=together(one.diff for one in outcomes),
            changed_fields=tuple(
                line for one in outcomes for pair in one.diff.changed for line in _changes(pair)
            ),
            moves=tuple(move for one in outcomes for move in one.moves),
            symbols={
                symbol: symbol_answer(*answered)
                for one in outcomes
                for symbol, answered in one.answer.symbols.items()
            },
            warnings=tuple(text for one in outcomes for text in _warnings(one)),
        )

    def _row(self, one: Outcome) -> ProviderRow:
        row = provider_row(one.answer, one.log or _log(one, self.window))
        if one.answer.symbols or one.answer.provider == YAHOO.name:
            row["symbols"] = {
                symbol: symbol_answer(*answered) for symbol, answered in one.answer.symbols.items()
            }
        return row


def _warnings(one: Outcome) -> Iterator[str]:
    """Yield the warnings about one provider's answer."""
    title = PROVIDERS[one.answer.provider].title
    yield from (f"{title}: {text}" for text in one.answer.warnings)
    yield from sentences(one.diff, one.moves)
    for pair in one.diff.unchanged:
        if pair.before.status == EventStatus.CANCELLED and not pair.after.is_cancelled:
            named = f"{pair.after.title} on {pair.after.event_date}"
            yield f"{named} is listed again by its source, but stays cancelled in the store"


def _changes(pair: Pair) -> list[FieldChange]:
    """Return the changed fields of an event; one that is listed again has a new status."""
    status = pair.before.status.value
    found = field_changes(pair.after, _shown(pair.before.event), _shown(pair.after))
    if pair.before.status is EventStatus.STALE:
        found += field_changes(pair.after, {"status": status}, {"status": "updated"})
    if pair.after.is_cancelled:
        found += field_changes(pair.after, {"status": status}, {"status": "cancelled"})
    return found


def _shown(event: Event) -> dict[str, object]:
    """Return the fields whose change a report names."""
    return {
        "title": event.title,
        "event_date": event.event_date.isoformat(),
        "end_date": event.end_date.isoformat() if event.end_date else None,
        "event_time": event.event_time.isoformat() if event.event_time else None,
        "confidence": event.confidence.value,
    }


def stage(
    home: Home,
    store: EventStore,
    answers: Sequence[Answer],
    window: Window,
    relevant: Iterable[str],
    mark: RunContext,
    override: Override = NO_OVERRIDE,
    fail_stale: float = FAIL_STALE,
) -> Synced:
    """Write the proposal of events and return what it would change. Only reads the store.

    `fail_stale` is the share of a provider's future events that its answer may withdraw, unless
    `override` allows more; the proposal holds both.

    Raises:
        StoreError: the store cannot be read.
        OSError: staging could not be written.
    """
    stored = store.read()
    asked = StagedEvents(window, frozenset(relevant), tuple(answers), override, fail_stale)
    outcomes = [_judged(one, _of(stored, one), asked) for one in answers]
    known = {
        key_of(pair.after) for one in outcomes for pair in (*one.diff.changed, *one.diff.unchanged)
    }
    staged = replace(asked, answers=tuple(one.answer for one in outcomes))
    before = count_upcoming(stored, window)
    after = before + sum(_growth(one.diff, window) for one in outcomes)
    proposal = write_staged(home, mark, staged, known, before_count=before, after_count=after)
    return Synced(proposal.proposal_id, proposal.sha256, window, tuple(outcomes), before, after)


def apply(
    home: Home,
    store: EventStore,
    staged: Synced,
    mark: RunContext,
    *,
    wait_seconds: float,
    note: Callable[[Synced], object] = lambda _: None,
) -> tuple[Synced, Receipt]:
    """Store what was `staged` and passed its audit, in one transaction for each provider.

    `note` is called before the first transaction and after each, with the result so far.

    Raises:
        ProposalUnaudited, ProposalMissing: the proposal did not pass its audit, or is gone.
        LockHeld: another run is storing events.
        StoreError: the database could not be prepared; nothing was stored.
    """
    found, receipt = audited(home, staged.proposal_id, staged.proposal_sha256)
    pending = [Outcome(answer, Diff(), is_pending=True) for answer in found.answers]
    note(replace(staged, outcomes=tuple(pending), after_count=staged.before_count))
    lock = home.locks / f"{MARKET_EVENTS}.lock"
    with hold(lock, wait_seconds=wait_seconds, holder=mark.report_id):
        store.prepare()
        before = count_upcoming(store.read(), found.window)
        done = replace(staged, before_count=before, after_count=before)
        for number, answer in enumerate(found.answers):
            pending[number] = outcome = _apply(store, answer, found, mark)
            after = done.after_count + _growth(outcome.diff, found.window)
            done = replace(done, outcomes=tuple(pending), after_count=after)
            note(done)
    return done, receipt


def count_upcoming(stored: Iterable[StoredEvent], window: Window) -> int:
    """Return how many events of the window count for a robot."""
    return sum(_was_counted(one, window) for one in stored)


def _of(stored: Iterable[StoredEvent], answer: Answer) -> list[StoredEvent]:
    return [one for one in stored if one.source == answer.provider]


def _judged(answer: Answer, stored: Sequence[StoredEvent], staged: StagedEvents) -> Outcome:
    """Return how `answer` would change the stored events of its provider.

    An answer that withdraws too many fails, and nothing of it is stored: if so much of it is wrong,
    the rest may be wrong too.
    """
    window, override = staged.window, staged.override
    answer = without_silence(answer, stored, window)
    diff = compare(stored, answer, window)
    finding = too_many_vanish(diff, stored, window, staged.fail_stale)
    if finding and not override.allow_large_change:
        errors = (*answer.errors, refusal_text(answer.provider, finding, staged.fail_stale))
        return Outcome(replace(answer, events=(), covers={}, errors=errors), Diff())
    if finding:
        reason = override.reason or "no reason given"
        answer = _with_warning(answer, f"{finding}. Allowed by --allow-large-change ({reason})")
    found = moves(diff, window, staged.relevant)
    return Outcome(_asked_or_known(answer, diff), diff, moves=found)


def _asked_or_known(answer: Answer, diff: Diff) -> Answer:
    """Return the answer without events that are neither new in the window nor stored."""
    pairs = (*diff.changed, *diff.unchanged)
    return replace(answer, events=(*diff.new, *(pair.after for pair in pairs)))


def _with_warning(answer: Answer, text: str) -> Answer:
    """Return the answer with a warning, only once: an apply judges it again after staging."""
    if text in answer.warnings:
        return answer
    return replace(answer, warnings=(*answer.warnings, text))


def _growth(diff: Diff, window: Window) -> int:
    """Return the change in the number of upcoming events in the window."""
    new = sum(_counts(event, window) for event in diff.new)
    gone = sum(_was_counted(one, window) for one in diff.stale)
    moved = sum(_counts(p.after, window) - _was_counted(p.before, window) for p in diff.changed)
    return new + moved - gone


def _counts(event: Event, window: Window) -> bool:
    return not event.is_cancelled and window.holds(event)


def _was_counted(one: StoredEvent, window: Window) -> bool:
    return one.status in UPCOMING_STATUSES and window.holds(one.event)


def _apply(store: EventStore, answer: Answer, staged: StagedEvents, mark: RunContext) -> Outcome:
    """Store one provider's answer and its log line in one transaction.

    Stored events have the time at which they were asked for: no answer replaces a later one.
    """
    at = staged.window.at
    try:
        with store.transaction() as writer:
            stored = writer.read(answer.provider)
            answer = _without_older(answer, stored, at)
            outcome = _judged(answer, stored, staged)
            diff = outcome.diff
            writer.insert(answer.provider, diff.new, at, staged.relevant)
            writer.change(diff.changed, at, staged.relevant)
            writer.seen(diff.unchanged, at, staged.relevant)
            writer.hold(diff.unconfirmed)
            writer.retire(diff.stale, at)
            writer.judge_relevance(answer.provider, staged.relevant)
            log = _log(outcome, staged.window, mark)
            writer.log(log)
    except StoreError as error:
        outcome = Outcome(answer, Diff(), str(error))
        log = _log(outcome, staged.window, mark)
        # Nothing of the answer is stored; the log should show the failure.
        with contextlib.suppress(StoreError), store.transaction() as writer:
            writer.log(log)
    return replace(outcome, log=log)


def _without_older(answer: Answer, stored: Sequence[StoredEvent], at: datetime) -> Answer:
    """Return the answer of `at` without the subjects that have a later stored answer."""
    later = {one.event.subject for one in stored if one.last_seen_at > at}
    events = tuple(event for event in answer.events if event.subject not in later)
    covers = {subject: until for subject, until in answer.covers.items() if subject not in later}
    left_out = sorted(answer.covers.keys() - covers.keys())
    if not left_out:
        return answer
    text = f"skipped {', '.join(left_out)}: another run has stored a later answer"
    return replace(answer, events=events, covers=covers, warnings=(*answer.warnings, text))


def _log(outcome: Outcome, window: Window, mark: RunContext | None = None) -> SyncLog:
    """Return a provider's log line; without `mark`, the line that a run would write."""
    answer, diff = outcome.answer, outcome.diff
    detail: LogDetail = {
        "report_id": mark.report_id if mark else "",
        "run_id": mark.run_id if mark else "",
        "new": len(diff.new),
        "changed": len(diff.changed),
        "unchanged": len(diff.unchanged),
        "symbols": {symbol: one.value for symbol, (one, _) in answer.symbols.items()},
        "unasked": list(answer.unasked),
        "moved": [one.to_dict() for one in outcome.moves],
    }
    return SyncLog(
        provider=answer.provider,
        event_type=",".join(PROVIDERS[answer.provider].event_types),
        sync_started_at=mark.at if mark else None,
        sync_finished_at=utc_now(),
        window_start_utc=window.at,
        window_end_utc=window.end,
        status=outcome.status,
        fetched_count=len(answer.events),
        upserted_count=len(diff.new) + len(diff.changed),
        stale_count=len(diff.stale),
        error_count=len(outcome.errors),
        error_message="; ".join(outcome.errors) or None,
        detail=detail,
    )
