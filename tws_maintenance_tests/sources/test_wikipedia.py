"""The pages of the three indices: our own, the recorded ones, damaged ones."""

from datetime import UTC, datetime

import pytest

from tws_maintenance.config.indices import INDICES
from tws_maintenance.demo.pages import companies, page
from tws_maintenance.sources.wikipedia import page_url, rest_url
from tws_maintenance_tests.sources.reading import fault, html_page, html_table, read, sti_rows
from tws_maintenance_tests.support import page_file


@pytest.mark.parametrize(
    ("title", "page_path", "rest_path"),
    [
        (
            "List_of_S&P_500_companies",
            "/wiki/List_of_S%26P_500_companies",
            "/w/rest.php/v1/page/List_of_S%26P_500_companies/html",
        ),
        ("Hang_Seng_Index", "/wiki/Hang_Seng_Index", "/w/rest.php/v1/page/Hang_Seng_Index/html"),
    ],
)
def test_the_addresses_are_those_of_the_page_and_of_its_rest_html(
    title: str, page_path: str, rest_path: str
) -> None:
    assert page_url("https://en.wikipedia.org", title) == f"https://en.wikipedia.org{page_path}"
    assert rest_url("https://en.wikipedia.org", title) == f"https://en.wikipedia.org{rest_path}"


@pytest.mark.parametrize("index_key", INDICES)
def test_our_own_page_gives_every_company_as_it_was_written(index_key: str) -> None:
    members = companies(index_key)
    prefix = {"sp500": "", "sti": "SGX: ", "hsi": "SEHK: "}[index_key]

    table = read(index_key, page(index_key, members))

    assert [(r.ticker, r.security, r.sector, r.sub_industry) for r in table.rows] == [
        (prefix + c.ticker, c.name, c.sector, c.sub_industry) for c in members
    ]
    assert (table.dropped, table.rows_read) == ((), len(members))
    assert table.stated_count == (None if index_key == "sp500" else len(members))
    assert table.revision == "1300000001"
    assert table.revised_at == datetime(2026, 11, 1, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("index_key", "name", "rows", "stated_count"),
    [
        ("sp500", "sp500_2026-05-10.html", 503, None),
        ("sp500", "sp500_2022-09-19.html", 503, None),
        ("sp500", "sp500_2022-09-24_dash_tickers.html", 503, None),
        ("sp500", "sp500_2021-10-05_six_columns.html", 505, None),
        ("sti", "sti_2026-09-01_rebuilt.html", 30, 30),
        ("hsi", "hsi_2026-09-25.html", 85, 88),
    ],
)
def test_a_recorded_page_gives_every_row_as_a_symbol_with_what_it_promises(
    index_key: str, name: str, rows: int, stated_count: int | None
) -> None:
    index = INDICES[index_key]

    table = read(index_key, page_file(name).read_bytes())

    rule = index.symbol_rule
    symbols = {rule.symbol_of(row.ticker) for row in table.rows}
    assert (len(table.rows), len(symbols), table.rows_read) == (rows, rows, rows)
    assert [symbol for symbol in symbols if not rule.is_symbol(symbol)] == []
    assert [row for row in table.rows if not row.security or "[" in row.security] == []
    assert [row for row in table.rows for name in index.enriched if not getattr(row, name)] == []
    assert {row.sector for row in table.rows} >= index.sectors
    assert (table.dropped, table.stated_count) == ((), stated_count)


@pytest.mark.parametrize(
    ("name", "revision", "revised_at"),
    [
        ("sp500_2026-05-10.html", "1353424858", datetime(2026, 5, 10, 5, 37, 28, tzinfo=UTC)),
        (
            "sp500_2022-09-24_dash_tickers.html",
            "1112108312",
            datetime(2022, 9, 24, 18, 13, 55, tzinfo=UTC),
        ),
        (
            "sp500_2021-10-05_six_columns.html",
            "1048268471",
            datetime(2021, 10, 5, 3, 27, 28, tzinfo=UTC),
        ),
    ],
)
def test_a_recorded_page_names_its_revision(name: str, revision: str, revised_at: datetime) -> None:
    table = read("sp500", page_file(name).read_bytes())

    assert (table.revision, table.revised_at) == (revision, revised_at)


