"""The official lists: Hang Seng Indexes' JSON and SSGA's workbooks, good ones and every odd one."""

import io
import json
import zipfile
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import openpyxl
import pytest

from tws_maintenance.config.indices import INDICES
from tws_maintenance.core.clock import utc_now
from tws_maintenance.core.digest import sha256
from tws_maintenance.core.errors import PageChanged
from tws_maintenance.demo.official import es3, hang_seng, spy
from tws_maintenance.demo.pages import Company, companies
from tws_maintenance.sources import workbook
from tws_maintenance.sources.fetching import READERS
from tws_maintenance.sources.model import RawCopy, SourceTable
from tws_maintenance_tests.support import page_file

DAY = date(2026, 11, 24)
NAMES = {"sp500": "spy", "sti": "es3", "hsi": "hang_seng"}


def read(key: str, content: bytes) -> SourceTable:
    """Return what `content` lists, read as the official list of an index."""
    index = INDICES[key]
    (spec,) = index.addresses(NAMES[key])
    raw = RawCopy("https://example.com", 200, content, sha256(content), utc_now())
    return READERS[spec.kind].parse(raw, index)


def symbols(key: str, table: SourceTable) -> list[str]:
    rule = INDICES[key].symbol_rule
    return [rule.symbol_of(row.ticker) for row in table.rows]


def sheet(rows: Sequence[Sequence[object]], title: str = "holdings") -> bytes:
    book = openpyxl.Workbook(write_only=True)
    found = book.create_sheet(title)
    for row in rows:
        found.append(list(row))
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def far_out(place: str | None) -> bytes:
    """Return a workbook of few bytes, one of whose cells is at `place`, None for broken XML."""
    content, good = io.BytesIO(), io.BytesIO(sheet([HEADER, ["Apple", "AAPL"]]))
    with zipfile.ZipFile(good) as packed, zipfile.ZipFile(content, "w") as odd:
        for name in packed.namelist():
            part = packed.read(name)
            if "worksheets/" in name:
                moved = part.replace(b'r="A2"', f'r="{place}"'.encode(), 1)
                part = moved if place else part[:-20]
            odd.writestr(name, part)
    return content.getvalue()


