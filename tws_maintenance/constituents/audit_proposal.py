"""Audit: judge the staged bytes as they lie on disk, and write the receipt."""

from tws_maintenance.audit.receipt import Override, Receipt, write_receipt
from tws_maintenance.audit.results import Outcome, ValidationStatus
from tws_maintenance.audit.run_context import RunContext
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import Index
from tws_maintenance.config.settings import IndexSettings
from tws_maintenance.constituents import rules
from tws_maintenance.constituents.csv_file import LiveFile, read_live
from tws_maintenance.constituents.evaluate import judge, read_frame
from tws_maintenance.constituents.generation import read_generation
from tws_maintenance.constituents.measures import staged_measures
from tws_maintenance.constituents.proposal import STAGED, Proposal
from tws_maintenance.core.clock import utc_text
from tws_maintenance.core.digest import sha256
from tws_maintenance.core.errors import LiveFileError


def audit(
    home: Home,
    index: Index,
    proposal: Proposal,
    limits: IndexSettings,
    override: Override,
    mark: RunContext,
) -> Receipt:
    """Judge the staged file of `proposal` as it lies on disk, write the receipt and return it.

    Raises:
        OSError, ValueError: the staged file cannot be read; there is no receipt then.
        LiveFileError: the live file cannot be compared with.
    """
    content = (home.proposal(proposal.proposal_id) / STAGED).read_bytes()
    frame = read_frame(content)
    # How old a source is says nothing of a restore, which goes back on purpose.
    last = read_generation(home, index) if proposal.from_backup is None else None
    measures = staged_measures(frame, proposal, _live(home, index, proposal), last, limits)
    accept = override.allow_large_change
    applicable = rules.staged_rules(index)
    checks = judge(frame, index, applicable, measures, accept_large_change=accept)
    failed = any(check.outcome == Outcome.FAILED for check in checks)
    receipt = Receipt(
        proposal_id=proposal.proposal_id,
        report_id=mark.report_id,
        sha256=sha256(content),
        status=ValidationStatus.FAILED if failed else ValidationStatus.PASSED,
        audited_at=utc_text(mark.at),
        allow_large_change=override.allow_large_change,
        reason=override.reason,
        limits=limits.model_dump(mode="json"),
        checks=checks,
    )
    write_receipt(home, receipt)
    return receipt


def _live(home: Home, index: Index, proposal: Proposal) -> LiveFile | None:
    """Return what to compare with; a restore is what repairs a file that cannot be read."""
    try:
        return read_live(home, index)
    except LiveFileError:
        if proposal.from_backup is None:
            raise
        return None
