"""`reports`: list, show and verify the reports of runs."""

from dataclasses import asdict

import click

from tws_maintenance.cli.context import json_option, pass_home
from tws_maintenance.cli.output import print_json, print_table
from tws_maintenance.config.home import Home
from tws_maintenance.core.text import counted


@click.group()
def reports() -> None:
    """List and show the reports of former runs."""


@reports.command("list")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="How many.")
@json_option
@pass_home
def list_reports(home: Home, limit: int, as_json: bool) -> None:
    """List the newest reports."""
    from tws_maintenance.reports.catalog import ReportCatalog
    from tws_maintenance.reports.summary import kind_of

    shown, total = ReportCatalog(home).page(limit=limit, offset=0)
    if as_json:
        print_json({"reports": [one.to_dict() for one in shown], "total": total})
        return
    if not shown:
        click.echo("No report yet. Start with: python -m tws_maintenance run")
        return
    columns = [
        ("report", False),
        ("status", False),
        ("kind", False),
        ("finished", False),
        ("warnings", True),
        ("errors", True),
    ]
    rows = [
        [
            one.report_id,
            "DAMAGED" if one.damaged else str(one.status),
            kind_of(one),
            one.finished_at or "-",
            str(one.warnings),
            str(one.errors),
        ]
        for one in shown
    ]
    print_table(columns, rows)
    if total > len(shown):
        click.echo(f"\n{total - len(shown)} older not shown; show all with --limit {total}")


@reports.command("show")
@click.argument("report_id", default="latest")
@json_option
@click.pass_context
@pass_home
def show_report(home: Home, ctx: click.Context, report_id: str, as_json: bool) -> None:
    """Show a report as Markdown; the latest one unless another is named."""
    from tws_maintenance.core.errors import UsageError
    from tws_maintenance.reports.file_names import is_ours, report_ids, report_path
    from tws_maintenance.reports.markdown import render
    from tws_maintenance.reports.store import read_report

    if report_id == "latest":
        found = report_ids(home)
        if not found:
            raise UsageError("There is no report yet. Start with: python -m tws_maintenance run")
        report_id = found[0]
    try:
        report = read_report(home, report_id)
    except ValueError as error:
        ours = is_ours(report_path(home, report_id).stem)
        what = "is damaged" if ours else "is of an older form"
        click.echo(f"The report {report_id} {what} ({error}). Its bytes:", err=True)
        click.echo(report_path(home, report_id).read_bytes())
        ctx.exit(1)
    if as_json:
        print_json(report.to_dict())
    else:
        click.echo(render(report), nl=False)


@reports.command("verify")
@json_option
@click.pass_context
@pass_home
def verify_reports(home: Home, ctx: click.Context, as_json: bool) -> None:
    """Verify the chain of reports; exit with 1 if a report was altered or removed."""
    from tws_maintenance.reports.chain_verification import verify_chain

    found = verify_chain(home)
    if as_json:
        print_json(asdict(found))
    elif found.problem:
        click.echo(f"The chain of reports is broken: {found.problem}.")
    else:
        click.echo(f"Checked {counted(found.reports, 'report')}: no report is altered or missing.")
    ctx.exit(1 if found.problem else 0)
