"""Market events, what the providers answered, and the window of days that a sync covers.

Belongs here: these values and their JSON. Does not: comparing, storing or fetching them.
"""

from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, TypedDict
from zoneinfo import ZoneInfo

from tws_maintenance.core.clock import parse_utc, utc_text

if TYPE_CHECKING:
    # Takes a tenth of a second to import: a command that shows no answer need not wait for it.
    from pydantic import TypeAdapter


class EventType(StrEnum):
    """The type of an event."""

    EARNINGS = "EARNINGS"
    DIVIDEND = "DIVIDEND"
    FOMC = "FOMC"
    MARKET_HOLIDAY = "MARKET_HOLIDAY"
    MARKET_EARLY_CLOSE = "MARKET_EARLY_CLOSE"


class EventStatus(StrEnum):
    """The status of a stored event.

    `updated` is an active event that changed since it was first stored. `stale` is a withdrawn
    one: its source no longer lists it. `cancelled` is one that will not take place.
    """

    ACTIVE = "active"
    UPDATED = "updated"
    STALE = "stale"
    CANCELLED = "cancelled"


# The events that count for a robot.
UPCOMING_STATUSES = frozenset({EventStatus.ACTIVE, EventStatus.UPDATED})

# The key in a stored event's detail that dates an event which its source no longer lists.
UNCONFIRMED = "unconfirmed"


# What a source said about an event, or what is noted about it: JSON of any form.
Json = dict[str, object]


class NamedEvent(TypedDict):
    """The name of an event in a report; its type may be one that only the robot keeps."""

    event_type: str
    symbol: str | None
    date: str
    title: str


class WindowJson(TypedDict):
    """A window in a report and in events.json."""

    start_at_utc: str
    end_at_utc: str
    days: int


class Confidence(StrEnum):
    """How sure the source is of the date."""

    CONFIRMED = "confirmed"
    ESTIMATED = "estimated"


@dataclass(frozen=True)
class Event:
    """An event as its source lists it.

    `subject` and the date identify it: the subject is the symbol, the venue's code, or the kind of
    FOMC meeting. `symbol` is None for an event of a whole market. `event_date` is a date in
    `market_timezone`; `end_date` is the last day where only a span of days is known.
    `start_at_utc` (aware) is None for an all-day event, which has no time of its own.
    `event_time` is the local time of `start_at_utc`. `raw` is what the source said about it.
    """

    event_type: EventType
    subject: str
    title: str
    event_date: date
    market_timezone: str
    confidence: Confidence = Confidence.CONFIRMED
    symbol: str | None = None
    end_date: date | None = None
    event_time: time | None = None
    start_at_utc: datetime | None = None
    end_at_utc: datetime | None = None
    is_cancelled: bool = False
    description: str = ""
    source_url: str = ""
    detail: Json = field(default_factory=dict)
    raw: Json = field(default_factory=dict)

    @property
    def last_date(self) -> date:
        """The last day on which the event may take place."""
        return self.end_date or self.event_date

    def facts(self) -> tuple[object, ...]:
        """Return the values whose change a reader must see; detail is not among them."""
        return (
            self.title,
            self.event_date,
            self.end_date,
            self.start_at_utc,
            self.end_at_utc,
            self.confidence,
            self.is_cancelled,
        )

    def calendar_status(self, status: EventStatus) -> str:
        """Return the STATUS of RFC 5545 for this event, stored with `status`."""
        if self.is_cancelled or status not in UPCOMING_STATUSES:
            return "CANCELLED"
        return "CONFIRMED" if self.confidence is Confidence.CONFIRMED else "TENTATIVE"

    def calendar_facts(self, status: EventStatus) -> tuple[object, ...]:
        """Return the values whose change a calendar program must learn about."""
        return (
            self.event_date,
            self.end_date,
            self.start_at_utc,
            self.end_at_utc,
            self.calendar_status(status),
        )

    def to_dict(self) -> Json:
        """Return the event as events.json holds it."""
        value: Json = _events().dump_python(self, mode="json")
        return value

    @classmethod
    def from_dict(cls, value: object) -> "Event":
        """Read what `to_dict` wrote. Raises ValueError for anything else."""
        return _events().validate_python(value)

    def named(self) -> NamedEvent:
        """Return the name of the event in a report."""
        return {
            "event_type": self.event_type.value,
            "symbol": self.symbol,
            "date": self.event_date.isoformat(),
            "title": self.title,
        }


