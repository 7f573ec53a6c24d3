"""`history`: who was a member, and what changed."""

from dataclasses import asdict
from datetime import date, datetime

import click

from tws_maintenance.cli.context import json_option, list_choice, pass_home
from tws_maintenance.cli.output import print_json, print_table
from tws_maintenance.config.home import Home

# More changes than this in the first report are the list itself.
FIRST_LIST = 20


@click.command()
@click.argument("task", type=list_choice())
@click.option(
    "--on",
    "day",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DATE",
    help="The members at the end of that day (UTC), such as 2026-11-22.",
)
@json_option
@pass_home
def history(home: Home, task: str, day: datetime | None, as_json: bool) -> None:
    """Show the changes of a list with the report that made each, or its members on a day."""
    from tws_maintenance.config.indices import index_of_task
    from tws_maintenance.constituents.history import changes_of, members_on, read_history
    from tws_maintenance.core.clock import utc_now
    from tws_maintenance.core.errors import UsageError

    stays = read_history(home, index_of_task(task))
    begun = min((stay.from_date for stay in stays if stay.from_date), default="")
    if day is not None and day.date() > utc_now().date():
        raise UsageError(f"{day.date()} has not come yet; --on takes a day up to today (UTC).")
    if day is not None:
        on = day.date()
        # Unknown is not nobody: stays without a beginning are of before the history.
        is_known = any(not stay.from_date for stay in stays) or "" < begun <= on.isoformat()
        members = [asdict(stay) for stay in members_on(stays, on)] if is_known else None
        _print_members(task, on, members, as_json)
        if on.isoformat() < begun:
            told = f"The history begins on {begun}; of changes before that day nothing is known."
            click.echo(told, err=True)
        return
    changes = [asdict(change) for change in changes_of(stays)]
    if as_json:
        print_json({"task": task, "changes": changes})
    elif not changes:
        click.echo("No change was recorded yet: every promotion adds to the history.")
    else:
        _print_changes(_shortened(changes))


def _print_changes(changes: list[dict[str, str]]) -> None:
    columns = [(name, False) for name in ("day", "change", "symbol", "company", "report")]
    rows = []
    for one in changes:
        former = f"{one['renamed_from']} → " if one["renamed_from"] else ""
        symbol = former + one["symbol"]
        rows.append([one["day"], one["kind"], symbol, one["security"], one["report_id"]])
    print_table(columns, rows)


def _shortened(changes: list[dict[str, str]]) -> list[dict[str, str]]:
    """Tell a list's first publication in one line; --json has every member."""
    first = changes[0]["report_id"]
    begun = [one for one in changes if one["report_id"] == first]
    if len(begun) < FIRST_LIST or any(one["kind"] != "added" for one in begun):
        return changes
    line = {**begun[0], "kind": "new list", "symbol": f"{len(begun)} members", "security": ""}
    return [line, *changes[len(begun) :]]


def _print_members(
    task: str, day: date, members: list[dict[str, str]] | None, as_json: bool
) -> None:
    if as_json:
        print_json({"task": task, "on": day.isoformat(), "members": members})
        return
    if members is None:
        click.echo(
            f"Who was a member on {day} is not known: recording started with the first promotion."
        )
        return
    columns = [("symbol", False), ("company", False), ("since", False)]
    rows = [[m["symbol"], m["security"], m["from_date"] or "before the history"] for m in members]
    print_table(columns, rows)
    click.echo(f"\n{len(members)} members on {day.isoformat()}")
