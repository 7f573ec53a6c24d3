"""`python -m tws_maintenance`, also installed as `tws-maintenance`."""

import gc
import os
import sys


def main() -> None:
    """Run the command line."""
    # `-m` puts the current folder first; a robot's checkout may hold a holidays.py of its own.
    if sys.path and sys.path[0] == os.getcwd():  # noqa: PTH109 - pathlib takes a tenth of `--help`
        del sys.path[0]
    gc.disable()  # nothing that is imported is garbage, nor need it be looked at again
    from tws_maintenance.cli.main import cli

    gc.freeze()
    gc.enable()
    cli(prog_name="python -m tws_maintenance")


if __name__ == "__main__":
    main()
