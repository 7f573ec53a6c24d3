"""How values are printed: a report for people, any value as JSON, and the exit codes."""

import json
import shlex
import sys
from collections.abc import Iterator
from typing import Any

import click

from tws_maintenance.config.home import Home, find_home
from tws_maintenance.constituents.diff import Changes
from tws_maintenance.core.text import some_of
from tws_maintenance.market_events.model import provider_title
from tws_maintenance.reports.event_words import (
    apply_events_command,
    changes_of,
    event_name,
    provider_counts,
    robots_own_of,
)
from tws_maintenance.reports.markdown import (
    NOT_KNOWN,
    audit_of,
    counted,
    counts_of,
    member,
    promote_command,
    status_of,
    task_name,
    verdict,
)
from tws_maintenance.reports.schema import (
    EventsResult,
    ListResult,
    ProviderResult,
    Report,
    TaskResult,
    ValidationResult,
)
from tws_maintenance.reports.store import BACKUP_SOURCE
from tws_maintenance.reports.votes import source_lines

NAMES_SHOWN = 12
EVENTS_SHOWN = 40
_PROVIDER_COLUMNS = [
    ("provider", False),
    ("status", False),
    *((name, True) for name in ("fetched", "new", "changed", "stale", "unchanged", "seconds")),
]
EXIT_FAILED = 1
EXIT_PARTIAL = 3
EXIT_REFUSED = 4


