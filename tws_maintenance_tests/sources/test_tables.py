"""Finding the constituents table on pages that changed, and refusing to guess."""

import pytest

from tws_maintenance.demo.pages import companies, page
from tws_maintenance_tests.sources.reading import (
    fault,
    html_page,
    html_table,
    read,
    sti_rows,
    tickers,
)

STI = ["Stock symbol", "Company"]
SP500 = ["Symbol", "Security", "GICS Sector", "GICS Sub-Industry"]


def own_page(index_key: str) -> str:
    """Return the project's own page of an index, to be changed."""
    return page(index_key, companies(index_key)).decode()


def test_the_tables_may_change_their_order() -> None:
    reserve = html_table(STI, sti_rows(5, "R"), "Reserve list")
    members = html_table(STI, sti_rows(30), "Constituents")
    other = html_table(["Year", "Closing level"], [["2024", "20,059.95"]])

    for parts in ((members, reserve, other), (other, reserve, members), (reserve, members)):
        table = read("sti", html_page(*parts))
        assert tickers(table) == [f"SGX: A{n:02d}" for n in range(30)]


def test_the_columns_may_change_their_order_and_others_may_stand_between() -> None:
    header = ["Founded", "GICS Sub-Industry", "Security", "CIK", "GICS Sector", "Symbol"]
    rows = [["1902", "Conglomerates", "Alpha", "66740", "Industrials", "AAA"]]

    (row,) = read("sp500", html_page(html_table(header, rows))).rows

    assert (row.ticker, row.security, row.sector, row.sub_industry) == (
        "AAA",
        "Alpha",
        "Industrials",
        "Conglomerates",
    )


def test_a_company_column_will_do_for_security() -> None:
    changed = own_page("sp500").replace("<th>Security</th>", "<th>Company</th>", 1)

    assert read("sp500", changed.encode()).rows == read("sp500", own_page("sp500").encode()).rows


@pytest.mark.parametrize(
    ("index_key", "before", "after", "expected", "found"),
    [
        ("sp500", '<a href="#">Symbol</a>', "Abbreviation", "ticker (one of", "Abbreviation,"),
        ("sp500", "<th>Security</th>", "<th>Firm</th>", "security (one of", "Symbol, Firm,"),
        ("sp500", '<a href="#">GICS</a> Sector', "Field", "sector (one of", "Security, Field,"),
        ("sp500", "GICS Sub-Industry", "Trade", "sub_industry (one of", "GICS Sector, Trade,"),
        ("hsi", "<th>Sub-index</th>", "<th>Kind</th>", "sector (one of", "[Ticker, Name, Kind]"),
        ("sti", "Stock symbol", "Abbreviation", "ticker (one of", "[Abbreviation, Company]"),
    ],
)
def test_a_renamed_column_is_named_with_what_was_found(
    index_key: str, before: str, after: str, expected: str, found: str
) -> None:
    assert before in own_page(index_key)

    message = fault(index_key, own_page(index_key).replace(before, after).encode())

    assert "no longer looks like" in message
    assert expected in message
    assert found in message


@pytest.mark.parametrize(
    ("upper", "lower"),
    [
        (
            "<tr><th rowspan=2>Symbol</th><th rowspan=2>Security</th><th colspan=2>GICS</th></tr>",
            "<tr><th>Sector</th><th>Sub-Industry</th></tr>",
        ),
        (
            "<tr><th colspan=2>Company</th><th colspan=2>GICS</th></tr>",
            "<tr><th>Symbol</th><th>Security</th><th>Sector</th><th>Sub-Industry</th></tr>",
        ),
        (
            "<tr><th>Symbol</th><th>Security</th><th colspan=2>GICS</th></tr>",
            "<tr><th></th><th></th><th>Sector</th><th>Sub-Industry</th></tr>",
        ),
        (
            "<tr><th colspan=4>The members</th></tr>",
            "<tr><th>Symbol</th><th>Security</th><th>Sector</th><th>Sub-Industry</th></tr>",
        ),
        (
            "<tr><th>Symbol</th><th>Security</th><th>GICS Sector</th><th>Sub-Industry</th></tr>",
            "<tr><th></th><th></th><th>(11)</th><th>Sub-Industry</th></tr>",
        ),
    ],
)
def test_a_header_in_two_rows_is_read(upper: str, lower: str) -> None:
    body = "<tr><td>AAA</td><td>Alpha</td><td>Energy</td><td>Oil</td></tr>"

    table = read("sp500", html_page(f"<table>{upper}{lower}{body}</table>"))

    (row,) = table.rows
    assert (row.ticker, row.security, row.sector, row.sub_industry) == (
        *("AAA", "Alpha", "Energy", "Oil"),
    )
    assert table.dropped == ()


