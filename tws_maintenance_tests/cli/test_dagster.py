"""`dagster`: Dagster's own commands, with the code location where they need one."""

import pytest

from tws_maintenance.cli.dagster import with_code_location
from tws_maintenance.demo.pages import companies, page
from tws_maintenance.demo.server import PageServer
from tws_maintenance_tests.support import REPOSITORY, Program, reports_of

OURS = ["-m", "tws_maintenance.definitions"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("job", "execute", "-j", "dry_run_all"),
        ("asset", "materialize", "--select", "hsi_constituents"),
        ("asset", "list"),
        ("definitions", "validate"),
        ("job", "list"),
        ("sensor", "start", "offpeak_refresh_sensor"),
        ("schedule", "stop", "clean_up_schedule"),
    ],
)
def test_a_command_that_loads_code_gets_ours(program: Program, arguments: tuple[str, ...]) -> None:
    assert with_code_location(arguments, program.home.root) == [*arguments, *OURS]


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "list"),
        ("instance", "info"),
        ("--version",),
        ("job", "list", "-m", "somebody.elses"),
        ("job", "list", "--workspace=other.yaml"),
        ("asset", "list", "--help"),
    ],
)
def test_a_command_that_needs_none_or_names_its_own_is_left_as_it_is(
    program: Program, arguments: tuple[str, ...]
) -> None:
    assert with_code_location(arguments, program.home.root) == list(arguments)


def test_dev_uses_the_workspace_of_a_checkout_and_our_location_elsewhere(
    program: Program,
) -> None:
    assert with_code_location(("dev",), REPOSITORY) == ["dev"]
    assert with_code_location(("dev",), program.home.root) == ["dev", *OURS]


@pytest.mark.cold
def test_a_job_runs_in_the_dagster_home_of_this_home_and_its_exit_code_comes_through(
    program: Program, server: PageServer
) -> None:
    server.pages["sti"] = page("sti", companies("sti")[:9])
    config = program.home.root / "launch.yaml"
    config.write_text("resources: {report: {config: {tasks: [sti_constituents]}}}\n")
    done = program("dagster", "job", "execute", "-j", "dry_run_all", "-c", config.name)
    assert done.returncode == 1, done.stderr
    (report,) = reports_of(program.home)
    assert (report["entry_point"], report["status"]) == ("dagster_cli", "failed")
    assert [one["task"] for one in report["results"]] == ["sti_constituents"]
    assert (program.home.dagster / "dagster.yaml").exists()
    assert (program.home.dagster / "history" / "runs.db").exists()
