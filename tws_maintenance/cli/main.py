"""The root command: where the home is, and the commands."""

import json
import sys
from pathlib import Path

import click

from tws_maintenance.cli import (
    backups,
    console,
    dagster,
    demo,
    doctor,
    events,
    explain,
    history,
    promote,
    proposals,
    replay,
    reports,
    restore,
    run,
    status,
    validate,
    watchlist,
)
from tws_maintenance.cli.context import entering_home


class _PlainErrors(click.Group):
    """Show our own errors as messages with exit code 1 (2 for usage), never as a stack."""

    def invoke(self, ctx: click.Context) -> object:
        from tws_maintenance.core.errors import TwsMaintenanceError, UsageError

        try:
            return super().invoke(ctx)
        except UsageError as error:
            _tell(str(error))
            ctx.exit(2)
        except TwsMaintenanceError as error:
            _tell(str(error))
        except BrokenPipeError:
            raise  # `| head` has read enough; click ends quietly
        except OSError as error:
            where = f": {error.filename}" if error.filename else ""
            _tell(f"{error.strerror or error}{where}. What was not finished was left as it was.")
        except KeyboardInterrupt:
            _tell("Interrupted before the run began: no file was replaced, and there is no report.")
        return ctx.exit(1)


def _tell(text: str) -> None:
    """Print an error on stderr, and for a program that asked for JSON also on stdout."""
    click.echo(f"Error: {text}", err=True)
    if "--json" in sys.argv[1:]:
        click.echo(json.dumps({"error": {"message": text}}))


@click.group(cls=_PlainErrors, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--home",
    type=click.Path(path_type=Path),
    help="The folder to maintain [default: TWS_MAINTENANCE_HOME, the checkout, or here].",
)
@click.version_option(package_name="tws_maintenance")
@click.pass_context
def cli(ctx: click.Context, home: Path | None) -> None:
    """Keep the index constituents of a trading robot fresh, auditable and safe to apply.

    A run is a dry run unless --apply is given. Nothing but lists, reports and their own records
    is ever written; no order, strategy or trading setting is touched.
    """
    ctx.obj = entering_home(home)


for command in (
    run.run,
    promote.promote,
    proposals.proposals,
    restore.restore,
    backups.backups,
    history.history,
    explain.explain,
    replay.replay,
    validate.validate,
    status.status,
    reports.reports,
    events.events,
    watchlist.watchlist,
    console.console,
    console.dev,
    dagster.dagster,
    doctor.doctor,
    demo.demo,
):
    cli.add_command(command)
