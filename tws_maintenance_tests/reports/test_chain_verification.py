"""Verifying the chain: an untouched one is clean, and the first report at fault is named."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.reports.chain import KEY
from tws_maintenance.reports.chain_verification import Verification, verify_chain
from tws_maintenance_tests.reports.shelf import AT, filed, report, result


@pytest.fixture
def ids(home: Home) -> list[str]:
    """Four reports, oldest first."""
    return [filed(home, result(), at=AT + timedelta(hours=n)) for n in range(4)]


def path_of(home: Home, report_id: str) -> Path:
    return home.reports / f"{report_id.removeprefix('maintenance_')}.json"


def test_an_empty_folder_and_a_home_without_one_are_clean(home: Home) -> None:
    assert verify_chain(home) == Verification(0, "")
    home.reports.mkdir(parents=True)
    assert verify_chain(home) == Verification(0, "")


def test_reports_as_they_were_written_are_clean(home: Home, ids: list[str]) -> None:
    assert verify_chain(home) == Verification(len(ids), "")


def test_many_of_one_second_are_clean(home: Home) -> None:
    found = [filed(home, result()) for _ in range(12)]
    assert found[-1].endswith("_12")
    assert verify_chain(home) == Verification(12, "")


@pytest.mark.parametrize("number", [0, 1, 2])
def test_one_byte_changed_in_an_old_report_names_that_report(
    home: Home, ids: list[str], number: int
) -> None:
    path = path_of(home, ids[number])
    content = path.read_bytes()
    path.write_bytes(content.replace(b"operator", b"Operator", 1))
    found = verify_chain(home)
    assert found.report_id == ids[number]
    assert found.problem.startswith(f"{ids[number]} was altered")
    path.write_bytes(content)
    assert verify_chain(home).problem == ""


def test_the_newest_report_changed_or_removed_is_found_by_the_noted_head(
    home: Home, ids: list[str]
) -> None:
    path = path_of(home, ids[-1])
    content = path.read_bytes()
    path.write_bytes(content.replace(b"operator", b"Operator", 1))
    assert "the newest report was altered or removed" in verify_chain(home).problem
    path.unlink()
    found = verify_chain(home)
    assert (found.reports, found.report_id) == (3, ids[-2])
    assert "the newest report was altered or removed" in found.problem


def test_the_first_report_removed_is_told_as_such(home: Home, ids: list[str]) -> None:
    path_of(home, ids[0]).unlink()
    found = verify_chain(home)
    assert found.problem.startswith("the first report was altered or removed")
    assert found.report_id == ids[1]


@pytest.mark.parametrize("number", [1, 2])
def test_a_report_removed_from_the_middle_names_the_one_before_and_the_one_after(
    home: Home, ids: list[str], number: int
) -> None:
    path_of(home, ids[number]).unlink()
    found = verify_chain(home)
    assert found.report_id == ids[number - 1]
    assert ids[number + 1] in found.problem


def test_all_reports_removed_is_not_the_same_as_none_ever_written(
    home: Home, ids: list[str]
) -> None:
    for report_id in ids:
        path_of(home, report_id).unlink()
    expected = "the newest report was altered or removed (no report was found)"
    assert verify_chain(home).problem == expected


def test_two_that_follow_the_same_report_are_both_named(home: Home, ids: list[str]) -> None:
    forged = json.loads(path_of(home, ids[2]).read_text()) | {"reason": "forged"}
    (home.reports / "20261123_000000.json").write_text(json.dumps(forged))
    found = verify_chain(home)
    assert ids[2] in found.problem
    assert "maintenance_20261123_000000" in found.problem
    assert "both name the same report as the one before them" in found.problem


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"\xff", b'{"report_id": "x"}'])
def test_a_damaged_report_is_named_as_damaged(home: Home, ids: list[str], damage: bytes) -> None:
    path_of(home, ids[1]).write_bytes(damage)
    found = verify_chain(home)
    assert found.report_id == ids[1]
    assert f"{path_of(home, ids[1]).name} is damaged" in found.problem


def test_reports_of_an_older_form_and_files_of_others_stand_outside(
    home: Home, ids: list[str]
) -> None:
    (home.reports / "maintenance_20250101_000000.json").write_text(json.dumps(report()))
    (home.reports / "maintenance_weekly.json").write_text("{}")
    (home.reports / "notes.json").write_text("not even JSON")
    assert verify_chain(home) == Verification(len(ids), "")


def test_without_the_noted_head_the_reports_vouch_for_each_other(
    home: Home, ids: list[str]
) -> None:
    (home.locks / "reports.head").unlink()
    assert verify_chain(home).problem == ""
    filed(home, result(), at=AT + timedelta(hours=9))
    assert verify_chain(home) == Verification(len(ids) + 1, "")
    newest = json.loads((home.reports / "20261123_033000.json").read_text())
    assert newest[KEY] is not None
