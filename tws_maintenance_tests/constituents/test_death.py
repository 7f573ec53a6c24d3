"""Killed at any point of a promotion, the live file is the old or the new one, whole."""

import os
from pathlib import Path

import pytest

from tws_maintenance.constituents.backups import SUMS
from tws_maintenance.constituents.promotion import read_promotion
from tws_maintenance.demo.pages import companies
from tws_maintenance.home import Home
from tws_maintenance.storage.digest import sha256
from tws_maintenance_tests.constituents.bench import (
    STI,
    promoted,
    ready,
    staged_file,
    temporary_files,
    with_strangers,
)
from tws_maintenance_tests.dying import deaths
from tws_maintenance_tests.support import write_live

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
BACKUP = Path("20261122_190000") / "sti_constituents.csv"


def test_killed_at_every_touch_of_the_disk(home: Home, tmp_path: Path) -> None:
    old = write_live(home, STI, companies("sti"))
    proposal = ready(home, STI, with_strangers(STI, 1))
    new = staged_file(home, proposal).read_bytes()
    left = deaths("kill", "promotion", home, tmp_path / "deaths", proposal.proposal_id)
    found = [one.live_file("sti").read_bytes() for one in left]
    first_new = found.index(new)
    assert found == [old] * first_new + [new] * (len(left) - first_new)
    assert first_new > 10
    for one in left[first_new:]:
        assert (one.backups / BACKUP).read_bytes() == old
        sums = (one.backups / BACKUP).with_name(SUMS).read_text()
        assert sums == f"{sha256(old)}  sti_constituents.csv\n"
        record = read_promotion(one, proposal.proposal_id)
        assert record is not None
        assert record["after_sha256"] == proposal.sha256
    for one, lies_there in zip(left, found, strict=True):
        record = read_promotion(one, proposal.proposal_id)
        if record is None or record["state"] != "promoted":
            assert promoted(one, proposal, minutes=60).changed is (lies_there == old)
        assert one.live_file("sti").read_bytes() == new


def test_interrupted_at_every_touch_of_the_disk_it_leaves_no_temporary_file(
    home: Home, tmp_path: Path
) -> None:
    old = write_live(home, STI, companies("sti"))
    proposal = ready(home, STI, with_strangers(STI, 1))
    new = staged_file(home, proposal).read_bytes()
    left = deaths("interrupt", "promotion", home, tmp_path / "deaths", proposal.proposal_id)
    assert [temporary_files(one) for one in left] == [[]] * len(left)
    assert {one.live_file("sti").read_bytes() for one in left} == {old, new}
