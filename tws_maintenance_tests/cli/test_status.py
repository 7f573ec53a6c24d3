"""`status` and `reports`: what there is to see, and whether it needs somebody."""

import json
import re
import sys
from datetime import UTC, datetime, timedelta

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES
from tws_maintenance.demo.pages import companies, page
from tws_maintenance.demo.server import PageServer
from tws_maintenance.reports.catalog import ReportCatalog
from tws_maintenance.reports.file_names import report_path
from tws_maintenance_tests.cli.conftest import Command, preparing
from tws_maintenance_tests.reports.shelf import AT, filed
from tws_maintenance_tests.reports.shelf import result as a_result
from tws_maintenance_tests.support import (
    Program,
    copy_home,
    reports_of,
    spoiled,
    write_live,
)


@pytest.fixture(scope="module")
def applied_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home after an apply of everything."""
    home = Home(tmp_path_factory.mktemp("applied") / "home")
    with preparing(home) as (command, _):
        done = command("run", "--apply")
    assert done.exit_code == 0, done.output
    return home


@pytest.fixture
def applied(applied_home: Home, home: Home) -> Home:
    """Return `home`, a copy of the home after an apply of everything."""
    copy_home(applied_home, home)
    return home


def test_a_new_home_is_not_fresh_and_says_how_to_start(command: Command, home: Home) -> None:
    shown = command("status")
    assert shown.exit_code == 0
    assert shown.output.count("never") == 4
    assert "No run yet. Start with: python -m tws_maintenance run" in shown.output
    assert command("status", "--check").exit_code == 1
    assert list(home.root.iterdir()) == [], "looking leaves nothing behind"


def test_a_list_that_was_never_refreshed_needs_attention_even_if_it_is_there(
    command: Command, home: Home
) -> None:
    for key, index in INDICES.items():
        write_live(home, index, companies(key))
    value = json.loads(command("status", "--json").stdout)
    assert [(one["row_count"], one["stale"]) for one in value["constituents"]] == [
        (503, True),
        (30, True),
        (85, True),
    ]
    assert value["latest_report"] is None
    assert command("status", "--check").exit_code == 1


@pytest.mark.usefixtures("home", "server")
def test_what_is_announced_is_shown(command: Command) -> None:
    assert command("run", "--task", "sp500_constituents").exit_code == 0
    day = datetime.now(UTC).date() + timedelta(days=10)
    shown = command("status").output
    assert f"S&P 500: announced: UPC (Tomorrow Peak Inc.) joins on {day}: in place of AAS" in shown
    assert f"S&P 500: announced: AAS (Amber Vale Inc.) leaves on {day}: replaced by UPC" in shown
    lists = json.loads(command("status", "--json").stdout)["constituents"]
    found = {one["name"]: one["announced"] for one in lists}
    assert [one["symbol"] for one in found.pop("S&P 500")] == ["UPC", "AAS"]
    assert found == {"STI": None, "HSI": None}, "nobody knows"


def test_the_check_fails_for_a_failed_run_and_for_an_old_one(
    command: Command, applied: Home, server: PageServer
) -> None:
    home = applied
    assert command("status", "--check").exit_code == 0

    (report,) = home.reports.glob("2*.json")
    value = json.loads(report.read_text())
    good = report.read_text()
    for result in value["results"]:
        old = datetime.now(UTC) - timedelta(days=4)
        result["finished_at"] = old.strftime("%Y-%m-%dT%H:%M:%SZ")
    report.write_text(json.dumps(value))
    stale = command("status", "--check")
    assert (stale.exit_code, stale.output.count("STALE")) == (1, 4)
    report.write_text(good)
    assert command("status", "--check").exit_code == 0

    server.pages["hsi"] = page("hsi", spoiled(companies("hsi")))
    assert command("run", "--task", "hsi_constituents").exit_code == 1
    failed = command("status", "--check")
    assert failed.exit_code == 1
    lines = failed.output.splitlines()
    assert [line.split()[-2:] for line in lines if line.startswith(("STI ", "HSI "))] == [
        ["sound", "passed"],
        ["sound", "failed"],
    ]
    assert f"Home: {home.root}" in lines


def test_a_truncated_file_is_called_broken_however_fresh_it_is(
    command: Command, applied: Home
) -> None:
    assert command("status").output.count(" sound ") == 3
    path = applied.live_file("hsi")
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:11]))
    shown = command("status")
    assert shown.exit_code == 0
    assert re.search(r"(?m)^HSI +10 +\S+Z +fresh +BROKEN +passed *$", shown.output), shown.output
    assert shown.output.count(" sound ") == 2
    assert re.search(r"(?m)^HSI: \S+: 10 rows", shown.output), shown.output
    assert command("status", "--check").exit_code == 1


def test_validate_judges_whatever_a_status_remembers(command: Command, applied: Home) -> None:
    spoil(applied)
    assert "BROKEN" in command("status").output
    memory = json.loads(applied.live_audits.read_text())
    sound = {"status": "passed", "warnings": [], "errors": []}
    memory["audits"]["sti_constituents"]["audit"] = sound  # forged
    applied.live_audits.write_text(json.dumps(memory))
    assert "BROKEN" not in command("status").output
    assert command("validate").exit_code == 1


@pytest.mark.cold
def test_a_status_loads_no_tables_and_no_database_where_nothing_changed(
    program: Program, applied: Home
) -> None:
    assert applied == program.home
    libraries = {"pandas", "pandera", "sqlalchemy", "dagster"}
    code = (
        "import sys; from tws_maintenance.cli.main import cli; cli(['status'], standalone_mode=0); "
        f"print('LOADED', *sorted(set(sys.modules) & {libraries}))"
    )
    first, second = (program.execute(sys.executable, "-c", code).stdout for _ in range(2))
    assert first.splitlines()[-1] == "LOADED pandas pandera"
    assert second.splitlines()[-1] == "LOADED"
    assert first.splitlines()[:-1] == second.splitlines()[:-1]


def spoil(home: Home) -> None:
    """Give one company of the STI no name."""
    lines = home.live_file("sti").read_text().splitlines()
    cells = lines[1].split(",")
    lines[1] = ",".join([*cells[:2], "nan", *cells[3:]])
    home.live_file("sti").write_text("\n".join(lines) + "\n")


def test_an_operators_own_column_leaves_the_file_sound(command: Command, applied: Home) -> None:
    path = applied.live_file("sti")
    header, *rows = path.read_text().splitlines()
    path.write_text("".join([f"{header},note\n", *(f"{row},mine\n" for row in rows)]))
    shown = command("status", "--check")
    assert (shown.exit_code, shown.output.count(" sound ")) == (0, 3), shown.output


def test_an_edit_by_somebody_else_is_shown(command: Command, applied: Home) -> None:
    with open(applied.live_file("sti"), "a", encoding="utf-8") as file:
        file.write("ZZZ.SI,ZZZ,By Hand Ltd,,\n")
    shown = command("status")
    assert re.search(r"(?m)^STI +31 +\S+Z +fresh +edited +passed *$", shown.output), shown.output
    (report,) = reports_of(applied)
    assert (
        f"sti_constituents.csv was edited by somebody else since {report['report_id']} promoted it"
    ) in shown.output


def test_reports_are_listed_newest_first_and_shown_by_id(command: Command, home: Home) -> None:
    assert command("reports", "list").output.startswith("No report yet.")
    assert command("reports", "show").exit_code == 2
    filed(home, a_result())
    filed(home, a_result(), at=AT + timedelta(hours=1))
    first, second = reports_of(home)

    value = json.loads(command("reports", "list", "--json").stdout)
    assert value["total"] == 2
    assert [one["report_id"] for one in value["reports"]] == [
        second["report_id"],
        first["report_id"],
    ]
    listed = command("reports", "list", "--limit", "1").output
    ids = {word for word in listed.split() if word.startswith("maintenance_")}
    assert ids == {second["report_id"]}
    assert "1 older not shown; show all with --limit 2" in listed

    assert json.loads(command("reports", "show", "--json").stdout) == second
    markdown = command("reports", "show", first["report_id"])
    assert markdown.exit_code == 0
    stamp = first["report_id"].removeprefix("maintenance_")
    assert markdown.output == (home.reports / f"{stamp}.md").read_text()


def test_a_report_that_is_not_there_or_no_id_at_all_is_refused(
    command: Command, home: Home
) -> None:
    missing = command("reports", "show", "maintenance_20200101_000000")
    assert (missing.exit_code, "There is no report" in missing.output) == (2, True)
    outside = command("reports", "show", "../../secret")
    assert (outside.exit_code, "is not a report id" in outside.output) == (2, True)
    assert list(home.root.iterdir()) == []


def test_a_damaged_report_is_listed_as_such_and_shown_as_it_is(
    command: Command, home: Home
) -> None:
    home.reports.mkdir(parents=True)
    (home.reports / "20261122_183000.json").write_text('{"report_id": "maint')
    assert "DAMAGED" in command("reports", "list").output
    shown = command("reports", "show", "maintenance_20261122_183000")
    assert shown.exit_code == 1
    assert '{"report_id": "maint' in shown.output


def test_the_list_of_reports_knows_the_damage_that_the_console_knows(
    command: Command, home: Home
) -> None:
    good = filed(home, a_result())
    bad = filed(home, a_result(), at=AT + timedelta(hours=1))
    path = report_path(home, bad)
    path.write_text(path.read_text().replace('"dry_run": false', '"dry_run": "false"'))
    value = json.loads(command("reports", "list", "--json").stdout)
    assert [(one["report_id"], one["damaged"]) for one in value["reports"]] == [
        (bad, True),
        (good, False),
    ]
    shown, _ = ReportCatalog(home).page(limit=9, offset=0)
    assert value["reports"] == [one.to_dict() for one in shown]
    assert f"{bad}  DAMAGED" in command("reports", "list").output
