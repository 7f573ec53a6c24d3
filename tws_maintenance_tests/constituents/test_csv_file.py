"""The live file as an operator keeps it: what is read, what is refused, the form it is given."""

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.constituents.csv_file import parse_live, read_live, to_csv
from tws_maintenance.core.errors import LiveFileError
from tws_maintenance_tests.constituents.bench import STI

HEADER = "symbol,display_symbol,security,sector,sub_industry\n"
ROW = "D05.SI,D05,DBS Group,,\n"


def test_a_file_is_read_as_text_and_a_code_keeps_its_zeros() -> None:
    live = parse_live(b"symbol,display_symbol,security\n0005.HK,0005,HSBC\n", "a.csv")
    assert live.columns == ("symbol", "display_symbol", "security")
    assert live.rows == ({"symbol": "0005.HK", "display_symbol": "0005", "security": "HSBC"},)


def test_a_company_called_nan_stays_text() -> None:
    live = parse_live(b"symbol,security\nNA,nan\n", "a.csv")
    assert live.rows == ({"symbol": "NA", "security": "nan"},)


def test_no_file_is_no_list_and_no_error(home: Home) -> None:
    assert read_live(home, STI) is None


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "is empty"),
        (b" \r\n\n", "is empty"),
        ((HEADER + "D05.SI,D05,Caf\xe9,,\n").encode("latin-1"), "is not UTF-8 (at byte 65)"),
        (ROW.encode(), "has no column symbol in its header (found: D05.SI, D05, DBS Group, , )"),
        (b"ticker,security\nD05.SI,DBS\n", "no column symbol in its header"),
        (b"symbol,security,symbol\n", "has a column twice (symbol, security, symbol)"),
        ((HEADER + ROW + "U11.SI,U11\n").encode(), "has 2 cells in line 3, expected 5"),
        ((HEADER + "D05.SI,D05,A, B,,\n").encode(), "has 6 cells in line 2, expected 5"),
        (b'symbol,security\nD05.SI,"DBS\n', "is not a CSV file"),
        (b"symbol,security\n", "has a header but no members"),
    ],
)
def test_a_damaged_file_is_refused_by_name_with_its_fault_and_what_to_do(
    content: bytes, fault: str
) -> None:
    with pytest.raises(LiveFileError) as refused:
        parse_live(content, "data/sti_constituents.csv")
    message = str(refused.value)
    assert message.startswith("data/sti_constituents.csv ")
    assert fault in message
    assert message.endswith(
        ", so nothing can be compared with it; it is unchanged. Restore it: python -m "
        "tws_maintenance restore sti_constituents. Or move it away and fetch it again: run "
        "--apply."
    )


def test_something_that_is_no_file_is_refused_by_name(home: Home) -> None:
    home.live_file("sti").mkdir(parents=True)
    with pytest.raises(LiveFileError, match=r"data/sti_constituents\.csv cannot be read"):
        read_live(home, STI)


def test_what_excel_saves_is_accepted() -> None:
    plain = parse_live((HEADER + ROW).encode(), "a.csv")
    excel = parse_live(b"\xef\xbb\xbf" + (HEADER + ROW).replace("\n", "\r\n").encode(), "a.csv")
    assert (excel.columns, excel.rows) == (plain.columns, plain.rows)
    assert excel.sha256 != plain.sha256


def test_blank_lines_and_a_missing_last_line_end_are_no_rows() -> None:
    live = parse_live((HEADER + "\n" + ROW + "\n\n" + ROW.strip()).encode(), "a.csv")
    assert [row["symbol"] for row in live.rows] == ["D05.SI", "D05.SI"]


def test_of_two_rows_with_one_symbol_the_first_is_found_by_it() -> None:
    live = parse_live(b"symbol,security\nA,first\nA,second\n", "a.csv")
    assert live.by_symbol() == {"A": {"symbol": "A", "security": "first"}}


def test_columns_that_an_operator_added_are_told_in_their_order() -> None:
    header = b"weight,symbol,display_symbol,security,sector,sub_industry,note\n"
    live = parse_live(header + b"1,D05.SI,D05,DBS,,,\n", "a.csv")
    assert live.extra_columns(STI) == ("weight", "note")


def test_a_list_is_written_sorted_with_line_feeds_and_quotes_only_where_they_are_needed() -> None:
    rows = [
        {"symbol": "B", "security": "Zoë, Inc."},
        {"symbol": "A", "security": 'the "A" plc'},
        {"symbol": "A", "security": "another A", "note": "n"},
    ]
    assert to_csv(("symbol", "security", "note"), rows).decode() == (
        'symbol,security,note\nA,another A,n\nA,"the ""A"" plc",\nB,"Zoë, Inc.",\n'
    )


@pytest.mark.parametrize("note", ["two\nlines", "two\r\nlines", "a\rreturn", ' "quoted", ', "=1+1"])
def test_what_is_written_is_read_back_the_same(note: str) -> None:
    row = {"symbol": "A", "security": "B", "note": note}
    written = to_csv(("symbol", "security", "note"), [row])
    assert parse_live(written, "a.csv").rows == (row,)
    assert to_csv(("symbol", "security", "note"), [row]) == written
