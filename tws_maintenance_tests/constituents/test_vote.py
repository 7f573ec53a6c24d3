"""Who is a member, by the sources' votes: nobody vetoes, nobody undoes."""

from dataclasses import replace

import pytest

from tws_maintenance.constituents.matching import Listing
from tws_maintenance.constituents.vote import Ballot, DecidedBy, Outcome
from tws_maintenance_tests.constituents.voting import (
    HSI,
    NASDAQ,
    SP500,
    adds,
    answer,
    ballot,
    lines,
    listing,
    many,
    reason,
    refused,
    three,
    together,
    voted,
)

# More than ten of each, so that one symbol more or less makes no list far from the rest.
BASE = many(40)
ALL = ("wikipedia", "spy", "ivv")


def plus(*more: str | Listing) -> list[str | Listing]:
    return [*BASE, *more]


# --- joining and leaving ---------------------------------------------------------------------


@pytest.mark.parametrize("has", range(8))
@pytest.mark.parametrize("is_live", [False, True])
def test_every_way_that_three_sources_can_vote_on_a_symbol(has: int, *, is_live: bool) -> None:
    listed = [bool(has & 1 << place) for place in range(3)]
    rows = [plus("ZZZ") if one else BASE for one in listed]
    found = voted(plus("ZZZ") if is_live else BASE, *three(*rows))
    names = tuple(name for name, one in zip(ALL, listed, strict=True) if one)
    others = tuple(name for name in ALL if name not in names)
    if len(names) < 2:
        outcome = Outcome.LEAVES if is_live else None
    elif is_live:
        outcome = None
    else:
        outcome = Outcome.JOINS if "wikipedia" in names else Outcome.UNDECIDED_OUT
    row = None if outcome is None else Ballot("ZZZ", "ZZZ Works Inc.", names, others, (), outcome)
    assert found.ballots == ((row,) if row else ())
    is_in = outcome is Outcome.JOINS or (is_live and outcome is None)
    assert found.symbols == tuple(BASE) + (("ZZZ",) if is_in else ())
    assert (found.rule, found.is_confirmed) == (DecidedBy.QUORUM, True)


@pytest.mark.parametrize("missing", range(3))
@pytest.mark.parametrize("is_live", [False, True])
def test_two_of_two_agree_or_it_stays_as_it_is(missing: int, *, is_live: bool) -> None:
    rows: list[object] = [plus("ZZZ"), BASE, plus("ZZZ")]
    rows.insert(missing, None)
    rows = rows[:3]
    heard = [one for one in rows if one is not None]
    found = voted(plus("ZZZ") if is_live else BASE, *three(*rows))
    assert heard[0] != heard[1]
    assert ("ZZZ" in found.symbols) == is_live
    expected = Outcome.UNDECIDED_IN if is_live else Outcome.UNDECIDED_OUT
    assert [one.outcome for one in found.undecided] == [expected]


def test_what_only_funds_list_joins_where_an_announced_change_names_it() -> None:
    answers = three(BASE, plus("SPN"), plus("SPN"))
    assert ballot(voted(BASE, *answers), "SPN").outcome is Outcome.UNDECIDED_OUT
    found = voted(BASE, *answers, announced=[adds("SPN")])
    assert ballot(found, "SPN").outcome is Outcome.JOINS
    assert voted(found.rows, *answers).symbols == found.symbols
    # It gives no vote: one fund and an announcement are too little.
    alone = voted(BASE, *three(BASE, plus("SPN"), BASE), announced=[adds("SPN")])
    assert alone.symbols == tuple(BASE)


def test_two_funds_are_enough_to_leave() -> None:
    found = voted(plus("OLD"), *three(plus("OLD"), BASE, BASE))
    assert ballot(found, "OLD").outcome is Outcome.LEAVES


