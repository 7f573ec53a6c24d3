"""`promote`: publish exactly what a dry run staged."""

import click

from tws_maintenance.cli.context import (
    HomeChoice,
    json_option,
    pass_home,
    reason_option,
    settings_of,
    verbose_option,
)
from tws_maintenance.cli.output import finish
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import MARKET_EVENTS


@click.command()
@click.argument("report_id")
@click.option(
    "--task",
    "-t",
    "chosen",
    multiple=True,
    type=HomeChoice(lambda home: home.groups["all"]),
    help="One of its lists; may be repeated. [default: all that it staged]",
)
@reason_option
@verbose_option
@json_option
@click.pass_context
@pass_home
def promote(
    home: Home,
    ctx: click.Context,
    report_id: str,
    chosen: tuple[str, ...],
    reason: str,
    verbose: bool,
    as_json: bool,
) -> None:
    """Publish exactly the bytes that the dry run REPORT_ID staged and showed.

    Fetches nothing. Refuses, with the reason and what to do, if the audit did not pass, if the
    live file has changed, or if the proposal was already used or is too old.
    """
    if MARKET_EVENTS in chosen:
        raise click.UsageError(
            f"{MARKET_EVENTS} cannot be promoted: an apply fetches and stores them itself. "
            f"Use: python -m tws_maintenance run --task {MARKET_EVENTS} --apply"
        )
    from tws_maintenance.cli.launch import launch
    from tws_maintenance.reports.list_results import promotable_tasks
    from tws_maintenance.runs.request import RunSpec

    settings = settings_of(home)
    tasks = promotable_tasks(home, settings.maintained, report_id, chosen)
    spec = RunSpec(tasks, dry_run=False, reason=reason, report_id=report_id)
    report = launch(home, settings, spec, verbose=verbose)
    finish(ctx, report, as_json=as_json)