def changed(content: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    value = json.loads(content)
    change(value["indexSeriesList"][0])
    return json.dumps(value).encode()


def both_forms(
    *, codes: dict[str, str] | None = None, parts: int = 4, count: object = 4, blank: str = ""
) -> bytes:
    """Return a list of four members in one list and by sub-index, one sub-index a member.

    `codes` are written otherwise in the one list, `parts` is how many sub-indexes there are,
    `blank` what the first one has in place of its content.
    """
    members = [{"code": code, "constituentName": f"C {code}"} for code in ("1", "27", "66", "175")]
    in_one = [{**one, "code": (codes or {}).get(one["code"], one["code"])} for one in members]
    sub_indexes: list[dict[str, Any]] = [
        {"indexName": f"HSI - Part {n}", "constituentContent": [members[n % 4]]}
        for n in range(parts)
    ]
    if blank:
        sub_indexes[0]["constituentContent"] = json.loads(blank)
    index = {
        "constituentsCount": count, "constituentContent": in_one, "subIndexList": sub_indexes
    }  # fmt: skip
    series = {"seriesCode": "hsi", "constituentsDate": f"{DAY} 07:32:54", "indexList": [index]}
    return json.dumps({"indexSeriesList": [series]}).encode()


@pytest.mark.parametrize("content", [both_forms(), both_forms(codes={"1": "00001"})])
def test_a_list_in_both_forms_is_read_with_its_sub_indexes(content: bytes) -> None:
    table = read("hsi", content)
    assert symbols("hsi", table) == ["0001.HK", "0027.HK", "0066.HK", "0175.HK"]
    assert [row.sector for row in table.rows] == [f"Part {n}" for n in range(4)]


@pytest.mark.parametrize("blank", ["null", "[]", '"see below"'])
def test_a_sub_index_without_content_is_no_sector_where_the_one_list_is_whole(blank: str) -> None:
    table = read("hsi", both_forms(blank=blank))
    assert symbols("hsi", table) == ["0001.HK", "0027.HK", "0066.HK", "0175.HK"]
    assert [row.sector for row in table.rows] == ["", "Part 1", "Part 2", "Part 3"]
    assert (table.stated_count, table.rows_read) == (4, 4)


def test_a_member_in_two_sub_indexes_leaves_the_one_list_whole() -> None:
    table = read("hsi", both_forms(parts=5))
    assert len(table.rows) == 4


def test_the_sub_indexes_are_read_where_the_one_list_is_not_whole() -> None:
    table = read("hsi", both_forms(codes={"1": "27"}))
    assert symbols("hsi", table) == ["0001.HK", "0027.HK", "0066.HK", "0175.HK"]


@pytest.mark.parametrize("by_sub_index", [True, False])
def test_both_known_forms_of_hang_seng_indexes_are_read(by_sub_index: bool) -> None:
    members = companies("hsi")
    table = read("hsi", hang_seng(members, DAY, by_sub_index=by_sub_index))
    assert sorted(symbols("hsi", table)) == sorted(
        INDICES["hsi"].symbol_rule.symbol_of(one.ticker) for one in members
    )
    assert (table.as_of, table.stated_count, table.rows_read) == (DAY, 85, 85)
    assert {row.sector for row in table.rows} == (
        {"Finance", "Utilities", "Properties", "Commerce & Industry"} if by_sub_index else {""}
    )


def test_a_dummy_member_is_dropped_and_named() -> None:
    content = hang_seng(companies("hsi"), DAY, by_sub_index=False)

    def dummy(series: dict[str, Any]) -> None:
        series["indexList"][0]["constituentContent"][3]["isDummy"] = True

    table = read("hsi", changed(content, dummy))
    assert len(table.rows) == 84
    (dropped,) = table.dropped
    assert dropped.reason == "a dummy entry"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"<html>maintenance</html>", "expected JSON"),
        (b'{"indexSeriesList": []}', "no longer holds the series 'hsi'"),
        (b"[]", "no longer holds the series"),
        (b"[" * 100_000, "expected JSON"),
        (hang_seng(companies("hsi"), DAY, count=88), "states 88 members, but holds 85 by"),
        (
            changed(hang_seng(companies("hsi"), DAY), lambda s: s.update(seriesCode="hscei")),
            "it holds hscei",
        ),
        (
            changed(hang_seng(companies("hsi"), DAY), lambda s: s.pop("constituentsDate")),
            "states no day",
        ),
        (
            changed(
                hang_seng(companies("hsi"), DAY),
                lambda s: s["indexList"][0]["subIndexList"][0].pop("constituentContent"),
            ),
            "states 85 members, but holds 63 by sub-index and 0 in one list",
        ),
        (
            changed(
                hang_seng(companies("hsi"), DAY), lambda s: s["indexList"][0].pop("subIndexList")
            ),
            "no longer holds its members in constituentContent",
        ),
        (both_forms(codes={"1": "9"}), "members by sub-index and those in one list differ"),
        (
            both_forms(codes={"1": "27"}, parts=3),
            "states 4 members, but holds 3 by sub-index and 4",
        ),
        (both_forms(count=True), "states True members"),
        (both_forms(count="4"), "states '4' members"),
        (both_forms(count=2001, parts=2001), "more than 2000 members"),
    ],
)
def test_an_odd_list_of_hang_seng_indexes_is_refused(content: bytes, told: str) -> None:
    with pytest.raises(PageChanged, match=told):
        read("hsi", content)


def test_spy_is_read_without_its_cash_line_and_its_disclaimer() -> None:
    members = companies("sp500")
    table = read("sp500", spy(members, DAY))
    assert symbols("sp500", table) == [one.ticker.replace(".", "-") for one in members]
    assert (table.as_of, table.dropped, table.rows_read) == (DAY, (), 503)


@pytest.mark.parametrize("written", ["BRKB", "BRK-B", "BRK/B", "BRK.B"])
def test_a_share_class_is_read_however_it_is_written(written: str) -> None:
    table = read("sp500", spy([Company(written, "Berkshire")], DAY))
    assert symbols("sp500", table) == ["BRK-B"]


def test_a_company_with_a_dollar_in_its_name_is_no_cash() -> None:
    table = read(
        "sp500", spy([Company("DG", "Dollar General"), Company("DLTR", "Dollar Tree")], DAY)
    )
    assert symbols("sp500", table) == ["DG", "DLTR"]


def test_es3_is_read_with_the_day_of_its_rows() -> None:
    members = companies("sti")
    table = read("sti", es3(members, DAY))
    assert symbols("sti", table) == [f"{one.ticker}.SI" for one in members]
    assert table.as_of == DAY


