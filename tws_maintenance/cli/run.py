"""`run`: stage, audit and, with --apply, promote."""

import click

from tws_maintenance.cli.context import (
    json_option,
    override_option,
    pass_home,
    reason_option,
    verbose_option,
)
from tws_maintenance.cli.output import finish
from tws_maintenance.home import Home
from tws_maintenance.indices import TASK_GROUPS, TASKS


@click.command()
@click.option(
    "--task",
    "-t",
    "chosen",
    multiple=True,
    type=click.Choice([*TASKS, *TASK_GROUPS]),
    help="A task or a group of tasks; may be given again. [default: all]",
)
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
    dry_run: bool,
    apply: bool,
    allow_large_change: bool,
    reason: str,
    verbose: bool,
    as_json: bool,
) -> None:
    """Fetch the lists, audit them and show what would change.

    Without --apply no file is replaced. With it each list whose audit passes replaces its file,
    with a backup; one that fails leaves the others alone.
    """
    if dry_run and apply:
        raise click.UsageError("--dry-run and --apply exclude each other.")
    from tws_maintenance.cli.launch import launch

    report = launch(
        home,
        tasks_of(chosen or ("all",)),
        dry_run=not apply,
        allow_large_change=allow_large_change,
        reason=reason,
        verbose=verbose,
    )
    finish(ctx, report, as_json=as_json)


def tasks_of(chosen: tuple[str, ...]) -> tuple[str, ...]:
    """Return the tasks that were chosen, groups written out, in their declared order."""
    wanted = {task for name in chosen for task in TASK_GROUPS.get(name, (name,))}
    return tuple(task for task in TASKS if task in wanted)
