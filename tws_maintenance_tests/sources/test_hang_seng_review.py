"""What Hang Seng Indexes announces: the notices, the workbook of a review, damaged ones."""

import io
import json
from datetime import UTC, date, datetime
from typing import Any

import openpyxl
import pytest

from tws_maintenance.config.indices import INDICES
from tws_maintenance.core.digest import sha256
from tws_maintenance.core.errors import PageChanged
from tws_maintenance.demo.announced import review
from tws_maintenance.sources.hang_seng_review import parse_notices, parse_review
from tws_maintenance.sources.model import Action, AnnouncedChange, AnnouncedTable, RawCopy
from tws_maintenance_tests.support import page_file

HSI = INDICES["hsi"]
ORIGIN = "https://www.hsi.com.hk"
HEADER = ("Index Code", "Index Name", "Add/Delete", "Stock Code", "Stock Name")
DAY = date(2026, 12, 7)
ADDED = ("HSI", "Add", "9999", "SAMPLE TECHNOLOGY")
DELETED = ("HSI", "Delete", "1", "OLD MILL HOLDINGS")


def raw(content: bytes) -> RawCopy:
    """Return bytes as Hang Seng Indexes would have served them."""
    at = datetime(2026, 11, 22, tzinfo=UTC)
    return RawCopy(f"{ORIGIN}/data/notices.json", 200, content, sha256(content), at)


def read(content: bytes) -> AnnouncedTable:
    """Return the changes of the HSI in a workbook."""
    return parse_review(raw(content), HSI)


def listed(*documents: dict[str, Any]) -> AnnouncedTable:
    """Return where notices of these documents lead to."""
    content = json.dumps({"contentList": [{"resourcesList": list(documents)}]}).encode()
    return parse_notices(raw(content), HSI)


def document(title: str, url: str, updated: str) -> dict[str, Any]:
    """Return a document as the notices list it."""
    return {"title": title, "url": url, "lastUpdate": updated}


def workbook(**sheets: list[tuple[object, ...]]) -> bytes:
    """Return a workbook; `_` in the name of a sheet is a blank."""
    book = openpyxl.Workbook(write_only=True)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name.replace("_", " "))
        for row in rows:
            sheet.append(row)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def test_a_review_says_who_joins_and_who_leaves_from_a_day_on() -> None:
    table = read(review("2026-12-07", [ADDED, DELETED]))

    told = {"reason": "review of the index", "source": "hang_seng"}
    assert table == AnnouncedTable(
        (
            AnnouncedChange(DAY, Action.ADD, "9999.HK", "SAMPLE TECHNOLOGY", **told),
            AnnouncedChange(DAY, Action.REMOVE, "0001.HK", "OLD MILL HOLDINGS", **told),
        ),
        dropped=(),
        rows_read=2,
    )


def test_rows_of_other_indices_are_not_ours_and_do_not_count() -> None:
    others = [("HSCI", "Add", "1234", "FOODS"), ("HSIF", "Add", "2345", "BANK")]

    table = read(review("2026-12-07", [*others, ADDED]))

    assert ([one.symbol for one in table.changes], table.rows_read) == (["9999.HK"], 1)


def test_a_review_may_leave_the_index_as_it_is() -> None:
    table = read(review("2026-12-07", [("HSCI", "Add", "1234", "FOODS")]))

    assert table == AnnouncedTable((), (), rows_read=0)


@pytest.mark.parametrize(
    "day",
    ["2026-12-07", "7 December 2026 (Monday)", "Monday, December 7, 2026", datetime(2026, 12, 7)],  # noqa: DTZ001 - a workbook's cell has no zone
)
def test_the_day_is_read_from_a_text_and_from_a_date(day: object) -> None:
    assert [one.effective_date for one in read(review(day, [ADDED])).changes] == [DAY]


