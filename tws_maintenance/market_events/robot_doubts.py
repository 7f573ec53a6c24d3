"""The reasons to doubt the robot's answers, one sentence each.

Belongs here: judging its answers. Does not: asking the robot (`robot_service`).
"""

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

# Within so many days there is always one: the longest gap between holidays, from Labor Day to
# Thanksgiving, is 87 days, and monthly figures were two months late in a government shutdown.
SURE_DAYS = {
    "MARKET_HOLIDAY": 90,
    "CPI_RELEASE": 90,
    "PPI_RELEASE": 90,
    "JOBS_REPORT": 90,
    "FED_MINUTES": 60,
}
# Past events: stored ones do not mean that a fetch must find more.
HAPPENED = frozenset(
    {"SEC_8K", "SEC_10Q", "SEC_10K", "SEC_S3", "SEC_FORM4", "CONGRESSIONAL_TRADE", "NEWS_CATALYST"}
)
NAMED_PARTS = 5


def doubts_of(found: Look, at: datetime, max_age_days: float) -> Iterator[str]:
    """Yield the reasons why the robot's list may be outdated or incomplete."""
    yield from gaps(found)
    lines = found.lines
    ended = [one.sync_finished_at for one in lines if one.sync_finished_at]
    if not ended:
        yield "The robot has not refreshed its events yet: upcoming events are unknown."
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
            f"The robot's last refresh was at {utc_text(newest)}, and {allowed}: the events shown "
            "may be outdated."
        )
        return
    for provider, end in ends.items():
        if end and end < oldest_allowed:
            yield f"The robot last refreshed {provider} at {utc_text(end)}, and {allowed}."


def failures_of(lines: Iterable[LogLine]) -> Iterator[str]:
    """Yield a sentence for each log line with a failed or partly failed provider."""
    for one in lines:
        if one.status.lower() != "success" or one.error_count:
            errors = "1 error" if one.error_count == 1 else f"{one.error_count} errors"
            status = f"as {one.status}" if one.status else "without a status"
            yield f"{described(one)} is logged {status}: {one.error_message or errors}"


def gaps(found: Look) -> Iterator[str]:
    """Yield the reasons why a look may not show all events of the robot."""
    yield from _left_out("events", found.upcoming.unreadable, len(found.events))
    yield from _left_out("log lines", found.log.unreadable, len(found.log.logs))
    limit = found.upcoming.days_ahead
    if limit is not None and limit < found.window.days:
        yield (
            f"The robot shows at most {limit} days ahead; {found.window.days} were requested. "
            "Later events are not shown."
        )
    stored = sum(line.upserted_count for line in found.lines if _is_within(line, found))
    if stored and not found.events and not found.upcoming.unreadable:
        yield (
            f"The robot lists no events for these days, but its last refresh stored {stored}. It "
            "also answers like this when it cannot read its own database: check its log."
        )


def empty_successes(lines: Iterable[LogLine], looks: Sequence[Look], symbols: int) -> Iterator[str]:
    """Yield a warning for each logged success that fetched nothing where events must exist.

    The robot logs a failed fetch as a success without events. `symbols` is how many symbols it
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
                "The robot logs failed fetches like this, and fetches that it skipped because the "
                "last one was recent. Check its log; its events may be incomplete."
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
        stored = "1 of its events is" if len(known) == 1 else f"{len(known)} of its events are"
        return f"{stored} stored for these days"
    days = _days_of(line) or looks[-1].window.days
    for kind, sure in SURE_DAYS.items():
        if kind in types and days >= sure:
            return f"there is always one ({kind}) within {sure} days"
    # Many companies pay no dividend, but each reports earnings.
    if EventType.EARNINGS in types and symbols:
        return f"it was asked about {symbols} symbol{'' if symbols == 1 else 's'}"
    return ""


def _days_of(line: LogLine) -> int | None:
    begin, end = line.window_start_utc, line.window_end_utc
    return (end - begin).days if begin and end else None


def _is_within(line: LogLine, found: Look) -> bool:
    """Return whether a line ended within the last day and covers no more than the window."""
    ended, end = line.sync_finished_at, line.window_end_utc
    if ended is None or end is None:
        return False
    return found.at - ended < timedelta(days=1) and end <= found.window.end + timedelta(days=1)


def _left_out(what: str, odd: Sequence[Unreadable], read: int) -> Iterator[str]:
    if not odd:
        return
    named = "; ".join(f"{one.name} ({one.why})" for one in odd[:NAMED_PARTS])
    more = f"; and {len(odd) - NAMED_PARTS} more" if len(odd) > NAMED_PARTS else ""
    of_all = f"{len(odd)} of the robot's {read + len(odd)} {what}"
    yield f"Left out {of_all} (unknown form): {named}{more}"
