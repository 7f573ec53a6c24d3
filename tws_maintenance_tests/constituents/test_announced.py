"""Announced changes: what explains a change, what waits for its day, and what is overdue."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

import pytest

from tws_maintenance.config.indices import INDICES
from tws_maintenance.constituents.announced import (
    LOOK_BACK,
    Announcements,
    Status,
    overdue_texts,
)
from tws_maintenance.constituents.diff import Changes, Member, Rename
from tws_maintenance.constituents.matching import Listing
from tws_maintenance.constituents.vote import DecidedBy, Outcome
from tws_maintenance.sources.model import (
    Action,
    AnnouncedChange,
    AnnouncedTable,
    Attempt,
    Gathered,
)
from tws_maintenance_tests.constituents.voting import (
    HSI,
    NASDAQ,
    adds,
    answer,
    ballot,
    lines,
    listing,
    many,
    removes,
    three,
    together,
    voted,
)

BASE = many(40)
EFFECTIVE = date(2025, 9, 22)
EARLY, EVE = date(2025, 9, 6), EFFECTIVE - timedelta(days=1)
JOINING = {"APP": "AppLovin", "HOOD": "Robinhood Markets", "EME": "Emcor"}
LEAVING = {"MKTX": "MarketAxess", "CZR": "Caesars Entertainment", "ENPH": "Enphase Energy"}
SEPTEMBER = tuple(
    AnnouncedChange(EFFECTIVE, action, symbol, company, other, "Market capitalization change.")
    for action, found, others in (
        (Action.ADD, JOINING, LEAVING),
        (Action.REMOVE, LEAVING, JOINING),
    )
    for (symbol, company), other in zip(found.items(), others, strict=True)
)


def members(*names: dict[str, str]) -> list[str | Listing]:
    """Return a list of the members that are always there and of those that are named."""
    return [*BASE, *(listing(s, c) for found in names for s, c in found.items())]


def changes(added: str = "", removed: str = "", renamed: Iterable[Rename] = ()) -> Changes:
    """Return a preview's changes; a company is named after its symbol."""
    moved = [*renamed]
    came, went = (
        tuple(Member(s, f"{s} Works Inc.") for s in text.split()) for text in (added, removed)
    )
    return Changes(
        (*came, *(Member(one.to_symbol, one.security) for one in moved)),
        (*went, *(Member(one.from_symbol, one.security) for one in moved)),
        tuple(moved),
    )


def told(
    known: Announcements, preview: Changes, since: date | None = None
) -> dict[tuple[str, str], tuple[str, date | None]]:
    """Return {(action, symbol): (status, day)} of the records of a preview."""
    since = since or known.day - timedelta(days=1)
    records = known.records(preview, since)
    found = {
        (one.action.value, one.symbol): (one.status.value, one.effective_date) for one in records
    }
    assert len(found) == len(records), "each once"
    return found


TODAY = date(2026, 9, 29)
EFFECTIVE_SOON = TODAY + timedelta(days=6)


def announced(*known: AnnouncedChange, day: date = TODAY) -> Announcements:
    return Announcements(known, day)


def before(days: int) -> date:
    return TODAY - timedelta(days=days)


# --- the vote --------------------------------------------------------------------------------


@pytest.mark.parametrize("day", [EARLY, EVE])
def test_what_a_quorum_anticipates_stays_as_it_is_until_its_day(day: date) -> None:
    # The page had them on 6 September 2025, effective on the 22nd; here a fund follows it.
    new, old = members(JOINING), members(LEAVING)
    found = voted(old, *three(new, new, old), announced=SEPTEMBER, day=day)
    assert set(found.symbols) == {*BASE, *LEAVING}
    assert {one.symbol: (one.outcome, one.held_by) for one in found.undecided} == {
        one.symbol: (
            Outcome.UNDECIDED_OUT if one.action is Action.ADD else Outcome.UNDECIDED_IN,
            one,
        )
        for one in SEPTEMBER
    }
    assert found.is_confirmed


