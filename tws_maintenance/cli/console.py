"""`console` and `dev`: serve the page, without or with Dagster's UI."""

import click

from tws_maintenance.cli.context import pass_home, settings_of
from tws_maintenance.config.home import Home

host_option = click.option(
    "--host",
    metavar="ADDRESS",
    help="The address to listen on [default: [console] host, 127.0.0.1].",
)
port_option = click.option(
    "--port",
    type=click.IntRange(1, 65535),
    help="The console's port [default: [console] port, 5080].",
)


@click.command()
@host_option
@port_option
@pass_home
def console(home: Home, host: str | None, port: int | None) -> None:
    """Serve the maintenance page and its API until interrupted.

    Any address other machines can reach needs a password, in TWS_MAINTENANCE_CONSOLE__PASSWORD.
    Runs that were started on the page continue when the console ends.
    """
    from tws_maintenance.console.serve import serve

    settings = settings_of(home).console.placed(host, port)
    serve(home, settings, lambda address: click.echo(f"Console: {address}  (Ctrl-C ends it)"))


@click.command()
@host_option
@port_option
@click.option(
    "--dagster-port",
    type=click.IntRange(1, 65535),
    default=3000,
    show_default=True,
    help="The port of Dagster's UI, which listens on this machine only.",
)
@pass_home
def dev(home: Home, host: str | None, port: int | None, dagster_port: int) -> None:
    """Serve the console and the Dagster UI together; one Ctrl-C ends both."""
    from tws_maintenance.cli.dagster import running_ui
    from tws_maintenance.console.serve import exit_at_signals, serve

    dagster_url = f"http://127.0.0.1:{dagster_port}"
    settings = settings_of(home).console.placed(host, port, dagster_url)
    exit_at_signals()
    with running_ui(home, dagster_port):
        click.echo(f"Dagster UI: {dagster_url}  (ready in a few seconds)")
        serve(home, settings, lambda address: click.echo(f"Console: {address}  (Ctrl-C ends both)"))
