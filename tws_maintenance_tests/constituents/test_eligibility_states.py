"""What became of a proposal: each state, as promoting it now would find it."""

from datetime import timedelta

import pytest

from tws_maintenance.audit.receipt import RECORD as RECEIPT
from tws_maintenance.config.home import Home
from tws_maintenance.config.settings import load_settings
from tws_maintenance.constituents.eligibility import State, find_state, newest_states
from tws_maintenance.constituents.proposal import RECORD
from tws_maintenance.constituents.publishing import RECORD as PROMOTION
from tws_maintenance.core.errors import Refusal, UsageError
from tws_maintenance.demo.pages import companies
from tws_maintenance_tests.constituents.bench import (
    AT,
    HSI,
    STI,
    audited,
    promoted,
    ready,
    staged,
    with_one,
    with_strangers,
)
from tws_maintenance_tests.support import write_live


def state_after(home: Home, proposal_id: str, *, hours: float = 0) -> tuple[State, str]:
    at = AT + timedelta(hours=hours)
    found = find_state(home, proposal_id, load_settings(home), at)
    return found.state, found.why


@pytest.fixture
def waiting(home: Home) -> str:
    """A proposal that has passed its audit."""
    write_live(home, STI, companies("sti"))
    return ready(home, STI, with_strangers(STI, 1)).proposal_id


def test_what_passed_its_audit_waits_and_says_how_it_is_promoted(home: Home, waiting: str) -> None:
    assert state_after(home, waiting, hours=23) == (
        State.WAITING,
        "promote maintenance_20261122_183000",
    )


def test_what_waited_for_more_than_a_day_or_comes_from_the_future_is_too_old(
    home: Home, waiting: str
) -> None:
    assert state_after(home, waiting, hours=25) == (State.TOO_OLD, "25 h old, more than 24 h")
    assert state_after(home, waiting, hours=-1)[0] == State.TOO_OLD


def test_what_was_compared_with_another_file_is_outdated(home: Home, waiting: str) -> None:
    write_live(home, STI, companies("sti")[:-1])
    assert state_after(home, waiting)[0] == State.OUTDATED
    home.live_file("sti").unlink()
    assert state_after(home, waiting)[0] == State.OUTDATED


def test_what_was_promoted_names_the_report_that_did_it_also_when_it_is_old(home: Home) -> None:
    write_live(home, STI, companies("sti"))
    proposal = ready(home, STI, with_strangers(STI, 1))
    promoted(home, proposal, minutes=5)
    for hours in (1, 100):
        assert state_after(home, proposal.proposal_id, hours=hours) == (
            State.PROMOTED,
            "by maintenance_20261122_183500 at 2026-11-22T18:35:00.000Z",
        )


def test_what_failed_its_audit_is_rejected_for_the_rule_it_failed(home: Home) -> None:
    write_live(home, STI, companies("sti"))
    proposal = staged(home, STI, with_one(STI, name="<b>"))
    assert not audited(home, proposal).has_passed
    state, why = state_after(home, proposal.proposal_id)
    assert (state, why.split(":")[0]) == (State.REJECTED, "text_is_plain")


@pytest.mark.parametrize(
    ("damaged", "content", "says"),
    [
        (RECEIPT, None, "has no readable receipt"),
        (RECEIPT, b"{", "has no readable receipt"),
        (RECORD, None, "no list was staged"),
        (RECORD, b"{", "no list was staged"),
        (PROMOTION, b"{", "is damaged"),
    ],
)
def test_a_leftover_is_listed_not_lost(
    home: Home, waiting: str, damaged: str, content: bytes | None, says: str
) -> None:
    path = home.proposal(waiting) / damaged
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    (found,) = newest_states(home, load_settings(home), AT)
    assert (found.proposal_id, found.state) == (waiting, State.REJECTED)
    assert says in found.why
    assert (found.proposal is None) is (damaged == RECORD)
    assert found.to_dict()["state"] == "rejected"


def test_all_are_listed_the_newest_first_of_every_list(home: Home) -> None:
    for minutes, index in ((0, STI), (1, HSI), (2, STI)):
        write_live(home, index, companies(index.key))
        ready(home, index, with_strangers(index, 1), minutes=minutes)
    (home.staging / "notes of somebody").mkdir()
    found = newest_states(home, load_settings(home), AT)
    assert [one.proposal_id[-10:] for one in found] == ["183200_sti", "183100_hsi", "183000_sti"]


def test_one_that_is_not_there_is_a_usage_error(home: Home) -> None:
    with pytest.raises(UsageError, match="There is no proposal 'maintenance_1'"):
        state_after(home, "maintenance_1")


def test_only_what_waits_can_be_promoted(home: Home, waiting: str) -> None:
    assert state_after(home, waiting)[0] == State.WAITING
    write_live(home, STI, companies("sti")[:-1])
    proposal = find_state(home, waiting, load_settings(home), AT).proposal
    assert proposal is not None
    with pytest.raises(Refusal):
        promoted(home, proposal)
