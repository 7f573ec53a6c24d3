"""`backups`: list, verify and prune the files that promotions replaced."""

import click

from tws_maintenance.cli.context import json_option, pass_home, settings_of
from tws_maintenance.cli.output import print_json, print_table
from tws_maintenance.config.home import Home
from tws_maintenance.core.text import counted


@click.group()
def backups() -> None:
    """List, verify and prune the backups of the lists."""


@backups.command("list")
@json_option
@pass_home
def list_command(home: Home, as_json: bool) -> None:
    """List the backups, newest first."""
    from tws_maintenance.constituents.backups import list_backups

    found = list_backups(home)
    if as_json:
        print_json({"backups": [one.to_dict(home) for one in found]})
        return
    if not found:
        click.echo("No backup yet: the first promotion that replaces a file makes one.")
        return
    columns = [
        ("backup", False),
        ("task", False),
        ("rows", True),
        ("bytes", True),
        ("state", False),
    ]
    rows = [
        [
            one.backup_id,
            one.index.task,
            str(one.rows),
            str(one.bytes),
            f"DAMAGED: {one.damage}" if one.damage else "ok",
        ]
        for one in found
    ]
    print_table(columns, rows)


@backups.command("verify")
@json_option
@click.pass_context
@pass_home
def verify_command(home: Home, ctx: click.Context, as_json: bool) -> None:
    """Compare every backup with its SHA256SUMS; exit with 1 if one is damaged."""
    from tws_maintenance.constituents.backups import list_backups

    found = list_backups(home)
    damaged = [one for one in found if one.damage]
    if as_json:
        print_json({"backups": len(found), "damaged": [one.to_dict(home) for one in damaged]})
    else:
        for one in damaged:
            click.echo(f"{home.relative(one.path)} is damaged: {one.damage}")
        click.echo(f"{counted(len(found), 'backup')}, {len(damaged)} damaged")
    ctx.exit(1 if damaged else 0)


@backups.command("prune")
@click.option("--apply", is_flag=True, help="Remove them; without it they are only listed.")
@json_option
@pass_home
def prune_command(home: Home, apply: bool, as_json: bool) -> None:
    """Remove the backups that [retention] does not keep; never the newest of a list."""
    from tws_maintenance.constituents.backups import prunable, prune
    from tws_maintenance.core.clock import utc_now

    found = prunable(home, settings_of(home).retention, utc_now())
    if apply:
        prune(found)
    if as_json:
        print_json({"removed": apply, "backups": [one.to_dict(home) for one in found]})
        return
    for one in found:
        click.echo(home.relative(one.path))
    verb = "removed" if apply else "would be removed; --apply removes them"
    click.echo(
        f"{counted(len(found), 'backup')} {verb}" if found else "[retention] keeps every backup."
    )
