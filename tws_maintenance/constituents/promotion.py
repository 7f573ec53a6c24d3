"""Promote: publish exactly the audited bytes, with a backup, or refuse and change nothing.

The only place that replaces a live file. The order of the steps is what makes it safe to be
killed at any point: intent noted, backup durable, new bytes durable beside the old, one rename.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from tws_maintenance.audit.receipt import Receipt, read_receipt
from tws_maintenance.audit.results import Outcome
from tws_maintenance.audit.run_context import RunContext
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import DECLARED, Index
from tws_maintenance.config.settings import Settings
from tws_maintenance.constituents.proposal import STAGED, Proposal, proposal_ids, read_proposal
from tws_maintenance.constituents.publishing import (
    INTENDED,
    PROMOTED,
    Intent,
    Settled,
    publish,
    read_intent,
    settle,
)
from tws_maintenance.core.clock import parse_utc
from tws_maintenance.core.digest import sha256
from tws_maintenance.core.errors import (
    PromotionFailed,
    ProposalMissing,
    ProposalStale,
    ProposalTooOld,
    ProposalUnaudited,
    ProposalUsed,
)
from tws_maintenance.core.locks import hold

# Clocks of several machines on one home differ by so much at most.
CLOCK_TOLERANCE = timedelta(minutes=5)


@dataclass(frozen=True)
class Promotion:
    """What a promotion did; paths are absolute, None unless written."""

    proposal: Proposal
    receipt: Receipt
    changed: bool
    output_path: Path | None = None
    backup_path: Path | None = None


def promote(
    home: Home,
    index: Index,
    proposal_id: str,
    settings: Settings,
    mark: RunContext,
    expected_sha256: str | None = None,
) -> Promotion:
    """Publish the staged bytes of `proposal_id` as the live file of `index`.

    `expected_sha256` is what the report that was looked at says of these bytes.

    Raises:
        Refusal: (its subclasses) nothing was touched; says why and what to do.
        PromotionFailed: the file could not be replaced; the former one is in place, whole.
    """
    lock = home.locks / f"{index.key}.lock"
    with hold(lock, wait_seconds=settings.locks.wait, holder=f"run {mark.report_id}"):
        proposal, receipt, staged = _trusted(home, index, proposal_id, expected_sha256)
        _refuse_used(home, proposal)
        _refuse_old(proposal, settings, mark)
        live = _live_bytes(home, index)
        _finish_killed(home, index)
        if live == staged:
            return Promotion(proposal, receipt, changed=False)
        # Perhaps by a run that was killed, and the list was changed again since.
        _refuse_used(home, proposal)
        _refuse_stale(home, index, proposal, live)
        return _publish(home, index, proposal, receipt, staged, live, mark)


def _trusted(
    home: Home, index: Index, proposal_id: str, expected_sha256: str | None
) -> tuple[Proposal, Receipt, bytes]:
    """Return the proposal, its receipt and its bytes, all three (and the report) of one mind."""
    proposal = read_proposal(home, proposal_id)
    if (proposal.proposal_id, proposal.index) != (proposal_id, index.key):
        raise ProposalMissing(
            f"The folder {proposal_id} holds proposal {proposal.proposal_id} of "
            f"{proposal.index}, expected one of {index.key}. Run a dry run again."
        )
    receipt = read_receipt(home, proposal_id)
    try:
        staged = (home.proposal(proposal_id) / STAGED).read_bytes()
    except OSError as error:
        raise ProposalMissing(
            f"The staged file of {proposal_id} cannot be read: {error}"
        ) from error
    expected = expected_sha256 or proposal.sha256
    digests = {proposal.sha256, receipt.sha256, sha256(staged), expected}
    if len(digests) != 1 or receipt.proposal_id != proposal_id:
        raise ProposalUnaudited(
            f"The bytes of {proposal_id} are not the ones that were audited: record "
            f"{proposal.sha256[:12]}, receipt {receipt.sha256[:12]}, file "
            f"{sha256(staged)[:12]}. Somebody changed them. Run a dry run again."
        )
    if not receipt.has_passed:
        raise ProposalUnaudited(
            f"Proposal {proposal_id} did not pass its audit: "
            + "; ".join(receipt.messages(Outcome.FAILED))
        )
    return proposal, receipt, staged


def _refuse_used(home: Home, proposal: Proposal) -> None:
    done = read_intent(home, proposal.proposal_id)
    if done and done.state == PROMOTED:
        same = _live_bytes(home, DECLARED[proposal.index])
        now = (
            "The live file is still exactly that; there is nothing to do."
            if same is not None and sha256(same) == proposal.sha256
            else "Run a dry run for a new one."
        )
        raise ProposalUsed(
            f"Proposal {proposal.proposal_id} was promoted before, by {done.report_id} at "
            f"{done.at}. {now}"
        )


def _refuse_old(proposal: Proposal, settings: Settings, mark: RunContext) -> None:
    age = age_of(proposal, mark.at)
    if is_too_old(age, settings):
        hours = age.total_seconds() / 3600
        found = f"{hours:.1f} h old" if hours > 0 else f"dated {-hours:.1f} h in the future"
        raise ProposalTooOld(
            f"Proposal {proposal.proposal_id} is {found}; at most "
            f"{settings.proposals.max_age_hours:g} h ([proposals] max_age_hours) may pass between "
            "looking and promoting. Run a dry run for a new one."
        )


def age_of(proposal: Proposal, at: datetime) -> timedelta:
    """Return how old a proposal is.

    Raises:
        ProposalMissing: its record names no instant.
    """
    try:
        return at - parse_utc(proposal.created_at)
    except ValueError as error:
        raise ProposalMissing(
            f"The record of {proposal.proposal_id} is damaged: created_at is "
            f"{proposal.created_at!r}. Run a dry run for a new one."
        ) from error


def is_too_old(age: timedelta, settings: Settings) -> bool:
    """Tell whether too much time has passed since staging; a date to come is as untrustworthy."""
    return age > timedelta(hours=settings.proposals.max_age_hours) or age < -CLOCK_TOLERANCE


def _finish_killed(home: Home, index: Index) -> None:
    """Settle what killed runs had begun with this index, before another list is published.

    Whoever holds the index's lock meets no other that is at work, and what lies on disk tells of
    one unfinished publication at a time.
    """
    for proposal_id, intent in _intents(home, index):
        if intent.state == INTENDED:
            settle(home, index, proposal_id)


def _refuse_stale(home: Home, index: Index, proposal: Proposal, live: bytes | None) -> None:
    found = sha256(live) if live is not None else None
    if found != proposal.live_sha256:
        raise ProposalStale(
            f"{home.relative(home.live_file(index.key))} is not the file that "
            f"{proposal.proposal_id} was compared with: expected {_short(proposal.live_sha256)}, "
            f"found {_short(found)}. Somebody changed it since. Run a dry run again to see what "
            "would change now."
        )


def _publish(
    home: Home,
    index: Index,
    proposal: Proposal,
    receipt: Receipt,
    staged: bytes,
    live: bytes | None,
    mark: RunContext,
) -> Promotion:
    path = home.live_file(index.key)
    try:
        backup = publish(home, index, proposal, staged, live, mark)
    except OSError as error:
        raise _failed(home, index, proposal, staged, live, error) from error
    return Promotion(proposal, receipt, changed=True, output_path=path, backup_path=backup)


def _failed(
    home: Home, index: Index, proposal: Proposal, staged: bytes, live: bytes | None, error: OSError
) -> PromotionFailed:
    """Say what lies on disk now, from the bytes themselves."""
    path = home.live_file(index.key)
    name = home.relative(path)
    try:
        found: bytes | None = path.read_bytes()
    except OSError:
        found = None
    if found == live:
        state = f"{name} is unchanged"
    elif found == staged:
        state = f"{name} holds the new list, but what belongs to it could not be finished"
    else:
        state = f"{name} cannot be told; compare it with its backup"
    notes = "; ".join(getattr(error, "__notes__", []))
    where = f" ({Path(error.filename).name})" if error.filename else ""
    intent = None
    with contextlib.suppress(ProposalUnaudited):
        intent = read_intent(home, proposal.proposal_id)
    return PromotionFailed(
        f"Replacing {name} failed: {error.strerror or error}{where}. {state}. {notes}".strip(),
        changed=found == staged and found != live,
        backup_path=intent.backup_path if intent else None,
    )


def _live_bytes(home: Home, index: Index) -> bytes | None:
    try:
        return home.live_file(index.key).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise PromotionFailed(
            f"{home.relative(home.live_file(index.key))} cannot be read ({error.strerror}), so it "
            "could not be backed up; it was left as it is."
        ) from error


def promotions_of(home: Home, index: Index, report_id: str) -> list[str]:
    """Return the proposals of `index` that the run of `report_id` set out to promote."""
    return [one for one, intent in _intents(home, index) if intent.report_id == report_id]


def awaited_files(home: Home) -> frozenset[str]:
    """Return the names of the temporary files from which killed promotions are yet to be known."""
    return frozenset(
        intent.prepared
        for index in DECLARED.values()
        for _, intent in _intents(home, index)
        if intent.state == INTENDED and intent.prepared
    )


def _intents(home: Home, index: Index) -> Iterator[tuple[str, Intent]]:
    """Yield the proposals of `index` that somebody set out to promote; damaged records are none."""
    for proposal_id in proposal_ids(home, index):
        with contextlib.suppress(ProposalUnaudited):
            intent = read_intent(home, proposal_id)
            if intent is not None:
                yield proposal_id, intent


def finish_promotion(home: Home, index: Index, proposal_id: str, wait_seconds: float) -> Settled:
    """Settle a promotion that was killed, once nobody else holds the lock of the index."""
    lock = home.locks / f"{index.key}.lock"
    with hold(lock, wait_seconds=wait_seconds, holder=f"recovery of {proposal_id}"):
        return settle(home, index, proposal_id)


def _short(digest: str | None) -> str:
    return digest[:12] if digest else "no file"
