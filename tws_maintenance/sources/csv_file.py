"""Reading a CSV file that somebody else made, within bounds.

A site that no longer has a file often answers with a page and status 200, so the
first bytes decide what a file is.
"""

import csv
import io

from tws_maintenance.core.errors import PageChanged

MAX_BYTES = 5 << 20
MAX_ROWS = 5000
MAX_COLUMNS = 60
# How files begin that are not CSV.
_OTHERS = ((b"<", "a web page"), (b"{", "JSON"), (b"[", "JSON"), (b"PK\x03\x04", "a workbook"))
_BOM = b"\xef\xbb\xbf"

Row = tuple[str, ...]


def rows_of(content: bytes) -> list[Row]:
    """Return the rows of a CSV file as texts without blanks around them.

    Raises:
        PageChanged: it is not a CSV file, is cut off inside a quoted cell, or is too large.
    """
    try:
        reader = csv.reader(io.StringIO(_text(content), newline=""), strict=True)
        rows: list[Row] = []
        for cells in reader:
            rows.append(tuple(cell.strip() for cell in cells))
            if len(rows) > MAX_ROWS or len(cells) > MAX_COLUMNS:
                raise PageChanged(
                    f"the file has more than {MAX_ROWS} rows or {MAX_COLUMNS} columns; "
                    "expected about 600 and 15. It was not read."
                )
    except csv.Error as error:
        raise PageChanged(
            f"the CSV file cannot be read at line {reader.line_num} ({error}); a part may be "
            "missing. Run again; if that does not help, check the file."
        ) from error
    return rows


def _text(content: bytes) -> str:
    begins = content.removeprefix(_BOM).lstrip()
    shown = begins[:40].decode("utf-8", "replace")
    for start, kind in _OTHERS:
        if begins.startswith(start):
            raise PageChanged(
                f"expected a CSV file, found {kind} that begins {shown!r}. The file may have "
                "moved: check its address."
            )
    if len(content) > MAX_BYTES:
        raise PageChanged(
            f"expected a CSV file of about 100 KB, found {len(content) / (1 << 20):.0f} MB. It was "
            "not read."
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PageChanged(
            f"expected a CSV file in UTF-8, found other bytes (at byte {error.start} of "
            f"{len(content)})"
        ) from error
