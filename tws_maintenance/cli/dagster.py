"""`dagster`: run Dagster's own commands on this home."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import click

from tws_maintenance.cli.context import pass_home
from tws_maintenance.config.home import Home

# Dagster's webserver, daemon and code server stop one after the other.
ENDING_SECONDS = 30.0
CODE_LOCATION = ("-m", "tws_maintenance.definitions")
# The commands that load a code location, by the words that name them.
LOADING = {
    ("dev",),
    ("job", "execute"),
    ("job", "list"),
    ("job", "launch"),
    ("job", "print"),
    ("asset", "list"),
    ("asset", "materialize"),
    ("definitions", "validate"),
    *(("schedule", verb) for verb in ("list", "start", "stop", "preview")),
    *(("sensor", verb) for verb in ("list", "start", "stop", "preview")),
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

    Adds the code location if the command needs one and no other is named.
    """
    from tws_maintenance.pipeline.instance import prepare

    prepare(home)
    command = [sys.executable, "-m", "dagster", *with_code_location(args, Path.cwd())]
    if os.name == "posix":
        # Replaces this process, so that its signals reach Dagster.
        os.execv(sys.executable, command)  # noqa: S606 - a list of our own making
    ctx.exit(subprocess.run(command, env=os.environ, check=False).returncode)


@contextlib.contextmanager
def running_ui(home: Home, port: int) -> Iterator[None]:
    """Run Dagster's webserver and daemon beside this process, and end them with it.

    They have their own session, so that Ctrl-C reaches them once, from here: after two interrupts
    they leave the code server behind. If they end by themselves, this process ends too.
    """
    from tws_maintenance.config.environment import child_environment
    from tws_maintenance.pipeline.instance import prepare

    prepare(home)
    home.dagster.mkdir(parents=True, exist_ok=True)
    # Quiet: its hints concern its own command line, which the user did not type.
    command = [sys.executable, "-W", "ignore", "-m", "dagster", "dev", "--log-level", "warning"]
    command += ["-h", "127.0.0.1", "-p", str(port), *CODE_LOCATION]
    # The code server imports from its working folder, which must not be the home.
    command += ["-d", str(home.dagster)]
    environment = child_environment(notifies=True)
    process = subprocess.Popen(command, env=environment, cwd=home.root, start_new_session=True)
    is_over = threading.Event()

    def follow() -> None:
        code = process.wait()
        if not is_over.is_set():
            click.echo(f"The Dagster UI ended by itself (exit code {code}).", err=True)
            os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=follow, daemon=True).start()
    try:
        yield
    finally:
        is_over.set()
        _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End all of Dagster's processes, even if another signal interrupts the wait."""
    process.send_signal(signal.SIGINT)
    try:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(ENDING_SECONDS)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def with_code_location(args: tuple[str, ...], folder: Path) -> list[str]:
    """Return `args` with our code location, unless one is named or `folder` has a workspace."""
    words = tuple(word for word in args[:2] if not word.startswith("-"))
    loads = any(words[: len(known)] == known for known in LOADING)
    named = any(arg.split("=")[0] in TARGETS for arg in args)
    has_workspace = (folder / "workspace.yaml").exists() and words[:1] == ("dev",)
    if not loads or named or has_workspace or "--help" in args:
        return list(args)
    return [*args, *CODE_LOCATION]
