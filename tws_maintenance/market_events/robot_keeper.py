"""The robot's own service as a keeper of events: its answers in this program's form.

Staging reads the robot's events and changes nothing. Applying asks it to refresh and waits for the
end. The robot stores its events itself, so this program cannot hold any of them back.
Belongs here: translating the answers. Does not: asking (`robot_service`) or doubting them
(`robot_doubts`).
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from tws_maintenance.audit.receipt import Receipt
from tws_maintenance.audit.run_context import RunContext
from tws_maintenance.config.events_service import EventsService
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import MAX_DAYS
from tws_maintenance.config.settings import Settings
from tws_maintenance.core.atomic import to_json
from tws_maintenance.core.clock import utc_now
from tws_maintenance.core.errors import RobotError, StoreError
from tws_maintenance.market_events import robot_service as service
from tws_maintenance.market_events.keeper import READ_BACK, Contents, SyncOrder, Wanted
from tws_maintenance.market_events.model import (
    CALENDARS,
    FEDERAL_RESERVE,
    OPERATOR,
    PROVIDERS,
    YAHOO,
    Answer,
    Confidence,
    Diff,
    Event,
    EventStatus,
    EventType,
    NamedEvent,
    Pair,
    StoredEvent,
    SymbolOutcome,
    SyncLog,
    Window,
)
from tws_maintenance.market_events.proposal import (
    EventsProposal,
    StagedEvents,
    key_of,
    write_staged,
)
from tws_maintenance.market_events.providers.worker import EventsWorker
from tws_maintenance.market_events.robot_doubts import (
    doubts_of,
    empty_successes,
    failures_of,
    gaps,
)
from tws_maintenance.market_events.robot_service import (
    Look,
    RobotDiff,
    by_provider,
    is_ours,
    is_robots_own,
    provider_of,
)
from tws_maintenance.market_events.scope import NAMED, POSITIONS, WATCHLIST, Scope
from tws_maintenance.market_events.store.event_store import EventStore
from tws_maintenance.market_events.sync_result import (
    OwnEvent,
    ProviderRow,
    RobotsOwn,
    SymbolAnswer,
    SyncResult,
    field_changes,
    provider_row,
)
from tws_maintenance.robot.answers import LogLine, UpcomingEvent
from tws_maintenance.robot.client import RobotClient

CANNOT_PREVIEW = (
    "The robot's own service keeps the events and cannot preview a refresh: nothing was fetched. "
    "Its present events and last refresh are shown; an apply asks it to refresh."
)
# The fields whose changes are reported, by the robot's names.
FIELDS = ("title", "event_date", "event_time", "start_at_utc", "confidence")
_PROVIDER_OF = {kind: one.name for one in PROVIDERS.values() for kind in one.event_types}
# How the robot names the half of the day, for earnings without a time.
_HALVES = {"BMO": "before the open", "AMC": "after the close"}


class RobotKeeper:
    """The robot's service, as `keeper.EventsKeeper`."""

    limits_symbols = False  # the robot fetches them itself

    def __init__(self, home: Home, settings: Settings) -> None:
        self._home = home
        self._settings = settings

    def contents(self, at: datetime, wanted: Wanted | None = None) -> Contents:
        """Return the robot's events and the operator's closures, as `keeper.EventsKeeper` says.

        Raises:
            StoreError: the robot could not be asked.
        """
        days = wanted.days if wanted else MAX_DAYS
        try:
            found = service.look(RobotClient(self._settings.robot), Window(at, days))
        except RobotError as error:
            raise StoreError(f"Could not read the robot's events: {error}") from error
        kept = contents_of(found, at, self._settings.events.max_age_days, wanted)
        own, unread = self._closures(at)
        return replace(kept, stored=[*kept.stored, *own], unread=unread)

    def _closures(self, at: datetime) -> tuple[list[StoredEvent], list[str]]:
        """Return the closures that operators added, or why they cannot be read."""
        try:
            with EventStore(self._home, self._settings) as store:
                return store.read(source=OPERATOR, not_before=(at - READ_BACK).date()), []
        except StoreError as error:
            return [], [f"Could not read the closures that operators added: {error}"]

    def logs(self, limit: int, offset: int = 0) -> list[SyncLog]:
        """Return the robot's log of refreshes, newest first.

        Raises:
            StoreError: the robot could not be asked.
        """
        try:
            lines = RobotClient(self._settings.robot).sync_log().logs
        except RobotError as error:
            raise StoreError(f"Could not read the robot's log: {error}") from error
        found = sorted(lines, key=lambda one: one.id, reverse=True)
        return [as_log(one) for one in found[offset : offset + limit]]

    def sync(self, order: SyncOrder, worker: EventsWorker) -> "RobotSync":
        """Return a sync; it needs `worker` only for the audit."""
        worker.prepare()
        return RobotSync(self._home, self._settings, order, worker)


