"""Members in the items of lists, `Ajinomoto (TYO: 2802)`, below a heading that is their sector.

An item counts where it names the exchange and a code of the market in brackets; whatever else the
page lists does not.
"""

import re

from lxml import html

from tws_maintenance.config.indices import Index
from tws_maintenance.core.errors import PageChanged
from tws_maintenance.sources.model import SourceRow
from tws_maintenance.sources.tables import FoundTable
from tws_maintenance.sources.text import cell_text

_OTHER = re.compile(
    r"\b(former|formerly|removed|changes|reserve|see also|references)\b", re.IGNORECASE
)
_HEADINGS = "preceding::*[self::h2 or self::h3 or self::h4]"


def find_items(document: html.HtmlElement, index: Index) -> FoundTable:
    """Return the members that the items of `document` name.

    Raises:
        PageChanged: no item names one; says what was looked for.
    """
    named = re.compile(
        rf"^(?P<security>.+?)\s*\(\s*{index.symbol_rule.prefix}\s*:\s*(?P<ticker>[^()\s]+)\s*\)"
    )
    rows: list[SourceRow] = []
    items = document.xpath("//li[not(ancestor::table) and not(.//li)]")
    for item in items:
        found = named.match(cell_text(item))
        if found is None:
            continue
        headings = _headings(item)
        if any(map(_OTHER.search, headings)):
            continue
        heading = headings[0] if headings else ""
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


def _headings(item: html.HtmlElement) -> list[str]:
    """Return the headings that an item stands below, the nearest one first."""
    found: list[str] = []
    level = "h9"
    for heading in reversed(item.xpath(_HEADINGS)):
        if heading.tag < level:
            found.append(cell_text(heading))
            level = heading.tag
    return found
