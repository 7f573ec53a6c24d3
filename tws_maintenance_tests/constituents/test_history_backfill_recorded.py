"""The walk on real pages: the lists that were published on two days of the past, met exactly."""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from lxml import html

from tws_maintenance.config.indices import INDICES
from tws_maintenance.config.ticker_changes import TICKER_CHANGES
from tws_maintenance.constituents.history import (
    Stay,
    changes_between,
    member_counts,
    members_on,
    settled,
)
from tws_maintenance.constituents.history_backfill import Backfill, Bounds, walked_back
from tws_maintenance.core.digest import sha256
from tws_maintenance.sources import wikipedia
from tws_maintenance.sources.model import AnnouncedTable, RawCopy
from tws_maintenance.sources.tables import grid_of
from tws_maintenance_tests.support import page_file

SP500 = INDICES["sp500"]
NEWEST = date(2026, 5, 10)
RECORDED = {
    date(2022, 9, 19): "sp500_2022-09-19.html",
    date(2021, 10, 5): "sp500_2021-10-05_six_columns.html",
}
# Who changed its ticker since, and to which one at last.
RENAMED_SINCE = {
    date(2022, 9, 19): {
        *(("ABC", "COR"), ("CDAY", "DAY"), ("FLT", "CPAY"), ("MMC", "MRSH"), ("NLOK", "GEN")),
        *(("PARA", "PSKY"), ("PEAK", "DOC"), ("PKI", "RVTY"), ("RE", "EG"), ("WRK", "SW")),
    },
    date(2021, 10, 5): {
        *(("ABC", "COR"), ("CDAY", "DAY"), ("FLT", "CPAY"), ("MMC", "MRSH"), ("NLOK", "GEN")),
        *(("VIAC", "PSKY"), ("PEAK", "DOC"), ("PKI", "RVTY"), ("RE", "EG"), ("WRK", "SW")),
        *(("ANTM", "ELV"), ("BLL", "BALL"), ("FB", "META"), ("WLTW", "WTW")),
    },
}
DECLARED = SP500.changes_complete_since or date.max


@cache
def raw(name: str) -> RawCopy:
    content = page_file(name).read_bytes()
    return RawCopy(name, 200, content, sha256(content), datetime(2026, 5, 10, tzinfo=UTC))


@cache
def listed(name: str) -> dict[str, str]:
    """Return {symbol: company} of a recorded list."""
    table = wikipedia.parse(raw(name), SP500)
    return {SP500.symbol_rule.symbol_of(row.ticker): row.security for row in table.rows}


@cache
def announced() -> AnnouncedTable:
    return wikipedia.parse_changes(raw("sp500_changes_2026-05-10_rebuilt.html"), SP500)


def the_walk(since: date = DECLARED, *, is_renamed: bool = True) -> tuple[Backfill, list[Stay]]:
    """Return the walk back from the newest recorded list, and the history that it makes."""
    members = listed("sp500_2026-05-10.html")
    rows = [{"symbol": one, "security": security} for one, security in members.items()]
    history = settled([], [], rows, "report-1", NEWEST)
    renamed = TICKER_CHANGES["sp500"] if is_renamed else ()
    bounds = Bounds(since, SP500.min_rows, SP500.max_rows)
    found = walked_back(history, NEWEST, announced(), renamed, bounds)
    return found, [*found.stays, *history]


def last_ticker(stays: list[Stay], stay: Stay) -> str:
    """Return the ticker that a member had last, before it left or on the newest recorded day."""
    for one in stays:
        if (one.renamed_from, one.from_date) == (stay.symbol, stay.to_date):
            return last_ticker(stays, one)
    return stay.symbol


def joined_on(stays: list[Stay], stay: Stay) -> str:
    """Return the day on which a member joined, under whatever ticker."""
    for one in stays:
        if (one.symbol, one.to_date) == (stay.renamed_from, stay.from_date):
            return joined_on(stays, one)
    return stay.from_date


def test_the_walk_reaches_the_day_from_which_on_the_table_is_complete() -> None:
    found, stays = the_walk()
    assert (found.since, found.stopped_at, found.notes) == (date(2011, 1, 3), None, ())
    assert found.renamed == len(TICKER_CHANGES["sp500"])
    counts = dict(member_counts(stays))
    # 500 companies; since 2014 several of them with two classes of shares.
    assert {count for day, count in counts.items() if day < "2014"} == {500}
    assert {count for day, count in counts.items() if day > "2016"} <= set(range(503, 508))


