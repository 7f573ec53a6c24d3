"""Each report holds the sha256 of the one written before it, whoever wrote them and when."""

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.core.digest import sha256
from tws_maintenance.reports.chain import KEY, append
from tws_maintenance.reports.file_names import report_path
from tws_maintenance_tests.dying import deaths
from tws_maintenance_tests.reports.shelf import AT, filed, report, result, whole
from tws_maintenance_tests.support import TIMEOUT_SECONDS

WRITER = """
import sys
from datetime import datetime
from pathlib import Path
from tws_maintenance.config.home import Home
from tws_maintenance_tests.reports.shelf import filed, result
print("ready", flush=True)
sys.stdin.readline()
for _ in range(5):
    filed(Home(Path(sys.argv[1])), result(), at=datetime.fromisoformat(sys.argv[2]))
"""
REPOSITORY = Path(__file__).resolve().parents[2]


def previous(home: Home, report_id: str) -> Any:
    return json.loads(report_path(home, report_id).read_text())[KEY]


def digest(home: Home, report_id: str) -> str:
    return sha256(report_path(home, report_id).read_bytes())


def links(home: Home) -> tuple[list[str | None], list[str]]:
    """Return what the reports name as their predecessor, and what they are, each sorted."""
    contents = [path.read_bytes() for path in home.reports.glob("*.json")]
    named = [json.loads(content)[KEY] for content in contents]
    return sorted(named, key=str), sorted(sha256(content) for content in contents)


def is_unbroken(home: Home) -> bool:
    """Tell whether each report but one is named by exactly one other, and one names none."""
    named, digests = links(home)
    real = [one for one in named if one is not None]
    return len(set(real)) == len(real) == len(digests) - 1 and set(real) < set(digests)


def test_the_first_report_names_none_and_each_next_one_its_predecessor(home: Home) -> None:
    ids = [filed(home, result()) for _ in range(3)]
    assert previous(home, ids[0]) is None
    assert previous(home, ids[1]) == digest(home, ids[0])
    assert previous(home, ids[2]) == digest(home, ids[1])


def test_the_chain_is_in_the_order_of_writing_and_not_of_starting(home: Home) -> None:
    later = filed(home, result(), at=AT)
    earlier = filed(home, result(), at=AT - timedelta(hours=1))
    assert previous(home, earlier) == digest(home, later)


def test_a_head_that_was_lost_is_found_again(home: Home) -> None:
    ids = [filed(home, result()) for _ in range(3)]
    (home.locks / "reports.head").unlink()
    last = filed(home, result())
    assert previous(home, last) == digest(home, ids[2])
    assert is_unbroken(home)


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"report": "x"}'])
def test_a_damaged_head_is_found_again(home: Home, damage: str) -> None:
    first = filed(home, result())
    (home.locks / "reports.head").write_text(damage)
    assert previous(home, filed(home, result())) == digest(home, first)


def test_a_lost_head_is_not_looked_for_in_reports_of_an_older_form(home: Home) -> None:
    home.reports.mkdir(parents=True)
    (home.reports / "maintenance_old.json").write_text('{"status": "ok", "finished_at": "2099"}')
    assert previous(home, filed(home, result())) is None


def test_a_report_that_was_altered_breaks_the_chain_and_its_successor_tells(home: Home) -> None:
    first, second = filed(home, result()), filed(home, result())
    before = digest(home, second)
    path = report_path(home, second)
    path.write_text(path.read_text().replace('"completed"', '"failed"'))
    third = filed(home, result())
    assert previous(home, third) == before
    assert previous(home, second) == digest(home, first)
    assert not is_unbroken(home)


@pytest.mark.process
def test_processes_that_write_at_once_keep_one_unbroken_chain(home: Home) -> None:
    command = [sys.executable, "-c", WRITER, str(home.root), AT.isoformat()]
    running = [
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
        )
        for _ in range(4)
    ]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in running:
        process.communicate(timeout=TIMEOUT_SECONDS)
        assert process.returncode == 0
    named, digests = links(home)
    assert len(digests) == 20
    assert named.count(None) == 1
    assert is_unbroken(home)
    assert not list(home.reports.glob(".*"))


@pytest.mark.process
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_writer_that_is_killed_at_any_point_never_splits_the_chain(
    home: Home, tmp_path: Path
) -> None:
    filed(home, result())
    left = deaths("kill", "report", home, tmp_path / "deaths", "maintenance_20261122_190000")
    for one in left:
        value = report(report_id="maintenance_20261122_200000", finished_at="2026-11-22T20:00:00Z")
        append(one, one.reports / "20261122_200000.json", whole(value))
    assert [is_unbroken(one) for one in left] == [True] * len(left)
    assert {len(links(one)[1]) for one in left} == {2, 3}
