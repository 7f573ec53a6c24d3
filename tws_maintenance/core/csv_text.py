"""CSV files that people edit: read strictly, and written a line at a time in one form."""

import csv
import io
from collections.abc import Iterable, Sequence


class NotCsv(ValueError):
    """The bytes are no CSV file; the message says what they are instead, after a name."""


def read_lines(content: bytes) -> list[list[str]]:
    """Return the cells of each line of a UTF-8 CSV file, with or without a byte order mark.

    Raises:
        NotCsv: it is not UTF-8, or a quote is left open.
    """
    try:
        text = content.decode("utf-8-sig")
        return list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except UnicodeDecodeError as error:
        raise NotCsv(f"is not UTF-8 (at byte {error.start})") from error
    except csv.Error as error:
        raise NotCsv(f"is not a CSV file ({error})") from error


def to_bytes(lines: Iterable[Sequence[str]]) -> bytes:
    """Return lines of cells as UTF-8 with line feeds and as few quotes as can be."""
    return "".join(map(_line, lines)).encode()


def _line(cells: Sequence[str]) -> str:
    # With "\n" as its line end the writer leaves a lone "\r" in a note bare: a broken line.
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\r\n").writerow(cells)
    return buffer.getvalue().removesuffix("\r\n") + "\n"
