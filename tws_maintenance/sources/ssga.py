"""The daily holdings of a fund of SSGA that follows an index: SPY for the S&P 500, ES3 for the STI.

A workbook in one of three known forms: a preamble with `As of ...` (SPY), a preamble with the day
in a cell of its own (ES3 since 2025), and the day in every line (ES3 of 2022).
"""

from tws_maintenance.config.indices import Index
from tws_maintenance.sources import fund
from tws_maintenance.sources.model import RawCopy, SourceTable
from tws_maintenance.sources.workbook import rows_of

SHEET = "holdings"
PATH = "library-content/products/fund-data/etfs"


def url(origin: str, path: str) -> str:
    """Return the address of a fund's holdings, `path` below SSGA's fund data."""
    return f"{origin}/{PATH}/{path}"


def parse(raw: RawCopy, index: Index) -> SourceTable:
    """Read the members that a fund holds.

    Raises:
        PageChanged: the workbook no longer has this form; says what was expected and found.
    """
    return fund.read(list(rows_of(raw.content, SHEET)), index)
