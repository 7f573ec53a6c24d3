"""From the rows of a fund's file to the members that it holds, whatever the file's form.

A file is a preamble, a header, the lines and text below them. Columns are found by their names; the
day is in the preamble or in every line.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import zip_longest

from tws_maintenance.config.indices import Index
from tws_maintenance.core.errors import PageChanged
from tws_maintenance.sources.days import day_in
from tws_maintenance.sources.fund_lines import Line, ticker_of, why_no_share
from tws_maintenance.sources.model import DroppedRow, SourceRow, SourceTable
from tws_maintenance.sources.text import clean, described

Row = tuple[str, ...]

# What each column was called in the files of 2022 to 2026, and their obvious neighbours.
COLUMN_NAMES: dict[str, frozenset[str]] = {
    "ticker": frozenset({"ticker", "identifier"}),
    "security": frozenset({"name", "security name"}),
    "sector": frozenset({"sector"}),
    "asset_class": frozenset({"asset class"}),
    "exchange": frozenset({"exchange", "stock exchange"}),
    "weight": frozenset({"weight", "weight (%)"}),
    "as_of": frozenset({"holdings as of"}),
}
_CODES = frozenset({"isin", "sedol", "cusip", "identifier"})
_KNOWN = _CODES.union(*COLUMN_NAMES.values())
REQUIRED = ("ticker", "security")
HEADER_WITHIN = 30
SHOWN = 120
_AS_OF = re.compile(r"\bas of\b\s*:?\s*(.*)", re.IGNORECASE | re.DOTALL)
# How iShares writes a GICS sector.
_GICS = {"communication": "Communication Services"}


def read(rows: Sequence[Row], index: Index, *, is_delimited: bool = False) -> SourceTable:
    """Return the members that a fund holds, the lines that are not members, and the day.

    A line with a name or an identifier but without a symbol of the market stays, marked as unknown:
    it may be a member. Lines of one member are one row. `is_delimited` is true for a CSV file,
    where a cell too many shifts the others under the wrong names.

    Raises:
        PageChanged: the file no longer has this form, or is incomplete.
    """
    place, columns, codes, width = _header(rows)
    reading = _Reading(index, columns, codes, width, is_delimited)
    body = rows[place + 1 :]
    end = reading.end(body)
    if is_delimited and 0 < end == len(body) and _width(body[-1]) < width > len(body[-1]):
        raise PageChanged(
            f"the file ends in the middle of a line ({_shown(end, body[-1])}): a part is missing. "
            "Run again; if that does not help, check the file."
        )
    for number, row in enumerate(body[:end], start=1):
        reading.take(number, row)
    return SourceTable(
        rows=tuple(reading.rows),
        dropped=tuple(reading.dropped),
        rows_read=len(reading.rows) + len(reading.dropped),
        as_of=_day(reading.days) if reading.days else _day_of_preamble(rows[:place]),
        beside=tuple(reading.beside),
    )


@dataclass
class _Reading:
    """The lines of one file as they are taken, one after the other."""

    index: Index
    columns: dict[str, int]
    codes: tuple[int, ...]
    width: int
    is_delimited: bool
    rows: list[SourceRow] = field(default_factory=list)
    dropped: list[DroppedRow] = field(default_factory=list)
    beside: list[DroppedRow] = field(default_factory=list)
    days: set[str] = field(default_factory=set)
    known: dict[str, SourceRow] = field(default_factory=dict)

    def end(self, body: Sequence[Row]) -> int:
        """Return where the lines end: after the last line, a blank row or a single cell is text."""
        last = max((n for n, row in enumerate(body) if self._is_whole(row)), default=-1)
        for number in range(last + 1, len(body)):
            if sum(map(bool, body[number])) <= 1:
                return number
        return len(body)

    def take(self, number: int, row: Row) -> None:
        """Read a row as a member, as another holding, or drop it as unreadable."""
        if not any(row):
            return
        if not self._is_whole(row):
            reason = f"{_width(row)} cells, expected {self.width}"
            self.dropped.append(DroppedRow(_shown(number, row), reason))
            return
        line = self._line(row)
        if reason := why_no_share(line, self.index):
            self.beside.append(DroppedRow(_shown(number, row), reason))
        elif not (line.ticker or line.security or line.identifiers):
            self.dropped.append(DroppedRow(_shown(number, row), "neither ticker nor company"))
        else:
            self._add(number, row, line)

    def _is_whole(self, row: Row) -> bool:
        """Return whether a row has the header's cells, at least two of them filled."""
        is_shifted = self.is_delimited and _width(row) > self.width
        return len(row) >= self.width and not is_shifted and sum(map(bool, row)) > 1

    def _line(self, row: Row) -> Line:
        cells = {name: row[place] for name, place in self.columns.items()}
        if cells.get("as_of"):
            self.days.add(cells["as_of"])
        return Line(
            ticker=ticker_of(cells["ticker"], self.index),
            security=clean(cells["security"]),
            sector=self._sector(cells.get("sector", "")),
            asset_class=cells.get("asset_class", ""),
            exchange=cells.get("exchange", ""),
            codes=tuple(row[place] for place in self.codes),
            weight=_number(cells.get("weight", "")),
        )

    def _sector(self, text: str) -> str:
        sector = described(text)
        return _GICS.get(sector.casefold(), sector) if self.index.sectors else sector

    def _add(self, number: int, row: Row, line: Line) -> None:
        """Add a member once: a second line of the same company is set aside."""
        is_unknown = not line.has_symbol(self.index)
        found = SourceRow(
            number, line.ticker, line.security, line.sector, "", line.identifiers, is_unknown
        )
        symbol = self.index.symbol_rule.symbol_of(line.ticker)
        other = None if is_unknown else self.known.get(symbol)
        if other is not None and _is_same_company(found, other):
            self.beside.append(DroppedRow(_shown(number, row), f"a second line of {symbol}"))
            return
        self.known.setdefault(symbol, found)
        self.rows.append(found)


