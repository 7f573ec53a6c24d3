"""Which sources may vote, and why another is set aside: each keeps a reason that names it."""

from dataclasses import replace
from datetime import date, timedelta
from itertools import permutations

import pytest

from tws_maintenance.constituents.matching import Listing
from tws_maintenance.constituents.vote import DecidedBy, Decision
from tws_maintenance.constituents.voters import Answer, VoteRule
from tws_maintenance_tests.constituents.voting import (
    DAY,
    HSI,
    SP500,
    answer,
    listing,
    many,
    reason,
    refused,
    together,
    voted,
)

MEMBERS = many(20)
# Five of twenty others: ten shares that stand in one list only, of twenty.
ELSEWHERE = [*MEMBERS[5:], *many(5, 100)]
THIRD = [*MEMBERS[:15], *many(5, 200)]
LIMITS = replace(SP500, min_rows=18, max_rows=22)


def said(first: Answer, *others: str, rule: VoteRule = LIMITS) -> Decision:
    names = others or ("spy", "ivv")
    answers = [first, *(answer(name, MEMBERS) for name in names)]
    return voted(MEMBERS, *answers, rule=rule)


@pytest.mark.parametrize(
    ("wikipedia", "why"),
    [
        (answer("wikipedia", failure="HTTP status 503"), "HTTP status 503"),
        (answer("wikipedia"), "it lists 0 members, expected at least 18"),
        (
            answer("wikipedia", MEMBERS[3:]),
            "it lists 17 members, expected at least 18",
        ),
        (
            answer("wikipedia", [*MEMBERS, *many(3, 90)]),
            "it lists 23 members, expected at most 22",
        ),
        (
            answer("wikipedia", MEMBERS, as_of=DAY - timedelta(days=11)),
            "it is dated 2026-09-18, too old on 2026-09-29 (max_source_age_days is 10)",
        ),
        (
            answer("wikipedia", MEMBERS, as_of=DAY + timedelta(days=2)),
            "it is dated 2026-10-01, in the future on 2026-09-29",
        ),
        (
            answer("wikipedia", MEMBERS, stated_count=21),
            "it states 21 members but lists 20",
        ),
        (
            answer("wikipedia", MEMBERS, tables=2),
            "its list is split into 2 tables with the same columns",
        ),
        (
            answer("wikipedia", ELSEWHERE),
            (
                "it differs in 10 of 20 members from IVV, 10 of 20 members from SPY: "
                "more than 10% of the list"
            ),
        ),
    ],
)
def test_a_source_that_is_set_aside_is_named_and_holds_nothing_back(
    wikipedia: Answer, why: str
) -> None:
    found = said(wikipedia)
    assert reason(found, "wikipedia") == why
    assert (found.rule, found.is_confirmed) == (DecidedBy.QUORUM, True)
    assert found.reason == "2 of 3 sources are usable (SPY, IVV), and 2 of them must agree."
    # One that left is gone, whatever the source that is set aside has.
    left = voted([*MEMBERS, "OLD"], wikipedia, *_funds(), rule=LIMITS)
    assert left.symbols == tuple(MEMBERS)


def _funds() -> list[Answer]:
    return [answer("spy", MEMBERS), answer("ivv", MEMBERS)]


@pytest.mark.parametrize(
    "wikipedia",
    [
        answer("wikipedia", MEMBERS, as_of=DAY - timedelta(days=10)),
        answer("wikipedia", MEMBERS, as_of=DAY + timedelta(days=1)),
        answer("wikipedia", MEMBERS, as_of=None, stated_count=20),
        answer("wikipedia", MEMBERS[2:]),
        answer("wikipedia", [*MEMBERS, *many(2, 90)]),
    ],
)
def test_at_its_limits_a_source_is_still_usable(wikipedia: Answer) -> None:
    found = said(wikipedia)
    assert reason(found, "wikipedia") == ""
    assert found.symbols == tuple(MEMBERS)