@dataclass(frozen=True)
class Unconfirmed:
    """Since when, and for how many applied answers, a source has not listed a stored event."""

    since: datetime
    rounds: int

    @classmethod
    def of(cls, event: Event) -> "Unconfirmed | None":
        """Return the mark in the event's detail, None if it is missing or damaged."""
        mark = event.detail.get(UNCONFIRMED)
        if not isinstance(mark, dict):
            return None
        try:
            return cls(parse_utc(mark["since"]), int(mark["rounds"]))
        except (KeyError, TypeError, ValueError):
            return None

    def on(self, event: Event) -> Event:
        """Return `event` with this mark in its detail, where a new listing replaces it."""
        mark = {"since": utc_text(self.since), "rounds": self.rounds}
        return replace(event, detail={**event.detail, UNCONFIRMED: mark})

    def since_date(self, timezone: str) -> date:
        """Return the date in `timezone` since when the event is unconfirmed."""
        return self.since.astimezone(ZoneInfo(timezone)).date()


@dataclass(frozen=True)
class StoredEvent:
    """An event in the store; `source` is the provider's name, instants are aware.

    `sequence` counts the changes of its start, end and calendar status since it was stored.
    Calendar programs go by it (RFC 5545, 3.8.7.4).
    """

    event_id: str
    event: Event
    status: EventStatus
    source: str
    is_portfolio_relevant: bool
    importance_score: int
    last_seen_at: datetime
    fetched_at: datetime
    created_at: datetime
    updated_at: datetime
    sequence: int = 0

    def sequence_after(self, event: Event, status: EventStatus) -> int:
        """Return the sequence after a change to `event` with `status`."""
        before = self.event.calendar_facts(self.status)
        return self.sequence + (before != event.calendar_facts(status))


@dataclass(frozen=True)
class Pair:
    """A stored event and the same event as its source lists it now."""

    before: StoredEvent
    after: Event


@dataclass(frozen=True)
class Held:
    """A stored event that stays although its source no longer lists it."""

    stored: StoredEvent
    mark: Unconfirmed


@dataclass(frozen=True)
class Diff:
    """What one answer means for the store.

    `stale` are the withdrawn events. `unconfirmed` are no longer listed but stay. `vanished` are
    those in `stale` and `unconfirmed` that the previous answer still listed.
    """

    new: tuple[Event, ...] = ()
    changed: tuple[Pair, ...] = ()
    stale: tuple[StoredEvent, ...] = ()
    unchanged: tuple[Pair, ...] = ()
    unconfirmed: tuple[Held, ...] = ()
    vanished: tuple[StoredEvent, ...] = ()


@dataclass(frozen=True)
class Window:
    """The days that a sync or a list covers: today and `days` more, by each market's own date."""

    at: datetime
    days: int

    @property
    def end(self) -> datetime:
        """The instant at which the window ends, for logs."""
        return self.at + timedelta(days=self.days)

    def today(self, timezone: str) -> date:
        """Return the date in `timezone`."""
        return self.at.astimezone(ZoneInfo(timezone)).date()

    def last(self, timezone: str) -> date:
        """Return the last day of the window in `timezone`."""
        return self.today(timezone) + timedelta(days=self.days)

    def holds(self, event: Event) -> bool:
        """Return whether `event` may take place on a day of the window."""
        zone = event.market_timezone
        return event.last_date >= self.today(zone) and event.event_date <= self.last(zone)

    def to_dict(self) -> WindowJson:
        """Return the window as a report and events.json hold it."""
        start, end = utc_text(self.at), utc_text(self.end)
        return {"start_at_utc": start, "end_at_utc": end, "days": self.days}

    @classmethod
    def from_dict(cls, value: WindowJson) -> "Window":
        """Read what `to_dict` wrote."""
        return cls(parse_utc(value["start_at_utc"]), int(value["days"]))


class SymbolOutcome(StrEnum):
    """How Yahoo answered for one symbol; only the first two say which events it has."""

    OK = "ok"
    NO_EVENT = "no_event"
    UNKNOWN_SYMBOL = "unknown_symbol"
    RATE_LIMITED = "rate_limited"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    BAD_PAYLOAD = "bad_payload"
    NOT_ASKED = "not_asked"


ANSWERED = frozenset({SymbolOutcome.OK, SymbolOutcome.NO_EVENT})


@dataclass(frozen=True)
class Provider:
    """A source of events, and the types that it lists."""

    name: str
    title: str
    event_types: tuple[EventType, ...]


