"""A proposal on disk: what a run staged, for review and perhaps promotion.

Its folder is `data/staging/<proposal_id>` with proposal.json, constituents.csv and raw/. Whatever
is read from there is compared before it is trusted, because files get edited.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import Index
from tws_maintenance.constituents.diff import Changes
from tws_maintenance.constituents.vote import DecidedBy
from tws_maintenance.core.atomic import write_json, write_whole
from tws_maintenance.core.digest import sha256
from tws_maintenance.core.errors import ProposalMissing
from tws_maintenance.sources.model import KnownCopy

RECORD = "proposal.json"
STAGED = "constituents.csv"
RAW = "raw"


@dataclass(frozen=True)
class SourceCopy:
    """A source that answered, with its raw bytes under `raw/<file>`.

    `source` is its name and `kind` how it is read.
    """

    url: str
    status: int
    sha256: str
    bytes: int
    fetched_at: str
    file: str
    source: str
    kind: str
    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True)
class Proposal:
    """The record of what was staged; times are UTC texts, paths relative to the home.

    `live_sha256` is the live file it was compared with, None where there was none;
    `from_backup` is the backup that was staged instead of a source. The last `rows_beside` of
    `rows_dropped` are lines that are not a share of a member; `rows_read` leaves them out.
    `sources` are the addresses that were asked with what came of each, `membership` how the vote
    came out (`tws_maintenance.constituents.membership`), `announced` the announced changes that
    matter to it (`tws_maintenance.constituents.announced`), `announcements_known` where all could
    be read, `identifiers` those of the members, by
    symbol, for the next run to know them by.
    """

    proposal_id: str
    report_id: str
    run_id: str
    index: str
    created_at: str
    sha256: str
    live_sha256: str | None
    before_count: int | None
    after_count: int
    changes: Changes
    source: str
    copies: tuple[SourceCopy, ...]
    rows_read: int
    rows_dropped: tuple[dict[str, str], ...]
    carried_forward: int
    rows_beside: int = 0
    stated_count: int | None = None
    revision: str | None = None
    revised_at: str | None = None
    last_modified: str | None = None
    from_backup: str | None = None
    sources: tuple[dict[str, Any], ...] = ()
    membership: dict[str, Any] = field(default_factory=dict)
    announced: tuple[dict[str, Any], ...] = ()
    announcements_known: bool = False
    announcement_warnings: tuple[str, ...] = ()
    identifiers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    warnings: tuple[str, ...] = field(default=())

    @property
    def rows_lost(self) -> tuple[dict[str, str], ...]:
        """The source rows that were dropped and may have been members."""
        return self.rows_dropped[: len(self.rows_dropped) - self.rows_beside]

    @property
    def is_unconfirmed(self) -> bool:
        """Whether too few sources were usable to decide who is a member."""
        return self.membership.get("rule") == DecidedBy.UNCONFIRMED

    @property
    def keeps_the_list(self) -> bool:
        """Whether the live list was staged as it is, because no other could be confirmed."""
        return self.is_unconfirmed and self.before_count is not None

    def to_dict(self) -> dict[str, Any]:
        """Return the content of proposal.json."""
        return asdict(self)

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> "Proposal":
        """Read what `to_dict` wrote."""
        return cls(
            **value
            | {
                "changes": Changes.from_dict(value["changes"]),
                "copies": tuple(SourceCopy(**copy) for copy in value["copies"]),
                "rows_dropped": tuple(value["rows_dropped"]),
                "sources": tuple(value["sources"]),
                "announced": tuple(value.get("announced", ())),
                "announcement_warnings": tuple(value.get("announcement_warnings", ())),
                "identifiers": {key: tuple(ids) for key, ids in value["identifiers"].items()},
                "warnings": tuple(value["warnings"]),
            }
        )


def write_proposal(home: Home, proposal: Proposal, staged: bytes) -> None:
    """Write the staged file, then the record: a folder without a record is no proposal."""
    folder = home.proposal(proposal.proposal_id)
    write_whole(folder / STAGED, staged)
    write_json(folder / RECORD, proposal.to_dict())


def read_proposal(home: Home, proposal_id: str) -> Proposal:
    """Read the record of a proposal.

    Raises:
        ProposalMissing: there is no proposal with that id, or its record is damaged.
    """
    path = home.proposal(proposal_id) / RECORD
    try:
        return Proposal.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ProposalMissing(
            f"There is no readable proposal {proposal_id} in data/staging ({error}). "
            "Run a dry run and promote what it stages."
        ) from error


def proposal_ids(home: Home, index: Index) -> Iterator[str]:
    """Yield the ids of the proposals of `index`, newest first."""
    folders = newest_first((path.name for path in home.staging.glob(f"*_{index.key}")), index)
    yield from (folder for folder in folders if is_staged(home, folder))


def newest_first(names: Iterable[str], index: Index) -> list[str]:
    """Return the ids of proposals of `index` among the names of folders, newest first."""
    real = re.compile(rf"maintenance_\d{{8}}_\d{{6}}(_\d+)?_{index.key}")
    return sorted((name for name in names if real.fullmatch(name)), key=_age_key, reverse=True)


def is_staged(home: Home, proposal_id: str) -> bool:
    """Return whether a folder holds the record that makes it a proposal."""
    return (home.proposal(proposal_id) / RECORD).exists()


def last_copy(home: Home, index: Index, url: str) -> KnownCopy | None:
    """Return the newest raw copy of `url`, if its bytes are still those that were fetched."""
    for proposal_id in proposal_ids(home, index):
        try:
            proposal = read_proposal(home, proposal_id)
        except ProposalMissing:
            continue
        for copy in proposal.copies:
            if copy.url == url and (copy.etag or copy.last_modified):
                content = _read_raw(home.proposal(proposal_id) / RAW / copy.file, copy.sha256)
                return KnownCopy(content, copy.etag, copy.last_modified) if content else None
        return None
    return None


def _read_raw(path: Path, expected: str) -> bytes | None:
    try:
        content = path.read_bytes()
    except OSError:
        return None
    return content if sha256(content) == expected else None


def _age_key(proposal_id: str) -> tuple[str, int]:
    """Sort maintenance_20261122_183000_2_sp500 after maintenance_20261122_183000_sp500."""
    _, day, time, *rest = [*proposal_id.split("_"), "", ""]
    return f"{day}_{time}", int(rest[0]) if rest[0].isdecimal() else 1