def test_a_line_without_a_symbol_counts_as_the_member_that_it_may_be() -> None:
    rows = together(*MEMBERS[1:], listing("2670549D", "UNKNOWN"))
    found = said(answer("wikipedia", rows, stated_count=20))
    (standing,) = [one for one in found.sources if one.name == "wikipedia"]
    assert (standing.is_usable, standing.rows) == (True, 20)
    assert standing.notes == ("1 line without a recognised symbol: 2670549D UNKNOWN",)


def test_a_source_that_was_not_asked_and_one_without_a_vote_say_so() -> None:
    found = voted(MEMBERS, answer("wikipedia", MEMBERS), answer("yahoo", ELSEWHERE), answer("spy"))
    assert reason(found, "ivv") == "it was not asked"
    assert reason(found, "yahoo") == "it has no vote"
    assert [one.name for one in found.sources] == ["wikipedia", "spy", "ivv", "yahoo"]


def usable(live: list[str] | None, **lists: list[str]) -> set[str]:
    """Return which sources are usable, the same in any order of the answers."""
    rule = replace(SP500, voters=tuple(sorted(lists)))
    results = set()
    for order in permutations(lists):
        found = voted(live, *(answer(name, lists[name]) for name in order), rule=rule)
        results.add(frozenset(one.name for one in found.sources if one.is_usable))
    (result,) = results
    return set(result)


def test_one_source_is_compared_with_nobody() -> None:
    assert usable(MEMBERS, a=ELSEWHERE) == {"a"}


@pytest.mark.parametrize(
    ("live", "expected"),
    [(None, set()), (MEMBERS, {"a"}), (ELSEWHERE, {"b"}), (THIRD, set())],
)
def test_of_two_that_contradict_each_other_the_live_list_shows_which_is_odd(
    live: list[str] | None, expected: set[str]
) -> None:
    assert usable(live, a=MEMBERS, b=ELSEWHERE) == expected


def test_two_that_are_each_near_the_live_list_leave_it_as_it_is() -> None:
    a, b = [*MEMBERS[:19], *many(1, 100)], [*MEMBERS[1:], *many(1, 200)]
    assert usable(MEMBERS, a=a, b=b) == set()
    assert usable(MEMBERS, a=a) == {"a"}
    found = voted(MEMBERS, answer("spy", a), answer("ivv", b))
    assert (found.rule, found.symbols) == (DecidedBy.UNCONFIRMED, tuple(MEMBERS))


@pytest.mark.parametrize("live", [None, MEMBERS, ELSEWHERE])
def test_of_three_the_one_that_is_far_from_both_others_is_set_aside(
    live: list[str] | None,
) -> None:
    assert usable(live, a=MEMBERS, b=MEMBERS, c=ELSEWHERE) == {"a", "b"}


@pytest.mark.parametrize(("live", "expected"), [(None, set()), (MEMBERS, {"a"}), (many(9), set())])
def test_of_three_that_all_contradict_each_other_the_live_list_shows_which_is_right(
    live: list[str] | None, expected: set[str]
) -> None:
    assert usable(live, a=MEMBERS, b=ELSEWHERE, c=THIRD) == expected


def test_of_three_one_that_is_far_from_a_single_other_stays() -> None:
    start, middle, end = MEMBERS, [*MEMBERS[1:], *many(1, 100)], [*MEMBERS[2:], *many(2, 100)]
    assert usable(MEMBERS, a=start, c=end) == {"a"}
    assert usable(MEMBERS, a=start, b=middle, c=end) == {"a", "b", "c"}


@pytest.mark.parametrize("live", [None, MEMBERS, ELSEWHERE])
def test_of_four_those_that_agree_stay(live: list[str] | None) -> None:
    assert usable(live, a=MEMBERS, b=MEMBERS, c=MEMBERS, d=ELSEWHERE) == {"a", "b", "c"}
    assert usable(live, a=MEMBERS, b=MEMBERS, c=ELSEWHERE, d=THIRD) == {"a", "b"}


