"""`dagster`: Dagster's own commands on this home."""

import os
import subprocess
import sys
from pathlib import Path

import click

from tws_maintenance.cli.context import pass_home
from tws_maintenance.home import Home

CODE_LOCATION = ("-m", "tws_maintenance.definitions")
# The commands that load a code location, by how many words name them.
LOADING = {
    ("dev",),
    ("job", "execute"),
    ("job", "list"),
    ("job", "launch"),
    ("job", "print"),
    ("asset", "list"),
    ("asset", "materialize"),
    ("definitions", "validate"),
    ("schedule", "list"),
    ("sensor", "list"),
}
TARGETS = (
    "-m",
    "--module-name",
    "-f",
    "--python-file",
    "-w",
    "--workspace",
    "-p",
    "--package-name",
    "-d",
    "--working-directory",
    "--grpc-port",
    "--grpc-socket",
)


@click.command(
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
@pass_home
def dagster(home: Home, ctx: click.Context, args: tuple[str, ...]) -> None:
    """Run Dagster's own command with this home's DAGSTER_HOME, such as `dagster dev`.

    The code location is added where a command needs one and none is named.
    """
    from tws_maintenance.pipeline.instance import prepare

    prepare(home)
    command = [sys.executable, "-m", "dagster", *with_code_location(args, Path.cwd())]
    if os.name == "posix":
        # In our place, so that a signal for us reaches it.
        os.execv(sys.executable, command)  # noqa: S606 - a list of our own making
    ctx.exit(subprocess.run(command, env=os.environ, check=False).returncode)


def with_code_location(args: tuple[str, ...], folder: Path) -> list[str]:
    """Return `args` with our code location, unless one is named or `folder` has a workspace."""
    words = tuple(word for word in args[:2] if not word.startswith("-"))
    loads = any(words[: len(known)] == known for known in LOADING)
    named = any(arg.split("=")[0] in TARGETS for arg in args)
    has_workspace = (folder / "workspace.yaml").exists() and words[:1] == ("dev",)
    if not loads or named or has_workspace or "--help" in args:
        return list(args)
    return [*args, *CODE_LOCATION]
