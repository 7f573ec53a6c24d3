"""What keeps others out of the page: host names, headers, size, and the token of every change.

Cross-site requests are stopped by Flask-WTF's token, pages of other names that point to this
address (DNS rebinding) by the check of the Host header, and scripts by the policy below: the page
has one script and one style sheet, both its own files.
"""

import ipaddress
import socket

from flask import Flask, Response, request
from werkzeug.sansio.utils import host_is_trusted

from tws_maintenance.console.problems import Problem
from tws_maintenance.settings import LOOPBACK_HOSTS, ConsoleSettings

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


def is_loopback(host: str) -> bool:
    """Tell whether an address to bind to is reached from this machine alone."""
    if host in LOOPBACK_HOSTS:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def with_headers(response: Response) -> Response:
    """Add the headers that tell the browser what this page may do."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.endpoint is None or not request.endpoint.endswith("static"):
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def limit_request() -> None:
    """Let no request to us be larger than the largest form; Flask answers 413 beyond."""
    request.max_content_length = MAX_REQUEST_BYTES
    request.max_form_memory_size = MAX_REQUEST_BYTES


def check_hosts(app: Flask, settings: ConsoleSettings) -> None:
    """Answer only under names that are this console's."""
    trusted = [*LOOPBACK_HOSTS, "[::1]", *settings.allowed_hosts]
    listens_elsewhere = not is_loopback(settings.host)
    if listens_elsewhere:
        trusted += [settings.host, socket.gethostname(), socket.getfqdn()]

    @app.before_request
    def refuse_other_hosts() -> None:
        host = request.environ.get("HTTP_HOST", "")
        # Rebinding needs a name; an address cannot be made to point elsewhere.
        if host_is_trusted(host, trusted) or (listens_elsewhere and _is_address(host)):
            return
        raise Problem(
            400,
            "unknown_host",
            "This console does not answer under that host name. Add the name to [console] "
            "allowed_hosts in maintenance.toml if it is yours.",
        )


def _is_address(host: str) -> bool:
    bare = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    try:
        ipaddress.ip_address(bare)
    except ValueError:
        return False
    return True
