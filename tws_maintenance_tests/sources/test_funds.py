"""What funds hold: which lines are members, which are not, and files that are none."""

from datetime import date
from pathlib import Path

import pytest

from tws_maintenance.config.indices import DECLARED
from tws_maintenance.config.settings import HttpSettings
from tws_maintenance.config.sources import SOURCES
from tws_maintenance.core.errors import PageChanged
from tws_maintenance.sources import csv_file
from tws_maintenance.sources.fetching import address_of
from tws_maintenance_tests.sources.fund_files import (
    ES3_HEADER,
    IVV_HEADER,
    OF,
    as_csv,
    beside,
    es3,
    ivv,
    read,
    recorded,
    spy,
    tickers,
    tracker,
    workbook,
)
from tws_maintenance_tests.support import page_file

NVDA = ("NVDA", "NVIDIA CORP", "Information Technology", "Equity", "8.2", "United States", "NASDAQ")
DBS = ("SG1L01001701", "6175203", "D05-SG", "SINGAPORE", "DBS Group", 20.1, "Financials")
HSBC = ("GB0005405286", "6158163", "5-HK", "HSBC HOLDINGS PLC", "8.0", "Unassigned")
XOM = ("EXXON MOBIL CORP", "XOM", "30231G102", "2326618", 0.97, "-", 1000.0)


def ivv_line(ticker: str, name: str, **cells: str) -> tuple[str, ...]:
    """Return a line of IVV that is an Equity on NASDAQ but for `cells`."""
    line = dict(zip(IVV_HEADER, (ticker, name, *NVDA[2:]), strict=True))
    return tuple((line | {key.replace("_", " "): value for key, value in cells.items()}).values())


@pytest.mark.parametrize(
    ("name", "page", "rows", "day", "others"),
    [
        (
            "ivv",
            "ivv_holdings_2026-05-08_rebuilt.csv",
            503,
            date(2026, 5, 8),
            [
                "asset class Money Market",
                "asset class Cash Collateral and Margins",
                "asset class Cash",
                "a delisted share at weight 0",
                "asset class Futures",
            ],
        ),
        (
            "ishares3115",
            "hsi_3115_holdings_2026-09_rebuilt.csv",
            89,
            date(2026, 9, 28),
            ["asset class Cash", "asset class Futures"],
        ),
        ("tracker2800", "hsi_2800_holdings_2026-09_rebuilt.csv", 89, date(2026, 9, 28), ["cash"]),
        (
            "spy",
            "spy_holdings_2026-05-08_rebuilt.xlsx",
            503,
            date(2026, 5, 8),
            ["a contra line", "cash"],
        ),
        ("spy", "spy_holdings_2025-09-30.xlsx", 503, date(2025, 9, 30), ["cash"]),
        (
            "es3",
            "es3_holdings_2026-08-28_rebuilt.xlsx",
            30,
            date(2026, 8, 28),
            ["a liquidity fund", "cash", "a total"],
        ),
        ("es3", "es3_holdings_2022-11-14.xlsx", 30, date(2022, 11, 14), ["cash"] * 4),
    ],
)
def test_a_recorded_file_gives_its_members_its_day_and_the_lines_that_are_none(
    name: str, page: str, rows: int, day: date, others: list[str]
) -> None:
    table = recorded(name, page)
    rule = DECLARED[OF[name]].symbol_rule
    symbols = {rule.symbol_of(row.ticker) for row in table.rows}
    assert (len(table.rows), len(symbols), table.rows_read) == (rows, rows, rows)
    assert all(rule.is_symbol(one) for one in symbols)
    assert not any(row.is_unknown for row in table.rows)
    assert (table.as_of, table.dropped) == (day, ())
    assert beside(table) == others


