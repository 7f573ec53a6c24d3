"""Members in the items of lists, `Ajinomoto (TYO: 2802)`, below a heading that is their sector.

An item counts where it names the exchange and a code of the market in brackets; whatever else the
page lists does not.
"""

import re

from lxml import html

from tws_maintenance.errors import PageChanged
from tws_maintenance.indices import Index
from tws_maintenance.sources.model import SourceRow
from tws_maintenance.sources.tables import FoundTable
from tws_maintenance.sources.text import cell_text

_OTHER = re.compile(r"former|removed|changes|reserve|see also|references", re.IGNORECASE)
_HEADINGS = "preceding::*[self::h2 or self::h3 or self::h4][1]"


def find_items(document: html.HtmlElement, index: Index) -> FoundTable:
    """Return the members that the items of `document` name.

    Raises:
        PageChanged: no item names one; says what was looked for.
    """
    named = re.compile(
        rf"^(?P<security>.+?)\s*\(\s*{index.symbol_rule.prefix}\s*:\s*(?P<ticker>[^()\s]+)\s*\)"
    )
    rows: list[SourceRow] = []
    items = document.xpath("//li[not(ancestor::table)]")
    for item in items:
        found = named.match(cell_text(item))
        heading = _heading(item)
        if found is None or _OTHER.search(heading):
            continue
        rows.append(
            SourceRow(len(rows) + 1, found["ticker"], found["security"].strip(), heading, "")
        )
    if not rows:
        raise PageChanged(
            f"the page no longer looks like the {index.name} page: expected items such as "
            f"'Company ({index.symbol_rule.prefix}: "
            f"{index.symbol_rule.display_of(index.symbol_rule.example)})', found {len(items)} "
            "items and none like that. Look at the page before anything is applied."
        )
    return FoundTable(tuple(rows), (), len(rows))


def _heading(item: html.HtmlElement) -> str:
    found = item.xpath(_HEADINGS)
    return cell_text(found[0]) if found else ""
