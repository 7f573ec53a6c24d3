"""Printing for every command: a report for people, any value as JSON.

Belongs here: how values are printed. Does not: the words of a report (`reports.view`).
"""

import json
import shlex
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from tws_maintenance.cli.exit_codes import exit_code
from tws_maintenance.config.home import Home, find_home
from tws_maintenance.core.text import some_of

if TYPE_CHECKING:
    # Imports pydantic, which the help of a command does not need.
    from tws_maintenance.reports.schema import Report
    from tws_maintenance.reports.view import Group, ResultView, Table

NAMES_SHOWN = 12
LINES_SHOWN = 40
# The width of the column of kinds; a longer kind does not widen it.
LEAST_WIDTH, MOST_WIDTH = 8, 11


def print_json(value: Any) -> None:
    """Print only `value` on stdout, as JSON."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(columns: Sequence[tuple[str, bool]], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; a column is its name and whether it holds numbers."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name, is_number in columns:
        table.add_column(name, justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = 140  # a file or a pipe has no edge to wrap at
    console.print(table)


def print_report(home: Home, report: "Report") -> None:
    """Print a report: the verdict, one line for each list, then changes and findings by name."""
    from tws_maintenance.reports.view import view_of

    view = view_of(report)
    click.secho(view.verdict, bold=True, fg=_colour(report.status))
    click.echo()
    if view.lists:
        _print_view(view.lists)
    for result in view.results:
        _print_result(result)
    _print_lines([line for group in view.own for line in group_lines(group)])
    stamp = report.report_id.removeprefix("maintenance_")
    click.echo(f"Report: {home.reports / stamp}.md")
    for purpose, command in view.next_steps:
        click.echo(f"\n{purpose}:\n  {here(command)}")
    if view.remark:
        click.echo(view.remark)


def finish(ctx: click.Context, report: "Report", *, as_json: bool) -> None:
    """Print a report and exit with its code."""
    if as_json:
        print_json(report.to_dict())
    else:
        print_report(ctx.find_object(Home) or find_home(), report)
    ctx.exit(exit_code(report))


def here(command: str) -> str:
    """Return a command with the --home of this call, so that a pasted copy uses the same home."""
    ctx = click.get_current_context(silent=True)
    named = ctx.find_root().params.get("home") if ctx else None
    ours = "python -m tws_maintenance"
    if named is None:
        return command
    return command.replace(ours, f"{ours} --home {shlex.quote(named)}", 1)


def is_terminal() -> bool:
    """Return whether stderr is a terminal, where somebody reads progress lines."""
    return sys.stderr.isatty()


def group_lines(group: "Group", *, every: bool = False) -> Iterator[tuple[str, str]]:
    """Yield (kind, text) for each line of a group; a long group is shortened unless `every`."""
    count = len(group.texts)
    limit = count if every else NAMES_SHOWN if group.joint else LINES_SHOWN
    if group.joint:
        more = ", all in the report" if count > limit else ""
        yield group.kind, some_of(group.texts, limit, group.joint) + more
        return
    yield from ((group.kind, text) for text in group.texts[:limit])
    if count > limit:
        yield group.kind, f"and {count - limit} more, all in the report"


def _print_view(table: "Table") -> None:
    columns = [(name, name in table.numbers) for name in (*table.texts, *table.numbers)]
    print_table(columns, table.rows)
    click.echo()


def _print_result(view: "ResultView") -> None:
    lines = [(one.label, one.text) for one in view.files]
    lines += [line for group in view.groups for line in group_lines(group)]
    lines += [(fact.label, fact.text) for fact in view.facts if fact.part == "outcome"]
    if lines or view.table:
        click.secho(view.name, bold=True)
    if view.table:
        _print_view(view.table)
    _print_lines(lines)


def _print_lines(lines: Sequence[tuple[str, str]]) -> None:
    widths = (len(kind) for kind, _ in lines)
    width = max([LEAST_WIDTH, *(one for one in widths if one <= MOST_WIDTH)])
    for kind, text in lines:
        click.echo(f"  {click.style(kind.ljust(width), fg=_colour(kind))} {text}")
    if lines:
        click.echo()


def _colour(word: str) -> str | None:
    return {
        "completed": "green",
        "partial_failure": "yellow",
        "warning": "yellow",
        "failed": "red",
        "interrupted": "red",
        "error": "red",
    }.get(word)
