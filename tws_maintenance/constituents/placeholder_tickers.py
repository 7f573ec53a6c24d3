"""Recognise a member that a fund lists under a placeholder, by what is known of the members.

A fund lists a member as `2670549D` or `-` for a day while a corporate action is processed. Its
CUSIP, its ISIN or its name says which one it is. What fits no known member, or more than one, stays
unknown.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from tws_maintenance.config.indices import Index
from tws_maintenance.constituents.csv_file import LiveFile
from tws_maintenance.constituents.diff import company_key
from tws_maintenance.sources.model import DroppedRow, SourceRow, SourceTable

ISIN_LENGTH = 12
# ISO 6166: the ISIN of a paper of these is its CUSIP between the country and a check digit.
_CUSIP_COUNTRIES = ("US", "CA")


Claims = dict[str, set[str]]


@dataclass(frozen=True)
class Known:
    """What is known of the members: the symbols that each name and each identifier stands for."""

    by_name: Claims = field(default_factory=dict)
    by_identifier: Claims = field(default_factory=dict)

    def symbols_of(self, row: SourceRow) -> set[str]:
        """Return the symbols that a row may be, by its identifiers, else by its name."""
        papers = (self.by_identifier.get(one, set()) for one in _papers(row.identifiers))
        return set().union(*papers) or self.by_name.get(_name_key(row.security), set())

    def add(self, members: Iterable[tuple[str, str, tuple[str, ...]]]) -> None:
        """Add a list of (symbol, company, identifiers); what an earlier list said stays."""
        names: Claims = defaultdict(set)
        papers: Claims = defaultdict(set)
        for symbol, security, identifiers in members:
            if key := _name_key(security):
                names[key].add(symbol)
            for one in _papers(identifiers):
                papers[one].add(symbol)
        self.by_name.update({key: names[key] for key in names.keys() - self.by_name})
        self.by_identifier.update({key: papers[key] for key in papers.keys() - self.by_identifier})


def known_members(
    index: Index, tables: Iterable[SourceTable] = (), live: LiveFile | None = None
) -> Known:
    """Return the members that the lists of sources, newest first, and the live file name.

    The first list with a company counts: older lists may have it under a former ticker.
    """
    known, rule = Known(), index.symbol_rule
    for table in tables:
        members = ((rule.symbol_of(one.ticker), one) for one in table.rows)
        known.add(
            (symbol, one.security, one.identifiers)
            for symbol, one in members
            if rule.is_symbol(symbol)
        )
    known.add((row["symbol"], row.get("security", ""), ()) for row in (live.rows if live else ()))
    return known


def recognised(table: SourceTable, index: Index, known: Known) -> SourceTable:
    """Return `table` with each unknown row that fits one known member as that member's row.

    If the member already has a row, the line is set aside: a member has one vote. Each recognised
    line is a note.
    """
    rule = index.symbol_rule
    listed = {rule.symbol_of(row.ticker) for row in table.rows if not row.is_unknown}
    rows: list[SourceRow] = []
    beside: list[DroppedRow] = []
    notes: list[str] = []
    for row in table.rows:
        symbol = _only(known.symbols_of(row), listed) if row.is_unknown else None
        if symbol is None:
            rows.append(row)
        elif symbol in listed:
            shown = f"row {row.number}: {row.ticker} | {row.security}"[:120]
            beside.append(DroppedRow(shown, f"a second line of {symbol}"))
        else:
            listed.add(symbol)
            rows.append(replace(row, ticker=rule.display_of(symbol), is_unknown=False))
            notes.append(
                f"{row.security or row.identifiers[0]} is listed as {_code(row)}, read as {symbol}"
            )
    return replace(
        table,
        rows=tuple(rows),
        beside=(*table.beside, *beside),
        rows_read=table.rows_read - len(beside),
        notes=(*table.notes, *notes),
    )


def _only(symbols: set[str], listed: set[str]) -> str | None:
    """Return the symbol that a line stands for: the one it fits, or the only one not listed yet.

    Share classes may share one name in a fund's file; those that have their own line are out.
    """
    left = symbols if len(symbols) == 1 else symbols - listed
    return next(iter(left)) if len(left) == 1 else None


def _papers(identifiers: Iterable[str]) -> Iterator[str]:
    """Yield each identifier, and the CUSIP in an ISIN that contains one."""
    for one in identifiers:
        yield one
        if len(one) == ISIN_LENGTH and one.startswith(_CUSIP_COUNTRIES):
            yield one[2:-1]


def _name_key(security: str) -> str:
    """Return what two spellings of a company share: Exxon Mobil is ExxonMobil."""
    return company_key(security).replace(" ", "")


def _code(row: SourceRow) -> str:
    return repr(row.ticker) if row.ticker else "no ticker"
