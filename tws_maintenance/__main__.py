"""`python -m tws_maintenance`, also installed as `tws-maintenance`."""

import contextlib
import os
import sys
from pathlib import Path

from tws_maintenance.config.home import HOME_VARIABLE


def main() -> None:
    """Run the command line."""
    # `-m` puts the current folder first; a robot's checkout may hold a holidays.py of its own.
    if sys.path and sys.path[0] == str(Path.cwd()):
        del sys.path[0]
    # Its maintenance.toml may switch indices on, of which the command line's choices are made.
    home = _home_named(sys.argv[1:])
    if home:
        with contextlib.suppress(RuntimeError):  # of ~nobody; told where the home is entered
            os.environ[HOME_VARIABLE] = str(Path(home).expanduser().resolve())
    from tws_maintenance.cli.main import cli

    cli(prog_name="python -m tws_maintenance")


def _home_named(arguments: list[str]) -> str | None:
    """Return what --home names, before the name of a command."""
    named, words = None, iter(arguments)
    for word in words:
        if word.startswith("--home="):
            named = word.removeprefix("--home=")
        elif word == "--home":
            named = next(words, None)
        elif not word.startswith("-"):
            break
    return named


if __name__ == "__main__":
    main()
