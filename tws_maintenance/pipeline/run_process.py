"""A run in a process of its own, which outlives its parent.

The process is started first and waits on its standard input for its request. So the run can be
created in Dagster with the id of the process that will work on it, and a run whose process died is
never taken for one that is alive. The output of the process is in `.dagster/run_logs`; an empty log
is removed.
"""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

from tws_maintenance.config.environment import child_environment
from tws_maintenance.config.home import HOME_VARIABLE, Home
from tws_maintenance.core.errors import TwsMaintenanceError
from tws_maintenance.runs.request import RunSpec


def start_process(home: Home, run_id: str) -> subprocess.Popen[bytes]:
    """Start the process that will execute `run_id`, in a session of its own; it does nothing yet.

    Raises:
        OSError: it could not be started, or its log cannot be written.
    """
    home.logs.mkdir(parents=True, exist_ok=True)
    with log_file(home, run_id).open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", __name__, run_id],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            cwd=home.root,
            env={**child_environment(), HOME_VARIABLE: str(home.root)},
            start_new_session=True,
        )


def hand_over(process: subprocess.Popen[bytes], spec: RunSpec) -> None:
    """Give the process its request, so that it begins.

    Raises:
        OSError: it has ended.
    """
    assert process.stdin is not None
    with process.stdin as stream:
        stream.write(spec.to_json())


def give_up(process: subprocess.Popen[bytes]) -> None:
    """End a process whose run could not be created."""
    process.kill()
    process.wait()
    assert process.stdin is not None
    with contextlib.suppress(OSError):  # input that it no longer read
        process.stdin.close()


def log_file(home: Home, run_id: str) -> Path:
    """Return the file to which the process of a run writes its output."""
    return home.logs / f"run_{run_id}.log"


def main() -> int:
    """Execute the named run with the request from standard input; return 0 if it left a report."""
    home, run_id = Home(Path(os.environ[HOME_VARIABLE])), sys.argv[1]
    wanted = sys.stdin.buffer.read()
    if not wanted:  # the parent died before the run could begin
        return 1
    spec = RunSpec.from_json(wanted)
    from tws_maintenance.config.settings import load_settings
    from tws_maintenance.pipeline.launching import launch

    try:
        executed = launch(home, load_settings(home), spec, run_id=run_id)
    except TwsMaintenanceError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if executed.report_id is None:
        sys.stderr.write(f"{executed.problem or 'the run left no report'}\n")
        return 1
    log = log_file(home, run_id)
    if log.exists() and not log.stat().st_size:
        log.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