def packed(files: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return content.getvalue()


HEADER: list[object] = ["Name", "Ticker"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"<!DOCTYPE html><title>Access denied</title>", "found '<!DOCTYPE html"),
        (workbook.OLE + b"\0" * 100, "an encrypted or an old one"),
        (b"PK\x03\x04 and nothing else", "damaged"),
        (packed({"x": b"no workbook"}), "damaged"),
        (packed({"x": b"x"}, zipfile.ZIP_BZIP2), "compressed in a way that Excel does not use"),
        (packed({f"part{n}": b"x" for n in range(300)}), "in 300 parts"),
        (far_out("A1048576"), "a sheet of 1048576 rows and 2 columns"),
        (far_out("XFD9000"), "a sheet of 9000 rows and 16384 columns"),
        (far_out(None), "damaged"),
        (sheet([HEADER, ["Apple", "AAPL"]], "other"), "no longer has a sheet 'holdings'"),
        (sheet([["Company", "Code"], ["Apple", "AAPL"]]), "columns Name and Ticker"),
        (sheet([[], *[["x"]] * 40, HEADER]), "in its first 30 rows"),
        (sheet([HEADER, ["Apple", "AAPL"]]), "states no day"),
        (
            sheet([["Holdings:", "As of 31-Feb-2026"], HEADER, ["Apple", "AAPL"]]),
            "which is not a date",
        ),
        (
            sheet(
                [
                    ["Name", "Identifier", "Holdings As of"],
                    ["DBS", "D05-SG", "14-Nov-2026"],
                    ["UOB", "U11-SG", "15-Nov-2026"],
                ]
            ),
            "rows of several days: 14-Nov-2026, 15-Nov-2026",
        ),
    ],
)
def test_an_odd_workbook_is_refused_in_plain_words(content: bytes, told: str) -> None:
    with pytest.raises(PageChanged, match=told):
        read("sp500", content)


def test_a_workbook_that_would_fill_the_memory_is_refused_before_it_is_unpacked() -> None:
    bomb = packed({"bomb": b"\0" * (60 << 20)})
    with pytest.raises(PageChanged, match="would unpack to 60 MB"):
        read("sp500", bomb)


def test_no_more_rows_are_read_than_a_fund_can_have() -> None:
    """Refused, not cut: whoever stood below would have left the index."""
    rows = [["x", "y"] for _ in range(workbook.MAX_ROWS + 1)]
    assert len(list(workbook.rows_of(sheet(rows[:-1]), "holdings"))) == workbook.MAX_ROWS
    with pytest.raises(PageChanged, match=f"a sheet of {workbook.MAX_ROWS + 1} rows"):
        list(workbook.rows_of(sheet(rows), "holdings"))


def test_a_holding_without_a_ticker_stays_for_the_audit_to_refuse() -> None:
    rows: list[list[object]] = [HEADER, ["Apple", "AAPL"]]
    rows += [["Coreweave Cash Co", "CRWV"], ["Nvidia Corp", "", "x"]]
    rows += [["US DOLLAR", "-", "x"], ["Past performance."]]
    content = sheet([["Holdings:", "As of 24-Nov-2026"], *rows])
    table = read("sp500", content)
    assert [(row.ticker, row.security) for row in table.rows] == [
        ("AAPL", "Apple"),
        ("CRWV", "Coreweave Cash Co"),
        ("", "Nvidia Corp"),
    ]


def test_a_small_part_of_very_many_elements_is_not_read_to_its_end() -> None:
    content = packed({"xl/sharedStrings.xml": b"<x>" + b"<a/>" * 8_000_000 + b"</x>"})
    with pytest.raises(PageChanged, match="It was not read"):
        list(workbook.rows_of(content, "holdings"))


@pytest.mark.parametrize("value", [1, "hsi", {"seriesCode": "hsi"}, None, True])
def test_a_list_of_no_known_form_is_refused_in_plain_words(value: object) -> None:
    with pytest.raises(PageChanged, match="no longer holds the series"):
        read("hsi", json.dumps({"indexSeriesList": value}).encode())


def test_the_recorded_lists_are_read_whole() -> None:
    found = {
        key: read(key, page_file(name).read_bytes())
        for key, name in (
            ("sp500", "spy_holdings_2025-09-30.xlsx"),
            ("sti", "es3_holdings_2022-11-14.xlsx"),
            ("hsi", "hsi_official_2026-09_rebuilt.json"),
        )
    }
    assert {key: len(table.rows) for key, table in found.items()} == {
        "sp500": 503,
        "sti": 30,
        "hsi": 89,
    }
    assert {key: table.as_of for key, table in found.items()} == {
        "sp500": date(2025, 9, 30),
        "sti": date(2022, 11, 14),
        "hsi": date(2026, 9, 25),
    }
    for key, table in found.items():
        assert all(INDICES[key].symbol_rule.is_symbol(one) for one in symbols(key, table))
    assert {"BRK-B", "BF-B"} <= set(symbols("sp500", found["sp500"]))
