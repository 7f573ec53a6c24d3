"""The changes of a list as rows: what a reader filters and sorts, whom it concerns first.

What belongs here: a row for each change, with who lists it, what announced it, and whom it
concerns. What does not: the sentences of Markdown and the command line, which are in `view`.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from tws_maintenance.core.text import words
from tws_maintenance.reports.announced_words import why_of
from tws_maintenance.reports.list_results import traded_of
from tws_maintenance.reports.schema import ListResult
from tws_maintenance.reports.view import CONCERNED, NOT_KNOWN, Group
from tws_maintenance.reports.vote_words import titles_of

ORDER = ("removed", "renamed", "added", "changed")


@dataclass(frozen=True)
class ChangeRow:
    """One change: its symbol after the change, `kind` as in `ORDER`, and `detail` where it has one.

    `votes` are in the order of `ChangeTable.sources`; `announced` is "" where no announcement was
    looked for. `concerns` are such as "you hold" and "traded (strategy momentum)".
    """

    symbol: str
    company: str
    kind: str
    detail: str
    votes: tuple[bool | None, ...]
    announced: str
    concerns: tuple[str, ...]


@dataclass(frozen=True)
class ChangeTable:
    """Every change of one list; `sources` are (short name, title) of those that voted.

    `beside_the_rows` hold whom the changes concern where no single row can show it, or where it is
    not known.
    """

    sources: tuple[tuple[str, str], ...]
    rows: tuple[ChangeRow, ...]
    beside_the_rows: tuple[Group, ...] = ()

    @property
    def concerning(self) -> tuple[ChangeRow, ...]:
        """The changes of what is held, traded or watched; they are the first of the rows."""
        return tuple(one for one in self.rows if one.concerns)

    @property
    def has_announcements(self) -> bool:
        """Whether announcements were looked for."""
        return any(one.announced for one in self.rows)

    @property
    def counts(self) -> dict[str, int]:
        """How many changes there are of each kind that occurs, added first."""
        found = Counter(one.kind for one in self.rows)
        return {kind: found[kind] for kind in ("added", *ORDER) if kind in found}


def change_table(result: ListResult) -> ChangeTable:
    """Return the changes of a list, those first that concern the operator, then by kind."""
    maker = _RowMaker(result)
    rows = sorted(
        (maker.row(*one) for one in _changes(result)),
        key=lambda one: (not one.concerns, ORDER.index(one.kind), one.symbol),
    )
    sources = tuple((short(name), maker.titles[name]) for name in maker.names)
    return ChangeTable(sources, (*rows,), tuple(_beside(result, rows)))


def _beside(result: ListResult, rows: list[ChangeRow]) -> Iterator[Group]:
    shown = ", ".join(text for row in rows for text in row.concerns)
    for key, names in result.impact.items():
        if names is None:
            yield Group(CONCERNED[key], (NOT_KNOWN,))
        elif key == "strategies" and (unplaced := [one for one in names if one not in shown]):
            yield Group(CONCERNED[key], (", ".join(unplaced),))


def short(source: str) -> str:
    """Return a source's name as a heading of a narrow column: SPY, 2800, Wikipedia."""
    digits = source.lstrip("abcdefghijklmnopqrstuvwxyz")
    if digits.isdigit() and len(digits) > 1:
        return digits
    return source.upper() if len(source) <= 3 else words(source).title()  # noqa: PLR2004


def _changes(result: ListResult) -> Iterator[tuple[str, str, str, str]]:
    """Yield (symbol, company, kind, detail) of each change, each once."""
    changes = result.changes
    moved = {symbol for one in changes.renamed for symbol in (one.from_symbol, one.to_symbol)}
    for kind, found in (("added", changes.added), ("removed", changes.removed)):
        yield from ((m.symbol, m.security, kind, "") for m in found if m.symbol not in moved)
    for one in changes.renamed:
        yield one.to_symbol, one.security, "renamed", f"{one.from_symbol} is now {one.to_symbol}"
    for field in changes.updated:
        before, after = field.before or "(blank)", field.after or "(blank)"
        yield field.symbol, "", "changed", f"{words(field.field)}: {before} → {after}"


class _RowMaker:
    """Makes the rows of one result; `names` are the sources that voted, where they are shown.

    A new list shows no votes: those for hundreds of members are in the JSON.
    """

    def __init__(self, result: ListResult) -> None:
        self.titles = titles_of(result)
        is_vote = len(self.titles) > 1 and result.before_count is not None
        changed = result.membership.changed if result.membership and is_vote else []
        self.names = [one.name for one in result.sources if one.usable] if changed else []
        self.names = list(dict.fromkeys(self.names))
        self._result = result
        self._votes = {one.symbol: one for one in changed}
        self._former = {one.to_symbol: one.from_symbol for one in result.changes.renamed}
        self._traded = traded_of(result)
        self._held, self._watched = (
            {*(result.impact.get(key) or ())} for key in ("positions", "watchlist")
        )

    def row(self, symbol: str, company: str, kind: str, detail: str) -> ChangeRow:
        """Return one change as a row."""
        is_member_change = kind != "changed" and self._result.before_count is not None
        why = why_of(self._result, symbol, self.titles) if is_member_change else None
        votes = tuple(self._vote(symbol, name) for name in self.names)
        concerns = tuple(self._concerns({symbol, self._former.get(symbol, symbol)}))
        return ChangeRow(symbol, company, kind, detail, votes, why or "", concerns)

    def _vote(self, symbol: str, name: str) -> bool | None:
        ballot = self._votes.get(symbol)
        if ballot is None or name not in (*ballot.listed_by, *ballot.not_listed_by):
            return None
        return name in ballot.listed_by

    def _concerns(self, symbols: set[str]) -> Iterator[str]:
        if symbols & self._held:
            yield "you hold"
        yield from (self._traded[one] for one in sorted(symbols) if one in self._traded)
        if symbols & self._watched:
            yield "you watch"