def test_three_sources_of_the_same_day_list_the_same_members() -> None:
    def symbols(name: str, page: str) -> set[str]:
        rule = DECLARED[OF[name]].symbol_rule
        return {rule.symbol_of(row.ticker) for row in recorded(name, page).rows}

    ours = symbols("spy", "spy_holdings_2026-05-08_rebuilt.xlsx")
    assert {"BRK-B", "BF-B", "XOM"} <= ours
    assert symbols("ivv", "ivv_holdings_2026-05-08_rebuilt.csv") == ours
    official = symbols("hang_seng", "hsi_official_2026-09_rebuilt.json")
    assert symbols("tracker2800", "hsi_2800_holdings_2026-09_rebuilt.csv") == official
    assert symbols("ishares3115", "hsi_3115_holdings_2026-09_rebuilt.csv") == official


def test_the_sectors_of_ishares_are_gics_sectors_and_placeholders_are_blank() -> None:
    table = recorded("ivv", "ivv_holdings_2026-05-08_rebuilt.csv")
    assert {row.sector for row in table.rows} == DECLARED["sp500"].sectors
    assert {row.sector for row in read("tracker2800", tracker([HSBC])).rows} == {""}


@pytest.mark.parametrize(
    "line",
    [
        ivv_line("TOTL", "Total Energies"),
        ivv_line("CVI", "CVR ENERGY INC"),
        ivv_line("DG", "DOLLAR GENERAL CORP"),
        ivv_line("CRWV", "Coreweave Cash Co"),
        ivv_line("WRBY", "WRIGHT FUTURE CORP"),
        ivv_line("LQDT", "LIQUIDITY SERVICES INC"),
        ivv_line("NVDA", "NVIDIA CORP", Asset_Class="", Exchange="-", Sector="-"),
        ivv_line("NVDA", "NVIDIA CORP", Asset_Class="Common Stock", Exchange=""),
        ivv_line("NVDA", "NVIDIA CORP", **{"Weight (%)": ""}),
        ivv_line("NVDA", "NVIDIA CORP", **{"Weight (%)": "0.00000"}),
        ivv_line("NVDA", "NVIDIA CORP", Exchange="NO MARKET (E.G. UNLISTED)"),
    ],
    ids=lambda line: "-".join(line[:2]),
)
def test_a_share_is_never_lost_to_a_word_or_to_a_missing_mark(line: tuple[str, ...]) -> None:
    table = read("ivv", ivv([line]))
    assert (tickers(table), table.beside, table.dropped) == ([line[0]], (), ())
    assert not table.rows[0].is_unknown


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (ivv_line("HOLX", "HOLOGIC INC CVR"), "a right"),
        (ivv_line("ABCD", "ALPHA INC RIGHTS EXP 2027"), "a right"),
        (ivv_line("ABCD", "ALPHA CONTINGENT VALUE RIGHT"), "a right"),
        (ivv_line("ABCD", "ALPHA INC WARRANTS"), "a warrant"),
        (ivv_line("ABCD", "ALPHA ESCROW SHARES"), "an escrow line"),
        (ivv_line("ABCD", "CONTRA ALPHA INC"), "a contra line"),
        (ivv_line("ABCD", "ALPHA INC WHEN ISSUED"), "a when-issued line"),
        (ivv_line("ABCD", "ALPHA INC W/I"), "a when-issued line"),
        (ivv_line("MRP-W", "MILLROSE PROPERTIES INC"), "a when-issued line"),
        (ivv_line("KLG.W", "WK KELLOGG CO"), "a when-issued line"),
        (ivv_line("SNDKV", "SANDISK CORP"), "a when-issued line"),
        (ivv_line("IVV", "ISHARES CORE S&P 500 ETF"), "a fund"),
        (ivv_line("ESZ6", "S&P500 EMINI DEC 26", Asset_Class="-"), "a future"),
        (ivv_line("-", "USD CASH", Asset_Class="-", Sector="-"), "cash"),
        (
            ivv_line("X", "AN ACCOUNT", Asset_Class="", Sector="Cash and/or Derivatives"),
            "Cash and/or Derivatives",
        ),
        (
            ivv_line(
                "HOLX",
                "HOLOGIC INC",
                Exchange="NO MARKET (E.G. UNLISTED)",
                **{"Weight (%)": "0.00000"},
            ),
            "a delisted share at weight 0",
        ),
        (
            ivv_line("2602335D", "HOLOGIC INCORPO", **{"Weight (%)": "0.000003"}),
            "not a symbol of the market, at weight 0",
        ),
    ],
)
def test_what_is_no_share_of_a_member_stands_beside_with_its_reason(
    line: tuple[str, ...], reason: str
) -> None:
    table = read("ivv", ivv([NVDA, line]))
    assert (tickers(table), beside(table)) == (["NVDA"], [reason])
    assert (table.rows_read, table.dropped) == (1, ()), "no member was lost"
    assert line[1] in table.beside[0].row


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("spy", spy([XOM, ("US DOLLAR", "-", "999USDZ92", "-", 0.05, "-", 1.0)])),
        ("spy", spy([XOM, ("", "", "999USDZ92", "-", 0.05, "-", 1.0)])),
        ("es3", es3([DBS, ("Unassigned", "CSHISG", "CSHISG", "", "An account", 0.1, "")])),
        ("es3", es3([DBS, ("", "", "", "", "Singapore Dollar", 0.1, "")])),
        ("es3", es3([DBS, ("", "", "-", "", "HKD CASH", 0.1, "")])),
        ("tracker2800", tracker([HSBC, ("", "CASH_HKD", "", "HELD AT BANK", "0.05", "")])),
        ("tracker2800", tracker([HSBC, ("", "", "HKD", "HONG KONG DOLLAR", "0.05", "")])),
    ],
)
def test_cash_is_known_by_its_name_or_by_its_identifier(name: str, content: bytes) -> None:
    table = read(name, content)
    assert (len(table.rows), beside(table)) == (1, ["cash"])


