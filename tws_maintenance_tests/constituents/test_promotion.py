"""Promoting: exactly the audited bytes, a backup that proves itself, or nothing at all."""

import json
import os
import shutil
import stat
import subprocess
from dataclasses import asdict
from pathlib import Path

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.constituents.csv_file import parse_live
from tws_maintenance.constituents.promotion_stamp import read_generation
from tws_maintenance.constituents.publishing import read_intent
from tws_maintenance.core.digest import sha256
from tws_maintenance.core.errors import HistoryError, PromotionFailed
from tws_maintenance.demo.pages import companies
from tws_maintenance_tests.constituents.bench import (
    HSI,
    STI,
    promoted,
    ready,
    staged_file,
    temporary_files,
    tree,
    with_strangers,
)
from tws_maintenance_tests.support import write_live


def one_change(home: Home) -> tuple[bytes, str]:
    """Return the live bytes and a proposal that exchanges one member."""
    before = write_live(home, STI, companies("sti"))
    return before, ready(home, STI, with_strangers(STI, 1)).proposal_id


def check_sums(folder: Path) -> str:
    program = shutil.which("sha256sum")
    if program is None:
        pytest.skip("sha256sum is not installed")
    done = subprocess.run(
        [program, "--check", "--strict", "SHA256SUMS"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


@pytest.mark.process
def test_the_staged_bytes_become_the_live_bytes_and_the_former_ones_a_backup(home: Home) -> None:
    before, _ = one_change(home)
    proposal = ready(home, STI, with_strangers(STI, 1), minutes=1)
    done = promoted(home, proposal, minutes=2)
    assert done.changed
    assert done.output_path == home.live_file("sti")
    assert home.live_file("sti").read_bytes() == staged_file(home, proposal).read_bytes()
    assert done.backup_path == home.backups / "20261122_183200" / "sti_constituents.csv"
    assert done.backup_path.read_bytes() == before
    assert check_sums(done.backup_path.parent) == "sti_constituents.csv: OK\n"
    assert temporary_files(home) == []


@pytest.mark.process
def test_a_damaged_backup_does_not_pass_its_sums(home: Home) -> None:
    write_live(home, STI, companies("sti"))
    done = promoted(home, ready(home, STI, with_strangers(STI, 1)))
    assert done.backup_path is not None
    done.backup_path.write_bytes(done.backup_path.read_bytes() + b"\n")
    assert "sti_constituents.csv: FAILED" in check_sums(done.backup_path.parent)


@pytest.mark.process
def test_the_lists_of_one_run_share_a_backup_folder_and_its_sums(home: Home) -> None:
    for index in (STI, HSI):
        write_live(home, index, companies(index.key))
        done = promoted(home, ready(home, index, with_strangers(index, 1)))
    assert done.backup_path is not None
    checked = check_sums(done.backup_path.parent)
    assert checked == "hsi_constituents.csv: OK\nsti_constituents.csv: OK\n"


def test_the_stamp_tells_what_was_published_and_changes_each_time(home: Home) -> None:
    write_live(home, STI, companies("sti"))
    assert read_generation(home, STI) is None
    first = ready(home, STI, with_strangers(STI, 1))
    promoted(home, first)
    stamp = read_generation(home, STI)
    assert stamp is not None
    assert stamp.sha256 == sha256(home.live_file("sti").read_bytes())
    assert (stamp.proposal_id, stamp.report_id) == (first.proposal_id, first.report_id)
    promoted(home, ready(home, STI, with_strangers(STI, 2), minutes=1), minutes=1)
    after = read_generation(home, STI)
    assert after is not None
    assert after.generation != stamp.generation
    assert after.promoted_at == "2026-11-22T18:31:00.000Z"


@pytest.mark.parametrize("edited", [{"generation": 7}, {"source": None}, {"revised_at": []}])
def test_an_edited_stamp_with_another_type_is_unreadable(
    home: Home, edited: dict[str, object]
) -> None:
    names = ("generation", "report_id", "proposal_id", "promoted_at", "sha256", "source")
    whole: dict[str, object] = dict.fromkeys(names, "text")
    path = home.generation_file("sti")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(whole))
    assert read_generation(home, STI) is not None
    path.write_text(json.dumps(whole | edited))
    assert read_generation(home, STI) is None


def test_the_record_says_what_was_replaced_by_what_and_where_the_backup_is(home: Home) -> None:
    before, proposal_id = one_change(home)
    assert read_intent(home, proposal_id) is None
    proposal = ready(home, STI, with_strangers(STI, 1))
    promoted(home, proposal, minutes=5)
    record = read_intent(home, proposal_id)
    assert record is not None
    assert record.state == "promoted"
    assert record.before_sha256 == sha256(before)
    assert record.after_sha256 == proposal.sha256
    assert record.backup_path == ("data/backups/constituents/20261122_183500/sti_constituents.csv")
    assert (record.report_id, record.run_id) == ("maintenance_20261122_183500", "run-5")


def test_the_first_list_ever_has_nothing_to_back_up(home: Home) -> None:
    done = promoted(home, ready(home, STI, companies("sti")))
    assert (done.changed, done.backup_path) == (True, None)
    assert len(parse_live(home.live_file("sti").read_bytes(), "live").rows) == 30
    assert not home.backups.exists()


def test_a_list_that_did_not_change_writes_nothing_at_all(home: Home) -> None:
    write_live(home, STI, companies("sti"))
    promoted(home, ready(home, STI, with_strangers(STI, 1)))
    again = ready(home, STI, with_strangers(STI, 1), minutes=1)
    before = tree(home.data)
    done = promoted(home, again, minutes=1)
    assert (done.changed, done.output_path, done.backup_path) == (False, None, None)
    assert tree(home.data) == before


def test_the_file_keeps_its_mode(home: Home) -> None:
    one_change(home)
    home.live_file("sti").chmod(0o640)
    done = promoted(home, ready(home, STI, with_strangers(STI, 1), minutes=1))
    assert done.changed
    assert stat.S_IMODE(home.live_file("sti").stat().st_mode) == 0o640


def test_a_live_file_that_is_a_link_stays_one_and_its_target_is_replaced(home: Home) -> None:
    before, _ = one_change(home)
    target = home.root / "elsewhere" / "sti.csv"
    target.parent.mkdir()
    home.live_file("sti").rename(target)
    home.live_file("sti").symlink_to(Path("..") / "elsewhere" / "sti.csv")
    proposal = ready(home, STI, with_strangers(STI, 1), minutes=1)
    done = promoted(home, proposal, minutes=1)
    assert home.live_file("sti").is_symlink()
    assert home.live_file("sti").readlink() == Path("../elsewhere/sti.csv")
    assert target.read_bytes() == staged_file(home, proposal).read_bytes()
    assert done.backup_path is not None
    assert not done.backup_path.is_symlink()
    assert done.backup_path.read_bytes() == before


def test_the_operators_columns_survive_a_promotion(home: Home) -> None:
    lines = write_live(home, STI, companies("sti")).decode().splitlines()
    noted = "\n".join([f"{lines[0]},note", *(f'{line},"watch, ""closely"""' for line in lines[1:])])
    home.live_file("sti").write_text(noted + "\n")
    promoted(home, ready(home, STI, with_strangers(STI, 1)))
    rows = parse_live(home.live_file("sti").read_bytes(), "live").by_symbol()
    assert rows["B01.SI"]["note"] == 'watch, "closely"'
    assert rows["Z901.SI"]["note"] == ""


@pytest.mark.parametrize("stands_in_the_way", ["backups", "backups/constituents"])
def test_without_a_place_for_the_backup_nothing_is_replaced(
    home: Home, stands_in_the_way: str
) -> None:
    before, _ = one_change(home)
    proposal = ready(home, STI, with_strangers(STI, 1))
    obstacle = home.data / stands_in_the_way
    obstacle.parent.mkdir(exist_ok=True)
    obstacle.write_text("a file where a folder is needed")
    with pytest.raises(PromotionFailed, match=r"data/sti_constituents\.csv is unchanged"):
        promoted(home, proposal)
    assert home.live_file("sti").read_bytes() == before
    assert read_generation(home, STI) is None
    record = read_intent(home, proposal.proposal_id)
    assert record is not None
    assert record.state == "abandoned"
    assert temporary_files(home) == []
    obstacle.unlink()
    assert promoted(home, proposal).changed


def test_without_a_place_for_the_sums_nothing_is_replaced(home: Home) -> None:
    before, _ = one_change(home)
    (home.backups / "20261122_183000" / "SHA256SUMS").mkdir(parents=True)
    with pytest.raises(PromotionFailed, match="is unchanged"):
        promoted(home, ready(home, STI, with_strangers(STI, 1)))
    assert home.live_file("sti").read_bytes() == before
    assert temporary_files(home) == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write all")
def test_a_backup_folder_that_may_not_be_written_stops_the_promotion(home: Home) -> None:
    before, _ = one_change(home)
    home.backups.mkdir(parents=True)
    home.backups.chmod(0o500)
    try:
        with pytest.raises(PromotionFailed, match="is unchanged"):
            promoted(home, ready(home, STI, with_strangers(STI, 1)))
    finally:
        home.backups.chmod(0o700)
    assert home.live_file("sti").read_bytes() == before


@pytest.mark.parametrize("belonging", ["generation_file", "membership_file"])
def test_where_what_belongs_to_it_cannot_be_written_the_list_is_put_back(
    home: Home, belonging: str
) -> None:
    before = write_live(home, STI, companies("sti"))
    proposal = ready(home, STI, with_strangers(STI, 1))
    obstacle: Path = getattr(home, belonging)("sti")
    obstacle.mkdir(parents=True)
    with pytest.raises((PromotionFailed, HistoryError)) as failed:
        promoted(home, proposal)
    assert home.live_file("sti").read_bytes() == before
    if isinstance(failed.value, PromotionFailed):
        assert "is unchanged" in str(failed.value)
        assert not failed.value.changed
    assert temporary_files(home) == []
    obstacle.rmdir()
    assert promoted(home, proposal).changed


def test_the_record_of_a_promotion_is_json_for_other_programs(home: Home) -> None:
    write_live(home, STI, companies("sti"))
    proposal = ready(home, STI, with_strangers(STI, 1))
    promoted(home, proposal)
    record = json.loads((home.proposal(proposal.proposal_id) / "promotion.json").read_text())
    intent = read_intent(home, proposal.proposal_id)
    assert intent is not None
    assert record == asdict(intent)
    stamp = read_generation(home, STI)
    assert stamp is not None
    assert record["generation"]["generation"] == stamp.generation
