"""Reading Wikipedia's table of the changes of an index: past and announced ones.

The table has two header rows, `Effective Date | Added | Removed | Reason | Refs` and below the
sides `Ticker | Security`. Nothing is guessed: a row that is not plainly a change is dropped with
its reason.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from lxml import html

from tws_maintenance.config.indices import Index
from tws_maintenance.core.errors import PageChanged
from tws_maintenance.core.text import MISSING_TEXTS, counted
from tws_maintenance.sources.days import day_in
from tws_maintenance.sources.model import Action, AnnouncedChange, AnnouncedTable, DroppedRow
from tws_maintenance.sources.tables import COLUMN_NAMES, HEADER_ROWS, grid_of, why_no_row

TABLE_ID = "changes"
SIDES: dict[Action, frozenset[str]] = {
    Action.ADD: frozenset({"added", "additions", "addition"}),
    Action.REMOVE: frozenset({"removed", "removals", "removal", "deleted", "deletions"}),
}
# What stands above a side's tickers where the header is repeated among the rows.
_SIDE_NAMES = COLUMN_NAMES["ticker"].union(*SIDES.values())
# No provider announces a change this early; a later day is a typing error.
MAX_DAYS_AHEAD = 366
# An unreadable row this recent may be about a change that a run has to explain.
RECENT_DAYS = 120
SHOWN = 120
_OPPOSITE = {Action.ADD: Action.REMOVE, Action.REMOVE: Action.ADD}
_SEVERAL = re.compile(r"\s*(?:[/,;&]|\band\b|\s)\s*", re.IGNORECASE)
# BF/B: share class B of one company in some notations, two tickers in this table's.
_CLASS_OR_TICKER = re.compile(r"[A-Z]+\s*/\s*[A-D]")

Columns = dict[Action, tuple[int, int]]


@dataclass(frozen=True)
class _Header:
    """The columns: the day, (ticker, security) of each side, the reason."""

    rows: int
    day: int
    sides: Columns
    reason: int | None

    @property
    def width(self) -> int:
        """How many cells a row needs to hold the day and both sides."""
        return 1 + max(self.day, *(place for pair in self.sides.values() for place in pair))


def find_changes(
    document: html.HtmlElement, index: Index, source: str, today: date
) -> AnnouncedTable | None:
    """Return the changes that a page lists, None where it holds no such table.

    `today` is the day on which the page was fetched, `source` the name of its source.

    Raises:
        PageChanged: there are several such tables, or no row of it can be read.
    """
    tables = document.xpath(f"//table[@id='{TABLE_ID}']") or document.xpath("//table")
    found = [(one, header) for one in tables if (header := _header(one))]
    if not found:
        return None
    if len(found) > 1:
        raise PageChanged(
            f"the page holds {len(found)} tables of changes of {index.name}, expected one. Nothing "
            "was read from it. Check the page."
        )
    ((element, header),) = found
    reading = _Reading(index, source, today, header)
    body = grid_of(element)[header.rows :]
    for number, cells in enumerate(body, start=1):
        reading.take(number, cells)
    if not reading.changes:
        first = f" (the first: {reading.dropped[0].reason})" if reading.dropped else ""
        raise PageChanged(
            f"the table of changes of {index.name} has {counted(len(body), 'row')}, but no "
            f"readable change{first}. Check the page."
        )
    return AnnouncedTable(
        tuple(reading.changes), tuple(reading.dropped), len(body), tuple(reading.notes)
    )


def _header(table: html.HtmlElement) -> _Header | None:
    grid = grid_of(table, HEADER_ROWS + 1)
    for number in range(len(grid) - 1):
        upper, lower = ([cell.casefold() for cell in row] for row in grid[number : number + 2])
        days = [place for place, name in enumerate(upper) if "date" in name.split()]
        sides = {action: pair for action in SIDES if (pair := _side(upper, lower, SIDES[action]))}
        if days and len(sides) == len(SIDES):
            reasons = [place for place, name in enumerate(upper) if name.startswith("reason")]
            return _Header(number + 2, days[0], sides, reasons[0] if reasons else None)
    return None


def _side(
    upper: Sequence[str], lower: Sequence[str], names: frozenset[str]
) -> tuple[int, int] | None:
    """Return the places of ticker and security below one of `names`, None where they are not."""
    below = {
        column: place
        for place, (up, low) in enumerate(zip(upper, lower, strict=False))
        for column in ("ticker", "security")
        if up in names and low in COLUMN_NAMES[column]
    }
    return (below["ticker"], below["security"]) if len(below) == 2 else None  # noqa: PLR2004


@dataclass
class _Reading:
    """The rows of one table as they are taken, one after the other, newest first."""

    index: Index
    source: str
    today: date
    header: _Header
    changes: list[AnnouncedChange] = field(default_factory=list)
    dropped: list[DroppedRow] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    last_day: date | None = None

    def take(self, number: int, cells: list[str]) -> None:
        """Read a row as one or two changes, or drop it with the reason."""
        row = _Row(number, cells)
        text = cells[self.header.day] if self.header.day < len(cells) else ""
        day = day_in(text)
        reason = self._why_no_row(cells)
        if reason or day is None:
            why = reason or f"{text[:40]!r} is not a date in a known form"
            self._drop(row, why, day, near=self.last_day)
            return
        if day > self.today + timedelta(days=MAX_DAYS_AHEAD):
            self._drop(row, f"{day} is more than a year ahead", day, near=day)
            return
        self.last_day = day
        before = len(self.dropped)
        sides = {action: self._side(row, day, action) for action in SIDES}
        if not any(sides.values()) and len(self.dropped) == before:
            self._drop(row, "it names no member that joins or leaves", day, near=day)
        self.changes += self._changes(cells, day, sides)

    def _side(self, row: "_Row", day: date, action: Action) -> tuple[str, ...]:
        """Return the symbols of one side, () where it is blank or cannot be read."""
        try:
            return self._symbols(row.cells, action)
        except _Unreadable as error:
            self._drop(row, str(error), day, near=day)
            return ()

    def _why_no_row(self, cells: list[str]) -> str:
        tickers = [place for place, _ in self.header.sides.values()]
        names = [cells[place].casefold() for place in tickers if place < len(cells)]
        is_header = bool(names) and all(name in _SIDE_NAMES for name in names)
        if reason := why_no_row(cells, is_header=is_header):
            return reason
        if len(cells) < self.header.width:
            return f"{len(cells)} cells, expected at least {self.header.width}"
        return ""

    def _symbols(self, cells: list[str], action: Action) -> tuple[str, ...]:
        """Return the symbols of one side, () where it is blank. Raises _Unreadable."""
        ticker, security = (cells[place] for place in self.header.sides[action])
        if ticker.casefold() in MISSING_TEXTS:
            if security.casefold() in MISSING_TEXTS:
                return ()
            raise _Unreadable(f"{security[:40]} has no ticker")
        if _CLASS_OR_TICKER.fullmatch(ticker):
            raise _Unreadable(f"{ticker!r} may be two tickers or a share class")
        rule = self.index.symbol_rule
        if ticker == ticker.upper() and rule.is_symbol(symbol := rule.symbol_of(ticker)):
            return (symbol,)
        found = []
        for part in filter(None, _SEVERAL.split(ticker)):
            symbol = rule.symbol_of(part)
            if part != part.upper() or not rule.is_symbol(symbol):
                raise _Unreadable(f"{part[:20]!r} is not a symbol such as {rule.example}")
            found.append(symbol)
        return tuple(dict.fromkeys(found))

    def _changes(
        self, cells: list[str], day: date, sides: dict[Action, tuple[str, ...]]
    ) -> Iterator[AnnouncedChange]:
        place = self.header.reason
        reason = cells[place] if place is not None and place < len(cells) else ""
        for action, symbols in sides.items():
            other = sides[_OPPOSITE[action]]
            security = cells[self.header.sides[action][1]]
            for symbol in symbols:
                yield AnnouncedChange(
                    day, action, symbol, security, ", ".join(other), reason, self.source
                )

    def _drop(self, row: "_Row", reason: str, day: date | None, *, near: date | None) -> None:
        """Drop a row of `day`, with a note where it is recent by its day or the one `near` it."""
        self.dropped.append(DroppedRow(f"{row}", reason, day))
        is_recent = near is None or near >= self.today - timedelta(days=RECENT_DAYS)
        if is_recent and any(row.cells):
            self.notes.append(f"{row} was not read as a change: {reason}")


@dataclass(frozen=True)
class _Row:
    """A row below the header, counted from 1."""

    number: int
    cells: list[str]

    def __str__(self) -> str:
        return f"row {self.number}: {' | '.join(self.cells)}"[:SHOWN]


class _Unreadable(Exception):
    """A side of a row that cannot be read, and why."""
