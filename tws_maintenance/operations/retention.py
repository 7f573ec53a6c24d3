"""What may go from a home once it is old: proposals, raw pages, backups, logs; never a report.

What is still needed stays whatever its age: the newest proposal of an index, the one that its live
file was published from (to name later edits), one that may still be promoted, and that of a run at
work. Dagster's own runs are removed by `tws_maintenance.pipeline.clean_up`.
"""

import contextlib
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import DECLARED, MARKET_EVENTS
from tws_maintenance.config.settings import RetentionSettings, Settings
from tws_maintenance.constituents.backups import prunable, prune
from tws_maintenance.constituents.promotion_stamp import read_generation
from tws_maintenance.constituents.proposal import RAW, RECORD, proposal_ids
from tws_maintenance.reports.store import is_reserved

_NAMES = "|".join([*DECLARED, MARKET_EVENTS])
# Anything else in staging belongs to somebody else.
_PROPOSAL = re.compile(rf"(maintenance_(\d{{8}}_\d{{6}})(?:_\d+)?)_(?:{_NAMES})")
_STAMP = "%Y%m%d_%H%M%S"


@dataclass
class Cleaned:
    """What was removed, as counts, and what could not be, a sentence each."""

    proposals: int = 0
    raw_copies: int = 0
    backups: int = 0
    logs: int = 0
    failures: list[str] = field(default_factory=list)


def clean(home: Home, settings: Settings, at: datetime) -> Cleaned:
    """Remove what retention lets go; a failure is reported in the result and the rest goes on."""
    done, retention = Cleaned(), settings.retention
    # Proposals first: what a full disk needs is space.
    _clean_staging(home, settings, at, done)
    for backup in prunable(home, retention, at):
        with _telling(home, backup.path, done):
            prune([backup])
            done.backups += 1
    _clean_logs(home, retention, at, done)
    return done


def _clean_staging(home: Home, settings: Settings, at: datetime, done: Cleaned) -> None:
    retention = settings.retention
    promotable = timedelta(hours=settings.proposals.max_age_hours)
    whole = max(timedelta(days=retention.proposals_days), promotable)
    kept = set(_referred_to(home))
    for folder, staged_at in _proposals(home):
        # One of the future has a negative age: it stays.
        age, raw = at - staged_at, folder / RAW
        if folder.name in kept:
            continue
        with _telling(home, folder, done):
            if age > whole:
                _remove_proposal(folder)
                done.proposals += 1
            elif age > timedelta(days=retention.raw_days) and _is_folder(raw):
                shutil.rmtree(raw)
                done.raw_copies += 1


def _clean_logs(home: Home, retention: RetentionSettings, at: datetime, done: Cleaned) -> None:
    for path in home.logs.glob("run_*.log"):
        with _telling(home, path, done):
            written_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            if at - written_at > timedelta(days=retention.logs_days):
                path.unlink()
                done.logs += 1


def _referred_to(home: Home) -> Iterator[str]:
    for index in DECLARED.values():
        newest = next(proposal_ids(home, index), None)
        published = read_generation(home, index)
        yield from (one for one in (newest, published and published.proposal_id) if one)


def _proposals(home: Home) -> Iterator[tuple[Path, datetime]]:
    """Yield every folder of staging that is named as a proposal, with when it was staged.

    A run at work holds the reservation of its report, whatever the clock said when it began.
    """
    for folder in home.staging.glob("maintenance_*"):
        found = _PROPOSAL.fullmatch(folder.name)
        if found and _is_folder(folder) and not is_reserved(home, found[1]):
            with contextlib.suppress(ValueError):
                yield folder, datetime.strptime(found[2], _STAMP).replace(tzinfo=UTC)


def _is_folder(path: Path) -> bool:
    """Return whether `path` is a folder, not a link to one: its target belongs to somebody else."""
    return path.is_dir() and not path.is_symlink()


def _remove_proposal(folder: Path) -> None:
    # The record first: killed in between, what is left is no proposal, and goes the next time.
    (folder / RECORD).unlink(missing_ok=True)
    shutil.rmtree(folder)


@contextlib.contextmanager
def _telling(home: Home, path: Path, done: Cleaned) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        pass  # somebody else was at it
    except OSError as error:
        done.failures.append(
            f"{home.relative(path)} could not be removed: {error.strerror or error}"
        )
