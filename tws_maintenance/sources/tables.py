"""Finding the one table that lists the constituents, by what it is and never by its position.

A page holds notices, charts, navigation boxes, lists of changes and reserve lists; their order
and classes change. The constituents table is the one whose header names a symbol and a company
once each and whose rows hold symbols of the market, the longest one whose title does not say
that it is something else.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import zip_longest

from lxml import html

from tws_maintenance.config.indices import Index
from tws_maintenance.core.errors import PageChanged
from tws_maintenance.core.text import counted
from tws_maintenance.sources.model import DroppedRow, SourceRow
from tws_maintenance.sources.text import cell_text, described

# Every name a column had on the recorded pages of 2021 to 2026, and their obvious neighbours.
COLUMN_NAMES: dict[str, frozenset[str]] = {
    "ticker": frozenset(
        {"symbol", "ticker", "ticker symbol", "stock symbol", "code", "stock code"}
    ),
    "security": frozenset({"security", "company", "name", "company name", "constituent"}),
    "sector": frozenset(
        {"gics sector", "sector", "sub-index", "subindex", "industry", "icb industry"}
    ),
    "sub_industry": frozenset(
        {"gics sub-industry", "gics sub industry", "sub-industry", "icb subsector"}
    ),
}
REQUIRED = ("ticker", "security")
HEADER_ROWS = 3
MIN_SYMBOL_SHARE = 0.5
# Hostile spans of a billion must not become a billion cells.
MAX_SPAN = 2000
MAX_WIDTH = 200
_OTHER_LIST = re.compile(r"reserve|former|removed|changes|historical|previous|past", re.IGNORECASE)
# Why a row below the header holds nothing, on any page.
EMPTY, HEADER_AGAIN = "empty row", "the header repeated"
ONE_TEXT = "one text across the whole row"
NO_ROW = frozenset({EMPTY, HEADER_AGAIN, ONE_TEXT})
_CELLS = frozenset({"th", "td"})
_HEADINGS = "preceding::*[self::h2 or self::h3 or self::h4][1]"

Grid = list[list[str]]


@dataclass(frozen=True)
class FoundTable:
    """The constituents table: its rows, the dropped ones, and what is odd.

    `as_of` is the day that the page states for it, where it does; `tables` counts those that the
    list seems to be split into.
    """

    rows: tuple[SourceRow, ...]
    dropped: tuple[DroppedRow, ...]
    rows_read: int
    notes: tuple[str, ...] = ()
    as_of: date | None = None
    tables: int = 1

    def symbols(self, index: Index) -> list[str]:
        """Return the well-formed symbols of the rows."""
        found = (index.symbol_rule.symbol_of(row.ticker) for row in self.rows)
        return [symbol for symbol in found if index.symbol_rule.is_symbol(symbol)]


def find_constituents(document: html.HtmlElement, index: Index) -> FoundTable:
    """Return the constituents table of `document`.

    Raises:
        PageChanged: no table, or more than one, looks like it; says what was found instead.
    """
    tables = document.xpath("//table")
    candidates = [found for element in tables if (found := _candidate(element, index))]
    candidates.sort(key=lambda table: len(table.symbols(index)), reverse=True)
    if not candidates:
        raise PageChanged(_nothing_found(tables, index))
    chosen, *others = candidates
    if others and len(others[0].symbols(index)) >= index.min_rows:
        raise PageChanged(
            f"the page holds {len(candidates)} tables that could be the {index.name} constituents "
            f"({len(chosen.symbols(index))} and {len(others[0].symbols(index))} symbols), expected "
            "one. Nothing was read from it. Check the page."
        )
    notes = tuple(_note(chosen, other, index) for other in others)
    parts = [other for other in others if _further(chosen, other, index)]
    return replace(chosen, notes=notes, tables=1 + len(parts))


def _candidate(element: html.HtmlElement, index: Index) -> FoundTable | None:
    columns, header_rows = _columns(grid_of(element, HEADER_ROWS))
    if not all(name in columns for name in (*REQUIRED, *index.enriched)):
        return None
    if _is_announced_as_other(element):
        return None
    table = _read(grid_of(element)[header_rows:], columns)
    enough = MIN_SYMBOL_SHARE * len(table.rows)
    return table if table.rows and len(table.symbols(index)) >= enough else None


def _note(chosen: FoundTable, other: FoundTable, index: Index) -> str:
    """Return a sentence about a second, similar table: the list may have been split in two."""
    further = _further(chosen, other, index)
    return (
        f"the page has another table with the same columns; {len(further)} of its symbols are not "
        f"in the one that was read ({', '.join(further[:8])}). Check whether the list was split."
    )


def _further(chosen: FoundTable, other: FoundTable, index: Index) -> list[str]:
    return sorted(set(other.symbols(index)) - set(chosen.symbols(index)))


def grid_of(table: html.HtmlElement, limit: int | None = None) -> Grid:
    """Return the cells' texts with rowspan and colspan written out; nested tables left out.

    `limit` is how many rows are wanted, all if it is None.
    """
    grid: Grid = []
    spans: dict[int, tuple[int, str]] = {}
    for tr in table.xpath("./tr | ./thead/tr | ./tbody/tr | ./tfoot/tr"):
        cells = [cell for cell in tr if cell.tag in _CELLS]
        if not cells:
            continue
        row: list[str] = []
        for cell in cells:
            if spans:
                _fill_spans(row, spans)
            text = cell_text(cell)
            rowspan = _span(cell, "rowspan")
            for _ in range(min(_span(cell, "colspan"), MAX_WIDTH - len(row))):
                if rowspan > 1:
                    spans[len(row)] = (rowspan - 1, text)
                row.append(text)
        # A row that ends before a cell from above has that cell all the same, in its own place:
        # left over, it would push the next row's cells under the wrong names.
        while spans and any(place >= len(row) for place in spans):
            _fill_spans(row, spans)
            if any(place > len(row) for place in spans):
                row.append("")
        grid.append(row)
        if len(grid) == limit:
            break
    return grid


def _fill_spans(row: list[str], spans: dict[int, tuple[int, str]]) -> None:
    while len(row) in spans:
        left, text = spans.pop(len(row))
        if left > 1:
            spans[len(row)] = (left - 1, text)
        row.append(text)


def _span(cell: html.HtmlElement, name: str) -> int:
    value = cell.get(name)
    if value is None:
        return 1
    value = value.strip()
    return min(max(int(value[:6]), 1), MAX_SPAN) if value.isdecimal() else 1


def _columns(grid: Grid) -> tuple[dict[str, int], int]:
    """Return the place of each known column and how many rows the header has.

    A name that stands twice is left out: a list of changes has two tickers, of the added and of
    the removed, and is not the list of members.
    """
    for number, row in enumerate(grid[:HEADER_ROWS]):
        found = _places(row)
        below = _places(grid[number + 1]) if number + 1 < len(grid) else {}
        if "ticker" in found or "security" in found or {"ticker", "security"} <= below.keys():
            rows = 1
            if below and _is_second_header_row(found, grid[number + 1]):
                found, rows = _places(_merged(row, grid[number + 1])), 2
            return (
                {name: places[0] for name, places in found.items() if len(places) == 1},
                number + rows,
            )
    return {}, 0


def _places(row: list[str]) -> dict[str, list[int]]:
    """Return every place of each known column's name in a row."""
    found: dict[str, list[int]] = {}
    for place, text in enumerate(row):
        for name, known in COLUMN_NAMES.items():
            if text.casefold() in known:
                found.setdefault(name, []).append(place)
    return found


