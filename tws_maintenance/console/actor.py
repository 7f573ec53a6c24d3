"""Who is at the console: the name of the login, else the user of the operating system.

A host application that the blueprint is mounted in says who its user is.
"""

from collections.abc import Callable
from typing import Any

from flask import current_app
from flask_login import current_user

from tws_maintenance.config.environment import operating_system_user

EXTENSION = "tws_maintenance.actor"
LOGIN = "tws_maintenance.login"


def actor() -> str:
    """Return the name that reports give to whoever made this request."""
    named: Callable[[], str] | None = current_app.extensions.get(EXTENSION)
    return named() if named is not None else operator_name() or _user_of_host()


def operator_name() -> str | None:
    """Return who is logged in by our own login, None where there is no such login."""
    if LOGIN not in current_app.extensions:
        return None
    user: Any = current_user
    return str(user.name) if user.is_authenticated else None


def _user_of_host() -> str:
    """Return who is logged in by the host's Flask-Login, else the user of the system."""
    if getattr(current_app, "login_manager", None) is None or LOGIN in current_app.extensions:
        return operating_system_user()
    user: Any = current_user
    return str(user.get_id()) if user.is_authenticated else operating_system_user()
