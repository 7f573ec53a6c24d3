"""What a source gives: raw bytes with their origin, and the rows read from them."""

from dataclasses import dataclass, field
from datetime import datetime

from tws_maintenance.errors import SourceError
from tws_maintenance.indices import Index, SourceSpec


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
    """One row of the constituents table, cleaned but not yet judged; `number` counts from 1."""

    number: int
    ticker: str
    security: str
    sector: str
    sub_industry: str


@dataclass(frozen=True)
class DroppedRow:
    """A source row that does not become a constituent, and why."""

    row: str
    reason: str


@dataclass(frozen=True)
class SourceTable:
    """The constituents as a page lists them.

    `rows_read` counts every row below the header; `notes` are what is odd about the page;
    `stated_count` is the number of members that the page itself names beside the table, where it
    does; `revised_at` is when the page's text was last edited, where it says so.
    """

    rows: tuple[SourceRow, ...]
    dropped: tuple[DroppedRow, ...]
    rows_read: int
    notes: tuple[str, ...] = ()
    stated_count: int | None = None
    revision: str | None = None
    revised_at: datetime | None = None


@dataclass(frozen=True)
class Attempt:
    """One source asked: what came of it."""

    spec: SourceSpec
    url: str
    raw: RawCopy | None = None
    table: SourceTable | None = None
    error: SourceError | None = None
    status: int | None = None


@dataclass(frozen=True)
class Gathered:
    """Everything that the sources of one index answered, in the order they were asked."""

    index: Index
    attempts: tuple[Attempt, ...]

    def membership(self) -> tuple[Attempt, SourceTable]:
        """Return the attempt that decides membership, with its table.

        Raises:
            SourceError: of the kind of the first failure, naming every address and its fault.
        """
        for attempt in self.attempts:
            if attempt.table is not None:
                return attempt, attempt.table
        faults = [f"{a.url}: {a.error}" for a in self.attempts if a.error is not None]
        kind = type(self.attempts[0].error) if self.attempts else SourceError
        raise (kind if issubclass(kind, SourceError) else SourceError)(
            f"No source of {self.index.name} gave a usable list, so its file is left as it is. "
            + " | ".join(faults)
        )
