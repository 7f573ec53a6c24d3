"""Reading one sheet of a workbook that somebody else made, without believing what it claims.

An .xlsx is a zip of XML: small on the wire, as large as it likes when it is opened. What it would
become is looked at before anything is unpacked, and rows are read one after the other.
"""

import io
import zipfile
from collections.abc import Iterator

from tws_maintenance.errors import PageChanged

MAX_UNPACKED_BYTES = 50 << 20
MAX_MEMBERS = 200
MAX_ROWS = 5000
MAX_COLUMNS = 40
# An encrypted workbook, or one of before 2007: https://learn.microsoft.com/openspecs MS-CFB.
OLE = bytes.fromhex("D0CF11E0A1B11AE1")
ZIP = b"PK\x03\x04"

Row = tuple[str, ...]


def rows_of(content: bytes, sheet: str) -> Iterator[Row]:
    """Yield the rows of a sheet as texts, blank where a cell is empty; at most MAX_ROWS.

    Raises:
        PageChanged: it is no such workbook, or would be too large; says what was found.
    """
    _refuse_what_is_none(content)
    import openpyxl

    try:
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
    except Exception as error:
        raise _damaged(error) from error
    if sheet not in book.sheetnames:
        raise PageChanged(
            f"the workbook no longer has a sheet {sheet!r}; it has "
            f"{', '.join(map(repr, book.sheetnames[:5]))}. Look at it before anything is applied."
        )
    try:
        for row in book[sheet].iter_rows(max_row=MAX_ROWS, max_col=MAX_COLUMNS, values_only=True):
            yield tuple("" if cell is None else str(cell).strip() for cell in row)
    except Exception as error:
        raise _damaged(error) from error
    finally:
        book.close()


def _damaged(error: Exception) -> PageChanged:
    return PageChanged(f"the workbook is damaged: {type(error).__name__}: {error!s:.200}")


def _refuse_what_is_none(content: bytes) -> None:
    if content.startswith(OLE):
        raise PageChanged("expected a workbook, found one that is encrypted or of an old form")
    if not content.startswith(ZIP):
        begins = content[:40].decode("utf-8", "replace")
        raise PageChanged(f"expected a workbook (.xlsx), found what begins {begins!r}")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            members = packed.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise PageChanged(f"the workbook is damaged: {error}") from error
    size = sum(one.file_size for one in members)
    if size > MAX_UNPACKED_BYTES or len(members) > MAX_MEMBERS:
        raise PageChanged(
            f"the workbook would unpack to {size / (1 << 20):.0f} MB in {len(members)} parts; one "
            "of this kind has 1 MB in 10. It was not unpacked."
        )
    if any(one.flag_bits & 1 for one in members):
        raise PageChanged("expected a workbook, found one that is encrypted")
