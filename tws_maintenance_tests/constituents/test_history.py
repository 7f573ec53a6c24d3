"""Membership over time: every publication adds to it, settled against the list itself."""

from datetime import date

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.constituents.csv_file import Row
from tws_maintenance.constituents.history import (
    COLUMNS,
    Change,
    Stay,
    changes_of,
    member_counts,
    members_on,
    read_history,
    settled,
    to_csv,
)
from tws_maintenance.core.errors import HistoryError
from tws_maintenance.demo.pages import companies
from tws_maintenance_tests.constituents.bench import (
    STI,
    promoted,
    ready,
    temporary_files,
    with_strangers,
)
from tws_maintenance_tests.support import write_live

FIRST, SECOND, THIRD = date(2026, 11, 22), date(2026, 11, 25), date(2026, 12, 1)


def rows(*symbols: str, **named: str) -> list[Row]:
    """Return the rows of a list: companies named after their symbol, or as `named`."""
    found = {symbol: f"{symbol} Company" for symbol in symbols} | named
    return [{"symbol": symbol, "security": security} for symbol, security in found.items()]


def symbols_on(stays: list[Stay], day: date) -> list[str]:
    return [stay.symbol for stay in members_on(stays, day)]


def test_a_list_without_a_former_one_begins_on_the_day_it_was_published() -> None:
    stays = settled([], [], rows("B", "A"), "report-1", FIRST)
    assert stays == [
        Stay("A", "A Company", "2026-11-22", "", "report-1"),
        Stay("B", "B Company", "2026-11-22", "", "report-1"),
    ]
    assert symbols_on(stays, date(2026, 11, 21)) == []
    assert symbols_on(stays, FIRST) == ["A", "B"]


def test_members_of_a_former_list_were_there_before_since_nobody_knows_when() -> None:
    stays = settled([], rows("A", "B"), rows("B", "C"), "report-1", FIRST)
    assert [(one.symbol, one.from_date, one.to_date) for one in stays] == [
        ("A", "", "2026-11-22"),
        ("B", "", ""),
        ("C", "2026-11-22", ""),
    ]
    assert symbols_on(stays, date(1999, 1, 1)) == ["A", "B"]
    assert symbols_on(stays, date(2026, 11, 21)) == ["A", "B"]
    assert symbols_on(stays, FIRST) == symbols_on(stays, THIRD) == ["B", "C"]


def test_who_leaves_and_comes_back_has_two_stays_each_with_its_reports() -> None:
    stays = settled([], [], rows("A", "B"), "report-1", FIRST)
    stays = settled(stays, rows("A", "B"), rows("B"), "report-2", SECOND)
    stays = settled(stays, rows("B"), rows("A", "B"), "report-3", THIRD)
    assert [one for one in stays if one.symbol == "A"] == [
        Stay("A", "A Company", "2026-11-22", "2026-11-25", "report-1", "report-2"),
        Stay("A", "A Company", "2026-12-01", "", "report-3"),
    ]
    assert symbols_on(stays, date(2026, 11, 24)) == ["A", "B"]
    assert symbols_on(stays, SECOND) == symbols_on(stays, date(2026, 11, 30)) == ["B"]
    assert symbols_on(stays, THIRD) == ["A", "B"]


def test_a_change_of_ticker_ends_one_stay_and_begins_another_that_names_it() -> None:
    before, after = rows("B", OLD="Amber Lane Inc."), rows("B", NEW="Amber Lane Inc.")
    stays = settled([], before, after, "report-1", FIRST)
    _, old, new = stays
    assert (old.to_date, old.end_report_id) == ("2026-11-22", "report-1")
    assert (new.symbol, new.renamed_from, new.from_date) == ("NEW", "OLD", "2026-11-22")
    assert changes_of(stays) == [
        Change("2026-11-22", "renamed", "NEW", "Amber Lane Inc.", "report-1", "OLD")
    ]


def test_changes_of_one_day_leave_at_its_end_who_was_there_at_its_end() -> None:
    stays = settled([], [], rows("A"), "report-1", FIRST)
    stays = settled(stays, rows("A"), rows("B"), "report-2", FIRST)
    stays = settled(stays, rows("B"), rows("A"), "report-3", FIRST)
    assert symbols_on(stays, FIRST) == ["A"]
    assert [(one.kind, one.symbol, one.report_id) for one in changes_of(stays)] == [
        ("added", "A", "report-1"),
        ("added", "B", "report-2"),
        ("removed", "A", "report-2"),
        ("added", "A", "report-3"),
        ("removed", "B", "report-3"),
    ]