class RobotSync:
    """The robot's service in one run, as `keeper.EventsSync`."""

    def __init__(
        self, home: Home, settings: Settings, order: SyncOrder, worker: EventsWorker
    ) -> None:
        self._home = home
        self._settings = settings.robot
        self._scope = order.scope
        self._window = Window(utc_now(), order.days)
        self._worker = worker
        self._client = RobotClient(settings.robot)

    def stage(self, context: RunContext) -> SyncResult:
        """Read the robot's events and stage them for the audit.

        Raises:
            RobotError: the robot could not be asked.
        """
        return self.looked(service.look(self._client, self._window), context)

    def looked(self, found: Look, context: RunContext) -> SyncResult:
        """Stage what was found for the audit, and return the result that a preview shows."""
        diff = RobotDiff(unchanged=tuple(found.active.values()))
        symbols, left_out = _symbols(self._scope, None, [found])
        result = self._staged(context, found, found, found.lines, diff)
        return replace(
            result,
            symbols=symbols,
            warnings=left_out,
            passing=(
                *gaps(found),
                *failures_of(found.lines),
                *empty_successes(found.lines, [found], len(self._scope.robot)),
                CANNOT_PREVIEW,
            ),
        )

    def apply(self, context: RunContext, note: Callable[[SyncResult], object]) -> Receipt:
        """Have the robot refresh, stage its events and audit them. Raises as `refresh`."""
        result = self.refresh(context)
        note(result)
        return self._worker.audit(self._home, result.proposal_id, context)

    def refresh(self, context: RunContext) -> SyncResult:
        """Have the robot refresh, and stage its events.

        Raises:
            RobotError: the robot could not be asked, or was already refreshing.
        """
        seconds = self._settings.refresh_seconds
        done = service.refresh(self._client, self._window, seconds=seconds)
        asked, looks = done.answer.portfolio_symbols, [done.before, done.after]
        symbols, left_out = _symbols(self._scope, asked, looks)
        if asked is None:
            count = len(self._scope.robot)
        else:
            count = asked if isinstance(asked, int) else len(asked)
        result = self._staged(context, done.before, done.after, done.lines, done.diff)
        return replace(
            result,
            symbols=symbols,
            warnings=(
                *left_out,
                *gaps(done.after),
                *failures_of(line for line in done.lines if is_robots_own(line)),
                *empty_successes(done.lines, looks, count),
            ),
            errors=(done.unfinished,) if done.unfinished else (),
        )

    def _staged(
        self,
        context: RunContext,
        before: Look,
        after: Look,
        lines: Sequence[LogLine],
        every: RobotDiff,
    ) -> SyncResult:
        proposal = write_look(self._home, after, context, before_count=len(before.ours))
        ours, url = every.only(ours=True), self._settings.url
        diff = as_diff(ours, after.window.at)
        return SyncResult(
            proposal_id=proposal.proposal_id,
            proposal_sha256=proposal.sha256,
            window=after.window,
            before_count=len(before.ours),
            after_count=len(after.ours),
            source=url,
            providers=tuple(_row(line, lines, every, url) for line in by_provider(lines)),
            diff=diff,
            changed_fields=tuple(
                line
                for pair in diff.changed
                for line in field_changes(pair.after, pair.before.event.raw, pair.after.raw)
            ),
            service=EventsService.ROBOT,
            robots_own=_robots_own(every.only(ours=False)),
        )


