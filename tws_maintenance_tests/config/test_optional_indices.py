"""A new index is one declaration: two optional ones, off by default, and all that follows."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import DECLARED, INDICES
from tws_maintenance.config.settings import load_settings
from tws_maintenance.core.clock import utc_now
from tws_maintenance.core.digest import sha256
from tws_maintenance.core.errors import PageChanged, SettingsError
from tws_maintenance.demo.server import PageServer
from tws_maintenance.sources.fetching import READERS
from tws_maintenance.sources.model import RawCopy, SourceTable
from tws_maintenance_tests.optional_pages import (
    SECTORS,
    nasdaq_members,
    nasdaq_page,
    nikkei_members,
    nikkei_page,
)
from tws_maintenance_tests.support import Program, environment_of, reports_of, result_of

NASDAQ, NIKKEI = DECLARED["nasdaq100"], DECLARED["nikkei225"]
TASKS = ("nasdaq100_constituents", "nikkei225_constituents")
CONSOLE = """
from tws_maintenance.console.app import create_app
from tws_maintenance.config.home import find_home
client = create_app(find_home()).test_client()
print("NASDAQ-100" in client.get("/maintenance").text, "Tokyo" in client.get("/maintenance").text)
print([one["task"] for one in client.get("/api/maintenance/status").json["constituents"]])
"""


def read(key: str, content: bytes) -> SourceTable:
    spec = DECLARED[key].sources[0]
    raw = RawCopy("https://example.com", 200, content, sha256(content), utc_now())
    return READERS[spec.kind].parse(raw, DECLARED[key])


def test_the_page_of_the_nasdaq_100_is_read() -> None:
    table = read("nasdaq100", nasdaq_page(nasdaq_members()))
    assert len(table.rows) == 101
    assert {row.sector for row in table.rows} == set(SECTORS)
    assert table.rows[0].sub_industry == "Software"


def test_the_lists_of_the_nikkei_225_are_read_with_their_headings_as_sectors() -> None:
    table = read("nikkei225", nikkei_page(nikkei_members()))
    symbols = {NIKKEI.symbol_rule.symbol_of(row.ticker) for row in table.rows}
    assert len(symbols) == len(table.rows) == 225
    assert "285A.T" in symbols
    assert "9999.T" not in symbols, "a former component"
    assert all(NIKKEI.symbol_rule.is_symbol(one) for one in symbols)


def test_a_page_without_such_items_is_refused() -> None:
    with pytest.raises(PageChanged, match=r"expected items such as 'Company \(TYO: 7203\)'"):
        read("nikkei225", nasdaq_page(nasdaq_members()))


@pytest.fixture
def both(home: Home) -> Iterator[Program]:
    """The program with both switched on, in processes of its own."""
    pages = {"nasdaq100": nasdaq_page(nasdaq_members()), "nikkei225": nikkei_page(nikkei_members())}
    with PageServer(pages) as server:
        switches = {NASDAQ.switch: "true", NIKKEI.switch: "1"}
        yield Program(home, {**environment_of(server), **switches})


@pytest.mark.process
def test_switched_on_everything_comes_by_itself(both: Program) -> None:
    home = both.home
    done = both("run", "--apply", "--task", TASKS[0], "--task", TASKS[1])
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Replaced: NASDAQ-100, Nikkei 225." in done.stdout
    (report,) = reports_of(home)
    assert [result_of(report, task)["after_count"] for task in TASKS] == [101, 225]
    nikkei = (home.data / "nikkei225_constituents.csv").read_text().splitlines()
    assert nikkei[0] == "symbol,display_symbol,security,sector,sub_industry"
    assert nikkei[1].startswith("1301.T,1301,")
    assert (home.data / ".generation_nasdaq100").exists()
    assert (home.history / "nikkei225_membership.csv").exists()
    status = json.loads(both("status", "--json").stdout)
    assert [one["task"] for one in status["constituents"]][-2:] == list(TASKS)
    assert [one["stale"] for one in status["constituents"]][-2:] == [False, False]
    jobs = both.execute(sys.executable, "-c", _names_of_assets())
    assert {"nasdaq100_constituents", "nikkei225_constituents"} <= set(jobs.stdout.split())
    assert "xtks_dry_run_schedule" in jobs.stdout
    told = both.execute(sys.executable, "-c", CONSOLE)
    assert told.stdout.splitlines()[0] == "True True", told.stderr
    assert all(task in told.stdout for task in TASKS)
    assert "1301.T" in both("history", TASKS[1], "--on", utc_now().date().isoformat()).stdout


@pytest.mark.services
@pytest.mark.process
def test_maintenance_toml_switches_one_on_for_every_process_of_its_home(
    home: Home, tmp_path: Path
) -> None:
    home.settings_file.write_text("[indices.nasdaq100]\nenabled = true\nmin_rows = 100\n")
    elsewhere = Home(tmp_path / "elsewhere")
    elsewhere.root.mkdir()
    with PageServer({"nasdaq100": nasdaq_page(nasdaq_members())}) as server:
        named = Program(elsewhere, environment_of(server))
        done = named("--home", str(home.root), "run", "--apply", "--task", TASKS[0])
    assert done.returncode == 0, done.stdout + done.stderr
    assert (home.data / "nasdaq100_constituents.csv").exists()
    home.live_file("nasdaq100").unlink()
    with PageServer({"nasdaq100": nasdaq_page(nasdaq_members())}) as server:
        named = Program(elsewhere, environment_of(server))
        looked = named("--home", str(home.root), "run", "--task", TASKS[0]).stdout
    assert f"python -m tws_maintenance --home {home.root} promote maintenance_" in looked
    assert TASKS[0] in named(f"--home={home.root}", "status", "--json").stdout
    assert TASKS[0] not in named("status", "--json").stdout
    # As the Dagster UI and its daemon do: by the folder's environment, not by our command line.
    program = Program(home)
    assert TASKS[0] in program.execute(sys.executable, "-c", _names_of_assets()).stdout
    off = program("run", "--task", TASKS[0], **{NASDAQ.switch: "false"})
    assert off.returncode == 2
    assert "switched off" in off.stderr


def test_a_file_that_cannot_be_read_is_told_and_switches_nothing(program: Program) -> None:
    program.home.settings_file.write_text("[indices.nasdaq100\nenabled = true\n")
    done = program("run", "--task", "hsi_constituents")
    assert done.returncode == 2
    assert "maintenance.toml" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.process
def test_switched_off_again_their_reports_are_still_read(both: Program) -> None:
    both("run", "--apply", "--task", TASKS[0])
    without = {key: value for key, value in both.environment.items() if "ENABLED" not in key}
    plain = Program(both.home, without)
    for command in (("reports", "list"), ("reports", "show"), ("reports", "verify"), ("status",)):
        done = plain(*command)
        assert done.returncode == 0, (command, done.stdout + done.stderr)
    assert TASKS[0] not in plain("status", "--json").stdout


def _names_of_assets() -> str:
    return (
        "from tws_maintenance.definitions import defs\n"
        "print(*(k.to_user_string() for k in defs.resolve_all_asset_keys()))\n"
        "print(*(one.name for one in defs.schedules))"
    )


def test_off_by_default_nothing_of_them_is_anywhere(program: Program) -> None:
    assert {"nasdaq100", "nikkei225"} & set(INDICES) == set()
    assert "nasdaq100" not in program("run", "--help").stdout
    for command in (("run", "--task"), ("explain",), ("history",), ("restore",)):
        refused = program(*command, TASKS[0])
        assert refused.returncode == 2
        assert "NASDAQ-100 is optional and switched off" in refused.stderr
        assert "[indices.nasdaq100]" in refused.stderr
    found = program.execute(sys.executable, "-c", _names_of_assets())
    assert "sp500_constituents" in found.stdout
    assert "nasdaq100" not in found.stdout
    assert "xtks" not in found.stdout


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("[indices.nasdaq100]\nenabled = true\n", "this process began without it"),
        ("[indices.sp500]\nenabled = false\n", "always maintained"),
        ("[indices.dax]\nmin_rows = 3\n", "unknown index 'dax'"),
    ],
)
def test_a_setting_that_switches_nothing_is_refused(home: Home, written: str, told: str) -> None:
    home.settings_file.write_text(written)
    with pytest.raises(SettingsError, match=told):
        load_settings(home)


def test_thresholds_of_one_that_is_off_may_stand_in_the_file(home: Home) -> None:
    home.settings_file.write_text("[indices.nikkei225]\nmin_rows = 220\n")
    assert load_settings(home).indices["nikkei225"].min_rows == 220