def test_settling_twice_is_settling_once() -> None:
    once = settled([], rows("A", "B"), rows("B", "C"), "report-1", FIRST)
    assert settled(once, rows("A", "B"), rows("B", "C"), "report-1", FIRST) == once
    assert settled(once, rows("B", "C"), rows("B", "C"), "report-1", FIRST) == once


def test_what_others_edited_in_between_does_not_upset_it() -> None:
    stays = settled([], [], rows("A", "B"), "report-1", FIRST)
    edited = rows("B", "BYHAND")  # A was taken out and BYHAND put in by somebody
    stays = settled(stays, edited, rows("A", "B", "C"), "report-2", SECOND)
    assert symbols_on(stays, SECOND) == ["A", "B", "C"]
    assert [(one.kind, one.symbol) for one in changes_of(stays) if one.report_id == "report-2"] == [
        ("added", "C")
    ]


def test_what_is_written_is_what_is_read(home: Home) -> None:
    stays = settled([], [], rows("A", B='Quay, "Mill" & Sons'), "report-1", FIRST)
    home.history.mkdir(parents=True)
    home.membership_file("sti").write_bytes(to_csv(stays))
    assert read_history(home, STI) == stays
    assert home.membership_file("sti").read_text().splitlines()[0] == ",".join(COLUMNS)


@pytest.mark.parametrize("damage", [b"\xff\xfe", b"name,when\nA,B\n", b"symbol\nA\n"])
def test_a_damaged_history_stops_the_promotion_and_nothing_is_replaced(
    home: Home, damage: bytes
) -> None:
    before = write_live(home, STI, companies("sti"))
    proposal = ready(home, STI, with_strangers(STI, 1))
    home.history.mkdir(parents=True)
    path = home.membership_file("sti")
    path.write_bytes(damage)
    with pytest.raises(HistoryError, match=r"data/history/sti_membership\.csv"):
        promoted(home, proposal)
    assert home.live_file("sti").read_bytes() == before
    assert path.read_bytes() == damage
    assert not home.generation_file("sti").exists()
    assert temporary_files(home) == []
    path.unlink()
    assert promoted(home, proposal).changed


def test_every_promotion_and_every_restore_adds_to_it(home: Home) -> None:
    write_live(home, STI, companies("sti"))
    promoted(home, ready(home, STI, with_strangers(STI, 1)))
    promoted(home, ready(home, STI, with_strangers(STI, 2), minutes=1), minutes=1)
    promoted(home, ready(home, STI, companies("sti"), minutes=2), minutes=2)
    stays = read_history(home, STI)
    assert len(symbols_on(stays, FIRST)) == 30
    made = [(one.report_id[-6:], one.kind, one.symbol) for one in changes_of(stays)]
    assert made == [
        ("183000", "added", "Z901.SI"),
        ("183000", "removed", "A00.SI"),
        ("183100", "added", "Z902.SI"),
        ("183100", "removed", "B01.SI"),
        ("183200", "added", "A00.SI"),
        ("183200", "added", "B01.SI"),
        ("183200", "removed", "Z901.SI"),
        ("183200", "removed", "Z902.SI"),
    ]


def test_how_many_there_were_is_told_for_each_day_that_changed_something() -> None:
    stays = settled([], rows("A", "B"), rows("A", "B", "C"), "report-1", FIRST)
    stays = settled(stays, rows("A", "B", "C"), rows("A", "D"), "report-2", SECOND)
    stays = settled(stays, rows("A", "D"), rows("A", "E"), "report-3", THIRD)
    assert member_counts(stays) == [("2026-11-22", 3), ("2026-11-25", 2), ("2026-12-01", 2)]
    assert member_counts(stays) == [
        (day.isoformat(), len(members_on(stays, day))) for day in (FIRST, SECOND, THIRD)
    ]


def test_who_came_and_went_within_a_day_is_not_counted_at_its_end() -> None:
    stays = settled([], [], rows("A"), "report-1", FIRST)
    stays = settled(stays, rows("A"), rows("A", "B"), "report-2", SECOND)
    stays = settled(stays, rows("A", "B"), rows("A"), "report-3", SECOND)
    assert member_counts(stays) == [("2026-11-22", 1), ("2026-11-25", 1)]


def test_a_history_in_which_nothing_happened_has_no_counts() -> None:
    assert member_counts([]) == []
    assert member_counts([Stay("A", "A Company", "", "", "")]) == []
