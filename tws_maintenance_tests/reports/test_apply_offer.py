"""What a page offers for a dry run is what promoting it would accept, and it says why not."""

import json
import os
import time
from datetime import timedelta
from typing import Any

import pytest

from tws_maintenance.audit.receipt import RECORD as RECEIPT
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import MARKET_EVENTS, Index
from tws_maintenance.config.settings import load_settings
from tws_maintenance.constituents import proposal as proposals
from tws_maintenance.constituents.eligibility import State
from tws_maintenance.constituents.proposal import RECORD, Proposal
from tws_maintenance.constituents.stage import stage_backup
from tws_maintenance.demo.pages import companies
from tws_maintenance.reports.apply_offer import (
    ListReadiness,
    ProposalShelf,
    Readiness,
    readiness,
)
from tws_maintenance_tests.constituents.bench import (
    AT,
    HSI,
    SP500,
    STI,
    audited,
    configure,
    mark,
    promoted,
    ready,
    staged,
    with_one,
    with_strangers,
)
from tws_maintenance_tests.reports.shelf import report, result, whole
from tws_maintenance_tests.support import write_live

EXPIRES_AT = "2026-11-23T18:30:00.000Z"


def reported(*found: Proposal, **changed: Any) -> dict[str, Any]:
    """Return the report of the dry run that staged the proposals."""
    results = [
        result(
            f"{one.index}_constituents",
            dry_run=True,
            proposal_id=one.proposal_id,
            proposal_sha256=one.sha256,
        )
        for one in found
    ]
    return report(*results, **{"dry_run": True} | changed)


def asked(home: Home, told: dict[str, Any], *, hours: float = 0) -> Readiness:
    return readiness(home, load_settings(home), whole(told), AT + timedelta(hours=hours))


def only(home: Home, told: dict[str, Any], *, hours: float = 0) -> ListReadiness:
    (one,) = asked(home, told, hours=hours).lists
    return one


def newest(shelf: ProposalShelf, home: Home, index: Index) -> Proposal | None:
    state = shelf.newest_state(index, load_settings(home), AT)
    return state.proposal if state else None


@pytest.fixture
def waiting(home: Home) -> Proposal:
    """A proposal that changes one member and has passed its audit."""
    write_live(home, STI, companies("sti"))
    return ready(home, STI, with_strangers(STI, 1))


def test_what_passed_its_audit_can_be_applied_for_a_day(home: Home, waiting: Proposal) -> None:
    found = asked(home, reported(waiting), hours=23)
    (one,) = found.lists
    assert (one.task, one.proposal_id) == ("sti_constituents", waiting.proposal_id)
    assert (one.state, one.why) == (State.WAITING, f"Can be applied until {EXPIRES_AT}.")
    assert (one.can_apply, one.expires_at) == (True, EXPIRES_AT)
    assert (one.is_live, one.is_restore, one.failed_rules) == (False, False, ())
    assert found.can_apply
    assert (found.tasks_to_apply, found.override_tasks) == (("sti_constituents",), ())


def test_an_apply_is_not_applied_again_from_its_report(home: Home, waiting: Proposal) -> None:
    found = asked(home, reported(waiting, dry_run=False))
    assert (found.can_apply, found.tasks_to_apply) == (False, ("sti_constituents",))


def test_lists_are_in_the_order_of_the_tasks_and_events_are_none_of_them(home: Home) -> None:
    write_live(home, STI, companies("sti"))
    write_live(home, HSI, companies("hsi"))
    told = reported(ready(home, HSI, companies("hsi")), ready(home, STI, with_strangers(STI, 1)))
    told["results"] += [
        result(MARKET_EVENTS, proposal_id="maintenance_20261122_183000_market_events"),
        result("sp500_constituents", status="failed"),
    ]
    found = asked(home, told)
    assert [one.task for one in found.lists] == ["sti_constituents", "hsi_constituents"]
    assert [one.is_live for one in found.lists] == [False, True]
    assert found.lists[1].why == "Nothing to change: the live file already is this list."
    assert found.tasks_to_apply == ("sti_constituents", "hsi_constituents")


