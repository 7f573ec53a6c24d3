"""What became of a proposal: waiting, promoted, rejected, stale or too old."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from tws_maintenance.audit.receipt import read_receipt
from tws_maintenance.audit.results import Outcome
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import DECLARED, MARKET_EVENTS
from tws_maintenance.config.settings import Settings
from tws_maintenance.constituents.promotion import age_of, is_too_old
from tws_maintenance.constituents.proposal import Proposal, proposal_ids, read_proposal
from tws_maintenance.constituents.publishing import PROMOTED, read_intent
from tws_maintenance.core.digest import sha256
from tws_maintenance.core.errors import ProposalMissing, ProposalUnaudited, UsageError

NOTHING_TO_CHANGE = "nothing to change: the live file is this already"


class State(StrEnum):
    """What became of a proposal; only a waiting one can be promoted."""

    WAITING = "waiting"
    PROMOTED = "promoted"
    REJECTED = "rejected"
    STALE = "stale"
    TOO_OLD = "too_old"


@dataclass(frozen=True)
class ProposalState:
    """A proposal folder and what became of it; `proposal` is None where nothing was staged."""

    proposal_id: str
    state: State
    why: str
    proposal: Proposal | None

    @property
    def is_live(self) -> bool:
        """Whether it waits, and the live file is this list already."""
        return self.why == NOTHING_TO_CHANGE

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

    Those of market events are not promoted, so they have no such state.
    """
    found = [
        state_of(home, one, settings, at)
        for index in DECLARED.values()
        for one in proposal_ids(home, index)
    ]
    known = {one.proposal_id for one in found}
    found += [
        state_of(home, folder.name, settings, at)
        for folder in home.staging.glob("maintenance_*")
        if folder.is_dir() and folder.name not in known and not folder.name.endswith(MARKET_EVENTS)
    ]
    return sorted(found, key=lambda one: one.proposal_id, reverse=True)


def find_state(home: Home, proposal_id: str, settings: Settings, at: datetime) -> ProposalState:
    """Return the state of the proposal that a user names.

    Raises:
        UsageError: there is none of that id.
    """
    for one in newest_states(home, settings, at):
        if one.proposal_id == proposal_id:
            return one
    raise UsageError(f"There is no proposal {proposal_id!r}. `proposals list` shows them.")


def state_of(home: Home, proposal_id: str, settings: Settings, at: datetime) -> ProposalState:
    """Return the state of a proposal, as promoting it now would find it."""
    try:
        proposal = read_proposal(home, proposal_id)
    except ProposalMissing as error:
        return ProposalState(proposal_id, State.REJECTED, f"no list was staged: {error}", None)
    state, why = _judge(home, proposal, settings, at)
    return ProposalState(proposal_id, state, why, proposal)


def _judge(  # noqa: PLR0911 - one line a state
    home: Home, proposal: Proposal, settings: Settings, at: datetime
) -> tuple[State, str]:
    try:
        done = read_intent(home, proposal.proposal_id)
        if done and done.state == PROMOTED:
            return State.PROMOTED, f"by {done.report_id} at {done.at}"
        receipt = read_receipt(home, proposal.proposal_id)
    except ProposalUnaudited as error:
        return State.REJECTED, str(error)
    if not receipt.has_passed:
        return State.REJECTED, "; ".join(receipt.messages(Outcome.FAILED))
    try:
        age = age_of(proposal, at)
    except ProposalMissing as error:
        return State.REJECTED, str(error)
    if is_too_old(age, settings):
        limit = settings.proposals.max_age_hours
        return State.TOO_OLD, f"{age.total_seconds() / 3600:.0f} h old, more than {limit:g} h"
    try:
        live: str | None = sha256(home.live_file(DECLARED[proposal.index].key).read_bytes())
    except OSError:
        live = None
    if live not in (proposal.live_sha256, proposal.sha256):
        return State.STALE, "the live file is not the one it was compared with"
    if live == proposal.sha256:
        return State.WAITING, NOTHING_TO_CHANGE
    return State.WAITING, f"promote {proposal.report_id}"
