"""Backups: listed, proved by their sums, let go by retention, and never restored when damaged."""

import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.config.settings import RetentionSettings
from tws_maintenance.constituents.backups import (
    SUMS,
    back_up,
    list_backups,
    newest_backup,
    prunable,
    prune,
    read_backup,
)
from tws_maintenance.core.errors import BackupDamaged, BackupMissing
from tws_maintenance.demo.pages import companies
from tws_maintenance_tests.constituents.bench import AT, HSI, STI, temporary_files, tree
from tws_maintenance_tests.support import write_live

CONTENT = b"symbol,security\nA,A Company\nB,B Company\n"
EVERYTHING = RetentionSettings(backups_keep=1, backups_max_age_days=0)


def kept(home: Home, *stamps: str) -> list[Path]:
    """Back up both lists under each of `stamps`."""
    return [
        back_up(home, index, CONTENT + stamp.encode(), f"maintenance_{stamp}")
        for stamp in stamps
        for index in (STI, HSI)
    ]


def ids(home: Home) -> list[str]:
    return [backup.backup_id for backup in list_backups(home, STI)]


def assert_sums_are_right(home: Home) -> None:
    """Let sha256sum itself check every folder, and that it names every file."""
    program = shutil.which("sha256sum")
    for folder in home.backups.iterdir():
        named = [line.split("  ")[1] for line in (folder / SUMS).read_text().splitlines()]
        assert sorted(named) == sorted(one.name for one in folder.iterdir() if one.name != SUMS)
        if program is not None:
            done = subprocess.run(
                [program, "--check", "--strict", SUMS], cwd=folder, capture_output=True, check=False
            )
            assert done.returncode == 0, done.stdout


@pytest.mark.process
def test_backups_are_listed_newest_first_also_the_tenth_of_a_second(home: Home) -> None:
    assert list_backups(home) == []
    kept(home, "20261122_183000_2", "20261122_183000_10", "20261121_000000", "20261122_183000")
    expected = ["20261122_183000_10", "20261122_183000_2", "20261122_183000", "20261121_000000"]
    assert ids(home) == expected
    assert newest_backup(home, STI) == home.backups / expected[0] / "sti_constituents.csv"
    assert len(list_backups(home)) == 8
    assert {backup.damage for backup in list_backups(home)} == {""}
    assert_sums_are_right(home)


def test_the_newest_is_read_unless_another_is_named(home: Home) -> None:
    kept(home, "20261121_000000", "20261122_183000")
    assert read_backup(home, STI, None) == ("20261122_183000", CONTENT + b"20261122_183000")
    assert read_backup(home, STI, "20261121_000000")[1] == CONTENT + b"20261121_000000"


@pytest.mark.parametrize("backup_id", ["20200101_000000", "..", "../20261122_183000", ""])
def test_an_unknown_backup_is_refused_by_its_name(home: Home, backup_id: str) -> None:
    kept(home, "20261122_183000")
    with pytest.raises(BackupMissing, match="`backups list` shows what there is"):
        read_backup(home, STI, backup_id)


def test_without_any_backup_it_says_so(home: Home) -> None:
    with pytest.raises(BackupMissing, match=r"There is no backup of STI in data/backups/const"):
        read_backup(home, STI, None)


def test_a_damaged_backup_is_refused_by_name_and_the_older_one_is_not_taken_for_it(
    home: Home,
) -> None:
    kept(home, "20261121_000000", "20261122_183000")
    path = home.backups / "20261122_183000" / "sti_constituents.csv"
    path.write_bytes(CONTENT + b"20261122_183001")
    says = r"data/backups/constituents/20261122_183000/sti_constituents\.csv is damaged: SHA256SUMS"
    for named in (None, "20261122_183000"):
        with pytest.raises(BackupDamaged, match=says):
            read_backup(home, STI, named)
    damages = [bool(backup.damage) for backup in list_backups(home, STI)]
    assert damages == [True, False]
    assert read_backup(home, STI, "20261121_000000")[0] == "20261121_000000"
    assert not any(backup.damage for backup in list_backups(home, HSI))


