"""`doctor`: it finds what would stop a run, before a run does, and leaves nothing behind."""

import json
from pathlib import Path

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES
from tws_maintenance.config.venues import XSES
from tws_maintenance.core.clock import utc_now
from tws_maintenance.demo.official import hang_seng, tracker
from tws_maintenance.demo.pages import Company, companies
from tws_maintenance.demo.server import PageServer
from tws_maintenance.market_events.providers.calendars import (
    known_until,
    only_one_knows,
    second_opinion_ends,
)
from tws_maintenance_tests.cli.conftest import Command
from tws_maintenance_tests.postgres import PostgresServer
from tws_maintenance_tests.support import write_live

CHANGES = "/wiki/Historical_components_of_the_S%26P_500"


def findings_of(command: Command, *options: str) -> tuple[int, dict[str, tuple[str, str]]]:
    done = command("doctor", "--json", *options)
    value = json.loads(done.stdout)
    assert value["healthy"] is (done.exit_code == 0)
    subjects = [one["subject"] for one in value["findings"]]
    assert sorted(set(subjects)) == sorted(subjects), "each thing is looked at once"
    return done.exit_code, {
        one["subject"]: (one["outcome"], one["text"]) for one in value["findings"]
    }


def test_a_healthy_machine_passes_and_nothing_is_left_behind(
    command: Command, home: Home, server: PageServer
) -> None:
    code, found = findings_of(command)
    assert code == 0
    assert {outcome for outcome, _ in found.values()} == {"ok", "note"}
    assert found["contact"][0] == "note"
    address = f"{server.origin}/wiki/Hang_Seng_Index"
    told = f"{address}: list, edited 2026-11-01T08:00:00.000Z, 85 members"
    assert found["HSI, Wikipedia"] == ("ok", told)
    outcome, text = found["S&P 500, announced changes"]
    assert (outcome, text.partition(": ")[0]) == ("ok", f"{server.origin}{CHANGES}")
    assert text.partition(": ")[2].startswith("5 changes, the last one on ")
    assert found["clock"][0] == "ok"
    assert found["storage"][0] == "ok"
    assert found["events"] == ("ok", "data/market_events.db: 0 events")
    providers = ("Yahoo Finance", "Federal Reserve", "Exchange calendars")
    assert [found[name][0] for name in providers] == ["ok"] * 3
    assert list(home.root.iterdir()) == []
    text = command("doctor", "--offline").output
    assert text.splitlines()[0].split() == ["ok", "home", str(home.root)]


def test_a_venue_of_which_one_package_only_knows_is_noted_once(command: Command) -> None:
    """exchange_calendars ends in Singapore on a day, and knows the others for decades."""
    ends = second_opinion_ends(XSES)
    assert ends is not None
    done = command("doctor", "--offline", "--json")
    told = [one for one in json.loads(done.stdout)["findings"] if one["subject"] == "Singapore"]
    is_within_reach = ends < known_until(XSES, utc_now().date())
    text = only_one_knows(XSES, ends)
    expected = {"outcome": "note", "subject": "Singapore", "text": text}
    assert told == ([expected] if is_within_reach else [])
    assert "New York's holidays after" not in done.stdout


def test_a_source_that_does_not_answer_is_found(command: Command, server: PageServer) -> None:
    del server.pages["sti"], server.pages["fomc"]
    code, found = findings_of(command)
    assert code == 1
    assert found["STI, Wikipedia"][0] == "failed"
    assert "refused with HTTP 404" in found["STI, Wikipedia"][1]
    assert found["HSI, Wikipedia"][0] == "ok"
    assert found["Federal Reserve"][0] == "failed"
    assert found["Exchange calendars"][0] == "ok"


