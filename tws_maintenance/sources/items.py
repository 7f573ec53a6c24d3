"""Members in the items of lists, `Ajinomoto (TYO: 2802)`, below a heading that is their sector.

An item counts where it names the exchange and a code of the market in brackets, even beside other
exchanges. Below the same headings, an unreadable item with a code is a dropped row; other items do
not count.
"""

import re
from dataclasses import dataclass, field

from lxml import html

from tws_maintenance.config.indices import Index
from tws_maintenance.core.errors import PageChanged
from tws_maintenance.sources.days import day_or_month_in
from tws_maintenance.sources.model import DroppedRow, SourceRow
from tws_maintenance.sources.tables import FoundTable
from tws_maintenance.sources.text import cell_text, described, own_text

_OTHER = re.compile(
    r"\b(former|formerly|removed|changes|reserve|see also|references)\b", re.IGNORECASE
)
_LEVELS = ("h2", "h3", "h4")
# How pages write an exchange beside its usual mark.
_OTHER_MARKS = {"TYO": ("TYO", "TSE")}
# Four characters, the first a digit.
_CODE = r"\d[0-9A-Z]{3}"
_AS_OF = re.compile(r"\bas of (?:the )?(?:end of )?(.+)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class _Item:
    text: str
    headings: tuple[str, ...]  # those that it stands below, the nearest one first

    @property
    def sector(self) -> str:
        return self.headings[0] if self.headings else ""


@dataclass
class _Found:
    """The rows that were read so far."""

    rows: list[SourceRow] = field(default_factory=list)
    dropped: list[DroppedRow] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    by_ticker: dict[str, SourceRow] = field(default_factory=dict)


def find_items(document: html.HtmlElement, index: Index) -> FoundTable:
    """Return the members that the items of `document` name, of the day that the page states.

    A company below two sectors is one row, with a note.

    Raises:
        PageChanged: no item names one; says what was looked for.
    """
    items, stated = _items(document, index)
    read = [(item, _read(item.text, index)) for item in items]
    sectors = {item.headings for item, named in read if named}
    found = _Found()
    for item, named in read:
        if named:
            _add(found, item, *named)
        elif item.headings in sectors and _holds_a_code(item.text, index):
            reason = "an item with an unreadable code"
            found.dropped.append(DroppedRow(f"below {item.sector}: {item.text}"[:120], reason))
    if not found.rows:
        raise PageChanged(
            f"the page no longer looks like the {index.name} page: expected items such as "
            f"'Company ({index.symbol_rule.prefix}: "
            f"{index.symbol_rule.display_of(index.symbol_rule.example)})', found {len(items)} "
            "items but no such item. Check the page before you apply anything."
        )
    return FoundTable(
        tuple(found.rows),
        tuple(found.dropped),
        len(found.rows) + len(found.dropped),
        tuple(found.notes),
        day_or_month_in(stated) if stated else None,
    )


def _add(found: _Found, item: _Item, security: str, ticker: str) -> None:
    """Add a member, once: the same company may stand below a second sector."""
    row = SourceRow(len(found.rows) + 1, ticker, security, described(item.sector), "")
    same = found.by_ticker.setdefault(ticker, row)
    if same is row or same.security.casefold() != security.casefold():
        found.rows.append(row)
    else:
        found.notes.append(
            f"the page lists {security} ({ticker}) below {same.sector!r} and below "
            f"{item.sector!r}; the first was used as its sector"
        )


def _items(document: html.HtmlElement, index: Index) -> tuple[list[_Item], str]:
    """Return the items of the page, and what stands behind "as of" above the first member."""
    items: list[_Item] = []
    headings: dict[str, str] = {}
    stated, is_above = "", True
    for node in document.iter("h2", "h3", "h4", "p", "li"):
        if node.tag in _LEVELS:
            headings = {tag: text for tag, text in headings.items() if tag < node.tag}
            headings[node.tag] = cell_text(node)
            stated = "" if is_above and node.tag == "h2" else stated
        elif node.tag == "p":
            match = _AS_OF.search(cell_text(node)) if is_above else None
            stated = match[1] if match else stated
        elif next(node.iterancestors("table"), None) is None:
            below = tuple(text for _, text in sorted(headings.items(), reverse=True))
            if not any(map(_OTHER.search, below)):
                items.append(_Item(own_text(node), below))
                is_above = is_above and _read(items[-1].text, index) is None
    return items, stated


def _read(text: str, index: Index) -> tuple[str, str] | None:
    """Return the company and the code that an item names, None where it names none."""
    for bracket in re.finditer(r"\(([^()]*)\)", text):
        for entry in re.split(r"[,;/]", bracket[1]):
            mark, _, code = entry.partition(":")
            security = text[: bracket.start()].strip()
            if security and code.strip() and mark.strip().upper() in _marks(index):
                return security, code.strip().upper()
    return None


def _holds_a_code(text: str, index: Index) -> bool:
    """Return whether a code stands in brackets of its own, or behind a mark that lost them."""
    marks = "|".join(_marks(index))
    bracket = rf"\(\s*(?:[A-Z]{{2,5}}\W{{0,3}})?{_CODE}\s*(?:[,;)]|$)"
    return re.search(rf"{bracket}|\b(?:{marks})\W{{0,3}}{_CODE}\b", text) is not None


def _marks(index: Index) -> tuple[str, ...]:
    prefix = index.symbol_rule.prefix
    return _OTHER_MARKS.get(prefix, (prefix,))
