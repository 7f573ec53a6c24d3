"""May this proposal be applied? One answer for promotion, lists, pages and policy.

Belongs here: `eligibility`, a pure function of the files on disk and the instant, `read_evidence`,
which reads them, and the state of a proposal in few words, which follows from the answer. Does not:
acting on it (`promotion`), or what a page offers (`reports.apply_offer`).

The order of the reasons is the order of promotion: what is staged can be trusted; it was not
promoted before and is not too old; then the live file is compared.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from tws_maintenance.audit.receipt import Receipt, read_receipt
from tws_maintenance.audit.results import Outcome
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import DECLARED, MARKET_EVENTS, Index
from tws_maintenance.config.settings import Settings
from tws_maintenance.constituents.proposal import (
    STAGED,
    Proposal,
    newest_first,
    proposal_ids,
    read_proposal,
)
from tws_maintenance.constituents.publishing import INTENDED, PROMOTED, Intent, read_intent
from tws_maintenance.core.clock import CLOCK_TOLERANCE, parse_utc, utc_text
from tws_maintenance.core.digest import sha256
from tws_maintenance.core.errors import (
    LockHeld,
    PromotionFailed,
    ProposalMissing,
    ProposalOutdated,
    ProposalTooOld,
    ProposalUnaudited,
    ProposalUsed,
    TwsMaintenanceError,
    UsageError,
)

NOTHING_TO_CHANGE = "nothing to change: the live file already is this list"


class Verdict(StrEnum):
    """Whether a proposal may be applied, or the first reason why not; in the order of the checks.

    `UNCHANGED` may be applied as well: the live file is this list already, and nothing is written.
    """

    MISSING = "missing"
    UNAUDITED = "unaudited"
    ALTERED = "altered"
    NOT_REPORTED = "not_reported"
    REJECTED = "rejected"
    UNRECORDED = "unrecorded"
    PROMOTED = "promoted"
    TOO_OLD = "too_old"
    UNREADABLE = "unreadable"
    UNCHANGED = "unchanged"
    IN_PROMOTION = "in_promotion"
    OUTDATED = "outdated"
    ELIGIBLE = "eligible"


MAY_BE_APPLIED = frozenset({Verdict.UNCHANGED, Verdict.ELIGIBLE})
_ERRORS: dict[Verdict, type[TwsMaintenanceError]] = {
    Verdict.MISSING: ProposalMissing,
    Verdict.UNAUDITED: ProposalUnaudited,
    Verdict.ALTERED: ProposalUnaudited,
    Verdict.NOT_REPORTED: ProposalUnaudited,
    Verdict.REJECTED: ProposalUnaudited,
    Verdict.UNRECORDED: ProposalUnaudited,
    Verdict.PROMOTED: ProposalUsed,
    Verdict.TOO_OLD: ProposalTooOld,
    Verdict.UNREADABLE: PromotionFailed,
    Verdict.IN_PROMOTION: LockHeld,
    Verdict.OUTDATED: ProposalOutdated,
}


@dataclass(frozen=True)
class Evidence:
    """What is on disk about one proposal; for an unreadable part, the error that says why.

    `intent` and `live` are None where there is no promotion.json and no live file. `live_name` is
    what messages call the live file.
    """

    proposal_id: str
    proposal: Proposal | ProposalMissing
    staged: bytes | ProposalMissing = field(repr=False)
    receipt: Receipt | ProposalUnaudited
    intent: Intent | ProposalUnaudited | None
    live: bytes | PromotionFailed | None = field(repr=False)
    live_name: str

    def whole(self) -> tuple[Proposal, Receipt, bytes, bytes | None]:
        """Return proposal, receipt, staged and live bytes of what may be applied."""
        assert isinstance(self.proposal, Proposal)
        assert isinstance(self.receipt, Receipt)
        assert isinstance(self.staged, bytes)
        assert not isinstance(self.live, PromotionFailed)
        return self.proposal, self.receipt, self.staged, self.live


@dataclass(frozen=True)
class Eligibility:
    """The answer: `verdict`, and in `reason` the sentences that a refusal shows.

    `proposal`, `receipt` and `intent` are None where they are absent or unreadable. `age` is None
    without a readable proposal. `is_live` is true where the live file is this list, byte for byte.
    """

    verdict: Verdict
    reason: str
    max_age: timedelta
    proposal: Proposal | None = None
    receipt: Receipt | None = None
    intent: Intent | None = None
    age: timedelta | None = None
    is_live: bool = False

    @property
    def may_be_applied(self) -> bool:
        """Whether promoting it now would succeed."""
        return self.verdict in MAY_BE_APPLIED

    @property
    def failed_rules(self) -> tuple[str, ...]:
        """The names of the rules that its audit failed."""
        checks = self.receipt.checks if self.receipt else ()
        return tuple(check.name for check in checks if check.outcome is Outcome.FAILED)

    @property
    def expires_at(self) -> str | None:
        """The instant after which it is too old, as a UTC text; None without a proposal."""
        if self.proposal is None or self.age is None:
            return None
        try:
            return utc_text(parse_utc(self.proposal.created_at) + self.max_age)
        except OverflowError:
            return None

    def error(self) -> TwsMaintenanceError:
        """Return the error that promoting it raises; only for what may not be applied."""
        return _ERRORS[self.verdict](self.reason)


def eligibility(
    found: Evidence, at: datetime, max_age: timedelta, reported_sha256: str | None = None
) -> Eligibility:
    """Return whether the proposal may be applied `at` this instant, with the reason.

    `reported_sha256` is the digest of the staged bytes in the report that was reviewed; None
    without a report.
    """
    proposal = found.proposal
    if isinstance(proposal, ProposalMissing):
        return Eligibility(Verdict.MISSING, str(proposal), max_age)
    age = _age(proposal, at)
    verdict, reason = _verdict(found, proposal, age, max_age, reported_sha256)
    return Eligibility(
        verdict=verdict,
        reason=reason,
        max_age=max_age,
        proposal=proposal,
        receipt=found.receipt if isinstance(found.receipt, Receipt) else None,
        intent=found.intent if isinstance(found.intent, Intent) else None,
        age=age,
        is_live=_is_live(found, proposal),
    )


_Answer = tuple[Verdict, str]


def _verdict(
    found: Evidence,
    proposal: Proposal,
    age: timedelta | None,
    max_age: timedelta,
    reported: str | None,
) -> _Answer:
    if age is None:
        return Verdict.MISSING, (
            f"The record of {found.proposal_id} is damaged: created_at is "
            f"{proposal.created_at!r}. Run a dry run for a new one."
        )
    if isinstance(found.staged, ProposalMissing):
        return Verdict.MISSING, str(found.staged)
    return (
        _untrusted(found, proposal, sha256(found.staged), reported)
        or _spent(found, proposal, age, max_age)
        or _compared(found, proposal)
    )


def _untrusted(
    found: Evidence, proposal: Proposal, digest: str, reported: str | None
) -> _Answer | None:
    """Return why the staged file cannot be trusted, if so: file, receipt and report must agree."""
    name, receipt = found.proposal_id, found.receipt
    if isinstance(receipt, ProposalUnaudited):
        return Verdict.UNAUDITED, str(receipt)
    if not proposal.sha256 == receipt.sha256 == digest or receipt.proposal_id != name:
        return Verdict.ALTERED, (
            f"The files of {name} do not agree: sha256 {_short(proposal.sha256)} in its record, "
            f"{_short(receipt.sha256)} in its receipt, {_short(digest)} of the staged list. "
            "Somebody changed one of them. Run a dry run again."
        )
    if reported not in (None, digest):
        return Verdict.NOT_REPORTED, (
            f"{name} is not what its report shows: sha256 {_short(reported)} in the report, "
            f"{_short(digest)} of the file. Somebody changed one of them. Run a dry run again."
        )
    if not receipt.has_passed:
        failed = "; ".join(receipt.messages(Outcome.FAILED))
        return Verdict.REJECTED, f"Proposal {name} did not pass its audit: {failed}"
    return None


def _spent(
    found: Evidence, proposal: Proposal, age: timedelta, max_age: timedelta
) -> _Answer | None:
    """Return why a trustworthy proposal can no longer be used, if so."""
    name, intent = found.proposal_id, found.intent
    if isinstance(intent, ProposalUnaudited):
        return Verdict.UNRECORDED, str(intent)
    if intent is not None and intent.state == PROMOTED:
        now = (
            "The live file still is this list; there is nothing to do."
            if _is_live(found, proposal)
            else "Run a dry run for a new one."
        )
        return Verdict.PROMOTED, (
            f"Proposal {name} was already promoted, by {intent.report_id} at {intent.at}. {now}"
        )
    # A date in the future is as untrustworthy as one long past.
    if age > max_age or age < -CLOCK_TOLERANCE:
        hours = age.total_seconds() / 3600
        old = f"{hours:.1f} h old" if hours > 0 else f"dated {-hours:.1f} h in the future"
        return Verdict.TOO_OLD, (
            f"Proposal {name} is {old}; it had to be promoted within "
            f"{max_age.total_seconds() / 3600:g} h ([proposals] max_age_hours). Run a dry run for "
            "a new one."
        )
    return None


def _compared(found: Evidence, proposal: Proposal) -> _Answer:
    """Return the verdict from the live file; equal bytes come first, whoever wrote them."""
    name, intent, live = found.proposal_id, found.intent, found.live
    if isinstance(live, PromotionFailed):
        return Verdict.UNREADABLE, str(live)
    digest = None if live is None else sha256(live)
    if digest == proposal.sha256:
        return Verdict.UNCHANGED, f"{found.live_name} already is this list."
    if isinstance(intent, Intent) and intent.state == INTENDED:
        return Verdict.IN_PROMOTION, (
            f"{intent.report_id} began to promote {name} at {intent.at} and has not finished. Wait "
            "until that run ends; if it was killed, the next run finishes its record."
        )
    if digest != proposal.live_sha256:
        return Verdict.OUTDATED, (
            f"{found.live_name} is not the file that {name} was compared with: expected "
            f"{_short(proposal.live_sha256)}, found {_short(digest)}. Somebody changed it since. "
            "Run a dry run again to see what would change now."
        )
    return Verdict.ELIGIBLE, f"{name} passed its audit and has not been applied yet."


def _age(proposal: Proposal, at: datetime) -> timedelta | None:
    """Return how old a proposal is, None where its record has no valid instant."""
    try:
        return at - parse_utc(proposal.created_at)
    except (ValueError, TypeError, OverflowError):
        return None


def _is_live(found: Evidence, proposal: Proposal) -> bool:
    return isinstance(found.live, bytes) and sha256(found.live) == proposal.sha256


def _short(digest: str | None) -> str:
    return str(digest)[:12] if digest else "no file"


def look(
    home: Home,
    index: Index,
    proposal_id: str,
    settings: Settings,
    at: datetime,
    reported_sha256: str | None = None,
) -> Eligibility:
    """Return whether a proposal of `index` may be applied, from the files in the home now."""
    evidence = read_evidence(home, index, proposal_id)
    return eligibility(evidence, at, max_age_of(settings), reported_sha256)


def max_age_of(settings: Settings) -> timedelta:
    """Return how much time may pass between a dry run and its promotion."""
    return timedelta(hours=settings.proposals.max_age_hours)


def read_evidence(home: Home, index: Index, proposal_id: str) -> Evidence:
    """Read what `eligibility` needs; an unreadable part is the error that says why."""
    live_file = home.live_file(index.key)
    # The id comes from a report; an edited one must not lead out of the staging folder.
    if newest_first([proposal_id], index) != [proposal_id]:
        missing = ProposalMissing(
            f"{proposal_id[:80]!r} is not the id of a proposal of {index.name}. "
            "Run a dry run again."
        )
        unaudited = ProposalUnaudited(str(missing))
        name = home.relative(live_file)
        return Evidence(proposal_id[:80], missing, missing, unaudited, None, None, name)
    return Evidence(
        proposal_id=proposal_id,
        proposal=_proposal(home, index, proposal_id),
        staged=_staged(home, proposal_id),
        receipt=_receipt(home, proposal_id),
        intent=_intent(home, proposal_id),
        live=_live(home, index),
        live_name=home.relative(live_file),
    )


def _proposal(home: Home, index: Index, proposal_id: str) -> Proposal | ProposalMissing:
    try:
        proposal = read_proposal(home, proposal_id)
    except ProposalMissing as error:
        return error
    if (proposal.proposal_id, proposal.index) != (proposal_id, index.key):
        return ProposalMissing(
            f"The folder {proposal_id} holds proposal {proposal.proposal_id} of "
            f"{proposal.index}, expected one of {index.key}. Run a dry run again."
        )
    return proposal


def _staged(home: Home, proposal_id: str) -> bytes | ProposalMissing:
    try:
        return (home.proposal(proposal_id) / STAGED).read_bytes()
    except OSError as error:
        return ProposalMissing(f"The staged file of {proposal_id} cannot be read: {error}")


def _receipt(home: Home, proposal_id: str) -> Receipt | ProposalUnaudited:
    try:
        return read_receipt(home, proposal_id)
    except ProposalUnaudited as error:
        return error


def _intent(home: Home, proposal_id: str) -> Intent | ProposalUnaudited | None:
    try:
        return read_intent(home, proposal_id)
    except ProposalUnaudited as error:
        return error


def _live(home: Home, index: Index) -> bytes | PromotionFailed | None:
    try:
        return home.live_file(index.key).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        return PromotionFailed(
            f"{home.relative(home.live_file(index.key))} cannot be read ({error.strerror}), so it "
            "could not be backed up; it is unchanged."
        )


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
