"""What a clean-up of the home takes and what it leaves, at instants that the test names."""

import os
import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES, MARKET_EVENTS
from tws_maintenance.config.settings import load_settings
from tws_maintenance.constituents.backups import list_backups
from tws_maintenance.constituents.drift import find_drift
from tws_maintenance.constituents.promotion_stamp import read_generation
from tws_maintenance.constituents.proposal import RAW, RECORD, STAGED
from tws_maintenance.demo.pages import companies
from tws_maintenance.operations.retention import Cleaned, clean
from tws_maintenance.reports.chain_verification import verify_chain
from tws_maintenance.reports.store import reserve
from tws_maintenance_tests.constituents.bench import configure, tree
from tws_maintenance_tests.disks import mounted
from tws_maintenance_tests.unattended import applied, dry_run, refreshed

STI, HSI = INDICES["sti"], INDICES["hsi"]
NOW = datetime(2026, 11, 22, 18, 30, tzinfo=UTC)
DAY = timedelta(days=1)


def cleaned(home: Home, at: datetime = NOW) -> Cleaned:
    return clean(home, load_settings(home), at)


def staged(home: Home) -> set[str]:
    """Return the days of the proposals that are there, with the index."""
    found = (path.name.removeprefix("maintenance_") for path in home.staging.iterdir())
    return {f"{name[:8]} {name.rpartition('_')[2]}" for name in found}


def looked(home: Home, *days: float, members: int = 0) -> list[Path]:
    """Stage STI so many days ago each, and return the folders."""
    listed = {"sti": companies("sti")[members:]}
    reports = [dry_run(home, listed, NOW - one * DAY) for one in days]
    return [home.proposal(f"{one}_sti") for one in reports]


def test_old_proposals_go_and_old_raw_pages_before_them(home: Home) -> None:
    oldest, old, middle, newest = looked(home, 200, 91, 31, 29)
    done = cleaned(home)
    assert done == Cleaned(proposals=2, raw_copies=1)
    assert [one.exists() for one in (oldest, old, middle, newest)] == [False, False, True, True]
    assert [(one / RAW).exists() for one in (middle, newest)] == [False, True]
    assert cleaned(home) == Cleaned()


def test_reports_and_their_chain_stay_for_ever(home: Home) -> None:
    refreshed(home, NOW - 3000 * DAY, "sti")
    looked(home, 2000, 200, 1)
    before = tree(home.reports)
    cleaned(home)
    assert tree(home.reports) == before
    assert verify_chain(home).problem == ""


def test_what_is_referred_to_stays_whole_whatever_its_age(home: Home) -> None:
    """The newest of each list, and the one that the live file was published from."""
    refreshed(home, NOW - 400 * DAY, "sti")
    (newest,) = looked(home, 200, members=1)
    published = read_generation(home, STI)
    assert published is not None
    kept = {newest.name, published.proposal_id}
    before = {name: tree(home.proposal(name)) for name in kept}
    assert cleaned(home) == Cleaned()
    assert {name: tree(home.proposal(name)) for name in kept} == before
    live = home.live_file("sti")
    live.write_bytes(b"\n".join(live.read_bytes().splitlines()[:-1]) + b"\n")
    drift = find_drift(home, STI, live.read_bytes())
    assert drift is not None
    assert "removed" in drift.text


def test_one_that_may_still_be_promoted_stays(home: Home) -> None:
    configure(home, "[proposals]\nmax_age_hours = 2400\n[retention]\nproposals_days = 1\n")
    waiting, _ = looked(home, 90, 2)
    gone, _ = looked(home, 101, 1)
    assert cleaned(home).proposals == 1
    assert (waiting.exists(), gone.exists()) == (True, False)
    applied(home, waiting.name.removesuffix("_sti"), NOW)


def test_one_of_a_run_at_work_stays_whatever_the_clock_said_when_it_began(home: Home) -> None:
    began_at = NOW - 400 * DAY
    reservation = reserve(home, began_at, {"run_id": "at-work", "tasks": [STI.task]})
    folder = home.proposal(f"{reservation.report_id}_sti")
    folder.mkdir(parents=True)
    looked(home, 1)
    assert cleaned(home) == Cleaned()
    assert folder.exists()
    reservation.marker.unlink()
    assert cleaned(home) == Cleaned(proposals=1)


def test_events_go_by_the_same_rule(home: Home) -> None:
    for days in (200, 1):
        at = NOW - days * DAY
        folder = home.proposal(f"maintenance_{at:%Y%m%d_%H%M%S}_{MARKET_EVENTS}")
        folder.mkdir(parents=True)
        (folder / "events.json").write_text("{}")
    assert cleaned(home) == Cleaned(proposals=1)
    assert staged(home) == {"20261121 events"}


def test_what_is_dated_in_the_future_stays(home: Home) -> None:
    looked(home, -300, -1, 300)
    assert cleaned(home) == Cleaned(proposals=1)
    # Even for the newest: once the clock is right again, so is the rule.
    assert cleaned(home, NOW + 500 * DAY) == Cleaned(proposals=1)


def test_whatever_is_not_ours_in_staging_stays(home: Home) -> None:
    looked(home, 1)
    for name in (
        "maintenance_20200101_000000_notes",
        "maintenance_20200101_sti",
        "maintenance_20209999_000000_sti",
        "my_own",
        "maintenance_20200101_000000_2_stix",
    ):
        (home.staging / name).mkdir()
    (home.staging / "maintenance_20200101_000000_hsi").write_text("a file")
    before = tree(home.staging)
    assert cleaned(home) == Cleaned()
    assert tree(home.staging) == before