def test_dots_and_dashes_in_recorded_tickers_are_the_same_symbol() -> None:
    rule = INDICES["sp500"].symbol_rule
    written = {}
    for name in ("sp500_2022-09-19.html", "sp500_2022-09-24_dash_tickers.html"):
        rows = read("sp500", page_file(name).read_bytes()).rows
        written[name] = {row.ticker for row in rows if rule.symbol_of(row.ticker) == "BRK-B"}

    assert list(written.values()) == [{"BRK.B"}, {"BRK-B"}]


def test_the_recorded_language_link_and_padding_are_read_away() -> None:
    sti = read("sti", page_file("sti_2026-09-01_rebuilt.html").read_bytes())
    hsi = read("hsi", page_file("hsi_2026-09-25.html").read_bytes())

    assert [row.security for row in sti.rows if "zh" in row.security] == []
    assert hsi.rows[0].ticker == "SEHK: 5"
    assert INDICES["hsi"].symbol_rule.symbol_of(hsi.rows[0].ticker) == "0005.HK"


@pytest.mark.parametrize(
    ("infobox", "stated_count"),
    [
        ("<tr><th>Constituents</th><td>88<sup>[2]</sup></td></tr>", 88),
        ("<tr><th>Components</th><td>30 companies</td></tr>", 30),
        ("<tr><th>Constituents</th><td>about thirty</td></tr>", None),
        ("<tr><th>Operator</th><td>30</td></tr>", None),
    ],
)
def test_the_stated_count_is_read_where_there_is_one(
    infobox: str, stated_count: int | None
) -> None:
    members = html_table(["Stock symbol", "Company"], sti_rows(30))

    table = read("sti", html_page(f"<table>{infobox}</table>", members))

    assert table.stated_count == stated_count


def test_a_page_without_revision_marks_has_none() -> None:
    table = read("sti", html_page(html_table(["Stock symbol", "Company"], sti_rows(30))))

    assert (table.revision, table.revised_at) == (None, None)


def test_a_revision_date_that_is_none_is_left_out() -> None:
    changed = page("sti", companies("sti")).replace(
        b"2026-11-01T08:00:00Z", b"2026-99-99T08:00:00Z"
    )

    assert read("sti", changed).revised_at is None


@pytest.mark.parametrize("content", [b"", b"  \n", b"<!-- nothing -->", b"<!DOCTYPE html>"])
def test_a_document_without_markup_is_refused(content: bytes) -> None:
    assert fault("sti", content).startswith("expected a web page, found no markup")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x89PNG\r\n\x1a\n\x00\x00", "found other bytes (at byte 0 of 10)"),
        ("<html>caf\u00e9</html>".encode("latin-1"), "found other bytes (at byte 9 of 17)"),
        ("<html></html>".encode("utf-16"), "found other bytes (at byte 0 of 28)"),
        (bytes(range(1, 128)) * 50, "the page is cut off: 6350 characters"),
        (b'{"error": "no such page"}', "the page is cut off: 25 characters"),
    ],
)
def test_what_is_no_page_is_refused(content: bytes, message: str) -> None:
    assert message in fault("sti", content)


def test_a_page_that_was_cut_off_is_refused_though_its_rows_are_well_formed() -> None:
    whole = page("hsi", companies("hsi"))
    cut = whole[: whole.rindex(b"<tr>", 0, whole.rindex(b"SEHK"))]
    assert cut.count(b"SEHK") == 84

    assert "without the closing </html>" in fault("hsi", cut)


@pytest.mark.parametrize(
    "damage", [b"<span>" * 300, b"x" * 11_000_000], ids=["nested too deeply", "a text too long"]
)
def test_a_page_at_which_the_parser_gives_up_is_refused(damage: bytes) -> None:
    whole = page("hsi", companies("hsi"))
    place = whole.rindex(b"SEHK")

    message = fault("hsi", whole[:place] + damage + whole[place:])

    assert message.startswith("the page could be parsed only up to line ")
    assert "its table may be cut short" in message