def test_of_four_two_against_two_stay_undecided_and_three_against_two_do_not() -> None:
    voters = ("wikipedia", "spy", "ivv", "voo", "rev")
    with_it = [answer(name, plus("ZZZ")) for name in ("wikipedia", "spy")]
    without = [answer(name, BASE) for name in ("ivv", "voo")]
    rule = replace(SP500, voters=voters)
    for live, outcome in ((BASE, Outcome.UNDECIDED_OUT), (plus("ZZZ"), Outcome.UNDECIDED_IN)):
        found = voted(live, *with_it, *without, rule=rule)
        assert ballot(found, "ZZZ").outcome is outcome
    fifth = answer("rev", plus("ZZZ"))
    assert ballot(voted(BASE, *with_it, *without, fifth, rule=rule), "ZZZ").outcome is Outcome.JOINS
    fifth = answer("rev", BASE)
    found = voted(plus("ZZZ"), *with_it, *without, fifth, rule=rule)
    assert ballot(found, "ZZZ").outcome is Outcome.LEAVES


# --- nobody undoes ---------------------------------------------------------------------------

CODES = [f"{number:04}.HK" for number in range(1, 94)]
STALE = [*CODES[5:], "0881.HK"]
PAGE = answer("wikipedia", STALE)
FUNDS = (answer("tracker2800", CODES), answer("ishares3115", CODES))


def test_the_authority_decides_whatever_the_others_say() -> None:
    found = voted(STALE, answer("hang_seng", CODES), *FUNDS, PAGE, rule=HSI)
    assert (found.rule, found.is_confirmed) == (DecidedBy.AUTHORITY, True)
    assert found.symbols == tuple(CODES)
    assert found.reason == (
        "Hang Seng Indexes decides: it is the authority, and its list is usable."
    )
    assert {one.outcome for one in found.ballots} == {Outcome.JOINS, Outcome.LEAVES}
    assert ballot(found, "0881.HK").listed_by == ("wikipedia",)
    assert ballot(found, "0001.HK").not_listed_by == ("wikipedia",)


def test_without_the_authority_the_others_vote() -> None:
    answers = (refused("hang_seng"), *FUNDS, PAGE)
    found = voted(CODES, *answers, rule=HSI)
    assert (found.rule, found.is_confirmed, found.symbols) == ("quorum", True, tuple(CODES))
    assert found.reason == (
        "Hang Seng Indexes, the authority, was not used: it refused us with status 403. 3 of 3 "
        "sources are usable (tracker2800, ishares3115, Wikipedia), and 2 of them must agree."
    )


def test_the_page_on_its_own_changes_nothing() -> None:
    answers = [refused(name) for name in ("hang_seng", "tracker2800", "ishares3115")]
    found = voted(CODES, *answers, PAGE, rule=HSI)
    assert (found.rule, found.is_confirmed) == (DecidedBy.UNCONFIRMED, False)
    assert found.rows == lines(CODES)
    assert found.reason == (
        "Hang Seng Indexes, the authority, was not used: it refused us with status 403. 1 of 3 "
        "sources is usable, but 2 must agree (tracker2800: it refused us with status 403; "
        "ishares3115: it refused us with status 403). The list stays as it is."
    )
    assert {one.symbol: one.outcome for one in found.undecided} == {
        **dict.fromkeys(CODES[:5], Outcome.UNDECIDED_IN),
        "0881.HK": Outcome.UNDECIDED_OUT,
    }


@pytest.mark.parametrize("funds", [True, False])
def test_a_page_that_lost_43_of_503_rows_takes_nobody_out(*, funds: bool) -> None:
    members = many(503)
    rule = replace(SP500, min_rows=450, max_rows=510)
    others = members if funds else None
    found = voted(members, *three(members[:460], members, others), rule=rule)
    assert reason(found, "wikipedia") == ""
    assert found.symbols == tuple(sorted(members))
    assert len(found.undecided) == (0 if funds else 43)


def test_a_fund_never_blocks_on_a_line_that_is_no_member() -> None:
    contra = listing("2602335D", "CONTRA HOLOGIC INCORPO", "436CVR021")
    live = plus(listing("HOLX", "Hologic"))
    found = voted(live, *three(BASE, plus(contra), BASE))
    assert found.symbols == tuple(BASE)
    assert ballot(found, "HOLX").abstaining == ("spy",)
    assert reason(found, "spy") == ""
    # As the only source that is left it changes nothing, and brings nothing in.
    found = voted(BASE, *three(None, plus(contra, "SPN"), None))
    assert (found.symbols, found.is_confirmed) == (tuple(BASE), False)


