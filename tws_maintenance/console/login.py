"""One password for the whole console, required wherever others could reach it.

Flask-Login remembers who is logged in, Flask-Limiter slows down guessing, and only a hash of the
password is kept. Programs such as Prometheus may send it as HTTP Basic. Operators also give a name
at the login, which reports show.
"""

import hmac
import ipaddress
import re
import secrets
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Flask, flash, redirect, render_template, request, session, url_for
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from werkzeug.security import check_password_hash, generate_password_hash
from werkzeug.wrappers import Request, Response

from tws_maintenance.console.actor import LOGIN
from tws_maintenance.console.api_error import ApiError

FAILURES_ALLOWED = "10 per minute; 60 per hour"
MAX_NAME = 60
DEFAULT_NAME = "operator"
# As `request.full_path` writes them, without characters that a browser would read differently.
OUR_PAGES = re.compile(r"/maintenance(/[A-Za-z0-9_.,~/-]*)?(\?[A-Za-z0-9_.,~%&=+/:-]*)?")
OVERVIEW = "/maintenance"
OPEN_ENDPOINTS = frozenset({"login.show", "login.enter", "maintenance.static"})


# More than operators have browsers; with one more, the oldest login ends.
LOGINS_KEPT = 100


class _Operator(UserMixin):  # type: ignore[misc]  # Flask-Login has no types
    """A logged-in operator: a name, and a key that only this process knows."""

    def __init__(self, name: str, key: str = "") -> None:
        self.id = key
        self.name = name


class _Logins:
    """The logins that have not ended; a cookie with any other key opens nothing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._names: dict[str, str] = {}

    def enter(self, name: str) -> _Operator:
        key = secrets.token_urlsafe(32)
        with self._lock:
            self._names[key] = name
            if len(self._names) > LOGINS_KEPT:
                del self._names[next(iter(self._names))]
        return _Operator(name, key)

    def find(self, key: str) -> _Operator | None:
        name = self._names.get(key)
        return None if name is None else _Operator(name, key)

    def leave(self, key: str) -> None:
        with self._lock:
            self._names.pop(key, None)


def demand_password(app: Flask, password: str) -> None:
    """Require the password for everything in `app` but the login page and its files."""
    hashed = generate_password_hash(password)
    # A cookie from before a change of the password must not open anything.
    app.secret_key = hmac.digest(_key(app), hashed.encode(), "sha256")
    # Flask-Login's variable for templates would check HTTP Basic for every error page.
    manager = LoginManager(app, add_context_processor=False)
    logins = _Logins()

    def is_right(given: str) -> bool:
        return check_password_hash(hashed, given)

    manager.user_loader(logins.find)

    @manager.request_loader  # type: ignore[untyped-decorator]
    def load_basic(asked: Request) -> _Operator | None:
        given = asked.authorization
        if given is None or given.type != "basic" or not is_right(given.password or ""):
            return None
        return _Operator(_name(given.username or ""))

    app.extensions[LOGIN] = manager
    _limit(app)
    app.register_blueprint(_blueprint(is_right, logins))
    app.before_request(_refuse_strangers)


def _key(app: Flask) -> bytes:
    key = app.secret_key
    return key.encode() if isinstance(key, str) else bytes(key or b"")


def _limit(app: Flask) -> None:
    """Limit only failed attempts, at any address of the console."""
    limiter = Limiter(
        _caller,
        app=app,
        application_limits=[FAILURES_ALLOWED],
        application_limits_deduct_when=_is_failed_attempt,
        application_limits_exempt_when=_is_in,
        storage_uri="memory://",
    )

    @app.after_request
    def say_how_long(response: Response) -> Response:
        limit = limiter.current_limit
        if response.status_code == HTTPStatus.TOO_MANY_REQUESTS and limit is not None:
            response.headers["Retry-After"] = str(max(int(limit.reset_at - time.time()), 1))
        return response


def _caller() -> str:
    """Return the address whose attempts are counted; for IPv6 the /64, which one client owns."""
    caller = get_remote_address()
    try:
        address = ipaddress.ip_address(caller)
    except ValueError:
        return caller
    if isinstance(address, ipaddress.IPv4Address):
        return caller
    mapped = address.ipv4_mapped
    return str(mapped or ipaddress.IPv6Network((int(address), 64), strict=False))


def _is_failed_attempt(response: Response) -> bool:
    """Return whether this answers a wrong password; a request without one is no attempt."""
    sent = "Authorization" in request.headers or request.endpoint == "login.enter"
    return sent and response.status_code == HTTPStatus.UNAUTHORIZED


def _is_in() -> bool:
    """Return whether the request has a login; guesses by others must not lock its owner out."""
    return "Authorization" not in request.headers and bool(current_user.is_authenticated)


def _refuse_strangers() -> Response | None:
    sends_password = "Authorization" in request.headers
    if sends_password and request.endpoint is None:
        return None  # 404 or 405, which the limiter does not count: no password is checked
    if request.endpoint in OPEN_ENDPOINTS or current_user.is_authenticated:
        return None
    is_page = request.path == "/" or request.path.startswith("/maintenance")
    if is_page and request.method == "GET" and not sends_password:
        return redirect(url_for("login.show", next=request.full_path.rstrip("?")))
    raise ApiError(
        401,
        "login_required",
        f"This console requires its password: log in at {url_for('login.show')}, or send it as "
        "HTTP Basic.",
    )


def _blueprint(is_right: Callable[[str], bool], logins: _Logins) -> Blueprint:
    login = Blueprint("login", __name__, url_prefix="/login")

    @login.get("")
    def show() -> str:
        return render_template("tws_maintenance/login.html", next=_next(request.args))

    @login.post("")
    def enter() -> Response | tuple[str, int]:
        if not is_right(request.form.get("password", "")):
            page = render_template(
                "tws_maintenance/login.html", next=_next(request.form), is_wrong=True
            )
            return page, 401
        session.clear()
        login_user(logins.enter(_name(request.form.get("name", ""))))
        return redirect(f"{request.script_root}{_next(request.form)}", 303)

    @login.post("/leave")
    def leave() -> Response:
        logins.leave(current_user.id)
        logout_user()
        flash("You have logged out.")
        return redirect(url_for("login.show"), 303)

    return login


def _next(values: Any) -> str:
    """Return the page to open after the login, never one of another site.

    It is relative to the path at which the console is served.
    """
    wanted = str(values.get("next", ""))
    return wanted if OUR_PAGES.fullmatch(wanted) else OVERVIEW


def _name(text: str) -> str:
    """Return a name as reports can hold it: one short line."""
    return "".join(c for c in text if c.isprintable()).strip()[:MAX_NAME] or DEFAULT_NAME