def test_on_its_day_the_vote_goes_its_way() -> None:
    new, old = members(JOINING), members(LEAVING)
    found = voted(old, *three(new, new, old), announced=SEPTEMBER, day=EFFECTIVE)
    assert set(found.symbols) == {*BASE, *JOINING}
    # A page that lags does not keep them waiting, and has no vote less for it.
    lagging = voted(old, *three(old, new, new), announced=SEPTEMBER, day=EFFECTIVE)
    assert set(lagging.symbols) == {*BASE, *JOINING}
    alone = voted(old, *three(old, new, old), announced=SEPTEMBER, day=EFFECTIVE)
    assert set(alone.symbols) == {*BASE, *LEAVING}


def test_three_members_that_the_page_lacks_for_nine_days_join_by_funds_and_announcement() -> None:
    new, old = members(JOINING), members(LEAVING)
    for late in range(9):
        day = EFFECTIVE + timedelta(days=late)
        assert set(voted(old, *three(old, new, new), day=day).symbols) == {*BASE}
        found = voted(old, *three(old, new, new), announced=SEPTEMBER, day=day)
        assert set(found.symbols) == {*BASE, *JOINING}


@pytest.mark.parametrize(("days", "joins"), [(42, True), (43, False)])
def test_an_addition_counts_for_six_weeks_where_only_funds_list_it(
    days: int, *, joins: bool
) -> None:
    said = three(BASE, [*BASE, "ZZZ"], [*BASE, "ZZZ"])
    found = voted(BASE, *said, announced=[adds("ZZZ", before(days))], day=TODAY)
    assert ("ZZZ" in found.symbols) is joins


def test_an_addition_that_was_taken_back_lets_nobody_in() -> None:
    said = three(BASE, [*BASE, "ZZZ"], [*BASE, "ZZZ"])
    known = [adds("ZZZ", before(12)), removes("ZZZ", before(11))]
    assert "ZZZ" not in voted(BASE, *said, announced=known, day=TODAY).symbols


def test_a_when_issued_line_has_the_name_of_the_addition_and_does_not_join() -> None:
    line = listing("MRP-W", "Millrose Properties")
    said = three(BASE, [*BASE, line], [*BASE, line])
    known = [adds("MRP", before(1), "Millrose Properties")]
    assert ballot(voted(BASE, *said, announced=known, day=TODAY), "MRP-W").outcome is (
        Outcome.UNDECIDED_OUT
    )


def test_an_announcement_that_is_withdrawn_holds_nobody_and_one_that_moves_holds_longer() -> None:
    said = three([*BASE, "ZZZ"], [*BASE, "ZZZ"], BASE)
    first, later = TODAY + timedelta(days=1), TODAY + timedelta(days=8)

    def joins(*known: AnnouncedChange, day: date = TODAY) -> bool:
        return "ZZZ" in voted(BASE, *said, announced=known, day=day).symbols

    assert not joins(adds("ZZZ", first))
    assert joins()
    assert not joins(adds("ZZZ", later), day=first)
    # Its source may keep the row of the first date.
    assert not joins(adds("ZZZ", first), adds("ZZZ", later), day=first)
    assert joins(adds("ZZZ", first), adds("ZZZ", later), day=later)


def test_a_vote_against_what_is_announced_counts_before_its_day() -> None:
    # The list has it too early, and two sources say so.
    soon = [adds("ZZZ", TODAY + timedelta(days=5))]
    found = voted([*BASE, "ZZZ"], *three(BASE, BASE, [*BASE, "ZZZ"]), announced=soon, day=TODAY)
    assert ballot(found, "ZZZ").outcome is Outcome.LEAVES
    # The list lacks what is a member until it leaves.
    said = three([*BASE, "ZZZ"], [*BASE, "ZZZ"], BASE)
    soon = [removes("ZZZ", TODAY + timedelta(days=5))]
    assert ballot(voted(BASE, *said, announced=soon, day=TODAY), "ZZZ").outcome is Outcome.JOINS


