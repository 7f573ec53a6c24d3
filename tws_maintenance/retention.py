"""What may go from a home once it is old: proposals, raw pages, backups, logs; never a report.

What something still refers to stays whatever its age: the newest proposal of an index, and the one
that its live file was published from, by which an edit is told from it. Dagster's own runs are
`tws_maintenance.pipeline.cleaning`'s.
"""

import contextlib
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tws_maintenance.constituents.backups import prunable, prune
from tws_maintenance.constituents.generation import read_generation
from tws_maintenance.constituents.proposal import RAW, RECORD, proposal_ids
from tws_maintenance.home import Home
from tws_maintenance.indices import INDICES
from tws_maintenance.settings import RetentionSettings

_PROPOSAL = re.compile(r"maintenance_(\d{8}_\d{6})(_\d+)?_[a-z0-9_]+")
_STAMP = "%Y%m%d_%H%M%S"


@dataclass
class Cleaned:
    """What went: counts, and what could not be removed, a sentence each."""

    proposals: int = 0
    raw_copies: int = 0
    backups: int = 0
    logs: int = 0
    failures: list[str] = field(default_factory=list)


def clean(home: Home, retention: RetentionSettings, at: datetime) -> Cleaned:
    """Remove from `home` what retention lets go; what fails is told and the rest goes on."""
    done = Cleaned()
    kept = set(_referred_to(home))
    for folder, staged_at in _proposals(home):
        age = at - staged_at
        if folder.name in kept or age < timedelta(0):
            continue
        with _telling(home, folder, done):
            if age > timedelta(days=retention.proposals_days):
                _remove_proposal(folder)
                done.proposals += 1
            elif age > timedelta(days=retention.raw_days) and (folder / RAW).exists():
                shutil.rmtree(folder / RAW)
                done.raw_copies += 1
    for backup in prunable(home, retention, at):
        with _telling(home, backup.path, done):
            prune([backup])
            done.backups += 1
    for path in home.logs.glob("run_*.log"):
        with _telling(home, path, done):
            written_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            if at - written_at > timedelta(days=retention.logs_days):
                path.unlink()
                done.logs += 1
    return done


def _referred_to(home: Home) -> Iterator[str]:
    for index in INDICES.values():
        newest = next(proposal_ids(home, index), None)
        published = read_generation(home, index)
        yield from (one for one in (newest, published and published.proposal_id) if one)


def _proposals(home: Home) -> Iterator[tuple[Path, datetime]]:
    """Yield every folder of staging that is named as a proposal, with when it was staged."""
    for folder in home.staging.glob("maintenance_*"):
        found = _PROPOSAL.fullmatch(folder.name)
        if found and folder.is_dir() and not folder.is_symlink():
            with contextlib.suppress(ValueError):
                yield folder, datetime.strptime(found[1], _STAMP).replace(tzinfo=UTC)


def _remove_proposal(folder: Path) -> None:
    # The record first: killed in between, what is left is no proposal, and goes the next time.
    (folder / RECORD).unlink(missing_ok=True)
    shutil.rmtree(folder)


@contextlib.contextmanager
def _telling(home: Home, path: Path, done: Cleaned) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        done.failures.append(
            f"{home.relative(path)} could not be removed: {error.strerror or error}"
        )
