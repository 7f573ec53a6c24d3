"""What only looks must not load what only runs: a second of imports for every `--help`."""

import sys

import pytest

from tws_maintenance_tests.support import Program

pytestmark = pytest.mark.cold

HEAVY = ("dagster", "pandas", "pandera", "requests", "lxml")
LOADED = """
import sys
from tws_maintenance.cli.main import cli
try:
    cli(sys.argv[1:])
except SystemExit as end:
    assert end.code in (0, None), end.code
print("LOADED", *sorted(set(sys.modules) & {heavy}), file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("arguments", "loaded"),
    [
        (("--help",), ""),
        (("run", "--help"), ""),
        (("reports", "list"), ""),
        # It audits the live files.
        (("status",), " pandas pandera"),
    ],
)
def test_a_look_loads_no_dagster_and_pandas_only_where_it_audits(
    program: Program, arguments: tuple[str, ...], loaded: str
) -> None:
    script = LOADED.replace("{heavy}", repr(set(HEAVY)))
    done = program.execute(sys.executable, "-c", script, *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == f"LOADED{loaded}"
    assert done.stdout


SERVED = """
import sys, threading
from pathlib import Path
from tws_maintenance.config.home import find_home
from tws_maintenance.config.settings import load_settings
from tws_maintenance.console.serve import listen
from tws_maintenance.console.app import create_app
import urllib.request
home = find_home()
app = create_app(home, load_settings(home).console)
server = listen(app, "127.0.0.1", 0)
threading.Thread(target=server.run, daemon=True).start()
origin = f"http://127.0.0.1:{server.effective_port}"
for path in ("/maintenance", "/maintenance/live", "/api/maintenance/status", "/metrics"):
    assert urllib.request.urlopen(origin + path).status == 200, path
app.extensions["tws_maintenance"].close()
print("LOADED", *sorted(set(sys.modules) & {heavy}))
"""


def test_a_console_that_serves_has_loaded_no_dagster_and_no_pandas(program: Program) -> None:
    script = SERVED.replace("{heavy}", repr({*HEAVY, "alembic", "psycopg2", "psutil", "holidays"}))
    done = program.execute(sys.executable, "-c", script)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "LOADED"
