"""`validate`: audit the live files."""

import click

from tws_maintenance.cli.context import json_option, pass_home, settings_of, verbose_option
from tws_maintenance.cli.output import finish
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import METADATA_VALIDATION


@click.command()
@verbose_option
@json_option
@click.pass_context
@pass_home
def validate(home: Home, ctx: click.Context, verbose: bool, as_json: bool) -> None:
    """Audit the live files: schema, age, edits by others. Fetches and replaces nothing."""
    from tws_maintenance.cli.launch import launch
    from tws_maintenance.runs.request import RunSpec

    spec = RunSpec((METADATA_VALIDATION,), dry_run=True)
    report = launch(home, settings_of(home), spec, verbose=verbose)
    finish(ctx, report, as_json=as_json)
