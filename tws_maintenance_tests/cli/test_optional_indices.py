"""An index that a home switches on is everywhere at once; one that is off is refused by name."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tws_maintenance.config.home import HOME_VARIABLE, Home
from tws_maintenance.config.indices import DECLARED
from tws_maintenance.console.app import create_app
from tws_maintenance.core.clock import utc_now
from tws_maintenance.demo.server import PageServer
from tws_maintenance.pipeline.definitions import build_definitions
from tws_maintenance_tests.cli.conftest import Command
from tws_maintenance_tests.defaults import CONSTITUENT_TASKS
from tws_maintenance_tests.optional_pages import (
    nasdaq_members,
    nasdaq_page,
    nikkei_members,
    nikkei_page,
)
from tws_maintenance_tests.support import Program, environment_of, reports_of, result_of

NASDAQ, NIKKEI = (DECLARED[key].task for key in ("nasdaq100", "nikkei225"))
SWITCH = "TWS_MAINTENANCE_INDICES__{}__ENABLED"
ON = "[indices.nasdaq100]\nenabled = true\nmin_rows = 100\n"
OFF = "NASDAQ-100 is optional and switched off. Write `enabled = true` below [indices.nasdaq100]"
NAMES_OF_ASSETS = (
    "from tws_maintenance.definitions import defs\n"
    "print(*(k.to_user_string() for k in defs.resolve_all_asset_keys()))\n"
    "print(*(one.name for one in defs.schedules))"
)


@pytest.fixture
def server() -> Iterator[PageServer]:
    """The pages of the two optional indices."""
    pages = {"nasdaq100": nasdaq_page(nasdaq_members()), "nikkei225": nikkei_page(nikkei_members())}
    with PageServer(pages) as running:
        yield running


@pytest.fixture
def both(command: Command, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The program with both switched on by the environment."""
    monkeypatch.setenv(SWITCH.format("NASDAQ100"), "true")
    monkeypatch.setenv(SWITCH.format("NIKKEI225"), "1")
    return command


def test_switched_on_everything_comes_by_itself(home: Home, both: Command) -> None:
    done = both("run", "--apply", "--task", NASDAQ, "--task", NIKKEI)
    assert done.exit_code == 0, done.output
    assert "Replaced: NASDAQ-100, Nikkei 225." in done.output
    (report,) = reports_of(home)
    assert [result_of(report, task)["after_count"] for task in (NASDAQ, NIKKEI)] == [101, 225]
    nikkei = home.live_file("nikkei225").read_text().splitlines()
    assert nikkei[0] == "symbol,display_symbol,security,sector,sub_industry"
    assert nikkei[1].startswith("1301.T,1301,")
    assert home.generation_file("nasdaq100").exists()
    assert home.membership_file("nikkei225").exists()
    status = json.loads(both("status", "--json").stdout)["constituents"]
    assert [one["task"] for one in status] == [*CONSTITUENT_TASKS, NASDAQ, NIKKEI]
    assert [one["stale"] for one in status][-2:] == [False, False]
    assert "1301.T" in both("history", NIKKEI, "--on", utc_now().date().isoformat()).stdout
    assert NIKKEI in both("run", "--help").stdout
    assert both("watchlist", "add", "7203.t").exit_code == 0
    assert "xtks" in both("events", "add", "--help").stdout


def test_their_assets_schedules_and_cards_are_made(home: Home, both: Command) -> None:
    assert both("proposals", "list").exit_code == 0
    definitions = build_definitions()
    keys = {key.to_user_string() for key in definitions.resolve_all_asset_keys()}
    assert {NASDAQ, NIKKEI, f"staged/{NIKKEI}"} <= keys
    assert "xtks_dry_run_schedule" in {one.name for one in definitions.schedules or ()}
    app = create_app(home)
    page = app.test_client().get("/maintenance").text
    assert "NASDAQ-100" in page
    assert "Tokyo" in page
    described = app.test_client().get("/api/openapi.json").json
    schemas = (described or {})["components"]["schemas"]
    assert NASDAQ in schemas["RestoreBody"]["properties"]["task"]["enum"]
    assert r"\.T" in schemas["WatchlistBody"]["properties"]["symbol"]["pattern"]
    app.extensions["tws_maintenance"].close()


