"""A web server on this machine for the demo's pages, with ETags, as the real one answers."""

import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from tws_maintenance.indices import INDICES
from tws_maintenance.storage.digest import sha256


class PageServer:
    """Serves `pages` (bytes by index key) under the addresses of Wikipedia; a context manager.

    The pages may be changed while it serves. `latency` is in seconds, before each answer.
    """

    def __init__(self, pages: dict[str, bytes], latency: float = 0.0) -> None:
        self.pages = pages
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

    def _lookup(self, path: str) -> bytes | None:
        time.sleep(self._latency)
        for index in INDICES.values():
            if index.sources[0].locator in path:
                return self.pages.get(index.key)
        return None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    lookup: Callable[[str], bytes | None]

    def do_GET(self) -> None:
        """Answer 200, 304 or 404."""
        body = self.lookup(unquote(urlsplit(self.path).path))
        if body is None:
            self._answer(HTTPStatus.NOT_FOUND, b"no such page\n", "")
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
        if tag:
            self.send_header("ETag", tag)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's own name
        """Stay silent: the demo's output is the program's."""
