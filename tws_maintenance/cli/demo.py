"""`demo`: play the whole journey on bundled pages, in a throw-away home."""

import click


@click.command()
@click.option("--keep", is_flag=True, help="Keep the throw-away home for a look around.")
@click.pass_context
def demo(ctx: click.Context, keep: bool) -> None:
    """Play the whole journey on bundled pages: preview, promote, reject, restore. No network."""
    from tws_maintenance.demo.journey import play

    ctx.exit(play(keep=keep))