def test_labels_columns_and_codes_are_read_in_other_forms() -> None:
    content = workbook(
        Summary=[("Announcement Date:", "", "20 November 2026"), ("Effective date: 7 Dec 2026",)],
        Review_Result=[
            ("Results of the review",),
            (),
            ("Stock\nCode", "Name", "ADD / DELETE", "Index  Code"),
            (9999, "SAMPLE", "Addition", "HSI"),
            ("00005.HK", "BANK", "Deletion", "HSI"),
            (),
            ("The codes are those of the exchange.",),
        ],
    )

    table = read(content)

    assert [(one.action.value, one.symbol) for one in table.changes] == [
        ("add", "9999.HK"),
        ("remove", "0005.HK"),
    ]
    assert {(one.effective_date, one.reason) for one in table.changes} == {
        (DAY, "review of the index, announced 2026-11-20")
    }
    assert (table.dropped, table.rows_read) == ((), 2)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (("HSI", "Reweight", "5", "BANK"), "'Reweight' is neither Add nor Delete"),
        (("HSI", "", "5", "BANK"), "'' is neither Add nor Delete"),
        (("HSI", "Add", "", "BANK"), "'' is not a symbol such as 0005.HK"),
        (("HSI", "Add", "BANK", "BANK"), "'BANK' is not a symbol such as 0005.HK"),
        (("", "Add", "5", "BANK"), "it names no index"),
    ],
)
def test_a_row_that_is_no_change_is_dropped_and_noted(
    row: tuple[str, str, str, str], reason: str
) -> None:
    table = read(review("2026-12-07", [row, ADDED]))

    assert ([one.symbol for one in table.changes], table.rows_read) == (["9999.HK"], 2)
    assert [one.reason for one in table.dropped] == [reason]
    assert table.notes == (f"{table.dropped[0].row} was not read as a change: {reason}",)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (review("soon", [ADDED]), "states no effective date"),
        (workbook(Summary=[("Effective Date",)]), "states no effective date"),
        (workbook(Other=[("Effective Date", "2026-12-07")]), "no longer has a sheet 'Summary'"),
        (
            workbook(Summary=[("Effective Date", "2026-12-07")], Results=[HEADER]),
            "no longer has a sheet 'Review Result'",
        ),
        (review("2026-12-07", []), "has no rows below its header"),
        (
            workbook(
                Summary=[("Effective Date", "2026-12-07")],
                Review_Result=[HEADER[:4], ("HSI", "Hang Seng Index", "Add", "5")],
            ),
            "and Stock Name; found Index Code, Index Name, Add/Delete, Stock Code.",
        ),
        (b"<html>busy</html>", "expected a workbook"),
    ],
)
def test_a_workbook_that_cannot_be_read_is_no_review_without_changes(
    content: bytes, said: str
) -> None:
    with pytest.raises(PageChanged) as caught:
        read(content)

    assert said in str(caught.value)


def test_the_notices_lead_to_the_newest_review_and_list_the_rest() -> None:
    table = listed(
        document("Constituent Changes (Quarterly Review)", "/a/old.xlsx", "2026-08-21 17:45:00"),
        document("Suspension of a Constituent", "/a/halt.PDF?x=1", "2026-10-05 09:00:00"),
        document("Results of the review", "/a/new.XLSX", "2026-11-20 17:45:10"),
        document("Free float factors", "/a/float.xlsx", "2026-11-21 09:00:00"),
        document("Quarterly review", "/a/review.pdf", "2026-11-22 09:00:00"),
    )

    assert table.further == f"{ORIGIN}/a/new.XLSX"
    assert (table.changes, table.dropped, table.notes) == ((), (), ())
    assert [(one.row, one.reason) for one in table.beside] == [
        (
            "2026-08-21 17:45:00 | Constituent Changes (Quarterly Review) | /a/old.xlsx",
            "older than the review of 2026-11-20 17:45:10",
        ),
        (
            "2026-10-05 09:00:00 | Suspension of a Constituent | /a/halt.PDF?x=1",
            "not read: PDF",
        ),
        (
            "2026-11-21 09:00:00 | Free float factors | /a/float.xlsx",
            "a workbook, but not of a review",
        ),
        ("2026-11-22 09:00:00 | Quarterly review | /a/review.pdf", "not read: PDF"),
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<html>busy</html>", "expected notices as JSON"),
        (b'{"contentList": 3}', "expected notices as JSON"),
        (b'{"contentList": [{"resources": []}]}', "expected notices as JSON"),
        (b'{"contentList": []}', "list no document"),
        (
            b'{"contentList": [{"resourcesList": [null, {"title": "Review", "url": "/r.pdf"}]}]}',
            "list 1 documents, but no workbook (.xlsx) of a review",
        ),
    ],
)
def test_notices_without_a_review_are_no_review_without_changes(content: bytes, said: str) -> None:
    with pytest.raises(PageChanged) as caught:
        parse_notices(raw(content), HSI)

    assert said in str(caught.value)


def test_the_recorded_notices_and_their_review_are_read() -> None:
    notices = parse_notices(raw(page_file("hsi_notices_rebuilt.json").read_bytes()), HSI)
    table = read(page_file("hsi_review_2026-12_rebuilt.xlsx").read_bytes())

    assert notices.further.startswith(f"{ORIGIN}/static/uploads/contents/en/news/indexChgNotice/")
    assert [one.reason for one in notices.beside] == ["not read: PDF"]
    assert [(one.effective_date, one.action.value, one.symbol) for one in table.changes] == [
        (DAY, "add", "9999.HK"),
        (DAY, "remove", "0001.HK"),
    ]
    assert (table.dropped, table.rows_read) == ((), 2)
