"""What a page may offer to apply: the state of each list that a dry run staged, and why.

What belongs here: words for the operator, and what may be offered. What does not: the verdict
itself, which is in `constituents.eligibility` and may differ at the moment of promoting.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import DECLARED, Index
from tws_maintenance.config.settings import Settings
from tws_maintenance.constituents.eligibility import (
    STATES,
    Eligibility,
    ProposalState,
    State,
    Verdict,
    look,
    state_of,
    why,
)
from tws_maintenance.constituents.proposal import is_staged, newest_first
from tws_maintenance.constituents.rules import RULES
from tws_maintenance.core.clock import CLOCK_TOLERANCE, parse_utc
from tws_maintenance.reports.catalog import Listing, ReportCatalog
from tws_maintenance.reports.schema import ListResult, Report

YIELDING = frozenset(rule.name for rule in RULES if rule.yields)
AGAIN = "Run a dry run again."


@dataclass(frozen=True)
class ListReadiness:
    """One list of a dry run: whether it can be applied, and in `why` the reason or the deadline."""

    task: str
    proposal_id: str
    found: Eligibility = field(repr=False)
    why: str

    @property
    def state(self) -> State:
        """The state of its proposal."""
        return STATES[self.found.verdict]

    @property
    def can_apply(self) -> bool:
        """Whether promoting it now would succeed and confirm or change the list."""
        proposal = self.found.proposal
        return self.found.may_be_applied and not (proposal and proposal.keeps_the_list)

    @property
    def is_live(self) -> bool:
        """Whether the live file already is this list, byte for byte."""
        return self.found.is_live

    @property
    def is_restore(self) -> bool:
        """Whether a backup was staged instead of a source."""
        return self.found.proposal is not None and self.found.proposal.from_backup is not None

    @property
    def failed_rules(self) -> tuple[str, ...]:
        """The rules that its audit failed."""
        return self.found.failed_rules

    @property
    def yields_to_override(self) -> bool:
        """Whether a dry run with the override for a large change would pass every rule."""
        is_rejected = self.found.verdict is Verdict.REJECTED
        return is_rejected and YIELDING.issuperset(self.failed_rules)

    @property
    def expires_at(self) -> str | None:
        """The instant after which it is too old, as a UTC text; None without a proposal."""
        return self.found.expires_at


@dataclass(frozen=True)
class Readiness:
    """What may be offered for a report; `lists` are in the order of the tasks."""

    is_dry_run: bool
    lists: tuple[ListReadiness, ...]

    @property
    def tasks_to_apply(self) -> tuple[str, ...]:
        """The tasks whose proposals would be accepted now."""
        return tuple(one.task for one in self.lists if one.can_apply)

    @property
    def can_apply(self) -> bool:
        """Whether applying may be offered."""
        return self.is_dry_run and bool(self.tasks_to_apply)

    @property
    def override_tasks(self) -> tuple[str, ...]:
        """The tasks for which another dry run with the override may be offered.

        A restore is not among them: that dry run would fetch, not take the backup.
        """
        return tuple(
            one.task for one in self.lists if one.yields_to_override and not one.is_restore
        )


def readiness(home: Home, settings: Settings, report: Report, at: datetime) -> Readiness:
    """Return what may be offered for `report`, from the files on disk `at` this instant."""
    named = {result.task: result for result in reversed(report.lists) if result.proposal_id}
    lists = (
        _list_readiness(home, settings, index, named[index.task], at)
        for index in settings.maintained
        if index.task in named
    )
    return Readiness(report.dry_run, tuple(lists))


def is_refreshed_since(
    shelf: ReportCatalog, task: str, staged_at: str | None, at: datetime
) -> bool:
    """Return whether a list was refreshed after it was staged at the UTC text `staged_at`.

    A proposal without a change can be applied again and again: the live file already is that list.
    """
    refreshed = shelf.last_refreshed((task,), at + CLOCK_TOLERANCE).get(task)
    if refreshed is None or staged_at is None:
        return False
    return parse_utc(refreshed.finished_at) > parse_utc(staged_at)


class ProposalShelf:
    """The newest proposal of each index, without listing thousands of folders each time."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._listing = Listing(home.staging, _ids_by_index)

    def newest_state(self, index: Index, settings: Settings, at: datetime) -> ProposalState | None:
        """Return the state of the newest proposal of `index`, None without one."""
        ids = self._listing.value()[index.key]
        # Not part of the listing: a folder appears before its record.
        newest = next((one for one in ids if is_staged(self._home, one)), None)
        return None if newest is None else state_of(self._home, index, newest, settings, at)


def _ids_by_index(names: list[str]) -> dict[str, list[str]]:
    return {key: newest_first(names, index) for key, index in DECLARED.items()}


def _list_readiness(
    home: Home, settings: Settings, index: Index, result: ListResult, at: datetime
) -> ListReadiness:
    proposal_id, reported = str(result.proposal_id), str(result.proposal_sha256)
    found = look(home, index, proposal_id, settings, at, reported)
    return ListReadiness(index.task, proposal_id, found, _why(found))


def _why(found: Eligibility) -> str:  # noqa: PLR0911 - one line a verdict
    """Return in a sentence or two until when a list can be applied, or why it cannot."""
    reason = why(found)
    if found.may_be_applied and found.proposal and found.proposal.keeps_the_list:
        return f"Not confirmed, so nothing can be applied: {found.proposal.membership['reason']}"
    match found.verdict:
        case Verdict.ELIGIBLE:
            return f"Can be applied until {found.expires_at}."
        case Verdict.UNCHANGED:
            return "Nothing to change: the live file already is this list."
        case Verdict.PROMOTED:
            return f"Applied already, {reason}. Run a dry run for a new one."
        case Verdict.OUTDATED:
            return f"The live file was changed since this dry run. {AGAIN}"
        case Verdict.NOT_REPORTED:
            return f"The staged list is not the one in the report: one was changed since. {AGAIN}"
        case Verdict.TOO_OLD if found.proposal is not None:
            if found.age is not None and found.age < timedelta(0):
                created_at = found.proposal.created_at
                return f"Dated in the future ({created_at}): check the clock. {AGAIN}"
            return f"Expired at {found.expires_at}: it is {reason}. {AGAIN}"
        case Verdict.REJECTED:
            return f"Its audit failed: {reason}"
    return reason[:1].upper() + reason[1:].removesuffix(".") + "."
