"""The state of a proposal, in few words: waiting, promoted, rejected, outdated or too old."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from tws_maintenance.audit.results import Outcome
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import DECLARED, MARKET_EVENTS, Index
from tws_maintenance.config.settings import Settings
from tws_maintenance.constituents.eligibility import (
    Eligibility,
    Verdict,
    look,
    max_age_of,
)
from tws_maintenance.constituents.proposal import Proposal, newest_first, proposal_ids
from tws_maintenance.core.errors import UsageError

NOTHING_TO_CHANGE = "nothing to change: the live file already is this list"


class State(StrEnum):
    """The state of a proposal, by its name in JSON; only a waiting one can be applied.

    JSON says "stale" where the live file has changed since. People read "outdated", because lists
    are called stale for their age.
    """

    WAITING = "waiting"
    PROMOTED = "promoted"
    REJECTED = "rejected"
    OUTDATED = "stale"
    TOO_OLD = "too_old"

    @property
    def word(self) -> str:
        """The state as people read it."""
        return self.name.lower().replace("_", " ")


STATES = {
    Verdict.MISSING: State.REJECTED,
    Verdict.UNAUDITED: State.REJECTED,
    Verdict.ALTERED: State.REJECTED,
    Verdict.NOT_REPORTED: State.REJECTED,
    Verdict.REJECTED: State.REJECTED,
    Verdict.UNRECORDED: State.REJECTED,
    Verdict.PROMOTED: State.PROMOTED,
    Verdict.TOO_OLD: State.TOO_OLD,
    Verdict.UNREADABLE: State.OUTDATED,
    Verdict.UNCHANGED: State.WAITING,
    Verdict.IN_PROMOTION: State.WAITING,
    Verdict.OUTDATED: State.OUTDATED,
    Verdict.ELIGIBLE: State.WAITING,
}


@dataclass(frozen=True)
class ProposalState:
    """A proposal folder and whether what it holds may be applied."""

    proposal_id: str
    found: Eligibility

    @property
    def state(self) -> State:
        """Its state now."""
        return STATES[self.found.verdict]

    @property
    def why(self) -> str:
        """The reason for that state, in few words."""
        return why(self.found)

    @property
    def proposal(self) -> Proposal | None:
        """The record, None where nothing was staged or it cannot be read."""
        return self.found.proposal

    def to_dict(self) -> dict[str, Any]:
        """Return it in plain values."""
        return {
            "proposal_id": self.proposal_id,
            "state": self.state.value,
            "why": self.why,
            "proposal": self.proposal.to_dict() if self.proposal else None,
        }


def newest_states(home: Home, settings: Settings, at: datetime) -> list[ProposalState]:
    """Return every proposal with its state, newest first, also leftovers of runs that died.

    Proposals of market events are not promoted, so they have no such state.
    """
    known = {one: index for index in DECLARED.values() for one in proposal_ids(home, index)}
    leftovers = {
        folder.name: _index_of(folder.name)
        for folder in home.staging.glob("maintenance_*")
        if folder.is_dir() and not folder.name.endswith(MARKET_EVENTS)
    }
    found = [state_of(home, index, one, settings, at) for one, index in (leftovers | known).items()]
    return sorted(found, key=lambda one: one.proposal_id, reverse=True)


def _index_of(proposal_id: str) -> Index | None:
    return next((i for i in DECLARED.values() if newest_first([proposal_id], i)), None)


def find_state(home: Home, proposal_id: str, settings: Settings, at: datetime) -> ProposalState:
    """Return the state of the proposal that a user names.

    Raises:
        UsageError: there is no proposal with that id.
    """
    for one in newest_states(home, settings, at):
        if one.proposal_id == proposal_id:
            return one
    raise UsageError(f"There is no proposal {proposal_id!r}. `proposals list` shows them.")


def state_of(
    home: Home, index: Index | None, proposal_id: str, settings: Settings, at: datetime
) -> ProposalState:
    """Return the state of a proposal of `index`, as promoting it now would find it.

    `index` is None for a leftover whose name belongs to no maintained list.
    """
    if index is None:
        reason = f"{proposal_id} is not a proposal of a maintained list"
        return ProposalState(
            proposal_id, Eligibility(Verdict.MISSING, reason, max_age_of(settings))
        )
    return ProposalState(proposal_id, look(home, index, proposal_id, settings, at))


def why(found: Eligibility) -> str:  # noqa: PLR0911 - one line a verdict
    """Return the reason for a proposal's state, in few words."""
    match found.verdict:
        case Verdict.ELIGIBLE if found.proposal is not None:
            return f"promote {found.proposal.report_id}"
        case Verdict.UNCHANGED:
            return NOTHING_TO_CHANGE
        case Verdict.PROMOTED if found.intent is not None:
            return f"by {found.intent.report_id} at {found.intent.at}"
        case Verdict.REJECTED if found.receipt is not None:
            return "; ".join(found.receipt.messages(Outcome.FAILED))
        case Verdict.TOO_OLD if found.age is not None:
            hours, limit = (one.total_seconds() / 3600 for one in (found.age, found.max_age))
            return f"{hours:.0f} h old, more than {limit:g} h"
        case Verdict.OUTDATED:
            return "the live file is not the one it was compared with"
        case Verdict.MISSING if found.proposal is None:
            return f"no list was staged: {found.reason}"
    return found.reason
