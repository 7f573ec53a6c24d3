"""The changes of its indices that Hang Seng Indexes announces: its notices and a review's workbook.

notices.json lists documents, `contentList[].resourcesList[].{title, url, lastUpdate}`. The newest
workbook of a review says from which day it holds (sheet `Summary`) and who joins and leaves which
index (sheet `Review Result`). Suspensions and delistings are PDF and are listed, not read.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urljoin, urlsplit

from tws_maintenance.config.indices import Index
from tws_maintenance.config.sources import HANG_SENG
from tws_maintenance.core.errors import PageChanged
from tws_maintenance.sources.days import day_in
from tws_maintenance.sources.model import (
    Action,
    AnnouncedChange,
    AnnouncedTable,
    DroppedRow,
    RawCopy,
)
from tws_maintenance.sources.workbook import Row, rows_of

PATH = "data/eng/download"
SUMMARY, RESULT = "Summary", "Review Result"
WORKBOOK = ".xlsx"
COLUMN_NAMES: dict[str, frozenset[str]] = {
    "index": frozenset({"index code"}),
    "action": frozenset({"add/delete", "add / delete", "addition/deletion"}),
    "code": frozenset({"stock code", "code", "constituent code"}),
    "name": frozenset({"stock name", "name", "constituent name", "company name"}),
}
_ACTIONS = (("add", Action.ADD), ("del", Action.REMOVE), ("remov", Action.REMOVE))
SHOWN = 120


@dataclass(frozen=True)
class _Notice:
    """A document that the notices list; `updated` is when, as they write it."""

    title: str
    url: str
    updated: str

    @property
    def is_workbook(self) -> bool:
        """Whether it is in a form that can be read."""
        return urlsplit(self.url).path.casefold().endswith(WORKBOOK)

    @property
    def is_review(self) -> bool:
        """Whether it is the result of a review, in a form that can be read."""
        return self.is_workbook and "review" in self.title.casefold()

    @property
    def age(self) -> tuple[date, str]:
        """What sorts notices from the oldest to the newest."""
        return day_in(self.updated) or date.min, self.updated


def url(origin: str, file: str) -> str:
    """Return the address of a file among Hang Seng Indexes' downloads."""
    return f"{origin}/{PATH}/{file}"


def parse_notices(raw: RawCopy, index: Index) -> AnnouncedTable:
    """Return the address of the newest review, as `further`, and the other listed documents.

    Raises:
        PageChanged: the notices no longer have this form, or list no review; says what was expected
            and found.
    """
    notices = list(_notices(raw.content))
    if not notices:
        raise PageChanged("the notices list no document. Check the page.")
    reviews = sorted((one for one in notices if one.is_review), key=lambda one: one.age)
    if not reviews:
        raise PageChanged(
            f"the notices list {len(notices)} documents, but no workbook ({WORKBOOK}) of a review, "
            f"which holds the changes of the {index.name}. Check the page."
        )
    newest = reviews[-1]
    return AnnouncedTable(
        changes=(),
        dropped=(),
        rows_read=0,
        beside=tuple(_beside(one, newest) for one in notices if one is not newest),
        further=urljoin(raw.url, newest.url),
    )


def _notices(content: bytes) -> Iterator[_Notice]:
    try:
        listed = json.loads(content)["contentList"]
        resources = [one for part in listed for one in part["resourcesList"]]
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise PageChanged(
            "expected notices as JSON, contentList[].resourcesList[].{title, url, lastUpdate}, "
            f"found {content[:40].decode('utf-8', 'replace')!r}... "
            f"({type(error).__name__}: {error!s:.60})"
        ) from error
    for one in resources:
        if isinstance(one, dict) and isinstance(one.get("url"), str):
            yield _Notice(_text(one.get("title")), one["url"].strip(), _text(one.get("lastUpdate")))


def _text(value: Any) -> str:
    return " ".join(value.split()) if isinstance(value, str) else ""


