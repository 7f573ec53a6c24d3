"""An announced change of a list that is still to come, wherever an operator may look."""

import contextlib
import json
import sqlite3
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.config.settings import load_settings
from tws_maintenance.core.clock import utc_now
from tws_maintenance.operations.notices.incidents import find_incidents
from tws_maintenance.reports.catalog import ReportCatalog
from tws_maintenance_tests.cli.conftest import Command
from tws_maintenance_tests.cli.test_events import earnings, in_days, synced
from tws_maintenance_tests.reports.shelf import filed, result

TASK = "sp500_constituents"


@pytest.mark.usefixtures("server")
def test_what_is_to_come_of_a_watched_symbol_is_shown_wherever_one_looks(
    command: Command, home: Home
) -> None:
    day = (datetime.now(UTC).date() + timedelta(days=10)).isoformat()
    assert command("watchlist", "add", "AAS").exit_code == 0
    leaves = f"AAS (Amber Vale Inc.) leaves on {day}: you watch it; replaced by UPC"
    joins = f"UPC (Tomorrow Peak Inc.) joins on {day}: in place of AAS"
    assert leaves in command("run", "--task", TASK, "--apply").output

    listed = command("events", "list").output
    assert "Announced changes of the lists" in listed
    assert f"  {day}  S&P 500: {leaves}" in listed
    assert joins not in command("events", "list", "--days", "9").output
    assert leaves not in command("events", "list", "--type", "EARNINGS").output
    only = json.loads(command("events", "list", "--type", "index_change", "--json").stdout)
    assert [(one["symbol"], one["action"]) for one in only["index_changes"]] == [
        ("AAS", "remove"),
        ("UPC", "add"),
    ]
    of_one = json.loads(command("events", "list", "--symbol", "UPC", "--json").stdout)
    assert [one["symbol"] for one in of_one["index_changes"]] == ["UPC"]
    assert of_one["events"] == []
    assert not home.market_events.exists(), "it is stored nowhere among the events"

    assert f"  announced: {leaves}" in command("explain", TASK, "AAS").output
    stranger = command("explain", TASK, "UPC").output
    assert stranger.startswith("UPC (Tomorrow Peak Inc.) is not a member of S&P 500\n")
    assert f"  announced: {joins}" in stranger

    found = find_incidents(home, load_settings(home), utc_now(), ReportCatalog(home))
    (notice,) = [one for one in found if one.kind == "index_change"]
    assert notice.key == f"index_change:sp500:AAS:remove:{day}"
    assert notice.subject == f"AAS leaves the S&P 500 on {day}"
    assert leaves in notice.text


def test_that_nobody_could_read_it_is_not_that_nothing_is_announced(
    command: Command, home: Home
) -> None:
    unread = command("events", "list", "--type", "index_change").output
    assert unread == (
        "Warning: No run of the last month could read the announced changes of S&P 500, HSI. Read "
        "them with: python -m tws_maintenance run --task sp500_constituents --task "
        "hsi_constituents\n"
    )
    for task in (TASK, "hsi_constituents"):
        assert only_changes(command)["index_changes_unknown"][-1] == "hsi_constituents"
        filed(home, result(task, announcements_known=True), at=utc_now())
    assert only_changes(command) == {"index_changes": [], "index_changes_unknown": []}
    told = command("events", "list", "--type", "index_change").output
    assert told == "No change of a list is announced for the next 28 days.\n"


def test_what_is_announced_is_never_written_into_the_store(command: Command, home: Home) -> None:
    synced(home, yahoo=[earnings("AAPL", in_days(3))])
    day = in_days(5).isoformat()
    row = {"effective_date": day, "action": "add", "symbol": "UPC", "status": "upcoming"}
    filed(home, result(TASK, announced=[row], announcements_known=True), at=utc_now())
    before = dump(home)
    told = json.loads(command("events", "list", "--json").stdout)
    assert [one["symbol"] for one in told["index_changes"]] == ["UPC"]
    assert [one["symbol"] for one in told["events"]] == ["AAPL"]
    shown = command("events", "list").output
    assert "UPC" in shown
    assert "could read the announced changes of HSI." in shown, "a section names what it lacks"
    assert "UPC" not in command("events", "export", "--ics").output
    assert dump(home) == before


def only_changes(command: Command) -> Any:
    return json.loads(command("events", "list", "--type", "index_change", "--json").stdout)


def dump(home: Home) -> list[str]:
    """Return every table of the store and its rows, as SQL."""
    with contextlib.closing(sqlite3.connect(home.market_events)) as store:
        return list(store.iterdump())
