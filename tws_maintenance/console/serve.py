"""Serving the console with waitress: a real server, in this process, until it is interrupted."""

import logging
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from flask import Flask
from waitress.server import create_server

from tws_maintenance.config.home import Home
from tws_maintenance.config.settings import ConsoleSettings
from tws_maintenance.console.app import create_app
from tws_maintenance.console.reverse_proxy import Behind, Channel
from tws_maintenance.console.security import MAX_REQUEST_BYTES
from tws_maintenance.core.errors import HomeError

# More than the requests that may wait for runs (`launcher.WAITING_ALLOWED`), so that pages are
# always answered.
THREADS = 12
# Says "Task queue depth is 1" whenever a request comes before the threads have begun, or several
# come at once: nothing that an operator could act on.
QUEUE_LOG = "waitress.queue"
# Larger bodies are refused unread; up to here the application names the limit in its refusal.
READ_BYTES = 32 * MAX_REQUEST_BYTES


def serve(home: Home, settings: ConsoleSettings, on_ready: Callable[[str], None]) -> None:
    """Serve the console of `home` until a signal ends it; `on_ready` gets its address.

    Raises:
        SettingsError: others could reach it, and there is no password.
        HomeError: the port is taken, or Dagster's storage cannot be opened.
    """
    exit_at_signals()
    logging.getLogger(QUEUE_LOG).setLevel(logging.ERROR)
    app = create_app(home, settings)
    try:
        server = listen(app, settings.host, settings.port, settings.trusted_proxy)
    except OSError as error:
        raise HomeError(
            f"The console cannot listen on {settings.host} port {settings.port}: "
            f"{error.strerror or error}. Stop what listens there, or name another port with --port."
        ) from error
    try:
        on_ready(address_of(settings))
        server.run()
    finally:
        server.close()
        app.extensions["tws_maintenance"].close()


class Ending:
    """A channel of waitress that ends the process once a signal has asked for it.

    A signal raises an exception wherever the process is. In a callback of the garbage collector,
    Python printed and dropped it, and the console did not end. Waitress asks all channels whether
    they are readable at least once a second; there the exception is raised again.
    """

    accepting = False

    def __init__(self) -> None:
        self.is_asked = False

    def ask(self, _number: int, _frame: FrameType | None) -> None:
        """Handle a signal."""
        self.is_asked = True
        sys.exit(0)

    def readable(self) -> bool:
        """Return False: there is nothing to read. Raises SystemExit after a signal."""
        if self.is_asked:
            sys.exit(0)
        return False

    def writable(self) -> bool:
        """Return False: there is nothing to write."""
        return False

    def close(self) -> None:
        """Do nothing: nothing is open."""


ENDING = Ending()
# No file has this number; waitress ignores a channel that is neither readable nor writable.
NO_FILE = -1


def exit_at_signals() -> None:
    """End this process at a signal, also in the middle of a request.

    SIGHUP means that the terminal was closed; under `nohup` it has no effect.
    """
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, ENDING.ask)


def listen(app: Flask, host: str, port: int, trusted_proxy: str | None = None) -> Any:
    """Return a server of `app` that listens; its `run` serves.

    The headers in which `trusted_proxy`, an address, names the client are trusted.

    Raises:
        OSError: it cannot listen there.
    """
    channels: dict[int, Any] = {NO_FILE: ENDING}
    server = create_server(
        Behind(app, trusted_proxy),
        channels,
        host=host,
        port=port,
        threads=THREADS,
        max_request_body_size=READ_BYTES,
        ident=None,
        clear_untrusted_proxy_headers=False,  # `Behind` does it
    )
    for one in channels.values():
        if hasattr(one, "channel_class"):  # a socket that listens; a host may have several
            one.channel_class = Channel
    return server


def address_of(settings: ConsoleSettings) -> str:
    """Return the address of the page."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{settings.port}/maintenance"
