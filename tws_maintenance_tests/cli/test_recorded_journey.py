"""The journey on the real pages: older lists, a look, an apply, and a polite second time."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES
from tws_maintenance.constituents.carry_forward import listings, normalise
from tws_maintenance.constituents.csv_file import to_csv
from tws_maintenance.core.clock import utc_now
from tws_maintenance.core.digest import sha256
from tws_maintenance.sources import wikipedia
from tws_maintenance.sources.model import RawCopy, SourceRow, SourceTable
from tws_maintenance_tests.pipeline.support import quiet_environment
from tws_maintenance_tests.support import (
    RecordedWeb,
    page_file,
    reports_of,
    result_of,
    write_modules_of_others,
)

pytestmark = pytest.mark.xdist_group("recorded_journey")
LISTS = ("--task", "constituents")
PAGES = {
    "sp500": "sp500_2026-05-10.html",
    "sti": "sti_2026-09-01_rebuilt.html",
    "hsi": "hsi_2026-09-25.html",
}
# The official list of the HSI, which the page lags, has five more and one less.
ROWS = {"sp500": 503, "sti": 30, "hsi": 89}
NOT_ON_THE_PAGE = ["0728.HK", "1801.HK", "3750.HK", "3993.HK", "6181.HK"]
BEFORE = {"sp500": 501, "sti": 28, "hsi": 83}
CHANGES = {"sp500": (3, 1), "sti": (3, 1), "hsi": (8, 2)}
GONE = {"sp500": "ZZOLD", "sti": "Z99", "hsi": "9998"}


@dataclass
class Journey:
    """Three commands on one home, and every request that they made."""

    home: Home
    looked: subprocess.CompletedProcess[str]
    applied: subprocess.CompletedProcess[str]
    again: subprocess.CompletedProcess[str]
    first: dict[str, bytes]
    requests: list[dict[str, Any]]


def write_older_list(home: Home, key: str) -> None:
    """Write the page's own list as it may have been: three members short, one too many."""
    index = INDICES[key]
    content = page_file(PAGES[key]).read_bytes()
    raw = RawCopy("https://en.wikipedia.org/", 200, content, sha256(content), utc_now())
    rows = wikipedia.parse(raw, index).rows[3:]
    left = SourceRow(999, GONE[key], "Yesterday Mill plc", rows[0].sector, rows[0].sub_industry)
    table = SourceTable(rows=(*rows, left), dropped=(), rows_read=len(rows) + 1)
    older = normalise(listings(table, index), index, None)
    home.data.mkdir(exist_ok=True)
    home.live_file(key).write_bytes(to_csv(older.columns, list(older.rows)))


@pytest.fixture(scope="module")
def journey(tmp_path_factory: pytest.TempPathFactory) -> Journey:
    folder = tmp_path_factory.mktemp("recorded")
    home = Home(folder / "home")
    home.root.mkdir()
    recorded = RecordedWeb(home)
    for key in INDICES:
        write_older_list(home, key)
    write_modules_of_others(home, "holidays", "click", "pandas", "json")
    logs = folder / "looked.jsonl", folder / "applied.jsonl"
    with quiet_environment(), recorded:
        # On one command line and cold, as a user would; the others are forks of the warm process.
        looked = recorded.started_by_it("--fresh", "--log", str(logs[0]))("run", *LISTS)
        program = recorded.program("--fresh", "--log", str(logs[1]))
        applied = program("run", *LISTS, "--apply")
        first = {key: home.live_file(key).read_bytes() for key in INDICES}
        again = program("run", *LISTS, "--apply")
    return Journey(home, looked, applied, again, first, _rows_of(*logs))


def _rows_of(*logs: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for log in logs for line in log.read_text().splitlines()]


def test_the_look_names_what_would_change(journey: Journey) -> None:
    assert journey.looked.returncode == 0, journey.looked.stdout + journey.looked.stderr
    for key, index in INDICES.items():
        result = result_of(reports_of(journey.home)[0], index.task)
        assert (result["before_count"], result["after_count"]) == (BEFORE[key], ROWS[key])
        assert (len(result["added"]), len(result["removed"])) == CHANGES[key]
    assert "Yesterday Mill plc" in journey.looked.stdout
    assert "To apply exactly this:" in journey.looked.stdout


def test_the_apply_writes_the_lists_of_the_pages(journey: Journey) -> None:
    assert journey.applied.returncode == 0, journey.applied.stdout + journey.applied.stderr
    assert {key: content.count(b"\n") - 1 for key, content in journey.first.items()} == ROWS
    assert b"\nBRK-B," in journey.first["sp500"]
    assert b"\nD05.SI,D05," in journey.first["sti"]
    assert b"\n0005.HK,0005," in journey.first["hsi"]
    assert not any(gone.encode() in journey.first[key] for key, gone in GONE.items())
    report = reports_of(journey.home)[1]
    assert [one["changed"] for one in report["results"]] == [True, True, True]


