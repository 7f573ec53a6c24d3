"""The journey on the real pages: older lists, a look, an apply, and a polite second time."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tws_maintenance.clock import utc_now
from tws_maintenance.constituents.live import to_csv
from tws_maintenance.constituents.normalise import normalise
from tws_maintenance.home import Home
from tws_maintenance.indices import INDICES
from tws_maintenance.sources import wikipedia
from tws_maintenance.sources.model import RawCopy, SourceRow, SourceTable
from tws_maintenance.storage.digest import sha256
from tws_maintenance_tests.pipeline.support import quiet_environment
from tws_maintenance_tests.support import RecordedWeb, page_file, reports_of, result_of

pytestmark = pytest.mark.xdist_group("recorded_journey")
PAGES = {
    "sp500": "sp500_2026-05-10.html",
    "sti": "sti_2026-09-01_rebuilt.html",
    "hsi": "hsi_2026-09-25.html",
}
ROWS = {"sp500": 503, "sti": 30, "hsi": 85}
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
    older = normalise(table, index, None)
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
    log = folder / "requests.jsonl"
    with quiet_environment():
        program = recorded.program("--log", str(log))
        looked = program("run", "--task", "constituents")
        applied = program("run", "--task", "constituents", "--apply")
        first = {key: home.live_file(key).read_bytes() for key in INDICES}
        again = program("run", "--task", "constituents", "--apply")
    return Journey(home, looked, applied, again, first, _rows_of(log))


def _rows_of(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines()]


def test_the_look_names_what_would_change(journey: Journey) -> None:
    assert journey.looked.returncode == 0, journey.looked.stdout + journey.looked.stderr
    for key, index in INDICES.items():
        result = result_of(reports_of(journey.home)[0], index.task)
        assert (result["before_count"], result["after_count"]) == (ROWS[key] - 2, ROWS[key])
        assert (len(result["added"]), len(result["removed"])) == (3, 1)
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
    assert [one["status"] for one in journey.requests] == [200] * 3 + [304] * 6
    assert all(one["conditional"] for one in journey.requests[3:])
    assert {one["path"] for one in journey.requests[:3]} == {
        one["path"] for one in journey.requests[3:6]
    }
    (agent,) = {one["agent"] for one in journey.requests}
    assert agent.startswith("tws-maintenance/")
    assert "(" in agent, "it names whom to write to"
