"""No receipt, no promotion: what leaves one, what leaves none, and which ones are believed."""

import json
from pathlib import Path

import pytest

from tws_maintenance.audit.receipt import RECORD, Override, read_receipt
from tws_maintenance.config.home import Home
from tws_maintenance.config.settings import load_settings
from tws_maintenance.constituents.audit_worker import Auditor
from tws_maintenance.core.errors import AuditFailed, LiveFileError, ProposalUnaudited
from tws_maintenance.demo.pages import companies
from tws_maintenance_tests.constituents.bench import (
    STI,
    audited,
    mark,
    staged,
    staged_file,
    temporary_files,
)


def receipt_file(home: Home, proposal_id: str) -> Path:
    return home.proposal(proposal_id) / RECORD


def test_the_receipt_is_written_whole_and_read_back_the_same(home: Home) -> None:
    proposal = staged(home, STI, companies("sti"))
    receipt = audited(home, proposal, override=Override(reason="a look"))
    assert read_receipt(home, proposal.proposal_id) == receipt
    assert (receipt.sha256, receipt.reason) == (proposal.sha256, "a look")
    assert temporary_files(home) == []


def test_an_audit_without_its_file_leaves_no_receipt(home: Home) -> None:
    proposal = staged(home, STI, companies("sti"))
    staged_file(home, proposal).unlink()
    with pytest.raises(FileNotFoundError):
        audited(home, proposal)
    assert not receipt_file(home, proposal.proposal_id).exists()


@pytest.mark.parametrize("content", [b"", b"symbol,security\n\xff\n", b'symbol\n"A\n'])
def test_an_audit_that_crashes_on_odd_bytes_leaves_no_receipt(home: Home, content: bytes) -> None:
    proposal = staged(home, STI, companies("sti"))
    staged_file(home, proposal).write_bytes(content)
    with pytest.raises(ValueError, match=r".+"):
        audited(home, proposal)
    assert not receipt_file(home, proposal.proposal_id).exists()


def test_an_audit_beside_a_damaged_live_file_leaves_no_receipt(home: Home) -> None:
    proposal = staged(home, STI, companies("sti"))
    home.live_file("sti").write_bytes(b"\xff")
    with pytest.raises(LiveFileError):
        audited(home, proposal)
    assert not receipt_file(home, proposal.proposal_id).exists()


@pytest.mark.process
def test_a_process_that_audits_gives_the_same_receipt_or_says_why_there_is_none(home: Home) -> None:
    proposal = staged(home, STI, companies("sti"))
    expected = audited(home, proposal)
    receipt_file(home, proposal.proposal_id).unlink()
    limits = load_settings(home).of(STI)
    auditor = Auditor()
    auditor.start()
    try:
        assert auditor.audit(home, STI, proposal, limits, Override(), mark()) == expected
        receipt_file(home, proposal.proposal_id).unlink()
        staged_file(home, proposal).write_bytes(b"\xff")
        with pytest.raises(AuditFailed, match="auditing process failed: UnicodeDecodeError"):
            auditor.audit(home, STI, proposal, limits, Override(), mark())
        assert not receipt_file(home, proposal.proposal_id).exists()
    finally:
        auditor.stop()


@pytest.mark.parametrize(
    "damage", ["", "{", "[]", '{"status": "passed"}', '{"checks": []}', '{"checks": [{}]}']
)
def test_a_damaged_receipt_is_no_receipt(home: Home, damage: str) -> None:
    proposal = staged(home, STI, companies("sti"))
    receipt_file(home, proposal.proposal_id).write_text(damage)
    with pytest.raises(ProposalUnaudited, match="no readable receipt"):
        read_receipt(home, proposal.proposal_id)


def test_a_receipt_with_an_outcome_that_nobody_knows_is_no_receipt(home: Home) -> None:
    proposal = staged(home, STI, companies("sti"))
    audited(home, proposal)
    path = receipt_file(home, proposal.proposal_id)
    value = json.loads(path.read_text())
    value["checks"][0]["outcome"] = "fine"
    path.write_text(json.dumps(value))
    with pytest.raises(ProposalUnaudited):
        read_receipt(home, proposal.proposal_id)
