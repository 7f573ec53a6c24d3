"""Auditing the live files: the same schemas as for proposals, plus age, drift and backups.

Nothing is fetched and nothing is written. pandas is loaded for a file that can be read only.
"""

from collections.abc import Container
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from tws_maintenance.audit.receipt import read_receipt
from tws_maintenance.audit.results import (
    Measure,
    Outcome,
    RuleResult,
    ValidationStatus,
    messages_of,
    status_of,
)
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import Index
from tws_maintenance.config.settings import IndexSettings
from tws_maintenance.constituents import rules
from tws_maintenance.constituents.backups import newest_backup
from tws_maintenance.constituents.csv_file import LiveFile, parse_live, read_live
from tws_maintenance.constituents.drift import find_drift
from tws_maintenance.constituents.promotion_stamp import read_generation
from tws_maintenance.core.clock import age_days
from tws_maintenance.core.errors import LiveFileError, ProposalUnaudited

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class LiveAudit:
    """The verdict on one live file; counts and sha256 are None where it cannot be read."""

    index: Index
    row_count: int | None
    sha256: str | None
    checks: tuple[RuleResult, ...]
    problem: str | None = None
    content: bytes = field(default=b"", repr=False)

    @property
    def status(self) -> ValidationStatus:
        """The verdict over all rules."""
        return status_of(self.checks)

    def messages(self, outcome: Outcome, but: Container[str] = ()) -> list[str]:
        """Return the messages of the rules with that outcome; a `problem` replaces them all."""
        if self.problem:
            return [self.problem] if outcome == Outcome.FAILED else []
        return messages_of(self.checks, outcome, but)


def validate_live(
    home: Home, index: Index, limits: IndexSettings, refreshed_at: str | None, at: datetime
) -> LiveAudit:
    """Judge the live file of `index`; a file that cannot be read fails every rule."""
    applicable = rules.live_rules(index)
    try:
        live = read_live(home, index)
    except LiveFileError as error:
        return _unreadable(index, applicable, str(error))
    if live is None:
        name = home.relative(home.live_file(index.key))
        return _unreadable(index, applicable, f"{name} does not exist. {way_back(home, index)}")
    import pandas as pd

    from tws_maintenance.constituents.audit import judge

    frame = pd.DataFrame(list(live.rows), columns=list(live.columns), dtype=str)
    measures = _measures(home, index, frame, live, limits, refreshed_at, at)
    accepted = large_change_was_accepted(home, index, live.sha256)
    checks = judge(frame, index, applicable, measures, accept_large_change=accepted)
    return LiveAudit(index, len(frame), live.sha256, checks, content=live.content)


def way_back(home: Home, index: Index) -> str:
    """Return the commands that bring a list back."""
    fetch = f"python -m tws_maintenance run --task {index.task} --apply"
    if newest_backup(home, index) is None:
        return f"Fetch it: {fetch}"
    return f"Restore it: python -m tws_maintenance restore {index.task} (or fetch it: {fetch})"


def large_change_was_accepted(home: Home, index: Index, digest: str) -> bool:
    """Return whether these bytes were promoted with the override for a large change."""
    last = read_generation(home, index)
    if last is None or last.sha256 != digest:
        return False
    try:
        return read_receipt(home, last.proposal_id).allow_large_change
    except ProposalUnaudited:
        return False


def _measures(
    home: Home,
    index: Index,
    frame: "pd.DataFrame",
    live: LiveFile,
    limits: IndexSettings,
    refreshed_at: str | None,
    at: datetime,
) -> list[Measure]:
    from tws_maintenance.constituents.measures import count_change, row_counts

    backup = newest_backup(home, index)
    before: int | None = None
    what = "there is no backup"
    if backup is not None:
        what = home.relative(backup)
        try:
            before = len(parse_live(backup.read_bytes(), what).rows)
        except (OSError, LiveFileError):
            what = f"the newest backup, {what}, is damaged"
    return [
        *row_counts(frame, limits),
        count_change(len(frame), before, what, limits),
        _age(refreshed_at, limits, at),
        _drift(home, index, live),
    ]


def _age(refreshed_at: str | None, limits: IndexSettings, at: datetime) -> Measure:
    if refreshed_at is None:
        return Measure(
            rules.FRESH,
            1.0,
            "stale: never refreshed by tws_maintenance. Refresh it with run --apply",
            warn_above=0.0,
        )
    days = age_days(refreshed_at, at)
    verdict = "stale: " if days > limits.max_age_days else ""
    return Measure(
        rules.FRESH,
        days,
        f"{verdict}last refreshed {refreshed_at}, {days:.1f} days ago "
        f"(limit {limits.max_age_days:g})",
        warn_above=limits.max_age_days,
    )


def _drift(home: Home, index: Index, live: LiveFile) -> Measure:
    drift = find_drift(home, index, live.content)
    if drift is not None:
        return Measure(rules.NOT_EDITED, 1.0, drift.text, warn_above=0.0)
    last = read_generation(home, index)
    if last is None:
        return Measure(rules.NOT_EDITED, None, "never promoted by tws_maintenance")
    return Measure(rules.NOT_EDITED, 0.0, f"as promoted by {last.report_id}", warn_above=0.0)


def _unreadable(index: Index, applicable: tuple[rules.ListRule, ...], why: str) -> LiveAudit:
    checks = tuple(
        RuleResult(rule.name, Outcome.FAILED, f"could not run: {why}") for rule in applicable
    )
    return LiveAudit(index, None, None, checks, why)
