"""Promote: publish exactly the audited bytes, with a backup, or refuse and change nothing.

The only place that replaces a live file. The order of the steps is what makes it safe to be
killed at any point: intent noted, backup durable, new bytes durable beside the old, one rename.
"""

import json
import secrets
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from tws_maintenance.clock import parse_utc, utc_text
from tws_maintenance.constituents.backups import back_up
from tws_maintenance.constituents.generation import Generation
from tws_maintenance.constituents.proposal import STAGED, Proposal, read_proposal
from tws_maintenance.constituents.receipt import Receipt, read_receipt
from tws_maintenance.constituents.rules import Outcome
from tws_maintenance.constituents.stage import RunMark
from tws_maintenance.errors import (
    PromotionFailed,
    ProposalMissing,
    ProposalStale,
    ProposalTooOld,
    ProposalUnaudited,
    ProposalUsed,
)
from tws_maintenance.home import Home
from tws_maintenance.indices import Index
from tws_maintenance.settings import Settings
from tws_maintenance.storage.atomic import PreparedFile, to_json, write_json
from tws_maintenance.storage.digest import sha256
from tws_maintenance.storage.locks import hold

RECORD = "promotion.json"


@dataclass(frozen=True)
class Promotion:
    """What a promotion did; paths are absolute, None unless written."""

    proposal: Proposal
    receipt: Receipt
    changed: bool
    output_path: Path | None = None
    backup_path: Path | None = None


def promote(
    home: Home, index: Index, proposal_id: str, settings: Settings, mark: RunMark
) -> Promotion:
    """Publish the staged bytes of `proposal_id` as the live file of `index`.

    Raises:
        Refusal: (its subclasses) nothing was touched; says why and what to do.
        PromotionFailed: the file could not be replaced; the former one is in place, whole.
    """
    lock = home.locks / f"{index.key}.lock"
    with hold(lock, wait_seconds=settings.locks.wait, holder=f"run {mark.report_id}"):
        proposal, receipt, staged = _trusted(home, index, proposal_id)
        _refuse_used_or_old(home, proposal, settings, mark)
        live = _live_bytes(home, index)
        if live == staged:
            return Promotion(proposal, receipt, changed=False)
        _refuse_stale(home, index, proposal, live)
        return _publish(home, index, proposal, receipt, staged, live, mark)


def _trusted(home: Home, index: Index, proposal_id: str) -> tuple[Proposal, Receipt, bytes]:
    """Return the proposal, its receipt and its bytes, all three of one mind."""
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
    digests = {proposal.sha256, receipt.sha256, sha256(staged)}
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


def _refuse_used_or_old(home: Home, proposal: Proposal, settings: Settings, mark: RunMark) -> None:
    done = read_promotion(home, proposal.proposal_id)
    if done and done.get("state") == "promoted":
        raise ProposalUsed(
            f"Proposal {proposal.proposal_id} was promoted before, by {done.get('report_id')} at "
            f"{done.get('at')}. Run a dry run for a new one."
        )
    age = mark.at - parse_utc(proposal.created_at)
    if age > timedelta(hours=settings.proposals.max_age_hours):
        raise ProposalTooOld(
            f"Proposal {proposal.proposal_id} is {age.total_seconds() / 3600:.0f} h old, more than "
            f"the {settings.proposals.max_age_hours:g} h of [proposals] max_age_hours. Run a dry "
            "run for a new one."
        )


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
    mark: RunMark,
) -> Promotion:
    path = home.live_file(index.key)
    generation = Generation(
        generation=secrets.token_hex(8),
        report_id=mark.report_id,
        proposal_id=proposal.proposal_id,
        promoted_at=utc_text(mark.at),
        sha256=proposal.sha256,
        source=proposal.source,
        revised_at=proposal.revised_at,
        last_modified=proposal.last_modified,
    )
    record: dict[str, Any] = {
        "state": "intended",
        "report_id": mark.report_id,
        "run_id": mark.run_id,
        "at": utc_text(mark.at),
        "before_sha256": proposal.live_sha256,
        "after_sha256": proposal.sha256,
        "backup_path": None,
        "generation": asdict(generation),
    }
    backup: Path | None = None
    prepared: list[PreparedFile] = []
    try:
        write_json(home.proposal(proposal.proposal_id) / RECORD, record)
        if live is not None:
            backup = back_up(home, index, live, mark.report_id)
            record["backup_path"] = home.relative(backup)
        prepared.append(PreparedFile(path, staged))
        prepared.append(PreparedFile(home.generation_file(index.key), to_json(asdict(generation))))
        for file in prepared:
            file.commit()
        _read_back(path, staged)
        write_json(home.proposal(proposal.proposal_id) / RECORD, record | {"state": "promoted"})
    except OSError as error:
        raise PromotionFailed(_aftermath(home, path, staged, live, error)) from error
    finally:
        # Also when interrupted; what was committed is no temporary file any more.
        for file in prepared:
            file.discard()
    return Promotion(proposal, receipt, changed=True, output_path=path, backup_path=backup)


def _read_back(path: Path, staged: bytes) -> None:
    if path.read_bytes() != staged:
        raise OSError(f"{path.name} reads back other bytes than were written")


def _aftermath(home: Home, path: Path, staged: bytes, live: bytes | None, error: OSError) -> str:
    """Say what lies on disk now, from the bytes themselves."""
    name = home.relative(path)
    try:
        found: bytes | None = path.read_bytes()
    except OSError:
        found = None
    state = (
        f"{name} is unchanged"
        if found == live
        else f"{name} holds the new list, but what belongs to it could not be finished"
        if found == staged
        else f"{name} cannot be told; compare it with its backup"
    )
    return f"Replacing {name} failed: {error.strerror or error}. {state}."


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


def read_promotion(home: Home, proposal_id: str) -> dict[str, Any] | None:
    """Return promotion.json of a proposal; None where nothing was ever tried."""
    try:
        text = (home.proposal(proposal_id) / RECORD).read_text(encoding="utf-8")
        value = json.loads(text)
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def _short(digest: str | None) -> str:
    return digest[:12] if digest else "no file"
