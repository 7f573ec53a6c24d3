"""`restore`: replace a list with a backup, by the same steps as any other change."""

import click

from tws_maintenance.cli.context import (
    json_option,
    list_choice,
    override_option,
    pass_home,
    reason_option,
    settings_of,
    verbose_option,
)
from tws_maintenance.cli.output import finish
from tws_maintenance.config.home import Home


@click.command()
@click.argument("task", type=list_choice())
@click.option(
    "--backup", "backup_id", metavar="ID", help="The backup to restore. [default: the newest]"
)
@click.option(
    "--apply", is_flag=True, help="Restore it; without --apply the changes are only shown."
)
@override_option
@reason_option
@verbose_option
@json_option
@click.pass_context
@pass_home
def restore(
    home: Home,
    ctx: click.Context,
    task: str,
    backup_id: str | None,
    apply: bool,
    allow_large_change: bool,
    reason: str,
    verbose: bool,
    as_json: bool,
) -> None:
    """Restore the list of TASK from a backup: stage, audit, show, and with --apply promote.

    The replaced file is backed up first, so a restore can be undone. Also works if the live file
    is missing or unreadable.
    """
    from tws_maintenance.cli.launch import launch
    from tws_maintenance.config.indices import index_of_task
    from tws_maintenance.constituents.backups import read_backup
    from tws_maintenance.runs.request import RunSpec

    chosen, _ = read_backup(home, index_of_task(task), backup_id)
    spec = RunSpec(
        (task,),
        dry_run=not apply,
        allow_large_change=allow_large_change,
        reason=reason,
        backup=chosen,
    )
    report = launch(home, settings_of(home), spec, verbose=verbose)
    finish(ctx, report, as_json=as_json)
