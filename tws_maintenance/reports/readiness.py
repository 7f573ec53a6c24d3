"""Before a page offers to apply: what became of each list that a dry run staged, and why.

What belongs here: words for the operator, and what may be offered. What does not: the decision
itself, which is `promotion`'s at the moment of promoting and may differ by then.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from tws_maintenance.audit.receipt import read_receipt
from tws_maintenance.audit.results import Outcome
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES, Index
from tws_maintenance.config.settings import Settings
from tws_maintenance.constituents.proposal import Proposal, is_staged, newest_first
from tws_maintenance.constituents.proposal_state import ProposalState, State, state_of
from tws_maintenance.constituents.rules import RULES
from tws_maintenance.constituents.votes_told import UNCONFIRMED
from tws_maintenance.core.clock import parse_utc, utc_text
from tws_maintenance.core.digest import sha256
from tws_maintenance.core.errors import ProposalUnaudited
from tws_maintenance.reports.catalog import Listing
from tws_maintenance.reports.schema import ListResult, Report

YIELDING = frozenset(rule.name for rule in RULES if rule.yields)
AGAIN = "Run a dry run again."
NOT_REPORTED = f"What is staged is not what the report shows: one was changed since. {AGAIN}"


@dataclass(frozen=True)
class ListReadiness:
    """One list of a dry run: whether it can be applied, and in `why` what to know before.

    `is_live` tells that the live file is this list already, byte for byte.
    `failed_rules` are the rules its audit failed; `yields_to_override` tells that a dry run with
    the override for a large change would pass them all. `expires_at` is a UTC text, None where
    nothing readable was staged.
    """

    task: str
    proposal_id: str
    state: State
    why: str
    can_apply: bool = False
    is_live: bool = False
    is_restore: bool = False
    yields_to_override: bool = False
    failed_rules: tuple[str, ...] = ()
    expires_at: str | None = None


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
    """Return what may be offered for `report`, going by what lies on disk `at` this instant."""
    named = {result.task: result for result in reversed(report.lists) if result.proposal_id}
    lists = (
        _list_readiness(home, settings, index, named[index.task], at)
        for index in INDICES.values()
        if index.task in named
    )
    return Readiness(report.dry_run, tuple(lists))


class ProposalShelf:
    """The newest proposal of each index, without listing thousands of folders each time."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._listing = Listing(home.staging, _ids_by_index)

    def newest_state(self, index: Index, settings: Settings, at: datetime) -> ProposalState | None:
        """Return the newest proposal of `index` with what became of it, None without one."""
        ids = self._listing.value()[index.key]
        # Not part of the listing: the record comes after its folder.
        newest = next((one for one in ids if is_staged(self._home, one)), None)
        return None if newest is None else _state_of(self._home, index, newest, settings, at)


def _ids_by_index(names: list[str]) -> dict[str, list[str]]:
    return {key: newest_first(names, index) for key, index in INDICES.items()}


def _list_readiness(
    home: Home, settings: Settings, index: Index, result: ListResult, at: datetime
) -> ListReadiness:
    proposal_id = str(result.proposal_id)
    found = _state_of(home, index, proposal_id, settings, at)
    proposal = found.proposal
    if proposal is None:
        return ListReadiness(index.task, proposal_id, found.state, _sentence(found.why))
    failed = _failed_rules(home, proposal_id) if found.state is State.REJECTED else ()
    expires_at = _expires_at(proposal, settings)
    is_reported = result.proposal_sha256 == proposal.sha256
    is_live = _live_sha256(home, index) == proposal.sha256
    why = _why(found, expires_at, at, is_live=is_live)
    if failed:
        why = f"Its audit failed: {found.why}"
    kept_for = _kept_for(proposal) if found.state is State.WAITING else ""
    return ListReadiness(
        task=index.task,
        proposal_id=proposal_id,
        state=found.state,
        why=NOT_REPORTED if found.state is State.WAITING and not is_reported else kept_for or why,
        can_apply=found.state is State.WAITING and is_reported and not kept_for,
        is_live=is_live,
        is_restore=proposal.from_backup is not None,
        yields_to_override=bool(failed) and YIELDING.issuperset(failed),
        failed_rules=failed,
        expires_at=expires_at,
    )


def _kept_for(proposal: Proposal) -> str:
    """Return why the list stays as it is, "" where its members were decided."""
    vote = proposal.membership
    if vote.get("rule") != UNCONFIRMED or proposal.before_count is None:
        return ""
    return f"Not confirmed, so there is nothing to apply: {vote['reason']}"


def _state_of(
    home: Home, index: Index, proposal_id: str, settings: Settings, at: datetime
) -> ProposalState:
    """Return what `state_of` says, also where the report or the record was edited."""

    def rejected(why: str) -> ProposalState:
        return ProposalState(proposal_id, State.REJECTED, f"{why}. {AGAIN}", None)

    # A report names it, and a file that was edited must not lead out of the staging folder.
    if newest_first([proposal_id], index) != [proposal_id]:
        return rejected(f"{proposal_id[:80]!r} is not the id of a proposal of {index.name}")
    try:
        found = state_of(home, proposal_id, settings, at)
    except (AttributeError, KeyError, TypeError, OverflowError, RecursionError) as error:
        return rejected(f"the record of {proposal_id} is damaged ({type(error).__name__})")
    if found.proposal and not _is(found.proposal, proposal_id, index):
        return rejected(f"the folder {proposal_id} holds another proposal")
    return found


def _is(proposal: Proposal, proposal_id: str, index: Index) -> bool:
    """Tell whether a record is of the folder that it lies in."""
    return (proposal.proposal_id, proposal.index) == (proposal_id, index.key)


def _why(  # noqa: PLR0911 - one line a state
    found: ProposalState, expires_at: str | None, at: datetime, *, is_live: bool
) -> str:
    """Return in a sentence or two what an operator is to know before, or why it is too late."""
    assert found.proposal is not None, "of nothing there is nothing to tell"
    match found.state:
        case State.WAITING if is_live:
            return "Nothing to change: the live file is this list already."
        case State.WAITING:
            return f"Can be applied until {expires_at}."
        case State.PROMOTED:
            return f"Applied already, {found.why}. Run a dry run for a new one."
        case State.STALE:
            return f"The live file was changed since this dry run. {AGAIN}"
        case State.TOO_OLD if parse_utc(found.proposal.created_at) > at:
            return f"Dated in the future, {found.proposal.created_at}: check the clock. {AGAIN}"
        case State.TOO_OLD:
            return f"Expired at {expires_at}: it is {found.why}. {AGAIN}"
        case State.REJECTED:
            return _sentence(found.why)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].removesuffix(".") + "."


def _failed_rules(home: Home, proposal_id: str) -> tuple[str, ...]:
    try:
        checks = read_receipt(home, proposal_id).checks
    except ProposalUnaudited:
        return ()
    return tuple(check.name for check in checks if check.outcome is Outcome.FAILED)


def _expires_at(proposal: Proposal, settings: Settings) -> str | None:
    try:
        age = timedelta(hours=settings.proposals.max_age_hours)
        return utc_text(parse_utc(proposal.created_at) + age)
    except (ValueError, TypeError, OverflowError):
        return None


def _live_sha256(home: Home, index: Index) -> str | None:
    try:
        return sha256(home.live_file(index.key).read_bytes())
    except OSError:
        return None
