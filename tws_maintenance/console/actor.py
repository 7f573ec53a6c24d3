"""Who is at the console: the name of the login, else the user of the operating system.

A host application that the blueprint is mounted in says who its user is.
"""

from collections.abc import Callable
from typing import Any

from flask import current_app
from flask_login import current_user

from tws_maintenance.pipeline.report_resource import operating_system_user

EXTENSION = "tws_maintenance.actor"
LOGIN = "tws_maintenance.login"


def actor() -> str:
    """Return the name that reports give to whoever made this request."""
    named: Callable[[], str] | None = current_app.extensions.get(EXTENSION)
    return named() if named is not None else operator_name() or operating_system_user()


def operator_name() -> str | None:
    """Return who is logged in, by our own login or the host's, None where there is no login."""
    if getattr(current_app, "login_manager", None) is None:
        return None
    user: Any = current_user
    if not user.is_authenticated:
        return None
    return str(user.name if LOGIN in current_app.extensions else user.get_id())
