"""The robot's answers, checked: only the parts that are used, in the expected form.

An event or a line of the log in an unexpected form is left out; the rest of the answer is read.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from tws_maintenance.robot.moments import as_utc, read_moment

NAME_LENGTH = 80


def _count(value: Any) -> Any:
    return 0 if value is None else value


def _text(value: Any) -> Any:
    return "" if value is None else value


def _symbol(value: Any) -> Any:
    return None if value == "" else value


def _days(value: Any) -> int | None:
    return value if isinstance(value, int) else None


def _event_type(value: str) -> str:
    if not value.strip():
        raise ValueError("it has no type")
    return value.strip().upper()


def _provider(value: str) -> str:
    if not value.strip():
        raise ValueError("it has no provider")
    return value


Instant = Annotated[datetime, AfterValidator(as_utc)]
Count = Annotated[int, BeforeValidator(_count), Field(ge=0)]
Text = Annotated[str, BeforeValidator(_text)]


class _Answer(BaseModel):
    # The robot sends much more, which is not used here.
    model_config = ConfigDict(extra="ignore", frozen=True)


class Unreadable(_Answer):
    """One part of an answer in an unexpected form: what it is, and what is wrong with it.

    `event_id` is "" where there is none.
    """

    name: str
    why: str
    event_id: str = ""


class Position(_Answer):
    """One line of what the robot holds; `sec_type` may be empty."""

    symbol: str
    quantity: float = Field(allow_inf_nan=False)
    sec_type: Text = ""


class Positions(_Answer):
    """`GET /api/account/positions`."""

    positions: list[Position]


class Strategy(_Answer):
    """One strategy of the robot and its state, such as RUNNING."""

    strategy_name: Text = ""
    state: Text = ""


class Summary(_Answer):
    """The robot's summary of all its strategies."""

    symbols_traded: list[str]


class Strategies(_Answer):
    """`GET /api/strategies/`."""

    strategies: list[Strategy]
    summary: Summary


class LogLine(_Answer):
    """The outcome of one provider in one refresh; the end is None while it is at work."""

    id: int
    provider: Annotated[str, AfterValidator(_provider)]
    event_type: Text = ""
    status: Text = ""
    fetched_count: Count = 0
    upserted_count: Count = 0
    stale_count: Count = 0
    error_count: Count = 0
    error_message: str | None = None
    sync_started_at: Instant | None = None
    sync_finished_at: Instant | None = None
    window_start_utc: Instant | None = None
    window_end_utc: Instant | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Which provider was asked for what."""
        return (self.provider, self.event_type)


class SyncLog(_Answer):
    """`GET /api/market-events/sync-log`; the summary is of the last refresh, ours or not.

    `sent` is the answer as it came.
    """

    logs: list[LogLine]
    last_sync_summary: Any = None
    unreadable: tuple[Unreadable, ...] = ()
    sent: dict[str, object] = Field(default_factory=dict, repr=False)

    @model_validator(mode="before")
    @classmethod
    def _line_by_line(cls, sent: Any) -> Any:
        return _each_by_itself(sent, "logs", LogLine)


class UpcomingEvent(_Answer):
    """One stored event of the robot's, its dates read as `moments` reads them.

    `event_date` is a date in `market_timezone`; `start_at_utc` is None for an event without a time
    of its own; the robot lists it until `listed_until`.
    """

    event_id: str = Field(min_length=1)
    event_type: Annotated[str, AfterValidator(_event_type)]
    symbol: Annotated[str | None, BeforeValidator(_symbol)] = None
    title: Text = ""
    event_date: date
    event_time: Text = ""
    start_at_utc: datetime | None = None
    market_timezone: str
    listed_until: datetime
    source: Text = ""
    confidence: Text = ""
    status: Text = ""

    @model_validator(mode="before")
    @classmethod
    def _in_its_market(cls, sent: Any) -> Any:
        if not isinstance(sent, dict):
            return sent
        found = read_moment(sent)
        return sent | {
            "event_date": found.day,
            "start_at_utc": found.starts_at,
            "market_timezone": found.zone,
            "listed_until": found.listed_until,
        }


class Upcoming(_Answer):
    """`GET /api/market-events/upcoming`; `days_ahead` is how far it looked.

    `sent` is the answer as it came.
    """

    events: list[UpcomingEvent]
    days_ahead: Annotated[int | None, BeforeValidator(_days)] = None
    unreadable: tuple[Unreadable, ...] = ()
    sent: dict[str, object] = Field(default_factory=dict, repr=False)

    @model_validator(mode="before")
    @classmethod
    def _event_by_event(cls, sent: Any) -> Any:
        return _each_by_itself(sent, "events", UpcomingEvent)


class RefreshStarted(_Answer):
    """`POST /api/market-events/refresh`; `portfolio_symbols` are names or their number."""

    status: str
    portfolio_symbols: list[str] | int | None = None


class CacheState(_Answer):
    """The generation that lies on disk, and the one that an invalidator has seen."""

    generation: str | None = None
    seen: str | None = None
    error: str | None = None


class Caches(_Answer):
    """`GET /api/maintenance/caches` where `CacheGuard` is mounted."""

    caches: dict[str, CacheState]
    pid: int | None = None


Part = TypeVar("Part", bound=_Answer)


def _each_by_itself(sent: Any, key: str, model: type[_Answer]) -> Any:
    """Return an answer whose list under `key` holds what could be read, the rest in `unreadable`.

    Raises ValueError where there are several parts and all are unreadable: the form has changed.
    """
    if not isinstance(sent, dict) or not isinstance(sent.get(key), list):
        return sent
    found, unreadable = _read_each(sent[key], model)
    if not found and len(unreadable) > 1:
        first = unreadable[0]
        raise ValueError(
            f"all {len(unreadable)} {key} are unreadable (the first, {first.name}: {first.why})"
        )
    return {**sent, key: found, "unreadable": unreadable, "sent": sent}


def _read_each(parts: Sequence[Any], model: type[Part]) -> tuple[list[Part], list[Unreadable]]:
    found, unreadable = [], []
    for number, part in enumerate(parts, start=1):
        try:
            found.append(model.model_validate(part))
        except ValidationError as error:
            named = part if isinstance(part, dict) else {}
            unreadable.append(
                Unreadable(
                    name=_name_of(named) or f"number {number}",
                    why=_reasons(error),
                    event_id=str(named.get("event_id") or ""),
                )
            )
    return found, unreadable


def _name_of(part: dict[str, object]) -> str:
    """Return how messages name a part: an event's type and title, a line's provider."""
    texts = [part.get(name) for name in ("provider", "event_type", "symbol", "title", "event_id")]
    name = " ".join(text for text in texts[:4] if isinstance(text, str) and text.strip())
    name = name or str(texts[4] or "")
    return name if len(name) <= NAME_LENGTH else f"{name[: NAME_LENGTH - 3]}..."


def _reasons(error: ValidationError) -> str:
    return "; ".join(_reason(one["loc"], one["msg"]) for one in error.errors(include_url=False))


def _reason(place: Iterable[int | str], message: str) -> str:
    where = ".".join(str(part) for part in place)
    text = message.removeprefix("Value error, ")
    return f"{where}: {text}" if where else text
