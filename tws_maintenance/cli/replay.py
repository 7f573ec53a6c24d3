"""`replay`: compare what today's code reads from kept pages with the reports."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from tws_maintenance.cli.context import json_option, list_choice, pass_home, settings_of
from tws_maintenance.cli.output import print_json, print_table
from tws_maintenance.config.home import Home

if TYPE_CHECKING:
    from tws_maintenance.reports.replay import Replayed


@click.command()
@click.argument("report_id", required=False)
@click.option("--all", "every", is_flag=True, help="Every report whose pages are still kept.")
@click.option(
    "--task",
    "tasks",
    multiple=True,
    type=list_choice(),
    help="Only this list; may be repeated.",
)
@json_option
@click.pass_context
@pass_home
def replay(
    home: Home,
    context: click.Context,
    report_id: str | None,
    every: bool,
    tasks: tuple[str, ...],
    as_json: bool,
) -> None:
    """Parse and audit the kept bytes of REPORT_ID again, with today's code, and compare.

    Writes nothing. Exits with 1 if any result differs, with 3 if something could not be replayed.
    """
    from tws_maintenance.core.errors import UsageError
    from tws_maintenance.reports.replay import replay_reports

    if bool(report_id) == every:
        raise UsageError(
            "Name one report, or use --all for all of them. `reports list` shows them."
        )
    found = list(replay_reports(home, settings_of(home), report_id, tasks))
    if as_json:
        print_json({"replayed": [asdict(one) for one in found]})
    else:
        _print(found)
    context.exit(_code(found))


def _code(found: "list[Replayed]") -> int:
    if any(one.same is False for one in found):
        return 1
    return 3 if any(one.same is None for one in found) else 0


def _print(found: "list[Replayed]") -> None:
    if not found:
        click.echo("Nothing to replay: no run in the reports fetched a list.")
        return
    columns = [(name, False) for name in ("report", "list", "then", "now", "result")]
    words = {True: "the same", False: "DIFFERENT", None: "not replayed"}
    print_table(columns, [[o.report_id, o.task, o.then, o.now, words[o.same]] for o in found])
    for one in found:
        for text in one.differences:
            click.echo(f"\n{one.report_id} {one.task}: {text}", nl=False)
    counts = [f"{sum(o.same is key for o in found)} {word.lower()}" for key, word in words.items()]
    click.echo(f"\n{', '.join(counts)}")
