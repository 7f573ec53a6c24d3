"""`python -m tws_maintenance`, also installed as `tws-maintenance`."""

import sys
from pathlib import Path


def main() -> None:
    """Run the command line."""
    # `-m` puts the current folder first; a robot's checkout may hold a holidays.py of its own.
    if sys.path and sys.path[0] == str(Path.cwd()):
        del sys.path[0]
    from tws_maintenance.cli.main import cli

    cli(prog_name="python -m tws_maintenance")


if __name__ == "__main__":
    main()
