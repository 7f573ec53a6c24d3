"""What the docs tell an administrator to install is right, as far as it can be tried here."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tws_maintenance_tests.support import REPOSITORY

DEPLOYMENT = REPOSITORY / "docs" / "deployment.md"
UNIT = re.compile(r"<!-- unit (?P<name>\S+) -->\n```ini\n(?P<text>.*?)```", re.DOTALL)
INTERPRETER = re.compile(r"/srv/tws_maintenance/\.venv/bin/python")


def units() -> dict[str, str]:
    found = UNIT.finditer(DEPLOYMENT.read_text(encoding="utf-8"))
    return {one["name"]: one["text"] for one in found}


@pytest.mark.process
def test_the_units_pass_systemds_own_verification(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed")
    assert sorted(units()) == [
        "tws-dry-run.service",
        "tws-dry-run.timer",
        "tws-maintenance.service",
    ]
    for name, text in units().items():
        # The program of this machine, and an account that it has.
        local = INTERPRETER.sub(sys.executable, text).replace("User=robot", "User=root")
        (tmp_path / name).write_text(local.replace("/srv/robot", str(tmp_path)))
    done = subprocess.run(
        [program, "verify", *(str(tmp_path / name) for name in units())],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_commands_of_the_units_are_ours() -> None:
    commands = [
        line.partition("-m tws_maintenance ")[2]
        for text in units().values()
        for line in text.splitlines()
        if line.startswith("ExecStart=")
    ]
    assert sorted(commands) == ["dev", "run"]


def test_stopping_the_service_leaves_the_runs_alone() -> None:
    """They are of its control group; `dev` itself ends what else is."""
    lines = units()["tws-maintenance.service"].splitlines()
    assert {"KillMode=process", "KillSignal=SIGINT"} <= set(lines)


def test_the_workflow_runs_a_dry_run_and_keeps_its_report() -> None:
    path = REPOSITORY / ".github" / "workflows" / "dry-run.yml"
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    # YAML 1.1 reads the key `on` as true.
    assert set(workflow[True]) == {"workflow_dispatch", "schedule"}
    steps = workflow["jobs"]["dry-run"]["steps"]
    scripts = "\n".join(step["run"] for step in steps if "run" in step)
    assert "tws_maintenance --home" in scripts
    assert "--apply" not in scripts
    assert steps[-1]["uses"].startswith("actions/upload-artifact@")
    assert workflow["permissions"] == {"contents": "read"}
