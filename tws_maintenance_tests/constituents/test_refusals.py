"""What is not promoted, each by its class, with the live file as it was and a way forward."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tws_maintenance.audit import receipt as receipts
from tws_maintenance.audit.receipt import Override
from tws_maintenance.config.home import Home
from tws_maintenance.constituents.proposal import RECORD
from tws_maintenance.core.errors import (
    LockHeld,
    ProposalMissing,
    ProposalOutdated,
    ProposalTooOld,
    ProposalUnaudited,
    ProposalUsed,
    Refusal,
)
from tws_maintenance.demo.pages import companies
from tws_maintenance_tests.constituents.bench import (
    HSI,
    STI,
    audited,
    configure,
    promoted,
    ready,
    staged,
    staged_file,
    tree,
    with_one,
    with_strangers,
)
from tws_maintenance_tests.support import TIMEOUT_SECONDS, write_live

HOLDER = """
import sys
from pathlib import Path
from tws_maintenance.core.locks import hold
with hold(Path(sys.argv[1]), wait_seconds=5, holder="run of a colleague"):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def refusal(home: Home, kind: type[Refusal], code: str, says: str) -> Iterator[None]:
    """Expect this refusal, and that nothing in the home's data was touched."""
    before = tree(home.data)
    with pytest.raises(kind, match=says) as refused:
        yield
    assert refused.value.code == code
    assert tree(home.data) == before


