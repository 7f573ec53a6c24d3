"""`history`: show a list's changes and members over time, and extend the record backwards."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import click

from tws_maintenance.cli.context import json_option, list_choice, pass_home, settings_of
from tws_maintenance.cli.output import here, print_json, print_table
from tws_maintenance.config.home import Home
from tws_maintenance.core.errors import HistoryError, UsageError
from tws_maintenance.core.text import counted

if TYPE_CHECKING:
    from tws_maintenance.config.indices import Index
    from tws_maintenance.constituents.history import Stay
    from tws_maintenance.constituents.history_backfill import Backfill

# A first report with at least this many changes added the list itself.
FIRST_LIST = 20
_DAY = click.DateTime(["%Y-%m-%d"])


@click.command()
@click.argument("task", type=list_choice())
@click.option(
    "--on",
    "day",
    type=_DAY,
    metavar="DATE",
    help="The members at the end of that day (UTC), such as 2026-11-22.",
)
@click.option(
    "--between",
    "days",
    type=(_DAY, _DAY),
    metavar="DATE DATE",
    help="Who joined and left after the first day, up to and including the second.",
)
@click.option(
    "--backfill",
    "is_backfill",
    is_flag=True,
    help="Extend the history to before the first promotion, from announced changes (one request).",
)
@click.option("--apply", "is_applied", is_flag=True, help="Write what --backfill found.")
@click.option(
    "--csv",
    "as_csv",
    is_flag=True,
    help="Print stays as CSV; with --on members, with --between a row a day, a column a symbol.",
)
@json_option
@pass_home
def history(
    home: Home,
    task: str,
    day: datetime | None,
    days: tuple[datetime, datetime] | None,
    is_backfill: bool,
    is_applied: bool,
    as_csv: bool,
    as_json: bool,
) -> None:
    """Show the changes of a list with their reports, or its members on a day.

    With --backfill the history also covers the time before the first promotion, as far back as
    announced changes reach. Nothing is written without --apply.
    """
    from tws_maintenance.config.indices import index_of_task
    from tws_maintenance.constituents.history import read_history

    _refuse_misuse(day, days, is_backfill, is_applied, as_csv, as_json)
    index = index_of_task(task)
    if is_backfill:
        _backfill(home, index, is_applied=is_applied, as_json=as_json)
        return
    stays = read_history(home, index)
    if day is not None:
        _members(task, stays, day.date(), as_csv=as_csv, as_json=as_json)
    elif days is not None:
        first, last = (one.date() for one in days)
        _between(task, stays, first, last, as_csv=as_csv, as_json=as_json)
    elif as_csv:
        _print_stays(stays)
    else:
        _changes(task, stays, as_json=as_json)


def _refuse_misuse(
    day: datetime | None,
    days: tuple[datetime, datetime] | None,
    is_backfill: bool,
    is_applied: bool,
    as_csv: bool,
    as_json: bool,
) -> None:
    """Refuse options that contradict each other. Raises UsageError."""
    from tws_maintenance.core.clock import utc_now

    chosen = {"--on": day, "--between": days, "--backfill": is_backfill or None}
    named = [name for name, value in chosen.items() if value is not None]
    if len(named) > 1:
        raise UsageError(f"{named[0]} and {named[1]} cannot be used together; give one of them.")
    if is_applied and not is_backfill:
        raise UsageError("--apply needs --backfill: it writes what --backfill found.")
    if as_csv and (is_backfill or as_json):
        other = "--backfill" if is_backfill else "--json"
        raise UsageError(f"--csv and {other} cannot be used together; give one of them.")
    today = utc_now().date()
    for option, one in (("--on", day), *(("--between", one) for one in days or ())):
        if one is not None and one.date() > today:
            raise UsageError(
                f"{one.date()} is in the future; {option} takes a day up to today (UTC)."
            )
    if days is not None and days[0] > days[1]:
        raise UsageError(
            f"--between takes the earlier day first: {days[0].date()} is after {days[1].date()}."
        )


def _changes(task: str, stays: "Sequence[Stay]", *, as_json: bool) -> None:
    from tws_maintenance.constituents.history import changes_of

    changes = [asdict(change) for change in changes_of(stays)]
    if as_json:
        print_json({"task": task, "changes": changes})
    elif not changes:
        click.echo("No change is recorded yet; each promotion adds to the history.")
    else:
        _print_changes(_shortened(changes))


def _between(
    task: str,
    stays: "Sequence[Stay]",
    first: date,
    last: date,
    *,
    as_csv: bool,
    as_json: bool,
) -> None:
    from tws_maintenance.constituents.history import changes_between, day_matrix, is_known

    known = is_known(stays, first)
    if as_csv:
        _refuse_unknown(task, stays, first)
        _print_csv(day_matrix(stays, first, last))
        return
    changes = [asdict(one) for one in changes_between(stays, first, last)] if known else None
    if as_json:
        span = {"after": first.isoformat(), "until": last.isoformat()}
        print_json({"task": task, **span, "changes": changes})
    elif changes is None:
        click.echo(_not_known(task, stays, first))
    elif not changes:
        click.echo(f"Nobody joined or left after {first}, up to {last}.")
    else:
        _print_changes(changes)


def _members(task: str, stays: "Sequence[Stay]", day: date, *, as_csv: bool, as_json: bool) -> None:
    from tws_maintenance.constituents.history import (
        backfilled,
        begun_on,
        is_known,
        members_on,
    )

    if as_csv:
        _refuse_unknown(task, stays, day)
        _print_stays(members_on(stays, day))
        return
    members = [asdict(one) for one in members_on(stays, day)] if is_known(stays, day) else None
    if as_json:
        print_json({"task": task, "on": day.isoformat(), "members": members})
    elif members is None:
        click.echo(_not_known(task, stays, day))
    else:
        _print_members(day, members)
    begun = begun_on(stays)
    if members is not None and not backfilled(stays) and day.isoformat() < begun:
        click.echo(f"The history begins on {begun}; earlier changes are unknown.", err=True)


def _refuse_unknown(task: str, stays: "Sequence[Stay]", day: date) -> None:
    """Refuse a table that begins with unknown members. Raises HistoryError."""
    from tws_maintenance.constituents.history import is_known

    if not is_known(stays, day):
        raise HistoryError(_not_known(task, stays, day))


def _not_known(task: str, stays: "Sequence[Stay]", day: date) -> str:
    from tws_maintenance.config.indices import index_of_task
    from tws_maintenance.constituents.history import backfilled, known_since

    unknown = f"The members on {day} are unknown: "
    since = known_since(stays)
    if backfilled(stays):
        return f"{unknown}announced changes reach back only to {since}."
    if since is not None and index_of_task(task).changes_complete_since is not None:
        command = here(f"python -m tws_maintenance history {task} --backfill")
        begun = f"recording started with the first promotion, on {since}."
        return f"{unknown}{begun} Look further back with: {command}"
    return f"{unknown}recording started with the first promotion."


def _backfill(home: Home, index: "Index", *, is_applied: bool, as_json: bool) -> None:
    from tws_maintenance.constituents.history_backfill import backfill, why_not, write_backfill
    from tws_maintenance.sources.fetching import ask_changes

    # Before a web request that would be useless.
    if refusal := why_not(home, index):
        raise UsageError(here(refusal))
    settings = settings_of(home)
    table = ask_changes(index, settings.http)
    if is_applied:
        found, is_changed = write_backfill(home, index, settings, table)
    else:
        found, is_changed = backfill(home, index, settings, table), False
    if as_json:
        print_json(_as_value(index, found, is_applied=is_applied, is_changed=is_changed))
        return
    _print_backfill(index, found)
    file = home.relative(home.membership_file(index.key))
    if is_changed:
        click.echo(f"\nWritten to {file}: {counted(len(found.stays), 'row')}.")
    elif is_applied:
        click.echo(f"\n{file} has these rows already; nothing was written.")
    elif found.since is not None:
        command = here(f"python -m tws_maintenance history {index.task} --backfill --apply")
        click.echo(f"\nNothing was written. To write these rows to {file}:\n  {command}")


def _as_value(
    index: "Index", found: "Backfill", *, is_applied: bool, is_changed: bool
) -> dict[str, Any]:
    return {
        "task": index.task,
        "dry_run": not is_applied,
        "written": is_changed,
        "first_promotion": found.begun.isoformat(),
        "consistent_since": found.since.isoformat() if found.since else None,
        "stopped_at": found.stopped_at.isoformat() if found.stopped_at else None,
        "why": found.why,
        "changes": found.changes,
        "renamed": found.renamed,
        "notes": list(found.notes),
        "stays": [asdict(one) for one in found.stays],
    }


def _print_backfill(index: "Index", found: "Backfill") -> None:
    if found.since is None:
        click.secho(f"The members of {index.name} before {found.begun} are unknown", bold=True)
    else:
        click.secho(
            f"{index.name}: members known from {found.since} to the first promotion on "
            f"{found.begun}",
            bold=True,
        )
        click.echo(
            f"  {counted(found.changes, 'announced change')} and "
            f"{found.renamed} {'change' if found.renamed == 1 else 'changes'} of ticker, "
            f"{counted(len(found.stays), 'row')}"
        )
    where = f"stopped at the changes of {found.stopped_at}: " if found.stopped_at else "ended: "
    click.echo(f"  {where}{found.why}")
    if found.stopped_at:
        click.echo(
            "  If a company only changed its ticker, say so in maintenance.toml and run this "
            f'again:\n    [indices.{index.key}]\n    renamed = ["DAY FORMER NEW"]'
        )
    for note in found.notes:
        click.echo(f"  note: {note}")


def _print_stays(stays: "Sequence[Stay]") -> None:
    from tws_maintenance.constituents.history import to_csv

    click.echo(to_csv(stays).decode(), nl=False)


def _print_csv(rows: list[list[str]]) -> None:
    from tws_maintenance.core.csv_text import to_bytes

    click.echo(to_bytes(rows).decode(), nl=False)


def _print_changes(changes: list[dict[str, str]]) -> None:
    columns = [(name, False) for name in ("day", "change", "symbol", "company", "report or reason")]
    rows = []
    for one in changes:
        former = f"{one['renamed_from']} → " if one["renamed_from"] else ""
        symbol = former + one["symbol"]
        why = one["report_id"] or one["reason"] or "announced"
        rows.append([one["day"], one["kind"], symbol, one["security"], why])
    print_table(columns, rows)


def _shortened(changes: list[dict[str, str]]) -> list[dict[str, str]]:
    """Return the changes with a list's first publication as one line; --json has every member."""
    first = next((one["report_id"] for one in changes if one["report_id"]), "")
    begun = [one for one in changes if first and one["report_id"] == first]
    if len(begun) < FIRST_LIST or any(one["kind"] != "added" for one in begun):
        return changes
    line = {**begun[0], "kind": "new list", "symbol": f"{len(begun)} members", "security": ""}
    place = changes.index(begun[0])
    return [*changes[:place], line, *(one for one in changes[place:] if one not in begun)]


def _print_members(day: date, members: list[dict[str, str]]) -> None:
    columns = [("symbol", False), ("company", False), ("since", False), ("by", False)]
    rows = []
    for one in members:
        unknown = "before the history" if one["source"] == "promotion" else "earlier, unknown"
        by = one["report_id"] or ("announced" if one["source"] == "backfill" else "")
        rows.append([one["symbol"], one["security"], one["from_date"] or unknown, by])
    print_table(columns, rows)
    click.echo(f"\n{counted(len(members), 'member')} on {day.isoformat()}")
