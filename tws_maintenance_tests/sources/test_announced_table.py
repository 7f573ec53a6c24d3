"""The table of the changes of the S&P 500: our own with each oddity, and the recorded one."""

from datetime import UTC, date, datetime

import pytest

from tws_maintenance.config.indices import INDICES
from tws_maintenance.core.digest import sha256
from tws_maintenance.core.errors import PageChanged
from tws_maintenance.sources import wikipedia
from tws_maintenance.sources.model import Action, AnnouncedChange, AnnouncedTable, RawCopy
from tws_maintenance_tests.sources.reading import html_page
from tws_maintenance_tests.support import page_file

SP500 = INDICES["sp500"]
FETCHED_AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = date(2026, 11, 20)
HEAD = (
    '<tr><th rowspan="2">Effective Date</th><th colspan="2">Added</th><th colspan="2">Removed</th>'
    '<th rowspan="2">Reason</th><th rowspan="2">Refs</th></tr>'
    "<tr><th>Ticker</th><th>Security</th><th>Ticker</th><th>Security</th></tr>"
)
WHOLE = ["May 7, 2026", "AAA", "Amber Lane", "OLD", "Old Mill", "Acquired.", "[1]"]


def read(content: bytes) -> AnnouncedTable:
    """Return the changes that a page lists, fetched on 22 November 2026."""
    url = "https://en.wikipedia.org/wiki/A_page"
    raw = RawCopy(url, 200, content, sha256(content), FETCHED_AT)
    return wikipedia.parse_changes(raw, SP500)


def changes_page(*rows: list[str] | str, head: str = HEAD, identifier: str = "changes") -> bytes:
    """Return a page with such a table; a row is its cells, or its markup."""
    body = "".join(
        row if isinstance(row, str) else f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>"
        for row in rows
    )
    return html_page(f'<h2>Changes</h2><table id="{identifier}">{head}{body}</table>')


def told(table: AnnouncedTable) -> list[tuple[str, str, str]]:
    """Return (action, symbol, counterpart) of each change."""
    return [(one.action.value, one.symbol, one.counterpart) for one in table.changes]


def test_a_row_is_a_member_that_joins_and_one_that_leaves() -> None:
    table = read(changes_page(WHOLE))

    assert table == AnnouncedTable(
        (
            AnnouncedChange(
                *(date(2026, 5, 7), Action.ADD, "AAA", "Amber Lane", "OLD"),
                *("Acquired.", "wikipedia"),
            ),
            AnnouncedChange(
                *(date(2026, 5, 7), Action.REMOVE, "OLD", "Old Mill", "AAA"),
                *("Acquired.", "wikipedia"),
            ),
        ),
        dropped=(),
        rows_read=1,
    )


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        pytest.param(WHOLE[:6], [("add", "AAA", "OLD"), ("remove", "OLD", "AAA")], id="no Refs"),
        pytest.param(
            [*WHOLE[:1], "", "", *WHOLE[3:]], [("remove", "OLD", "")], id="Added is blank"
        ),
        pytest.param(
            [*WHOLE[:3], "\u2014", "n/a", "Split off."], [("add", "AAA", "")], id="a dash: blank"
        ),
        pytest.param(
            [*WHOLE[:3], "UA/UAA", "Under Armour", ""],
            [("add", "AAA", "UA, UAA"), ("remove", "UA", "AAA"), ("remove", "UAA", "AAA")],
            id="two tickers in a cell",
        ),
        pytest.param(
            [*WHOLE[:3], "NWS<br>NWSA and FOX", "Several", ""],
            [
                ("add", "AAA", "NWS, NWSA, FOX"),
                *(("remove", symbol, "AAA") for symbol in ("NWS", "NWSA", "FOX")),
            ],
            id="three, otherwise apart",
        ),
        pytest.param(
            [WHOLE[0], '<a href="#">BRK.B</a><sup class="reference">[7]</sup>', "Demo[a]", "", ""],
            [("add", "BRK-B", "")],
            id="a dot, a link, footnotes",
        ),
    ],
)
def test_a_side_may_be_blank_or_hold_several(
    row: list[str], expected: list[tuple[str, str, str]]
) -> None:
    table = read(changes_page(row))

    assert (told(table), table.dropped, table.rows_read) == (expected, (), 1)
    assert all("[" not in one.security for one in table.changes)


def test_a_cell_that_spans_rows_counts_for_each_of_them() -> None:
    table = read(
        changes_page(
            '<tr><td rowspan="2">May 7, 2026</td><td>AAA</td><td>Amber</td><td rowspan="2">OLD</td>'
            '<td rowspan="2">Old Mill</td><td rowspan="2">Split in two.</td></tr>',
            "<tr><td>AAC</td><td>Amber Two</td></tr>",
        )
    )

    assert [(one.effective_date, one.symbol, one.reason) for one in table.changes] == [
        (date(2026, 5, 7), symbol, "Split in two.") for symbol in ("AAA", "OLD", "AAC", "OLD")
    ]


