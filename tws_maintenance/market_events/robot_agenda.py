"""What comes and what was logged, as the robot's own service tells it."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from tws_maintenance.config.settings import Settings
from tws_maintenance.core.clock import utc_text
from tws_maintenance.core.errors import RobotError, StoreError
from tws_maintenance.market_events.model import StoredEvent, Window
from tws_maintenance.market_events.robot_events import stored
from tws_maintenance.market_events.robot_service import (
    Look,
    by_provider,
    described,
    empty_successes,
    gaps,
    look,
)
from tws_maintenance.robot.answers import LogLine
from tws_maintenance.robot.client import RobotClient


def read_look(settings: Settings, at: datetime, days: int) -> Look:
    """Return what the robot has stored for today and `days` more.

    Raises:
        StoreError: it could not be asked.
    """
    try:
        return look(RobotClient(settings.robot), Window(at, days))
    except RobotError as error:
        raise StoreError(f"The robot's events cannot be read: {error}") from error


def read_log(settings: Settings) -> list[dict[str, Any]]:
    """Return the robot's log of refreshes, newest first, in the words of our own.

    Raises:
        StoreError: it could not be asked.
    """
    try:
        lines = RobotClient(settings.robot).sync_log().logs
    except RobotError as error:
        raise StoreError(f"The robot's log cannot be read: {error}") from error
    return [_line(one) for one in sorted(lines, key=lambda one: one.id, reverse=True)]


def _line(one: LogLine) -> dict[str, Any]:
    def text(at: datetime | None) -> str | None:
        return utc_text(at) if at else None

    return {
        "provider": one.provider,
        "event_type": one.event_type,
        "status": one.status,
        "fetched_count": one.fetched_count,
        "upserted_count": one.upserted_count,
        "stale_count": one.stale_count,
        "error_count": one.error_count,
        "error_message": one.error_message,
        "sync_started_at": text(one.sync_started_at),
        "sync_finished_at": text(one.sync_finished_at),
        "window_start_utc": text(one.window_start_utc),
        "window_end_utc": text(one.window_end_utc),
        "detail": {},
    }


def events_of(found: Look) -> list[StoredEvent]:
    """Return its events of the types that this program keeps too."""
    at = found.window.at
    return [event for one in found.events if (event := stored(one, at)) is not None]


def last_sync_of(found: Look, warnings: Sequence[str]) -> dict[str, Any] | None:
    """Return {finished_at, providers[], warnings[]}; None where there was no refresh yet."""
    ended = [one for one in by_provider(found.lines) if one.sync_finished_at]
    if not ended:
        return None
    return {
        "finished_at": utc_text(max(o.sync_finished_at for o in ended if o.sync_finished_at)),
        "providers": [
            {
                "provider": one.provider,
                "status": one.status,
                "finished_at": utc_text(one.sync_finished_at) if one.sync_finished_at else None,
                "error_message": one.error_message,
            }
            for one in ended
        ],
        "warnings": list(warnings),
    }


def doubts_of(found: Look, at: datetime, max_age_days: float) -> Iterator[str]:
    """Yield why the robot's list may be outdated or incomplete, a sentence each."""
    yield from gaps(found)
    lines = found.lines
    ended = [one.sync_finished_at for one in lines if one.sync_finished_at]
    if not ended:
        yield "The robot has refreshed nothing yet: nothing is known of what comes."
        return
    yield from _ages(lines, at, max_age_days)
    yield from failures_of(lines)
    yield from empty_successes(lines, [found], symbols=0)


def _ages(lines: Sequence[LogLine], at: datetime, max_age_days: float) -> Iterator[str]:
    ends = {one.provider: one.sync_finished_at for one in by_provider(lines)}
    oldest_allowed = at - timedelta(days=max_age_days)
    allowed = f"[events] max_age_days is {max_age_days:g}"
    newest = max(end for end in ends.values() if end)
    if newest < oldest_allowed:
        yield (
            f"The robot's last refresh was at {utc_text(newest)}, and {allowed}: what is shown "
            "here may be outdated."
        )
        return
    for provider, end in ends.items():
        if end and end < oldest_allowed:
            yield f"The robot refreshed {provider} at {utc_text(end)} last, and {allowed}."


def failures_of(lines: Iterable[LogLine]) -> Iterator[str]:
    """Yield a sentence for each provider that failed, wholly or in part, by the robot's log."""
    for one in lines:
        if one.status.lower() != "success" or one.error_count:
            told = one.error_message or f"{one.error_count} errors"
            yield f"{described(one)} is logged as {one.status or 'nothing'}: {told}"
