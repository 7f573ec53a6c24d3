"""What only looks must not load what only runs: a second of imports for every `--help`."""

import sys

import pytest

from tws_maintenance_tests.support import Program

pytestmark = pytest.mark.cold

# By what it is that they bring: tables and audits, a database, the web, settings and reports.
LIBRARIES = (
    *("dagster", "pandas", "pandera", "sqlalchemy", "alembic", "requests", "lxml", "flask"),
    *("pydantic", "rich"),
)
LOADED = """
import sys
from tws_maintenance.cli.main import cli
try:
    cli(sys.argv[1:])
except SystemExit as end:
    assert end.code in (0, None), end.code
print("LOADED", *sorted(set(sys.modules) & {libraries}), file=sys.stderr)
"""
# Dagster's own help is Dagster's to print.
EVERY_HELP = """
import sys
from tws_maintenance.cli.main import COMMANDS, cli
for name in sorted(set(COMMANDS) - {"dagster"}):
    cli([name, "--help"], standalone_mode=False)
print("LOADED", *sorted(set(sys.modules) & {libraries}), file=sys.stderr)
"""
OURS = """
import runpy, sys
sys.argv = ["tws_maintenance", "--help"]
try:
    runpy.run_module("tws_maintenance", run_name="__main__", alter_sys=True)
finally:
    ours = (name for name in sys.modules if name.startswith("tws_maintenance"))
    print("LOADED", *sorted(ours), *({"pathlib", "json"} & set(sys.modules)), file=sys.stderr)
"""
PYDANTIC = {"pydantic"}


def loaded(program: Program, script: str, *arguments: str) -> set[str]:
    """Return the libraries that a process has loaded when it ends."""
    code = script.replace("{libraries}", repr(set(LIBRARIES)))
    done = program.execute(sys.executable, "-c", code, *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout
    word, *names = done.stderr.splitlines()[-1].split()
    assert word == "LOADED"
    return set(names)


def test_help_loads_click_and_the_module_that_lists_the_commands(program: Program) -> None:
    ours = {"tws_maintenance", "tws_maintenance.cli", "tws_maintenance.cli.main"}
    assert loaded(program, OURS) - {"tws_maintenance.__main__"} == ours


def test_the_help_of_a_command_loads_nothing_that_it_will_use(program: Program) -> None:
    without_settings = Program(program.home)
    assert loaded(without_settings, EVERY_HELP) == set()


@pytest.mark.parametrize(
    ("arguments", "used"),
    [
        (("reports", "list"), set()),
        # There is no database of events in a new home.
        (("events", "list"), PYDANTIC),
        (("events", "export", "--ics"), PYDANTIC),
        # There are no live files to audit in a new home.
        (("status",), {*PYDANTIC, "rich"}),
    ],
)
def test_a_look_loads_no_dagster_and_no_database_and_pandas_only_where_it_audits(
    program: Program, arguments: tuple[str, ...], used: set[str]
) -> None:
    assert loaded(program, LOADED, *arguments) == used


def test_a_look_at_a_database_of_events_loads_what_reads_it(program: Program) -> None:
    database = f"sqlite:///{program.home.market_events}"
    program.environment["TWS_MAINTENANCE_EVENTS__DATABASE_URL"] = database
    assert loaded(program, LOADED, "events", "list") == {*PYDANTIC, "sqlalchemy"}


RAN = """
import sys
from tws_maintenance.cli.main import cli
try:
    cli(sys.argv[1:])
except SystemExit as end:
    assert end.code == 0, end.code
print("LOADED", *sorted({one.partition(".")[0] for one in sys.modules} & {heavy}), file=sys.stderr)
"""


def test_only_the_first_run_of_a_home_loads_what_dagster_needs_for_migrations(
    program: Program,
) -> None:
    """In a new home Dagster makes its tables with alembic, through the names that came later."""
    script = RAN.replace("{heavy}", repr({"alembic", "structlog", "sqlalchemy", "pandas"}))
    first, second = (
        program.execute(sys.executable, "-c", script, "run", "--task", "sti_constituents")
        for _ in range(2)
    )
    assert first.stderr.splitlines()[-1] == "LOADED alembic sqlalchemy"
    assert second.stderr.splitlines()[-1] == "LOADED sqlalchemy"
