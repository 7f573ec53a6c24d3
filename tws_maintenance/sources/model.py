"""What a source gives: raw bytes with their origin, and the rows read from them."""

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from tws_maintenance.config.indices import Index
from tws_maintenance.config.sources import SourceSpec
from tws_maintenance.core.errors import SourceError


@dataclass(frozen=True)
class RawCopy:
    """The bytes as fetched (after content decoding), and where they really came from.

    `status` is the HTTP status of the answer; with 304 the bytes are those of the last copy.
    """

    url: str
    status: int
    content: bytes = field(repr=False)
    sha256: str
    fetched_at: datetime
    etag: str | None = None
    last_modified: str | None = None
    served_at: str | None = None


@dataclass(frozen=True)
class KnownCopy:
    """The last raw copy of an address, which a 304 answer may stand for."""

    content: bytes = field(repr=False)
    etag: str | None
    last_modified: str | None


@dataclass(frozen=True)
class SourceRow:
    """One row of the constituents table, cleaned but not yet judged; `number` counts from 1.

    `identifiers` are the ISIN, CUSIP and SEDOL that a fund gives. `is_unknown` where the row names
    a company but no symbol of the market; `ticker` is then blank or a placeholder.
    """

    number: int
    ticker: str
    security: str
    sector: str
    sub_industry: str
    identifiers: tuple[str, ...] = ()
    is_unknown: bool = False


@dataclass(frozen=True)
class DroppedRow:
    """A source row that does not become a constituent, and why.

    `day` is that of a row of changes, where it can be read.
    """

    row: str
    reason: str
    day: date | None = None


class Action(StrEnum):
    """What an announced change does with a symbol."""

    ADD = "add"
    REMOVE = "remove"


@dataclass(frozen=True)
class AnnouncedChange:
    """A symbol that joins or leaves an index, as the provider announced it.

    It holds from the opening of `effective_date` on, a day of the index's market. `symbol` is in
    published form, `counterpart` the symbols that it replaces or is replaced by ("" where the
    announcement names none); `source` is the name of the source.
    """

    effective_date: date
    action: Action
    symbol: str
    security: str
    counterpart: str = ""
    reason: str = ""
    source: str = ""


@dataclass(frozen=True)
class AnnouncedTable:
    """The changes of an index as one page or workbook announces them, in its order.

    `rows_read` counts every row below the header; one with two sides is two changes. `dropped` are
    rows, or sides of one, that are not a change, each with its reason; `notes` are what an operator
    must know about them. `beside` are documents that are listed there but not read. `further` is
    the address of the document with the changes, where this one only leads to it.
    """

    changes: tuple[AnnouncedChange, ...]
    dropped: tuple[DroppedRow, ...]
    rows_read: int
    notes: tuple[str, ...] = ()
    beside: tuple[DroppedRow, ...] = ()
    further: str = ""


@dataclass(frozen=True)
class SourceTable:
    """The constituents as a page lists them.

    `rows_read` counts every row below the header; `notes` are what is odd about the page;
    `stated_count` is the number of members that the page itself states beside the table, if any;
    `revised_at` is when the page's text was last edited, `as_of` the day that the list itself
    states, if any. `beside` are a fund's lines that are not a share of a member; they are in
    neither `dropped` nor `rows_read`, because no member is lost with them.
    `tables` counts the tables with the same columns that hold members; one of them was read.
    `announced` are the changes that the page lists too, where it does.
    """

    rows: tuple[SourceRow, ...]
    dropped: tuple[DroppedRow, ...]
    rows_read: int
    notes: tuple[str, ...] = ()
    stated_count: int | None = None
    revision: str | None = None
    revised_at: datetime | None = None
    as_of: date | None = None
    beside: tuple[DroppedRow, ...] = ()
    tables: int = 1
    announced: AnnouncedTable | None = None


@dataclass(frozen=True)
class Attempt:
    """One source that was asked, with its list, its announced changes or its error."""

    spec: SourceSpec
    url: str
    raw: RawCopy | None = None
    table: SourceTable | None = None
    error: SourceError | None = None
    status: int | None = None
    announced: AnnouncedTable | None = None


@dataclass(frozen=True)
class Gathered:
    """Everything that the sources of one index answered, source by source.

    `attempts` were asked for its list, `announcements` for the announced changes.
    """

    index: Index
    attempts: tuple[Attempt, ...]
    announcements: tuple[Attempt, ...] = ()

    def of(self, name: str) -> Attempt | None:
        """Return the attempt at the source `name` that gave a list, None where none did."""
        found = (one for one in self.attempts if one.spec.name == name)
        return next((one for one in found if one.table is not None), None)

    def failure(self, faults: list[str]) -> SourceError:
        """Return the error of an index without a usable source, naming each fault."""
        kinds = [type(one.error) for one in self.attempts if one.error is not None]
        kind = kinds[0] if kinds else SourceError
        return kind(
            f"No source of {self.index.name} gave a usable list; its file is unchanged. "
            + " | ".join(faults)
        )

    @property
    def announced(self) -> tuple[AnnouncedChange, ...]:
        """The announced changes, past ones too; () also where no announcement could be read."""
        tables = [self._announced_by(name) for name in self._announcers]
        return tuple(change for _, table in filter(None, tables) for change in table.changes)

    @property
    def announcements_are_known(self) -> bool:
        """Whether every source that announces changes of the index was asked and could be read."""
        names = {spec.name for spec in self.index.announcements}
        return bool(names) and all(self._announced_by(name) for name in names)

    @property
    def announcement_warnings(self) -> tuple[str, ...]:
        """A sentence for each announcement that could not be read or is odd."""
        return tuple(text for name in self._announcers for text in self._warnings_of(name))

    @property
    def _announcers(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(one.spec.name for one in self.announcements))

    def _announced_by(self, name: str) -> tuple[str, AnnouncedTable] | None:
        """Return the address and the table of the changes that `name` announces, None without any.

        Where the page of the changes failed, the page of the list itself is used.
        """
        asked = [one for one in self.announcements if one.spec.name == name]
        pages = [(one.url, one.announced) for one in asked]
        lists = [one for one in self.attempts if asked and one.spec.name == name and one.table]
        pages += [(one.url, one.table.announced) for one in lists if one.table]
        # A page that only leads to another document announces nothing itself.
        return next(((at, table) for at, table in pages if table and not table.further), None)

    def _warnings_of(self, name: str) -> list[str]:
        found = self._announced_by(name)
        asked = [one for one in self.announcements if one.spec.name == name]
        faults = [f"{one.url}: {one.error}" for one in asked if one.error]
        if found is None:
            text = (
                f"The announced changes of {self.index.name} could not be read from "
                f"{asked[0].spec.title}. No change can be explained or held until its day. "
                f"{' | '.join(faults)}"
            )
            return [text]
        used, table = found
        instead = [
            f"{fault.rstrip('.')}. The announced changes of {self.index.name} were read from "
            f"{used} instead"
            for fault in faults
        ]
        return [*instead, *(f"{used}: {note}" for note in table.notes)]