def test_a_link_in_staging_is_left_and_its_target_too(home: Home, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / RAW).mkdir(parents=True)
    (elsewhere / RECORD).write_text("{}")
    (old, _, _) = looked(home, 200, 40, 1)
    (home.staging / "maintenance_20200101_000000_sti").symlink_to(elsewhere)
    # In a folder that goes, the link goes and what it leads to stays.
    (old / "link").symlink_to(elsewhere)
    middle = next(home.staging.glob("maintenance_20261013*"))
    shutil.rmtree(middle / RAW)
    (middle / RAW).symlink_to(elsewhere / RAW)
    assert cleaned(home) == Cleaned(proposals=1)
    assert sorted(one.name for one in elsewhere.iterdir()) == [RECORD, RAW]
    assert (middle / RAW).is_symlink()


def test_a_staging_folder_that_is_a_link_itself_is_cleaned(home: Home, tmp_path: Path) -> None:
    home.data.mkdir()
    (tmp_path / "big_disk").mkdir()
    home.staging.symlink_to(tmp_path / "big_disk")
    looked(home, 200, 1)
    assert cleaned(home) == Cleaned(proposals=1)


def test_backups_go_by_their_number_and_their_age_and_never_the_newest(home: Home) -> None:
    configure(home, "[retention]\nbackups_keep = 2\nbackups_max_age_days = 100\n")
    for number, days in enumerate((400, 300, 200, 99, 50)):
        at = NOW - days * DAY
        listed = {"sti": companies("sti")[number:], "hsi": companies("hsi")}
        applied(home, dry_run(home, listed, at), at)
    made = {one.backup_id[:8] for one in list_backups(home, STI)}
    assert made == {"20260126", "20260506", "20260815", "20261003"}
    done = cleaned(home)
    assert done.backups == 2
    assert {one.backup_id[:8] for one in list_backups(home, STI)} == {"20260815", "20261003"}
    assert [one.damage for one in list_backups(home)] == ["", ""]
    configure(home, "[retention]\nbackups_keep = 1\nbackups_max_age_days = 0\n")
    cleaned(home, NOW + 900 * DAY)
    assert len(list_backups(home, STI)) == 1


def test_logs_of_run_processes_go_and_the_notices_stay(home: Home) -> None:
    home.logs.mkdir(parents=True)
    for name, days in (("run_a", 31), ("run_b", 29), ("run_c", -5), ("other", 400)):
        path = home.logs / f"{name}.log"
        path.write_text("x")
        os.utime(path, ((NOW - days * DAY).timestamp(),) * 2)
    (home.logs / "notices.jsonl").write_text("{}\n")
    assert cleaned(home) == Cleaned(logs=1)
    assert sorted(path.name for path in home.logs.iterdir()) == [
        "notices.jsonl",
        "other.log",
        "run_b.log",
        "run_c.log",
    ]


def test_a_home_in_which_nothing_was_ever_done_is_not_written_to(home: Home) -> None:
    assert cleaned(home) == Cleaned()
    assert list(home.root.iterdir()) == []


@pytest.mark.process
@pytest.mark.skipif(os.name != "posix", reason="needs mount")
def test_what_cannot_be_removed_is_told_and_the_rest_goes_on(home: Home) -> None:
    """A folder with something mounted in it: nobody can remove that, not even root."""
    stuck, other, _ = looked(home, 300, 200, 1)
    with mounted(stuck / "mounted", kilobytes=64):
        done = cleaned(home)
        assert done.failures == [
            f"data/staging/{stuck.name} could not be removed: Device or resource busy"
        ]
        assert (done.proposals, other.exists()) == (1, False)
        # What is left is no proposal, and goes the next time.
        assert not (stuck / RECORD).exists()
    assert cleaned(home) == Cleaned(proposals=1)


@pytest.mark.process
@pytest.mark.skipif(os.name != "posix", reason="needs mount")
def test_on_a_disk_that_is_read_only_everything_is_told_and_stays(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", kilobytes=4096) as disk:
        looked(disk.home, 200, 40, 1)
        disk.make_read_only()
        done = cleaned(disk.home)
        assert [text.rpartition(": ")[2] for text in done.failures] == [
            "Read-only file system",
            "Read-only file system",
        ]
        assert len(staged(disk.home)) == 3
        disk.make_writable()
        assert cleaned(disk.home) == Cleaned(proposals=1, raw_copies=1)


@pytest.mark.process
@pytest.mark.skipif(os.name != "posix", reason="needs mount")
def test_a_full_disk_is_made_free(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", kilobytes=4096) as disk:
        looked(disk.home, 200, 150, 1)
        disk.fill(free_pages=0)
        assert cleaned(disk.home) == Cleaned(proposals=2)
        assert os.statvfs(disk.home.root).f_bavail > 0


DYING = """
import os, signal, sys
from datetime import datetime
from pathlib import Path
from tws_maintenance.config.home import Home
from tws_maintenance.operations.retention import clean
from tws_maintenance.config.settings import load_settings

removed = []

def hook(event, arguments):
    if event == "os.remove":
        removed.append(arguments)
        if len(removed) == int(sys.argv[3]):
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(hook)
home = Home(Path(sys.argv[1]))
clean(home, load_settings(home), datetime.fromisoformat(sys.argv[2]))
"""


@pytest.mark.process
@pytest.mark.parametrize("number", [1, 2])
def test_a_clean_up_that_is_killed_leaves_a_whole_proposal_or_none(home: Home, number: int) -> None:
    """The record goes first: whoever lists proposals never meets one without its bytes."""
    (old, _) = looked(home, 200, 1)
    command = [sys.executable, "-c", DYING, str(home.root), NOW.isoformat(), str(number)]
    done = subprocess.run(command, check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert (old / STAGED).exists()
    assert (old / RECORD).exists() == (number == 1)
    assert cleaned(home) == Cleaned(proposals=1)
    assert not old.exists()
