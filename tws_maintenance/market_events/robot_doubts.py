"""What the robot's answers leave in doubt, a sentence each: it is not believed on its word."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from tws_maintenance.core.clock import utc_text
from tws_maintenance.market_events.model import EventType
from tws_maintenance.market_events.robot_service import (
    Look,
    by_provider,
    described,
    provider_of,
    types_of,
)
from tws_maintenance.robot.answers import LogLine, Unreadable

# In so many days there is always one: from Labor Day to Thanksgiving it is 87 days, and monthly
# figures were two months late when the government was shut.
SURE_DAYS = {
    "MARKET_HOLIDAY": 90,
    "CPI_RELEASE": 90,
    "PPI_RELEASE": 90,
    "JOBS_REPORT": 90,
    "FED_MINUTES": 60,
}
# Of these, what is stored is no sign of what must be fetched: they have happened.
HAPPENED = frozenset(
    {"SEC_8K", "SEC_10Q", "SEC_10K", "SEC_S3", "SEC_FORM4", "CONGRESSIONAL_TRADE", "NEWS_CATALYST"}
)
NAMED_PARTS = 5


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


def gaps(found: Look) -> Iterator[str]:
    """Yield why a look may not show all that the robot has, a sentence each."""
    yield from _left_out("events", found.upcoming.unreadable, len(found.events))
    yield from _left_out("log lines", found.log.unreadable, len(found.log.logs))
    limit = found.upcoming.days_ahead
    if limit is not None and limit < found.window.days:
        yield (
            f"The robot looks {limit} days ahead at most, and {found.window.days} were asked for: "
            "its later events are not shown."
        )
    stored = sum(line.upserted_count for line in found.lines if _is_within(line, found))
    if stored and not found.events and not found.upcoming.unreadable:
        yield (
            f"The robot lists no event for these days, although its last refresh stored {stored}. "
            "It answers like that, too, when it cannot read its own database: look into its log."
        )


def empty_successes(lines: Iterable[LogLine], looks: Sequence[Look], symbols: int) -> Iterator[str]:
    """Yield a warning for each success with nothing fetched where something must be.

    The robot logs a provider that failed as a success of no events. `symbols` is how many it
    asked about.
    """
    lines = list(lines)
    for line in lines:
        if line.status.lower() != "success" or line.fetched_count or not line.sync_finished_at:
            continue
        why = _why_something_must_be(line, lines, looks, symbols)
        if why:
            yield (
                f"{described(line)} is logged as a success with nothing fetched, although {why}. "
                "The robot logs a fetch that failed like that, and one that it left out because "
                "another was a short while ago. Check its own log, and do not take its events as "
                "complete."
            )


def _why_something_must_be(
    line: LogLine, lines: Sequence[LogLine], looks: Sequence[Look], symbols: int
) -> str:
    types = types_of(line)
    if EventType.FOMC in types:
        return "the Federal Reserve always lists its next meetings"
    is_only = sum(one.provider == line.provider for one in lines) == 1
    known = {
        one.event_id
        for found in looks
        for one in found.active.values()
        if one.event_type not in HAPPENED
        and provider_of(one, lines) == line.provider
        and (is_only or one.event_type in types)
    }
    if known:
        return f"{len(known)} of its events are stored for these days"
    days = _days_of(line) or looks[-1].window.days
    for kind, sure in SURE_DAYS.items():
        if kind in types and days >= sure:
            return f"there is always one ({kind}) within {sure} days"
    # Many companies pay no dividend, and each has a day of earnings.
    if EventType.EARNINGS in types and symbols:
        return f"it was asked about {symbols} symbols"
    return ""


def _days_of(line: LogLine) -> int | None:
    begin, end = line.window_start_utc, line.window_end_utc
    return (end - begin).days if begin and end else None


def _is_within(line: LogLine, found: Look) -> bool:
    """Tell whether a line is of the last day, and of no more days than were looked at."""
    ended, end = line.sync_finished_at, line.window_end_utc
    if ended is None or end is None:
        return False
    return found.at - ended < timedelta(days=1) and end <= found.window.end + timedelta(days=1)


def _left_out(what: str, odd: Sequence[Unreadable], read: int) -> Iterator[str]:
    if not odd:
        return
    named = "; ".join(f"{one.name} ({one.why})" for one in odd[:NAMED_PARTS])
    more = f"; and {len(odd) - NAMED_PARTS} more" if len(odd) > NAMED_PARTS else ""
    are = "is" if len(odd) == 1 else "are"
    yield (
        f"{len(odd)} of the robot's {read + len(odd)} {what} {are} in a form that is not known and "
        f"{'was' if len(odd) == 1 else 'were'} left out: {named}{more}"
    )
