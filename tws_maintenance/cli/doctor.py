"""`doctor`: check whether this machine can do the job."""

import click

from tws_maintenance.cli.context import json_option, pass_home
from tws_maintenance.cli.output import print_json
from tws_maintenance.config.home import Home


@click.command()
@click.option("--offline", is_flag=True, help="Skip the checks that need the network.")
@json_option
@click.pass_context
@pass_home
def doctor(home: Home, ctx: click.Context, offline: bool, as_json: bool) -> None:
    """Check home, permissions, settings, DAGSTER_HOME, databases, versions, sources and clock.

    Tries what a run would do to the databases, and undoes it.
    """
    from tws_maintenance.operations.doctor import diagnose
    from tws_maintenance.pipeline.storage_trial import look_at_storage

    findings = [*diagnose(home, offline=offline), *look_at_storage(home)]
    healthy = all(finding.outcome != "failed" for finding in findings)
    if as_json:
        print_json({"healthy": healthy, "findings": [vars(finding) for finding in findings]})
    else:
        colours = {"ok": "green", "note": "yellow", "failed": "red"}
        for finding in findings:
            mark = click.style(finding.outcome.ljust(7), fg=colours[finding.outcome])
            click.echo(f"{mark} {finding.subject.ljust(14)} {finding.text}")
    ctx.exit(0 if healthy else 1)
