"""`explain`: since when, by which report, from which bytes, and who agreed."""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES
from tws_maintenance.core.clock import utc_now
from tws_maintenance.demo.official import hang_seng
from tws_maintenance.demo.pages import Company, companies, page
from tws_maintenance.demo.server import PageServer
from tws_maintenance_tests.cli.conftest import Command, preparing
from tws_maintenance_tests.support import copy_home, reports_of, write_live

TASK = "hsi_constituents"
MEMBERS = companies("hsi")
NEW = Company("9999", "Ninefold Group", "Finance")


@dataclass
class Told:
    """The command line on a home whose HSI has an official list and a page."""

    command: Command
    home: Home
    server: PageServer

    def publish(self, members: list[Company], *options: str) -> str:
        """Apply a list that both sources have and return the report's id."""
        self.server.pages["hsi"] = page("hsi", members)
        self.server.pages["hsi_hang_seng"] = hang_seng(members, utc_now().date())
        done = self.command("run", "--task", TASK, "--apply", *options)
        assert done.exit_code == 0, done.output
        return str(reports_of(self.home)[-1]["report_id"])

    def explained(self, symbol: str) -> dict[str, Any]:
        done = self.command("explain", TASK, symbol, "--json")
        assert done.exit_code == 0, done.output
        value: dict[str, Any] = json.loads(done.stdout)
        return value


def ask_every_source(patch: pytest.MonkeyPatch) -> None:
    for name in ("SOURCES", "QUORUM"):
        patch.delenv(f"TWS_MAINTENANCE_INDICES__HSI__{name}")


@pytest.fixture
def told(command: Command, home: Home, server: PageServer, monkeypatch: pytest.MonkeyPatch) -> Told:
    ask_every_source(monkeypatch)
    write_live(home, INDICES["hsi"], MEMBERS)
    return Told(command, home, server)


