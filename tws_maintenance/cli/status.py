"""`status`: is everything fresh?"""

from typing import Any

import click

from tws_maintenance.cli.context import json_option, pass_home
from tws_maintenance.cli.output import print_json, print_table
from tws_maintenance.home import Home


@click.command()
@click.option(
    "--check", is_flag=True, help="Exit with 1 if a list is stale, never refreshed or failed."
)
@json_option
@click.pass_context
@pass_home
def status(home: Home, ctx: click.Context, check: bool, as_json: bool) -> None:
    """Show how fresh each list is, its size and its last audit."""
    from tws_maintenance.clock import utc_now
    from tws_maintenance.reports.status import needs_attention
    from tws_maintenance.reports.status import status as status_of_home
    from tws_maintenance.settings import load_settings

    value = status_of_home(home, load_settings(home), utc_now())
    if as_json:
        print_json(value)
    else:
        _print(value)
    ctx.exit(1 if check and needs_attention(value) else 0)


def _print(value: dict[str, Any]) -> None:
    columns = [
        ("list", False),
        ("rows", True),
        ("last refreshed", False),
        ("", False),
        ("last run", False),
        ("file", False),
    ]
    rows = [
        [
            one["name"],
            "-" if one["row_count"] is None else str(one["row_count"]),
            one["last_refreshed_at"] or "never",
            "STALE" if one["stale"] else "fresh",
            one["validation"]["status"].replace("_", " "),
            one["file"] + (" (EDITED)" if one["drift"] else ""),
        ]
        for one in value["constituents"]
    ]
    print_table(columns, rows)
    for one in value["constituents"]:
        for problem in (*one["problems"], *([one["drift"]] if one["drift"] else [])):
            click.echo(f"{one['name']}: {problem}")
    latest = value["latest_report"]
    click.echo()
    if latest is None:
        click.echo("No run yet. Start with: python -m tws_maintenance run")
    else:
        click.echo(
            f"Latest report: {latest['report_id']}, {latest['status']}, "
            f"{len(latest['warnings'])} warnings, {len(latest['errors'])} errors"
        )