@pytest.mark.parametrize("day", RECORDED)
def test_the_members_of_a_recorded_day_are_those_of_its_page(day: date) -> None:
    """No change of that very day and no lag is left over; every rename is one that is known."""
    _, stays = the_walk()
    then = set(listed(RECORDED[day]))
    assert {one.symbol for one in members_on(stays, day)} == then
    renamed = {(one.symbol, last_ticker(stays, one)) for one in members_on(stays, day)}
    assert {(then, now) for then, now in renamed if then != now} == RENAMED_SINCE[day]


def test_without_changes_of_ticker_the_same_companies_stand_there_under_later_tickers() -> None:
    found, stays = the_walk(is_renamed=False)
    day = date(2022, 9, 19)
    told, then = {one.symbol for one in members_on(stays, day)}, set(listed(RECORDED[day]))
    assert {former for former, _ in RENAMED_SINCE[day]} == then - told
    assert {now for _, now in RENAMED_SINCE[day]} == told - then
    # The day before which one would have to guess, more than two months after the older page.
    assert (found.since, found.stopped_at) == (date(2021, 12, 14), date(2021, 9, 20))
    assert found.why.startswith(
        "CDAY (Ceridian) joined on 2021-09-20 but is not a member afterwards"
    )


def test_what_changed_on_a_recorded_day_is_in_its_page() -> None:
    _, stays = the_walk()
    day = date(2022, 9, 19)
    changes = changes_between(stays, day - timedelta(days=1), day)
    assert [(one.kind, one.symbol) for one in changes] == [
        ("added", "CSGP"),
        ("added", "INVH"),
        ("removed", "PENN"),
        ("removed", "PVH"),
    ]
    assert {"CSGP", "INVH"} <= set(listed(RECORDED[day]))
    assert not {"PENN", "PVH"} & set(listed(RECORDED[day]))


def test_the_page_of_the_members_gives_the_same_days_by_other_hands() -> None:
    """Its column `Date added` is kept apart from the table of changes."""
    found, _ = the_walk()
    joined = {
        one.symbol: joined_on(list(found.stays), one)
        for one in found.stays
        if one.to_date == str(NEWEST)
    }
    dated = {one: day for one, day in wikipedia_dates().items() if day >= date(2016, 1, 1)}
    assert len(dated) == 170
    assert {one: joined[one] for one, day in dated.items() if joined[one] != str(day)} == {
        # A day or a weekend beside the column.
        "CFG": "2016-02-01",
        "COO": "2016-09-22",
        "DOW": "2019-04-02",
        "FTV": "2016-07-05",
        "AMCR": "2019-06-11",
        "IR": "2020-03-02",
        # The column has the day of a merger or a new name of a company that was in it before.
        "D": "",
        "SRE": "",
        "TROW": "",
        "HWM": "2020-04-01",
        "SW": "",
    }


def wikipedia_dates() -> dict[str, date]:
    """Return {symbol: its `Date added`} of the newest recorded list."""
    document = html.document_fromstring(raw("sp500_2026-05-10.html").content.decode())
    elements: Any = document.xpath("//table[@id='constituents']")
    header, *body = grid_of(elements[0])
    place = header.index("Date added")
    return {
        SP500.symbol_rule.symbol_of(cells[0]): date.fromisoformat(cells[place][:10])
        for cells in body
    }


def test_before_2011_the_table_lacks_changes_without_contradicting_itself() -> None:
    """Why the walk is not let further: it would go on for five years, and be wrong in silence."""
    found, stays = the_walk(date(1970, 1, 1))
    assert (found.since, found.stopped_at) == (date(2006, 6, 2), date(2005, 11, 18))
    assert found.why.startswith("T (AT&T Corporation) left on 2005-11-18 but is a member")
    # Berkshire Hathaway joined on 2010-02-16; no row of the table says so.
    assert wikipedia_dates()["BRK-B"] == date(2010, 2, 16)
    assert "BRK-B" in {one.symbol for one in members_on(stays, date(2007, 1, 1))}