def contents_of(
    found: Look, at: datetime, max_age_days: float, wanted: Wanted | None = None
) -> Contents:
    """Return the robot's contents at one instant; it does not say which near events moved."""
    ended = [one for one in by_provider(found.lines) if one.sync_finished_at]
    own = [one for one in found.active.values() if not is_ours(one)]
    named = [name_of(one) for one in sorted(own, key=lambda one: (one.event_date, one.event_id))]
    symbol = wanted.symbol if wanted else None
    is_listed = wanted is None or wanted.event_type is None
    return Contents(
        events_of(found),
        list(doubts_of(found, at, max_age_days)),
        # Its log is no proof of which days a provider was asked about.
        [replace(as_log(one), window_end_utc=None) for one in ended],
        robots_own=[one for one in named if is_listed and symbol in (None, one["symbol"])],
    )


def name_of(event: UpcomingEvent) -> NamedEvent:
    """Return the name of an event of any type in a report."""
    return {
        "event_type": event.event_type,
        "symbol": event.symbol,
        "date": event.event_date.isoformat(),
        "title": event.title or event.event_type,
    }


def as_event(event: UpcomingEvent) -> Event:
    """Return an event of a type that this program keeps; `raw` holds the reported fields."""
    start = event.start_at_utc
    title = event.title or event.event_type
    is_confirmed = event.confidence.lower() == Confidence.CONFIRMED
    return Event(
        event_type=EventType(event.event_type),
        subject=event.symbol or title,
        symbol=event.symbol,
        title=title,
        event_date=event.event_date,
        event_time=start.astimezone(ZoneInfo(event.market_timezone)).time() if start else None,
        start_at_utc=start,
        market_timezone=event.market_timezone,
        confidence=Confidence.CONFIRMED if is_confirmed else Confidence.ESTIMATED,
        is_cancelled=event.status.lower() == EventStatus.CANCELLED,
        raw=event.model_dump(mode="json", include=set(FIELDS)),
    )


def as_stored(event: UpcomingEvent, at: datetime) -> StoredEvent:
    """Return an event of a type that this program keeps, in the form of a stored event.

    All its times are `at`, when it was seen: the robot does not give others.
    """
    status = event.status.lower()
    return StoredEvent(
        event_id=event.event_id,
        event=as_event(event),
        # A status of the robot's own counts as active.
        status=EventStatus(status) if status in set(EventStatus) else EventStatus.ACTIVE,
        source=event.source,
        is_portfolio_relevant=event.symbol is not None,
        importance_score=0,
        last_seen_at=at,
        fetched_at=at,
        created_at=at,
        updated_at=at,
    )


def events_of(found: Look) -> list[StoredEvent]:
    """Return the robot's events of the types kept here too, with the half of the day."""
    return [_with_half(one, found.window.at) for one in found.events if is_ours(one)]


def _with_half(event: UpcomingEvent, at: datetime) -> StoredEvent:
    stored = as_stored(event, at)
    half = _HALVES.get(event.event_time.strip().upper())
    if half is None:
        return stored
    return replace(stored, event=replace(stored.event, title=f"{stored.event.title}, {half}"))


def as_diff(found: RobotDiff, at: datetime) -> Diff:
    """Return the robot's diff in the form of this program's diffs."""
    return Diff(
        new=tuple(as_event(one) for one in found.new),
        changed=tuple(Pair(as_stored(was, at), as_event(now)) for was, now in found.changed),
        stale=tuple(as_stored(one, at) for one in found.stale),
        unchanged=tuple(Pair(as_stored(one, at), as_event(one)) for one in found.unchanged),
    )


def as_log(line: LogLine) -> SyncLog:
    """Return a line of the robot's log as a `SyncLog`."""
    return SyncLog(
        provider=line.provider,
        event_type=line.event_type,
        sync_started_at=line.sync_started_at,
        sync_finished_at=line.sync_finished_at,
        window_start_utc=line.window_start_utc,
        window_end_utc=line.window_end_utc,
        status=line.status,
        fetched_count=line.fetched_count,
        upserted_count=line.upserted_count,
        stale_count=line.stale_count,
        error_count=line.error_count,
        error_message=line.error_message,
    )


def as_answers(found: Look) -> tuple[Answer, ...]:
    """Return the robot's events as answers of the providers of their types, for the audit."""
    events: dict[str, list[Event]] = defaultdict(list)
    for one in map(as_event, found.ours):
        events[_PROVIDER_OF[one.event_type]].append(one)
    until = found.window.end.date()
    covers = {EventsService.ROBOT.value: until} if found.log.logs else {}
    answers = [
        Answer(
            provider=name,
            source=EventsService.ROBOT.value,
            events=tuple(events[name]),
            # The robot does not show its whole calendar of the Federal Reserve.
            covers={} if name == FEDERAL_RESERVE.name else covers,
        )
        for name in (YAHOO.name, FEDERAL_RESERVE.name, CALENDARS.name)
    ]
    sent = {"upcoming.json": found.upcoming.sent, "sync_log.json": found.log.sent}
    raw = {name: to_json(value).decode() for name, value in sent.items()}
    return (replace(answers[0], raw=raw), *answers[1:])