def test_announced_changes_that_cannot_be_read_are_noted(
    command: Command, server: PageServer
) -> None:
    del server.pages["sp500_changes"]
    server.pages["sp500"] = (
        server.pages["sp500"].replace(b'id="changes"', b"").replace(b"Effective Date", b"")
    )
    code, found = findings_of(command)
    assert code == 0
    outcome, text = found["S&P 500, announced changes"]
    assert outcome == "note"
    assert f"{server.origin}{CHANGES}: refused with HTTP 404" in text


def test_offline_asks_nobody(command: Command, server: PageServer) -> None:
    server.pages.clear()
    code, found = findings_of(command, "--offline")
    assert code == 0
    assert {"S&P 500, Wikipedia", "STI, Wikipedia", "HSI, Wikipedia", "clock"}.isdisjoint(found)


def test_each_source_says_its_kind_its_day_its_members_and_what_differs(
    command: Command, home: Home, server: PageServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SOURCES", "QUORUM"):
        monkeypatch.delenv(f"TWS_MAINTENANCE_INDICES__HSI__{name}")
    members, day = companies("hsi"), utc_now().date()
    write_live(home, INDICES["hsi"], members)
    server.pages["hsi_hang_seng"] = hang_seng([*members, Company("9999", "CATL")], day)
    server.pages["hsi_tracker2800"] = tracker(members, day)
    code, found = findings_of(command)
    assert code == 1
    outcome, text = found["HSI, Hang Seng Indexes"]
    assert (outcome, text.partition(": ")[2]) == (
        "ok",
        f"authority, of {day}, 86 members, 1 differs from the file",
    )
    text = found["HSI, the Tracker Fund's 2800 holdings"][1]
    assert text.endswith(f": fund, of {day}, 85 members, as in the file")
    assert found["HSI, iShares' 3115 holdings"][0] == "failed"


def test_a_folder_that_cannot_be_written_is_found(command: Command, home: Home) -> None:
    (home.root / "reports").write_text("a file where a folder should be")
    code, found = findings_of(command, "--offline")
    assert code == 1
    outcome, text = found["reports/maintenance/"]
    assert outcome == "failed"
    assert text.startswith("cannot be written")
    assert found["data/"][0] == "ok"


def test_a_role_that_may_not_create_tables_is_found(
    command: Command, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = postgres_server.new_database()
    # As PostgreSQL 15 makes a database.
    postgres_server.execute(
        database, "REVOKE CREATE ON SCHEMA public FROM PUBLIC", "CREATE ROLE plain LOGIN"
    )
    url = postgres_server.url(database, "plain")
    monkeypatch.setenv("TWS_MAINTENANCE_STORAGE__DATABASE_URL", url)
    code, found = findings_of(command, "--offline")
    assert code == 1
    grant = "GRANT USAGE, CREATE ON SCHEMA public TO plain;"
    for subject in ("storage", "events"):
        assert found[subject][0] == "failed"
        assert grant in found[subject][1]
    postgres_server.execute(database, grant)
    code, found = findings_of(command, "--offline")
    assert (code, found["storage"][0], found["events"][0]) == (0, "ok", "ok")


def test_a_dagster_home_that_is_not_there_is_found(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = tmp_path / "missing"
    monkeypatch.setenv("DAGSTER_HOME", str(missing))
    code, found = findings_of(command, "--offline")
    assert code == 1
    assert found["DAGSTER_HOME"] == (
        "failed",
        f"{missing} is not a folder. Create it or unset the variable.",
    )
    missing.mkdir()
    code, found = findings_of(command, "--offline")
    assert (code, found["DAGSTER_HOME"][0]) == (0, "note")
    assert list(missing.iterdir()) == []


def test_a_mistake_in_the_settings_is_found_and_the_rest_is_looked_at(
    command: Command, home: Home
) -> None:
    home.settings_file.write_text("[indices.dax]\nmin_rows = 30\n")
    code, found = findings_of(command, "--offline")
    assert code == 1
    assert found["settings"][0] == "failed"
    assert "unknown index 'dax'" in found["settings"][1]
    assert found["versions"][0] == "ok"