def test_a_change_that_cannot_be_applied_is_no_change_to_offer(home: Home) -> None:
    write_live(home, STI, companies("sti"))
    write_live(home, HSI, companies("hsi"))
    rejected = staged(home, STI, with_strangers(STI, 10))
    audited(home, rejected)
    found = asked(home, reported(rejected, ready(home, HSI, companies("hsi"))))
    assert [(one.can_apply, one.is_live) for one in found.lists] == [(False, False), (True, True)]
    assert found.tasks_to_apply == ("hsi_constituents",)


def test_what_is_too_old_says_since_when(home: Home, waiting: Proposal) -> None:
    one = only(home, reported(waiting), hours=25)
    assert (one.state, one.can_apply) == (State.TOO_OLD, False)
    assert one.why == (
        f"Expired at {EXPIRES_AT}: it is 25 h old, more than 24 h. Run a dry run again."
    )
    ahead = only(home, reported(waiting), hours=-1)
    assert ahead.why == (
        "Dated in the future (2026-11-22T18:30:00.000Z): check the clock. Run a dry run again."
    )


def test_what_was_compared_with_another_file_says_so(home: Home, waiting: Proposal) -> None:
    write_live(home, STI, companies("sti")[:-1])
    one = only(home, reported(waiting))
    assert (one.state, one.can_apply) == (State.OUTDATED, False)
    assert one.why == "The live file was changed since this dry run. Run a dry run again."


def test_what_was_applied_says_by_which_report(home: Home, waiting: Proposal) -> None:
    promoted(home, waiting, minutes=5)
    one = only(home, reported(waiting))
    assert (one.state, one.can_apply) == (State.PROMOTED, False)
    assert one.why == (
        "Applied already, by maintenance_20261122_183500 at 2026-11-22T18:35:00.000Z. "
        "Run a dry run for a new one."
    )


def test_a_large_change_alone_yields_to_the_override(home: Home) -> None:
    write_live(home, STI, companies("sti"))
    proposal = staged(home, STI, with_strangers(STI, 10))
    audited(home, proposal)
    found = asked(home, reported(proposal))
    (one,) = found.lists
    assert (one.state, one.failed_rules) == (State.REJECTED, ("turnover_is_within_limits",))
    assert one.why.startswith("Its audit failed: turnover_is_within_limits: ")
    assert (one.yields_to_override, found.override_tasks) == (True, ("sti_constituents",))
    assert not found.can_apply


def test_a_large_change_beside_another_fault_yields_to_nothing(home: Home) -> None:
    configure(home, "[indices.sti]\nmin_rows = 15\n")
    write_live(home, STI, companies("sti"))
    proposal = staged(home, STI, with_one(STI, name="<b>")[:20])
    audited(home, proposal)
    found = asked(home, reported(proposal))
    (one,) = found.lists
    assert {"text_is_plain", "count_change_is_within_limits"} < set(one.failed_rules)
    assert (one.yields_to_override, found.override_tasks) == (False, ())


def test_a_restore_is_not_offered_to_be_fetched_with_the_override(home: Home) -> None:
    write_live(home, STI, companies("sti"))
    promoted(home, ready(home, STI, with_strangers(STI, 1)))
    write_live(home, STI, with_strangers(STI, 10))
    proposal = stage_backup(home, STI, None, mark(5))
    audited(home, proposal)
    found = asked(home, reported(proposal))
    (one,) = found.lists
    assert (one.is_restore, one.yields_to_override) == (True, True)
    assert found.override_tasks == ()


def test_what_was_never_audited_says_so(home: Home, waiting: Proposal) -> None:
    (home.proposal(waiting.proposal_id) / RECEIPT).unlink()
    one = only(home, reported(waiting))
    assert (one.state, one.failed_rules, one.yields_to_override) == (State.REJECTED, (), False)
    assert "has no readable receipt" in one.why


