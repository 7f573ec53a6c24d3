"""`proposals`: list and show what runs staged, with the state of each proposal."""

from typing import TYPE_CHECKING

import click

from tws_maintenance.cli.context import json_option, pass_home, settings_of
from tws_maintenance.cli.output import group_lines, print_json, print_table
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import DECLARED

if TYPE_CHECKING:
    from tws_maintenance.constituents.eligibility import ProposalState

COUNTS = ("before", "after", "added", "removed", "renamed")


@click.group()
def proposals() -> None:
    """List and show what runs have staged."""


@proposals.command("list")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="How many.")
@click.option("--waiting", is_flag=True, help="Only those that can be promoted.")
@json_option
@pass_home
def list_proposals(home: Home, limit: int, waiting: bool, as_json: bool) -> None:
    """List the newest proposals with their state."""
    from tws_maintenance.constituents.eligibility import newest_states
    from tws_maintenance.core.clock import utc_now

    found = newest_states(home, settings_of(home), utc_now())
    if waiting:
        found = [one for one in found if one.found.may_be_applied]
    if as_json:
        print_json({"proposals": [one.to_dict() for one in found[:limit]], "total": len(found)})
        return
    if not found:
        click.echo("Nothing is staged. Start with: python -m tws_maintenance run")
        return
    names = ("proposal", "list", "state", *COUNTS, "why")
    columns = [(name, name in COUNTS) for name in names]
    print_table(columns, [_row(one) for one in found[:limit]])
    if len(found) > limit:
        click.echo(f"\n{len(found) - limit} older not shown; show all with --limit {len(found)}")


def _row(one: "ProposalState") -> list[str]:
    counts = ["-"] * len(COUNTS)
    if one.proposal:
        before, changes = one.proposal.before_count, one.proposal.changes
        counts = [
            "-" if before is None else str(before),
            str(one.proposal.after_count),
            str(changes.joined_count),
            str(changes.left_count),
            str(len(changes.renamed)),
        ]
    name = next((i.name for i in DECLARED.values() if one.proposal_id.endswith(i.key)), "?")
    return [one.proposal_id, name, one.state.word, *counts, one.why[:70]]


@proposals.command("show")
@click.argument("proposal_id")
@json_option
@pass_home
def show_proposal(home: Home, proposal_id: str, as_json: bool) -> None:
    """Show one proposal: its state, its source and its changes by name."""
    from tws_maintenance.constituents.eligibility import find_state
    from tws_maintenance.core.clock import utc_now
    from tws_maintenance.reports.view import change_groups

    found = find_state(home, proposal_id, settings_of(home), utc_now())
    if as_json:
        print_json(found.to_dict())
        return
    click.secho(f"{proposal_id}: {found.state.word}", bold=True)
    click.echo(f"  {found.why}")
    if found.proposal is None:
        return
    click.echo(f"  source {found.proposal.source}, staged {found.proposal.created_at}")
    click.echo(f"  sha256 {found.proposal.sha256}")
    for group in change_groups(found.proposal.changes):
        for kind, text in group_lines(group, every=True):
            click.echo(f"  {kind.ljust(8)} {text}")
