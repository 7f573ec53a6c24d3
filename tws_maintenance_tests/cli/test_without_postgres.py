"""PostgreSQL named in the settings, and the extra that brings its packages not installed."""

import json
import sys
from pathlib import Path

import pytest

from tws_maintenance_tests.support import Program

# Found by Python at its start, as a package that is not there would not be. In a fork of the warm
# process the packages may be imported already.
BLOCKER = """
import sys
from importlib.abc import MetaPathFinder

PACKAGES = {"psycopg2", "dagster_postgres"}


class Absent(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in PACKAGES:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None


sys.meta_path.insert(0, Absent())
for name in [one for one in sys.modules if one.partition(".")[0] in PACKAGES]:
    del sys.modules[name]
"""
# Each command as a process of its own would run it, without the second that it costs.
COMMANDS = """
import json
import sys

from click.testing import CliRunner

from tws_maintenance.cli.main import cli
from tws_maintenance.config.home import find_home
from tws_maintenance.pipeline.instance import reconcile_at_start

done = {}
for command in json.loads(sys.argv[1]):
    result = CliRunner().invoke(cli, command.split())
    error = result.exception
    done[command] = (result.exit_code, result.output, type(error).__name__ if error else "")
reconcile_at_start()
print(json.dumps(done))
"""
INSTALL = "pip install 'tws_maintenance[postgres]'"
OPENING = ("run --task sti_constituents", "validate", "console --port 1", "dagster job list", "dev")
READING = ("doctor --offline", "status", "status --check", "events list")


def outcomes(
    program: Program, folder: Path, section: str, *commands: str
) -> dict[str, tuple[int, str, str]]:
    """Return the exit code, the output and the exception of each command."""
    (folder / "sitecustomize.py").write_text(BLOCKER)
    url = "postgresql://tws:s3cr3t@127.0.0.1:1/away"
    settings = {f"TWS_MAINTENANCE_{section}__DATABASE_URL": url, "PYTHONPATH": str(folder)}
    done = program.execute(sys.executable, "-c", COMMANDS, json.dumps(commands), **settings)
    assert done.returncode == 0, done.stderr
    assert "s3cr3t" not in done.stdout + done.stderr
    found: dict[str, tuple[int, str, str]] = json.loads(done.stdout)
    return found


# One of them cold: it is also where no module of ours may import the packages at its top.
@pytest.mark.process
@pytest.mark.parametrize("section", [pytest.param("STORAGE", marks=pytest.mark.cold), "EVENTS"])
def test_every_command_says_what_to_install(program: Program, tmp_path: Path, section: str) -> None:
    # Where only the events lie there, the others need no PostgreSQL.
    commands = (*OPENING, *READING) if section == "STORAGE" else READING
    found = outcomes(program, tmp_path, section, *commands)
    assert [name for name, (_, output, _) in found.items() if INSTALL not in output] == []
    codes = {name: code for name, (code, _, _) in found.items()}
    assert codes == {name: 0 if name == "status" else 1 for name in commands}
    assert {error for _, _, error in found.values()} <= {"", "SystemExit"}


def test_an_operator_s_own_dagster_home_says_so_too(program: Program, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "dagster.yaml").write_text(
        "storage:\n  postgres:\n    postgres_url: postgresql://x/y\n"
    )
    program.environment["DAGSTER_HOME"] = str(mine)
    commands = ("validate", "console --port 1", "doctor --offline")
    found = outcomes(program, tmp_path, "EVENTS", *commands)
    assert {(code, INSTALL in output) for code, output, _ in found.values()} == {(1, True)}
    assert "dagster.yaml names PostgreSQL" in found["doctor --offline"][1]
