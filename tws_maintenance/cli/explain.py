"""`explain`: show why a symbol is in a list, and since when."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from tws_maintenance.cli.context import json_option, list_choice, pass_home
from tws_maintenance.cli.output import print_json
from tws_maintenance.config.home import Home

if TYPE_CHECKING:
    from tws_maintenance.reports.provenance import ExplainedStay, Origin

DIGITS = 12


@click.command()
@click.argument("task", type=list_choice())
@click.argument("symbol")
@json_option
@pass_home
def explain(home: Home, task: str, symbol: str, as_json: bool) -> None:
    """Show since when SYMBOL is in a list, by which report and from which fetched bytes."""
    from tws_maintenance.config.indices import index_of_task
    from tws_maintenance.core.clock import utc_now
    from tws_maintenance.reports.provenance import explain as explained

    found = explained(home, index_of_task(task), symbol, utc_now())
    if as_json:
        print_json(asdict(found))
        return
    state = "is a member" if found.is_member else "is not a member"
    name = f" ({found.security})" if found.security else ""
    click.secho(f"{found.symbol}{name} {state} of {index_of_task(task).name}", bold=True)
    if not found.stays and found.is_member:
        click.echo("  in the file, but no recorded promotion added it")
    elif found.stays and not found.is_member and found.stays[-1].to_date is None:
        click.echo("  not in the file, but no report removed it: the file was edited by hand")
    for stay in found.stays:
        for line in _stay(stay):
            click.echo(f"  {line}")
    for text in found.upcoming:
        click.echo(f"  announced: {text}")


def _stay(stay: "ExplainedStay") -> Iterator[str]:
    if stay.source == "backfill":
        yield from _announced(stay)
        return
    if stay.came_by is None:
        yield "was in the file before the first recorded promotion"
    else:
        former = f", renamed from {stay.renamed_from}" if stay.renamed_from else ""
        yield f"joined on {stay.from_date}{former}"
        yield from (f"  {line}" for line in _origin(stay.came_by))
    if stay.went_by is not None:
        yield f"left on {stay.to_date}"
        yield from (f"  {line}" for line in _origin(stay.went_by))


def _announced(stay: "ExplainedStay") -> Iterator[str]:
    """Yield the lines of a stay from before the first promotion, known from announcements."""
    came = f": {stay.announced.came}" if stay.announced.came else ""
    went = f": {stay.announced.went}" if stay.announced.went else ""
    if stay.from_date is None:
        yield "was a member on the earliest day that announced changes reach"
    else:
        yield f"joined on {stay.from_date}, as announced{came}"
    if went:
        yield f"left on {stay.to_date}, as announced{went}"
    else:
        yield f"until {stay.to_date} by announced changes, afterwards by promotions"


def _origin(one: "Origin") -> Iterator[str]:
    who = f"by {one.actor} ({one.entry_point})" if one.actor else ""
    yield " ".join(filter(None, ["report", one.report_id, who, f"at {one.at or 'unknown'}"]))
    if one.reason:
        yield f"reason: {one.reason}"
    if one.allow_large_change:
        yield "a large change was allowed"
    if one.staged_by:
        yield f"promoted what {one.staged_by} had staged"
    if one.backup:
        yield f"restored from the backup {one.backup}"
    elif one.decided_by:
        revision = f", revision {one.revision}" if one.revision else ""
        dated = f", of {one.revised_at}" if one.revised_at else ""
        yield f"{one.decided_by.rstrip('.')}{revision}{dated}"
    yield from one.missing
    for source in one.sources:
        digest = (source.sha256 or "no bytes")[:DIGITS]
        yield f"{source.url}, sha256 {digest}, {source.fetched_at}: raw bytes {source.raw}"
    if one.vote:
        yield one.vote
    if one.announced:
        yield one.announced
    if one.backup_path:
        yield f"the former file: {one.backup_path}"
