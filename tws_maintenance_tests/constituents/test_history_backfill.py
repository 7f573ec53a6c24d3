"""The time before the first promotion: a walk back over announced changes, never a guess."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES
from tws_maintenance.config.settings import load_settings
from tws_maintenance.config.ticker_changes import TICKER_CHANGES, TickerChange, ticker_change
from tws_maintenance.constituents.history import (
    BACKFILL,
    Stay,
    backfilled,
    changes_between,
    changes_of,
    day_matrix,
    is_known,
    known_since,
    member_counts,
    members_on,
    promoted,
    read_history,
    settled,
    to_csv,
)
from tws_maintenance.constituents.history_backfill import (
    Backfill,
    Bounds,
    backfill,
    walked_back,
    why_not,
    write_backfill,
)
from tws_maintenance.core.errors import LockHeld, UsageError
from tws_maintenance.core.locks import hold
from tws_maintenance.sources.model import Action, AnnouncedChange, AnnouncedTable, DroppedRow
from tws_maintenance_tests.constituents.test_history import rows

SP500 = INDICES["sp500"]
BEGUN = date(2026, 5, 10)
SPRING, AUTUMN = date(2026, 3, 20), date(2025, 9, 22)
WIDE = Bounds(date(2011, 1, 1), 1, 1000)


def joined(day: date, symbol: str, security: str = "", reason: str = "") -> AnnouncedChange:
    return AnnouncedChange(day, Action.ADD, symbol, security or f"{symbol} Company", reason=reason)


def left(day: date, symbol: str, security: str = "", reason: str = "") -> AnnouncedChange:
    name = security or f"{symbol} Company"
    return AnnouncedChange(day, Action.REMOVE, symbol, name, reason=reason)


def first_list(*symbols: str, **named: str) -> list[Stay]:
    """Return the history of a home whose first list was published on `BEGUN`."""
    return settled([], [], rows(*symbols, **named), "report-1", BEGUN)


def walk(
    history: Sequence[Stay],
    *changes: AnnouncedChange,
    renamed: Sequence[TickerChange] = (),
    bounds: Bounds = WIDE,
    dropped: tuple[DroppedRow, ...] = (),
) -> Backfill:
    table = AnnouncedTable(changes, dropped, len(changes))
    return walked_back(history, BEGUN, table, renamed, bounds)


def symbols_on(stays: Sequence[Stay], day: date) -> list[str]:
    return [stay.symbol for stay in members_on(stays, day)]


def dates(stays: Sequence[Stay]) -> list[tuple[str, str, str]]:
    return [(one.symbol, one.from_date, one.to_date) for one in stays]


def test_a_change_begins_one_stay_and_ends_another_before_it() -> None:
    history = first_list("A", "B")
    found = walk(history, joined(SPRING, "B", reason="Grown."), left(SPRING, "C", reason="Shrunk."))
    assert dates(found.stays) == [
        ("A", "", "2026-05-10"),
        ("C", "", "2026-03-20"),
        ("B", "2026-03-20", "2026-05-10"),
    ]
    assert {one.source for one in found.stays} == {BACKFILL}
    assert (found.since, found.stopped_at, found.changes) == (SPRING, None, 2)
    stays = [*found.stays, *history]
    assert symbols_on(stays, SPRING) == symbols_on(stays, date(2026, 5, 9)) == ["A", "B"]
    assert symbols_on(stays, BEGUN) == ["A", "B"]


def test_days_before_the_oldest_change_are_not_known_and_no_empty_list() -> None:
    history = first_list("A", "B")
    stays = [*walk(history, joined(SPRING, "B"), left(SPRING, "C")).stays, *history]
    assert known_since(stays) == "2026-03-20"
    assert is_known(stays, SPRING)
    assert not is_known(stays, SPRING - timedelta(days=1))


def test_who_leaves_and_comes_back_has_two_stays() -> None:
    history = first_list("A", "B")
    found = walk(
        history, joined(SPRING, "B"), left(SPRING, "C"), left(AUTUMN, "B"), joined(AUTUMN, "C")
    )
    stays = [*found.stays, *history]
    assert symbols_on(stays, date(2026, 1, 1)) == ["A", "C"]
    assert ("B", "", "2025-09-22") in dates(found.stays)
    assert ("C", "2025-09-22", "2026-03-20") in dates(found.stays)


def test_a_ticker_may_leave_and_join_on_one_day() -> None:
    history = first_list("A", FOXA="Fox Corporation")
    found = walk(history, left(SPRING, "FOXA", "21st Century Fox"), joined(SPRING, "FOXA"))
    assert dates(found.stays)[1:] == [
        ("FOXA", "", "2026-03-20"),
        ("FOXA", "2026-03-20", "2026-05-10"),
    ]
    assert found.stays[1].security == "21st Century Fox"
    told = [(one.kind, one.security) for one in changes_of(found.stays) if one.symbol == "FOXA"]
    assert told[:2] == [("removed", "21st Century Fox"), ("added", "Fox Corporation")]


@pytest.mark.parametrize(
    ("contradiction", "why"),
    [
        (joined(AUTUMN, "GONE", "Gone Inc."), "GONE (Gone Inc.) joined on 2025-09-22 but is not"),
        (left(AUTUMN, "A"), "A (A Company) left on 2025-09-22 but is a member afterwards"),
    ],
)
def test_a_contradiction_stops_the_walk_and_nothing_older_is_believed(
    contradiction: AnnouncedChange, why: str
) -> None:
    history = first_list("A", "B")
    older = joined(date(2025, 1, 2), "A")
    found = walk(history, joined(SPRING, "B"), left(AUTUMN, "C"), contradiction, older)
    assert (found.since, found.stopped_at, found.changes) == (SPRING, AUTUMN, 1)
    assert found.why.startswith(why)
    # Nothing of the day of the contradiction stays, not even what fits.
    assert "C" not in {one.symbol for one in found.stays}
    assert ("A", "", "2026-05-10") in dates(found.stays)


def test_a_contradiction_at_the_first_change_leaves_nothing() -> None:
    found = walk(first_list("A"), joined(SPRING, "X"))
    assert (found.since, found.stays, found.stopped_at) == (None, (), SPRING)


def test_a_change_that_could_not_be_read_stops_the_walk_on_its_day() -> None:
    told = "'UA/UAA' may be two tickers"
    row = DroppedRow("row 2: September 22, 2025 | UA/UAA | | |", told, AUTUMN)
    heading = DroppedRow("row 3: 2024 | 2024 | 2024", "one text across the whole row")
    older = joined(date(2025, 1, 2), "A")
    found = walk(first_list("A", "B"), joined(SPRING, "B"), older, dropped=(row, heading))
    assert (found.since, found.stopped_at) == (SPRING, AUTUMN)
    assert "could not be read: September 22, 2025 | UA/UAA" in found.why
    nowhere = DroppedRow("row 2: soon | X | X Inc. | |", "'soon' is not a date in a known form")
    with pytest.raises(UsageError, match=r"missing on any day: soon \| X"):
        walk(first_list("A", "B"), joined(SPRING, "B"), dropped=(nowhere,))


def test_a_walk_that_loses_or_gains_too_many_members_stops() -> None:
    history, bounds = first_list("A", "B", "C"), Bounds(date(2011, 1, 1), 2, 3)
    found = walk(history, joined(SPRING, "C"), joined(AUTUMN, "B"), bounds=bounds)
    assert (found.since, found.stopped_at) == (SPRING, AUTUMN)
    assert found.why.startswith("before 2025-09-22 there would be 1 members, expected 2 to 3")
    grown = walk(history, left(SPRING, "D"), bounds=bounds)
    assert (grown.since, grown.stopped_at) == (None, SPRING)


def test_a_walk_goes_no_further_than_its_source_is_complete() -> None:
    bounds = replace(WIDE, complete_since=date(2026, 1, 1))
    found = walk(first_list("A", "B"), joined(SPRING, "B"), joined(AUTUMN, "A"), bounds=bounds)
    assert (found.since, found.stopped_at) == (SPRING, None)
    assert found.why == "changes before 2026-01-01 are known to be missing in the source."


def test_a_change_named_twice_is_one_and_one_that_is_to_come_none() -> None:
    history = first_list("A", "B")
    later = joined(BEGUN + timedelta(days=200), "Z")
    found = walk(history, later, joined(SPRING, "B"), joined(SPRING, "B"), left(SPRING, "C"))
    assert (found.since, found.changes) == (SPRING, 2)


def test_a_change_of_ticker_ends_one_stay_and_begins_another_that_names_it() -> None:
    history = first_list("A", META="Meta Platforms")
    renamed = [ticker_change("2025-12-01 FB META")]
    found = walk(history, joined(AUTUMN, "FB", "Facebook"), left(AUTUMN, "C"), renamed=renamed)
    stays = [*found.stays, *history]
    assert symbols_on(stays, date(2025, 11, 30)) == ["A", "FB"]
    assert symbols_on(stays, date(2025, 12, 1)) == ["A", "META"]
    assert (found.since, found.renamed) == (AUTUMN, 1)
    kinds = [(one.day, one.kind, one.symbol, one.renamed_from) for one in changes_of(stays)]
    assert ("2025-12-01", "renamed", "META", "FB") in kinds
    assert ("2025-12-01", "removed", "FB", "") not in kinds


def test_a_row_may_name_a_company_by_a_ticker_that_it_had_later() -> None:
    renamed = [ticker_change("2026-01-05 BHGE BKR")]
    changes = (joined(AUTUMN, "BKR", "A name of its own"), left(AUTUMN, "C"))
    found = walk(first_list("A", "BKR"), *changes, renamed=renamed)
    assert ("BHGE", "2025-09-22", "2026-01-05") in dates(found.stays)


def test_tickers_that_pass_from_one_company_to_another_on_one_day_are_kept_apart() -> None:
    # Ingersoll-Rand became Trane (TT), and its ticker went to a company that joined.
    history = first_list("A", IR="Ingersoll Rand", TT="Trane Technologies")
    renamed = [ticker_change("2026-03-20 IR TT")]
    changes = (joined(SPRING, "IR"), left(SPRING, "XEC"), joined(AUTUMN, "IR"), left(AUTUMN, "P"))
    found = walk(history, *changes, renamed=renamed)
    assert found.stopped_at is None
    assert ("IR", "2026-03-20", "2026-05-10") in dates(found.stays)
    assert ("TT", "2026-03-20", "2026-05-10") in dates(found.stays)
    former = next(one for one in found.stays if one.symbol == "IR" and one.to_date == "2026-03-20")
    assert (former.from_date, former.security) == ("2025-09-22", "Trane Technologies")


def test_without_the_change_of_ticker_a_company_is_recognised_by_its_name_only_if_certain() -> None:
    renamed = walk(first_list("A", DAY="Dayforce"), joined(SPRING, "CDAY", "Ceridian"))
    assert (renamed.since, renamed.stopped_at) == (None, SPRING)
    named = walk(first_list("A", NEW="Amber Lane, Inc."), joined(SPRING, "OLD", "Amber Lane Corp."))
    assert named.notes == (
        "OLD (Amber Lane Corp.), which joined on 2026-03-20, was matched to NEW by its name.",
    )
    assert ("NEW", "2026-03-20", "2026-05-10") in dates(named.stays)
    twice = first_list("A", NEW="Amber Lane, Inc.", NEXT="Amber Lane Ltd")
    assert walk(twice, joined(SPRING, "OLD", "Amber Lane Corp.")).stopped_at == SPRING


def test_a_change_of_ticker_that_meets_no_member_is_named() -> None:
    renamed = [ticker_change("2026-04-01 SQ XYZ")]
    found = walk(first_list("A", "B"), joined(SPRING, "B"), renamed=renamed)
    assert found.notes == (
        "The ticker change from SQ to XYZ on 2026-04-01 was not used: XYZ is not a member then.",
    )


def test_a_first_list_that_ran_ahead_of_a_change_is_corrected_before_it() -> None:
    # Seen in September 2025: members stood in the list two weeks before they joined.
    due = BEGUN + timedelta(days=12)
    history = first_list("A", "EARLY")
    found = walk(history, joined(due, "EARLY"), left(due, "OUT"), left(SPRING, "B"))
    stays = [*found.stays, *history]
    assert symbols_on(stays, date(2026, 5, 9)) == ["A", "OUT"]
    assert symbols_on(stays, BEGUN) == ["A", "EARLY"]
    assert [note.split(",")[0] for note in found.notes] == [
        "The list of 2026-05-10 already has EARLY",
        "The list of 2026-05-10 no longer has OUT",
    ]


def test_a_first_list_that_lagged_behind_a_change_is_corrected_before_it() -> None:
    due = BEGUN - timedelta(days=3)
    history = settled([], [], rows("A", "OUT"), "report-1", BEGUN)
    history = settled(
        history, rows("A", "OUT"), rows("A", "LATE"), "report-2", BEGUN + timedelta(days=5)
    )
    found = walk(history, joined(due, "LATE"), left(due, "OUT"))
    stays = [*found.stays, *history]
    assert found.since == due
    assert symbols_on(stays, BEGUN - timedelta(days=1)) == ["A", "LATE"]
    assert symbols_on(stays, BEGUN) == ["A", "OUT"]
    assert symbols_on(stays, BEGUN + timedelta(days=5)) == ["A", "LATE"]


def test_the_walk_begins_with_the_list_that_was_published_not_with_the_file_before_it() -> None:
    history = settled([], rows("A", "OLD"), rows("A", "NEW"), "report-1", BEGUN)
    found = walk(history, joined(SPRING, "NEW"), left(SPRING, "OLD"))
    stays = [*found.stays, *history]
    assert symbols_on(stays, date(2026, 4, 1)) == ["A", "NEW"]
    assert symbols_on(stays, BEGUN) == ["A", "NEW"]
    assert member_counts(stays)[-1] == ("2026-05-10", 2)


def test_the_members_between_two_days_add_up_across_the_first_promotion() -> None:
    before = first_list("A", "B")
    found = walk(before, joined(SPRING, "B"), left(SPRING, "C"))
    later = settled(before, rows("A", "B"), rows("B", "D"), "report-2", date(2026, 6, 1))
    stays = [*found.stays, *later]
    changes = changes_between(stays, SPRING, date(2026, 6, 1))
    assert [(one.kind, one.symbol, one.report_id) for one in changes] == [
        ("added", "D", "report-2"),
        ("removed", "A", "report-2"),
    ]
    assert changes_between(stays, date(2026, 6, 1), date(2026, 7, 1)) == []


def test_the_table_of_days_has_a_row_for_each_change_and_a_column_for_each_member() -> None:
    history = first_list("A", "B")
    found = walk(history, joined(SPRING, "B"), left(SPRING, "C"), joined(AUTUMN, "A"))
    assert day_matrix([*found.stays, *history], AUTUMN, BEGUN) == [
        ["date", "A", "B", "C"],
        ["2025-09-22", "1", "0", "1"],
        ["2026-03-20", "1", "1", "0"],
    ]


def test_a_page_cannot_put_a_formula_or_a_second_line_into_the_file() -> None:
    change = joined(SPRING, "B", reason='=HYPERLINK("x")\r\nsecond')
    found = walk(first_list("A", "B"), change, left(SPRING, "C", "+Firm", "@ reason"))
    texts = {text for one in found.stays for text in (one.security, one.reason, one.end_reason)}
    assert {'HYPERLINK("x") second', "Firm", "reason"} <= texts


@pytest.mark.parametrize("seed", range(12))
def test_walking_back_undoes_what_happened(seed: int) -> None:
    """Play an index forward, with changes of ticker too; the walk finds every list again."""
    chance = random.Random(seed)  # noqa: S311 - a play, not a secret
    members = {f"S{number}" for number in range(20)}
    free, day = [f"N{number}" for number in range(60)], date(2015, 1, 1)
    lists, changes, renamed = {}, [], []
    for _ in range(40):
        day += timedelta(days=chance.randint(1, 90))
        fresh = free.pop(chance.randrange(len(free)))
        old = chance.choice(sorted(members))
        members = members - {old} | {fresh}
        if chance.random() < 0.25:
            renamed.append(TickerChange(day, old, fresh))
            lists[day] = frozenset(members)
            continue
        changes += [joined(day, fresh), left(day, old)]
        # One that left may come back.
        free.append(old)
        lists[day] = frozenset(members)
    begun = day + timedelta(days=30)
    history = settled([], [], rows(*members), "report-1", begun)
    chance.shuffle(changes)
    table = AnnouncedTable(tuple(changes), (), len(changes))
    found = walked_back(history, begun, table, renamed, Bounds(date(2011, 1, 1), 20, 20))
    oldest = min(one.effective_date for one in changes)
    assert (found.since, found.stopped_at) == (oldest, None)
    stays = [*found.stays, *history]
    for then, expected in lists.items():
        if then >= oldest:
            assert set(symbols_on(stays, then)) == expected
    days = [then for then in lists if then >= oldest]
    header, *table_rows = day_matrix(stays, oldest, begun)
    assert {
        day: [symbol for symbol, cell in zip(header[1:], cells, strict=True) if cell == "1"]
        for day, *cells in table_rows
    } == {str(then): sorted(lists[then]) for then in days}
    walked = set(lists[days[0]])
    for one in changes_between(stays, days[0], begun):
        walked -= {one.renamed_from, one.symbol if one.kind == "removed" else ""}
        walked |= {one.symbol} if one.kind != "removed" else set()
    assert walked == members


def a_home(home: Home, history: Sequence[Stay]) -> AnnouncedTable:
    """Write a history, and return announcements that carry it back."""
    home.history.mkdir(parents=True, exist_ok=True)
    home.membership_file("sp500").write_bytes(to_csv(history))
    changes = (joined(SPRING, "B"), left(SPRING, "C"))
    home.settings_file.write_text("[indices.sp500]\nmin_rows = 1\n")
    return AnnouncedTable(changes, (), 1)


def test_what_is_written_keeps_the_rows_of_promotions_and_is_the_same_the_second_time(
    home: Home,
) -> None:
    history = first_list("A", "B")
    table = a_home(home, history)
    settings = load_settings(home)
    before = home.membership_file("sp500").read_bytes()
    assert backfill(home, SP500, settings, table).since == SPRING
    assert home.membership_file("sp500").read_bytes() == before
    assert write_backfill(home, SP500, settings, table)[1]
    stays = read_history(home, SP500)
    assert promoted(stays) == history
    assert len(backfilled(stays)) == 3
    written = home.membership_file("sp500").read_bytes()
    assert not write_backfill(home, SP500, settings, table)[1]
    assert home.membership_file("sp500").read_bytes() == written


def test_a_second_backfill_replaces_the_first_and_a_promotion_touches_neither(home: Home) -> None:
    table = a_home(home, first_list("A", "B"))
    settings = load_settings(home)
    write_backfill(home, SP500, settings, table)
    first = backfilled(read_history(home, SP500))
    later = settled(
        read_history(home, SP500), rows("A", "B"), rows("A", "D"), "report-2", date(2026, 6, 1)
    )
    assert backfilled(later) == first
    home.membership_file("sp500").write_bytes(to_csv(later))
    more = replace(table, changes=(*table.changes, joined(AUTUMN, "A")))
    write_backfill(home, SP500, settings, more)
    stays = read_history(home, SP500)
    assert promoted(stays) == promoted(later)
    assert ("A", "2025-09-22", "2026-05-10") in dates(backfilled(stays))
    assert symbols_on(stays, date(2026, 6, 1)) == ["A", "D"]


def test_a_walk_that_found_nothing_leaves_the_file_and_a_held_lock_refuses(home: Home) -> None:
    table = a_home(home, first_list("A", "B"))
    settings = load_settings(home)
    write_backfill(home, SP500, settings, table)
    before = home.membership_file("sp500").read_bytes()
    with pytest.raises(UsageError, match=r"Nothing was written: .* X \(X Company\) joined"):
        write_backfill(home, SP500, settings, replace(table, changes=(joined(SPRING, "X"),)))
    locks = settings.locks.model_copy(update={"wait": 0.0})
    hurried = settings.model_copy(update={"locks": locks})
    lock = home.locks / "sp500.lock"
    with hold(lock, wait_seconds=1, holder="a run"), pytest.raises(LockHeld, match="a run"):
        write_backfill(home, SP500, hurried, table)
    assert home.membership_file("sp500").read_bytes() == before


def test_only_what_is_announced_in_full_is_backfilled(home: Home) -> None:
    assert "run --task sp500_constituents --apply" in why_not(home, SP500)
    assert "only the newest reviews" in why_not(home, INDICES["hsi"])
    assert "no announcements of its changes are known" in why_not(home, INDICES["sti"])


def test_a_history_of_before_there_was_a_source_is_one_of_promotions(home: Home) -> None:
    home.history.mkdir(parents=True)
    home.membership_file("sp500").write_text(
        "symbol,security,from_date,to_date,report_id,end_report_id,renamed_from\n"
        "A,A Company,2026-05-10,,report-1,,\n"
    )
    assert read_history(home, SP500) == first_list("A")


def test_the_known_changes_of_ticker_are_well_formed_and_no_ticker_changes_twice_a_day() -> None:
    for key, changes in TICKER_CHANGES.items():
        rule = INDICES[key].symbol_rule
        assert all(rule.is_symbol(one.former) and rule.is_symbol(one.symbol) for one in changes)
        days = [one.day for one in changes]
        assert days == sorted(days, reverse=True)
        assert len({(one.day, one.symbol) for one in changes}) == len(changes)
    for text in ("FB META", "2022-13-09 FB META", "2022-06-09 FB FB", "2022-06-09 FB"):
        with pytest.raises(ValueError, match="is not a change of ticker"):
            ticker_change(text)
