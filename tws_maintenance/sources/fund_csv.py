"""The daily holdings of a fund as CSV: iShares' IVV and 3115, and the Tracker Fund's 2800.

iShares: a preamble with `Fund Holdings as of`, the header from Ticker on, an Asset Class, legal
text below. The Tracker Fund: `Holdings as of` with the day as digits, the header from ISIN on.
"""

from tws_maintenance.config.indices import Index
from tws_maintenance.sources import fund
from tws_maintenance.sources.csv_file import rows_of
from tws_maintenance.sources.model import RawCopy, SourceTable


def url(origin: str, path: str) -> str:
    """Return the address of a fund's holdings, `path` with its query below `origin`."""
    return f"{origin}/{path}"


def parse(raw: RawCopy, index: Index) -> SourceTable:
    """Read the members that a fund holds.

    Raises:
        PageChanged: the file no longer has this form; says what was expected and found.
    """
    return fund.read(rows_of(raw.content), index, is_delimited=True)
