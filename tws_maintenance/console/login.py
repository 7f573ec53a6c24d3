"""One password for the whole console, asked for wherever others could reach it.

Flask-Login keeps who is in, Flask-Limiter slows down guessing; the password itself is known as a
hash only. Programs such as Prometheus may send it as HTTP Basic. Who logs in also says a name, so
that reports tell two operators apart.
"""

import hmac
import re
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
from tws_maintenance.console.problems import Problem

FAILURES_ALLOWED = "10 per minute; 60 per hour"
MAX_NAME = 60
DEFAULT_NAME = "operator"
# As `request.full_path` writes them: what a browser would read otherwise is in none of them.
OUR_PAGES = re.compile(r"/maintenance(/[A-Za-z0-9_.,~/-]*)?(\?[A-Za-z0-9_.,~%&=+/:-]*)?")
OPEN_ENDPOINTS = frozenset({"login.show", "login.enter", "maintenance.static"})


class _Operator(UserMixin):  # type: ignore[misc]  # Flask-Login has no types
    def __init__(self, name: str) -> None:
        self.id = name


def demand_password(app: Flask, password: str) -> None:
    """Let nobody into `app` without the password."""
    hashed = generate_password_hash(password)
    # A cookie from before a change of the password must not open anything.
    app.secret_key = hmac.digest(_key(app), hashed.encode(), "sha256")
    manager = LoginManager(app)

    def is_right(given: str) -> bool:
        return check_password_hash(hashed, given)

    @manager.user_loader  # type: ignore[untyped-decorator]
    def load(name: str) -> _Operator:
        return _Operator(name)

    @manager.request_loader  # type: ignore[untyped-decorator]
    def load_basic(asked: Request) -> _Operator | None:
        given = asked.authorization
        if given is None or given.type != "basic" or not is_right(given.password or ""):
            return None
        return _Operator(_name(given.username or ""))

    app.extensions[LOGIN] = manager
    _limit(app)
    app.register_blueprint(_blueprint(is_right))
    app.before_request(_refuse_strangers)


def _key(app: Flask) -> bytes:
    key = app.secret_key
    return key.encode() if isinstance(key, str) else bytes(key or b"")


def _limit(app: Flask) -> None:
    """Count failed attempts alone, whatever address they are made at."""
    Limiter(
        get_remote_address,
        app=app,
        application_limits=[FAILURES_ALLOWED],
        application_limits_deduct_when=_is_failed_attempt,
        application_limits_exempt_when=_is_in,
        headers_enabled=True,
        storage_uri="memory://",
    )


def _is_failed_attempt(response: Response) -> bool:
    """Tell a wrong password from an answer to who sent none."""
    sent = "Authorization" in request.headers or request.endpoint == "login.enter"
    return sent and response.status_code == HTTPStatus.UNAUTHORIZED


def _is_in() -> bool:
    """Tell whether a login of before is shown: somebody's guesses must not lock its owner out."""
    return "Authorization" not in request.headers and bool(current_user.is_authenticated)


def _refuse_strangers() -> Response | None:
    if request.endpoint in OPEN_ENDPOINTS or current_user.is_authenticated:
        return None
    is_page = request.path == "/" or request.path.startswith("/maintenance")
    if is_page and request.method == "GET":
        return redirect(url_for("login.show", next=request.full_path.rstrip("?")))
    raise Problem(
        401,
        "login_required",
        "This console demands its password: log in at /login, or send it as HTTP Basic.",
    )


def _blueprint(is_right: Callable[[str], bool]) -> Blueprint:
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
        login_user(_Operator(_name(request.form.get("name", ""))))
        return redirect(_next(request.form), 303)

    @login.post("/leave")
    def leave() -> Response:
        logout_user()
        flash("You have logged out.")
        return redirect(url_for("login.show"), 303)

    return login


def _next(values: Any) -> str:
    """Return where to go after the login: a page of ours, never another site."""
    wanted = str(values.get("next", ""))
    is_ours = OUR_PAGES.fullmatch(wanted) is not None
    return wanted if is_ours else url_for("maintenance.overview")


def _name(text: str) -> str:
    """Return a name as reports can hold it: one short line."""
    return "".join(c for c in text if c.isprintable()).strip()[:MAX_NAME] or DEFAULT_NAME
