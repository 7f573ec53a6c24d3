"""The root command: finds the home and imports the command that is called."""

import importlib
import sys

import click

# Each command with its line in the help. Its module has the same name unless MODULES has another,
# and is imported when the command is called: importing all takes longer than most commands.
COMMANDS = {
    "backups": "List, verify and prune the backups of the lists.",
    "console": "Serve the maintenance page and its API until interrupted.",
    "dagster": "Run Dagster's own commands with this home's DAGSTER_HOME.",
    "demo": "Play the whole journey on bundled pages, without a network.",
    "dev": "Serve the console and the Dagster UI together.",
    "doctor": "Check home, settings, databases, versions, sources and clock.",
    "events": "Show the coming market events, export them, add closures.",
    "explain": "Show why a symbol is in a list, and since when.",
    "history": "Show what changed in a list, or its members on a day.",
    "promote": "Publish exactly what a dry run staged and showed.",
    "proposals": "List and show what runs have staged.",
    "replay": "Parse and audit a run's kept pages again, and compare.",
    "reports": "List and show the reports of former runs.",
    "restore": "Restore a list from a backup.",
    "run": "Fetch, audit and show what would change; with --apply, apply.",
    "status": "Show how fresh each list and the market events are.",
    "validate": "Audit the live files; fetches and replaces nothing.",
    "watchlist": "Show and change the watched symbols.",
}
MODULES = {"dev": "console"}


class _Commands(click.Group):
    """The commands, each imported when it is called.

    An error of this program becomes a message and exit code 1 (2 for usage), never a stack trace.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in alphabetical order."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of a name, None for an unknown one."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module = f"tws_maintenance.cli.{MODULES.get(cmd_name, cmd_name)}"
        found: click.Command = getattr(importlib.import_module(module), cmd_name)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one line for each command, without importing it."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name]) for name in self.list_commands(ctx)])

    def invoke(self, ctx: click.Context) -> object:
        from tws_maintenance.core.errors import TwsMaintenanceError, UsageError

        try:
            return super().invoke(ctx)
        except UsageError as error:
            _print_error(str(error))
            ctx.exit(2)
        except TwsMaintenanceError as error:
            _print_error(str(error))
        except BrokenPipeError:
            raise  # `| head` has read enough; click ends quietly
        except OSError as error:
            where = f": {error.filename}" if error.filename else ""
            _print_error(f"{error.strerror or error}{where}. Unfinished files were not changed.")
        except KeyboardInterrupt:
            _print_error(
                "Interrupted before the run began: no file was replaced, and there is no report."
            )
        return ctx.exit(1)


def _print_error(text: str) -> None:
    """Print an error on stderr; with --json also on stdout, as JSON."""
    click.echo(f"Error: {text}", err=True)
    if "--json" in sys.argv[1:]:
        import json

        click.echo(json.dumps({"error": {"message": text}}))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--home",
    type=click.Path(),
    help="The folder to maintain [default: TWS_MAINTENANCE_HOME, the checkout, or here].",
)
@click.version_option(package_name="tws_maintenance")
@click.pass_context
def cli(ctx: click.Context, home: str | None) -> None:
    """Keep the index constituents of a trading robot fresh, auditable and safe to apply.

    A run is a dry run unless --apply is given. Only lists, market events, reports and their
    records are written; no order, strategy or trading setting is touched.
    """
    from pathlib import Path

    from tws_maintenance.cli.context import entering_home

    ctx.obj = entering_home(None if home is None else Path(home))
