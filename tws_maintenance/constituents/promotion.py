"""Promote: publish exactly the audited bytes, with a backup, or refuse and change nothing.

The only place that replaces a live file. The order of the steps makes it safe to kill at any
point: intent noted, backup durable, new bytes durable beside the old, one rename.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tws_maintenance.audit.receipt import Receipt
from tws_maintenance.audit.run_context import RunContext
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import DECLARED, Index
from tws_maintenance.config.settings import Settings
from tws_maintenance.constituents.eligibility import (
    Eligibility,
    Evidence,
    Verdict,
    eligibility,
    max_age_of,
    read_evidence,
)
from tws_maintenance.constituents.proposal import Proposal, proposal_ids
from tws_maintenance.constituents.publishing import (
    INTENDED,
    Intent,
    Settled,
    publish,
    read_intent,
    settle,
)
from tws_maintenance.core.errors import PromotionFailed, ProposalUnaudited
from tws_maintenance.core.locks import hold


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

    `expected_sha256` is the digest of these bytes in the report that was reviewed.

    Raises:
        Refusal: (its subclasses) nothing was touched; says why and what to do.
        PromotionFailed: the file could not be replaced; the former one is in place, whole.
    """
    lock = home.locks / f"{index.key}.lock"
    with hold(lock, wait_seconds=settings.locks.wait, holder=f"run {mark.report_id}"):
        found, evidence = _look(home, index, proposal_id, settings, mark, expected_sha256)
        if found.may_be_applied or found.verdict is Verdict.IN_PROMOTION:
            _finish_killed(home, index)
        if found.verdict is Verdict.IN_PROMOTION:
            # That run was killed, because this one holds the lock: it is settled by now.
            found, evidence = _look(home, index, proposal_id, settings, mark, expected_sha256)
        if not found.may_be_applied:
            raise found.error()
        proposal, receipt, staged, live = evidence.whole()
        if found.verdict is Verdict.UNCHANGED:
            return Promotion(proposal, receipt, changed=False)
        return _publish(home, index, proposal, receipt, staged, live, mark)


def _look(
    home: Home,
    index: Index,
    proposal_id: str,
    settings: Settings,
    mark: RunContext,
    expected_sha256: str | None,
) -> tuple[Eligibility, Evidence]:
    """Return whether the proposal may be applied, with the evidence for it."""
    evidence = read_evidence(home, index, proposal_id)
    return eligibility(evidence, mark.at, max_age_of(settings), expected_sha256), evidence


def _finish_killed(home: Home, index: Index) -> None:
    """Settle what killed runs had begun with this index, before another list is published.

    No other run is at work while this one holds the index's lock, and the files on disk can only
    show one unfinished publication at a time.
    """
    for proposal_id, intent in _intents(home, index):
        if intent.state == INTENDED:
            settle(home, index, proposal_id)


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
    """Return the error with the state of the disk now, from the bytes themselves."""
    path = home.live_file(index.key)
    name = home.relative(path)
    try:
        found: bytes | None = path.read_bytes()
    except OSError:
        found = None
    if found == live:
        state = f"{name} is unchanged"
    elif found == staged:
        state = f"{name} holds the new list, but its history and stamp could not be finished"
    else:
        state = f"The state of {name} is unknown; compare it with its backup"
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


def promotions_of(home: Home, index: Index, report_id: str) -> list[str]:
    """Return the proposals of `index` that the run of `report_id` began to promote."""
    return [one for one, intent in _intents(home, index) if intent.report_id == report_id]


def awaited_files(home: Home) -> frozenset[str]:
    """Return the names of the temporary files that unsettled promotions still need."""
    return frozenset(
        intent.prepared
        for index in DECLARED.values()
        for _, intent in _intents(home, index)
        if intent.state == INTENDED and intent.prepared
    )


def _intents(home: Home, index: Index) -> Iterator[tuple[str, Intent]]:
    """Yield the proposals of `index` whose promotion began, except those with damaged records."""
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