YAHOO = Provider("yahoo", "Yahoo Finance", (EventType.EARNINGS, EventType.DIVIDEND))
FEDERAL_RESERVE = Provider("federal_reserve", "Federal Reserve", (EventType.FOMC,))
CALENDARS = Provider(
    "exchange_calendars",
    "Exchange calendars",
    (EventType.MARKET_HOLIDAY, EventType.MARKET_EARLY_CLOSE),
)
PROVIDERS = {one.name: one for one in (YAHOO, FEDERAL_RESERVE, CALENDARS)}
# The source of events that the operator added. No provider is asked for them; no sync changes them.
OPERATOR = "operator"


def provider_title(name: str) -> str:
    """Return the title of a provider; one of the robot's keeps its own name."""
    return PROVIDERS[name].title if name in PROVIDERS else name


@dataclass(frozen=True)
class Answer:
    """The answer of one provider, or its failure.

    `covers` gives each subject for which the answer is complete, and the last local date covered:
    only there may an event that the answer lacks become stale. `errors` are failures; a provider
    with an error has not answered fully. `symbols` is Yahoo's outcome for each symbol, with a
    detail. `counts` is how many events of a kind the source listed (scheduled FOMC meetings by
    year). `unasked` explains which symbols of the portfolio could not be asked about. `silent`
    are the event types that the answer says nothing about, by subject: their events never become
    stale. `raw` are the texts as fetched, by file name.
    """

    provider: str
    source: str
    events: tuple[Event, ...] = ()
    covers: dict[str, date] = field(default_factory=dict)
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    symbols: dict[str, tuple[SymbolOutcome, str]] = field(default_factory=dict)
    duration_seconds: float = 0.0
    counts: dict[str, int] = field(default_factory=dict)
    unasked: tuple[str, ...] = ()
    silent: dict[str, tuple[EventType, ...]] = field(default_factory=dict)
    raw: dict[str, str] = field(default_factory=dict, repr=False)

    def to_dict(self) -> Json:
        """Return the answer as plain values for events.json."""
        value: Json = _answers().dump_python(self, mode="json")
        return value

    @classmethod
    def from_dict(cls, value: object) -> "Answer":
        """Read what `to_dict` wrote. Raises ValueError for anything else."""
        return _answers().validate_python(value)


@cache
def _events() -> "TypeAdapter[Event]":
    from pydantic import TypeAdapter

    return TypeAdapter(Event)


@cache
def _answers() -> "TypeAdapter[Answer]":
    from pydantic import TypeAdapter

    return TypeAdapter(Answer)


class MoveJson(TypedDict):
    """What happened to a near event, in a report and in the log of syncs."""

    kind: str
    event_type: str
    symbol: str
    before: str
    after: str | None
    text: str


class LogDetail(TypedDict, total=False):
    """Further details in the store's own log; the robot's log has no such details."""

    report_id: str
    run_id: str
    new: int
    changed: int
    unchanged: int
    symbols: dict[str, str]
    unasked: list[str]
    moved: list[MoveJson]


@dataclass(frozen=True)
class SyncLog:
    """A line in the log of syncs: what the sync of one provider did.

    Instants are aware. `event_type` holds every type of the provider, joined by commas. Only the
    robot's lines may lack instants: `sync_finished_at` is None while the provider is still working.
    """

    provider: str
    event_type: str
    sync_started_at: datetime | None
    sync_finished_at: datetime | None
    window_start_utc: datetime | None
    window_end_utc: datetime | None
    status: str
    fetched_count: int = 0
    upserted_count: int = 0
    stale_count: int = 0
    error_count: int = 0
    error_message: str | None = None
    detail: LogDetail = field(default_factory=LogDetail)

    @property
    def ended_at(self) -> datetime:
        """When the sync ended. Raises ValueError while it is still running."""
        if self.sync_finished_at is None:
            raise ValueError(f"the sync of {self.provider} has not ended")
        return self.sync_finished_at

    def to_dict(self) -> Json:
        """Return the line as the console's API shows it."""
        return {
            "provider": self.provider,
            "event_type": self.event_type,
            "status": self.status,
            "fetched_count": self.fetched_count,
            "upserted_count": self.upserted_count,
            "stale_count": self.stale_count,
            "error_count": self.error_count,
            "error_message": self.error_message,
            "sync_started_at": instant_text(self.sync_started_at),
            "sync_finished_at": instant_text(self.sync_finished_at),
            "window_start_utc": instant_text(self.window_start_utc),
            "window_end_utc": instant_text(self.window_end_utc),
            "detail": self.detail,
        }


def instant_text(at: datetime | None) -> str | None:
    """Return an instant as JSON text, None for None."""
    return utc_text(at) if at else None