def test_a_symbol_that_is_to_leave_and_to_come_back_is_followed_step_by_step() -> None:
    known = [removes("ZZZ", date(2026, 10, 5)), adds("ZZZ", date(2026, 10, 19))]
    has, lacks = [*BASE, "ZZZ"], BASE

    def outcomes(live: list[str], said: list[str], day: date) -> list[Outcome]:
        found = voted(live, *three(said, said, live), announced=known, day=day)
        return [one.outcome for one in found.ballots]

    assert outcomes(has, lacks, date(2026, 10, 4)) == [Outcome.UNDECIDED_IN]
    assert outcomes(has, lacks, date(2026, 10, 5)) == [Outcome.LEAVES]
    assert outcomes(lacks, has, date(2026, 10, 18)) == [Outcome.UNDECIDED_OUT]
    assert outcomes(lacks, has, date(2026, 10, 19)) == [Outcome.JOINS]


def test_one_that_takes_over_the_symbol_of_another_on_one_day_stays_in() -> None:
    known = [removes("ZZZ", EFFECTIVE, "Old Works"), adds("ZZZ", EFFECTIVE, "New Works")]
    live = together(*BASE, listing("ZZZ", "Old Works"))
    said = three([*BASE, listing("ZZZ", "New Works")], live, live)
    for day in (EVE, EFFECTIVE, EFFECTIVE + timedelta(days=3)):
        found = voted(live, *said, announced=known, day=day)
        assert (found.ballots, "ZZZ" in found.symbols) == ((), True)
        assert announced(*known, day=day).overdue(found.rows) == ()


def test_a_new_ticker_that_is_announced_waits_for_its_day() -> None:
    old, new = (together(*BASE, listing(s, "Meta Platforms")) for s in ("FB", "META"))
    known = [
        removes("FB", EFFECTIVE, "Facebook"),
        adds("META", EFFECTIVE, "Meta Platforms"),
    ]
    early = voted(old, *three(new, new, old), announced=known, day=EVE)
    (waiting,) = early.ballots
    assert (waiting.symbol, waiting.from_symbol, waiting.held_by) == ("META", "FB", known[1])
    assert "FB" in early.symbols
    found = voted(old, *three(new, new, old), announced=known, day=EFFECTIVE)
    assert [one.outcome for one in found.ballots] == [Outcome.RENAMED]


def test_the_company_is_enough_to_wait_where_a_source_has_another_ticker() -> None:
    line = listing("ZZY", "Zed Works")
    known = [adds("ZZZ", TODAY + timedelta(days=3), "Zed Works Inc.")]
    found = voted(BASE, *three([*BASE, line], [*BASE, line], BASE), announced=known, day=TODAY)
    assert ballot(found, "ZZY").held_by == known[0]


def test_a_first_list_does_not_anticipate_what_all_sources_do() -> None:
    rows = [*BASE, "ZZZ"]
    known = [adds("ZZZ", TODAY + timedelta(days=3))]
    found = voted(None, *three(rows, rows, rows), announced=known, day=TODAY)
    assert found.symbols == tuple(BASE)
    assert ballot(found, "ZZZ").outcome is Outcome.UNDECIDED_OUT
    assert (
        "ZZZ"
        in voted(
            None, *three(rows, rows, rows), announced=known, day=known[0].effective_date
        ).symbols
    )


def test_the_authority_has_its_way_before_the_day_and_after_it() -> None:
    base = [f"{n:04}.HK" for n in range(1, 31)]
    known = [adds("9999.HK", TODAY + timedelta(days=3))]
    answers = (answer("hang_seng", [*base, "9999.HK"]), answer("tracker2800", base))
    found = voted(base, *answers, rule=HSI, announced=known, day=TODAY)
    assert (found.rule, "9999.HK" in found.symbols) == (DecidedBy.AUTHORITY, True)
    preview = Changes(added=(Member("9999.HK", "CATL"),))
    assert told(announced(*known), preview) == {
        ("add", "9999.HK"): ("explains", known[0].effective_date)
    }


def test_a_single_page_does_not_anticipate_either() -> None:
    known = [adds("ZZZ", TODAY + timedelta(days=3)), removes(BASE[0], TODAY + timedelta(days=3))]
    page = answer("wikipedia", [*BASE[1:], "ZZZ"])
    found = voted(BASE, page, rule=NASDAQ, announced=known, day=TODAY)
    assert found.symbols == tuple(BASE)
    found = voted(BASE, page, rule=NASDAQ, announced=known, day=known[0].effective_date)
    assert set(found.symbols) == {*BASE[1:], "ZZZ"}


