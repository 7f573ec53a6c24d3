"""Lists of invented companies as their makers publish them: JSON, workbooks, CSV files."""

import io
import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from typing import NotRequired, TypedDict

from tws_maintenance.demo.pages import Company


class Listed(TypedDict):
    """A member as Hang Seng Indexes lists it."""

    code: str
    constituentName: str
    type: str
    isDummy: bool


class ListedIndex(TypedDict):
    """An index or a sub-index of Hang Seng Indexes, with its members by sub-index or in one."""

    indexName: str
    constituentsCount: int
    subIndexList: NotRequired[list["ListedIndex"]]
    constituentContent: NotRequired[list[Listed]]


def hang_seng(
    members: Iterable[Company], as_of: date, *, by_sub_index: bool = True, count: int | None = None
) -> bytes:
    """Return the list of Hang Seng Indexes, by sub-index or in one; `count` is what it claims."""
    content: dict[str, list[Listed]] = defaultdict(list)
    for one in members:
        name = one.name.upper()[:28]
        entry = Listed(code=one.ticker, constituentName=name, type="O", isDummy=False)
        content[one.sector if by_sub_index else ""].append(entry)
    total = sum(map(len, content.values()))
    index: ListedIndex = {
        "indexName": "Hang Seng Index",
        "constituentsCount": total if count is None else count,
    }
    if by_sub_index:
        index["subIndexList"] = [
            {
                "indexName": f"HSI - {name}",
                "constituentsCount": len(entries),
                "constituentContent": entries,
            }
            for name, entries in content.items()
        ]
    else:
        index["constituentContent"] = content[""]
    series = {
        "seriesName": "Hang Seng Index",
        "seriesCode": "hsi",
        "constituentsDate": f"{as_of} 07:32:54",
        "indexList": [index],
    }
    return json.dumps({"requestDate": f"{as_of} 11:17:07", "indexSeriesList": [series]}).encode()


def spy(members: Iterable[Company], as_of: date) -> bytes:
    """Return the holdings of SPY: a preamble, the members, a cash line, a disclaimer."""
    rows: list[list[object]] = [
        ["Fund Name:", "A fund of invented companies"],
        ["Ticker Symbol:", "SPY"],
        ["Holdings:", f"As of {as_of:%d-%b-%Y}"],
        [],
        ["Name", "Ticker", "Identifier", "SEDOL", "Weight", "Sector", "Shares Held", "Currency"],
    ]
    rows += [
        [one.name.upper(), one.ticker, f"ID{n:07d}", f"S{n:06d}", 0.2, "-", 1000.0 + n, "USD"]
        for n, one in enumerate(members)
    ]
    rows += [["US DOLLAR", "-", "CASH_USD", "-", 0.1, "-", 12.0, "USD"], [], ["Past performance."]]
    return _workbook(rows)


def es3(members: Iterable[Company], as_of: date) -> bytes:
    """Return the holdings of ES3: no preamble, the day in every row, cash lines."""
    header: list[object] = [
        *("ISIN", "SEDOL", "Identifier", "Stock Exchange", "Trade Country Name", "Name"),
        *("Local Currency", "Weight (%)", "Sector", "Fund Name", "Holdings As of"),
    ]
    day = f"{as_of:%d-%b-%Y}"
    rows: list[list[object]] = [header]
    for number, one in enumerate(members):
        rows.append(
            [
                *(f"SG{number:010d}", f"B{number:06d}", f"{one.ticker}-SG", "SINGAPORE"),
                *("Singapore", one.name, "SGD", "3.3", "-", "A fund", day),
            ]
        )
    unknown = "Unassigned"
    cash: list[object] = [
        *(unknown, "CASH_SGD", "CASH_SGD", unknown, unknown, "Singapore Dollar"),
        *("SGD", "0.1", unknown, "A fund", day),
    ]
    return _workbook([*rows, cash])


def ishares(members: Iterable[Company], as_of: date) -> bytes:
    """Return the holdings of a fund of iShares: a preamble, the members, cash, legal text."""
    lines = ["A fund of invented companies", f'Fund Holdings as of,"{as_of:%b %d, %Y}"', ""]
    lines.append("Ticker,Name,Sector,Asset Class,Market Value,Weight (%),Exchange")
    lines += [
        _csv(one.ticker, one.name.upper(), one.sector, "Equity", "1000", "0.20", "X")
        for one in members
    ]
    lines += [_csv("USD", "USD CASH", "Cash and/or Derivatives", "Cash", "12", "0.01", "-")]
    return "\n".join(["\ufeff" + lines[0], *lines[1:], "", "Past performance."]).encode()


def tracker(members: Iterable[Company], as_of: date) -> bytes:
    """Return the holdings of the Tracker Fund of Hong Kong: the day as digits, codes with -HK."""
    lines = ["The Tracker Fund of an invented city", "", f"Holdings as of,{as_of:%d%m%Y}", ""]
    lines.append("ISIN,Ticker,Security Name,Weight (%)")
    lines += [
        _csv(f"HK{number:010d}", f"{one.ticker}-HK", one.name.upper(), "1.10")
        for number, one in enumerate(members)
    ]
    return ("\ufeff" + "\n".join(lines) + "\n").encode()


def _csv(*cells: str) -> str:
    return ",".join(f'"{cell}"' for cell in cells)


def _workbook(rows: list[list[object]]) -> bytes:
    import openpyxl

    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("holdings")
    for row in rows:
        sheet.append(row)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()