@pytest.mark.parametrize("exchange", ["Unassigned", "-", "", "n/a"])
def test_a_member_without_an_exchange_is_a_member(exchange: str) -> None:
    table = read("es3", es3([(*DBS[:3], exchange, *DBS[4:])]))
    assert [(row.ticker, row.is_unknown) for row in table.rows] == [("D05", False)]
    assert table.rows[0].identifiers == ("SG1L01001701", "6175203")


@pytest.mark.parametrize("written", ["2670549D", "-", "", "Unassigned", "n/a"])
def test_a_company_under_a_placeholder_stays_as_unknown_with_its_identifiers(written: str) -> None:
    table = read("spy", spy([("EXXON MOBIL CORP", written, *XOM[2:])]))
    (row,) = table.rows
    assert (row.security, row.identifiers) == ("EXXON MOBIL CORP", ("30231G102", "2326618"))
    assert (row.is_unknown, row.ticker) == (True, written if written == "2670549D" else "")
    assert (table.beside, table.dropped, table.rows_read) == ((), (), 1)


def test_a_line_with_nothing_but_an_identifier_stays_as_unknown() -> None:
    (row,) = read("spy", spy([("", "", "30231G102", "-", 0.97, "-", 1.0)])).rows
    assert (row.is_unknown, row.identifiers) == (True, ("30231G102",))


def test_a_member_in_two_lines_is_one_row() -> None:
    lent = ("EXXON MOBIL CORP  LENT", *XOM[1:])
    table = read("spy", spy([XOM, XOM, lent]))
    assert tickers(table) == ["XOM"]
    assert beside(table) == ["a second line of XOM"] * 2


def test_two_companies_under_one_symbol_both_stay_for_the_audit() -> None:
    other = ("ANOTHER CORP", "XOM", "999999999", "9999999", 0.1, "-", 1.0)
    assert tickers(read("spy", spy([XOM, other]))) == ["XOM", "XOM"]


