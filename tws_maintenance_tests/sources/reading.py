"""Reading bytes as if they had been fetched, and small pages of one's own."""

import pytest

from tws_maintenance.config.indices import INDICES
from tws_maintenance.core.clock import utc_now
from tws_maintenance.core.digest import sha256
from tws_maintenance.core.errors import PageChanged
from tws_maintenance.sources import wikipedia
from tws_maintenance.sources.model import RawCopy, SourceTable


def read(index_key: str, content: bytes) -> SourceTable:
    """Return what `content` lists, read as the page of an index."""
    url = "https://en.wikipedia.org/wiki/A_page"
    return wikipedia.parse(
        RawCopy(url, 200, content, sha256(content), utc_now()), INDICES[index_key]
    )


def fault(index_key: str, content: bytes) -> str:
    """Return the message with which `content` is refused as the page of an index."""
    with pytest.raises(PageChanged) as caught:
        read(index_key, content)
    return str(caught.value)


def tickers(table: SourceTable) -> list[str]:
    """Return the tickers as the page writes them, in its order."""
    return [row.ticker for row in table.rows]


def html_page(*parts: str) -> bytes:
    """Return a page with `parts` as its body."""
    return f"<!DOCTYPE html><html><body>{''.join(parts)}</body></html>".encode()


def html_table(header: list[str], rows: list[list[str]], caption: str = "") -> str:
    """Return a plain table; cells are markup."""
    head = "".join(f"<th>{name}</th>" for name in header)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    title = f"<caption>{caption}</caption>" if caption else ""
    return f"<table>{title}<tr>{head}</tr>{body}</table>"


def sti_rows(count: int, letter: str = "A") -> list[list[str]]:
    """Return `count` rows of a Straits Times table, with tickers that begin with `letter`."""
    return [[f"SGX: {letter}{n:02d}", f"Company {letter}{n}"] for n in range(count)]
