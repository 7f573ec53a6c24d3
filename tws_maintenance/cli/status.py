"""`status`: show whether everything is fresh."""

from typing import TYPE_CHECKING

import click

from tws_maintenance.cli.context import json_option, pass_home, settings_of
from tws_maintenance.cli.output import print_json, print_table
from tws_maintenance.config.home import Home
from tws_maintenance.core.text import counted

if TYPE_CHECKING:
    from tws_maintenance.reports.status import EventsStatus, HomeStatus, ListStatus


@click.command()
@click.option(
    "--check",
    is_flag=True,
    help="Exit with 1 if anything is stale, never refreshed, missing, broken or failed.",
)
@json_option
@click.pass_context
@pass_home
def status(home: Home, ctx: click.Context, check: bool, as_json: bool) -> None:
    """Show how fresh each list and the market events are, with their last audits."""
    from tws_maintenance.core.clock import utc_now
    from tws_maintenance.reports.status import status as status_of_home

    found = status_of_home(home, settings_of(home), utc_now())
    if as_json:
        print_json(found.to_dict())
    else:
        _print(home, found)
    ctx.exit(1 if check and found.needs_attention else 0)


def _print(home: Home, found: "HomeStatus") -> None:
    columns = [
        ("list", False),
        ("rows", True),
        ("last refreshed", False),
        ("", False),
        ("file", False),
        ("last audit", False),
    ]
    print_table(columns, [_row(one) for one in found.constituents])
    for one in found.constituents:
        for text in _remarks(one):
            click.echo(f"{one.name}: {text}")
    click.echo()
    _print_events(found.market_events)
    latest = found.latest_report
    click.echo(f"\nHome: {home.root}")
    if latest is None:
        click.echo("No run yet. Start with: python -m tws_maintenance run")
    else:
        click.echo(
            f"Latest report: {latest.report_id}, {(latest.status or 'unknown').replace('_', ' ')}, "
            f"{counted(len(latest.warnings), 'warning')}, {counted(len(latest.errors), 'error')}"
        )


def _remarks(one: "ListStatus") -> list[str]:
    """Return the remarks on a list, one sentence each."""
    from tws_maintenance.reports.announced_words import upcoming_text

    audit = one.file_audit
    found = [*audit.errors, *audit.warnings] if audit else []
    found += [f"unconfirmed: {one.unconfirmed}"] if one.unconfirmed else []
    found += [f"announced: {upcoming_text(each)}" for each in one.announced or ()]
    return [*found, one.drift] if one.drift else found


def _print_events(events: "EventsStatus") -> None:
    refreshed = events.last_refreshed_at or "never"
    state = "STALE" if events.needs_refresh else "fresh"
    click.echo(f"Market events: last complete sync {refreshed}, {state}")
    for text in events.doubts:
        click.echo(f"Market events: {text}")


def _row(one: "ListStatus") -> list[str]:
    warnings = len(one.validation.warnings)
    audit = one.validation.status.replace("_", " ")
    return [
        one.name,
        "-" if one.row_count is None else str(one.row_count),
        one.last_refreshed_at or "never",
        _age_state(one),
        _file_state(one),
        f"{audit}, {counted(warnings, 'warning')}" if warnings else audit,
    ]


def _age_state(one: "ListStatus") -> str:
    if one.restored_at:
        return "restored"
    state = "STALE" if one.stale else "fresh"
    return f"{state}, unconfirmed" if one.unconfirmed else state


def _file_state(one: "ListStatus") -> str:
    """Return the state of the file itself, whatever the last run found at its source."""
    if one.row_count is None:
        return "MISSING or unreadable"
    if one.file_audit and one.file_audit.status == "failed":
        return "BROKEN"
    return "edited" if one.drift else "sound"