@pytest.mark.parametrize(
    "preamble",
    [
        [("Holdings As Of:", "17-Jun-2026")],
        [("Holdings As Of:", "", "17-Jun-2026")],
        [("Holdings:", "As of 17-Jun-2026")],
        [("Holdings as of Jun 17, 2026",)],
        [("Holdings As Of", date(2026, 6, 17))],
        [("NAV as of", "18-Jun-2026"), ("Holdings As Of:", "17-Jun-2026")],
    ],
)
def test_the_day_is_read_wherever_the_preamble_states_it(preamble: list[list[object]]) -> None:
    assert read("es3", es3([DBS], preamble)).as_of == date(2026, 6, 17)


@pytest.mark.parametrize("written", ["Sep 29, 2026", "29/Sept/2026", "29-Sep-2026", "2026-09-29"])
def test_the_day_of_a_csv_file_is_read_in_every_form(written: str) -> None:
    assert read("ivv", ivv([NVDA], written)).as_of == date(2026, 9, 29)


@pytest.mark.parametrize(
    ("written", "day"), [("09082026", date(2026, 8, 9)), ("9082026", date(2026, 8, 9))]
)
def test_the_tracker_fund_writes_the_day_first(written: str, day: date) -> None:
    assert read("tracker2800", tracker([HSBC], written)).as_of == day


@pytest.mark.parametrize(
    ("upper", "lower"),
    [
        (("", "", "", "", "Security", "Weight (%)", "Sector"), (*ES3_HEADER[:5], "", "")),
        ((*ES3_HEADER[:5], "Weight (%)", ""), ("", "", "", "", "", "(%)", "Sector")),
        (("Code", "Code", "Code", "Place", "Company", "", ""), ES3_HEADER),
    ],
)
def test_a_header_in_two_rows_is_read(upper: tuple[str, ...], lower: tuple[str, ...]) -> None:
    table = read("es3", workbook([["Holdings As Of:", "17-Jun-2026"], upper, lower, DBS]))
    (row,) = table.rows
    codes = ("SG1L01001701", "6175203")
    assert (row.ticker, row.sector, row.identifiers) == ("D05", "Financials", codes)
    assert table.dropped == ()


def test_what_stands_below_the_lines_is_no_line() -> None:
    legal = [[" "], ["The content is owned by the provider."], ["Read, mark, and learn", "it", "!"]]
    table = read("ivv", ivv([NVDA], tail=legal))
    assert (tickers(table), table.dropped, table.beside) == (["NVDA"], (), ())


def test_a_line_that_cannot_be_read_is_a_dropped_row() -> None:
    shifted = ("FOX", "FOX CORP", "CLASS B", *NVDA[2:])
    table = read("ivv", ivv([NVDA, shifted, ["FOXA"], ivv_line("AAPL", "APPLE INC")]))
    assert tickers(table) == ["NVDA", "AAPL"]
    assert [one.reason for one in table.dropped] == [
        "8 cells, expected 7",
        "1 cells, expected 7",
    ]
    assert table.rows_read == 4


PAGE = b"\xef\xbb\xbf\n<!DOCTYPE html><html><body><h1>A fund</h1></body></html>"
LONG = as_csv([["x"]] * (csv_file.MAX_ROWS + 1))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (PAGE, "expected a CSV file, found a web page that begins '<!DOCTYPE html>"),
        (b'{"errorInfo": []}', "found JSON that begins"),
        (es3([DBS]), "found a workbook that begins"),
        (b"Ticker,Name\n\xff\xfe,x\n", "found other bytes (at byte 12"),
        (LONG, "more than 5000 rows"),
        (b"x," * 100, "or 60 columns"),
        (b"x" * (csv_file.MAX_BYTES + 1), "found 5 MB"),
        (b"Ticker,Name\n" + b"x" * 200_000, "line 2"),
        (as_csv([["Code", "Company"], ["AAPL", "Apple"]]), "no longer has a header"),
        (as_csv([IVV_HEADER, NVDA]), "states no day"),
        (ivv([NVDA], "-"), "dates its holdings '-', which is not a date"),
        (ivv([NVDA], "09/08/2026"), "which is not a date"),
        (ivv([NVDA], "Feb 30, 2026"), "which is not a date"),
        (ivv([NVDA, NVDA]).rstrip()[:-4], "cannot be read at line 7"),
        (ivv([NVDA, NVDA[:3]]), "ends in the middle of a line"),
    ],
)
def test_a_file_that_is_none_or_not_whole_is_refused(content: bytes, told: str) -> None:
    with pytest.raises(PageChanged) as caught:
        read("ivv", content)
    assert told in str(caught.value)


