"""The blueprint of the console: `/maintenance` and `/api/maintenance`, and nothing else.

It can be mounted in another Flask application with a login and CSRF protection of its own. It
refuses to be mounted without CSRF protection, and checks every change that the host does not.
"""

from pathlib import Path
from typing import Any

from flask import Blueprint, Response, current_app, g, redirect, request, url_for
from flask.blueprints import BlueprintSetupState
from flask_login import current_user
from flask_wtf.csrf import CSRFError

from tws_maintenance.console import security
from tws_maintenance.console.actor import LOGIN
from tws_maintenance.console.api.routes import add_api
from tws_maintenance.console.api_error import ApiError
from tws_maintenance.console.error_handlers import add_errors
from tws_maintenance.console.pages.filters import add_filters
from tws_maintenance.console.pages.views import add_pages
from tws_maintenance.console.service import Backend

# Only the members' page draws with the library.
MEMBERS_ASSETS = {
    "js": ("console.js", "vendor/uplot/uPlot.iife.min.js", "pictures.js"),
    "css": ("vendor/uplot/uPlot.min.css", "console.css"),
}
MEDIA_TYPES = {"js": "text/javascript", "css": "text/css"}
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def build_blueprint(backend: Backend) -> Blueprint:
    """Return the blueprint with the pages and the API of `backend`'s home."""
    blueprint = Blueprint(
        "maintenance",
        __name__,
        template_folder="templates",
        static_folder="static",
        static_url_path="/maintenance/static",
    )
    blueprint.record_once(_demand_csrf)
    blueprint.before_request(security.limit_request)
    blueprint.before_request(_demand_login)
    blueprint.before_request(_check_token)
    blueprint.after_request(_with_headers)
    add_errors(blueprint)
    add_filters(blueprint)
    add_api(blueprint, backend)
    add_pages(blueprint, backend)
    _add_other_spelling(blueprint)
    _add_members_assets(blueprint)
    return blueprint


def _add_members_assets(blueprint: Blueprint) -> None:
    """Add the script and the style of the members' page: one request each, as on other pages."""
    folder = Path(str(blueprint.static_folder))

    @blueprint.get("/maintenance/static/members.js", defaults={"kind": "js"})
    @blueprint.get("/maintenance/static/members.css", defaults={"kind": "css"})
    def members_static(kind: str) -> Response:
        content = b"\n".join((folder / name).read_bytes() for name in MEMBERS_ASSETS[kind])
        response = Response(content, content_type=f"{MEDIA_TYPES[kind]}; charset=utf-8")
        response.headers["Cache-Control"] = "no-cache"
        response.add_etag()
        response.make_conditional(request)
        return response


def _add_other_spelling(blueprint: Blueprint) -> None:
    @blueprint.get("/maintenance/")
    def overview_with_slash() -> Any:
        return redirect(url_for("maintenance.overview"))


def _demand_login() -> Any:
    """Require the host's login, if it has one.

    A host protects its pages one by one, and could forget those of the console.
    """
    manager: Any = getattr(current_app, "login_manager", None)
    is_ours = manager is None or LOGIN in current_app.extensions
    if is_ours or current_app.config.get("LOGIN_DISABLED") or current_user.is_authenticated:
        return None
    if "/api/maintenance/" in request.path:
        raise ApiError(401, "unauthorized", "Log in to the application that serves this console.")
    return manager.unauthorized()


def _check_token() -> None:
    """Check the token of a change that the host did not check."""
    if request.method in SAFE or g.get("csrf_valid"):
        return
    current_app.extensions["csrf"].protect()
    if not g.get("csrf_valid"):
        raise CSRFError("The CSRF token was not checked.")


def _with_headers(response: Response) -> Response:
    return security.with_headers(response)


def _demand_csrf(state: BlueprintSetupState) -> None:
    if "csrf" not in state.app.extensions:
        raise RuntimeError(
            "The maintenance console starts runs by POST, and this application does not protect "
            "against cross-site requests. Add flask_wtf.CSRFProtect(app) before registering it."
        )
