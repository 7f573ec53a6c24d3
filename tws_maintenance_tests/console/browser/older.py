"""The lists of the recorded pages as they may have been: an operator's home before the refresh."""

from dataclasses import replace

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES
from tws_maintenance.constituents.carry_forward import listings, normalise
from tws_maintenance.constituents.csv_file import to_csv
from tws_maintenance.core.clock import utc_now
from tws_maintenance.core.digest import sha256
from tws_maintenance.sources import wikipedia
from tws_maintenance.sources.model import RawCopy, SourceRow, SourceTable
from tws_maintenance_tests.support import page_file

PAGES = {
    "sp500": "sp500_2026-05-10.html",
    "sti": "sti_2026-09-01_rebuilt.html",
    "hsi": "hsi_2026-09-25.html",
}
MISSING = ("AMCR", "XYL")
EXTRA = SourceRow(999, "ZZZ", "Zed Industries", "Industrials", "Building Products")


def write_older_lists(home: Home) -> None:
    """Write an S&P 500 where META is still FB, two members miss and one is too many.

    STI and HSI are what their pages say.
    """
    home.data.mkdir(parents=True, exist_ok=True)
    for key, name in PAGES.items():
        rows = _rows_of(key, name)
        if key == "sp500":
            rows = [*(_as_it_was(row) for row in rows if row.ticker not in MISSING), EXTRA]
        table = SourceTable(rows=tuple(rows), dropped=(), rows_read=len(rows))
        older = normalise(listings(table, INDICES[key]), INDICES[key], None)
        home.live_file(key).write_bytes(to_csv(older.columns, list(older.rows)))


def _rows_of(key: str, name: str) -> list[SourceRow]:
    content = page_file(name).read_bytes()
    raw = RawCopy("https://en.wikipedia.org/", 200, content, sha256(content), utc_now())
    return list(wikipedia.parse(raw, INDICES[key]).rows)


def _as_it_was(row: SourceRow) -> SourceRow:
    return replace(row, ticker="FB") if row.ticker == "META" else row
