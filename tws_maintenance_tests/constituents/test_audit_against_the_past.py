"""A list is also held against what it was: how much changed, what was lost, how old it is."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tws_maintenance.audit.receipt import Override, read_receipt
from tws_maintenance.audit.results import Outcome
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import Index
from tws_maintenance.constituents import rules
from tws_maintenance.demo.pages import Company, companies
from tws_maintenance.sources.model import DroppedRow, SourceTable
from tws_maintenance_tests.constituents.bench import (
    HSI,
    SP500,
    STI,
    audited,
    configure,
    names,
    outcome_of,
    promoted,
    staged,
    staged_file,
    with_one,
    with_strangers,
)
from tws_maintenance_tests.support import table_of, write_live

FAILED, WARNED, PASSED = Outcome.FAILED, Outcome.WARNED, Outcome.PASSED
LARGE = {rules.COUNT_CHANGE.name, rules.TURNOVER.name}
ACCEPTED = Override(allow_large_change=True, reason="quarterly review")
ANY_SIZE = "[indices.sti]\nmax_rows = 100\n"
MORE = [Company(f"NX{n:02d}", f"Newcomer {n}") for n in range(60)]


@pytest.mark.parametrize(
    ("index", "count", "outcome"),
    [
        (SP500, 450, PASSED),
        (SP500, 449, FAILED),
        (STI, 25, PASSED),
        (STI, 24, FAILED),
        (HSI, 70, PASSED),
        (HSI, 69, FAILED),
    ],
)
def test_a_list_shorter_than_its_index_can_be_fails(
    home: Home, index: Index, count: int, outcome: Outcome
) -> None:
    receipt = audited(home, staged(home, index, companies(index.key)[:count]))
    check = outcome_of(receipt.checks, rules.ROW_COUNT)
    assert check.outcome == outcome
    assert check.message == f"{count} rows, expected at least {index.min_rows}"
    assert receipt.has_passed is (outcome == PASSED)


@pytest.mark.parametrize(
    ("before", "after", "outcome"),
    [
        (30, 33, PASSED),
        (30, 34, WARNED),
        (30, 26, WARNED),
        (40, 50, WARNED),
        (40, 51, FAILED),
        (40, 30, WARNED),
        (40, 29, FAILED),
    ],
)
def test_a_change_of_the_count_warns_above_a_tenth_and_fails_above_a_quarter(
    home: Home, before: int, after: int, outcome: Outcome
) -> None:
    configure(home, ANY_SIZE)
    members = [*companies("sti"), *MORE]
    write_live(home, STI, members[:before])
    receipt = audited(home, staged(home, STI, members[:after]))
    check = outcome_of(receipt.checks, rules.COUNT_CHANGE)
    assert check.outcome == outcome
    assert check.message.startswith(f"{before} rows in the live file, {after} now: ")
    assert names(receipt.checks, outcome) >= LARGE
    assert names(receipt.checks, FAILED) == (LARGE if outcome == FAILED else set())


@pytest.mark.parametrize(
    ("replaced", "outcome"), [(1, PASSED), (2, WARNED), (3, WARNED), (4, FAILED), (30, FAILED)]
)
def test_members_that_were_exchanged_count_although_the_count_is_the_same(
    home: Home, replaced: int, outcome: Outcome
) -> None:
    write_live(home, STI, companies("sti"))
    receipt = audited(home, staged(home, STI, with_strangers(STI, replaced)))
    check = outcome_of(receipt.checks, rules.TURNOVER)
    assert check.outcome == outcome
    assert check.message.startswith(f"{replaced} added and {replaced} removed of 30: ")
    assert names(receipt.checks, FAILED) == ({rules.TURNOVER.name} if outcome == FAILED else set())


def test_a_list_of_which_every_row_is_another_is_refused(home: Home) -> None:
    write_live(home, SP500, companies("sp500"))
    strangers = [
        Company(f"Q{a}{b}", f"Stranger {a}{b}", "Energy", "Oil")
        for a in "ABCDEFGHIJKLMNOPQRSTUVW"
        for b in "ABCDEFGHIJKLMNOPQRSTUVW"
    ]
    receipt = audited(home, staged(home, SP500, strangers[:503]))
    (message,) = receipt.messages(FAILED)
    assert message == (
        "turnover_is_within_limits: 503 added and 503 removed of 503: 200.0% "
        "(warning above 10%, failure above 25%). "
        'If that is right, add --allow-large-change --reason "..."'
    )


def test_the_first_list_ever_is_compared_with_nothing(home: Home) -> None:
    receipt = audited(home, staged(home, STI, companies("sti")))
    assert receipt.has_passed
    for rule in (rules.COUNT_CHANGE, rules.TURNOVER):
        check = outcome_of(receipt.checks, rule)
        assert check.outcome == PASSED
        assert "not compared: there is no live file" in check.message


def test_an_accepted_large_change_passes_and_the_receipt_says_who_wanted_it(home: Home) -> None:
    configure(home, ANY_SIZE)
    write_live(home, STI, companies("sti"))
    proposal = staged(home, STI, [*companies("sti"), *MORE])
    assert names(audited(home, proposal).checks, FAILED) == LARGE
    receipt = audited(home, proposal, override=ACCEPTED)
    assert receipt.has_passed
    assert names(receipt.checks, WARNED) == LARGE
    assert all("(accepted: --allow-large-change)" in text for text in receipt.messages(WARNED))
    kept = read_receipt(home, proposal.proposal_id)
    assert kept == receipt
    assert (kept.allow_large_change, kept.reason) == (True, "quarterly review")


def test_accepting_a_large_change_accepts_nothing_else(home: Home) -> None:
    configure(home, "[indices.hsi]\nmin_rows = 60\n")
    write_live(home, HSI, companies("hsi"))
    listed = [*with_one(HSI, name="<b>")[:60], Company("00038", "Twin"), Company("", "Nobody")]
    table = replace(table_of(listed), rows_read=90, dropped=(DroppedRow("row 7", "odd"),) * 28)
    receipt = audited(home, staged(home, HSI, table), override=ACCEPTED)
    assert names(receipt.checks, FAILED) == {
        rules.PLAIN.name,
        rules.UNIQUE.name,
        rules.NON_EMPTY.name,
        rules.DROPPED.name,
    }
    assert names(receipt.checks, WARNED) >= LARGE


@pytest.mark.parametrize(
    ("index", "dropped", "outcome"), [(SP500, 1, WARNED), (SP500, 10, WARNED), (SP500, 11, FAILED)]
)
def test_source_rows_that_were_not_used_warn_and_above_two_in_a_hundred_fail(
    home: Home, index: Index, dropped: int, outcome: Outcome
) -> None:
    members = companies(index.key)
    table = replace(
        table_of(members),
        dropped=tuple(DroppedRow(f"row {n}: cash", "no ticker") for n in range(dropped)),
        rows_read=len(members) + dropped,
    )
    receipt = audited(home, staged(home, index, table))
    check = outcome_of(receipt.checks, rules.DROPPED)
    assert check.outcome == outcome
    assert f"{dropped} of {503 + dropped} source rows were dropped: row 0: cash" in check.message
    assert names(receipt.checks, outcome) == {rules.DROPPED.name}


def test_sectors_that_were_lost_are_named(home: Home) -> None:
    write_live(home, HSI, companies("hsi"))
    proposal = staged(home, HSI, companies("hsi"))
    path = staged_file(home, proposal)
    path.write_bytes(path.read_bytes().replace(b",Finance,", b",,", 2))
    receipt = audited(home, proposal)
    assert receipt.messages(WARNED) == [
        "sectors_are_not_lost: 2 members lost a sector: 0001.HK, 0149.HK"
    ]


@pytest.mark.parametrize(("lost", "outcome"), [(0, PASSED), (1, WARNED), (3, WARNED), (4, FAILED)])
@pytest.mark.parametrize("text", [b"", b"nan"])
def test_losing_more_than_a_tenth_of_the_sectors_fails(
    home: Home, lost: int, outcome: Outcome, text: bytes
) -> None:
    members = [replace(one, sector="Finance") for one in companies("sti")]
    write_live(home, STI, members)
    proposal = staged(home, STI, members)
    path = staged_file(home, proposal)
    path.write_bytes(path.read_bytes().replace(b",Finance,", b",%b," % text, lost))
    receipt = audited(home, proposal, override=ACCEPTED)
    check = outcome_of(receipt.checks, rules.SECTORS_LOST)
    assert (check.outcome, check.measured) == (outcome, lost)
    assert receipt.has_passed is (outcome != FAILED)


def test_lines_that_are_no_share_of_a_member_do_not_count_as_dropped(home: Home) -> None:
    members = companies("sti")
    lines = tuple(DroppedRow(f"row {n}: SGD CASH", "cash") for n in range(20))
    table = replace(table_of(members), beside=lines)
    proposal = staged(home, STI, table)
    receipt = audited(home, proposal)
    assert outcome_of(receipt.checks, rules.DROPPED).message == "0 of 30 source rows were dropped"
    assert outcome_of(receipt.checks, rules.PARSED).message == "30 of 30 source rows were used"
    assert names(receipt.checks, PASSED) >= {rules.DROPPED.name, rules.PARSED.name}
    assert [one["reason"] for one in proposal.rows_dropped] == ["cash"] * 20


def test_a_page_that_says_another_number_than_it_lists_confirms_nothing(home: Home) -> None:
    table = replace(table_of(companies("hsi")), stated_count=88)
    receipt = audited(home, staged(home, HSI, table))
    assert names(receipt.checks, FAILED) == {rules.CONFIRMED.name}
    assert "it states 88 members but lists 85" in "".join(receipt.messages(FAILED))
    (message,) = receipt.messages(WARNED)
    assert message == (
        "stated_count_agrees: the page states 88 members and its table has 85: "
        "members may be missing or outdated"
    )


def revised(day: int) -> SourceTable:
    at = datetime(2026, 11, day, 8, tzinfo=UTC)
    return replace(table_of(companies("sti")), revised_at=at)


@pytest.mark.parametrize(("day", "outcome"), [(9, WARNED), (10, PASSED), (11, PASSED)])
def test_a_page_older_than_the_one_before_is_a_warning(
    home: Home, day: int, outcome: Outcome
) -> None:
    first = staged(home, STI, revised(10))
    audited(home, first)
    promoted(home, first)
    receipt = audited(home, staged(home, STI, revised(day), minutes=1))
    check = outcome_of(receipt.checks, rules.NOT_OLDER)
    assert check.outcome == outcome
    assert receipt.has_passed
    if outcome == WARNED:
        assert "was last edited 2026-11-09T08:00:00.000Z" in check.message
        assert "one last edited 2026-11-10T08:00:00.000Z" in check.message


@pytest.mark.parametrize(
    ("modified", "outcome"),
    [
        ("Tue, 10 Nov 2026 07:59:59 GMT", WARNED),
        ("Tue, 10 Nov 2026 08:00:00 GMT", PASSED),
        ("yesterday, perhaps", PASSED),
    ],
)
def test_a_page_that_the_server_dates_earlier_is_a_warning(
    home: Home, modified: str, outcome: Outcome
) -> None:
    first = staged(home, STI, companies("sti"), last_modified="Tue, 10 Nov 2026 08:00:00 GMT")
    audited(home, first)
    promoted(home, first)
    second = staged(home, STI, companies("sti"), minutes=1, last_modified=modified)
    check = outcome_of(audited(home, second).checks, rules.NOT_OLDER)
    assert check.outcome == outcome
    assert ("was last modified" in check.message) is (outcome == WARNED)


def test_the_thresholds_are_settings_of_the_home_and_stand_in_the_receipt(home: Home) -> None:
    configure(
        home,
        "[indices.sti]\nmin_rows = 26\nwarn_turnover = 0.0\nfail_turnover = 0.05\n"
        "[indices.hsi]\nmin_rows = 10\n",
    )
    write_live(home, STI, companies("sti"))
    receipt = audited(home, staged(home, STI, with_strangers(STI, 1)))
    assert names(receipt.checks, FAILED) == {rules.TURNOVER.name}
    assert receipt.limits["min_rows"] == 26
    assert "1 added and 1 removed of 30: 6.7% (warning above 0%, failure above 5%)" in "".join(
        receipt.messages(FAILED)
    )
    assert audited(home, staged(home, HSI, companies("hsi")[:11])).has_passed


def test_names_that_slipped_by_one_row_fail_although_every_symbol_is_right(home: Home) -> None:
    members = companies("hsi")
    write_live(home, HSI, members)
    pairs = itertools.pairwise([*members, members[0]])
    shifted = [replace(one, name=other.name) for one, other in pairs]
    check = outcome_of(audited(home, staged(home, HSI, shifted)).checks, rules.NAMES)
    assert check.outcome == FAILED
    assert check.message.startswith("85 of 85 symbols that stayed now name another company: 100.0%")


def test_a_company_that_is_only_written_otherwise_is_the_same_one(home: Home) -> None:
    members = companies("hsi")
    write_live(home, HSI, members)
    spelt = [replace(one, name=one.name.upper().replace("INC.", "Incorporated")) for one in members]
    check = outcome_of(audited(home, staged(home, HSI, spelt)).checks, rules.NAMES)
    assert (check.outcome, check.measured) == (PASSED, 0.0)