def _beside(notice: _Notice, newest: _Notice) -> DroppedRow:
    if notice.is_review:
        reason = f"older than the review of {newest.updated}"
    elif notice.is_workbook:
        reason = "a workbook, but not of a review"
    else:
        form = urlsplit(notice.url).path.rpartition(".")[2].upper()[:5] or "not a file"
        reason = f"not read: {form}"
    parts = (notice.updated, notice.title, notice.url)
    return DroppedRow(" | ".join(filter(None, parts))[: 2 * SHOWN], reason)


def parse_review(raw: RawCopy, index: Index) -> AnnouncedTable:
    """Read the changes of one index from the workbook of a review.

    Rows of other indices are not counted. A review does not say who replaces whom, so no change has
    a counterpart.

    Raises:
        PageChanged: the workbook no longer has this form; says what was expected and found.
    """
    summary = list(rows_of(raw.content, SUMMARY))
    day = _stated(summary, "effective date")
    if day is None:
        raise PageChanged(
            f"the sheet {SUMMARY!r} states no effective date: expected 'Effective Date' and "
            "a date beside it. Check the workbook."
        )
    announced = _stated(summary, "announcement date")
    reason = f"review of the index, announced {announced}" if announced else "review of the index"
    rows = list(rows_of(raw.content, RESULT))
    first, columns = _header(rows)
    changes: list[AnnouncedChange] = []
    dropped: list[DroppedRow] = []
    body = [(n, row) for n, row in enumerate(rows[first:], start=1) if any(row)]
    if not body:
        raise PageChanged(f"the sheet {RESULT!r} has no rows below its header. Check the workbook.")
    for number, row in body:
        cells = {name: row[place] for name, place in columns.items()}
        is_text = not cells["index"] and sum(map(bool, row)) == 1  # below the table
        if is_text or cells["index"].upper() not in {index.key.upper(), ""}:
            continue
        found = _change(cells, index, day, reason)
        if isinstance(found, str):
            shown = f"row {number}: {' | '.join(filter(None, row))}"[:SHOWN]
            dropped.append(DroppedRow(shown, found))
        else:
            changes.append(found)
    notes = tuple(f"{one.row} was not read as a change: {one.reason}" for one in dropped)
    return AnnouncedTable(tuple(changes), tuple(dropped), len(changes) + len(dropped), notes)


def _stated(rows: Sequence[Row], label: str) -> date | None:
    """Return the day beside or behind a label, None where there is none."""
    for row in rows:
        for place, cell in enumerate(row):
            name, _, behind = cell.partition(":")
            if name.strip().casefold() == label:
                texts = (behind.strip(), *row[place + 1 :])
                return day_in(next(filter(None, texts), ""))
    return None


def _header(rows: Sequence[Row]) -> tuple[int, dict[str, int]]:
    """Return the number of the row below the header, and the place of each column."""
    for number, row in enumerate(rows, start=1):
        names = [" ".join(cell.split()).casefold() for cell in row]
        columns = {
            column: next(place for place, name in enumerate(names) if name in known)
            for column, known in COLUMN_NAMES.items()
            if known.intersection(names)
        }
        if len(columns) == len(COLUMN_NAMES):
            return number, columns
    first = next((row for row in rows if any(row)), ())
    raise PageChanged(
        f"the sheet {RESULT!r} no longer has a header with Index Code, Add/Delete, Stock Code and "
        f"Stock Name; found {', '.join(filter(None, first[:9])) or 'nothing'}. Check it."
    )


def _change(cells: dict[str, str], index: Index, day: date, reason: str) -> AnnouncedChange | str:
    """Return the change of a row, or why it has none."""
    if not cells["index"]:
        return "it names no index"
    said = cells["action"].casefold()
    action = next((one for word, one in _ACTIONS if said.startswith(word)), None)
    if action is None:
        return f"{cells['action'][:20]!r} is neither Add nor Delete"
    code = cells["code"].upper().removesuffix(index.symbol_rule.suffix)
    symbol = index.symbol_rule.symbol_of(code)
    if not index.symbol_rule.is_symbol(symbol):
        return f"{cells['code'][:20]!r} is not a symbol such as {index.symbol_rule.example}"
    return AnnouncedChange(day, action, symbol, cells["name"], reason=reason, source=HANG_SENG)