# --- too few sources -------------------------------------------------------------------------


def test_without_a_live_list_and_a_quorum_the_first_usable_source_is_staged() -> None:
    found = voted(None, *three(None, plus("SPN"), None))
    assert (found.rule, found.is_confirmed) == (DecidedBy.UNCONFIRMED, False)
    assert found.symbols == (*BASE, "SPN")
    assert found.reason.endswith("The list of SPY is staged as it is.")
    assert voted(found.rows, *three(None, BASE, None)).symbols == found.symbols


def test_two_funds_cannot_begin_a_list() -> None:
    found = voted(None, *three(None, plus("SPN"), BASE))
    assert (found.rule, found.is_confirmed) == (DecidedBy.UNCONFIRMED, False)
    assert found.reason == (
        "Only funds are usable, and funds do not hold only members. The list of SPY is staged "
        "as it "
        "is."
    )


def test_a_first_list_holds_what_a_quorum_agrees_on() -> None:
    found = voted(None, *three(plus("APP"), plus("SPN", "NEW"), plus("SPN", "NEW")))
    assert (found.rule, found.symbols) == (DecidedBy.QUORUM, tuple(BASE))
    assert {one.symbol for one in found.undecided} == {"SPN", "NEW"}


def test_where_no_list_is_sound_the_first_that_could_be_read_is_staged_for_the_audit() -> None:
    rule = replace(SP500, min_rows=450)
    found = voted(None, *three(BASE, None, None), rule=rule)
    assert (found.rule, found.symbols) == (DecidedBy.UNCONFIRMED, tuple(BASE))
    assert {one.listed_by for one in found.ballots} == {("wikipedia",)}
    found = voted(None, *three(None, None, None))
    assert (found.rule, found.rows, found.is_confirmed) == (DecidedBy.UNCONFIRMED, (), False)


def test_a_quorum_of_one_follows_the_first_usable_source() -> None:
    found = voted(plus("OLD"), answer("wikipedia", plus("NEW")), rule=NASDAQ)
    assert (found.rule, found.is_confirmed) == (DecidedBy.SINGLE, True)
    assert found.symbols == (*BASE, "NEW")
    assert found.reason == "Wikipedia decides: it is the first usable source."
    found = voted(plus("OLD"), refused("wikipedia"), rule=NASDAQ)
    assert (found.rule, found.symbols) == (DecidedBy.UNCONFIRMED, (*BASE, "OLD"))


def test_a_quorum_of_one_goes_on_to_the_next_source() -> None:
    rule = replace(SP500, quorum=1)
    found = voted(BASE, *three(None, plus("NEW"), BASE), rule=rule)
    assert (found.rule, found.symbols) == (DecidedBy.SINGLE, (*BASE, "NEW"))


def test_odd_lines_of_a_list_that_decides_stay_for_the_audit_to_refuse() -> None:
    odd = [listing("AAA", "AAA Works Inc."), listing("", "Nameless"), listing("AAB", "Another")]
    for live in (None, BASE):
        found = voted(live, answer("wikipedia", plus(*odd)), rule=NASDAQ)
        assert sorted(row.symbol for row in found.rows) == sorted([*BASE, "AAA", "", "AAB"])


# --- one share under two tickers -------------------------------------------------------------

FB, META = listing("FB", "Meta Platforms"), listing("META", "META PLATFORMS INC CLASS A")


def test_a_rename_waits_for_the_quorum_and_is_reported_once() -> None:
    first = voted(plus(FB), *three(plus(FB), plus(META), plus(FB)))
    assert first.symbols == (*BASE, "FB")
    assert first.ballots == ()
    second = voted(first.rows, *three(plus(FB), plus(META), plus(META)))
    assert second.symbols == (*BASE, "META")
    assert second.ballots == (
        Ballot("META", "Meta Platforms", ("spy", "ivv"), ("wikipedia",), (), Outcome.RENAMED, "FB"),
    )
    third = voted(second.rows, *three(plus(META), plus(META), plus(META)))
    assert (third.symbols, third.ballots) == (second.symbols, ())


