"""The live file of an index: reading it as text, and writing rows in its one form."""

from dataclasses import dataclass, field
from pathlib import PurePosixPath

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import Index
from tws_maintenance.core.csv_text import NotCsv, read_lines, to_bytes
from tws_maintenance.core.digest import sha256
from tws_maintenance.core.errors import LiveFileError

Row = dict[str, str]
# Part of every message about an unreadable live file; `reports.view` recognises it by this.
UNREADABLE = "so nothing can be compared with it"


@dataclass(frozen=True)
class LiveFile:
    """A list of constituents on disk; every value is text, blank where missing."""

    content: bytes = field(repr=False)
    sha256: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    def by_symbol(self) -> dict[str, Row]:
        """Return the rows by symbol, the first of each."""
        found: dict[str, Row] = {}
        for row in self.rows:
            found.setdefault(row["symbol"], row)
        return found

    def extra_columns(self, index: Index) -> tuple[str, ...]:
        """Return the columns that an operator added, in their order."""
        return tuple(name for name in self.columns if name not in index.columns)


def read_live(home: Home, index: Index) -> LiveFile | None:
    """Read the live file of `index`; None where there is none.

    Raises:
        LiveFileError: it exists but is not a readable list; it is left as it is.
    """
    path = home.live_file(index.key)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LiveFileError(_advice(home.relative(path), f"cannot be read ({error})")) from error
    return parse_live(content, home.relative(path))


def parse_live(content: bytes, name: str, remedy: str = "") -> LiveFile:
    """Read the bytes of a list of constituents; `name` is what messages call it.

    `remedy` is what messages advise for any other file than the live one.

    Raises:
        LiveFileError: it is empty, not UTF-8, or has no header with `symbol`.
    """
    if not content.strip():
        raise LiveFileError(_advice(name, "is empty", remedy))
    try:
        lines = read_lines(content)
    except NotCsv as error:
        raise LiveFileError(_advice(name, str(error), remedy)) from error
    columns = tuple(cell.strip() for cell in lines[0])
    if "symbol" not in columns:
        found = ", ".join(columns)[:80]
        raise LiveFileError(
            _advice(name, f"has no column symbol in its header (found: {found})", remedy)
        )
    if len(set(columns)) != len(columns):
        raise LiveFileError(_advice(name, f"has a column twice ({', '.join(columns)})", remedy))
    rows = []
    for number, cells in enumerate(lines[1:], start=2):
        if not cells:
            continue
        if len(cells) != len(columns):
            raise LiveFileError(
                _advice(
                    name,
                    f"has {len(cells)} cells in line {number}, expected {len(columns)}",
                    remedy,
                )
            )
        rows.append(dict(zip(columns, cells, strict=True)))
    if not rows:
        raise LiveFileError(_advice(name, "has a header but no members", remedy))
    return LiveFile(content, sha256(content), columns, tuple(rows))


def to_csv(columns: tuple[str, ...], rows: list[Row]) -> bytes:
    """Return the one form of a live file: sorted by symbol, UTF-8, line feeds, few quotes."""
    in_order = sorted(rows, key=lambda row: (row["symbol"], row["security"]))
    lines = [columns, *([row.get(name, "") for name in columns] for row in in_order)]
    return to_bytes(lines)


def _advice(name: str, fault: str, remedy: str = "") -> str:
    if remedy:
        return f"{name} {fault}. {remedy}"
    return (
        f"{name} {fault}, {UNREADABLE}; it is unchanged. Restore it: "
        f"python -m tws_maintenance restore {PurePosixPath(name).stem}. Or move it away and fetch "
        "it again: run --apply."
    )
