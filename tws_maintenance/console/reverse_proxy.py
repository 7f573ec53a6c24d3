"""The layer between the socket and Flask: a proxy's headers, and the server's own refusals.

Belongs here: answers to requests that never reach Flask, in the API's shape, and the headers in
which a reverse proxy names the client and the path. Does not: serving (`serve`).
"""

import json
import logging
import re
import socket
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from flask import Flask, request
from flask.sessions import SecureCookieSessionInterface
from waitress.channel import HTTPChannel
from waitress.proxy_headers import (
    PROXY_HEADERS,
    MalformedProxyHeader,
    clear_untrusted_headers,
    parse_proxy_headers,
)
from waitress.task import ErrorTask

from tws_maintenance.console.api_error import ApiError
from tws_maintenance.console.error_handlers import CODES
from tws_maintenance.console.security import HEADERS

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

logger = logging.getLogger(__name__)
BELIEVED = {"x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"}
PREFIX = "HTTP_X_FORWARDED_PREFIX"
# Links and redirects begin with it: `//elsewhere` or `/..` would lead to another site.
_PATH = re.compile(r"(/(?!\.\.?(/|$))[A-Za-z0-9._~-]+)+")
# A client that still sends when it is refused cannot read an answer from a closed connection.
LINGER_BYTES = 64 << 20
MESSAGES = {
    400: "The request cannot be read",
    413: "The request is larger than this console accepts",
    431: "The headers of the request are too large",
    501: "This transfer coding is not supported; send the body plain or chunked",
}


class Behind:
    """The application behind `trusted_proxy`; the same headers from anyone else are dropped.

    `X-Forwarded-Prefix` is the path below which the proxy serves the console. The proxy strips it
    from requests, and every address that the console writes begins with it.
    """

    def __init__(self, app: "WSGIApplication", trusted_proxy: str | None) -> None:
        self._app = app
        self._trusted = trusted_proxy

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer a request."""
        prefix = environ.pop(PREFIX, "")
        untrusted = PROXY_HEADERS
        if self._trusted is not None and environ["REMOTE_ADDR"] == self._trusted:
            try:
                untrusted = parse_proxy_headers(environ, 1, BELIEVED)
                environ["SCRIPT_NAME"] = _prefix(prefix)
            except MalformedProxyHeader as error:
                logger.warning("the proxy's header %s is wrong: %s", error.header, error.reason)
                body = refusal(400, f"The header {error.header} of the proxy cannot be read")
                start_response("400 Bad Request", _headers(body))
                return [body]
        clear_untrusted_headers(environ, untrusted)
        return self._app(environ, start_response)


def _prefix(value: str) -> str:
    """Return the path that a proxy names, without a slash at its end; "" for the root.

    Of several paths, the last one is from the proxy that sent the request.
    """
    path = value.rsplit(",", maxsplit=1)[-1].strip().rstrip("/")
    if path and not _PATH.fullmatch(path):
        raise MalformedProxyHeader("X-Forwarded-Prefix", "not a path such as /robot", value)
    return path


class _SessionBelow(SecureCookieSessionInterface):
    """The session's cookie, limited to the path at which the console is served."""

    def get_cookie_path(self, app: Flask) -> str:  # noqa: ARG002 - Flask's own signature
        return request.script_root or "/"


def keep_below_its_path(app: Flask) -> None:
    """Keep the cookies of `app` from other applications that a proxy serves on the same host."""
    app.session_interface = _SessionBelow()


class Channel(HTTPChannel):  # type: ignore[misc]  # waitress has no types
    """A connection whose refusals have the API's shape and reach a client that still sends."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self.is_refused = False
        self._lingered = -1
        super().__init__(*args, **options)

    def readable(self) -> bool:
        """Return whether more may be read."""
        return self._lingered >= 0 or bool(super().readable())

    def writable(self) -> bool:
        """Return whether something waits to be written or closed."""
        return bool(self.will_close if self._lingered >= 0 else super().writable())

    def handle_read(self) -> None:
        """Read; after a refusal only until the client stops sending."""
        if self._lingered < 0:
            super().handle_read()
            return
        try:
            count = len(self.recv(self.adj.recv_bytes))
        except OSError:
            count = 0
        self._lingered += count
        if count == 0 or self._lingered > LINGER_BYTES:
            super().handle_close()

    def handle_close(self) -> None:
        """Close; after a refusal only once the client had time to read it."""
        if self.is_refused and self._lingered < 0 and self.connected:
            self._lingered = 0
            self.will_close = False
            try:
                self.socket.shutdown(socket.SHUT_WR)
            except OSError:
                super().handle_close()
            return
        super().handle_close()


class _Refusal(ErrorTask):  # type: ignore[misc]
    """The answer to a request that waitress refuses to read."""

    def execute(self) -> None:
        """Write the answer."""
        error = self.request.error
        body = refusal(error.code, f"{MESSAGES.get(error.code, error.reason)}: {error.body}")
        self.status = f"{error.code} {error.reason}"
        self.response_headers.extend(_headers(body))
        self.channel.is_refused = True
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


Channel.error_task_class = _Refusal


def refusal(status: int, message: str) -> bytes:
    """Return the one error shape of the API as JSON."""
    problem = ApiError(status, CODES.get(status, "error"), f"{message}. Nothing was started.")
    return f"{json.dumps(problem.answer().to_dict())}\n".encode()


def _headers(body: bytes) -> list[tuple[str, str]]:
    return [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
        *HEADERS.items(),
    ]
