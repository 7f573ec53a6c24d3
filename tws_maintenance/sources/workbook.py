"""Reading one sheet of a workbook that somebody else made, without believing what it claims.

An .xlsx is a zip of XML: small on the wire, as large as it likes when it is opened, and one cell
far out makes a sheet of any size. So nothing is unpacked before its unpacked size is known,
and the reader gets only what is within bounds.
"""

import io
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from lxml import etree

from tws_maintenance.core.errors import PageChanged

MAX_UNPACKED_BYTES = 50 << 20
MAX_MEMBERS = 200
MAX_ROWS = 5000
MAX_COLUMNS = 40
# The most cells that a sheet may span, empty ones too, and the most elements of a part.
MAX_SPAN = 1_000_000
PIECE_BYTES = 1 << 16
# An encrypted workbook, or one from before 2007: https://learn.microsoft.com/openspecs MS-CFB.
OLE = bytes.fromhex("D0CF11E0A1B11AE1")
ZIP = b"PK\x03\x04"
# No pictures, and no other form of workbook: those have a part of another name that is needed.
READ = (".xml", ".rels")
# All that Excel writes; with any other form the unpacked size has no bound.
COMPRESSION = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    ValueError,
    NotImplementedError,
    OSError,
    etree.XMLSyntaxError,
)
# Where the class of Rust's panics comes from in Python; it is not an Exception.
PANICS = "pyo3_runtime"

Row = tuple[str, ...]


def rows_of(content: bytes, sheet: str) -> Iterator[Row]:
    """Yield the rows of a sheet as texts, blank where a cell is empty.

    Raises:
        PageChanged: it is not a workbook, or would be too large; says what was found.
    """
    import python_calamine

    bounded = _within_bounds(content)
    try:
        book = python_calamine.load_workbook(io.BytesIO(bounded))
        names = book.sheet_names
        cells = book.get_sheet_by_name(sheet) if sheet in names else None
        found = cells.to_python(skip_empty_area=False) if cells else []
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__module__ != PANICS:
            raise
        raise _damaged(error) from error
    if cells is None:
        raise PageChanged(
            f"the workbook no longer has a sheet {sheet!r}; it has "
            f"{', '.join(map(repr, names[:5]))}. Check it before you apply anything."
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
        PageChanged: it is not a workbook, or would be too large when unpacked.
    """
    if content.startswith(OLE):
        raise PageChanged("expected an .xlsx workbook, found an encrypted or an old one")
    if not content.startswith(ZIP):
        begins = content[:40].decode("utf-8", "replace")
        raise PageChanged(f"expected a workbook (.xlsx), found {begins!r}...")
    fetched, unpacked = io.BytesIO(content), io.BytesIO()
    try:
        with zipfile.ZipFile(fetched) as packed, zipfile.ZipFile(unpacked, "w") as plain:
            members = packed.infolist()
            _refuse_what_is_too_large(members)
            for member in members:
                if member.filename.endswith(READ):
                    plain.writestr(member.filename, _part(packed, member))
    except DAMAGED as error:
        raise _damaged(error) from error
    return unpacked.getvalue()


def _part(packed: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """Return a part, read in pieces: what one piece inflates to is bounded, unlike the whole."""
    part = bytearray()
    parser = etree.XMLParser(target=_Span(), resolve_entities=False)
    with packed.open(member) as file:
        while piece := file.read(PIECE_BYTES):
            part += piece
            parser.feed(piece)
    parser.close()
    return bytes(part)


def _refuse_what_is_too_large(members: list[zipfile.ZipInfo]) -> None:
    size = sum(one.file_size for one in members)
    if size > MAX_UNPACKED_BYTES or len(members) > MAX_MEMBERS:
        raise PageChanged(
            f"the workbook would unpack to {size / (1 << 20):.0f} MB in {len(members)} parts; "
            "expected about 1 MB in 10. It was not unpacked."
        )
    if any(one.compress_type not in COMPRESSION for one in members):
        raise PageChanged(
            "the workbook is compressed in a way that Excel does not use; it was not read"
        )
    if any(one.flag_bits & 1 for one in members):
        raise PageChanged("expected a workbook, found an encrypted one")


class _Span:
    """Refuses a sheet that spans so many cells that a table of it would fill the memory.

    Gets each element while a part is unpacked. ECMA-376, 18.3.1.4 and 18.3.1.73: a cell and a
    row say where they are by `r` (B7, 7); without it, each follows the one before.
    """

    def __init__(self) -> None:
        self._elements = self._row = self._column = self._rows = self._columns = 0

    def start(self, tag: str | bytes, attributes: Mapping[Any, Any]) -> None:
        """Note an element. Raises PageChanged."""
        self._elements += 1
        name, place = str(tag).rpartition("}")[2], str(attributes.get("r", ""))
        if name == "row":
            self._row, self._column = int(place or self._row + 1), 0
        elif name == "c":
            letters = place.rstrip("0123456789")
            self._row = int(place[len(letters) :] or self._row)
            self._column = _column(letters) if letters else self._column + 1
            self._rows = max(self._rows, self._row)
            self._columns = max(self._columns, self._column)
        if (
            self._rows > MAX_ROWS
            or self._rows * self._columns > MAX_SPAN
            or self._elements > MAX_SPAN
        ):
            raise PageChanged(
                f"the workbook has a sheet of {self._rows} rows and {self._columns} columns, or "
                "more; expected about 600 and 10. It was not read."
            )

    def end(self, tag: str | bytes) -> None:
        """Do nothing: where an element ends does not matter."""

    def data(self, data: str | bytes) -> None:
        """Do nothing: text does not matter."""

    def comment(self, text: str | bytes) -> None:
        """Do nothing: comments do not matter."""

    def close(self) -> None:
        """Do nothing: nothing was kept."""


def _column(letters: str) -> int:
    """Return the number of a column: A is 1, AA is 27."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - ord("A") + 1
    return number
