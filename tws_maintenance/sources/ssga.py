"""The daily holdings of a fund of SSGA that follows an index: SPY for the S&P 500, ES3 for the STI.

Two forms are known: with a preamble that names the day (SPY), and with the day in every row (ES3).
Cash lines and the disclaimer below are no members, and no rows that were dropped either.
"""

import re
from collections.abc import Iterable
from datetime import date, datetime

from tws_maintenance.config.indices import Index
from tws_maintenance.core.errors import PageChanged
from tws_maintenance.sources.model import RawCopy, SourceRow, SourceTable
from tws_maintenance.sources.text import clean
from tws_maintenance.sources.workbook import Row, rows_of

SHEET = "holdings"
PATH = "library-content/products/fund-data/etfs"
# What each column was called on the recorded workbooks, and their obvious neighbours.
COLUMN_NAMES: dict[str, frozenset[str]] = {
    "ticker": frozenset({"ticker", "identifier"}),
    "security": frozenset({"name", "security name"}),
    "sector": frozenset({"sector"}),
    "as_of": frozenset({"holdings as of"}),
    "place": frozenset({"stock exchange"}),
}
HEADER_WITHIN = 30
_AS_OF = re.compile(r"as of\s+(\d{1,2}-[A-Za-z]{3}-\d{4})", re.IGNORECASE)
# D05-SG, BRK.B, BRK/B, BRK-B, BRKB: the last is told from a ticker by the list of share classes.
_COUNTRY = re.compile(r"-SG$")
_SHARE_CLASS = re.compile(r"^([A-Z]{1,4})[./]([A-Z])$")
# Written without a mark in some workbooks; no other ticker of the index reads like these.
SHARE_CLASSES = {"BRKB": "BRK-B", "BFB": "BF-B"}
_NO_MEMBER = frozenset({"-", "n/a", "unassigned"})
# Not "dollar": Dollar General and Dollar Tree are members.
_CASH = re.compile(r"\bcash\b", re.IGNORECASE)
_BLANK = frozenset({"", "-", "unassigned"})


def url(origin: str, path: str) -> str:
    """Return the address of a fund's holdings, `path` below SSGA's fund data."""
    return f"{origin}/{PATH}/{path}"


def parse(raw: RawCopy, index: Index) -> SourceTable:
    """Read the members that a fund holds.

    Raises:
        PageChanged: it is not such a workbook any more; says what was expected and found.
    """
    rows = list(rows_of(raw.content, SHEET))
    place, columns = _header(rows)
    found: list[SourceRow] = []
    days: set[str] = set()
    for number, row in enumerate(rows[place + 1 :], start=1):
        if not any(row):
            continue
        is_lone = sum(map(bool, row)) == 1
        values = {
            name: row[column] if column < len(row) else "" for name, column in columns.items()
        }
        ticker = values["ticker"].strip()
        if is_lone or _is_no_member(ticker, values):
            continue
        if values.get("as_of"):
            days.add(values["as_of"])
        sector = values.get("sector", "")
        found.append(
            SourceRow(
                number,
                _ticker(ticker, index),
                clean(values["security"]),
                "" if sector.casefold() in _BLANK else clean(sector),
                "",
            )
        )
    as_of = _day(days) if days else _day_of_preamble(rows[:place])
    return SourceTable(rows=tuple(found), dropped=(), rows_read=len(found), as_of=as_of)


def _header(rows: list[Row]) -> tuple[int, dict[str, int]]:
    """Return where the header stands and the place of each known column."""
    for number, row in enumerate(rows[:HEADER_WITHIN]):
        names = [cell.casefold() for cell in row]
        columns: dict[str, int] = {}
        for name, known in COLUMN_NAMES.items():
            places = [place for place, cell in enumerate(names) if cell in known]
            if places:
                # SPY has an Identifier beside its Ticker: the ticker's own name comes first.
                exact = [p for p in places if names[p] == "ticker"] or places
                columns[name] = exact[0]
        if {"ticker", "security"} <= columns.keys():
            return number, columns
    first = next((row for row in rows if sum(map(bool, row)) > 1), ())
    raise PageChanged(
        "the workbook no longer has a header with the columns Name and Ticker (or Identifier) in "
        f"its first {HEADER_WITHIN} rows; found {', '.join(filter(None, first[:9])) or 'nothing'}. "
        "Look at it before anything is applied."
    )


def _is_no_member(ticker: str, values: dict[str, str]) -> bool:
    """Tell a cash line from a holding: it is marked as none, or a blank ticker beside its name.

    A holding whose ticker is missing stays one, for the audit to refuse: left out, it would have
    left the index.
    """
    marks = {ticker.casefold(), values.get("place", "").casefold()}
    return bool(marks & _NO_MEMBER) or (not ticker and _CASH.search(values["security"]) is not None)


def _ticker(text: str, index: Index) -> str:
    """Return the ticker as the index's own rule reads it."""
    ticker = _COUNTRY.sub("", text.upper())
    if index.symbol_rule.suffix:
        return ticker
    return SHARE_CLASSES.get(ticker) or _SHARE_CLASS.sub(r"\1-\2", ticker)


def _day_of_preamble(rows: Iterable[Row]) -> date:
    for row in rows:
        for cell in row:
            if match := _AS_OF.search(cell):
                return _day({match[1]})
    raise PageChanged("the workbook does not say of which day its holdings are ('As of ...')")


def _day(texts: set[str]) -> date:
    if len(texts) > 1:
        told = ", ".join(sorted(texts)[:4])
        raise PageChanged(f"the workbook holds rows of several days: {told}")
    (text,) = texts
    for form in ("%d-%b-%Y", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d"):
        try:
            return datetime.strptime(text, form).date()  # noqa: DTZ007 - a day, in no zone
        except ValueError:
            continue
    raise PageChanged(f"the workbook says that its holdings are of {text!r}, which is no day")
