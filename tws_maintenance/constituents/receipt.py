"""The receipt: the audit's verdict on exactly these bytes, without which nothing is promoted."""

import json
from dataclasses import asdict, dataclass
from typing import Any

from tws_maintenance.clock import utc_text
from tws_maintenance.constituents import rules
from tws_maintenance.constituents.audit import RuleResult, judge, read_frame
from tws_maintenance.constituents.generation import read_generation
from tws_maintenance.constituents.live import read_live
from tws_maintenance.constituents.measures import staged_measures
from tws_maintenance.constituents.proposal import STAGED, Proposal
from tws_maintenance.constituents.rules import Outcome
from tws_maintenance.constituents.stage import RunMark
from tws_maintenance.errors import ProposalUnaudited
from tws_maintenance.home import Home
from tws_maintenance.indices import Index
from tws_maintenance.settings import IndexSettings
from tws_maintenance.storage.atomic import write_json
from tws_maintenance.storage.digest import sha256

RECEIPT = "receipt.json"


@dataclass(frozen=True)
class Override:
    """An operator's word that a large change is right; it concerns the > 25 % rules alone."""

    allow_large_change: bool = False
    reason: str = ""


@dataclass(frozen=True)
class Receipt:
    """The verdict on the bytes with `sha256`, and every rule's result."""

    proposal_id: str
    report_id: str
    sha256: str
    status: str
    audited_at: str
    allow_large_change: bool
    reason: str
    limits: dict[str, Any]
    checks: tuple[RuleResult, ...]

    @property
    def has_passed(self) -> bool:
        """Tell whether no rule failed."""
        return self.status == Outcome.PASSED

    def messages(self, outcome: Outcome) -> list[str]:
        """Return what the rules with that outcome say, each with its name."""
        return [f"{c.name}: {c.message}" for c in self.checks if c.outcome == outcome]


def audit(
    home: Home,
    index: Index,
    proposal: Proposal,
    limits: IndexSettings,
    override: Override,
    mark: RunMark,
) -> Receipt:
    """Judge the staged file of `proposal` as it lies on disk, write the receipt and return it.

    Raises:
        OSError, ValueError: the staged file cannot be read; there is no receipt then.
        LiveFileError: the live file cannot be compared with.
    """
    content = (home.proposal(proposal.proposal_id) / STAGED).read_bytes()
    frame = read_frame(content)
    measures = staged_measures(
        frame, proposal, read_live(home, index), read_generation(home, index), limits
    )
    checks = judge(
        frame,
        index,
        rules.staged_rules(index),
        measures,
        accept_large_change=override.allow_large_change,
    )
    failed = any(check.outcome == Outcome.FAILED for check in checks)
    receipt = Receipt(
        proposal_id=proposal.proposal_id,
        report_id=mark.report_id,
        sha256=sha256(content),
        status=Outcome.FAILED if failed else Outcome.PASSED,
        audited_at=utc_text(mark.at),
        allow_large_change=override.allow_large_change,
        reason=override.reason,
        limits=limits.model_dump(),
        checks=checks,
    )
    write_json(
        home.proposal(proposal.proposal_id) / RECEIPT,
        asdict(receipt) | {"checks": [check.to_dict() for check in checks]},
    )
    return receipt


def read_receipt(home: Home, proposal_id: str) -> Receipt:
    """Read the receipt of a proposal.

    Raises:
        ProposalUnaudited: there is none, or it is damaged.
    """
    path = home.proposal(proposal_id) / RECEIPT
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        checks = tuple(
            RuleResult(c["name"], Outcome(c["outcome"]), c["message"], tuple(c["cells"]))
            for c in value["checks"]
        )
        return Receipt(**value | {"checks": checks})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ProposalUnaudited(
            f"Proposal {proposal_id} has no readable receipt, so no audit has passed it "
            f"({type(error).__name__}). Run a dry run again and promote that one."
        ) from error
