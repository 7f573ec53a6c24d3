"""A web server on this machine that plays Wikipedia, the Federal Reserve and Yahoo."""

import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, unquote, urlsplit

from tws_maintenance.config.indices import DECLARED, Index
from tws_maintenance.config.sources import WIKIPEDIA, SourceSpec
from tws_maintenance.core.digest import sha256
from tws_maintenance.demo.announced import REVIEW_PATH, hsi_review, notices, sp500_changes
from tws_maintenance.demo.events import fomc_page, this_year, unknown_symbol
from tws_maintenance.market_events.providers.fomc import PAGE_PATH
from tws_maintenance.sources.fetching import CHANGE_READERS, reader_of

# The settings that say where the sources are.
SOURCE_URLS = (
    *("WIKIPEDIA_URL", "HANG_SENG_URL", "SSGA_URL", "ISHARES_URL", "BLACKROCK_URL", "HSBC_URL"),
    *("FEDERAL_RESERVE_URL", "YAHOO_URL"),
)
QUOTE_PATH = "/v10/finance/quoteSummary/"


class PageServer:
    """Serves `pages` and `symbols` under the addresses of the real sources; a context manager.

    `pages` are bytes by index key (`hsi` for the page, `hsi_hang_seng` for its maker's list),
    `sp500_changes`, `hsi_notices` and `fomc`, which are there unless given; `hsi_review` is the
    workbook that the notices lead to. `symbols` are Yahoo's answers (status, bytes), 404 for any
    other symbol. Both may be changed while it serves. `asked` are the paths that were asked for.
    `latency` is in seconds, before each answer.
    """

    def __init__(self, pages: dict[str, bytes], latency: float = 0.0) -> None:
        self.pages = {
            "fomc": fomc_page([this_year(), this_year() + 1]),
            "sp500_changes": sp500_changes(),
            "hsi_notices": notices(),
            **pages,
        }
        self.symbols: dict[str, tuple[int, bytes]] = {}
        self.crumb = (HTTPStatus.OK.value, b"demo.crumb")
        self.asked: list[str] = []
        self._latency = latency
        handler = type("Handler", (_Handler,), {"lookup": staticmethod(self._lookup)})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), daemon=True
        )

    @property
    def origin(self) -> str:
        """The address to set as `[http] wikipedia_url`."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _lookup(self, path: str) -> tuple[int, bytes]:
        time.sleep(self._latency)
        self.asked.append(path)
        if path.startswith(QUOTE_PATH):
            symbol = path.removeprefix(QUOTE_PATH)
            unknown = (HTTPStatus.NOT_FOUND.value, unknown_symbol(symbol))
            return self.symbols.get(symbol, unknown)
        if path.endswith("/getcrumb"):
            return self.crumb
        page = self._page(path)
        missing = (HTTPStatus.NOT_FOUND.value, b"no such page\n")
        return missing if page is None else (HTTPStatus.OK.value, page)

    def _page(self, path: str) -> bytes | None:
        if path == PAGE_PATH:
            return self.pages.get("fomc")
        if path == REVIEW_PATH:
            return self.pages.get("hsi_review") or hsi_review()
        for index in DECLARED.values():
            for spec in (*index.sources, *index.announcements):
                if urlsplit(reader_of(spec).address("", spec.locator)).path == quote(path):
                    return self.pages.get(_key(index, spec))
        return None


def _key(index: Index, spec: SourceSpec) -> str:
    """Return the name of a source's page among `PageServer.pages`."""
    if spec.kind in CHANGE_READERS:
        return f"{index.key}_changes" if spec.name == WIKIPEDIA else f"{index.key}_notices"
    return index.key if spec.name == WIKIPEDIA else f"{index.key}_{spec.name}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    lookup: Callable[[str], tuple[int, bytes]]

    def do_GET(self) -> None:
        """Answer with what there is, 304 where the asker has it."""
        status, body = self.lookup(unquote(urlsplit(self.path).path))
        if status != HTTPStatus.OK:
            self._answer(HTTPStatus(status), body, "")
            return
        tag = f'"{sha256(body)[:24]}"'
        if self.headers.get("If-None-Match") == tag:
            self._answer(HTTPStatus.NOT_MODIFIED, b"", tag)
        else:
            self._answer(HTTPStatus.OK, body, tag)

    def _answer(self, status: HTTPStatus, body: bytes, tag: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=UTF-8")
        self.send_header("Content-Length", str(len(body)))
        if self.path == "/":  # where Yahoo hands out its cookie
            self.send_header("Set-Cookie", "A3=demo; Path=/")
        if tag:
            self.send_header("ETag", tag)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's own name
        """Stay silent: the demo's output is the program's."""
