"""From the members to the rows that are staged: symbols, carried values, extra columns."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tws_maintenance.config.indices import Index
from tws_maintenance.constituents.csv_file import LiveFile, Row
from tws_maintenance.constituents.diff import renames
from tws_maintenance.constituents.matching import Listing
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


def listings(table: SourceTable, index: Index, source: str | None = None) -> tuple[Listing, ...]:
    """Return the lines of a list under the symbols of the index.

    Columns that `source` is not good at are left blank, except names; without `source`, all are
    kept.
    """
    best = dict(index.best_at)

    def of(column: str, value: str) -> str:
        return value if source is None or source in best.get(column, ()) else ""

    return tuple(
        Listing(
            index.symbol_rule.symbol_of(row.ticker),
            row.security,
            of("sector", row.sector),
            of("sub_industry", row.sub_industry),
            row.identifiers,
        )
        for row in table.rows
    )


def normalise(
    members: Iterable[Listing],
    index: Index,
    live: LiveFile | None,
    renamed: Mapping[str, str] | None = None,
) -> Normalised:
    """Return the rows of `members` in the form of the live file.

    Nothing is collapsed or repaired: two rows of one symbol, a blank ticker or an odd text stay,
    for the audit to see. A sector or sub-industry that the source leaves blank, or where it writes
    `nan` and the like, is carried forward from the live file, by symbol, then by company across a
    ticker change; so are the columns that an operator added. `renamed` is {symbol: former symbol}
    of those that are known to be the same share, whatever their names.
    """
    rows = [_row(index, one) for one in members]
    if live is None:
        return Normalised(index.columns, tuple(rows), ())
    known = live.by_symbol()
    old_symbols = {**renames(known, {row["symbol"]: row for row in rows}), **(renamed or {})}
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


def _row(index: Index, member: Listing) -> Row:
    row = {"symbol": member.symbol}
    if index.has_display_symbol:
        row["display_symbol"] = index.symbol_rule.display_of(member.symbol)
    return row | {
        "security": member.security,
        "sector": described(member.sector),
        "sub_industry": described(member.sub_industry),
    }
