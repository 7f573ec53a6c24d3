"""The environment of our processes: which user runs them, and which variables they pass on.

What belongs here: the user, and the variables for a process that we start. What does not: what a
variable means, which is in `tws_maintenance.config.settings`. Imports nothing heavy, so that a
process can be started first.
"""

import contextlib
import getpass
import json
import os
from pathlib import Path

from tws_maintenance.config.home import Home, find_home

PREFIX = "TWS_MAINTENANCE_"
SECRETS = frozenset({"password", "smtp_password", "webhook_url"})


def operating_system_user() -> str:
    """Return the user this process runs as, "unknown" where the system knows no name."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def switches_nothing_on(home: Home) -> bool:
    """Tell whether neither the home's file nor a variable can switch on an optional index.

    Then what it maintains is known without its settings, which take a tenth of a second to import.
    """
    try:
        text = home.settings_file.read_text(encoding="utf-8")
    except FileNotFoundError:
        text = ""
    except (OSError, UnicodeDecodeError):
        return False  # whoever reads the settings says what is wrong
    of_indices = (name for name in os.environ if name.upper().startswith(f"{PREFIX}INDICES"))
    return "enabled" not in text and not any(of_indices)


def child_environment(*, notifies: bool = False) -> dict[str, str]:
    """Return the environment of a process of ours, whatever spelling its variables have.

    Without the console's section, and without the secrets of the notices unless it `notifies`.
    """
    # A home may be a robot's checkout; `-m` would import the holidays.py that lies in it for ours.
    passed_on = {"PYTHONSAFEPATH": "1", **_folder_of_a_user_without_one()}
    for variable, value in os.environ.items():
        section, _, key = variable.upper().removeprefix(PREFIX).partition("__")
        if not variable.upper().startswith(PREFIX):
            passed_on[variable] = value
        elif section.startswith("CONSOLE"):
            continue
        elif section != "NOTICES" or notifies:
            passed_on[variable] = value
        elif not key:
            passed_on[variable] = _without_secrets(value)
        elif key.lower() not in SECRETS:
            passed_on[variable] = value
    return passed_on


def _folder_of_a_user_without_one() -> dict[str, str]:
    """Return a HOME for a user that neither HOME nor the system's list of users gives one.

    yfinance asks for the user's folder while it is imported, and cannot be imported without.
    Nothing is kept there: its caches are switched off.
    """
    with contextlib.suppress(RuntimeError):
        Path.home()
        return {}
    return {"HOME": str(find_home().dagster)}


def _without_secrets(section: str) -> str:
    """Return a section that is one JSON object without its secrets."""
    try:
        values = json.loads(section)
        return json.dumps({key: one for key, one in values.items() if key.lower() not in SECRETS})
    except (ValueError, AttributeError):
        return "{}"
