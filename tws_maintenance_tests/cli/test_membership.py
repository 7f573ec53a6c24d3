"""Who is a member, through the program: sources refuse, a page is split, a fund holds oddities."""

import json
from typing import Any

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES
from tws_maintenance.core.clock import utc_now
from tws_maintenance.demo.official import hang_seng, ishares, spy, tracker
from tws_maintenance.demo.pages import Company, companies, page
from tws_maintenance.demo.server import PageServer
from tws_maintenance_tests.cli.conftest import Command
from tws_maintenance_tests.support import reports_of, result_of, write_live

HSI, SP500 = INDICES["hsi"], INDICES["sp500"]
MEMBERS, SP500_MEMBERS = companies("hsi"), companies("sp500")
NEW = Company("9999", "Ninefold Group", "Finance")
TODAY = utc_now().date()
UNCONFIRMED = "1 of 3 sources is usable, but 2 must agree"


@pytest.fixture
def voting(
    command: Command,  # noqa: ARG001 - it sets the environment that is changed here
    server: PageServer,
    monkeypatch: pytest.MonkeyPatch,
) -> PageServer:
    """Return the server, with every source of the HSI and of the S&P 500 asked."""
    for key in ("HSI", "SP500"):
        for name in ("SOURCES", "QUORUM"):
            monkeypatch.delenv(f"TWS_MAINTENANCE_INDICES__{key}__{name}")
    server.pages |= {
        "hsi_hang_seng": hang_seng(MEMBERS, TODAY),
        "hsi_tracker2800": tracker(MEMBERS, TODAY),
        "hsi_ishares3115": ishares(MEMBERS, TODAY),
        "sp500_spy": spy(SP500_MEMBERS, TODAY),
        "sp500_ivv": ishares(SP500_MEMBERS, TODAY),
    }
    return server


def applied(command: Command, home: Home, task: str, code: int) -> dict[str, Any]:
    done = command("run", "--task", task, "--apply")
    assert done.exit_code == code, done.output
    return result_of(reports_of(home)[-1], task)


def test_where_hang_seng_refuses_the_funds_and_the_page_vote(
    command: Command, home: Home, voting: PageServer
) -> None:
    write_live(home, HSI, MEMBERS[1:])
    first = applied(command, home, HSI.task, 0)
    assert (first["added"], first["membership"]["rule"]) == (["0001.HK"], "authority")

    del voting.pages["hsi_hang_seng"]
    listed = [*MEMBERS[1:], NEW]
    voting.pages |= {"hsi": page("hsi", listed), "hsi_tracker2800": tracker(listed, TODAY)}
    second = applied(command, home, HSI.task, 0)
    assert (second["added"], second["removed"]) == (["9999.HK"], ["0001.HK"])
    assert second["membership"]["votes"] == {
        "tracker2800": 85,
        "ishares3115": 85,
        "wikipedia": 85,
    }
    assert "9999.HK" in home.live_file("hsi").read_text()


def test_with_the_page_alone_nothing_changes_and_status_says_unconfirmed(
    command: Command, home: Home, voting: PageServer
) -> None:
    write_live(home, HSI, MEMBERS)
    applied(command, home, HSI.task, 0)
    refreshed = json.loads(command("status", "--json").stdout)["constituents"][2]
    assert refreshed["unconfirmed"] is None

    for name in ("hang_seng", "tracker2800", "ishares3115"):
        del voting.pages[f"hsi_{name}"]
    voting.pages["hsi"] = page("hsi", [*MEMBERS[1:], NEW])
    before = home.live_file("hsi").read_bytes()
    result = applied(command, home, HSI.task, 3)
    assert home.live_file("hsi").read_bytes() == before
    assert (result["status"], result["changed"]) == ("partial_failure", False)

    (told,) = [
        one
        for one in json.loads(command("status", "--json").stdout)["constituents"]
        if one["task"] == HSI.task
    ]
    assert UNCONFIRMED in told["unconfirmed"]
    assert told["last_refreshed_at"] == refreshed["last_refreshed_at"], "that was no refresh"
    shown = command("status", "--check")
    assert shown.exit_code == 1
    assert "fresh, unconfirmed" in shown.output

    looked = command("run", "--task", HSI.task)
    assert looked.exit_code == 3
    assert "To apply exactly this" not in looked.output
    text = " ".join(looked.output.split())
    assert "9999.HK (Ninefold Group) stays out: listed by Wikipedia" in text
    assert "0001.HK (Amber Lane Inc.) stays in: not listed by Wikipedia" in text
    assert command("promote", reports_of(home)[-1]["report_id"]).exit_code == 3


def test_a_list_that_an_override_began_is_no_refresh(
    command: Command, home: Home, voting: PageServer
) -> None:
    for name in ("hang_seng", "tracker2800", "ishares3115"):
        del voting.pages[f"hsi_{name}"]
    refused = command("run", "--task", HSI.task, "--apply")
    assert refused.exit_code == 1
    assert "membership_is_confirmed" in refused.output
    options = ("--allow-large-change", "--reason", "no other source is served here")
    done = command("run", "--task", HSI.task, "--apply", *options)
    assert done.exit_code == 0, done.output
    assert len(home.live_file("hsi").read_text().splitlines()) == 86
    (told,) = [
        one
        for one in json.loads(command("status", "--json").stdout)["constituents"]
        if one["task"] == HSI.task
    ]
    assert (told["last_refreshed_at"], told["stale"]) == (None, True)
    assert UNCONFIRMED in told["unconfirmed"]
