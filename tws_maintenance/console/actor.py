"""The operator's name: the name given at the login, else the user of the operating system.

A host application that mounts the blueprint provides the name of its own user.
"""

from collections.abc import Callable
from typing import Any

from flask import current_app
from flask_login import current_user

from tws_maintenance.config.environment import operating_system_user

EXTENSION = "tws_maintenance.actor"
LOGIN = "tws_maintenance.login"


def actor() -> str:
    """Return the name of the operator of this request, as reports show it."""
    named: Callable[[], str] | None = current_app.extensions.get(EXTENSION)
    return named() if named is not None else operator_name() or _user_of_host()


def operator_name() -> str | None:
    """Return the name given at the console's own login, None without such a login."""
    if LOGIN not in current_app.extensions:
        return None
    user: Any = current_user
    return str(user.name) if user.is_authenticated else None


def _user_of_host() -> str:
    """Return the user of the host's Flask-Login, else the user of the operating system."""
    if getattr(current_app, "login_manager", None) is None or LOGIN in current_app.extensions:
        return operating_system_user()
    user: Any = current_user
    return str(user.get_id()) if user.is_authenticated else operating_system_user()
