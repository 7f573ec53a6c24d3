"""An event, what a provider answered, and the window that is looked at."""

from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, TypedDict
from zoneinfo import ZoneInfo

from tws_maintenance.core.clock import parse_utc, utc_text

if TYPE_CHECKING:
    # Takes a tenth of a second, which a command that shows no answer need not wait for.
    from pydantic import TypeAdapter


class EventType(StrEnum):
    """What happens."""

    EARNINGS = "EARNINGS"
    DIVIDEND = "DIVIDEND"
    FOMC = "FOMC"
    MARKET_HOLIDAY = "MARKET_HOLIDAY"
    MARKET_EARLY_CLOSE = "MARKET_EARLY_CLOSE"


class EventStatus(StrEnum):
    """What is known of a stored event.

    `updated` is an active one that changed since it was first stored; `stale` one that its
    source no longer lists; `cancelled` one that will not take place.
    """

    ACTIVE = "active"
    UPDATED = "updated"
    STALE = "stale"
    CANCELLED = "cancelled"


# Those that a robot has to reckon with.
UPCOMING_STATUSES = frozenset({EventStatus.ACTIVE, EventStatus.UPDATED})

# Where a stored event's detail says since when its source no longer lists it.
UNCONFIRMED = "unconfirmed"


# What a source said of an event, and what is noted of it: its own JSON, in whatever form.
Json = dict[str, object]


class NamedEvent(TypedDict):
    """An event as a report names it; the type may be one that only the robot keeps."""

    event_type: str
    symbol: str | None
    date: str
    title: str


class WindowJson(TypedDict):
    """A window as a report and events.json have it."""

    start_at_utc: str
    end_at_utc: str
    days: int


class Confidence(StrEnum):
    """How sure the source is of the date."""

    CONFIRMED = "confirmed"
    ESTIMATED = "estimated"


@dataclass(frozen=True)
class Event:
    """An event as its source tells it.

    `subject` is what the source knows it by, besides its date: the symbol, the venue's code, the
    kind of FOMC meeting. `symbol` is None for what concerns a whole market. `event_date` is a
    date in `market_timezone`; `end_date` the last day where only a span of days is known.
    `start_at_utc` (aware) is None for an all-day event: one without a time of its own.
    `event_time` is the local time of `start_at_utc`. `raw` is what the source said of it.
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
        """The last day on which it may take place."""
        return self.end_date or self.event_date

    def facts(self) -> tuple[object, ...]:
        """Return what makes it another event for a reader when it changes; detail does not."""
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
        """Return the STATUS of RFC 5545 that a calendar shows of it, stored with `status`."""
        if self.is_cancelled or status not in UPCOMING_STATUSES:
            return "CANCELLED"
        return "CONFIRMED" if self.confidence is Confidence.CONFIRMED else "TENTATIVE"

    def calendar_facts(self, status: EventStatus) -> tuple[object, ...]:
        """Return what a program that keeps calendars has to learn of when it changes."""
        return (
            self.event_date,
            self.end_date,
            self.start_at_utc,
            self.end_at_utc,
            self.calendar_status(status),
        )

    def to_dict(self) -> Json:
        """Return it as it stands in events.json."""
        value: Json = _events().dump_python(self, mode="json")
        return value

    @classmethod
    def from_dict(cls, value: object) -> "Event":
        """Read what `to_dict` wrote; ValueError for anything else."""
        return _events().validate_python(value)

    def named(self) -> NamedEvent:
        """Return it as a report names it."""
        return {
            "event_type": self.event_type.value,
            "symbol": self.symbol,
            "date": self.event_date.isoformat(),
            "title": self.title,
        }


@dataclass(frozen=True)
class Unconfirmed:
    """Since when, and in how many applied answers, a source no longer lists a stored event."""

    since: datetime
    rounds: int

    @classmethod
    def of(cls, event: Event) -> "Unconfirmed | None":
        """Return the mark in the event's detail; None without one, or with one that is damaged."""
        mark = event.detail.get(UNCONFIRMED)
        if not isinstance(mark, dict):
            return None
        try:
            return cls(parse_utc(mark["since"]), int(mark["rounds"]))
        except (KeyError, TypeError, ValueError):
            return None

    def on(self, event: Event) -> Event:
        """Return `event` with this mark in its detail; whoever lists it again replaces it."""
        mark = {"since": utc_text(self.since), "rounds": self.rounds}
        return replace(event, detail={**event.detail, UNCONFIRMED: mark})

    def since_date(self, timezone: str) -> date:
        """Return the date in that zone since when it is unconfirmed."""
        return self.since.astimezone(ZoneInfo(timezone)).date()


