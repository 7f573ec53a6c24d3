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
        # There are no live files to audit in a new home.
        (("status",), ""),
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