def print_json(value: Any) -> None:
    """Print `value` alone on stdout."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def exit_code(report: Report) -> int:
    """Return the exit code of a run from its report."""
    if report.status == "completed":
        return 0
    if report.status == "partial_failure":
        return EXIT_PARTIAL
    failed = [result for result in report.results if result.status == "failed"]
    if failed and all(result.refusal for result in failed):
        return EXIT_REFUSED
    return EXIT_FAILED


def print_table(columns: list[tuple[str, bool]], rows: list[list[str]]) -> None:
    """Print a table; a column is its name and whether it is of numbers."""
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


def print_report(home: Home, report: Report) -> None:
    """Print what a run came to: the verdict, a line a list, then changes and findings by name."""
    click.secho(verdict(report), bold=True, fg=_colour(report.status))
    click.echo()
    lists = report.lists
    if lists:
        names = ("before", "after", "added", "removed", "renamed", "fields", "seconds")
        columns = [("list", False), ("status", False), ("audit", False)]
        print_table([*columns, *((name, True) for name in names)], [_row(r) for r in lists])
        click.echo()
    if report.events and report.events.providers:
        print_table(_PROVIDER_COLUMNS, [_provider_row(one) for one in report.events.providers])
        click.echo()
    for result in report.results:
        lines = list(_details(result))
        if lines:
            click.secho(task_name(result.task), bold=True)
            for kind, text in lines:
                click.echo(f"  {click.style(kind.ljust(8), fg=_colour(kind))} {text}")
            click.echo()
    if not report.results:
        for error in report.errors:
            click.echo(f"  {error}")
    stamp = report.report_id.removeprefix("maintenance_")
    click.echo(f"Report: {home.reports / stamp}.md")


def finish(ctx: click.Context, report: Report, *, as_json: bool) -> None:
    """Print a report, name the command that applies what a dry run showed, and leave."""
    if as_json:
        print_json(report.to_dict())
    else:
        print_report(ctx.find_object(Home) or find_home(), report)
        _say_next(report)
    ctx.exit(exit_code(report))


def here(command: str) -> str:
    """Return a command for the home that --home named, if it did: pasted, it means the same one."""
    ctx = click.get_current_context(silent=True)
    named = ctx.find_root().params.get("home") if ctx else None
    ours = "python -m tws_maintenance"
    return (
        command.replace(ours, f"{ours} --home {shlex.quote(str(named))}", 1) if named else command
    )


def _say_next(report: Report) -> None:
    staged = [one for one in (*report.lists, report.events) if one and one.proposal_id]
    if command := promote_command(report):
        click.echo(f"\nTo apply exactly this:\n  {here(command)}")
    if events := apply_events_command(report):
        click.echo(f"\nTo fetch and store the events:\n  {here(events)}")
    if report.dry_run and staged and report.status == "completed" and not command + events:
        click.echo("Nothing would change.")


def is_terminal() -> bool:
    """Tell whether progress lines have a reader."""
    return sys.stderr.isatty()


def _row(result: ListResult) -> list[str]:
    counts = (result.before_count, result.after_count)
    return [
        task_name(result.task),
        status_of(result),
        audit_of(result),
        *("-" if count is None else str(count) for count in counts),
        *counts_of(result.changes),
        "-" if result.duration_seconds is None else f"{result.duration_seconds:.1f}",
    ]


def _details(result: TaskResult) -> Iterator[tuple[str, str]]:
    match result:
        case ListResult():
            yield from _changes(result)
        case EventsResult():
            yield from _events(result)
        case ValidationResult():
            yield from _files(result)
    for text in result.every_warning:
        yield "warning", text
    for text in result.every_error:
        yield "error", text
    if result.source and result.source.startswith(BACKUP_SOURCE):
        yield "read from", result.source
    if isinstance(result, ListResult):
        yield from _left_behind(result)


def _left_behind(result: ListResult) -> Iterator[tuple[str, str]]:
    if result.backup_path:
        yield "kept", f"the former file, as {result.backup_path}"
    for cache in result.caches:
        if cache.outcome == "invalidated":  # any other is a warning
            yield "cache", f"of the robot, {cache.name}: {cache.detail}"


def _files(result: ValidationResult) -> Iterator[tuple[str, str]]:
    for key, one in result.files.items():
        rows = "no rows" if one.row_count is None else f"{one.row_count} rows"
        refreshed = one.last_refreshed_at or "never"
        yield "file", f"{key}: {one.validation.status}, {rows}, last refreshed {refreshed}"


def _changes(result: ListResult) -> Iterator[tuple[str, str]]:
    if result.refusal:
        return
    if result.before_count is None and result.after_count is not None:
        yield "new list", f"{result.after_count} members; there was no file before"
        yield from (line for line in source_lines(result) if line[0] != "vote")
    elif result.before_count is not None:
        yield from change_lines(result.changes)
        yield from source_lines(result)
        for whom, names in result.impact.items():
            if names or names is None:
                told = NOT_KNOWN if names is None else _some(names, NAMES_SHOWN)
                yield "concerns", f"{whom}: {told}"


def _events(result: EventsResult) -> Iterator[tuple[str, str]]:
    for kind, found in changes_of(result.diff):
        events = [event_name(one) for one in found]
        yield from ((kind, text) for text in events[:EVENTS_SHOWN])
        if len(events) > EVENTS_SHOWN:
            yield kind, f"and {len(events) - EVENTS_SHOWN} more, all in the report"
    for one in result.changed_fields[:EVENTS_SHOWN]:
        of = one.symbol or one.event_type
        yield "", f"{of} {one.field}: {one.before or 'none'} → {one.after or 'none'}"
    if result.diff.unchanged:
        yield "same", f"{counted(len(result.diff.unchanged), 'event')} as stored"
    if told := robots_own_of(result):
        yield "also", told


def _provider_row(one: ProviderResult) -> list[str]:
    seconds = "-" if one.duration_seconds is None else f"{one.duration_seconds:.1f}"
    status = one.status.replace("_", " ")
    return [provider_title(one.provider), status, *provider_counts(one), seconds]


def change_lines(changes: Changes, *, every: bool = False) -> Iterator[tuple[str, str]]:
    """Yield (kind, text) of each change; many names are cut short unless `every` is wanted."""
    limit = sys.maxsize if every else NAMES_SHOWN
    moved = {symbol for one in changes.renamed for symbol in (one.from_symbol, one.to_symbol)}
    for key, found in (("added", changes.added), ("removed", changes.removed)):
        members = [member(one) for one in found if one.symbol not in moved]
        if members:
            yield key, _some(members, limit)
    for one in changes.renamed:
        yield "renamed", f"{one.from_symbol} is now {one.to_symbol} ({one.security})"
    updated = [
        f"{u.symbol} {u.field}: {u.before or '(blank)'} → {u.after or '(blank)'}"
        for u in changes.updated
    ]
    for text in updated[:limit]:
        yield "changed", text
    if len(updated) > limit:
        yield "changed", f"and {len(updated) - limit} more fields, all in the report"


def _some(texts: list[str], limit: int) -> str:
    shown = some_of(texts, limit)
    return f"{shown}, all in the report" if len(texts) > limit else shown


def _colour(word: str) -> str | None:
    return {
        "completed": "green",
        "partial_failure": "yellow",
        "warning": "yellow",
        "failed": "red",
        "interrupted": "red",
        "error": "red",
    }.get(word)