def test_a_recorded_page_in_place_of_a_file_is_refused() -> None:
    page = page_file("sti_2026-09-01_rebuilt.html").read_bytes()
    for name in ("ivv", "tracker2800", "spy", "es3", "hang_seng"):
        with pytest.raises(PageChanged, match="<!DOCTYPE html"):
            read(name, page)


def test_the_sources_of_2026_have_their_names_hosts_and_readers() -> None:
    http = HttpSettings()
    first = {
        (key, spec.name): address_of(DECLARED[key].addresses(spec.name)[0], http)
        for key, specs in SOURCES.items()
        for spec in specs
    }
    wikipedia, ssga = "https://en.wikipedia.org/wiki", "https://www.ssga.com/library-content"
    assert first == {
        ("sp500", "wikipedia"): f"{wikipedia}/List_of_S%26P_500_companies",
        (
            "sp500",
            "spy",
        ): f"{ssga}/products/fund-data/etfs/us/holdings-daily-us-en-spy.xlsx",
        ("sp500", "ivv"): "https://www.ishares.com/us/products/239726/"
        "ishares-core-sp-500-etf/latest-holdings.csv",
        ("sti", "es3"): f"{ssga}/products/fund-data/etfs/apac/holdings-daily-sg-en-es3.xlsx",
        ("sti", "wikipedia"): f"{wikipedia}/Straits_Times_Index",
        ("hsi", "hang_seng"): "https://www.hsi.com.hk/data/eng/rt/index-series/hsi/constituents.do",
        ("hsi", "tracker2800"): "https://rbwm-api.hsbc.com.hk/"
        "pws-hk-hase-hsvm2-papi-prod-proxy/v1/hsvm/csv/trahkfund/holdings?mode=daily",
        ("hsi", "ishares3115"): "https://www.blackrock.com/hk/en/products/284479/fund/"
        "1478358625333.ajax?fileType=csv&fileName=3115_holdings&dataType=fund",
        ("hsi", "wikipedia"): f"{wikipedia}/Hang_Seng_Index",
        ("nasdaq100", "wikipedia"): f"{wikipedia}/List_of_NASDAQ-100_companies",
        ("nikkei225", "wikipedia"): f"{wikipedia}/Nikkei_225",
    }


def test_what_the_declarations_say_of_sources_holds_together() -> None:
    assert SOURCES.keys() == DECLARED.keys()
    funds = {spec.name for specs in SOURCES.values() for spec in specs if spec.is_fund}
    assert funds == {"spy", "ivv", "es3", "tracker2800", "ishares3115"}
    for index in DECLARED.values():
        assert not any(spec.is_fund for spec in index.addresses(index.authority or ""))
    assert {key for key, index in DECLARED.items() if index.authority} == {"hsi"}
    assert DECLARED["hsi"].addresses(str(DECLARED["hsi"].authority))


def test_the_header_of_es3_is_the_recorded_one() -> None:
    """What is built here is in the recorded layout, or the tests above would prove nothing."""
    found: Path = page_file("es3_holdings_2026-08-28_rebuilt.xlsx")
    import python_calamine

    sheet = python_calamine.load_workbook(str(found)).get_sheet_by_name("holdings").to_python()
    assert set(ES3_HEADER) <= {str(cell) for row in sheet for cell in row}
