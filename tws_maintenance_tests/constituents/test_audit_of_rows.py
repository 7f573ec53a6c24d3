"""One seeded defect each: the check that is about it fails, no other does, and it names it."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tws_maintenance.audit.results import Outcome, Rule
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import Index
from tws_maintenance.constituents import rules
from tws_maintenance.constituents.diff import Changes
from tws_maintenance.constituents.rules import staged_rules
from tws_maintenance.core.errors import SourceError
from tws_maintenance.demo.pages import Company, companies
from tws_maintenance.sources.model import SourceTable
from tws_maintenance_tests.constituents.bench import (
    HSI,
    SP500,
    STI,
    audited,
    names,
    outcome_of,
    staged,
    staged_file,
    with_one,
)
from tws_maintenance_tests.support import write_live

FAILED, WARNED, PASSED = Outcome.FAILED, Outcome.WARNED, Outcome.PASSED


@pytest.mark.parametrize("index", [SP500, STI, HSI], ids=lambda index: index.key)
def test_a_good_list_passes_every_rule_without_a_warning(home: Home, index: Index) -> None:
    write_live(home, index, companies(index.key))
    receipt = audited(home, staged(home, index, companies(index.key)))
    assert receipt.has_passed
    assert {check.outcome for check in receipt.checks} == {PASSED}
    assert [check.name for check in receipt.checks] == [rule.name for rule in staged_rules(index)]


@pytest.mark.parametrize(
    ("index", "listed", "rule", "offender"),
    [
        (SP500, with_one(SP500, ticker=""), rules.NON_EMPTY, "row 2: Amber Lane Inc."),
        (SP500, with_one(SP500, ticker="A/B"), rules.FORMAT, "'A/B'"),
        (SP500, with_one(SP500, ticker="TOOLONG"), rules.FORMAT, "'TOOLONG'"),
        (SP500, with_one(SP500, ticker="\u0410AA"), rules.FORMAT, "'\u0410AA'"),
        (SP500, with_one(SP500, ticker="BRK.B.C"), rules.FORMAT, "'BRK-B-C'"),
        (STI, with_one(STI, ticker="D05.SI"), rules.FORMAT, "'D05.SI.SI'"),
        (HSI, with_one(HSI, ticker="123456"), rules.FORMAT, "'123456.HK'"),
        (HSI, with_one(HSI, ticker="HSBC"), rules.FORMAT, "'HSBC.HK'"),
        (SP500, with_one(SP500, ticker="nan"), rules.MISSING_TEXT, "'NAN'"),
        (SP500, with_one(SP500, ticker="None"), rules.MISSING_TEXT, "'NONE'"),
        (STI, with_one(STI, ticker="nan"), rules.MISSING_TEXT, "'NAN.SI'"),
        (SP500, with_one(SP500, name="nan"), rules.MISSING_TEXT, "'nan'"),
        (SP500, with_one(SP500, name="None"), rules.MISSING_TEXT, "'None'"),
        (SP500, with_one(SP500, name="N/A"), rules.MISSING_TEXT, "'N/A'"),
        (SP500, with_one(SP500, name=""), rules.MISSING_TEXT, "no company"),
        (SP500, with_one(SP500, name="\u2014"), rules.MISSING_TEXT, "'\u2014'"),
        (SP500, with_one(SP500, name="<script>a()</script>"), rules.PLAIN, "<script>"),
        (SP500, with_one(SP500, name="A &lt;b&gt; plc"), rules.PLAIN, "&lt;"),
        (SP500, with_one(SP500, name="=cmd|' /C calc'!A0"), rules.PLAIN, "=cmd"),
        (SP500, with_one(SP500, name="@SUM(A1)"), rules.PLAIN, "'@SUM(A1)'"),
        (SP500, with_one(SP500, name="+1 plc"), rules.PLAIN, "'+1 plc'"),
        (SP500, with_one(SP500, name="-1 plc"), rules.PLAIN, "'-1 plc'"),
        (SP500, with_one(SP500, name="Amber\x07Lane"), rules.PLAIN, r"'Amber\x07Lane'"),
        (SP500, with_one(SP500, name="Amber\nLane"), rules.PLAIN, r"'Amber\nLane'"),
        (SP500, with_one(SP500, name="Amber\x85Lane"), rules.PLAIN, r"'Amber\x85Lane'"),
        (SP500, with_one(SP500, name="Amber Lane[3]"), rules.PLAIN, "'Amber Lane[3]'"),
        (HSI, with_one(HSI, sector="<b>Finance</b>"), rules.PLAIN, "<b>Finance</b>"),
        (HSI, [*companies("hsi"), Company("00001", "Twin", "Finance")], rules.UNIQUE, "'0001.HK'"),
    ],
)
def test_a_defect_fails_its_own_check_alone_and_is_named(
    home: Home, index: Index, listed: list[Company], rule: Rule, offender: str
) -> None:
    write_live(home, index, companies(index.key))
    receipt = audited(home, staged(home, index, listed))
    assert receipt.status == "failed"
    assert names(receipt.checks, FAILED) == {rule.name}
    (message,) = receipt.messages(FAILED)
    assert message.startswith(f"{rule.name}: ")
    assert offender in message


def test_a_dash_for_a_name_is_no_value_and_no_plain_text(home: Home) -> None:
    receipt = audited(home, staged(home, SP500, with_one(SP500, name="-")))
    assert names(receipt.checks, FAILED) == {rules.MISSING_TEXT.name, rules.PLAIN.name}


def test_a_dash_for_a_ticker_is_no_symbol_in_any_way(home: Home) -> None:
    receipt = audited(home, staged(home, SP500, with_one(SP500, ticker="-")))
    expected = {rules.MISSING_TEXT.name, rules.PLAIN.name, rules.FORMAT.name}
    assert names(receipt.checks, FAILED) == expected


def test_one_code_with_and_without_its_zero_is_one_company_twice(home: Home) -> None:
    members = [*companies("hsi"), Company("9988", "Alibaba", "Finance")]
    write_live(home, HSI, members)
    twice = [*members, Company("09988", "Alibaba Group", "Finance")]
    receipt = audited(home, staged(home, HSI, twice))
    assert names(receipt.checks, FAILED) == {rules.UNIQUE.name}
    check = outcome_of(receipt.checks, rules.UNIQUE)
    assert check.message == (
        "2 of 87 rows break the rule \"Every symbol is listed once\": '9988.HK' (row 87: Alibaba); "
        "'9988.HK' (row 88: Alibaba Group)"
    )
    assert [cell.row for cell in check.cells] == [87, 88]


def test_a_sector_that_is_none_of_the_eleven_is_a_warning(home: Home) -> None:
    write_live(home, SP500, companies("sp500"))
    receipt = audited(home, staged(home, SP500, with_one(SP500, sector="Technology")))
    assert receipt.has_passed
    (warning,) = receipt.messages(WARNED)
    assert "'Technology' (row 2: Amber Lane Inc.)" in warning


def test_the_sectors_of_another_market_are_not_measured_by_those_names(home: Home) -> None:
    receipt = audited(home, staged(home, HSI, with_one(HSI, sector="Technology")))
    assert rules.SECTORS.name not in {check.name for check in receipt.checks}
    assert receipt.messages(WARNED) == []


@pytest.mark.parametrize("name", ["symbol", "security", "sector", "sub_industry"])
def test_a_missing_column_fails_its_check_and_none_passes_that_needed_it(
    home: Home, name: str
) -> None:
    proposal = staged(home, SP500, companies("sp500"))
    path = staged_file(home, proposal)
    path.write_bytes(path.read_bytes().replace(name.encode(), b"renamed", 1))
    receipt = audited(home, proposal)
    assert receipt.status == "failed"
    message = outcome_of(receipt.checks, rules.COLUMNS).message
    assert message.startswith(f"no column {name}: expected symbol, security, sector, sub_industry")
    unable = {check.name for check in receipt.checks if f"no column {name}" in check.message}
    by_cell = {"NON_EMPTY", "UNIQUE", "FORMAT", "MISSING_TEXT", "PLAIN", "SECTORS", "COLUMNS"}
    assert unable == {getattr(rules, one).name for one in by_cell}
    assert unable == names(receipt.checks, FAILED)


def test_a_list_without_a_single_row_is_no_list(home: Home) -> None:
    with pytest.raises(SourceError, match="it lists 0 members, expected at least 25"):
        staged(home, STI, SourceTable(rows=(), dropped=(), rows_read=0))


def test_a_list_without_a_single_row_leaves_the_members_as_they_are(home: Home) -> None:
    write_live(home, STI, companies("sti"))
    proposal = staged(home, STI, SourceTable(rows=(), dropped=(), rows_read=0))
    receipt = audited(home, proposal)
    assert names(receipt.checks, FAILED) == {rules.PARSED.name}
    assert outcome_of(receipt.checks, rules.PARSED).message == "0 of 0 source rows were used"
    assert (proposal.after_count, proposal.changes) == (30, Changes())


def test_a_thousand_offenders_are_counted_and_the_first_named(home: Home) -> None:
    listed = [replace(one, name=f"={one.name}") for one in companies("sp500")]
    receipt = audited(home, staged(home, SP500, listed))
    check = outcome_of(receipt.checks, rules.PLAIN)
    assert check.message.startswith(
        '503 of 503 rows break the rule "Every text is plain, without markup, control characters, '
        "footnote marks or leading = + - @\": '=Amber"
    )
    assert check.message.endswith("; and 498 more")
    assert len(check.cells) == 20


def alter(old: str, new: str) -> Callable[[bytes], bytes]:
    return lambda content: content.replace(old.encode(), new.encode(), 1)


@pytest.mark.parametrize(
    ("altered", "failed"),
    [
        (alter("A00.SI", "D05.SI"), set()),
        (alter("A00.SI", "B01.SI"), {rules.UNIQUE.name}),
        (alter("A00.SI,A00,Amber Lane Inc.,,\n", ""), set()),
        (lambda _: b"symbol,display_symbol,security,sector,sub_industry\n", {rules.ROW_COUNT.name}),
    ],
)
def test_the_audit_judges_the_bytes_on_disk_and_its_receipt_is_for_them(
    home: Home, altered: Callable[[bytes], bytes], failed: set[str]
) -> None:
    proposal = staged(home, STI, companies("sti"))
    path = staged_file(home, proposal)
    path.write_bytes(altered(path.read_bytes()))
    receipt = audited(home, proposal)
    assert names(receipt.checks, FAILED) == failed
    assert receipt.sha256 != proposal.sha256
