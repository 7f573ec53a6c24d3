"""Who runs this process, by the name that the operating system knows."""

import getpass


def operating_system_user() -> str:
    """Return the user this process runs as, "unknown" where the system knows no name."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"
