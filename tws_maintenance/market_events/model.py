"""An event, what a provider answered, and the window that is looked at."""

from dataclasses import asdict, dataclass, field, fields, replace
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from tws_maintenance.core.clock import parse_utc, utc_text


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
    detail: dict[str, Any] = field(default_factory=dict)
    raw: dict[str, Any] = field(default_factory=dict)

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

    def named(self) -> dict[str, str | None]:
        """Return {event_type, symbol, date, title}, as a report names it."""
        return {
            "event_type": self.event_type.value,
            "symbol": self.symbol,
            "date": self.event_date.isoformat(),
            "title": self.title,
        }

    def to_dict(self) -> dict[str, Any]:
        """Return it as it stands in events.json."""
        return asdict(self) | {
            "event_type": self.event_type.value,
            "confidence": self.confidence.value,
            "event_date": self.event_date.isoformat(),
            "end_date": self.end_date.isoformat() if self.end_date else None,
            "event_time": self.event_time.isoformat() if self.event_time else None,
            "start_at_utc": utc_text(self.start_at_utc) if self.start_at_utc else None,
            "end_at_utc": utc_text(self.end_at_utc) if self.end_at_utc else None,
        }

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> "Event":
        """Read what `to_dict` wrote; ValueError, KeyError or TypeError for anything else."""
        end, clock = value["end_date"], value["event_time"]
        start_at, end_at = value["start_at_utc"], value["end_at_utc"]
        return cls(
            **value
            | {
                "event_type": EventType(value["event_type"]),
                "confidence": Confidence(value["confidence"]),
                "event_date": date.fromisoformat(value["event_date"]),
                "end_date": date.fromisoformat(end) if end else None,
                "event_time": time.fromisoformat(clock) if clock else None,
                "start_at_utc": parse_utc(start_at) if start_at else None,
                "end_at_utc": parse_utc(end_at) if end_at else None,
            }
        )


@dataclass(frozen=True)
class Unconfirmed:
    """Since when, and in how many applied answers, a source no longer lists a stored event."""

    since: datetime
    rounds: int

    @classmethod
    def of(cls, event: Event) -> "Unconfirmed | None":
        """Return the mark in the event's detail; None without one, or with one that is damaged."""
        mark = event.detail.get(UNCONFIRMED)
        try:
            return cls(parse_utc(mark["since"]), int(mark["rounds"])) if mark else None
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

    def to_dict(self) -> dict[str, Any]:
        """Return {start_at_utc, end_at_utc, days}."""
        start, end = utc_text(self.at), utc_text(self.end)
        return {"start_at_utc": start, "end_at_utc": end, "days": self.days}

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> "Window":
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

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        plain = {one.name: getattr(self, one.name) for one in fields(self)}
        return plain | {
            "events": [event.to_dict() for event in self.events],
            "covers": {subject: until.isoformat() for subject, until in self.covers.items()},
            "errors": list(self.errors),
            "warnings": list(self.warnings),
            "unasked": list(self.unasked),
            "silent": {subject: list(types) for subject, types in self.silent.items()},
            "symbols": {symbol: [one.value, text] for symbol, (one, text) in self.symbols.items()},
        }

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> "Answer":
        """Read what `to_dict` wrote."""
        return cls(
            **value
            | {
                "events": tuple(Event.from_dict(one) for one in value["events"]),
                "covers": {k: date.fromisoformat(v) for k, v in value["covers"].items()},
                "errors": tuple(value["errors"]),
                "warnings": tuple(value["warnings"]),
                "unasked": tuple(value["unasked"]),
                "silent": {
                    subject: tuple(map(EventType, types))
                    for subject, types in value["silent"].items()
                },
                "symbols": {
                    symbol: (SymbolOutcome(one), text)
                    for symbol, (one, text) in value["symbols"].items()
                },
            }
        )