def write_look(
    home: Home, found: Look, context: RunContext, *, before_count: int
) -> EventsProposal:
    """Stage the robot's events for the audit; this program never applies them."""
    answers = as_answers(found)
    staged = StagedEvents(found.window, frozenset(), answers, service=EventsService.ROBOT)
    known = {key_of(one) for answer in answers for one in answer.events}
    return write_staged(
        home, context, staged, known, before_count=before_count, after_count=len(found.ours)
    )


def _row(line: LogLine, lines: Sequence[LogLine], diff: RobotDiff, url: str) -> ProviderRow:
    """Return a provider's row by the robot's log, with this program's status."""

    def count(events: Iterable[UpcomingEvent]) -> int:
        return sum(provider_of(one, lines) == line.provider for one in events)

    began, ended = line.sync_started_at, line.sync_finished_at
    seconds = round((ended - began).total_seconds(), 3) if began and ended else 0.0
    log = replace(
        as_log(line),
        status=_status(line),
        error_message=line.error_message or (None if ended else "the refresh has not ended"),
        detail={
            "new": count(diff.new),
            "changed": count(after for _, after in diff.changed),
            "unchanged": count(diff.unchanged),
        },
    )
    row = provider_row(Answer(line.provider, url, duration_seconds=seconds), log)
    return {**row, "upserted": line.upserted_count, "is_robots_own": is_robots_own(line)}


def _status(line: LogLine) -> str:
    if line.sync_finished_at is None:
        return "failed"
    if line.status.lower() == "success":
        return "partial_failure" if line.error_count else "success"
    return "partial_failure" if "partial" in line.status.lower() else "failed"


def _robots_own(diff: RobotDiff) -> RobotsOwn:
    """Return the events of types that only the robot keeps; stale ones are not counted."""
    by_change = {
        "new": diff.new,
        "changed": tuple(after for _, after in diff.changed),
        "unchanged": diff.unchanged,
        "stale": diff.stale,
    }
    counts = Counter(
        one.event_type for kind, events in by_change.items() if kind != "stale" for one in events
    )
    named: list[OwnEvent] = [
        {**name_of(one), "change": kind} for kind, events in by_change.items() for one in events
    ]
    return {
        "count": counts.total(),
        "types": dict(sorted(counts.items())),
        "events": sorted(named, key=lambda one: (one["date"], one["event_type"])),
    }


def _symbols(
    scope: Scope, asked: list[str] | int | None, looks: Sequence[Look]
) -> tuple[dict[str, SymbolAnswer], tuple[str, ...]]:
    """Return the answer for each symbol, and a warning about those that the robot leaves out."""
    taken = scope.robot | (set(asked) if isinstance(asked, list) else set())
    have = {one.symbol for found in looks for one in found.ours}
    answers: dict[str, SymbolAnswer] = {}
    for symbol in scope.origins:
        is_taken = symbol in taken or symbol in have
        outcome = SymbolOutcome.OK.value if symbol in have else None
        answers[symbol] = {"outcome": outcome if is_taken else SymbolOutcome.NOT_ASKED.value}
    left_out = [s for s in answers if answers[s]["outcome"] == SymbolOutcome.NOT_ASKED]
    return answers, (_left_out(left_out, scope),) if left_out else ()


def _left_out(symbols: Sequence[str], scope: Scope) -> str:
    kinds = {WATCHLIST: "the watchlist", NAMED: NAMED, POSITIONS: "[events] positions"}
    origins = {origin for symbol in symbols for origin in scope.origins[symbol]}
    named_by = sorted({kinds.get(one, "[events] strategies") for one in origins})
    return (
        f"Not fetched: {', '.join(symbols)} (from {', '.join(named_by)}). The robot's service "
        "takes its symbols only from its own positions and strategies. To fetch these, set "
        '[events] service = "embedded".'
    )
