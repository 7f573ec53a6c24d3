"""Mounting the console in another Flask application, such as the trading robot's."""

from pathlib import Path

from flask import Flask

from tws_maintenance.config.home import Home, find_home
from tws_maintenance.config.settings import load_settings
from tws_maintenance.console.blueprint import build_blueprint
from tws_maintenance.console.service import Backend


def mount_console(app: Flask, home: str | Path | None = None) -> Backend:
    """Serve `/maintenance` and `/api/maintenance` from `app`, behind its own login and CSRF check.

    Nothing is registered under `/api/market-events` or any other address. `home` defaults to the
    one that TWS_MAINTENANCE_HOME names, else to the current folder. Dagster is loaded into a
    process of its own, which ends after two minutes without a request.

    Raises:
        RuntimeError: `app` has no CSRF protection (flask_wtf.CSRFProtect).
        SettingsError: a setting in maintenance.toml is wrong.
        HomeError: Dagster's storage in the home cannot be opened.
    """
    found = Home(Path(home).resolve()) if home is not None else find_home()
    backend = Backend(found, load_settings(found).console.dagster_url)
    app.register_blueprint(build_blueprint(backend))
    return backend
