"""Reading one sheet of a workbook that somebody else made, without believing what it claims.

An .xlsx is a zip of XML: small on the wire, as large as it likes when it is opened, and one cell
far out makes a sheet of any size. So nothing is unpacked before it is known what it would become,
and the reader is given what is within bounds alone.
"""

import io
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

from lxml import etree

from tws_maintenance.errors import PageChanged

MAX_UNPACKED_BYTES = 50 << 20
MAX_MEMBERS = 200
MAX_ROWS = 5000
MAX_COLUMNS = 40
# Of the cells that a sheet spans, whether they hold something or not.
MAX_SPAN = 1_000_000
# An encrypted workbook, or one of before 2007: https://learn.microsoft.com/openspecs MS-CFB.
OLE = bytes.fromhex("D0CF11E0A1B11AE1")
ZIP = b"PK\x03\x04"
# No pictures, and no other form of workbook: those have a part of another name that is needed.
READ = (".xml", ".rels")
DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    ValueError,
    NotImplementedError,
    etree.XMLSyntaxError,
)
# What Rust's panics are raised as in Python; no Exception.
PANICS = "pyo3_runtime"

Row = tuple[str, ...]


def rows_of(content: bytes, sheet: str) -> Iterator[Row]:
    """Yield the rows of a sheet as texts, blank where a cell is empty; at most MAX_ROWS.

    Raises:
        PageChanged: it is no such workbook, or would be too large; says what was found.
    """
    import python_calamine

    bounded = _within_bounds(content)
    try:
        book = python_calamine.load_workbook(io.BytesIO(bounded))
        names = book.sheet_names
        cells = book.get_sheet_by_name(sheet) if sheet in names else None
        found = cells.to_python(skip_empty_area=False, nrows=MAX_ROWS) if cells else []
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__module__ != PANICS:
            raise
        raise _damaged(error) from error
    if cells is None:
        raise PageChanged(
            f"the workbook no longer has a sheet {sheet!r}; it has "
            f"{', '.join(map(repr, names[:5]))}. Look at it before anything is applied."
        )
    for row in found:
        yield tuple(_text(cell) for cell in row[:MAX_COLUMNS])


def _text(cell: Any) -> str:
    """Return a cell as a person reads it: a workbook's numbers are all floats."""
    return str(int(cell) if isinstance(cell, float) and cell.is_integer() else cell).strip()


def _damaged(error: BaseException) -> PageChanged:
    return PageChanged(f"the workbook is damaged: {type(error).__name__}: {error!s:.200}")


def _within_bounds(content: bytes) -> bytes:
    """Return the workbook with its parts unpacked, none larger than it claims to be.

    Raises:
        PageChanged: it is none, or what it would become is out of bounds.
    """
    if content.startswith(OLE):
        raise PageChanged("expected a workbook, found one that is encrypted or of an old form")
    if not content.startswith(ZIP):
        begins = content[:40].decode("utf-8", "replace")
        raise PageChanged(f"expected a workbook (.xlsx), found what begins {begins!r}")
    unpacked = io.BytesIO()
    try:
        with (
            zipfile.ZipFile(io.BytesIO(content)) as packed,
            zipfile.ZipFile(unpacked, "w") as plain,
        ):
            members = packed.infolist()
            _refuse_what_is_too_large(members)
            for member in members:
                if member.filename.endswith(READ):
                    part = packed.read(member)
                    _refuse_what_spans_too_much(part)
                    plain.writestr(member.filename, part)
    except DAMAGED as error:
        raise _damaged(error) from error
    return unpacked.getvalue()


def _refuse_what_is_too_large(members: list[zipfile.ZipInfo]) -> None:
    size = sum(one.file_size for one in members)
    if size > MAX_UNPACKED_BYTES or len(members) > MAX_MEMBERS:
        raise PageChanged(
            f"the workbook would unpack to {size / (1 << 20):.0f} MB in {len(members)} parts; one "
            "of this kind has 1 MB in 10. It was not unpacked."
        )
    if any(one.flag_bits & 1 for one in members):
        raise PageChanged("expected a workbook, found one that is encrypted")


def _refuse_what_spans_too_much(part: bytes) -> None:
    """Refuse a sheet whose cells lie so far out that a table of all between would fill the memory.

    ECMA-376, 18.3.1.4 and 18.3.1.73: a cell and a row say where they are by `r` (B7, 7); without
    it, each follows the one before.
    """
    rows = columns = row = column = 0
    parts = etree.iterparse(
        io.BytesIO(part),
        events=("start", "end"),
        tag=("{*}row", "{*}c"),
        resolve_entities=False,
    )
    for event, element in parts:
        if event == "end":
            element.clear()
            continue
        place = element.get("r", "")
        letters = place.rstrip("0123456789")
        if etree.QName(element).localname == "row":
            row, column = int(place or row + 1), 0
        else:
            row = int(place[len(letters) :] or row)
            column = _column(letters) if letters else column + 1
            rows, columns = max(rows, row), max(columns, column)
    if rows * columns > MAX_SPAN:
        raise PageChanged(
            f"the workbook has a sheet of {rows} rows and {columns} columns; one of this kind has "
            "600 and 10. It was not read."
        )


def _column(letters: str) -> int:
    """Return the number of a column: A is 1, AA is 27."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - ord("A") + 1
    return number
