"""The symbols that the operator watches: `data/watchlist.csv`, edited by hand or by `watchlist`.

Further columns and rows of unknown markets stay in the file.
Belongs here: reading and changing the file. Does not: fetching events of its symbols.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import Maintained
from tws_maintenance.config.symbol_markets import read_symbol, venue_of
from tws_maintenance.config.venues import Venue
from tws_maintenance.constituents.csv_file import read_live
from tws_maintenance.core.atomic import write_whole
from tws_maintenance.core.clock import utc_text
from tws_maintenance.core.csv_text import NotCsv, read_lines, to_bytes
from tws_maintenance.core.errors import LiveFileError, TwsMaintenanceError, UsageError
from tws_maintenance.core.locks import hold

SYMBOL = "symbol"
ADDED_AT = "added_at"
NO_SYMBOL = "(a row without a symbol)"
LOCK_SECONDS = 20.0


class WatchlistError(TwsMaintenanceError):
    """The watchlist exists but cannot be read; this never means "nothing is watched"."""


@dataclass(frozen=True)
class Watched:
    """A symbol, and when it was added by the file ("" if the file does not say)."""

    symbol: str
    added_at: str


@dataclass(frozen=True)
class Watchlist:
    """The watched symbols; `unreadable` are texts of no known market, as written."""

    entries: tuple[Watched, ...] = ()
    unreadable: tuple[str, ...] = ()

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols, sorted, each once."""
        return tuple(one.symbol for one in self.entries)


@dataclass(frozen=True)
class _Table:
    """The file: its header cells as written, and rows as long as the header."""

    columns: tuple[str, ...] = (SYMBOL, ADDED_AT)
    rows: tuple[tuple[str, ...], ...] = ()

    def position(self, column: str) -> int | None:
        """Return the position of a column, ignoring case; None if it is missing."""
        names = [name.strip().lower() for name in self.columns]
        return names.index(column) if column in names else None

    def cell(self, row: Sequence[str], column: str) -> str:
        """Return a cell without surrounding blanks, "" if there is no such column."""
        position = self.position(column)
        return "" if position is None else row[position].strip()

    def with_symbols(self, symbols: Iterable[str], added_at: str) -> "_Table":
        """Return the table with a new row for each symbol, and with the column added_at."""
        columns, rows = self.columns, self.rows
        if self.position(ADDED_AT) is None:
            columns, rows = (*columns, ADDED_AT), tuple((*row, "") for row in rows)
        names = [name.strip().lower() for name in columns]
        added = (
            tuple({SYMBOL: symbol, ADDED_AT: added_at}.get(name, "") for name in names)
            for symbol in symbols
        )
        return _Table(columns, (*rows, *added))


def read_watchlist(home: Home, maintained: Maintained) -> Watchlist:
    """Return the watchlist; an empty one if there is no file.

    Raises:
        WatchlistError: the file exists but cannot be read as a list.
    """
    table, venues = _read(home), maintained.venues
    found: dict[str, Watched] = {}
    unreadable = []
    for row in table.rows:
        written = table.cell(row, SYMBOL)
        symbol = _symbol(written, venues)
        if symbol is None:
            unreadable.append(written or NO_SYMBOL)
        else:
            found.setdefault(symbol, Watched(symbol, table.cell(row, ADDED_AT)))
    return Watchlist(
        tuple(found[symbol] for symbol in sorted(found)), tuple(dict.fromkeys(unreadable))
    )


def add(home: Home, maintained: Maintained, symbols: Sequence[str], at: datetime) -> list[str]:
    """Add symbols, as an operator writes them, and return the new ones.

    Raises:
        UsageError: a symbol has no known market; nothing was added.
        WatchlistError: the file cannot be read; it is unchanged.
        LockHeld: another process is changing it.
    """
    wanted, venues = sorted(set(read_symbols(home, maintained, symbols))), maintained.venues
    with _locked(home):
        table = _read(home)
        known = {_symbol(table.cell(row, SYMBOL), venues) for row in table.rows}
        new = [symbol for symbol in wanted if symbol not in known]
        if new:
            _write(home, table.with_symbols(new, utc_text(at)))
    return new


def remove(home: Home, maintained: Maintained, symbols: Sequence[str]) -> list[str]:
    """Remove symbols (or unreadable texts, as written) and return them, sorted.

    Raises:
        UsageError: one is not on the watchlist; nothing was removed.
        WatchlistError: the file cannot be read; it is unchanged.
        LockHeld: another process is changing it.
    """
    venues = maintained.venues
    wanted = {_key(text, venues) for text in symbols}
    with _locked(home):
        table = _read(home)
        present = {_key(table.cell(row, SYMBOL), venues) for row in table.rows}
        missing = sorted(wanted - present)
        if missing:
            raise UsageError(
                f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not on the watchlist "
                f"({home.relative(home.watchlist)}); nothing was removed. List it with: "
                f"python -m tws_maintenance watchlist list."
            )
        kept = tuple(
            row for row in table.rows if _key(table.cell(row, SYMBOL), venues) not in wanted
        )
        if len(kept) < len(table.rows):
            _write(home, replace(table, rows=kept))
    return sorted(wanted)


def local_codes(home: Home, maintained: Maintained) -> dict[str, str]:
    """Return {code: symbol} of members whose exchange writes them without the suffix.

    `D05` is `D05.SI`. A code that is also an S&P 500 symbol is left out: it means that symbol.
    """
    codes: dict[str, str] = {}
    plain: set[str] = set()
    for index in maintained:
        try:
            live = read_live(home, index)
        except LiveFileError:
            continue  # codes only help to suggest a symbol; `validate` and `status` report it
        for row in live.rows if live else ():
            symbol = row[SYMBOL]
            if index.symbol_rule.suffix:
                codes[index.symbol_rule.display_of(symbol)] = symbol
                codes[row.get("display_symbol", "").strip().upper()] = symbol
            else:
                plain.add(symbol)
    return {code: symbol for code, symbol in codes.items() if code and code not in plain}


