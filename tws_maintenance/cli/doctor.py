"""`doctor`: can this machine do the job?"""

import click

from tws_maintenance.cli.context import json_option, pass_home
from tws_maintenance.cli.output import print_json
from tws_maintenance.home import Home


@click.command()
@click.option("--offline", is_flag=True, help="Leave out what needs the network.")
@json_option
@click.pass_context
@pass_home
def doctor(home: Home, ctx: click.Context, offline: bool, as_json: bool) -> None:
    """Check home, permissions, settings, DAGSTER_HOME, versions, sources and clock."""
    from tws_maintenance.diagnosis import diagnose

    findings = diagnose(home, offline=offline)
    healthy = all(finding.outcome != "failed" for finding in findings)
    if as_json:
        print_json({"healthy": healthy, "findings": [vars(finding) for finding in findings]})
    else:
        colours = {"ok": "green", "note": "yellow", "failed": "red"}
        for finding in findings:
            mark = click.style(finding.outcome.ljust(7), fg=colours[finding.outcome])
            click.echo(f"{mark} {finding.subject.ljust(14)} {finding.text}")
    ctx.exit(0 if healthy else 1)
