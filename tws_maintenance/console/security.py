"""The page's protection against others: host names, headers, size, and the token of every change.

Flask-WTF's token stops cross-site requests. The check of the Host header stops other sites' names
that point to this address (DNS rebinding). The policy below stops foreign scripts: a page has one
script and one style sheet, both files of the console; those of the members' page include uPlot.
"""

import hashlib
import ipaddress
import re
import socket

from flask import Flask, Response, request
from werkzeug.exceptions import RequestEntityTooLarge

from tws_maintenance.config.settings import LOOPBACK_HOSTS, ConsoleSettings
from tws_maintenance.console.api_error import ApiError

MAX_REQUEST_BYTES = 64 * 1024
# A page that stays open over a working day can still be used.
TOKEN_SECONDS = 12 * 3600
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}

_HOST = re.compile(r"(\[(?P<address>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9._-]+))(:[0-9]{1,5})?")


def is_loopback(host: str) -> bool:
    """Return whether an address to bind to is reachable only from this machine."""
    if host in LOOPBACK_HOSTS:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def with_headers(response: Response) -> Response:
    """Add the headers that limit what a page may do in the browser."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.endpoint is None or not request.endpoint.endswith("static"):
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def revalidated(response: Response, content: str) -> Response:
    """Return the answer so that the browser keeps it and asks whether it is still valid (304).

    `content` is what the answer depends on. Only this browser may keep it.
    """
    response.headers["Cache-Control"] = "private, no-cache"
    response.set_etag(hashlib.sha256(content.encode()).hexdigest())
    response.make_conditional(request)
    return response


def limit_request() -> None:
    """Limit requests to the size of the largest form; Flask answers larger ones with 413."""
    request.max_content_length = MAX_REQUEST_BYTES
    request.max_form_memory_size = MAX_REQUEST_BYTES
    # A host's check of the token has read the body already, under the host's own limit.
    if (request.content_length or 0) > MAX_REQUEST_BYTES:
        raise RequestEntityTooLarge


def check_hosts(app: Flask, settings: ConsoleSettings) -> None:
    """Refuse requests under a host name that is not this console's."""
    names = [*LOOPBACK_HOSTS, settings.host, *settings.allowed_hosts]
    listens_elsewhere = not is_loopback(settings.host)
    if listens_elsewhere:
        names += [socket.gethostname(), socket.getfqdn()]
    trusted = {name.lower() for name in names}

    @app.before_request
    def refuse_other_hosts() -> None:
        host = _name_in(request.environ.get("HTTP_HOST", ""))
        # Rebinding needs a name; an address cannot be made to point elsewhere.
        if host in trusted or (listens_elsewhere and _is_address(host)):
            return
        raise ApiError(
            400,
            "unknown_host",
            "This console does not answer under that host name. Add the name to [console] "
            "allowed_hosts in maintenance.toml if it is yours.",
        )


def _name_in(header: str) -> str:
    """Return the name or address in a Host header, without port and brackets, "" if malformed."""
    found = _HOST.fullmatch(header)
    return (found["address"] or found["name"]).lower() if found else ""


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
