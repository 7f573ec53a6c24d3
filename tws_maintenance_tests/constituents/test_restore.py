"""Restore: a backup takes the road of any proposal, also where the live file is past reading."""

import pytest

from tws_maintenance.audit.receipt import Override, Receipt
from tws_maintenance.audit.results import Outcome
from tws_maintenance.config.home import Home
from tws_maintenance.config.settings import load_settings
from tws_maintenance.constituents.audit import audit
from tws_maintenance.constituents.proposal import Proposal
from tws_maintenance.constituents.rules import COUNT_CHANGE
from tws_maintenance.constituents.stage import stage_backup
from tws_maintenance.core.digest import sha256
from tws_maintenance.core.errors import LiveFileError, ProposalOutdated
from tws_maintenance.demo.pages import companies
from tws_maintenance_tests.constituents.bench import (
    NO_OVERRIDE,
    STI,
    mark,
    outcome_of,
    promoted,
    ready,
    staged_file,
    temporary_files,
    with_strangers,
)
from tws_maintenance_tests.support import write_live


@pytest.fixture
def former(home: Home) -> bytes:
    """The bytes of the only backup; the live file has one member exchanged."""
    before = write_live(home, STI, companies("sti"))
    promoted(home, ready(home, STI, with_strangers(STI, 1)))
    return before


def restaged(
    home: Home, override: Override = NO_OVERRIDE, backup: str | None = None
) -> tuple[Proposal, Receipt]:
    proposal = stage_backup(home, STI, backup, mark(9))
    return proposal, audit(home, STI, proposal, load_settings(home).of(STI), override, mark(9))


def test_a_restore_brings_the_very_bytes_back_and_backs_up_what_it_replaces(
    home: Home, former: bytes
) -> None:
    replaced = home.live_file("sti").read_bytes()
    proposal, receipt = restaged(home)
    assert receipt.has_passed
    assert staged_file(home, proposal).read_bytes() == former
    assert home.live_file("sti").read_bytes() == replaced, "staging only looks"
    assert proposal.from_backup == "20261122_183000"
    assert proposal.source == "data/backups/constituents/20261122_183000/sti_constituents.csv"
    assert [one.symbol for one in proposal.changes.added] == ["A00.SI"]
    assert [one.symbol for one in proposal.changes.removed] == ["Z901.SI"]
    done = promoted(home, proposal, minutes=9)
    assert home.live_file("sti").read_bytes() == former
    assert done.backup_path is not None
    assert done.backup_path.read_bytes() == replaced


@pytest.mark.parametrize(
    ("live", "warns"),
    [
        (b"", "is empty"),
        (b"\xff\xfe\x00symbol", "is not UTF-8"),
        (b"no,list\n1,2\n", "has no column symbol in its header"),
    ],
)
def test_an_unreadable_live_file_is_backed_up_byte_by_byte_and_replaced(
    home: Home, former: bytes, live: bytes, warns: str
) -> None:
    home.live_file("sti").write_bytes(live)
    proposal, receipt = restaged(home)
    assert receipt.has_passed
    (warning,) = proposal.warnings
    assert warns in warning
    assert warning.endswith("Its bytes are backed up before they are replaced.")
    assert (proposal.before_count, proposal.live_sha256) == (None, sha256(live))
    done = promoted(home, proposal, minutes=9)
    assert home.live_file("sti").read_bytes() == former
    assert done.backup_path is not None
    assert done.backup_path.read_bytes() == live
    assert temporary_files(home) == []


def test_a_missing_live_file_is_made_again_and_there_is_nothing_to_back_up(
    home: Home, former: bytes
) -> None:
    home.live_file("sti").unlink()
    proposal, receipt = restaged(home)
    assert (receipt.has_passed, proposal.live_sha256, proposal.warnings) == (True, None, ())
    done = promoted(home, proposal, minutes=9)
    assert (done.changed, done.backup_path) == (True, None)
    assert home.live_file("sti").read_bytes() == former


def test_a_live_file_that_changed_since_the_restore_was_shown_is_left_alone(
    home: Home, former: bytes
) -> None:
    home.live_file("sti").write_bytes(b"")
    proposal, _ = restaged(home)
    home.live_file("sti").write_bytes(b"somebody at work")
    with pytest.raises(ProposalOutdated):
        promoted(home, proposal, minutes=9)
    assert home.live_file("sti").read_bytes() == b"somebody at work" != former


def test_a_backup_with_a_count_of_long_ago_needs_the_override(home: Home) -> None:
    old = write_live(home, STI, companies("sti")[:25])
    promoted(home, ready(home, STI, companies("sti")))
    write_live(home, STI, [*companies("sti"), *with_strangers(STI, 10)[:10]])
    proposal, receipt = restaged(home)
    assert not receipt.has_passed
    assert outcome_of(receipt.checks, COUNT_CHANGE).outcome == Outcome.FAILED
    proposal, receipt = restaged(home, Override(allow_large_change=True, reason="index reduced"))
    assert (receipt.has_passed, receipt.reason) == (True, "index reduced")
    promoted(home, proposal, minutes=9)
    assert home.live_file("sti").read_bytes() == old


def test_a_backup_that_holds_no_list_cannot_be_restored(home: Home, former: bytes) -> None:
    assert former
    home.live_file("sti").write_bytes(b"no,list\n1,2\n")
    promoted(home, restaged(home)[0], minutes=9)
    before = home.live_file("sti").read_bytes()
    with pytest.raises(LiveFileError) as refused:
        stage_backup(home, STI, "20261122_183900", mark(10))
    assert str(refused.value) == (
        "The backup 20261122_183900 has no column symbol in its header (found: no, list). "
        "Name another one with --backup; `backups list` shows them."
    )
    assert home.live_file("sti").read_bytes() == before
