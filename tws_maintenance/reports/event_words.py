"""What a report says of market events: in one sentence, line by line, and what to do next."""

import shlex
from collections.abc import Iterator
from typing import Any

from tws_maintenance.config.events_service import EventsService
from tws_maintenance.config.indices import DEFAULT_DAYS, DEFAULT_MAX_SYMBOLS, MARKET_EVENTS
from tws_maintenance.market_events.model import provider_title

_ABBREVIATIONS = ("FOMC", "CPI", "PPI", "GDP", "SEC", "8K", "10Q", "10K", "S3")
_PROPER = {**{word: word for word in _ABBREVIATIONS}, "FED": "Fed", "FORM4": "form 4"}


def stored_of(result: dict[str, Any]) -> str:
    """Return what an apply did to the stored events, "" for any other result."""
    is_done = result["status"] in {"success", "partial_failure"}
    if "diff" not in result or result["dry_run"] or not is_done:
        return ""
    counts = {kind: len(result["diff"][kind]) for kind in ("new", "changed", "stale")}
    told = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
    return f"Events stored: {told}." if told else "Events: nothing to change."


def failed_providers(result: dict[str, Any]) -> list[str]:
    """Return the providers of events that failed, wholly or in part, the robot's own left out."""
    return [
        f"{provider_title(one['provider'])}{'' if one['status'] == 'failed' else ' (in part)'}"
        for one in result.get("providers", [])
        if one["status"] in {"failed", "partial_failure"} and not one.get("is_robots_own")
    ]


def event_name(one: dict[str, Any]) -> str:
    """Return an event with its day."""
    return f"{one['date']} {one['title']}"


def type_words(event_type: str | None) -> str:
    """Return a type of events in words: `CPI_RELEASE` is "CPI release"."""
    words = (event_type or "").split("_")
    return " ".join(_PROPER.get(word, word.lower()) for word in words)


def robots_own_of(result: dict[str, Any]) -> str:
    """Return how many events the robot has of types that only it keeps, "" for none."""
    own = result.get("robots_own")
    if not own or not own["types"]:
        return ""
    told = ", ".join(f"{type_words(name)} {count}" for name, count in own["types"].items())
    return f"{own['count']} of types that only the robot keeps ({told})"


def apply_events_command(report: dict[str, Any]) -> str:
    """Return the command that fetches and stores what a dry run showed, "" where it would not."""
    result = next((r for r in report["results"] if "diff" in r), None)
    if not report["dry_run"] or result is None or result["validation"]["status"] != "passed":
        return ""
    is_preview = result.get("service") != EventsService.ROBOT
    if is_preview and not any(result["diff"][kind] for kind in ("new", "changed", "stale")):
        return ""
    # The robot's service takes no symbols of ours.
    symbols = result["symbols"] if is_preview else {}
    added = [symbol for symbol, one in symbols.items() if "--symbol" in one["from"]]
    options = [f"--symbol {symbol}" for symbol in added]
    if result["window"]["days"] != DEFAULT_DAYS:
        options.append(f"--days {result['window']['days']}")
    if len(symbols) > DEFAULT_MAX_SYMBOLS:
        options.append("--many-symbols")
    if report["overrides"].get("allow_large_change"):
        options.append("--allow-large-change")
        options += ["--reason", shlex.quote(report["reason"])] if report["reason"] else []
    return " ".join(["python -m tws_maintenance run --apply --task", MARKET_EVENTS, *options])


def event_lines(result: dict[str, Any]) -> Iterator[str]:
    """Yield the Markdown lines of a result of market events."""
    if result["providers"]:
        yield "| provider | status | told | new | changed | stale | unchanged |"
        yield "|---|---|--:|--:|--:|--:|--:|"
    for one in result["providers"]:
        counts = [str(one[key]) for key in ("fetched", "new", "changed", "stale", "unchanged")]
        name = escape(provider_title(one["provider"]))
        yield f"| {' | '.join([name, one['status'].replace('_', ' '), *counts])} |"
    yield ""
    for kind in ("new", "changed", "stale"):
        for event in result["diff"][kind]:
            yield f"- **{kind}:** {escape(event_name(event))}"
    for one in result["changed_fields"]:
        before, after = (escape(str(one[k] or "none")) for k in ("before", "after"))
        yield f"- {escape(one['symbol'] or one['event_type'])} {one['field']}: {before} → {after}"
    if result["symbols"]:
        yield f"- **symbols:** {escape(', '.join(symbol_lines(result['symbols'])))}"
    if told := robots_own_of(result):
        yield f"- **also stored:** {escape(told)}"
    for one in (result.get("robots_own") or {}).get("events", []):
        change = "" if one["change"] == "unchanged" else f", {one['change']}"
        yield f"    - {escape(event_name(one))} ({escape(type_words(one['event_type']))}{change})"


def symbol_lines(symbols: dict[str, Any]) -> Iterator[str]:
    """Yield each symbol with where it came from and how its question ended."""
    for symbol, one in symbols.items():
        outcome = f": {one['outcome'].replace('_', ' ')}" if one["outcome"] else ""
        yield f"{symbol} ({', '.join(one['from'])}){outcome}"


def escape(text: str) -> str:
    """Keep a source's text from being markup, in Markdown and in the HTML made from it."""
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(character, entity)
    for character in "\\`*_[]|":
        text = text.replace(character, f"\\{character}")
    return " ".join(text.split())
