"""`watchlist`: show and change the symbols whose events are fetched besides the portfolio's."""

import click

from tws_maintenance.cli.context import json_option, pass_home, settings_of
from tws_maintenance.cli.output import print_json, print_table
from tws_maintenance.config.home import Home

symbols_argument = click.argument("symbols", nargs=-1, required=True, metavar="SYMBOL...")


@click.group()
def watchlist() -> None:
    """Show and change the watched symbols (data/watchlist.csv)."""


@watchlist.command("list")
@json_option
@pass_home
def list_command(home: Home, as_json: bool) -> None:
    """List the watched symbols."""
    from dataclasses import asdict

    from tws_maintenance.market_events.watchlist import read_watchlist, why_unreadable

    maintained = settings_of(home).maintained
    found = read_watchlist(home, maintained)
    if as_json:
        entries = [asdict(one) for one in found.entries]
        unreadable = list(found.unreadable)
        print_json({"watchlist": entries, "count": len(entries), "unreadable": unreadable})
        return
    if found.entries:
        rows = [[one.symbol, one.added_at or "-"] for one in found.entries]
        print_table([("symbol", False), ("added", False)], rows)
    else:
        click.echo(
            "No symbol is watched. Add one with: python -m tws_maintenance watchlist add SYMBOL"
        )
    for text in found.unreadable:
        click.echo(
            f"Warning: {home.relative(home.watchlist)}: {why_unreadable(text, maintained.venues)} "
            "Its events are not fetched.",
            err=True,
        )


@watchlist.command("add")
@symbols_argument
@json_option
@pass_home
def add_command(home: Home, symbols: tuple[str, ...], as_json: bool) -> None:
    """Watch symbols, written as on Yahoo: AAPL, BRK-B, D05.SI, 0005.HK."""
    from tws_maintenance.core.clock import utc_now
    from tws_maintenance.market_events.watchlist import add

    added = add(home, settings_of(home).maintained, symbols, utc_now())
    if as_json:
        print_json({"added": added})
    elif added:
        click.echo(f"Now watched: {', '.join(added)}. Fetch their events with:")
        click.echo("  python -m tws_maintenance run --task market_events --apply")
    else:
        click.echo("Nothing to add: already watched.")


@watchlist.command("remove")
@symbols_argument
@json_option
@pass_home
def remove_command(home: Home, symbols: tuple[str, ...], as_json: bool) -> None:
    """Stop watching symbols; if one of them is not watched, nothing is removed."""
    from tws_maintenance.market_events.watchlist import remove

    removed = remove(home, settings_of(home).maintained, symbols)
    if as_json:
        print_json({"removed": removed})
    else:
        click.echo(f"No longer watched: {', '.join(removed)}")