@pytest.mark.parametrize("text", ["nan", "NaN", "None", "N/A", "-", "\u2014", "Unassigned"])
def test_a_text_for_a_missing_value_is_no_sector(text: str) -> None:
    (row,) = read("sp500", html_page(html_table(SP500, [["AAA", "Alpha", text, text]]))).rows

    assert (row.sector, row.sub_industry) == ("", "")


def test_a_missing_column_is_named_with_what_was_found() -> None:
    rows = [["Alpha Inc.", "Heavy Industry", "Some Conglomerates"]] * 3

    message = fault("sp500", html_page(html_table(SP500[1:], rows)))

    assert "ticker (one of" in message
    assert (
        "[Security, GICS Sector, GICS Sub-Industry] with 4 rows, 0 of them with a symbol" in message
    )


def test_a_column_that_stands_twice_is_not_chosen_from() -> None:
    rows = [[f"SGX: A{n}1", "Alpha", "Beta"] for n in range(30)]

    assert "[Stock symbol, Company, Name]" in fault(
        "sti", html_page(html_table([*STI, "Name"], rows))
    )


def test_a_lost_header_row_is_refused_and_the_first_row_never_taken_for_one() -> None:
    start = own_page("sp500").index("<tr><th><a")
    end = own_page("sp500").index("</tr>", start)

    message = fault("sp500", (own_page("sp500")[:start] + own_page("sp500")[end:]).encode())

    assert "expected a table with the columns ticker" in message
    assert "[AAA, Amber Lane Inc., Communication Services," in message
    assert "503 of them with a symbol" in message


def test_a_page_without_the_table_says_how_many_tables_it_has() -> None:
    message = fault("hsi", html_page("<h2>Constituents</h2>", html_table(["Year"], [["2024"]])))

    assert "found 1 table, no similar one" in message
    assert "symbols such as 0005.HK" in message


def test_a_reserve_list_is_never_taken_for_the_members() -> None:
    message = fault("sti", html_page(html_table(STI, sti_rows(30, "R"), "Reserve list")))

    assert (
        "[Stock symbol, Company] with 31 rows, 30 of them with a symbol, with the title of another"
        in message
    )


@pytest.mark.parametrize("heading", ["Reserve list", "Former constituents", "Past members"])
def test_a_list_of_others_is_told_by_the_heading_above_it(heading: str) -> None:
    others = f"<h3>{heading}</h3>" + html_table(STI, sti_rows(40, "R"))
    members = "<h3>Members</h3>" + html_table(STI, sti_rows(30))

    assert tickers(read("sti", html_page(others, members))) == [f"SGX: A{n:02d}" for n in range(30)]


def test_the_list_of_changes_is_never_chosen() -> None:
    text = own_page("sp500")
    start = text.index('<table class="wikitable sortable" id="constituents">')
    only_changes = text[:start] + text[text.index("</table>", start) + len("</table>") :]

    assert 'id="changes"' in only_changes
    assert "no longer looks like the S&P 500 page" in fault("sp500", only_changes.encode())


def test_two_tables_that_could_both_be_the_members_are_an_error() -> None:
    first, second = html_table(STI, sti_rows(30)), html_table(STI, sti_rows(28, "B"))

    message = fault("sti", html_page(first, second))

    assert message == (
        "the page holds 2 tables that could be the STI constituents (30 and 28 symbols), expected "
        "one. Nothing was read from it. Check the page."
    )


def test_a_short_second_table_does_not_compete() -> None:
    short, members = html_table(STI, sti_rows(4, "B")), html_table(STI, sti_rows(30))

    assert len(read("sti", html_page(short, members)).rows) == 30


def test_a_list_split_in_two_tables_is_pointed_out() -> None:
    larger, smaller = sti_rows(20), sti_rows(10, "B")

    table = read("sti", html_page(html_table(STI, larger), html_table(STI, smaller)))

    assert (len(table.rows), table.tables) == (20, 2)
    (note,) = table.notes
    assert "10 of its symbols are not in the one that was read (B00.SI, B01.SI" in note


