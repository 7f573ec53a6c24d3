"""Whether there is a file, where "no" has to be certain."""

from pathlib import Path


def is_missing(path: Path) -> bool:
    """Tell whether there is nothing at `path`; what cannot be looked at may be there."""
    try:
        path.stat()
    except FileNotFoundError:
        return True
    except OSError:
        pass
    return False