@pytest.mark.usefixtures("both")
def test_a_console_follows_the_settings_without_a_new_start(home: Home) -> None:
    app = create_app(home)
    client = app.test_client()

    def tasks() -> list[str]:
        status = client.get("/api/maintenance/status").json or {}
        return [one["task"] for one in status["constituents"]]

    assert tasks()[-2:] == [NASDAQ, NIKKEI]
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(SWITCH.format("NASDAQ100"))
        patch.delenv(SWITCH.format("NIKKEI225"))
        assert tasks() == list(CONSTITUENT_TASKS)
        home.settings_file.write_text(ON)
        assert tasks() == [*CONSTITUENT_TASKS, NASDAQ]
    app.extensions["tws_maintenance"].close()


def test_maintenance_toml_switches_one_on_for_its_own_home_alone(
    home: Home, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.settings_file.write_text(ON)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setenv(HOME_VARIABLE, str(elsewhere))
    assert NASDAQ in command(f"--home={home.root}", "status", "--json").stdout
    monkeypatch.setenv(HOME_VARIABLE, str(elsewhere))
    assert NASDAQ not in command("status", "--json").stdout
    looked = command("--home", str(home.root), "run", "--task", NASDAQ)
    assert looked.exit_code == 0, looked.output
    assert f"python -m tws_maintenance --home {home.root} promote maintenance_" in looked.output


@pytest.mark.process
def test_a_real_run_and_dagsters_own_processes_go_by_the_file_as_well(
    home: Home, server: PageServer
) -> None:
    home.settings_file.write_text(ON)
    program = Program(home, environment_of(server))
    done = program("run", "--apply", "--task", NASDAQ)
    assert done.returncode == 0, done.stdout + done.stderr
    assert home.live_file("nasdaq100").exists()
    # As the Dagster UI and its daemon do: by the folder's environment, not by our command line.
    found = program.execute(sys.executable, "-c", NAMES_OF_ASSETS)
    assert NASDAQ in found.stdout, found.stderr
    assert NIKKEI not in found.stdout


def test_the_environment_wins_over_the_file(
    home: Home, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.settings_file.write_text(ON)
    monkeypatch.setenv(SWITCH.format("NASDAQ100"), "false")
    refused = command("run", "--task", NASDAQ)
    assert refused.exit_code == 2
    assert OFF in refused.stderr


def test_a_file_that_cannot_be_read_is_told(home: Home, command: Command) -> None:
    home.settings_file.write_text("[indices.nasdaq100\nenabled = true\n")
    for arguments in (("run", "--task", "hsi_constituents"), ("history", NASDAQ)):
        refused = command(*arguments)
        assert refused.exit_code == 2
        assert "maintenance.toml cannot be read" in refused.stderr
    assert "hsi_constituents" in command("run", "--help").stdout
    assert command("history", "hsi_constituents").exit_code == 0


def test_switched_off_again_what_they_left_is_still_read(
    home: Home, both: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.data.mkdir()
    home.live_file("nasdaq100").write_text("symbol,security,sector,sub_industry\nAAPL,Apple,,\n")
    both("run", "--apply", "--task", NASDAQ, "--allow-large-change", "--reason", "it was emptied")
    monkeypatch.delenv(SWITCH.format("NASDAQ100"))
    shown = {
        ("reports", "list"): "maintenance_",
        ("reports", "show"): "NASDAQ-100",
        ("reports", "verify"): "",
        ("proposals", "list"): "NASDAQ-100",
        ("backups", "list"): NASDAQ,
        ("status",): "",
    }
    for arguments, text in shown.items():
        done = both(*arguments)
        assert done.exit_code == 0, (arguments, done.output)
        assert text in done.output
    status = json.loads(both("status", "--json").stdout)["constituents"]
    assert NASDAQ not in {one["task"] for one in status}
    promoted = both("promote", reports_of(home)[0]["report_id"])
    assert promoted.exit_code == 2
    assert "did not stage any list" in promoted.stderr


def test_off_by_default_nothing_of_them_is_anywhere(command: Command) -> None:
    assert "nasdaq100" not in command("run", "--help").stdout
    for arguments in (("run", "--task"), ("explain",), ("history",), ("restore",)):
        refused = command(*arguments, NASDAQ)
        assert refused.exit_code == 2
        assert OFF in refused.stderr
    told = command("watchlist", "add", "7203.T")
    assert "Tokyo is optional: set [indices.nikkei225] enabled." in told.stderr
    definitions = build_definitions()
    keys = {key.to_user_string() for key in definitions.resolve_all_asset_keys()}
    assert "sp500_constituents" in keys
    assert NASDAQ not in keys
    assert "xtks_dry_run_schedule" not in {one.name for one in definitions.schedules or ()}