def test_a_ticker_without_a_quorum_is_undecided_and_its_company_stays() -> None:
    found = voted(plus(FB), *three(plus(FB), plus(META), None))
    assert found.symbols == (*BASE, "FB")
    assert found.undecided == (
        Ballot("META", "Meta Platforms", ("spy",), ("wikipedia",), (), Outcome.UNDECIDED_OUT, "FB"),
    )


def test_an_identifier_of_the_live_list_carries_over_a_new_name() -> None:
    old = listing("FB", "Facebook", "US30303M1027")
    new = listing("META", "META PLATFORMS INC CLASS A", "30303M102")
    ivv = listing("META", "META PLATFORMS INC CLASS A")
    answers = three(plus(listing("FB", "Facebook")), plus(new), plus(ivv))
    found = voted(plus(old), *answers)
    assert ballot(found, "META").outcome is Outcome.RENAMED
    (row,) = [row for row in found.rows if row.symbol == "META"]
    assert row.identifiers == ("US30303M1027",)


def test_a_temporary_counter_in_hong_kong_is_the_same_company() -> None:
    galaxy = listing("0027.HK", "Galaxy Entertainment Group Limited")
    temporary = listing("2988.HK", "GALAXY ENTERTAINMENT GROUP L")
    rest = [code for code in CODES if code != "0027.HK"]
    live = together(*rest, galaxy)
    one = voted(
        live, answer("tracker2800", together(*rest, temporary)), answer("wikipedia", live), rule=HSI
    )
    assert "0027.HK" in one.symbols
    assert "2988.HK" not in one.symbols
    funds = [answer(name, together(*rest, temporary)) for name in ("tracker2800", "ishares3115")]
    two = voted(live, *funds, answer("wikipedia", live), rule=HSI)
    assert [(b.from_symbol, b.symbol, b.outcome) for b in two.ballots] == [
        ("0027.HK", "2988.HK", Outcome.RENAMED)
    ]


def test_an_authority_renames_at_once() -> None:
    galaxy = listing("0027.HK", "Galaxy Entertainment Group Limited")
    rest = [code for code in CODES if code != "0027.HK"]
    official = answer(
        "hang_seng", together(*rest, listing("2988.HK", "GALAXY ENTERTAINMENT GROUP L"))
    )
    found = voted(together(*rest, galaxy), official, rule=HSI)
    assert [(b.from_symbol, b.symbol, b.outcome) for b in found.ballots] == [
        ("0027.HK", "2988.HK", Outcome.RENAMED)
    ]


def test_a_company_that_joins_under_two_tickers_joins_once() -> None:
    found = voted(BASE, *three(plus(FB), plus(META), BASE))
    assert found.symbols == (*BASE, "FB")
    found = voted(BASE, *three(plus(FB), plus(META), plus(META)))
    assert found.symbols == (*BASE, "META")


@pytest.mark.parametrize(
    "pair",
    [
        (listing("GOOG", "Alphabet Inc. (Class C)"), listing("GOOGL", "Alphabet Inc. (Class A)")),
        (listing("FOX", "Fox Corporation"), listing("FOXA", "Fox Corporation")),
        (listing("BRK-A", "Berkshire Hathaway"), listing("BRK-B", "Berkshire Hathaway")),
    ],
)
def test_share_classes_are_voted_on_one_by_one(pair: tuple[Listing, Listing]) -> None:
    for left, stays in (pair, pair[::-1]):
        found = voted(plus(*pair), *three(plus(stays), plus(*pair), plus(stays)))
        assert found.symbols == tuple(sorted([*BASE, stays.symbol]))
        assert [(one.symbol, one.outcome) for one in found.ballots] == [
            (left.symbol, Outcome.LEAVES)
        ]
        crossed = voted(plus(*pair), *three(plus(*pair), plus(left), plus(stays)))
        assert (crossed.symbols, crossed.ballots) == (
            tuple(sorted([*BASE, left.symbol, stays.symbol])),
            (),
        )
        # Without any list that has both, neither stands for the other.
        apart = voted(plus(left), *three(plus(left), plus(stays), plus(stays)))
        assert {one.symbol: one.outcome for one in apart.ballots} == {
            left.symbol: Outcome.LEAVES,
            stays.symbol: Outcome.UNDECIDED_OUT,
        }


# --- lines without a proper ticker -----------------------------------------------------------