def _is_second_header_row(found: dict[str, list[int]], lower: list[str]) -> bool:
    """Return whether a row below known names holds these again, or nothing, in one place each."""
    return all(
        any(
            place >= len(lower) or not lower[place] or lower[place].casefold() in COLUMN_NAMES[name]
            for place in places
        )
        for name, places in found.items()
        if name in REQUIRED
    )


def _merged(upper: list[str], lower: list[str]) -> list[str]:
    """Return one name for each column of a header in two rows, the lower one where it is known."""
    return [
        low if any(low.casefold() in known for known in COLUMN_NAMES.values()) else up
        for up, low in zip_longest(upper, lower, fillvalue="")
    ]


def _read(body: Grid, columns: dict[str, int]) -> FoundTable:
    rows: list[SourceRow] = []
    dropped: list[DroppedRow] = []
    for number, cells in enumerate(body, start=1):
        values = {
            name: cells[columns[name]] if name in columns and columns[name] < len(cells) else ""
            for name in COLUMN_NAMES
        }
        reason = _reason_to_drop(cells, values, columns)
        if reason:
            dropped.append(DroppedRow(f"row {number}: {' | '.join(cells)[:120]}", reason))
        else:
            rows.append(
                SourceRow(
                    number,
                    values["ticker"],
                    values["security"],
                    described(values["sector"]),
                    described(values["sub_industry"]),
                )
            )
    return FoundTable(tuple(rows), tuple(dropped), len(body))


