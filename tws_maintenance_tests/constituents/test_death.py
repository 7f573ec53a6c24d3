"""Killed at any point of a promotion, the live file is the old or the new one, whole."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.constituents.backups import SUMS
from tws_maintenance.constituents.history import changes_of, read_history
from tws_maintenance.constituents.promotion import finish_promotion
from tws_maintenance.constituents.promotion_stamp import read_generation
from tws_maintenance.constituents.proposal import Proposal
from tws_maintenance.constituents.publishing import read_intent
from tws_maintenance.core.digest import sha256
from tws_maintenance.demo.pages import companies
from tws_maintenance.runs.recovery import clear_temporary_files
from tws_maintenance_tests.constituents.bench import (
    STI,
    promoted,
    ready,
    staged_file,
    temporary_files,
    tree,
    with_strangers,
)
from tws_maintenance_tests.dying import deaths
from tws_maintenance_tests.support import write_live

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
BACKUP = Path("20261122_190000") / "sti_constituents.csv"


@dataclass(frozen=True)
class Deaths:
    """What a promotion leaves that is killed at each touch of the disk, a home for each."""

    old: bytes
    new: bytes
    proposal: Proposal
    homes: tuple[Home, ...]

    def copied(self, folder: Path) -> tuple[Home, ...]:
        """Return copies of the homes, for a test that works on them."""
        folder.mkdir()
        return tuple(
            Home(shutil.copytree(one.root, folder / one.root.name, symlinks=True))
            for one in self.homes
        )


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Deaths:
    folder = tmp_path_factory.mktemp("killed")
    home = Home(folder / "home")
    home.root.mkdir()
    old = write_live(home, STI, companies("sti"))
    proposal = ready(home, STI, with_strangers(STI, 1))
    new = staged_file(home, proposal).read_bytes()
    homes = deaths("kill", "promotion", home, folder / "deaths", proposal.proposal_id)
    return Deaths(old, new, proposal, tuple(homes))


def test_killed_at_every_touch_of_the_disk(killed: Deaths, tmp_path: Path) -> None:
    old, new, proposal = killed.old, killed.new, killed.proposal
    left = killed.copied(tmp_path / "deaths")
    found = [one.live_file("sti").read_bytes() for one in left]
    first_new = found.index(new)
    assert found == [old] * first_new + [new] * (len(left) - first_new)
    assert first_new > 10
    for one in left[first_new:]:
        assert (one.backups / BACKUP).read_bytes() == old
        sums = (one.backups / BACKUP).with_name(SUMS).read_text()
        assert sums == f"{sha256(old)}  sti_constituents.csv\n"
        record = read_intent(one, proposal.proposal_id)
        assert record is not None
        assert record.after_sha256 == proposal.sha256
    for one, lies_there in zip(left, found, strict=True):
        record = read_intent(one, proposal.proposal_id)
        if record is None or record.state != "promoted":
            assert promoted(one, proposal, minutes=60).changed is (lies_there == old)
        assert one.live_file("sti").read_bytes() == new
        assert_finished(one, proposal)


def test_a_death_is_settled_from_the_bytes_and_settling_it_again_changes_nothing(
    killed: Deaths, tmp_path: Path
) -> None:
    old, new, proposal = killed.old, killed.new, killed.proposal
    for one in killed.copied(tmp_path / "deaths"):
        lies_there = one.live_file("sti").read_bytes()
        if read_intent(one, proposal.proposal_id) is None:
            assert lies_there == old
            continue
        settled = finish_promotion(one, STI, proposal.proposal_id, wait_seconds=5)
        assert settled.changed is (lies_there == new)
        assert one.live_file("sti").read_bytes() == lies_there
        if settled.changed:
            assert_finished(one, proposal)
        else:
            assert read_history(one, STI) == []
        clear_temporary_files(one)
        assert temporary_files(one) == []
        before = tree(one.data / "history"), one.generation_file("sti").exists()
        assert finish_promotion(one, STI, proposal.proposal_id, wait_seconds=5) == settled
        assert (tree(one.data / "history"), one.generation_file("sti").exists()) == before


def assert_finished(home: Home, proposal: Proposal) -> None:
    """The record, the stamp and the history all say that the proposal was published."""
    record, stamp = read_intent(home, proposal.proposal_id), read_generation(home, STI)
    assert record is not None
    assert record.state == "promoted"
    assert stamp is not None
    assert (stamp.sha256, stamp.report_id) == (proposal.sha256, record.report_id)
    changes = changes_of(read_history(home, STI))
    assert [(one.kind, one.symbol) for one in changes] == [
        ("added", proposal.changes.added[0].symbol),
        ("removed", proposal.changes.removed[0].symbol),
    ]
    assert {one.report_id for one in changes} == {record.report_id}


@pytest.mark.process
def test_interrupted_at_every_touch_of_the_disk_it_leaves_no_temporary_file(
    home: Home, tmp_path: Path
) -> None:
    old = write_live(home, STI, companies("sti"))
    proposal = ready(home, STI, with_strangers(STI, 1))
    new = staged_file(home, proposal).read_bytes()
    left = deaths("interrupt", "promotion", home, tmp_path / "deaths", proposal.proposal_id)
    assert [temporary_files(one) for one in left] == [[]] * len(left)
    assert {one.live_file("sti").read_bytes() for one in left} == {old, new}