@contextmanager
def lock_held_elsewhere(home: Home) -> Iterator["subprocess.Popen[str]"]:
    """Let another process hold the lock of the STI."""
    command = [sys.executable, "-c", HOLDER, str(home.locks / "sti.lock")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield holder
        holder.communicate(timeout=TIMEOUT_SECONDS)


def test_what_was_never_audited(home: Home) -> None:
    write_live(home, STI, companies("sti"))
    proposal = staged(home, STI, with_strangers(STI, 1))
    with refusal(home, ProposalUnaudited, "unaudited", "no readable receipt"):
        promoted(home, proposal)


def test_what_did_not_pass_its_audit_with_the_rule_that_failed(home: Home) -> None:
    write_live(home, STI, companies("sti"))
    proposal = staged(home, STI, with_one(STI, name="<b>"))
    audited(home, proposal, override=Override(allow_large_change=True))
    with refusal(home, ProposalUnaudited, "unaudited", "did not pass its audit: text_is_plain"):
        promoted(home, proposal)


def test_bytes_that_were_altered_after_their_audit(home: Home) -> None:
    write_live(home, STI, companies("sti"))
    proposal = ready(home, STI, with_strangers(STI, 1))
    path = staged_file(home, proposal)
    path.write_bytes(path.read_bytes().replace(b"Stranger", b"Somebody"))
    with refusal(home, ProposalUnaudited, "unaudited", "do not agree"):
        promoted(home, proposal)


def test_bytes_that_were_altered_before_their_audit_although_that_passed(home: Home) -> None:
    write_live(home, STI, companies("sti"))
    proposal = staged(home, STI, with_strangers(STI, 1))
    path = staged_file(home, proposal)
    path.write_bytes(path.read_bytes().replace(b"Stranger", b"Somebody"))
    assert audited(home, proposal).has_passed
    with refusal(home, ProposalUnaudited, "unaudited", "do not agree"):
        promoted(home, proposal)


def test_a_receipt_that_was_written_for_another_proposal(home: Home) -> None:
    write_live(home, STI, companies("sti"))
    audited_one = ready(home, STI, with_strangers(STI, 1))
    other = staged(home, STI, with_strangers(STI, 1), minutes=1)
    record = home.proposal(audited_one.proposal_id) / receipts.RECORD
    (home.proposal(other.proposal_id) / receipts.RECORD).write_bytes(record.read_bytes())
    with refusal(home, ProposalUnaudited, "unaudited", "Run a dry run again"):
        promoted(home, other)


def test_a_staged_file_that_is_gone(home: Home) -> None:
    write_live(home, STI, companies("sti"))
    proposal = ready(home, STI, with_strangers(STI, 1))
    staged_file(home, proposal).unlink()
    with refusal(home, ProposalMissing, "missing", "staged file of .* cannot be read"):
        promoted(home, proposal)


def test_a_folder_that_holds_the_proposal_of_another_list(home: Home) -> None:
    write_live(home, STI, companies("sti"))
    proposal = ready(home, STI, with_strangers(STI, 1))
    other = ready(home, HSI, companies("hsi"))
    path = home.proposal(proposal.proposal_id) / RECORD
    path.write_text(json.dumps(other.to_dict()))
    with refusal(home, ProposalMissing, "missing", "expected one of sti"):
        promoted(home, proposal)


def test_what_was_promoted_before(home: Home) -> None:
    write_live(home, STI, companies("sti"))
    proposal = ready(home, STI, with_strangers(STI, 1))
    promoted(home, proposal)
    with refusal(home, ProposalUsed, "used", "already promoted, by maintenance_20261122_183000"):
        promoted(home, proposal, minutes=1)


def test_what_was_promoted_before_also_after_its_list_was_put_back_by_hand(home: Home) -> None:
    former = write_live(home, STI, companies("sti"))
    proposal = ready(home, STI, with_strangers(STI, 1))
    promoted(home, proposal)
    home.live_file("sti").write_bytes(former)
    with refusal(home, ProposalUsed, "used", "Run a dry run for a new one"):
        promoted(home, proposal, minutes=1)


def test_what_is_older_than_a_day(home: Home) -> None:
    write_live(home, STI, companies("sti"))
    proposal = ready(home, STI, with_strangers(STI, 1))
    with refusal(
        home, ProposalTooOld, "too_old", "is 24.0 h old; it had to be promoted within 24 h"
    ):
        promoted(home, proposal, minutes=24 * 60 + 1)
    assert promoted(home, proposal, minutes=24 * 60).changed


def test_what_is_older_than_the_home_allows(home: Home) -> None:
    configure(home, "[proposals]\nmax_age_hours = 0.5\n")
    write_live(home, STI, companies("sti"))
    proposal = ready(home, STI, with_strangers(STI, 1))
    with refusal(home, ProposalTooOld, "too_old", r"\[proposals\] max_age_hours"):
        promoted(home, proposal, minutes=31)


@pytest.mark.parametrize("edited", [b"symbol,security\nD05.SI,DBS\n", b"", None])
def test_what_was_compared_with_another_live_file(home: Home, edited: bytes | None) -> None:
    write_live(home, STI, companies("sti"))
    proposal = ready(home, STI, with_strangers(STI, 1))
    home.live_file("sti").unlink()
    if edited is not None:
        home.live_file("sti").write_bytes(edited)
    with refusal(home, ProposalOutdated, "stale", "Somebody changed it since. Run a dry run again"):
        promoted(home, proposal)


def test_what_was_staged_when_there_was_no_file_and_now_there_is_one(home: Home) -> None:
    proposal = ready(home, STI, companies("sti"))
    write_live(home, STI, companies("sti")[1:])
    with refusal(home, ProposalOutdated, "stale", "expected no file, found "):
        promoted(home, proposal)


def test_the_second_of_two_proposals_made_from_one_live_file(home: Home) -> None:
    write_live(home, STI, companies("sti"))
    first = ready(home, STI, with_strangers(STI, 1))
    second = ready(home, STI, with_strangers(STI, 2), minutes=1)
    promoted(home, second, minutes=2)
    with refusal(home, ProposalOutdated, "stale", "is not the file that"):
        promoted(home, first, minutes=3)


@pytest.mark.process
def test_while_another_process_holds_the_list_and_not_any_longer(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWS_MAINTENANCE_LOCKS__WAIT", "0")
    write_live(home, STI, companies("sti"))
    write_live(home, HSI, companies("hsi"))
    proposal = ready(home, STI, with_strangers(STI, 1))
    with lock_held_elsewhere(home) as holder:
        with refusal(home, LockHeld, "lock_held", "sti is locked by run of a colleague"):
            promoted(home, proposal)
        assert promoted(home, ready(home, HSI, with_strangers(HSI, 1))).changed
        assert holder.poll() is None
    assert promoted(home, proposal, minutes=1).changed


@pytest.mark.process
def test_a_process_that_was_killed_holds_nothing(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWS_MAINTENANCE_LOCKS__WAIT", "5")
    write_live(home, STI, companies("sti"))
    proposal = ready(home, STI, with_strangers(STI, 1))
    with lock_held_elsewhere(home) as holder:
        holder.kill()
        holder.wait(timeout=TIMEOUT_SECONDS)
        assert promoted(home, proposal).changed