def test_the_second_apply_has_nothing_to_change_and_downloads_nothing(journey: Journey) -> None:
    assert journey.again.returncode == 0, journey.again.stdout + journey.again.stderr
    assert "Nothing to change: the files were up to date." in journey.again.stdout
    for key, content in journey.first.items():
        assert journey.home.live_file(key).read_bytes() == content
    report = reports_of(journey.home)[2]
    assert [one["changed"] for one in report["results"]] == [False, False, False]
    assert [one["backup_path"] for one in report["results"]] == [None, None, None]


def test_each_list_is_asked_for_once_a_run_by_name_and_only_fetched_once(
    journey: Journey,
) -> None:
    """Nine lists, the changes of the S&P 500, Hang Seng's notices and the review they lead to."""
    assert [one["status"] for one in journey.requests] == [200] * 12 + [304] * 24
    assert all(one["conditional"] for one in journey.requests[12:])
    assert {one["path"] for one in journey.requests[:12]} == {
        one["path"] for one in journey.requests[12:24]
    }
    (agent,) = {one["agent"] for one in journey.requests}
    assert agent.startswith("tws-maintenance/")
    assert "(" in agent, "it names whom to write to"


def set_aside(result: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["reason"] for one in result["sources"] if not one["usable"]}


def test_the_provider_decides_the_hsi_and_the_page_that_lags_is_set_aside(
    journey: Journey,
) -> None:
    result = result_of(reports_of(journey.home)[0], "hsi_constituents")
    assert result["source"].startswith("https://www.hsi.com.hk/")
    assert (result["membership"]["rule"], result["membership"]["undecided"]) == ("authority", [])
    assert set_aside(result) == {"wikipedia": "it states 88 members but lists 85"}
    votes = {one["symbol"]: one["listed_by"] for one in result["membership"]["changed"]}
    others = ["hang_seng", "tracker2800", "ishares3115"]
    assert all(votes[symbol] == others for symbol in NOT_ON_THE_PAGE)
    assert votes["0881.HK"] == [], "the page alone still lists it"
    assert "set aside Wikipedia: it states 88 members but lists 85" in journey.looked.stdout


def test_three_sources_of_the_sp500_and_two_of_the_sti_agree(journey: Journey) -> None:
    sp500, sti, _ = reports_of(journey.home)[0]["results"]
    assert sp500["membership"]["votes"] == {"wikipedia": 503, "spy": 503, "ivv": 503}
    assert sti["membership"]["votes"] == {"es3": 30, "wikipedia": 30}
    for one in (sp500, sti):
        assert (one["membership"]["rule"], one["membership"]["undecided"]) == ("quorum", [])
        assert set_aside(one) == {}
    reasons = {one["reason"] for one in sp500["rows_dropped"]}
    assert "a contra line" in reasons, "a fund's other lines are named, and no member"


def test_holdings_of_long_ago_have_no_vote_and_what_is_left_changes_nothing(
    recorded: RecordedWeb,
) -> None:
    program = recorded.program()
    write_older_list(program.home, "sp500")
    before = program.home.live_file("sp500").read_bytes()
    done = program("run", "--task", "sp500_constituents", "--apply")
    assert done.returncode == 3, done.stderr
    assert "Not confirmed: S&P 500." in done.stdout
    assert program.home.live_file("sp500").read_bytes() == before
    (report,) = reports_of(program.home)
    result = result_of(report, "sp500_constituents")
    assert set_aside(result)["spy"].startswith("it is dated 2025-09-30, too old")
    assert len(result["membership"]["undecided"]) == 4, "three to come, one to go"


def test_with_the_provider_down_the_funds_vote_and_its_fault_is_said(
    recorded: RecordedWeb,
) -> None:
    program = recorded.program("--fresh", "--fault", "www.hsi.com.hk/*=403")
    write_older_list(program.home, "hsi")
    done = program("run", "--task", "hsi_constituents", "--json")
    assert done.returncode == 0, done.stderr
    result = result_of(json.loads(done.stdout), "hsi_constituents")
    assert result["membership"]["rule"] == "quorum"
    assert set_aside(result)["hang_seng"] == "refused with HTTP 403 Forbidden"
    assert {"9998.HK", "0881.HK"} <= set(result["removed"]), "to leave, any quorum will do"
    undecided = {one["symbol"] for one in result["membership"]["undecided"]}
    assert undecided >= set(NOT_ON_THE_PAGE), "what funds alone list does not join"
