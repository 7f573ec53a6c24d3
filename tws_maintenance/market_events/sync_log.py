"""The log of syncs: when each provider was last asked, and why stored events may be incomplete.

A list of events without a word about a failed or old sync reads as "nothing else is coming".
Belongs here: what the log of our own store says. Does not: the robot's log (`robot_doubts`).
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import TypedDict

from tws_maintenance.core.clock import utc_text
from tws_maintenance.core.text import some_of
from tws_maintenance.market_events.model import (
    ANSWERED,
    PROVIDERS,
    YAHOO,
    EventType,
    Provider,
    SymbolOutcome,
    SyncLog,
)

# Enough for weeks of syncs: each sync logs one row for each provider.
LOGS_READ = 200
SYNC_COMMAND = "python -m tws_maintenance run --task market_events --apply"
NAMES_SHOWN = 8
# How long a moved or withdrawn near event is shown: it outlasts a weekend.
MOVED_FOR = timedelta(days=2)

_COMPLETE = "success"
_SKIPPED = "skipped"
_KINDS = {
    EventType.EARNINGS: "earnings",
    EventType.DIVIDEND: "dividends",
    EventType.FOMC: "FOMC decisions",
    EventType.MARKET_HOLIDAY: "market holidays",
    EventType.MARKET_EARLY_CLOSE: "early closes",
}


def newest_logs(logs: Iterable[SyncLog]) -> dict[str, SyncLog]:
    """Return {provider: newest log} of `logs`, which come newest first."""
    newest: dict[str, SyncLog] = {}
    for log in logs:
        newest.setdefault(log.provider, log)
    return {name: newest[name] for name in PROVIDERS if name in newest}


class LastSync(TypedDict):
    """The last sync, and why the list may be outdated or incomplete."""

    finished_at: str
    providers: list[dict[str, str | None]]
    warnings: list[str]


def last_sync(newest: Sequence[SyncLog], warnings: Sequence[str]) -> LastSync | None:
    """Return the last sync by the `newest` log of each provider, None before the first sync."""
    if not newest:
        return None
    return {
        "finished_at": utc_text(max(log.ended_at for log in newest)),
        "providers": [_provider_sync(log) for log in newest],
        "warnings": list(warnings),
    }


def _provider_sync(log: SyncLog) -> dict[str, str | None]:
    end = log.window_end_utc
    return {
        "provider": log.provider,
        "status": log.status,
        "finished_at": utc_text(log.ended_at),
        # The robot's log is no proof of which days a provider was asked about.
        **({"window_end_at_utc": utc_text(end)} if end else {}),
        "error_message": log.error_message,
    }


def moved_lately(
    logs: Iterable[SyncLog],
    at: datetime,
    event_type: EventType | None = None,
    symbol: str | None = None,
) -> list[str]:
    """Return sentences on near events that moved within `MOVED_FOR` before `at`, newest first.

    With `event_type` or `symbol`, only events of these.
    """
    texts = [
        str(one["text"])
        for log in logs
        if at - log.ended_at <= MOVED_FOR
        for one in log.detail.get("moved") or []
        if event_type in (None, one["event_type"]) and symbol in (None, one["symbol"])
    ]
    return list(dict.fromkeys(texts))


def doubts(
    logs: Sequence[SyncLog],
    at: datetime,
    *,
    days: int,
    max_age_days: float,
    event_type: EventType | None = None,
    symbol: str | None = None,
    listed: Iterable[str] = (),
) -> list[str]:
    """Return the reasons why a list of `days` from `at` may be outdated or incomplete.

    With `event_type` or `symbol`, only the reasons that concern these. `listed` are the symbols
    whose events are shown; a reason names those that the last sync left out.
    """
    newest = newest_logs(logs)
    if not newest:
        return ["No sync has run yet: upcoming events are unknown."]
    max_age = timedelta(days=max_age_days)
    found = list(_ages(newest, at, max_age))
    ends = []
    for provider in PROVIDERS.values():
        if event_type not in (None, *provider.event_types) or (symbol and provider is not YAHOO):
            continue
        kinds = [event_type] if event_type else provider.event_types
        what = " and ".join(_KINDS[kind] for kind in kinds)
        log = newest.get(provider.name)
        if log is None:
            found.append(f"{provider.title} was never asked: {what} are unknown.")
            continue
        if log.window_end_utc:
            ends.append(log.window_end_utc)
        found += _of_provider(provider, log, logs, what, symbol)
        found += _of_scope(log, {*listed} - {symbol}, what)
    # A sync of the allowed age covers that many days less: no reason to warn.
    if ends and at + timedelta(days=days) > min(ends) + max_age:
        found.append(
            f"The last sync covered events up to {min(ends).date()}; later events may be missing. "
            f"Use --days {days} at the next sync."
        )
    return found


def _ages(newest: dict[str, SyncLog], at: datetime, max_age: timedelta) -> Iterator[str]:
    ages = {name: at - log.ended_at for name, log in newest.items()}
    allowed = f"[events] max_age_days is {max_age / timedelta(days=1):g}"
    youngest = min(ages.values())
    if youngest > max_age:
        yield (
            f"The last sync was {_days(youngest)} ago, and {allowed}: the events shown may be "
            "outdated."
        )
        return
    for name, age in ages.items():
        if age > max_age:
            yield f"{PROVIDERS[name].title} was last synced {_days(age)} ago, and {allowed}."


def _days(age: timedelta) -> str:
    count = round(age / timedelta(days=1), 1)
    return "1 day" if count == 1 else f"{count:g} days"


def _of_provider(
    provider: Provider, log: SyncLog, logs: Sequence[SyncLog], what: str, symbol: str | None
) -> Iterator[str]:
    outcomes = log.detail.get("symbols")
    asked = outcomes if isinstance(outcomes, dict) else {}
    if log.status == _SKIPPED:
        yield f"{provider.title} was not asked at the last sync: no symbol was held or watched."
    elif log.status not in (_COMPLETE, "partial_failure"):
        complete = (one for one in logs if (one.provider, one.status) == (provider.name, _COMPLETE))
        before = next(complete, None)
        since = utc_text(before.ended_at) if before else "none"
        yield (
            f"{provider.title} failed at the last sync: the {what} shown may be outdated (last "
            f"complete answer: {since})."
        )
    elif symbol is not None and symbol not in asked:
        yield (
            f"{symbol} was not part of the last sync: its {what} are unknown. Use --symbol "
            f"{symbol} at the next sync, or add it to the watchlist."
        )
    else:
        yield from _of_symbols(provider, log, asked, what, symbol)


def _of_scope(log: SyncLog, listed: set[str], what: str) -> Iterator[str]:
    """Yield the symbols that Yahoo could not be asked about, or that the last sync left out."""
    if log.provider != YAHOO.name or log.status not in (_COMPLETE, "partial_failure"):
        return
    yield from log.detail.get("unasked") or []
    asked = log.detail.get("symbols")
    if isinstance(asked, dict) and (forgotten := sorted(listed - asked.keys())):
        yield (
            f"Not part of the last sync: {_some(forgotten)}. {_its(forgotten).capitalize()} {what} "
            "may be outdated."
        )


def _of_symbols(
    provider: Provider, log: SyncLog, asked: dict[str, str], what: str, symbol: str | None
) -> Iterator[str]:
    silent = [one for one in sorted(asked) if asked[one] not in ANSWERED]
    unknown = [one for one in silent if asked[one] == SymbolOutcome.UNKNOWN_SYMBOL]
    failed = [one for one in silent if one not in unknown]
    if names := [one for one in unknown if symbol in (None, one)]:
        yield f"{provider.title} does not know {_some(names)}: {_its(names)} {what} are unknown."
    if names := [one for one in failed if symbol in (None, one)]:
        yield (
            f"{provider.title} did not answer for {_some(names)} at the last sync: {_its(names)} "
            f"{what} may be outdated or missing."
        )
    if log.status != _COMPLETE and not failed:
        yield (
            f"{provider.title} answered only partly at the last sync: the {what} shown may be "
            "outdated."
        )


def _its(names: list[str]) -> str:
    return "its" if len(names) == 1 else "their"


def _some(names: list[str]) -> str:
    return some_of(names, NAMES_SHOWN)