def test_a_table_of_another_market_is_not_taken() -> None:
    rows = [[f"NYSE: {'A' * (n % 4 + 1)}-TOOLONG", "Alpha"] for n in range(40)]

    assert "0 of them with a symbol" in fault("sti", html_page(html_table(STI, rows)))


@pytest.mark.parametrize("span", ["999999999999999999999", "9999", "-1", "0", "two", "\u00b2", ""])
def test_a_hostile_colspan_costs_nothing_and_leaves_the_rows_alone(span: str) -> None:
    table = html_table(STI, [*sti_rows(30), ["SGX: Z99", "Zeta"]]).replace(
        "<td>Zeta</td>", f'<td colspan="{span}" rowspan="{span}">Zeta</td>'
    )

    rows = read("sti", html_page(table)).rows

    assert len(rows) == 31
    assert (rows[-1].ticker, rows[-1].security) == ("SGX: Z99", "Zeta")


def test_a_page_of_hostile_colspans_is_refused_in_small_memory() -> None:
    message = fault("sti", html_page("<table>" + "<tr><td colspan=1000>x" * 5_000 + "</table>"))

    assert "found 1 table" in message


def test_a_cell_over_several_rows_counts_for_each_of_them() -> None:
    body = (
        "<tr><td>1</td><td>Alpha</td><td rowspan=2>Finance</td></tr>"
        "<tr><td>2</td><td>Beta</td></tr>"
        "<tr><td>3</td><td>Gamma</td><td>Utilities</td></tr>"
    )
    header = "<tr><th>Ticker</th><th>Name</th><th>Sub-index</th></tr>"

    rows = read("hsi", html_page(f"<table>{header}{body}</table>")).rows

    assert [(row.ticker, row.security, row.sector) for row in rows] == [
        ("1", "Alpha", "Finance"),
        ("2", "Beta", "Finance"),
        ("3", "Gamma", "Utilities"),
    ]


def test_a_row_too_short_for_a_cell_above_it_does_not_pass_that_cell_on() -> None:
    body = (
        "<tr><td>1</td><td>Alpha</td><td>x</td><td rowspan=2>Finance</td></tr>"
        "<tr><td>2</td><td>Beta</td></tr>"
        "<tr><td>3</td><td>Gamma</td><td>x</td><td>Utilities</td></tr>"
    )
    header = "<tr><th>Ticker</th><th>Name</th><th>Note</th><th>Sub-index</th></tr>"

    rows = read("hsi", html_page(f"<table>{header}{body}</table>")).rows

    assert [row.sector for row in rows] == ["Finance", "Finance", "Utilities"]


def test_rows_that_are_no_members_are_dropped_with_their_reason() -> None:
    rows = sti_rows(25)
    odd = [STI, ["", ""], ["&nbsp;", "\u200b"], ["Source: exchange"], ["Finance", "Finance"]]
    table = read("sti", html_page(html_table(STI, [*rows[:3], *odd, *rows[3:]])))

    assert tickers(table) == [row[0] for row in rows]
    assert [row.number for row in table.rows] == [1, 2, 3, *range(9, 31)]
    assert table.rows_read == 30
    assert [(one.row, one.reason) for one in table.dropped] == [
        ("row 4: Stock symbol | Company", "the header repeated"),
        ("row 5:  | ", "empty row"),
        ("row 6:  | ", "empty row"),
        ("row 7: Source: exchange", "1 cells, expected at least 2"),
        ("row 8: Finance | Finance", "one text across the whole row"),
    ]


def test_a_row_of_notes_without_ticker_and_company_is_dropped() -> None:
    header = [*SP500, "Note"]
    member = ["AAA", "Alpha", "Energy", "Oil", ""]
    table = read("sp500", html_page(html_table(header, [member, ["", "", "", "", "see below"]])))

    assert tickers(table) == ["AAA"]
    assert [one.reason for one in table.dropped] == ["neither ticker nor company"]


def test_a_company_without_a_ticker_is_kept_for_the_audit_to_refuse() -> None:
    rows = [*sti_rows(25), ["", "Nameless Ltd"]]

    table = read("sti", html_page(html_table(STI, rows)))

    assert (table.rows[-1].ticker, table.rows[-1].security) == ("", "Nameless Ltd")
    assert table.dropped == ()
