"""Pages in the layout of the real ones, listing invented companies.

Each holds what the real ones hold beside the table: a notice, an infobox, a list of changes or a
reserve list, footnotes, a navigation box.
"""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, replace
from html import escape

from tws_maintenance.config.indices import GICS_SECTORS

_FIRST = [
    "Amber",
    "Boreal",
    "Cedar",
    "Delta",
    "Ember",
    "Fjord",
    "Granite",
    "Harbor",
    "Indigo",
    "Juniper",
    "Kestrel",
    "Larch",
]
_SECOND = [
    "Lane",
    "Mill",
    "Peak",
    "Quay",
    "Ridge",
    "Field",
    "Gate",
    "Bridge",
    "Point",
    "Vale",
    "Shore",
    "Crest",
    "Hollow",
    "Works",
]
_FORMS = ("Inc.", "Corporation", "Group", "Holdings", "plc")
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True)
class Company:
    """An invented company as a page lists it."""

    ticker: str
    name: str
    sector: str = ""
    sub_industry: str = ""

    def renamed(self, ticker: str) -> "Company":
        """Return the same company under another ticker."""
        return replace(self, ticker=ticker)


def companies(index_key: str) -> list[Company]:
    """Return the invented members of an index: 503, 30 or 85, always the same."""
    return {"sp500": _sp500, "sti": _sti, "hsi": _hsi}[index_key]()


def page(index_key: str, members: Iterable[Company]) -> bytes:
    """Return the page that lists `members`, which may be odd on purpose."""
    rows = list(members)
    return {"sp500": _sp500_page, "sti": _sti_page, "hsi": _hsi_page}[index_key](rows).encode()


def _names(count: int) -> list[str]:
    combined = itertools.product(_FORMS, _FIRST, _SECOND)
    return [f"{one} {two} {form}" for form, one, two in itertools.islice(combined, count)]


def _sp500() -> list[Company]:
    tickers = ["".join(letters) for letters in itertools.product(_LETTERS[::2], repeat=3)]
    tickers = [*tickers[:501], "QVR.A", "QVR.B"]
    sectors = sorted(GICS_SECTORS)
    return [
        Company(ticker, name, sectors[n % 11], f"{sectors[n % 11]} Services")
        for n, (ticker, name) in enumerate(zip(tickers, _names(503), strict=True))
    ]


def _sti() -> list[Company]:
    return [Company(f"{_LETTERS[n % 26]}{n:02d}", name) for n, name in enumerate(_names(30))]


def _hsi() -> list[Company]:
    sectors = ("Finance", "Utilities", "Properties", "Commerce & Industry")
    return [Company(str(1 + n * 37), name, sectors[n % 4]) for n, name in enumerate(_names(85))]


def _sp500_page(members: list[Company]) -> str:
    rows = "".join(
        f'<tr>\n<td><a class="external text" href="#">{escape(c.ticker)}</a>\n</td>'
        f"<td>{_link(c.name)}</td><td>{escape(c.sector)}</td><td>{escape(c.sub_industry)}</td>"
        f"<td>Fjordville, Nowhere</td><td>1999-01-0{1 + n % 9}</td><td>{n:010d}</td>"
        "<td>1901</td></tr>\n"
        for n, c in enumerate(members)
    )
    return _document(
        "List of S&P 500 companies",
        f"""<h2 id="S&amp;P_500_component_stocks">S&amp;P 500 component stocks</h2>
<table class="wikitable sortable" id="constituents"><tbody><tr><th><a href="#">Symbol</a></th>
<th>Security</th><th><a href="#">GICS</a> Sector</th><th>GICS Sub-Industry</th>
<th>Headquarters Location</th><th>Date added</th><th>CIK</th><th>Founded</th></tr>
{rows}</tbody></table>
<h2>Selected changes to the list of S&amp;P 500 components</h2>
<table class="wikitable sortable" id="changes"><tbody>
<tr><th rowspan="2">Effective Date</th><th colspan="2">Added</th><th colspan="2">Removed</th>
<th rowspan="2">Reason</th></tr>
<tr><th>Ticker</th><th>Security</th><th>Ticker</th><th>Security</th></tr>
<tr><td>May 1, 2026</td><td>AAA</td><td>Amber Lane Inc.</td><td>OLD</td><td>Old Mill plc</td>
<td>Market capitalization change.<sup class="reference">[3]</sup></td></tr></tbody></table>""",
    )


def _sti_page(members: list[Company]) -> str:
    return _document(
        "Straits Times Index",
        f"""{_infobox(len(members))}
<h2>List of STI constituents</h2>
<table class="wikitable sortable"><caption>Constituents, as of 1 September 2026</caption><tbody>
<tr><th>Stock symbol</th><th>Company</th></tr>
{"".join(_sti_row(c) for c in members)}</tbody></table>
<table class="wikitable"><caption>Reserve list</caption><tbody>
<tr><th>Stock symbol</th><th>Company</th></tr>
{"".join(_sti_row(Company(f"R{n}1", f"Reserve Company {n}")) for n in range(1, 6))}</tbody></table>""",
    )


def _sti_row(company: Company) -> str:
    return (
        f'<tr><td><a href="#">SGX</a>: <a href="#">{escape(company.ticker)}</a></td>'
        f'<td>{_link(company.name)}<span class="noprint"> [<a href="#">zh</a>]</span></td></tr>\n'
    )


def _hsi_page(members: list[Company]) -> str:
    rows = "".join(
        f"<tr>\n<td><a>SEHK</a><span>:</span><span>\u00a0</span><a>{escape(c.ticker)}</a></td>\n"
        f"<td>{_link(c.name)}</td>\n<td>{escape(c.sector)}</td></tr>\n"
        for c in members
    )
    return _document(
        "Hang Seng Index",
        f"""{_infobox(len(members))}
<table><tbody><tr><th>Year</th><th>Closing level</th></tr>
<tr><td>2024</td><td>20,059.95</td></tr></tbody></table>
<table><tbody><tr><th>Ticker</th><th>Name</th><th>Sub-index</th></tr>
{rows}</tbody></table>""",
    )


def _infobox(count: int) -> str:
    return (
        '<table class="infobox"><tbody><tr><th>Operator</th><td>Demo Indexes</td></tr>'
        f"<tr><th>Constituents</th><td>{count}<sup>[1]</sup></td></tr></tbody></table>"
    )


def _link(text: str) -> str:
    return f'<a href="#">{escape(text)}</a>'


def _document(title: str, body: str) -> str:
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="UTF-8"><title>{escape(title)} - Wikipedia</title>
<script>RLCONF={{"wgRevisionId":1300000001}};</script></head><body>
<table class="box-More_citations_needed"><tbody><tr><td>This section <b>needs more citations</b>.
</td></tr></tbody></table>
{body}
<table class="navbox"><tbody><tr><th>Stock market indices</th><td>Global, Regional</td></tr>
</tbody></table>
<script type="application/ld+json">{{"dateModified":"2026-11-01T08:00:00Z"}}</script>
</body></html>
"""