@dataclass(frozen=True)
class StoredEvent:
    """An event as it lies in the store; `source` is the provider's name, instants are aware.

    `sequence` counts the changes of its start, its end or its status as a calendar shows them,
    since it was stored: what programs that keep calendars go by (RFC 5545, 3.8.7.4).
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
        """Return the sequence that it has once it is `event` with `status`."""
        before = self.event.calendar_facts(self.status)
        return self.sequence + (before != event.calendar_facts(status))


@dataclass(frozen=True)
class Pair:
    """A stored event and what its source says of it now."""

    before: StoredEvent
    after: Event


@dataclass(frozen=True)
class Held:
    """A stored event that its source no longer lists, and that stays all the same."""

    stored: StoredEvent
    mark: Unconfirmed


@dataclass(frozen=True)
class Diff:
    """What one answer means for the store.

    `unconfirmed` are those that stay although they are no longer listed. `vanished` are those of
    `stale` and `unconfirmed` that the answer before this one still listed.
    """

    new: tuple[Event, ...] = ()
    changed: tuple[Pair, ...] = ()
    stale: tuple[StoredEvent, ...] = ()
    unchanged: tuple[Pair, ...] = ()
    unconfirmed: tuple[Held, ...] = ()
    vanished: tuple[StoredEvent, ...] = ()


@dataclass(frozen=True)
class Window:
    """The days that are looked at: today and `days` more, in whichever market's zone."""

    at: datetime
    days: int

    @property
    def end(self) -> datetime:
        """The instant at which it ends, as logs note it."""
        return self.at + timedelta(days=self.days)

    def today(self, timezone: str) -> date:
        """Return the date in that zone."""
        return self.at.astimezone(ZoneInfo(timezone)).date()

    def last(self, timezone: str) -> date:
        """Return the last day that is looked at, in that zone."""
        return self.today(timezone) + timedelta(days=self.days)

    def holds(self, event: Event) -> bool:
        """Tell whether a day on which `event` may take place is looked at."""
        zone = event.market_timezone
        return event.last_date >= self.today(zone) and event.event_date <= self.last(zone)

    def to_dict(self) -> WindowJson:
        """Return it as a report and events.json have it."""
        start, end = utc_text(self.at), utc_text(self.end)
        return {"start_at_utc": start, "end_at_utc": end, "days": self.days}

    @classmethod
    def from_dict(cls, value: WindowJson) -> "Window":
        """Read what `to_dict` wrote."""
        return cls(parse_utc(value["start_at_utc"]), int(value["days"]))


class SymbolOutcome(StrEnum):
    """How Yahoo answered about one symbol; only the first two are answers about its events."""

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
    """A source of events, with the types it tells of."""

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
# The source of what the operator added; nobody is asked for it, and no sync touches it.
OPERATOR = "operator"


def provider_title(name: str) -> str:
    """Return how a provider is called; one of the robot's by its own name."""
    return PROVIDERS[name].title if name in PROVIDERS else name


@dataclass(frozen=True)
class Answer:
    """What one provider answered, whether well or not.

    `covers` says of which subjects the answer is complete, and up to which local date: only there
    may a stored event that is not in it become stale. `errors` are failures (a provider with one
    has not answered fully), `symbols` Yahoo's outcome for each symbol with a word of detail.
    `counts` is how many of a kind the source listed (scheduled FOMC meetings by year), `unasked`
    says of which symbols of the portfolio it could not be asked. `silent` are the event types about
    which the answer says nothing, by subject: none of them may become stale. `raw` are the texts
    as fetched, by file name.
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
        """Return it as plain values, of which events.json is made."""
        value: Json = _answers().dump_python(self, mode="json")
        return value

    @classmethod
    def from_dict(cls, value: object) -> "Answer":
        """Read what `to_dict` wrote; ValueError for anything else."""
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
    """What became of a near event, as a report and the log of syncs have it."""

    kind: str
    event_type: str
    symbol: str
    before: str
    after: str | None
    text: str


class LogDetail(TypedDict, total=False):
    """What the store's own log says besides; the robot's says nothing."""

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
    """What one provider's turn did, by the log of whoever keeps the events.

    Instants are aware. `event_type` holds every type of the provider, joined by commas. Only a line
    of the robot's may lack instants: `sync_finished_at` is None while its provider is at work.
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
        """When it ended; ValueError while its provider is at work."""
        if self.sync_finished_at is None:
            raise ValueError(f"the turn of {self.provider} has no end")
        return self.sync_finished_at

    def to_dict(self) -> Json:
        """Return it as the console's API has it."""
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
    """Return an instant as JSON has it, None for none."""
    return utc_text(at) if at else None
