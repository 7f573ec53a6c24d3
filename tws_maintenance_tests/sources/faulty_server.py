"""A web server on this machine that answers by script: well, oddly, slowly or not at all.

`FaultyServer.script` holds the answers of each path, the last of which repeats; `requests` is
what really arrived. An unscripted path is a 404.
"""

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

MOST_BYTES = 1 << 26
TRICKLED_BYTES = 250

Answer = Callable[["Handler"], None]


@dataclass(frozen=True)
class Asked:
    """A request as it arrived; `at` is `time.monotonic()`."""

    path: str
    headers: dict[str, str]
    at: float


@dataclass(frozen=True)
class Reply:
    """An answer sent whole; `claimed_length` is what its Content-Length says instead."""

    body: bytes = b"a page"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    claimed_length: int | None = None
    has_length: bool = True

    def __call__(self, handler: "Handler") -> None:
        length = len(self.body) if self.claimed_length is None else self.claimed_length
        framing = {"Content-Length": str(length)} if self.has_length else {}
        handler.send_head(self.status, {**self.headers, **framing})
        handler.wfile.write(self.body)


@dataclass(frozen=True)
class Endless:
    """An answer whose body goes on until the client hangs up, which sets `is_hung_up`."""

    is_hung_up: threading.Event
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    def __call__(self, handler: "Handler") -> None:
        try:
            handler.send_head(self.status, self.headers)
            for _ in range(MOST_BYTES >> 16):
                handler.wfile.write(b"x" * (1 << 16))
        except OSError:
            self.is_hung_up.set()
            raise


def silence(handler: "Handler") -> None:
    """Say nothing until the server is closed."""
    handler.is_closing.wait()


def hang_up(handler: "Handler") -> None:
    """Close the connection without a word, which `Handler` does after every answer."""


def trickle_body(handler: "Handler") -> None:
    """Send a byte of the body now and then, far more slowly than it could ever end."""
    handler.send_head(200, {"Content-Length": "100000"})
    handler.trickle()


def trickle_head(handler: "Handler") -> None:
    """Send a byte of the first header now and then."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    handler.trickle()


class Handler(BaseHTTPRequestHandler):
    """Hands each request to its scripted answer and closes the connection after it."""

    answer_of: Callable[[Asked], Answer]
    is_closing: threading.Event

    def do_GET(self) -> None:
        """Answer by the script."""
        answer = self.answer_of(Asked(self.path, dict(self.headers.items()), time.monotonic()))
        with contextlib.suppress(OSError):  # the client may hang up, it is even meant to
            answer(self)
        self.close_connection = True

    def send_head(self, status: int, headers: dict[str, str]) -> None:
        """Send the status line and exactly these headers."""
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def trickle(self) -> None:
        """Send one byte after the other; not for ever, so that a client that waits is seen."""
        for _ in range(TRICKLED_BYTES):
            self.wfile.write(b"x")
            if self.is_closing.wait(0.02):
                return

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's own name
        """Stay silent."""


class FaultyServer:
    """Serves `script` on 127.0.0.1; a context manager."""

    def __init__(self) -> None:
        self.script: dict[str, list[Answer]] = {}
        self.requests: list[Asked] = []
        self._closing = threading.Event()
        self._lock = threading.Lock()
        attributes = {"answer_of": staticmethod(self._answer_of), "is_closing": self._closing}
        handler = type("ScriptedHandler", (Handler,), attributes)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )

    @property
    def origin(self) -> str:
        """The address of this server."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def paths(self) -> list[str]:
        """The path of every request that arrived, in order."""
        return [asked.path for asked in self.requests]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer_of(self, asked: Asked) -> Answer:
        with self._lock:
            self.requests.append(asked)
            answers = self.script.get(asked.path, [Reply(b"not here", 404)])
            return answers.pop(0) if len(answers) > 1 else answers[0]
