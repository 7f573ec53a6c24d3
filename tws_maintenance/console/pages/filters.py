"""How the page writes values: times, words, curves. Texts stay texts: Jinja escapes them.

Belongs here: the form of a value. Does not: deciding it, which the backend does.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, render_template
from markupsafe import Markup

from tws_maintenance.config.indices import (
    DECLARED,
    MARKET_EVENTS,
    METADATA_VALIDATION,
    index_of_task,
    maintained,
    task_name,
)
from tws_maintenance.console.actor import operator_name
from tws_maintenance.console.api.responses import Proposal, Step
from tws_maintenance.console.pages import page_words
from tws_maintenance.console.pages.cards import Word
from tws_maintenance.constituents.eligibility import NOTHING_TO_CHANGE, State
from tws_maintenance.core.clock import parse_utc, utc_now, utc_text
from tws_maintenance.core.text import counted, some_of, words
from tws_maintenance.market_events.model import provider_title
from tws_maintenance.reports.announced_words import in_short
from tws_maintenance.reports.change_table import change_table
from tws_maintenance.reports.schema import Report
from tws_maintenance.reports.summary import kind_of
from tws_maintenance.reports.view import type_words, view_of

PROPOSAL_STATES = {State.OUTDATED: "outdated: the file has changed", State.TOO_OLD: "expired"}
CURVE_WIDTH = 160
CURVE_HEIGHT = 36
_EDGE = 3
STEP_VERBS = {"staged": "fetch and stage", "audit": "audit", "validate": "audit the live file"}
MINUTE, HOUR, DAY = 60, 3600, 86400
TONES = {
    "completed": "good",
    "success": "good",
    "finished": "good",
    "passed": "good",
    "done": "good",
    "waiting": "good",
    "replace": "warn",
    "confirm": "plain",
    "refuse": "bad",
    "partial_failure": "warn",
    "warned": "warn",
    "interrupted": "bad",
    "failed": "bad",
    "rejected": "bad",
    "damaged": "bad",
}
WORD_TONES = {
    Word.FRESH: "good",
    Word.STALE: "warn",
    Word.WAITING: "wait",
    Word.FAILED: "bad",
    Word.BROKEN: "bad",
}
OUTCOMES = {
    "replace": "will be replaced",
    "confirm": "no change, counts as refreshed",
    "done": "applied",
    "refuse": "cannot be applied",
}
# Of any home: a run in progress may be for an index that was switched off since.
_GROUPS = maintained(DECLARED).groups


@dataclass(frozen=True)
class Curve:
    """A step line of counts over time: `points` for an SVG polyline, `text` for screen readers."""

    points: str
    text: str
    width: int = CURVE_WIDTH
    height: int = CURVE_HEIGHT


def page(name: str, **values: object) -> str:
    """Return the rendered page `name`."""
    return render_template(f"tws_maintenance/{name}.html", **values)


def curve(counts: Sequence[tuple[str, int]], today: date, name: str) -> Curve | None:
    """Return the curve of (day, count), None without days or with a text that is not a date."""
    try:
        days = [date.fromisoformat(day) for day, _ in counts]
    except ValueError:  # a history that was edited; its own page shows what it holds
        return None
    if not days:
        return None
    span = max((max(today, days[-1]) - days[0]).days, 1)
    values = [count for _, count in counts]
    low, high = min(values), max(values)
    room = CURVE_HEIGHT - 2 * _EDGE

    def x(day: date) -> float:
        return round(_EDGE + (CURVE_WIDTH - 2 * _EDGE) * (day - days[0]).days / span, 1)

    def y(value: int) -> float:
        share = (value - low) / (high - low) if high > low else 0.5
        return round(CURVE_HEIGHT - _EDGE - room * share, 1)

    places: list[tuple[float, float]] = []
    for day, value in zip(days, values, strict=True):
        if places:
            places.append((x(day), places[-1][1]))
        places.append((x(day), y(value)))
    # One more point, so that a history of one day has a line too.
    places.append((CURVE_WIDTH - _EDGE, places[-1][1]))
    changed = f", between {low} and {high}" if high > low else ""
    text = f"{name}: {values[0]} members on {days[0]}, {values[-1]} now{changed}"
    return Curve(" ".join(f"{left},{top}" for left, top in places), text)


def ago(text: str | None) -> str:
    """Return how long ago the instant of a UTC text was, in the unit that a person would use."""
    if not text:
        return "never"
    at = _instant(text)
    if at is None:
        return "at an unknown time"
    seconds = (utc_now() - at).total_seconds()
    if seconds < 0:
        return f"in {_span(-seconds)}"
    return "just now" if seconds < MINUTE else f"{_span(seconds)} ago"


def _span(seconds: float) -> str:
    if seconds < MINUTE:
        return counted(round(seconds), "second")
    if seconds < HOUR:
        return f"{seconds / MINUTE:.0f} min"
    if seconds < 2 * DAY:
        return f"{seconds / HOUR:.0f} h"
    return counted(round(seconds / DAY), "day")


def moment(text: str | datetime | None) -> str:
    """Return an instant as people read it, such as `26 Nov 2026, 01:12 UTC`."""
    if not text:
        return "never"
    at = _instant(text) if isinstance(text, str) else text
    return str(text) if at is None else f"{at.day} {at:%b %Y, %H:%M} UTC"


def _instant(text: str) -> datetime | None:
    """Return an instant, None for text that is not one, such as a hand-written date."""
    try:
        return parse_utc(text)
    except (ValueError, OverflowError):
        return None


def there(text: str, timezone: str) -> str:
    """Return an instant by the clock of a place, such as `Fri 27 Nov, 09:30`."""
    at = parse_utc(text).astimezone(ZoneInfo(timezone))
    return f"{at:%a} {at.day} {at:%b, %H:%M}"


def duration(seconds: float) -> str:
    """Return how long something took, such as `0.8 s`, `14 s` or `3 min 20 s`."""
    if seconds < MINUTE:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"  # noqa: PLR2004 - digits
    minutes, rest = divmod(round(seconds), MINUTE)
    return f"{minutes} min {rest} s" if minutes < MINUTE else f"{minutes / MINUTE:.1f} h"


def step_name(step: Step) -> str:
    """Return what a step does, such as `STI: promote`."""
    is_events = step.task == MARKET_EVENTS
    verb = STEP_VERBS.get(step.step.split("_")[0], "store" if is_events else "promote")
    subject = task_name(step.task)
    if step.task == METADATA_VALIDATION:
        subject = task_name(step.step.removeprefix("validate_"))
    return f"{subject}: {verb}"


def tone(word: str | None) -> str:
    """Return the class that colours a status: good, warn, bad or plain."""
    return TONES.get(str(word).replace(" ", "_"), "plain")


def from_markdown(text: str) -> Markup:
    """Return Markdown as HTML; markup in it stays text, and so do links to scripts."""
    from markdown_it import MarkdownIt  # only the page of a report needs it

    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(text)
    for token in tokens:
        # The page's policy allows no inline style, so a class aligns cells of numbers.
        if token.attrs.pop("style", None) == "text-align:right":
            token.attrs["class"] = "n"
    rendered = markdown.renderer.render(tokens, markdown.options, {})
    return Markup(rendered)  # noqa: S704 - html is off: the renderer escapes whatever it gets


def proposal_words(proposal: Proposal) -> str:
    """Return the state of a proposal, and what it would change."""
    counts = (
        (proposal.added, "added"),
        (proposal.removed, "removed"),
        (proposal.renamed, "renamed"),
        (proposal.updated, "updated"),
    )
    changes = [f"{count} {kind}" for count, kind in counts if count]
    is_live = proposal.why == NOTHING_TO_CHANGE
    if proposal.state == "waiting" and (is_live or not changes):
        return "nothing differs"
    return ", ".join([PROPOSAL_STATES.get(State(proposal.state), proposal.state), *changes])


def concerns(busy: set[str], names: Sequence[str]) -> bool:
    """Return whether a run works on one of the tasks or groups `names`; `busy` are its tasks."""
    return any(task in busy for name in names for task in _GROUPS.get(name, (name,)))


def as_json(value: object) -> str:
    """Return a value as indented JSON, as text, which Jinja escapes."""
    plain = value.to_dict() if isinstance(value, Report) else value
    return json.dumps(plain, indent=2, ensure_ascii=False)


def not_fetched(why: str) -> str:
    """Return the fault of a symbol of the watchlist with its consequence."""
    return f"{why} Its events are not fetched."


def add_filters(blueprint: Blueprint) -> None:
    """Add these functions to the templates, as `tws_` filters."""
    filters: dict[str, Callable[..., Any]] = {
        "ago": ago,
        "moment": moment,
        "tone": tone,
        "words": words,
        "type": type_words,
        "task_name": task_name,
        "counted": counted,
        "from_markdown": from_markdown,
        "there": there,
        "step": step_name,
        "seconds": duration,
        "concerns": concerns,
        "kind": kind_of,
        "view": view_of,
        "some_of": some_of,
        "in_short": in_short,
        "provider": provider_title,
        "zip": zip,
        "proposal": proposal_words,
        "json": as_json,
        "not_fetched": not_fetched,
        "changes": change_table,
        "zone": lambda task: index_of_task(task).venue.timezone,
        "utc": utc_text,
        "outcome": OUTCOMES.__getitem__,
        "word_tone": WORD_TONES.__getitem__,
        "plain": page_words.plain,
        "once": page_words.once,
    }
    for name, function in filters.items():
        blueprint.add_app_template_filter(function, f"tws_{name}")
    blueprint.add_app_template_global(operator_name, "tws_operator")
