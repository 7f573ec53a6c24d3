"""Members that a fund lists without their symbol: who they are, or that nobody can say."""

import pytest

from tws_maintenance.config.indices import DECLARED, Index
from tws_maintenance.constituents.csv_file import parse_live, to_csv
from tws_maintenance.constituents.placeholder_tickers import known_members, recognised
from tws_maintenance.sources.model import SourceRow, SourceTable

SP500, STI, HSI = DECLARED["sp500"], DECLARED["sti"], DECLARED["hsi"]
CUSIP, ISIN = "30231G102", "US30231G1022"


def table(*rows: SourceRow) -> SourceTable:
    return SourceTable(rows, (), len(rows))


def member(ticker: str, security: str, *identifiers: str) -> SourceRow:
    return SourceRow(1, ticker, security, "", "", identifiers)


def unknown(security: str, *identifiers: str, ticker: str = "2670549D") -> SourceRow:
    return SourceRow(7, ticker, security, "Energy", "", identifiers, is_unknown=True)


@pytest.mark.parametrize(
    ("known", "line"),
    [
        (member("XOM", "EXXON MOBIL CORP", CUSIP), unknown("A NEW NAME", CUSIP)),
        (member("XOM", "EXXON MOBIL CORP", CUSIP), unknown("", ISIN)),
        (member("XOM", "EXXON MOBIL CORP", ISIN), unknown("A NEW NAME", CUSIP, "2326618")),
        (member("XOM", "ExxonMobil"), unknown("EXXON MOBIL CORP", "999999999")),
        (member("XOM", "Exxon Mobil Corporation"), unknown("EXXON MOBIL CORP", ticker="")),
    ],
)
def test_a_member_without_its_symbol_is_recognised_by_its_paper_or_its_name(
    known: SourceRow, line: SourceRow
) -> None:
    others = known_members(SP500, [table(known, member("CVX", "Chevron", "166764100"))])
    found = recognised(table(member("AAPL", "APPLE INC"), line), SP500, others)
    assert [(row.ticker, row.is_unknown) for row in found.rows] == [("AAPL", False), ("XOM", False)]
    assert found.rows[1].sector == "Energy"
    code = "'2670549D'" if line.ticker else "no ticker"
    (note,) = found.notes
    assert note == f"{line.security or ISIN} is listed as {code}, read as XOM"
    assert found.rows_read == 2


@pytest.mark.parametrize(
    "line",
    [
        unknown("A COMPANY THAT NOBODY LISTS", "999999999"),
        unknown("", "999999999"),
        unknown("ALPHABET INC"),
        unknown("", ticker=""),
    ],
)
def test_what_fits_no_member_or_several_stays_unknown(line: SourceRow) -> None:
    known = table(member("GOOGL", "Alphabet Inc"), member("GOOG", "Alphabet Inc"))
    before = table(member("AAPL", "APPLE INC"), line)
    assert recognised(before, SP500, known_members(SP500, [known])) == before


def test_a_share_class_with_a_line_of_its_own_is_not_meant() -> None:
    known = known_members(
        SP500, [table(member("GOOGL", "Alphabet Inc"), member("GOOG", "Alphabet Inc"))]
    )
    found = recognised(table(member("GOOG", "ALPHABET"), unknown("ALPHABET INC")), SP500, known)
    assert [row.ticker for row in found.rows] == ["GOOG", "GOOGL"]


def test_a_second_line_of_a_listed_member_has_no_vote_of_its_own() -> None:
    known = known_members(SP500, [table(member("XOM", "Exxon Mobil", CUSIP))])
    line = unknown("EXXON MOBIL CORP", CUSIP)
    found = recognised(table(member("XOM", "EXXON MOBIL", CUSIP), line), SP500, known)
    assert [row.ticker for row in found.rows] == ["XOM"]
    assert [(one.row, one.reason) for one in found.beside] == [
        ("row 7: 2670549D | EXXON MOBIL CORP", "a second line of XOM")
    ]
    assert (found.rows_read, found.notes) == (1, ())


def test_two_lines_of_one_member_without_its_symbol_are_one_row() -> None:
    known = known_members(SP500, [table(member("XOM", "Exxon Mobil", CUSIP))])
    found = recognised(table(unknown("", CUSIP), unknown("", CUSIP)), SP500, known)
    assert [row.ticker for row in found.rows] == ["XOM"]
    assert [one.reason for one in found.beside] == ["a second line of XOM"]


@pytest.mark.parametrize(
    ("index", "symbol", "ticker"),
    [(SP500, "BRK-B", "BRK-B"), (STI, "D05.SI", "D05"), (HSI, "0005.HK", "0005")],
)
def test_the_live_file_knows_the_members_of_each_market(
    index: Index, symbol: str, ticker: str
) -> None:
    live = parse_live(to_csv(("symbol", "security"), [{"symbol": symbol, "security": "A Co"}]), "")
    found = recognised(table(unknown("A COMPANY")), index, known_members(index, live=live))
    (row,) = found.rows
    assert (row.ticker, index.symbol_rule.symbol_of(row.ticker)) == (ticker, symbol)


def test_what_is_no_symbol_in_another_list_teaches_nothing() -> None:
    known = known_members(SP500, [table(unknown("EXXON MOBIL CORP", CUSIP))])
    before = table(unknown("EXXON MOBIL CORP", CUSIP))
    assert recognised(before, SP500, known) == before


def test_a_company_that_has_another_ticker_since_is_known_by_the_newer_one() -> None:
    newer = table(member("MRSH", "MARSH + MCLENNAN COS", "571748102"))
    older = table(member("MMC", "MARSH + MCLENNAN COS", "571748102"))
    line = table(unknown("MARSH + MCLENNAN COS", "571748102"))
    found = recognised(line, SP500, known_members(SP500, [newer, older]))
    assert [row.ticker for row in found.rows] == ["MRSH"]
