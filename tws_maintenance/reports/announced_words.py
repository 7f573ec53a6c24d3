"""The words for announced changes: why a list changes, and what is still to come.

Every renderer of a report takes its words from here.
"""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from tws_maintenance.core.text import some_of
from tws_maintenance.reports.schema import Announced, ListResult

NAMED = 12
Impact = Mapping[str, Mapping[str, list[str] | None]]
NOT_FOUND = "no announcement found"
_OWN = {"positions": "hold", "watchlist": "watch"}
_VERBS = {"add": "joins", "remove": "leaves"}
_NOUNS = {"add": "addition", "remove": "removal"}
_INSTEAD = {"add": "in place of", "remove": "replaced by"}


def why_lines(result: ListResult, titles: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield ("why", text) for each change: what announced it, or that nothing did.

    `titles` are those of the sources, by name. Yields nothing where no announcements were read.
    """
    known = [one for one in result.announced if one.status != "upcoming"]
    explained = [f"{one.symbol}: {_why(one, titles)}" for one in known if one.effective_date]
    yield from (("why", text) for text in explained[:NAMED])
    if len(explained) > NAMED:
        yield "why", f"and {len(explained) - NAMED} more, all in the report"
    lacking = [_changed(one) for one in known if not one.effective_date]
    if lacking:
        yield "why", f"{NOT_FOUND}: {some_of(lacking, NAMED)}"


def why_of(result: ListResult, symbol: str, titles: Mapping[str, str]) -> str | None:
    """Return what announced that a symbol joined or left, None where nothing is known."""
    for one in result.announced:
        of_rename = (one.counterpart,) if one.status == "unexplained" else ()
        if one.status != "upcoming" and symbol in (one.symbol, *of_rename):
            return _why(one, titles) if one.effective_date else NOT_FOUND
    return None


def upcoming_lines(announced: Iterable[Announced], impact: Impact) -> Iterator[tuple[str, str]]:
    """Yield ("upcoming", text) for each change that is still to come, the next one first."""
    for one in announced:
        if one.status == "upcoming":
            yield "upcoming", upcoming_text(one, impact)


def upcoming_text(one: Announced, impact: Impact = MappingProxyType({})) -> str:
    """Return an announced change in a sentence: whom it concerns (from `impact`) and why."""
    name = f"{one.symbol} ({one.security})" if one.security else one.symbol
    why = "; ".join(filter(None, (*whom(one, impact), _instead(one), one.reason)))
    change = f"{name} {_VERBS[one.action]} on {one.effective_date}"
    return f"{change}: {why}" if why else change


def in_short(one: Announced, index: str = "") -> str:
    """Return an announced change in a few words, with the name of the index if one is given."""
    verb = f"{_VERBS[one.action]} {index}".strip()
    return f"{one.symbol} {verb} on {one.effective_date}"


def whom(one: Announced, impact: Impact) -> Iterator[str]:
    """Yield a clause for each way in which an announced change concerns the operator."""
    found = impact.get(one.symbol, {})
    yield from (f"you {verb} it" for key, verb in _OWN.items() if found.get(key))
    if names := found.get("strategies"):
        yield f"traded by {', '.join(names)}"


def _why(one: Announced, titles: Mapping[str, str]) -> str:
    by = f" by {titles.get(one.source, one.source)}" if one.source else ""
    instead = f", {_instead(one)}" if one.counterpart else ""
    reason = f": {one.reason}" if one.reason else ""
    return f"{_NOUNS[one.action]} announced for {one.effective_date}{by}{instead}{reason}"


def _instead(one: Announced) -> str:
    return f"{_INSTEAD[one.action]} {one.counterpart}" if one.counterpart else ""


def _changed(one: Announced) -> str:
    # Only the new ticker of a member has a counterpart here.
    return f"{one.counterpart} is now {one.symbol}" if one.counterpart else one.symbol
