"""What every command needs first: the home, named in the environment for everything below."""

import contextlib
import os
from pathlib import Path

import click

from tws_maintenance.config.home import HOME_VARIABLE, Home, find_home, is_checkout
from tws_maintenance.config.indices import DECLARED, INDICES
from tws_maintenance.core.errors import TwsMaintenanceError, UsageError

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print the value alone, as JSON, on stdout."
)
override_option = click.option(
    "--allow-large-change",
    is_flag=True,
    help="Accept a count change, turnover or loss of events above the limit. Give a --reason.",
)
reason_option = click.option(
    "--reason", default="", metavar="TEXT", help="Why; kept in the report."
)
verbose_option = click.option("--verbose", "-v", is_flag=True, help="Show Dagster's log on stderr.")


class TaskChoice(click.Choice[str]):
    """One of the tasks; of an optional index that is off, it is said how to switch it on."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the task. Raises click.BadParameter for any other word."""
        for index in DECLARED.values():
            if value == index.task and index.key not in INDICES:
                self.fail(
                    f"{index.name} is optional and switched off. Write `enabled = true` below "
                    f"[indices.{index.key}] in maintenance.toml.",
                    param,
                    ctx,
                )
        return super().convert(value, param, ctx)


pass_home = click.make_pass_decorator(Home)


def entering_home(named: Path | None) -> Home:
    """Return the home and name it in the environment, where Dagster's processes look for it.

    Raises:
        UsageError: a home was named that does not exist: a typing error must not become a home.
    """
    try:
        home = find_home(named)
    except RuntimeError as error:  # ~nobody
        raise UsageError(f"The home {named or os.environ.get(HOME_VARIABLE)}: {error}") from None
    if not home.root.is_dir():
        raise UsageError(
            f"The home {home.root} is not a folder. Create it, or name another with --home or "
            f"{HOME_VARIABLE}."
        )
    if named is None and HOME_VARIABLE not in os.environ and not is_checkout(home.root):
        click.echo(f"No home was named: the current folder, {home.root}, is maintained.", err=True)
    os.environ[HOME_VARIABLE] = str(home.root)
    if any(home.reports.glob(".*.reserved")):
        from tws_maintenance.runs.recovery import recover

        # A home that cannot be written is told by the command that has to write.
        with contextlib.suppress(OSError, TwsMaintenanceError):
            for one in recover(home):
                click.echo(f"A former run is closed: {one.report_id}: {one.text}.", err=True)
    return home
