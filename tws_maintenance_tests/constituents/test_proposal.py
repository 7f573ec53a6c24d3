"""A proposal on disk: read back as written, found newest first, believed only where unaltered."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.constituents.proposal import (
    RAW,
    RECORD,
    Proposal,
    last_copy,
    proposal_ids,
    read_proposal,
)
from tws_maintenance.core.errors import ProposalMissing
from tws_maintenance.demo.pages import companies
from tws_maintenance.sources.model import DroppedRow, KnownCopy
from tws_maintenance_tests.constituents.bench import HSI, PAGE, STI, staged
from tws_maintenance_tests.support import table_of, write_live

URL = "http://127.0.0.1/wiki/sti"


def test_a_proposal_is_read_back_as_it_was_written(home: Home) -> None:
    write_live(home, STI, companies("sti")[1:])
    table = replace(
        table_of(companies("sti")),
        dropped=(DroppedRow("row 31: odd", "2 cells"),),
        beside=(DroppedRow("row 32: US DOLLAR", "cash"),),
        rows_read=31,
        stated_count=30,
        revision="1300000001",
        revised_at=datetime(2026, 11, 1, 8, tzinfo=UTC),
    )
    proposal = staged(home, STI, table)
    assert read_proposal(home, proposal.proposal_id) == proposal
    assert proposal.proposal_id == "maintenance_20261122_183000_sti"
    assert (proposal.before_count, proposal.after_count) == (29, 30)
    assert proposal.revised_at == "2026-11-01T08:00:00.000Z"
    lost = {"source": "wikipedia", "row": "row 31: odd", "reason": "2 cells"}
    beside = {"source": "wikipedia", "row": "row 32: US DOLLAR", "reason": "cash"}
    assert proposal.rows_dropped == (lost, beside)
    assert proposal.rows_lost == (lost,)


@pytest.mark.parametrize("damage", ["", "{", "[]", "null", '{"proposal_id": "x"}', "\ufffe"])
def test_a_damaged_record_is_no_proposal(home: Home, damage: str) -> None:
    proposal = staged(home, STI, companies("sti"))
    (home.proposal(proposal.proposal_id) / RECORD).write_text(damage, encoding="utf-16")
    with pytest.raises(ProposalMissing, match=f"no readable proposal {proposal.proposal_id}"):
        read_proposal(home, proposal.proposal_id)


def test_a_record_with_a_key_that_nobody_knows_is_no_proposal(home: Home) -> None:
    proposal = staged(home, STI, companies("sti"))
    path = home.proposal(proposal.proposal_id) / RECORD
    path.write_text(json.dumps({**proposal.to_dict(), "approved": True}))
    with pytest.raises(ProposalMissing):
        read_proposal(home, proposal.proposal_id)


def test_proposals_are_found_newest_first_also_those_of_one_second(home: Home) -> None:
    expected = [
        "maintenance_20261123_000000_sti",
        "maintenance_20261122_183000_10_sti",
        "maintenance_20261122_183000_9_sti",
        "maintenance_20261122_183000_2_sti",
        "maintenance_20261122_183000_sti",
        "maintenance_20251231_235959_3_sti",
    ]
    for proposal_id in sorted(expected):
        home.proposal(proposal_id).mkdir(parents=True)
        (home.proposal(proposal_id) / RECORD).write_text("{}")
    staged(home, HSI, companies("hsi"))
    assert list(proposal_ids(home, STI)) == expected


def test_a_folder_without_a_record_is_no_proposal(home: Home) -> None:
    kept = staged(home, STI, companies("sti"))
    (home.proposal("maintenance_20261123_000000_sti") / RAW).mkdir(parents=True)
    assert list(proposal_ids(home, STI)) == [kept.proposal_id]


def raw_file(home: Home, proposal: Proposal) -> bytes:
    return (home.proposal(proposal.proposal_id) / RAW / proposal.copies[0].file).read_bytes()


def test_the_last_copy_of_a_page_can_stand_for_an_unchanged_one(home: Home) -> None:
    proposal = staged(home, STI, companies("sti"))
    assert raw_file(home, proposal) == PAGE
    assert last_copy(home, STI, URL) == KnownCopy(PAGE, '"1"', None)
    assert last_copy(home, STI, "http://127.0.0.1/wiki/other") is None
    assert last_copy(home, HSI, URL) is None


@pytest.mark.parametrize("altered", [PAGE + b" ", b"", None])
def test_a_copy_that_somebody_altered_never_stands_for_the_page(
    home: Home, altered: bytes | None
) -> None:
    proposal = staged(home, STI, companies("sti"))
    path = home.proposal(proposal.proposal_id) / RAW / proposal.copies[0].file
    path.unlink()
    if altered is not None:
        path.write_bytes(altered)
    assert last_copy(home, STI, URL) is None
