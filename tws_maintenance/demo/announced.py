"""Changes of invented indices as Wikipedia and Hang Seng Indexes announce them."""

import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from html import escape

from tws_maintenance.core.clock import utc_now
from tws_maintenance.demo.pages import Company, companies

REVIEW_PATH = "/static/uploads/contents/en/news/indexChgNotice/review.xlsx"
# The member that left the lists of the demo: its ticker in each, and its name.
LEFT = {"sp500": "ZZZ", "sti": "ZZ9", "hsi": "9901"}
LEFT_NAME = "Yesterday Mill plc"


@dataclass(frozen=True)
class Change:
    """A row of Wikipedia's table; a side that is None is blank. `day` is as the page writes it."""

    day: str
    added: Company | None = None
    removed: Company | None = None
    reason: str = "Market capitalization change."


def changes_page(changes: Iterable[Change]) -> bytes:
    """Return the page that lists the changes of the S&P 500, in their order."""
    rows = "".join(
        f"<tr>\n<td>{one.day}\n</td>{_side(one.added)}{_side(one.removed)}"
        f'<td>{escape(one.reason)}<sup class="reference"><a>[7]</a></sup></td></tr>\n'
        for one in changes
    )
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="UTF-8">
<title>Historical components of the S&amp;P 500 - Wikipedia</title></head><body>
<table class="wikitable sortable" id="changes"><tbody>
<tr><th rowspan="2">Effective Date</th><th colspan="2">Added</th><th colspan="2">Removed</th>
<th rowspan="2">Reason</th></tr>
<tr><th>Ticker</th><th>Security</th><th>Ticker</th><th>Security</th></tr>
{rows}</tbody></table></body></html>
""".encode()


def _side(company: Company | None) -> str:
    if company is None:
        return "<td></td><td></td>"
    return f'<td>{escape(company.ticker)}</td><td><a href="#">{escape(company.name)}</a></td>'


def sp500_changes() -> bytes:
    """Return the demo's page: one change to come, the one of its older list, one long past."""
    today, members = utc_now().date(), companies("sp500")
    to_come = Change(
        _written(today + timedelta(days=10)), Company("UPC", "Tomorrow Peak Inc."), members[9]
    )
    past = Change(
        _written(today - timedelta(days=7)), members[0], Company(LEFT["sp500"], LEFT_NAME)
    )
    old = Change("May 1, 2019", removed=Company("BYE", "Former Gate Group"), reason="Spun off.")
    return changes_page([to_come, past, old])


def _written(day: date) -> str:
    return f"{day:%B} {day.day}, {day.year}"


def notices(path: str = REVIEW_PATH, updated: datetime | None = None) -> bytes:
    """Return the notices of Hang Seng Indexes: a review's workbook and a suspension as PDF."""
    at = updated or datetime.combine(utc_now().date() - timedelta(days=24), time(17, 45))
    documents = [
        {"title": "Constituent Changes (Quarterly Review)", "url": path, "lastUpdate": f"{at}"},
        {
            "title": "Suspension of a Constituent",
            "url": "/static/uploads/contents/en/news/indexChgNotice/suspension.pdf",
            "lastUpdate": f"{at - timedelta(days=40)}",
        },
    ]
    return json.dumps({"contentList": [{"resourcesList": documents}]}).encode()


def review(effective_date: object, changes: Iterable[tuple[str, str, str, str]]) -> bytes:
    """Return the workbook of a review; a change is (index code, Add or Delete, code, name)."""
    import openpyxl

    book = openpyxl.Workbook(write_only=True)
    summary = book.create_sheet("Summary")
    summary.append(["Index Review Results"])
    summary.append(["Effective Date", effective_date])
    result = book.create_sheet("Review Result")
    result.append(["Index Code", "Index Name", "Add/Delete", "Stock Code", "Stock Name"])
    for index, action, code, name in changes:
        result.append([index, f"An index ({index})", action, code, name])
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def hsi_review() -> bytes:
    """Return the demo's review: the change of its older list."""
    return _hsi_review(utc_now().date() - timedelta(days=7))


@cache
def _hsi_review(day: date) -> bytes:
    joined = companies("hsi")[0]
    return review(
        day.isoformat(),
        [
            ("HSI", "Add", joined.ticker, joined.name.upper()),
            ("HSI", "Delete", LEFT["hsi"], LEFT_NAME.upper()),
            ("HSCI", "Add", "9903", "SAMPLE FOODS"),
        ],
    )
