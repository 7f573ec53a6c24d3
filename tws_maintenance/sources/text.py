"""The text of a table cell: what a reader sees, without what a page adds for editors.

Cleaning removes only known decoration (footnote marks, language links, invisible characters, odd
blanks). Anything else stays as it is, for the audit to accept or to refuse.
"""

import re
import unicodedata
from collections.abc import Iterator

from lxml import html

from tws_maintenance.core.text import MISSING_TEXTS

# [1], [a], [zh], [note 3], [citation needed], with any blanks before
_MARK = re.compile(
    r"\s*\[\s*(?:\d{1,3}|[a-z]{1,3}|(?:note|nb|n)\s*\d+|[a-z ]*needed|update|dubious)\s*\]",
    re.IGNORECASE,
)
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")
_UNSEEN_TAGS = frozenset({"style", "script", "noscript", "template", "link"})
_HIDDEN = re.compile(r"display\s*:\s*none", re.IGNORECASE)  # sort keys, mostly
_LISTS = frozenset({"ul", "ol"})
_BREAKING_TAGS = frozenset({"br", "p", "div", "li", "tr"})


# What funds also write where they have no classification.
_UNDESCRIBED = MISSING_TEXTS | {"unassigned", "not classified"}


def described(text: str) -> str:
    """Return a sector or sub-industry, cleaned; "" where the text stands for a missing one."""
    text = clean(text)
    return "" if text.casefold() in _UNDESCRIBED else text


def cell_text(cell: html.HtmlElement) -> str:
    """Return the visible text of `cell`, on one line and cleaned."""
    if not len(cell):  # most cells, and a page has thousands
        return clean(cell.text or "")
    return clean("".join(_visible(cell)))


def own_text(item: html.HtmlElement) -> str:
    """Return the visible text of a list's item without that of the lists in it, as `cell_text`."""
    return clean("".join(_visible(item, without=_LISTS)))


def clean(text: str) -> str:
    """Return `text` without footnote marks and invisible characters, blanks made one."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", _INVISIBLE.sub("", text))
    text = " ".join(text.split())
    return " ".join(_MARK.sub("", text).split()) if "[" in text else text


def _visible(node: html.HtmlElement, without: frozenset[str] = frozenset()) -> Iterator[str]:
    yield node.text or ""
    for child in node:
        tag = child.tag
        if isinstance(tag, str) and tag not in without and _is_seen(child):
            if tag in _BREAKING_TAGS:
                yield " "
            yield from _visible(child, without)
        yield child.tail or ""


def _is_seen(node: html.HtmlElement) -> bool:
    return not (
        node.tag in _UNSEEN_TAGS or _HIDDEN.search(node.get("style") or "") or _is_footnote(node)
    )


def _is_footnote(node: html.HtmlElement) -> bool:
    """Return whether a superscript is a reference mark, by its brackets (classes come and go)."""
    if node.tag != "sup":
        return False
    if "reference" in (node.get("class") or ""):
        return True
    return str(node.text_content()).strip().startswith("[")