@pytest.fixture(scope="module")
def published_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home in which one apply added NEW."""
    home = Home(tmp_path_factory.mktemp("published") / "home")
    write_live(home, INDICES["hsi"], MEMBERS)
    with preparing(home) as (command, server), pytest.MonkeyPatch.context() as patch:
        ask_every_source(patch)
        Told(command, home, server).publish([*MEMBERS, NEW], "--reason", "the review")
    return home


@pytest.fixture
def published(told: Told, published_home: Home) -> Told:
    """Return the command line on a copy of that home."""
    copy_home(published_home, told.home)
    return told


def test_a_member_that_came_went_by_restore_and_came_back(published: Told) -> None:
    told = published
    (came,) = (one["report_id"] for one in reports_of(told.home))
    gone = told.command("restore", TASK, "--apply", "--reason", "second thoughts")
    assert gone.exit_code == 0, gone.output
    went = reports_of(told.home)[-1]["report_id"]
    back = told.publish([*MEMBERS, NEW])

    found = told.explained("9999")
    assert (found["symbol"], found["security"], found["is_member"]) == (
        "9999.HK",
        "Ninefold Group",
        True,
    )
    first, second = found["stays"]
    assert first["came_by"]["report_id"] == came
    assert first["came_by"]["reason"] == "the review"
    assert first["came_by"]["entry_point"] == "cli"
    assert first["came_by"]["decided_by"].startswith("Hang Seng Indexes decides: ")
    assert first["came_by"]["vote"] == "listed by Hang Seng Indexes, Wikipedia"
    assert first["went_by"]["report_id"] == went
    assert first["went_by"]["backup"], "it went by the restore of a backup"
    assert second["came_by"]["report_id"] == back
    assert second["went_by"] is None
    official, wiki, *review = first["came_by"]["sources"]
    assert official["url"].endswith("/hsi/constituents.do")
    assert wiki["url"].endswith("/wiki/Hang_Seng_Index")
    assert [one["url"].rpartition("/")[2] for one in review] == ["notices.json", "review.xlsx"]
    assert {one["raw"] for one in (official, wiki, *review)} == {"kept"}
    assert first["came_by"]["announced"] == "no announcement found"
    assert first["came_by"]["revision"] is None
    text = told.command("explain", TASK, "9999.HK").output
    assert "left on" in text
    assert "restored from the backup" in text
    assert "listed by Hang Seng Indexes, Wikipedia" in text


def test_who_was_there_before_is_said_to_have_been(published: Told) -> None:
    found = published.explained("1")
    assert found["symbol"] == "0001.HK"
    (stay,) = found["stays"]
    assert (stay["from_date"], stay["came_by"]) == (None, None)
    assert (
        "before the first recorded promotion"
        in published.command("explain", TASK, "0001.HK").output
    )


def test_a_promotion_names_the_dry_run_that_staged(told: Told) -> None:
    told.server.pages["hsi"] = page("hsi", [*MEMBERS, NEW])
    told.server.pages["hsi_hang_seng"] = hang_seng([*MEMBERS, NEW], utc_now().date())
    assert told.command("run", "--task", TASK).exit_code == 0
    dry = reports_of(told.home)[-1]["report_id"]
    assert told.command("promote", dry).exit_code == 0
    came = told.explained("9999")["stays"][0]["came_by"]
    assert came["staged_by"] == dry
    assert came["report_id"] == reports_of(told.home)[-1]["report_id"] != dry


def test_a_member_that_was_announced_names_its_announcement(told: Told) -> None:
    write_live(told.home, INDICES["hsi"], MEMBERS[1:])
    told.publish(MEMBERS)
    joined = told.explained("1")["stays"][-1]
    assert joined["came_by"]["announced"] == (
        f"addition announced for {utc_now().date() - timedelta(days=7)} by Hang Seng Indexes: "
        "review of the index"
    )
    assert "addition announced for" in told.command("explain", TASK, "1").output


def test_what_was_removed_or_altered_since_is_named(published: Told) -> None:
    (report_id,) = (one["report_id"] for one in reports_of(published.home))
    raw = published.home.staging / f"{report_id}_hsi" / "raw"
    first, second, *_ = sorted(raw.iterdir())
    first.unlink()
    second.write_bytes(b"altered")
    came = published.explained("9999")["stays"][0]["came_by"]
    assert [one["raw"] for one in came["sources"]] == ["removed", "altered", "kept", "kept"]
    (published.home.staging / f"{report_id}_hsi" / "proposal.json").unlink()
    came = published.explained("9999")["stays"][0]["came_by"]
    assert "was removed" in came["missing"][0]
    assert all(one["sha256"] for one in came["sources"]), "the report still names the bytes"
    next(published.home.reports.glob("*.json")).write_text("{")
    came = published.explained("9999")["stays"][0]["came_by"]
    assert "cannot be read" in came["missing"][0]


def test_whoever_is_nowhere_is_refused(published: Told) -> None:
    for symbol in ("4321", "NVDA", ""):
        done = published.command("explain", TASK, symbol)
        assert done.exit_code == 2
        assert "no record shows that it ever was" in done.stderr


def test_before_the_first_promotion_nothing_is_on_record(told: Told) -> None:
    assert "no recorded promotion added it" in told.command("explain", TASK, "1").output


def test_where_the_file_is_gone_nobody_is_said_to_be_no_member(published: Told) -> None:
    published.home.live_file("hsi").write_bytes(b"\xff\xfe")
    for state in ("cannot be read", "is missing"):
        done = published.command("explain", TASK, "9999")
        assert done.exit_code == 1, done.output
        assert state in done.output or "hsi_constituents.csv" in done.output
        assert "no member" not in done.output
        published.home.live_file("hsi").unlink(missing_ok=True)


def test_whom_somebody_took_out_by_hand_is_told_so(published: Told) -> None:
    write_live(published.home, INDICES["hsi"], MEMBERS)
    done = published.command("explain", TASK, "9999")
    assert "9999.HK (Ninefold Group) is not a member of HSI" in done.output
    assert "the file was edited by hand" in done.output


def test_before_anything_is_on_record_nobody_knows_who_was_a_member(told: Told) -> None:
    done = told.command("history", TASK, "--on", "2026-01-05")
    assert "are unknown: " in done.output
    value = json.loads(told.command("history", TASK, "--on", "2026-01-05", "--json").stdout)
    assert value["members"] is None