# --- what explains a change ------------------------------------------------------------------


def test_each_change_is_explained_or_not_and_what_is_ahead_is_named() -> None:
    known = announced(
        adds("NEW", before(1)),
        removes("OLD", before(1)),
        adds("SOON", TODAY + timedelta(days=9)),
        adds("PAST", before(60)),
    )
    assert told(known, changes("NEW ODD", "OLD")) == {
        ("add", "NEW"): ("explains", before(1)),
        ("remove", "OLD"): ("explains", before(1)),
        ("add", "ODD"): ("unexplained", None),
        ("add", "SOON"): ("upcoming", TODAY + timedelta(days=9)),
    }


def test_the_record_has_what_the_announcement_says() -> None:
    known = Announcements(SEPTEMBER, EFFECTIVE)
    (record,) = known.records(Changes(added=(Member("APP", "AppLovin Corp"),)), EVE)
    assert record.to_dict() == {
        "effective_date": "2025-09-22",
        "action": "add",
        "symbol": "APP",
        "security": "AppLovin Corp",
        "counterpart": "MKTX",
        "reason": "Market capitalization change.",
        "source": "",
        "status": "explains",
    }


def test_a_ticker_of_1999_that_was_used_again_explains_nothing() -> None:
    known = announced(adds("NEW", date(1999, 6, 1)))
    assert told(known, changes("NEW")) == {("add", "NEW"): ("unexplained", None)}
    assert known.records(changes("NEW"), None)[0].status is Status.UNEXPLAINED


def test_an_explanation_is_no_older_than_the_list_or_a_source_that_lags() -> None:
    last, older = LOOK_BACK.days, LOOK_BACK.days + 1

    def is_explained(days: int, since: date | None) -> bool:
        found = announced(adds("NEW", before(days))).records(changes("NEW"), since)
        return found[0].status is Status.EXPLAINS

    assert is_explained(last, before(1))
    assert not is_explained(older, before(1))
    # A home that nobody ran for a year, and one of which nobody knows.
    assert is_explained(older, before(365))
    assert is_explained(395, before(365))
    assert not is_explained(396, before(365))
    assert is_explained(400, None)
    assert not is_explained(401, None)


def test_of_two_announcements_of_one_symbol_the_nearest_explains() -> None:
    known = announced(adds("NEW", before(90)), adds("NEW", before(3)))
    assert told(known, changes("NEW")) == {("add", "NEW"): ("explains", before(3))}


def test_where_not_all_announcements_are_known_no_change_is_called_unannounced() -> None:
    rename = Rename("FB", "META", "Meta Platforms")
    some = Announcements((adds("NEW", before(1)), adds("SOON", EFFECTIVE_SOON)), TODAY, False)
    assert told(some, changes("NEW ODD", "OLD", [rename])) == {
        ("add", "NEW"): ("explains", before(1)),
        ("add", "SOON"): ("upcoming", EFFECTIVE_SOON),
    }


def test_what_a_later_change_undid_explains_nothing_any_more() -> None:
    known = announced(removes("ZZZ", before(60)), adds("ZZZ", before(20)))
    assert told(known, changes(removed="ZZZ")) == {("remove", "ZZZ"): ("unexplained", None)}
    assert told(known, changes("ZZZ")) == {("add", "ZZZ"): ("explains", before(20))}


def test_on_one_day_either_half_of_a_takeover_explains_its_change() -> None:
    known = announced(removes("ZZZ", before(1), "Old"), adds("ZZZ", before(1), "New"))
    assert told(known, changes("ZZZ")) == {("add", "ZZZ"): ("explains", before(1))}
    assert told(known, changes(removed="ZZZ")) == {("remove", "ZZZ"): ("explains", before(1))}


def test_the_company_explains_where_the_ticker_is_another_unless_two_fit() -> None:
    known = announced(adds("NWS", before(2), "News Corp"))
    preview = Changes(added=(Member("NCO", "News Corporation"),))
    (record,) = known.records(preview, before(1))
    assert (record.symbol, record.status) == ("NCO", Status.EXPLAINS)
    assert record.reason == "announced as NWS"
    two = announced(*known.changes, adds("NWX", before(2), "News Corp"))
    assert told(two, preview) == {("add", "NCO"): ("unexplained", None)}