@pytest.mark.parametrize(
    "text",
    [
        *("November 20, 2026", "20 November 2026", "Nov. 20, 2026", "2026-11-20", "20-Nov-2026"),
        *("Friday, November 20th, 2026", "November 20, 2026 (after the close)"),
        '<span data-sort-value="000000002026-11-20-0000">November 20, 2026</span>[4]',
    ],
)
def test_a_day_is_read_in_each_form(text: str) -> None:
    assert {one.effective_date for one in read(changes_page([text, *WHOLE[1:]])).changes} == {DAY}


def test_a_day_to_come_is_read() -> None:
    table = read(changes_page(["December 21, 2026", *WHOLE[1:]], WHOLE))

    days = [one.effective_date for one in table.changes]
    assert days == [date(2026, 12, 21)] * 2 + [date(2026, 5, 7)] * 2


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (["", "", "", "", "", ""], "empty row"),
        (["Date", "Ticker", "Security", "Ticker", "Security", "Reason"], "the header repeated"),
        (["Date", "Added", "Added", "Removed", "Removed", "Reason"], "the header repeated"),
        ('<tr><td colspan="6">2026</td></tr>', "one text across the whole row"),
        (WHOLE[:4], "4 cells, expected at least 5"),
        (["May 2026", *WHOLE[1:]], "'May 2026' is not a date in a known form"),
        (["09/08/2026", *WHOLE[1:]], "'09/08/2026' is not a date in a known form"),
        (["May 7, 2206", *WHOLE[1:]], "2206-05-07 is more than a year ahead"),
        (
            [WHOLE[0], "", "", "-", "", "Nothing."],
            "it names no member that joins or leaves",
        ),
        ([WHOLE[0], "", "", "Amber", "Amber Lane", ""], "'Amber' is not a symbol such as AAPL or"),
        ([WHOLE[0], "BF/B", "Brown", "", ""], "'BF/B' may be two tickers or a share class"),
    ],
)
def test_a_row_that_is_no_change_is_dropped_with_its_reason(
    row: list[str] | str, reason: str
) -> None:
    table = read(changes_page(row, WHOLE))

    (dropped,) = table.dropped
    assert dropped.row.startswith("row 1: ")
    assert dropped.reason.startswith(reason)
    assert (len(table.changes), table.rows_read) == (2, 2)


def test_a_side_without_a_ticker_is_dropped_and_the_other_one_read() -> None:
    table = read(changes_page([*WHOLE[:3], "", "Old Mill", "Acquired."]))

    assert told(table) == [("add", "AAA", "")]
    assert [one.reason for one in table.dropped] == ["Old Mill has no ticker"]


def test_an_unreadable_row_of_these_days_is_noted_and_an_old_one_is_not() -> None:
    table = read(
        changes_page(
            ["next Monday", *WHOLE[1:]],
            ["November 20, 2026", "", "", "", "Old Mill", ""],
            ["May 7, 1999", "", "", "", "Old Mill", ""],
            ["1998", *WHOLE[1:]],
            WHOLE,
        )
    )

    assert len(table.dropped) == 4
    assert [note.partition(":")[0] for note in table.notes] == ["row 1", "row 2"]
    assert table.notes[0].endswith(
        "was not read as a change: 'next Monday' is not a date in a known form"
    )


def test_the_table_is_known_by_its_header_where_it_lost_its_name() -> None:
    assert len(read(changes_page(WHOLE, identifier="other")).changes) == 2


@pytest.mark.parametrize(
    ("page", "said"),
    [
        (html_page("<p>A new design</p>"), "holds no table of the changes of S&P 500"),
        (
            changes_page(WHOLE, head="<tr><th>Date</th><th>Added</th><th>Removed</th></tr>"),
            "holds no table of the changes of S&P 500",
        ),
        (changes_page(), "has 0 rows, but no readable change"),
        (
            changes_page(["soon", *WHOLE[1:]]),
            "has 1 row, but no readable change (the first: 'soon' is not a date",
        ),
        (
            changes_page(WHOLE, identifier="a").replace(b"</html>", b"")
            + changes_page(WHOLE, identifier="b"),
            "2 tables of changes of S&P 500, expected one",
        ),
        (changes_page(WHOLE).replace(b"</html>", b""), "the page is cut off"),
        (b"\xff\xfe", "expected a UTF-8 web page"),
    ],
)
def test_a_page_that_cannot_be_read_is_no_page_without_changes(page: bytes, said: str) -> None:
    with pytest.raises(PageChanged) as caught:
        read(page)

    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("name", "rows", "changes"),
    [
        ("sp500_changes_2026-05-10_rebuilt.html", 395, 752),
        ("sp500_2026-05-10.html", 395, 752),
        ("sp500_2022-09-19.html", 308, 599),
        ("sp500_2021-10-05_six_columns.html", 281, 547),
    ],
)
def test_every_row_of_a_recorded_page_is_read(name: str, rows: int, changes: int) -> None:
    table = read(page_file(name).read_bytes())

    assert (table.rows_read, len(table.changes)) == (rows, changes)
    assert (table.dropped, table.notes) == ((), ())
    assert all(SP500.symbol_rule.is_symbol(one.symbol) for one in table.changes)
