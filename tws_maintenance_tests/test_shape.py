"""The shape of the code: who may import whom, and that everything explains itself."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import tws_maintenance
from tws_maintenance.cli.main import COMMANDS, cli
from tws_maintenance_tests.support import tree_of

# In one worker: each reads the whole package, which is read once.
pytestmark = pytest.mark.xdist_group("shape")
PACKAGE = Path(tws_maintenance.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
# From the ground up: a room imports from those before it only.
ROOMS = [
    *("core", "config", "audit", "sources", "constituents", "robot", "market_events"),
    *("reports", "runs", "operations", "demo", "pipeline", "console", "cli"),
]
DOMAIN_FOLDERS = set(ROOMS) - {"demo", "pipeline", "console", "cli"}
COATS = {"__main__.py", "definitions.py"}
# The words of a trading program; this one must never come near one.
TRADING = re.compile(
    r"(^|[._])(orders?|execution|strateg(y|ies)|brokers?|risk|ibapi|ib_insync|ib_async)($|[._])"
)
# Dagster's word for running a job or a check, and our own module's word for a request.
RUNNING_A_JOB = (
    "dagster._core.execution.",
    "dagster._core.storage.asset_check_execution_record.",
    "tws_maintenance.pipeline.execution.",
)


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


@cache
def imports_of(path: Path) -> tuple[str, ...]:
    """Return every module and every name that a file imports, wherever the import stands."""
    return tuple(_imports_of(path))


def _imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)} imports relatively, line {node.lineno}"
            module = node.module or ""
            yield from (f"{module}.{alias.name}" for alias in node.names)


def importers_of(package: str) -> set[str]:
    return {
        name_of(path)
        for path in MODULES
        if any(name == package or name.startswith(f"{package}.") for name in imports_of(path))
    }


def is_domain(name: str) -> bool:
    folder, _, rest = name.partition("/")
    return folder in DOMAIN_FOLDERS if rest else name not in COATS


def commands(
    command: click.Command, path: tuple[str, ...] = ()
) -> Iterator[tuple[str, click.Command]]:
    yield " ".join(path) or "the program", command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None, name
            yield from commands(child, (*path, name))


def test_only_the_pipeline_and_the_code_location_import_dagster() -> None:
    found = importers_of("dagster")
    assert {"pipeline/assets.py", "pipeline/definitions.py", "pipeline/execution.py"} <= found
    assert {name for name in found if not name.startswith("pipeline/")} <= {"definitions.py"}


@pytest.mark.parametrize("library", ["flask", "flask_login", "flask_wtf", "waitress"])
def test_only_the_console_imports_what_it_is_made_of(library: str) -> None:
    found = importers_of(library)
    assert found
    assert {name for name in found if not name.startswith("console/")} == set()


@pytest.mark.parametrize(
    "coat",
    [
        *("dagster", "flask", "click"),
        *(f"tws_maintenance.{one}" for one in ("pipeline", "console", "cli")),
    ],
)
def test_the_domain_knows_none_of_its_coats(coat: str) -> None:
    assert {name for name in importers_of(coat) if is_domain(name)} == set()


def test_every_domain_folder_is_judged() -> None:
    judged = {name_of(path) for path in MODULES if is_domain(name_of(path))}
    assert {"runs/maintenance.py", "config/settings.py", "operations/doctor.py"} <= judged
    assert {name.split("/")[0] for name in judged if "/" in name} == DOMAIN_FOLDERS


def test_a_room_imports_only_from_the_rooms_below_it() -> None:
    assert {path.name for path in PACKAGE.iterdir() if list(path.glob("*.py"))} == set(ROOMS)
    upwards = {
        (name_of(path), name)
        for path in MODULES
        if "/" in name_of(path)
        for name in imports_of(path)
        if name.startswith("tws_maintenance.")
        and name.split(".")[1] not in ROOMS[: ROOMS.index(name_of(path).split("/")[0]) + 1]
    }
    assert upwards == set()


def test_what_to_maintain_is_asked_of_the_settings_of_a_home() -> None:
    # The demo has pages of its own for those that every home maintains.
    assert importers_of("tws_maintenance.config.indices.INDICES") == {"demo/journey.py"}


def test_three_modules_stand_at_the_top() -> None:
    assert {path.name for path in PACKAGE.glob("*.py")} == {"__init__.py", *COATS}


def test_no_module_imports_anything_of_a_trading_program() -> None:
    found = {
        (name_of(path), name)
        for path in MODULES
        for name in imports_of(path)
        if TRADING.search(name.casefold()) and not name.startswith(RUNNING_A_JOB)
    }
    assert found == set()
    assert TRADING.search("robot.broker.api")
    assert not TRADING.search("tws_maintenance.constituents.stage")


def test_every_module_says_what_it_is() -> None:
    assert [name_of(path) for path in MODULES if not ast.get_docstring(tree_of(path))] == []


def test_every_command_and_every_option_has_help() -> None:
    silent = []
    for name, command in commands(cli):
        if not command.help:
            silent.append(name)
        silent += [
            f"{name} {parameter.opts[0]}"
            for parameter in command.params
            if isinstance(parameter, click.Option) and not parameter.help
        ]
    assert silent == []


def test_each_command_has_a_line_in_the_help_that_fits() -> None:
    lines = CliRunner().invoke(cli, ["--help"]).output.splitlines()
    described = {name: f"  {name:<9}  {line}" for name, line in COMMANDS.items()}
    assert [line for line in lines if line in described.values()] == list(described.values())
    assert list(COMMANDS) == sorted(COMMANDS)


def test_the_documented_commands_are_all_there() -> None:
    names = {name for name, _ in commands(cli)}
    alone = {"run", "validate", "status", "console", "dev", "dagster", "doctor", "demo"}
    assert alone | {"reports", "reports list", "reports show"} <= names
