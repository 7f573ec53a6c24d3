"""Files of funds of one's own, in the layouts of 2026, and reading them."""

import csv
import io
from collections.abc import Sequence

import openpyxl

from tws_maintenance.config.indices import DECLARED
from tws_maintenance.core.clock import utc_now
from tws_maintenance.core.digest import sha256
from tws_maintenance.sources.fetching import READERS
from tws_maintenance.sources.model import RawCopy, SourceTable
from tws_maintenance_tests.support import page_file

IVV_HEADER = ("Ticker", "Name", "Sector", "Asset Class", "Weight (%)", "Location", "Exchange")
TRACKER_HEADER = ("ISIN", "SEDOL", "Ticker", "Security Name", "Weight (%)", "Sector")
SPY_HEADER = ("Name", "Ticker", "Identifier", "SEDOL", "Weight", "Sector", "Shares Held")
ES3_HEADER = ("ISIN", "SEDOL", "Ticker", "Stock Exchange", "Name", "Weight (%)", "Sector")
OF = {
    "spy": "sp500",
    "ivv": "sp500",
    "es3": "sti",
    "hang_seng": "hsi",
    "tracker2800": "hsi",
    "ishares3115": "hsi",
}

Rows = Sequence[Sequence[object]]


def read(name: str, content: bytes) -> SourceTable:
    """Return what `content` lists, read as the file of the source `name`."""
    index = DECLARED[OF[name]]
    spec = index.addresses(name)[0]
    raw = RawCopy("https://example.com", 200, content, sha256(content), utc_now())
    return READERS[spec.kind].parse(raw, index)


def recorded(name: str, page: str) -> SourceTable:
    """Return what a recorded file lists; skips where the recordings are not there."""
    return read(name, page_file(page).read_bytes())


def as_csv(rows: Rows) -> bytes:
    """Return rows as a CSV file with a byte order mark, every cell quoted."""
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows(rows)
    return text.getvalue().encode("utf-8-sig")


def ivv(lines: Rows, day: str = "Sep 29, 2026", tail: Rows = ()) -> bytes:
    """Return a file of IVV with `lines` below IVV_HEADER."""
    preamble = [["A fund"], ["Fund Holdings as of", day], ["Inception Date", "May 15, 2000"], [""]]
    return as_csv([*preamble, IVV_HEADER, *lines, *tail])


def tracker(lines: Rows, day: str = "28092026") -> bytes:
    """Return a file of 2800 with `lines` below TRACKER_HEADER."""
    preamble = [["Tracker Fund"], ["Stock Code", "2800"], ["Holdings as of", day]]
    return as_csv([*preamble, TRACKER_HEADER, *lines])


def workbook(rows: Rows) -> bytes:
    """Return rows as a workbook with the sheet that SSGA's have."""
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("holdings")
    for row in rows:
        sheet.append(list(row))
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def spy(lines: Rows) -> bytes:
    """Return a workbook of SPY with `lines` below SPY_HEADER."""
    return workbook([["Holdings:", "As of 08-May-2026"], [], SPY_HEADER, *lines])


def es3(lines: Rows, preamble: Rows = (("Holdings As Of:", "17-Jun-2026"),)) -> bytes:
    """Return a workbook of ES3 with `lines` below ES3_HEADER."""
    return workbook([*preamble, [], ES3_HEADER, *lines])


def tickers(table: SourceTable) -> list[str]:
    """Return the tickers in their order, those that are no symbols too."""
    return [row.ticker for row in table.rows]


def beside(table: SourceTable) -> list[str]:
    """Return why each line that is no share of a member was set aside."""
    return [one.reason for one in table.beside]
