"""Instants: always aware, always UTC, written as ISO 8601 with `Z`."""

from datetime import UTC, datetime, timedelta

# Clocks of several machines on one home differ by so much at most.
CLOCK_TOLERANCE = timedelta(minutes=5)


def utc_now() -> datetime:
    """Return the present instant, to the millisecond."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def utc_text(at: datetime) -> str:
    """Return `at` as reports write it, such as 2026-11-22T18:30:00.125Z."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_utc(text: str) -> datetime:
    """Return the instant that `utc_text` wrote; ValueError for anything that is not one."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return at.astimezone(UTC)


def age_days(text: str, at: datetime) -> float:
    """Return how many days before `at` the text of an instant lies."""
    return (at - parse_utc(text)).total_seconds() / 86400


def is_older(text: str | None, days: float, at: datetime) -> bool:
    """Return whether an instant, given as text, is missing or more than `days` before `at`."""
    return text is None or age_days(text, at) > days
