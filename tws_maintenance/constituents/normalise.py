"""From what a page says to the rows that are staged: symbols, carried values, extra columns."""

from dataclasses import dataclass

from tws_maintenance.config.indices import Index
from tws_maintenance.constituents.csv_file import LiveFile, Row
from tws_maintenance.constituents.diff import renames
from tws_maintenance.sources.model import SourceTable
from tws_maintenance.sources.text import described

CARRIED_FIELDS = ("sector", "sub_industry")


@dataclass(frozen=True)
class Normalised:
    """The rows to stage.

    `carried` are the (symbol, field) whose value the source left blank and the live file had.
    """

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    carried: tuple[tuple[str, str], ...]


def normalise(table: SourceTable, index: Index, live: LiveFile | None) -> Normalised:
    """Return the rows of `table` in the form of the live file.

    Nothing is collapsed or repaired: two rows of one symbol, a blank ticker or an odd text stay,
    for the audit to see. A sector or sub-industry that the source leaves blank, or where it writes
    `nan` and the like, is carried forward from the live file, by symbol, then by company across a
    ticker change; so are the columns that an operator added.
    """
    rows = [
        _row(index, one.ticker, one.security, one.sector, one.sub_industry) for one in table.rows
    ]
    if live is None:
        return Normalised(index.columns, tuple(rows), ())
    known = live.by_symbol()
    old_symbols = renames(known, {row["symbol"]: row for row in rows})
    extra = live.extra_columns(index)
    carried: list[tuple[str, str]] = []
    for row in rows:
        old = known.get(old_symbols.get(row["symbol"], row["symbol"]), {})
        for name in CARRIED_FIELDS:
            if not row[name] and (former := described(old.get(name, ""))):
                row[name] = former
                carried.append((row["symbol"], name))
        row.update({name: old.get(name, "") for name in extra})
    return Normalised((*index.columns, *extra), tuple(rows), tuple(carried))


def _row(index: Index, ticker: str, security: str, sector: str, sub_industry: str) -> Row:
    symbol = index.symbol_rule.symbol_of(ticker)
    row = {"symbol": symbol}
    if index.has_display_symbol:
        row["display_symbol"] = index.symbol_rule.display_of(symbol)
    return row | {
        "security": security,
        "sector": described(sector),
        "sub_industry": described(sub_industry),
    }
