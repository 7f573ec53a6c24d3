"""`run`: stage, audit and, with --apply, promote."""

import click

from tws_maintenance.cli.context import (
    HomeChoice,
    json_option,
    override_option,
    pass_home,
    reason_option,
    settings_of,
    verbose_option,
)
from tws_maintenance.cli.output import finish
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import DEFAULT_DAYS, MARKET_EVENTS, MAX_DAYS


@click.command()
@click.option(
    "--task",
    "-t",
    "chosen",
    multiple=True,
    type=HomeChoice(lambda home: (*home.tasks, *home.groups)),
    help="A task or a group of tasks; may be repeated. [default: all]",
)
@click.option(
    "--symbol",
    "-s",
    "symbols",
    multiple=True,
    metavar="SYMBOL",
    help="Also fetch the events of this symbol (AAPL, D05.SI, 0005.HK); may be repeated.",
)
@click.option(
    "--days",
    default=DEFAULT_DAYS,
    show_default=True,
    type=click.IntRange(1, MAX_DAYS),
    help="How many days ahead to look for events.",
)
@click.option("--many-symbols", is_flag=True, help="Allow more symbols than [events] max_symbols.")
@click.option("--dry-run", is_flag=True, help="Only show what would change. This is the default.")
@click.option("--apply", is_flag=True, help="Replace each file whose audit passes, with a backup.")
@override_option
@reason_option
@verbose_option
@json_option
@click.pass_context
@pass_home
def run(
    home: Home,
    ctx: click.Context,
    chosen: tuple[str, ...],
    symbols: tuple[str, ...],
    days: int,
    many_symbols: bool,
    dry_run: bool,
    apply: bool,
    allow_large_change: bool,
    reason: str,
    verbose: bool,
    as_json: bool,
) -> None:
    """Fetch the lists and the market events, audit them and show what would change.

    Without --apply nothing is replaced or stored. With it, each list whose audit passes replaces
    its file, with a backup, and events are stored. A list that fails does not affect the others.
    Events are fetched for open positions, active strategies and the watchlist.
    """
    if dry_run and apply:
        raise click.UsageError("--dry-run and --apply cannot be used together.")
    settings = settings_of(home)
    tasks = settings.maintained.expanded(chosen or ("all",))
    if MARKET_EVENTS not in tasks:
        _refuse_options_of_events(ctx)
    from tws_maintenance.cli.launch import launch
    from tws_maintenance.runs.request import RunSpec

    spec = RunSpec(
        tasks,
        dry_run=not apply,
        allow_large_change=allow_large_change,
        reason=reason,
        symbols=symbols,
        days=days,
        many_symbols=many_symbols,
    )
    report = launch(home, settings, spec, verbose=verbose)
    finish(ctx, report, as_json=as_json)


def _refuse_options_of_events(ctx: click.Context) -> None:
    """Refuse options that this run would silently ignore. Raises click.UsageError."""
    given = click.core.ParameterSource.COMMANDLINE
    options = ("symbols", "days", "many_symbols")
    if any(ctx.get_parameter_source(name) == given for name in options):
        raise click.UsageError(
            f"--symbol, --days and --many-symbols need the task {MARKET_EVENTS}, which this run "
            "does not include."
        )
