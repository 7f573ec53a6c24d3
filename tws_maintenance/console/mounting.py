"""Mounting the console in another Flask application, such as the trading robot's."""

from pathlib import Path

from flask import Flask

from tws_maintenance.config.home import Home, find_home
from tws_maintenance.config.settings import load_settings
from tws_maintenance.console.blueprint import build_blueprint
from tws_maintenance.console.service import Backend


def mount_console(app: Flask, home: str | Path | None = None) -> Backend:
    """Serve `/maintenance` and `/api/maintenance` from `app`, behind its own login and CSRF check.

    Nothing is registered under `/api/market-events` or any other address. Without `home` it is the
    one that TWS_MAINTENANCE_HOME names, else the current folder's. Dagster is loaded into a process
    of its own, which ends when it is not asked for two minutes.

    Raises:
        RuntimeError: `app` has no CSRF protection (flask_wtf.CSRFProtect).
        SettingsError: maintenance.toml holds a mistake.
        HomeError: Dagster's storage in the home cannot be opened.
    """
    found = Home(Path(home).resolve()) if home is not None else find_home()
    backend = Backend(found, load_settings(found).console.dagster_url)
    app.register_blueprint(build_blueprint(backend))
    return backend
