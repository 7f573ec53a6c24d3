"""`python -m tws_maintenance`, also installed as `tws-maintenance`."""

from tws_maintenance.cli.main import cli


def main() -> None:
    """Run the command line."""
    cli(prog_name="python -m tws_maintenance")


if __name__ == "__main__":
    main()