XOM = listing("XOM", "ExxonMobil", "30231G102")


@pytest.mark.parametrize(
    "line",
    [
        listing("2670549D", "EXXON MOBIL CORP"),
        listing("2670549D", "PENDING LINE", "30231G102"),
        listing("2670549D", "PENDING LINE", "US30231G1022"),
        listing("", "EXXON MOBIL CORP"),
    ],
)
def test_a_member_under_a_placeholder_is_recognised(line: Listing) -> None:
    found = voted(plus(XOM), *three(BASE, plus(line), plus(XOM)))
    assert (found.symbols, found.ballots) == ((*BASE, "XOM"), ())
    found = voted(plus(XOM), *three(BASE, plus(line), BASE))
    assert ballot(found, "XOM").listed_by == ("spy",)


def test_a_line_that_cannot_be_read_votes_on_nobody_that_it_might_be() -> None:
    unread = Listing("2670549D")
    live = plus("XOM", "CVX")
    found = voted(live, *three(plus("XOM", "CVX"), plus(unread), BASE))
    assert found.symbols == tuple(sorted([*BASE, "XOM", "CVX"]))
    for symbol in ("XOM", "CVX"):
        row = ballot(found, symbol)
        assert (row.listed_by, row.not_listed_by) == (("wikipedia",), ("ivv",))
        assert (row.abstaining, row.outcome) == (("spy",), Outcome.UNDECIDED_IN)
    # It is no vote for them either.
    found = voted(BASE, *three(plus("XOM"), plus(unread), BASE))
    assert ballot(found, "XOM").outcome is Outcome.UNDECIDED_OUT
    # With a name that only one of them can have, the other is voted on.
    named = listing("2670549D", "EXXON NEW LINE")
    live = plus(XOM, "CVX")
    found = voted(live, *three(live, plus(named), BASE))
    assert [(one.symbol, one.outcome) for one in found.ballots] == [
        ("CVX", Outcome.LEAVES),
        ("XOM", Outcome.UNDECIDED_IN),
    ]


# --- the rows --------------------------------------------------------------------------------


def test_each_column_comes_from_its_describer_then_the_live_list_then_anybody() -> None:
    rule = replace(SP500, describe=(("security", ("wikipedia",)), ("sector", ("ivv", "spy"))))
    live = [
        Listing("AAA", "Alpha", "Live sector", "Live sub-industry"),
        Listing("BBB", "Beta", "Live sector", "Live sub-industry"),
    ]
    wikipedia = [Listing("AAA", "Alpha plc"), Listing("BBB", ""), Listing("CCC", "", "Page")]
    spy = [Listing("AAA", "ALPHA"), Listing("BBB", "BETA", "Fund"), Listing("CCC", "GAMMA CORP")]
    ivv = [Listing("AAA", "ALPHA"), Listing("BBB", "BETA"), Listing("CCC", "GAMMA CORP", "", "Sub")]
    found = voted(live, *three(wikipedia, spy, ivv), rule=rule)
    assert [(r.symbol, r.security, r.sector, r.sub_industry) for r in found.rows] == [
        ("AAA", "Alpha plc", "Live sector", "Live sub-industry"),
        ("BBB", "Beta", "Fund", "Live sub-industry"),
        ("CCC", "GAMMA CORP", "Page", "Sub"),
    ]


def test_a_renamed_member_keeps_what_the_live_list_says_of_it() -> None:
    live = plus(Listing("FB", "Meta Platforms", "Communication Services", "Media"))
    new = Listing("META", "META PLATFORMS INC")
    found = voted(live, *three(plus(new), plus(new), plus(new)))
    (row,) = [row for row in found.rows if row.symbol == "META"]
    assert (row.sector, row.sub_industry) == ("Communication Services", "Media")


def test_rows_are_sorted_and_an_unconfirmed_list_keeps_every_row() -> None:
    live = [listing("BBB"), listing("AAA", "Two"), listing("AAA", "One")]
    found = voted(live, *three(None, None, None))
    assert [(row.symbol, row.security) for row in found.rows] == [
        ("AAA", "One"),
        ("AAA", "Two"),
        ("BBB", "BBB Works Inc."),
    ]