def test_what_is_not_what_the_report_shows_is_not_offered(home: Home, waiting: Proposal) -> None:
    told = reported(waiting)
    told["results"][0]["proposal_sha256"] = "0" * 64
    found = asked(home, told)
    (one,) = found.lists
    assert (one.state, found.can_apply) == (State.REJECTED, False)
    assert one.why.startswith("The staged list is not the one in the report")


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ("maintenance_20261122_190000_sti", "No list was staged: There is no readable proposal"),
        ("maintenance_20261122_183000_hsi", "is not the id of a proposal of STI"),
        ("../../../etc", "is not the id of a proposal of STI"),
    ],
)
def test_a_report_that_names_no_proposal_of_the_list_is_told(
    home: Home, waiting: Proposal, named: object, says: str
) -> None:
    told = reported(waiting)
    told["results"][0]["proposal_id"] = named
    one = only(home, told)
    assert (one.state, one.can_apply, one.expires_at) == (State.REJECTED, False, None)
    assert says in one.why


@pytest.mark.parametrize(
    "edited",
    [
        {"index": "nikkei"},
        {"index": "hsi"},
        {"index": []},
        {"proposal_id": "maintenance_20261122_183000_hsi"},
        {"created_at": 5},
        {"created_at": "0001-01-01T00:00:00+23:00"},
        {"created_at": "yesterday"},
        {"approved": True},
    ],
)
def test_a_record_that_somebody_edited_is_rejected(
    home: Home, waiting: Proposal, edited: dict[str, Any]
) -> None:
    path = home.proposal(waiting.proposal_id) / RECORD
    path.write_text(json.dumps(waiting.to_dict() | edited))
    one = only(home, reported(waiting))
    assert (one.state, one.can_apply) == (State.REJECTED, False)
    state = ProposalShelf(home).newest_state(STI, load_settings(home), AT)
    assert state is not None
    assert state.state is State.REJECTED


@pytest.mark.parametrize("results", [None, 3, {}, ["sti_constituents"], [{}], [{"task": []}]])
def test_a_report_without_readable_results_is_damaged_and_offers_nothing(results: object) -> None:
    with pytest.raises(ValueError, match=r"^results"):
        whole(report(dry_run=True) | {"results": results})


def test_the_newest_proposal_is_told_with_what_became_of_it(home: Home, waiting: Proposal) -> None:
    shelf = ProposalShelf(home)
    assert newest(shelf, home, STI) == waiting
    assert shelf.newest_state(HSI, load_settings(home), AT) is None
    newer = ready(home, STI, with_strangers(STI, 2), minutes=1)
    assert newest(shelf, home, STI) == newer
    (home.proposal("maintenance_20261123_000000_sti") / "raw").mkdir(parents=True)
    state = shelf.newest_state(STI, load_settings(home), AT)
    assert state is not None
    assert (state.proposal, state.state) == (newer, State.WAITING)


@pytest.mark.parametrize("damage", [b"{", b"[" * 100_000, b"[]"])
def test_a_damaged_newest_proposal_does_not_show_an_older_one(
    home: Home, waiting: Proposal, damage: bytes
) -> None:
    (home.proposal(waiting.proposal_id) / RECORD).write_bytes(damage)
    shelf = ProposalShelf(home)
    state = shelf.newest_state(STI, load_settings(home), AT)
    assert state is not None
    assert (state.state, state.proposal) == (State.REJECTED, None)


def test_folders_that_rest_are_not_listed_again(
    home: Home, waiting: Proposal, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = time.time() - 60
    os.utime(home.staging, (before, before))
    shelf = ProposalShelf(home)
    assert newest(shelf, home, STI) == waiting
    monkeypatch.setattr(os, "scandir", lambda _: pytest.fail("it was listed"))
    assert newest(shelf, home, STI) == waiting
    assert newest(shelf, home, SP500) is None


def test_a_home_without_proposals_has_none(home: Home) -> None:
    assert newest(ProposalShelf(home), home, STI) is None
    assert list(proposals.proposal_ids(home, STI)) == []