def test_a_rename_is_explained_by_its_tickers_and_never_by_when_the_company_joined() -> None:
    rename = Rename("FB", "META", "Meta Platforms")
    joined = adds("FB", before(30), "Meta Platforms")
    assert told(announced(joined), changes(renamed=[rename])) == {
        ("add", "META"): ("unexplained", None)
    }
    known = announced(
        adds("META", before(0), "Meta Platforms"), removes("FB", before(0), "Facebook")
    )
    assert told(known, changes("NEW", renamed=[rename])) == {
        ("add", "NEW"): ("unexplained", None),
        ("add", "META"): ("explains", TODAY),
        ("remove", "FB"): ("explains", TODAY),
    }
    (record,) = announced().records(changes(renamed=[rename]), before(1))
    assert (record.symbol, record.counterpart) == ("META", "FB")


def test_a_change_that_two_sources_announce_is_named_once() -> None:
    soon = TODAY + timedelta(days=2)
    twice = [adds("ZZZ", soon), AnnouncedChange(soon, Action.ADD, "ZZZ", "Zed", source="another")]
    (record,) = announced(*twice).records(Changes(), before(1))
    assert record.security == "ZZZ Works Inc.", "the first one's"


# --- a day -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "at", "day"),
    [
        # Midnight in New York is 04:00 UTC in summer, 05:00 in winter.
        ("sp500", datetime(2025, 9, 22, 3, 59, tzinfo=UTC), EVE),
        ("sp500", datetime(2025, 9, 22, 4, 0, tzinfo=UTC), EFFECTIVE),
        ("sp500", datetime(2025, 12, 22, 4, 59, tzinfo=UTC), date(2025, 12, 21)),
        ("hsi", datetime(2025, 9, 21, 15, 59, tzinfo=UTC), EVE),
        ("hsi", datetime(2025, 9, 21, 16, 0, tzinfo=UTC), EFFECTIVE),
    ],
)
def test_a_day_begins_in_the_zone_of_the_market(key: str, at: datetime, day: date) -> None:
    index, told = INDICES[key], AnnouncedTable(SEPTEMBER, (), len(SEPTEMBER))
    read = Attempt(index.announcements[0], "https://notices.example", announced=told)
    known = Announcements.at(Gathered(index, (), (read,)), at)
    assert known.day == day
    assert bool(known.upcoming) is (day < EFFECTIVE)


# --- what is overdue -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "is_named"), [(0, False), (1, False), (2, True), (42, True), (43, False)]
)
def test_what_did_not_happen_is_named_from_the_second_day_for_six_weeks(
    days: int, *, is_named: bool
) -> None:
    known = announced(adds("NEW", before(days)), removes("OLD", before(days)))
    found = [*overdue_texts(known.overdue(lines([*BASE, "OLD"])))]
    assert found == (
        [
            f"NEW (NEW Works Inc.) should have joined on {before(days)} but is not in the list",
            f"OLD (OLD Works Inc.) should have left on {before(days)} but is still in it",
        ]
        if is_named
        else []
    )
    assert known.overdue(lines([*BASE, "NEW"])) == ()


def test_what_has_happened_was_moved_or_was_undone_is_not_overdue() -> None:
    def overdue(*known: AnnouncedChange, listed: Iterable[str | Listing] = BASE) -> list[str]:
        return [one.symbol for one in announced(*known).overdue(lines(listed))]

    moved = adds("NEW", before(5)), adds("NEW", TODAY + timedelta(days=5))
    assert overdue(*moved) == []
    assert overdue(adds("NEW", before(20)), removes("NEW", before(10))) == []
    assert overdue(removes("OLD", before(20)), adds("OLD", before(1)), listed=[*BASE, "OLD"]) == []
    # It joined under another ticker.
    joined = together(*BASE, listing("NWS", "New Works"))
    assert overdue(adds("NEW", before(5), "New Works Inc."), listed=joined) == []
