"""The receipt: the audit's verdict on exactly these bytes, without which nothing is promoted."""

import json
from dataclasses import asdict, dataclass
from typing import TypedDict

from tws_maintenance.audit.results import (
    Cell,
    Outcome,
    RuleResult,
    ValidationStatus,
    messages_of,
    status_of,
)
from tws_maintenance.audit.run_context import RunContext
from tws_maintenance.config.home import Home
from tws_maintenance.core.atomic import write_json
from tws_maintenance.core.clock import utc_text
from tws_maintenance.core.errors import ProposalUnaudited

RECORD = "receipt.json"
# What a setting of an index may be.
Limit = float | bool | str | list[str] | None


class OverrideJson(TypedDict):
    """An override as a file or another process holds it."""

    allow_large_change: bool
    reason: str


@dataclass(frozen=True)
class Override:
    """An operator's statement that a large change is right; only the > 25 % rules yield to it."""

    allow_large_change: bool = False
    reason: str = ""


NO_OVERRIDE = Override()


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
    limits: dict[str, Limit]
    checks: tuple[RuleResult, ...]

    @property
    def has_passed(self) -> bool:
        """Whether no rule failed."""
        return self.status == ValidationStatus.PASSED

    def messages(self, outcome: Outcome) -> list[str]:
        """Return what the rules with that outcome say, each with its name."""
        return messages_of(self.checks, outcome)


def receipt_of(
    proposal_id: str,
    digest: str,
    checks: tuple[RuleResult, ...],
    override: Override,
    limits: dict[str, Limit],
    mark: RunContext,
) -> Receipt:
    """Return the receipt for the bytes with the sha256 `digest`, as the run `mark` judged them."""
    return Receipt(
        proposal_id=proposal_id,
        report_id=mark.report_id,
        sha256=digest,
        status=status_of(checks),
        audited_at=utc_text(mark.at),
        allow_large_change=override.allow_large_change,
        reason=override.reason,
        limits=limits,
        checks=checks,
    )


def write_receipt(home: Home, receipt: Receipt) -> None:
    """Write the receipt into the folder of its proposal, whole."""
    write_json(home.proposal(receipt.proposal_id) / RECORD, asdict(receipt))


def read_receipt(home: Home, proposal_id: str) -> Receipt:
    """Read the receipt of a proposal.

    Raises:
        ProposalUnaudited: there is none, or it is damaged.
    """
    path = home.proposal(proposal_id) / RECORD
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        checks = tuple(
            RuleResult(
                **check
                | {
                    "outcome": Outcome(check["outcome"]),
                    "cells": tuple(Cell(**cell) for cell in check["cells"]),
                }
            )
            for check in value["checks"]
        )
        return Receipt(**value | {"checks": checks})
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ProposalUnaudited(
            f"Proposal {proposal_id} has no readable receipt ({type(error).__name__}), so it "
            "has not passed an audit. Run a dry run again and promote that one."
        ) from error
