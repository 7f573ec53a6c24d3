"""The standalone application: the blueprint, the events' API, health, security and errors."""

import secrets
from typing import Any

from flask import Flask, Response, jsonify, redirect, request, url_for
from flask_wtf.csrf import CSRFProtect

from tws_maintenance.config.home import Home
from tws_maintenance.config.settings import ConsoleSettings, load_settings
from tws_maintenance.console import security
from tws_maintenance.console.api.events import build_events_blueprint
from tws_maintenance.console.api.openapi import describe
from tws_maintenance.console.blueprint import build_blueprint
from tws_maintenance.console.error_handlers import add_errors
from tws_maintenance.console.health import build_health_blueprint
from tws_maintenance.console.reverse_proxy import keep_below_its_path
from tws_maintenance.console.service import Backend
from tws_maintenance.core.errors import SettingsError


def create_app(home: Home, settings: ConsoleSettings | None = None) -> Flask:
    """Return the console of `home`.

    Raises:
        SettingsError: other machines could reach it without a password.
        HomeError: Dagster's storage in the home cannot be opened.
    """
    settings = settings or load_settings(home).console
    is_alone = security.is_loopback(settings.host) and settings.trusted_proxy is None
    if settings.password is None and not is_alone:
        proxy = f" behind {settings.trusted_proxy}" if settings.trusted_proxy else ""
        raise SettingsError(
            f"The console has no password, and others could reach it on {settings.host}{proxy}. "
            "Set TWS_MAINTENANCE_CONSOLE__PASSWORD, or use --host 127.0.0.1 without [console] "
            "trusted_proxy."
        )
    app = Flask(__name__, static_folder=None)
    app.config.from_mapping(_config(settings))
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the order is for reading
    security.check_hosts(app, settings)
    backend = Backend(home, settings.dagster_url)
    if settings.password is not None:
        # Imports a rate limiter, which the usual console on loopback does not need.
        from tws_maintenance.console.login import demand_password

        demand_password(app, settings.password.get_secret_value())
    CSRFProtect(app)
    keep_below_its_path(app)
    app.after_request(security.with_headers)
    app.register_blueprint(build_blueprint(backend))
    app.register_blueprint(build_events_blueprint(backend))
    app.register_blueprint(build_health_blueprint(backend))
    _add_root(app, backend)
    add_errors(app)
    app.extensions["tws_maintenance"] = backend
    return app


def _config(settings: ConsoleSettings) -> dict[str, object]:
    return {
        # New at every start, so that no secret is stored. Open pages must then be reloaded.
        "SECRET_KEY": secrets.token_bytes(32),
        # Cookies ignore ports: two consoles on one machine would log each other out.
        "SESSION_COOKIE_NAME": f"tws_maintenance_{settings.port}",
        # Without a name of its own, Flask-Login would remove another application's at a logout.
        "REMEMBER_COOKIE_NAME": f"tws_maintenance_{settings.port}_remember",
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Strict",
        # A proxy is used for https.
        "SESSION_COOKIE_SECURE": settings.trusted_proxy is not None,
        "MAX_CONTENT_LENGTH": security.MAX_REQUEST_BYTES,
        "MAX_FORM_MEMORY_SIZE": security.MAX_REQUEST_BYTES,
        "WTF_CSRF_TIME_LIMIT": security.TOKEN_SECONDS,
        # The check of the Referer is for https; the token is what counts.
        "WTF_CSRF_SSL_STRICT": False,
    }


def _add_root(app: Flask, backend: Backend) -> None:
    @app.get("/")
    def root() -> Any:
        return redirect(url_for("maintenance.overview"))

    @app.get("/api/openapi.json")
    def openapi() -> Response:
        below = {"servers": [{"url": request.script_root}]} if request.script_root else {}
        return jsonify({**describe(backend.settings.maintained), **below})
