"""The robot's answers, checked: only what is used of them, in the form that is known."""

from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field


def _as_utc(value: datetime) -> datetime:
    """Read a naive time of the robot's log, which is in UTC."""
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _count(value: Any) -> Any:
    return 0 if value is None else value


def _text(value: Any) -> Any:
    return "" if value is None else value


Instant = Annotated[datetime, AfterValidator(_as_utc)]
Count = Annotated[int, BeforeValidator(_count)]
Text = Annotated[str, BeforeValidator(_text)]


class _Answer(BaseModel):
    # It says much more, which is none of our business.
    model_config = ConfigDict(extra="ignore", frozen=True)


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
    """What the robot says of its strategies together."""

    symbols_traded: list[str]


class Strategies(_Answer):
    """`GET /api/strategies/`."""

    strategies: list[Strategy]
    summary: Summary


class LogLine(_Answer):
    """What became of one provider in one refresh; the end is None while it is at work."""

    id: int
    provider: str
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
    """`GET /api/market-events/sync-log`; the summary is of the last refresh, whoever asked."""

    logs: list[LogLine]
    last_sync_summary: dict[str, Any] | None = None


class UpcomingEvent(_Answer):
    """One stored event of the robot's."""

    event_id: str
    event_type: str
    symbol: str | None = None
    title: Text = ""
    event_date: date
    event_time: Text = ""
    start_at_utc: Instant | None = None
    source: Text = ""
    confidence: Text = ""
    status: Text = ""
    severity: Text = ""
    days_away: int | None = None


class Upcoming(_Answer):
    """`GET /api/market-events/upcoming`."""

    events: list[UpcomingEvent]


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
