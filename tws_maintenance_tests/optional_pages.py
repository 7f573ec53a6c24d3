"""Pages of the optional indices, listing invented companies in the layouts that are known."""

from html import escape

from tws_maintenance.demo.pages import Company, companies

SECTORS = ("Technology", "Exchanges", "Utilities")


def nasdaq_members() -> list[Company]:
    """Return 101 invented members."""
    return [
        Company(one.ticker, one.name, SECTORS[n % 3], "Software")
        for n, one in enumerate(companies("sp500")[:101])
    ]


def nasdaq_page(members: list[Company]) -> bytes:
    """Return a page whose table has the columns Ticker, Company, ICB Industry, ICB Subsector."""
    rows = "".join(
        f"<tr><td>{escape(c.ticker)}</td><td><a>{escape(c.name)}</a></td><td>{c.sector}</td>"
        f"<td>{c.sub_industry}</td></tr>"
        for c in members
    )
    return _page(
        '<h2>Components</h2><table id="constituents"><tr><th>Ticker</th><th>Company</th>'
        f"<th>ICB Industry<sup>[14]</sup></th><th>ICB Subsector<sup>[14]</sup></th></tr>{rows}"
        "</table><h2>Component changes</h2><table><tr><th>Date</th><th>Added</th></tr></table>"
    )


def nikkei_members() -> list[Company]:
    """Return 225 invented members; the code of one ends in a letter, as newer ones do."""
    return [
        Company("285A" if n == 9 else str(1301 + n * 7), one.name, SECTORS[n % 3])
        for n, one in enumerate(companies("sp500")[:225])
    ]


def nikkei_page(members: list[Company]) -> bytes:
    """Return a page whose members stand in lists, `Company (TYO: 2802)`, below their sector."""
    parts = []
    for sector in SECTORS:
        items = "".join(
            f"<li><a>{escape(c.name)}</a> (<a>TYO</a>: <a>{escape(c.ticker)}</a>)</li>"
            for c in members
            if c.sector == sector
        )
        parts.append(f"<h3>{sector}</h3><ul>{items}</ul>")
    # One sector is called like what changes are called, and the former stand below a year.
    former = "<h2>Former components</h2><h3>2023</h3><ul><li>Yesterday Mill (TYO: 9999)</li></ul>"
    former += "<ul><li>A group (TYO: 9998)<ul><li>its mill</li></ul></li></ul>"
    noise = "<ul><li>A note about the exchange (TYO)</li><li>Nikkei Inc.</li></ul>"
    return _page(f"<h2>Components</h2>{''.join(parts)}{former}<h2>See also</h2>{noise}")


def _page(body: str) -> bytes:
    return (
        f"<!DOCTYPE html><html><head><title>An index</title></head><body>{body}</body></html>"
    ).encode()