@pytest.mark.parametrize(
    ("live", "expected"), [(None, set()), (MEMBERS, {"a", "b"}), (ELSEWHERE, {"c", "d"})]
)
def test_of_two_pairs_the_one_that_is_near_the_live_list_stays(
    live: list[str] | None, expected: set[str]
) -> None:
    assert usable(live, a=MEMBERS, b=MEMBERS, c=ELSEWHERE, d=ELSEWHERE) == expected


def test_three_sources_that_agree_are_never_far_from_an_old_live_list() -> None:
    assert usable(ELSEWHERE, a=MEMBERS, b=MEMBERS, c=MEMBERS) == {"a", "b", "c"}


def test_a_ticker_that_changed_makes_no_list_far() -> None:
    renamed = [listing(f"N{one}", f"{one} Works Inc.") for one in MEMBERS]
    assert reason(voted(None, answer("wikipedia", MEMBERS), answer("spy", renamed)), "spy") == ""


CODES = [f"{number:04}.HK" for number in range(1, 21)]
STALE = [*CODES[5:], *(f"{number:04}.HK" for number in range(900, 905))]


@pytest.mark.parametrize("live", [CODES, STALE])
def test_one_stale_page_cannot_set_the_authority_aside(live: list[str]) -> None:
    found = voted(live, answer("hang_seng", CODES), answer("wikipedia", STALE), rule=HSI)
    assert (found.rule, found.symbols) == (DecidedBy.AUTHORITY, tuple(CODES))
    assert reason(found, "hang_seng") == ""


def test_two_that_contradict_the_authority_and_each_other_leave_it_the_decision() -> None:
    third = [*CODES[:15], *(f"{number:04}.HK" for number in range(800, 805))]
    funds = [answer("tracker2800", STALE), answer("ishares3115", third)]
    found = voted(STALE, answer("hang_seng", CODES), *funds, rule=HSI)
    assert (found.rule, found.symbols) == (DecidedBy.AUTHORITY, tuple(CODES))


def test_two_that_agree_against_the_authority_set_it_aside() -> None:
    funds = [answer(name, STALE) for name in ("tracker2800", "ishares3115")]
    found = voted(STALE, answer("hang_seng", CODES), *funds, rule=HSI)
    assert reason(found, "hang_seng").startswith("it differs in 10 of 20 members from ishares3115")
    assert (found.rule, found.symbols) == (DecidedBy.QUORUM, tuple(sorted(STALE)))


@pytest.mark.parametrize(
    ("odd", "why"),
    [
        (listing("0005.HK"), "it lists 0005.HK more than once"),
        (listing("", "HSBC"), "1 line without a recognised symbol: HSBC"),
    ],
)
def test_an_authority_with_an_odd_line_leaves_it_to_the_vote(odd: Listing, why: str) -> None:
    members = [answer(name, CODES) for name in ("tracker2800", "ishares3115", "wikipedia")]
    official = answer("hang_seng", together(*CODES, odd))
    found = voted(CODES, official, *members, rule=HSI)
    assert reason(found, "hang_seng") == why
    assert (found.rule, found.symbols) == (DecidedBy.QUORUM, tuple(CODES))


def test_an_incomplete_list_may_still_describe_and_an_old_one_may_not() -> None:
    new = answer("wikipedia", [listing(MEMBERS[0], "A Better Name")])
    assert said(new).rows[0].security == "A Better Name"
    assert said(replace(new, as_of=date(2026, 1, 1))).rows[0].security == "AAA Works Inc."


def test_two_answers_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two answers are named 'spy'"):
        voted(MEMBERS, answer("spy", MEMBERS), refused("spy"))
    with pytest.raises(ValueError, match="the quorum is 0; expected at least 1"):
        voted(MEMBERS, rule=replace(SP500, quorum=0))