def read_full_symbol(text: str, codes: dict[str, str], venues: Collection[Venue]) -> str:
    """Return the symbol that an operator wrote.

    Raises:
        UsageError: it has no market among `venues`, or is one of the local `codes`.
    """
    code = re.sub(r"^0*(\d+)$", lambda match: match[1].zfill(4), text.strip().upper())
    if meant := codes.get(code):
        raise UsageError(
            f"{text!r} names no market: did you mean {meant}? Write symbols as Yahoo does."
        )
    return read_symbol(text, venues)


def read_symbols(home: Home, maintained: Maintained, texts: Iterable[str]) -> list[str]:
    """Return the symbols that an operator wrote. Raises as `read_full_symbol` does."""
    codes, venues = local_codes(home, maintained), maintained.venues
    return [read_full_symbol(text, codes, venues) for text in texts]


@dataclass(frozen=True)
class Reading:
    """What a written text would be taken for; `symbol` is None where it is none, `fault` says why.

    `market` is the name of its exchange, `is_watched` whether the watchlist has it already.
    """

    written: str
    symbol: str | None = None
    market: str = ""
    fault: str = ""
    is_watched: bool = False


def readings(home: Home, maintained: Maintained, texts: Iterable[str]) -> list[Reading]:
    """Return what each text would be taken for, each symbol once; nothing is stored.

    Raises:
        WatchlistError: the file cannot be read, so it is not known what is watched.
    """
    codes, venues = local_codes(home, maintained), maintained.venues
    watched = {*read_watchlist(home, maintained).symbols}
    found: dict[str, Reading] = {}
    for written in texts:
        try:
            symbol = read_full_symbol(written, codes, venues)
        except UsageError as error:
            found.setdefault(written, Reading(written, fault=str(error)))
            continue
        venue = venue_of(symbol)
        name = venue.name if venue else ""
        found.setdefault(symbol, Reading(written, symbol, name, is_watched=symbol in watched))
    return list(found.values())


def symbols_in(content: bytes) -> list[str]:
    """Return the texts of the column `symbol` or `ticker` of a CSV, else those of its first column.

    Raises:
        UsageError: it is no CSV in UTF-8.
    """
    try:
        rows = [cells for cells in read_lines(content) if "".join(cells).strip()]
    except NotCsv as error:
        raise UsageError(
            f"The file {error}. A CSV in UTF-8 with a symbol a line is read."
        ) from error
    head = [cell.strip().lower() for cell in rows[0]] if rows else []
    place = next((head.index(name) for name in (SYMBOL, "ticker") if name in head), None)
    cells = (
        row[place or 0] for row in (rows if place is None else rows[1:]) if len(row) > (place or 0)
    )
    return [cell.strip() for cell in cells if cell.strip()]


def why_unreadable(written: str, venues: Collection[Venue]) -> str:
    """Return why a text of `Watchlist.unreadable` is not used, and what to do."""
    if written == NO_SYMBOL:
        return "A row has no symbol. Add one, or delete the row."
    try:
        read_symbol(written, venues)
    except UsageError as error:
        return str(error)
    return ""


def _symbol(written: str, venues: Collection[Venue]) -> str | None:
    try:
        return read_symbol(written, venues)
    except UsageError:
        return None


def _key(written: str, venues: Collection[Venue]) -> str:
    return _symbol(written, venues) or written.strip().upper()


def _locked(home: Home) -> AbstractContextManager[None]:
    return hold(home.locks / "watchlist.lock", wait_seconds=LOCK_SECONDS, holder="watchlist")


def _read(home: Home) -> _Table:
    name = home.relative(home.watchlist)
    try:
        content = home.watchlist.read_bytes()
    except FileNotFoundError:
        return _Table()
    except OSError as error:
        raise _fault(name, f"cannot be read ({error.strerror or error})") from error
    try:
        return _table(name, read_lines(content))
    except NotCsv as error:
        raise _fault(name, str(error)) from error


def _table(name: str, lines: Iterable[Sequence[str]]) -> _Table:
    rows = [(number, cells) for number, cells in enumerate(lines, 1) if "".join(cells).strip()]
    if not rows:
        raise _fault(name, "is empty")
    columns = tuple(rows[0][1])
    names = [cell.strip().lower() for cell in columns]
    if names.count(SYMBOL) != 1 or names.count(ADDED_AT) > 1:
        found = ", ".join(columns)[:80]
        raise _fault(name, f"has no header with one column symbol (found: {found})")
    width = len(columns)
    for number, cells in rows[1:]:
        # Hand-written rows may be short; further cells mean a comma without quotes.
        if "".join(cells[width:]).strip():
            raise _fault(name, f"has {len(cells)} cells in line {number}, expected {width}")
    padded = (tuple([*cells, *[""] * width][:width]) for _, cells in rows[1:])
    return _Table(columns, tuple(padded))


def _fault(name: str, fault: str) -> WatchlistError:
    return WatchlistError(
        f"{name} {fault}, so the watched symbols are unknown. The file is unchanged. Correct it: "
        "UTF-8, a first line `symbol,added_at`, one symbol on each line. Or move it away and add "
        "its symbols again: python -m tws_maintenance watchlist add SYMBOL."
    )


def _write(home: Home, table: _Table) -> None:
    home.data.mkdir(parents=True, exist_ok=True)
    write_whole(home.watchlist, to_bytes((table.columns, *table.rows)))
