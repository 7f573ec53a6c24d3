"""A run in a process of its own, which outlives whoever started it.

The starter creates the run in Dagster, so that its id is known at once, and hands the id with
what is wanted to the new process on its standard input. What the process has to say beside its
report lies in `.dagster/logs`, and goes when there is nothing.
"""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from tws_maintenance.errors import TwsMaintenanceError
from tws_maintenance.home import HOME_VARIABLE, Home
from tws_maintenance.reports.record import EntryPoint
from tws_maintenance.run_spec import RunSpec

# What a run has no use for must not lie in its environment.
SECRET_OF_THE_CONSOLE = "TWS_MAINTENANCE_CONSOLE__PASSWORD"  # noqa: S105 - the variable's name


def start_process(home: Home, run_id: str, spec: RunSpec) -> subprocess.Popen[bytes]:
    """Start the process that executes `run_id`; it is in a session of its own.

    Raises:
        OSError: it could not be started, or its log cannot be written.
    """
    environment = {**os.environ, HOME_VARIABLE: str(home.root)}
    environment.pop(SECRET_OF_THE_CONSOLE, None)
    home.logs.mkdir(parents=True, exist_ok=True)
    with log_file(home, run_id).open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            cwd=home.root,
            env=environment,
            start_new_session=True,
        )
    assert process.stdin is not None
    with process.stdin as stream:
        stream.write(json.dumps({"run_id": run_id, "spec": asdict(spec)}).encode())
    return process


def log_file(home: Home, run_id: str) -> Path:
    """Return where the process of a run writes what is in no report."""
    return home.logs / f"run_{run_id}.log"


def main() -> int:
    """Execute the run that standard input names; 0 where it left a report."""
    request = json.loads(sys.stdin.buffer.read())
    home, run_id = Home(Path(os.environ[HOME_VARIABLE])), str(request["run_id"])
    spec = _spec(request["spec"])
    from tws_maintenance.pipeline.launching import launch

    try:
        executed = launch(home, spec, run_id=run_id)
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


def _spec(value: dict[str, object]) -> RunSpec:
    """Read what `start_process` wrote; JSON knows lists only."""
    fields = {key: tuple(one) if isinstance(one, list) else one for key, one in value.items()}
    return RunSpec(**{**fields, "entry_point": EntryPoint(value["entry_point"])})  # type: ignore[arg-type]


if __name__ == "__main__":
    sys.exit(main())
