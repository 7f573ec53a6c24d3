"""What holds of every vote: each case of a small universe is tried, not a sample.

Shares are voted on one by one, so two of them, beside members that nobody disputes, are enough. A
list without its undisputed members is far from the rest; with `LOOSE` no list ever is.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import permutations, product

import pytest

from tws_maintenance.constituents.matching import Listing
from tws_maintenance.constituents.vote import DecidedBy, Outcome
from tws_maintenance.constituents.voters import Answer, VoteRule
from tws_maintenance_tests.constituents.voting import (
    SP500,
    answer,
    lines,
    listing,
    refused,
    three,
    voted,
)

BASE = ("AAA", "BBB", "CCC")
SUBSETS = tuple((*BASE, *extra) for extra in ((), ("XXX",), ("YYY",), ("XXX", "YYY")))
UNREAD = lines([*BASE, Listing("2670549D")])
ELSEWHERE = ("QQQ", "RRR", "SSS", "TTT")
FAR = replace(SP500, fail_disagreement=0.7)
LOOSE = replace(SP500, fail_disagreement=9.0)
# None refuses.
SAID = (*SUBSETS, None, UNREAD, ELSEWHERE)
# The two shares stand for each other, so a live list with the second one shows nothing new.
LIVE = (None, *SUBSETS[:2], SUBSETS[3])
RULES = pytest.mark.parametrize("rule", [FAR, LOOSE], ids=["far", "loose"])


def votes(choices: tuple[object, ...] = SAID) -> Iterator[tuple[Answer, Answer, Answer]]:
    for said in product(choices, repeat=3):
        yield three(*said)


@RULES
def test_the_order_of_the_answers_plays_no_part(rule: VoteRule) -> None:
    for answers in votes():
        expected = voted(SUBSETS[1], *answers, rule=rule)
        for order in (answers[::-1], (answers[1], answers[2], answers[0])):
            assert voted(SUBSETS[1], *order, rule=rule) == expected
    for answers in votes((*SUBSETS[:2], None, ELSEWHERE)):
        assert len({voted(None, *order, rule=rule) for order in permutations(answers)}) == 1


@RULES
def test_run_again_on_its_own_list_it_changes_nothing(rule: VoteRule) -> None:
    for answers in votes():
        for live in LIVE:
            first = voted(live, *answers, rule=rule)
            if not first.rows:
                continue
            again = voted(first.rows, *answers, rule=rule)
            assert again.rows == first.rows
            assert {one.outcome for one in again.ballots} <= {
                Outcome.UNDECIDED_IN,
                Outcome.UNDECIDED_OUT,
            }


@RULES
def test_no_single_source_adds_or_removes_anybody(rule: VoteRule) -> None:
    for live in SUBSETS:
        for place, said in product(range(3), SAID):
            for others in (live, None):
                rows: list[object] = [others] * 3
                rows[place] = said
                found = voted(live, *three(*rows), rule=rule)
                assert found.symbols == live


@RULES
def test_no_single_source_holds_back_what_two_agree_on(rule: VoteRule) -> None:
    for live, agreed in product(SUBSETS, repeat=2):
        for place, said in product(range(3), SAID):
            rows: list[object] = [agreed] * 3
            rows[place] = said
            found = voted(live, *three(*rows), rule=rule)
            # What funds list and no page does is for the funds to prove.
            is_page = place != 0 or said == agreed
            expected = set(agreed) if is_page else set(agreed) & set(live)
            undecided = set() if is_page else set(agreed) - set(live)
            assert set(found.symbols) - undecided == expected
            assert found.is_confirmed


@RULES
def test_nobody_is_a_member_whom_nobody_listed_and_nobody_leaves_whom_all_list(
    rule: VoteRule,
) -> None:
    for answers in votes():
        for live in LIVE:
            found = voted(live, *answers, rule=rule)
            usable = {one.name for one in found.sources if one.is_usable}
            lists = [{row.symbol for row in a.rows} for a in answers if a.name in usable]
            everybody = set(live or ()).union(*lists)
            if live is None and not usable:
                everybody = everybody.union(*({row.symbol for row in a.rows} for a in answers))
            assert set(found.symbols) <= everybody
            assert len(set(found.symbols)) == len(found.symbols)
            if live:
                assert set(live).intersection(*lists) <= set(found.symbols)


def test_without_a_quorum_the_live_list_is_kept_byte_for_byte() -> None:
    for answers in votes():
        for live in SUBSETS:
            found = voted(live, *answers, rule=FAR)
            if found.rule is DecidedBy.UNCONFIRMED:
                assert found.rows == lines(live)
                assert not found.is_confirmed
                assert {one.outcome for one in found.ballots} <= {
                    Outcome.UNDECIDED_IN,
                    Outcome.UNDECIDED_OUT,
                }


@pytest.mark.parametrize("name", ["page", "fund"])
def test_one_source_more_that_agrees_changes_nothing(name: str) -> None:
    for answers in votes((*SUBSETS, None)):
        for live in LIVE:
            before = voted(live, *answers, rule=LOOSE)
            if before.rule is not DecidedBy.QUORUM:
                continue
            more = replace(answer("more", before.symbols), is_fund=name == "fund")
            rule = replace(LOOSE, voters=(*LOOSE.voters, "more"))
            after = voted(live, *answers, more, rule=rule)
            assert after.symbols == before.symbols


def test_a_rename_never_loses_the_company_nor_has_it_twice() -> None:
    old, new = listing("OLD", "One Company"), listing("NEW", "ONE COMPANY LTD")
    placeholder = listing("1234567D", "One Company")
    said = [(*BASE, one) for one in (old, new, placeholder)]
    for kept in (old, new):
        for rows in product([*said, None], repeat=3):
            found = voted((*BASE, kept), *three(*rows), rule=LOOSE)
            assert len(found.symbols) == len(BASE) + 1
            tickers = [one[-1].symbol for one in rows if one and isinstance(one[-1], Listing)]
            other = new if kept is old else old
            if tickers.count(other.symbol) >= 2:
                assert other.symbol in found.symbols
                assert [one.outcome for one in found.ballots] == [Outcome.RENAMED]
            else:
                assert kept.symbol in found.symbols


def test_an_authority_decides_every_vote_that_it_takes_part_in() -> None:
    rule = replace(LOOSE, authority="hang_seng")
    for official in SUBSETS:
        for answers in votes((*SUBSETS, None)):
            found = voted(SUBSETS[1], answer("hang_seng", official), *answers, rule=rule)
            assert (found.rule, found.symbols) == (DecidedBy.AUTHORITY, official)
    for answers in votes((*SUBSETS, None)):
        without = voted(SUBSETS[1], *answers, rule=LOOSE)
        assert voted(SUBSETS[1], refused("hang_seng"), *answers, rule=rule).rows == without.rows