@pytest.mark.parametrize("sums", [None, "", "nonsense\n"])
def test_a_backup_that_its_sums_do_not_name_is_no_backup(home: Home, sums: str | None) -> None:
    kept(home, "20261122_183000")
    path = home.backups / "20261122_183000" / SUMS
    path.unlink()
    if sums is not None:
        path.write_text(sums)
    with pytest.raises(BackupDamaged, match="SHA256SUMS does not list it"):
        read_backup(home, STI, None)


def test_sums_that_are_no_text_are_told_as_damage(home: Home) -> None:
    kept(home, "20261122_183000")
    (home.backups / "20261122_183000" / SUMS).write_bytes(b"\xff\xfe")
    (backup,) = list_backups(home, STI)
    assert backup.damage.startswith("it cannot be read")


def test_retention_lets_go_what_is_beyond_the_count_and_older_than_the_age(home: Home) -> None:
    kept(home, "20261119_183000", "20261120_183000", "20261121_183000", "20261122_183000")

    def let_go(keep: int, days: float) -> list[str]:
        retention = RetentionSettings(backups_keep=keep, backups_max_age_days=days)
        found = prunable(home, retention, AT + timedelta(hours=1))
        assert {one.index.key for one in found} in (set(), {"sti", "hsi"})
        return [one.backup_id for one in found if one.index == STI]

    assert let_go(keep=30, days=0) == []
    assert let_go(keep=1, days=90) == []
    assert let_go(keep=1, days=0) == ["20261121_183000", "20261120_183000", "20261119_183000"]
    assert let_go(keep=3, days=0) == ["20261119_183000"]
    assert let_go(keep=1, days=2) == ["20261120_183000", "20261119_183000"]


def test_the_newest_of_each_list_is_never_let_go_however_old(home: Home) -> None:
    back_up(home, HSI, CONTENT, "maintenance_20200101_000000")
    back_up(home, STI, CONTENT, "maintenance_20200101_000000")
    back_up(home, STI, CONTENT, "maintenance_20200202_000000")
    found = prunable(home, EVERYTHING, AT)
    assert [(one.backup_id, one.index.key) for one in found] == [("20200101_000000", "sti")]


def test_a_folder_of_another_name_is_never_let_go(home: Home) -> None:
    back_up(home, STI, CONTENT, "before the merger")
    kept(home, "20200101_000000", "20200202_000000")
    assert "before the merger" not in {one.backup_id for one in prunable(home, EVERYTHING, AT)}


@pytest.mark.process
def test_pruning_removes_the_files_and_keeps_the_sums_of_the_others_right(home: Home) -> None:
    back_up(home, HSI, CONTENT, "maintenance_20200101_000000")
    kept(home, "20200202_000000")
    back_up(home, STI, CONTENT, "maintenance_20200101_000000")
    before = tree(home.backups)
    found = prunable(home, EVERYTHING, AT)
    assert tree(home.backups) == before, "looking removes nothing"
    prune([one for one in found if one.index == STI])
    left = sorted(path.name for path in (home.backups / "20200101_000000").iterdir())
    assert left == [SUMS, "hsi_constituents.csv"]
    assert_sums_are_right(home)
    prune(prunable(home, EVERYTHING, AT))
    assert [path.name for path in home.backups.iterdir()] == ["20200202_000000"]
    assert_sums_are_right(home)
    assert prunable(home, EVERYTHING, AT) == []
    assert temporary_files(home) == []


def test_pruning_leaves_what_somebody_else_put_there(home: Home) -> None:
    kept(home, "20200101_000000", "20200202_000000")
    note = home.backups / "20200101_000000" / "why.txt"
    note.write_text("kept for the auditors")
    prune(prunable(home, EVERYTHING, AT))
    assert list(note.parent.iterdir()) == [note]


def test_a_backup_that_is_named_but_gone_is_damaged(home: Home) -> None:
    content = write_live(home, STI, companies("sti"))
    path = back_up(home, STI, content, "maintenance_20261122_183000")
    assert [one.damage for one in list_backups(home, STI)] == [""]
    path.unlink()
    (gone,) = list_backups(home, STI)
    assert gone.backup_id == "20261122_183000"
    assert gone.damage.startswith("it cannot be read")