def _header(rows: Sequence[Row]) -> tuple[int, dict[str, int], tuple[int, ...], int]:
    """Return the last row of the header, the known columns, those of identifiers, the width."""
    found = [
        (place, columns, tuple(at for at, name in enumerate(names) if name in _CODES), width)
        for number in range(min(len(rows), HEADER_WITHIN))
        for place, names in _readings(rows, number)
        if (columns := _columns(names)).keys() >= set(REQUIRED)
        if (width := _width(tuple(names)))
    ]
    if found:
        # The row above a header may be a second row of it, or the last one of the preamble.
        return min(found, key=lambda one: (-len(one[1]) - len(one[2]), one[0], one[3]))
    first = next((row for row in rows if sum(map(bool, row)) > 1), ())
    raise PageChanged(
        "the file no longer has a header with the columns Name and Ticker (or Identifier) in "
        f"its first {HEADER_WITHIN} rows; found {', '.join(filter(None, first[:9])) or 'nothing'}. "
        "Check it before you apply anything."
    )


def _readings(rows: Sequence[Row], number: int) -> Iterator[tuple[int, list[str]]]:
    """Yield where a header that begins at `number` ends, and its names: in two rows, in one."""
    below = [cell.casefold() for cell in (rows[number + 1] if number + 1 < len(rows) else ())]
    names = [cell.casefold() for cell in rows[number]]
    if any(name in _KNOWN for name in below):
        pairs = zip_longest(below, names, fillvalue="")
        yield number + 1, [_name(lower, upper) for lower, upper in pairs]
    yield number, names


def _name(lower: str, upper: str) -> str:
    """Return the name of a column with two header cells, the lower one where both are known."""
    return upper if not lower or (upper in _KNOWN and lower not in _KNOWN) else lower


def _columns(names: list[str]) -> dict[str, int]:
    columns: dict[str, int] = {}
    for name, known in COLUMN_NAMES.items():
        places = [place for place, text in enumerate(names) if text in known]
        if places:
            # SPY has an Identifier beside its Ticker: the ticker's own name comes first.
            exact = [place for place in places if names[place] == "ticker"] or places
            columns[name] = exact[0]
    return columns


def _is_same_company(one: SourceRow, other: SourceRow) -> bool:
    is_same_paper = bool(set(one.identifiers) & set(other.identifiers))
    return is_same_paper or one.security.casefold() == other.security.casefold()


def _width(row: Row) -> int:
    """Return how many cells a row has up to the last one that is not blank."""
    return max((place for place, cell in enumerate(row, start=1) if cell), default=0)


def _shown(number: int, row: Row) -> str:
    return f"row {number}: {' | '.join(filter(None, row))}"[:SHOWN]


def _number(text: str) -> float | None:
    try:
        return float(text.replace(",", "").removesuffix("%"))
    except ValueError:
        return None


def _day_of_preamble(rows: Iterable[Row]) -> date:
    """Return the day that the preamble states, in the cell that says "as of" or in the next."""
    stated: list[tuple[bool, str]] = []
    for row in rows:
        for place, cell in enumerate(row):
            if found := _AS_OF.search(cell):
                text = found[1] or next(filter(None, row[place + 1 :]), "")
                stated.append(("holdings" not in " ".join(row).casefold(), text))
    if not stated:
        raise PageChanged("the file states no day for its holdings ('As of ...')")
    return _day({min(stated, key=lambda one: one[0])[1]})


def _day(texts: set[str]) -> date:
    if len(texts) > 1:
        days = ", ".join(sorted(texts)[:4])
        raise PageChanged(f"the file holds rows of several days: {days}")
    (text,) = texts
    if (day := day_in(text)) is None:
        raise PageChanged(f"the file dates its holdings {text[:40]!r}, which is not a date")
    return day
