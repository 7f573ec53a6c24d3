"""Wikipedia's pages of the three indices, as the page itself and as REST HTML.

Page layout, revision marks: https://www.mediawiki.org/wiki/API:REST_API/Reference#Get_HTML and
the JSON-LD block that every article carries.
"""

import re
from collections.abc import Callable
from datetime import datetime
from urllib.parse import quote

from lxml import etree, html

from tws_maintenance.config.indices import Index
from tws_maintenance.config.sources import WIKIPEDIA
from tws_maintenance.core.clock import parse_utc
from tws_maintenance.core.errors import PageChanged
from tws_maintenance.sources.announced_table import find_changes
from tws_maintenance.sources.items import find_items
from tws_maintenance.sources.model import AnnouncedTable, RawCopy, SourceTable
from tws_maintenance.sources.tables import FoundTable, find_constituents
from tws_maintenance.sources.text import cell_text

_REVISION = re.compile(rb'"wgRevisionId":(\d+)|Special:Redirect/revision/(\d+)')
_REVISED_AT = re.compile(
    rb'"dateModified":"([0-9TZ:+.-]+)"|property="dc:modified" content="([0-9TZ:+.-]+)"'
)
TAIL_CHARACTERS = 2000
_COUNT_LABELS = frozenset({"constituents", "components", "number of constituents"})


def page_url(origin: str, title: str) -> str:
    """Return the address of the article."""
    return f"{origin}/wiki/{quote(title)}"


def rest_url(origin: str, title: str) -> str:
    """Return the address of the article's REST HTML."""
    return f"{origin}/w/rest.php/v1/page/{quote(title)}/html"


def parse(raw: RawCopy, index: Index) -> SourceTable:
    """Read the constituents from the table of a page.

    Raises:
        PageChanged: the page no longer has this form; says what was expected and found.
    """
    return _read(raw, index, find_constituents)


def parse_items(raw: RawCopy, index: Index) -> SourceTable:
    """Read the constituents from the items of a page's lists, as `parse` does from a table."""
    return _read(raw, index, find_items)


def parse_changes(raw: RawCopy, index: Index) -> AnnouncedTable:
    """Read the changes of an index from the table that lists them.

    Raises:
        PageChanged: the page has no such table, or an unreadable one.
    """
    found = find_changes(_document(raw), index, WIKIPEDIA, raw.fetched_at.date())
    if found is None:
        raise PageChanged(
            f"the page holds no table of the changes of {index.name}: expected the columns "
            "Effective Date, Added (Ticker, Security) and Removed (Ticker, Security). Check the "
            "page."
        )
    return found


def _read(
    raw: RawCopy, index: Index, find: Callable[[html.HtmlElement, Index], FoundTable]
) -> SourceTable:
    document = _document(raw)
    table = find(document, index)
    return SourceTable(
        rows=table.rows,
        dropped=table.dropped,
        rows_read=table.rows_read,
        notes=table.notes,
        stated_count=_stated_count(document),
        revision=_first_group(_REVISION, raw.content),
        revised_at=_revised_at(raw.content),
        as_of=table.as_of,
        tables=table.tables,
        announced=_changes_beside(document, raw, index),
    )


def _changes_beside(
    document: html.HtmlElement, raw: RawCopy, index: Index
) -> AnnouncedTable | None:
    """Return the changes below a list, where they stood before they had a page of their own."""
    if not index.announced_at(WIKIPEDIA):
        return None
    try:
        return find_changes(document, index, WIKIPEDIA, raw.fetched_at.date())
    except Exception:  # noqa: BLE001 - the list is read all the same
        return None


def _document(raw: RawCopy) -> html.HtmlElement:
    """Return the parsed page.

    Raises:
        PageChanged: it is not a web page, or an incomplete one.
    """
    try:
        text = raw.content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise PageChanged(
            f"expected a UTF-8 web page, found other bytes (at byte {error.start} of "
            f"{len(raw.content)})"
        ) from error
    try:
        parser = html.HTMLParser(encoding="utf-8")
        document = html.document_fromstring(text.encode(), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError) as error:
        raise PageChanged(f"expected a web page, found no markup ({error})") from error
    _refuse_part_of_a_page(text, parser)
    return document


def _refuse_part_of_a_page(text: str, parser: html.HTMLParser) -> None:
    """Refuse a page that was only partly sent, or could only be partly parsed.

    Its table would be a well-formed list of the first members. An answer that ends with its
    connection has no length to compare with, and the parser stops at 256 nested elements or a text
    of 10 MB, which it only writes to its log.
    """
    fatal = parser.error_log.filter_from_fatals()
    if len(fatal):
        raise PageChanged(
            f"the page could be parsed only up to line {fatal[0].line} ({fatal[0].message}), so "
            "its table may be cut short. Nothing was read from it. Check the page."
        )
    if "</html>" not in text[-TAIL_CHARACTERS:].lower():
        raise PageChanged(
            f"the page is cut off: {len(text)} characters without the closing </html>, so its "
            "table may be cut short. Run again; if that does not help, check the page."
        )


def _stated_count(document: html.HtmlElement) -> int | None:
    """Return the number of members that the page's infobox names, if it has such a line."""
    for label in document.xpath("//tr/th[following-sibling::td]"):
        if cell_text(label).casefold() in _COUNT_LABELS:
            number = re.match(r"\d+", cell_text(label.xpath("following-sibling::td")[0]))
            if number:
                return int(number.group())
    return None


def _revised_at(content: bytes) -> datetime | None:
    text = _first_group(_REVISED_AT, content)
    try:
        return parse_utc(text) if text else None
    except ValueError:
        return None


def _first_group(pattern: re.Pattern[bytes], content: bytes) -> str | None:
    match = pattern.search(content)
    return next((g.decode() for g in match.groups() if g), None) if match else None