def why_no_row(cells: Sequence[str], *, is_header: bool) -> str:
    """Return which of `NO_ROW` a row is, "" for none; `is_header` where it repeats the header."""
    if not any(cells):
        return EMPTY
    if is_header:
        return HEADER_AGAIN
    return ONE_TEXT if len(cells) > 1 and len(set(cells)) == 1 else ""


def _reason_to_drop(cells: list[str], values: dict[str, str], columns: dict[str, int]) -> str:
    """Return why a row is not a constituent, "" for one, also for a company without a ticker."""
    is_header = all(values[name].casefold() in COLUMN_NAMES[name] for name in REQUIRED)
    if reason := why_no_row(cells, is_header=is_header):
        return reason
    if len(cells) <= max(columns[name] for name in REQUIRED):
        return f"{len(cells)} cells, expected at least {max(columns.values()) + 1}"
    if not values["ticker"] and not values["security"]:
        return "neither ticker nor company"
    return ""


def _is_announced_as_other(table: html.HtmlElement) -> bool:
    """Return whether its caption, or the heading above it, says that it lists something else."""
    captions = table.xpath("./caption")
    announcements = captions or table.xpath(_HEADINGS)
    return any(_OTHER_LIST.search(cell_text(one)) for one in announcements)


def _symbol_cells(grid: Grid, index: Index) -> int:
    """Return how many cells of the likeliest column hold symbols of the market."""
    width = max((len(row) for row in grid), default=0)
    rule = index.symbol_rule
    return max(
        (
            sum(len(row) > column and rule.is_symbol(rule.symbol_of(row[column])) for row in grid)
            for column in range(min(width, 12))
        ),
        default=0,
    )


def _near_miss(element: html.HtmlElement, index: Index) -> str:
    """Return a description of a table similar to the expected one, "" for any other."""
    grid = grid_of(element)
    columns, _ = _columns(grid)
    symbols = _symbol_cells(grid, index)
    if not columns and symbols < index.min_rows:
        return ""
    header = ", ".join(text[:30] for text in (grid[0] if grid else [])[:9])
    other = ", with the title of another list" if _is_announced_as_other(element) else ""
    return f"[{header}] with {len(grid)} rows, {symbols} of them with a symbol{other}"


def _nothing_found(tables: list[html.HtmlElement], index: Index) -> str:
    expected = "; ".join(
        f"{name} (one of {', '.join(sorted(COLUMN_NAMES[name]))})"
        for name in (*REQUIRED, *index.enriched)
    )
    near = [text for element in tables if (text := _near_miss(element, index))]
    similar = f"the nearest: {'; '.join(near[:3])}" if near else "no similar one"
    return (
        f"the page no longer looks like the {index.name} page: expected a table with the columns "
        f"{expected} and symbols such as {index.symbol_rule.example}; found "
        f"{counted(len(tables), 'table')}, {similar}. Check the page before you apply anything."
    )
