"""A disk that is full or read-only: refused or rolled back, said aloud, and well again after."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES
from tws_maintenance.config.settings import Settings
from tws_maintenance.core.errors import TwsMaintenanceError
from tws_maintenance.demo.pages import companies
from tws_maintenance.reports.chain_verification import verify_chain
from tws_maintenance.reports.schema import EntryPoint
from tws_maintenance.runs import list_steps
from tws_maintenance.runs.maintenance import MaintenanceRun, head_start
from tws_maintenance.runs.recorder import StepFailed
from tws_maintenance.runs.recovery import recover
from tws_maintenance.runs.request import PlannedRun
from tws_maintenance_tests.constituents.bench import temporary_files
from tws_maintenance_tests.disks import Disk, mounted
from tws_maintenance_tests.support import Program, reports_of, result_of, write_live

STI = INDICES["sti"]
FULL = "No space left on device"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    with mounted(tmp_path / "home", kilobytes=12288) as found:
        yield found


@pytest.fixture
def home(disk: Disk) -> Home:
    """The home on the small disk, for the fixtures that build upon it."""
    return disk.home


@dataclass
class Attempt:
    """What came of an apply: its report, or what was raised instead."""

    report: dict[str, Any] | None
    raised: str


def applied(home: Home, settings: Settings, run_id: str) -> Attempt:
    """Apply the STI's list, as far as it goes."""
    request = PlannedRun(
        (STI.task,), False, run_id=run_id, entry_point=EntryPoint.CLI, actor="operator"
    )
    run = MaintenanceRun(request, head_start(home, settings))
    problem: TwsMaintenanceError | None = None
    try:
        with contextlib.suppress(OSError):  # as the pipeline does before a run begins
            recover(home)
        run.open()
        list_steps.stage(run, STI)
        list_steps.audit(run, STI)
        list_steps.promote(run, STI)
    except StepFailed:
        pass
    except TwsMaintenanceError as error:
        problem = error
    raised = str(problem or "")
    try:
        run.close({}, problem)
    except OSError as error:
        raised = str(error)
    return Attempt(run.report.to_dict() if run.report else None, raised)


def test_wherever_the_space_runs_out_the_list_is_whole_and_the_next_run_completes(
    disk: Disk, settings: Settings, tmp_path: Path
) -> None:
    home = disk.home
    new = write_live(Home(tmp_path / "new"), STI, companies("sti"))
    met: dict[int, str] = {}
    for pages in range(40):
        old = write_live(home, STI, companies("sti")[:-1])
        disk.fill(free_pages=pages)
        one = applied(home, settings, f"full-{pages}")
        found = home.live_file("sti").read_bytes()
        assert found in (old, new), pages
        assert temporary_files(home) == [], pages
        known = {r["report_id"] for r in reports_of(home)}
        if one.report is None:
            assert FULL in one.raised, pages
            met[pages] = "no report"
        else:
            result = result_of(one.report, STI.task)
            assert result["changed"] is (found == new), pages
            if one.report["status"] == "completed":
                disk.free()
                met[pages] = "completed"
                assert FULL not in str(one.report)
                break
            assert FULL in " ".join(one.report["errors"]), one.report["errors"]
            met[pages] = "reported"
        disk.free()
        again = applied(home, settings, f"free-{pages}")
        assert again.report is not None, again.raised
        assert again.report["status"] == "completed"
        assert home.live_file("sti").read_bytes() == new
        others = [r for r in reports_of(home) if r["report_id"] not in known]
        others.remove(again.report)
        assert [r["status"] for r in others] in ([], ["interrupted"], ["failed"]), pages
        assert [result_of(r, STI.task)["changed"] for r in others] == [found == new] * len(others)
        assert list(home.reports.glob(".*")) == []
        assert verify_chain(home).problem == "", pages
    assert set(met.values()) == {"no report", "reported", "completed"}, met
    assert len(met) > 10, met


@pytest.mark.cold
@pytest.mark.xdist_group("disk_space")
def test_the_command_says_on_stderr_that_the_home_is_full_or_read_only_and_recovers(
    disk: Disk, program: Program
) -> None:
    home = disk.home
    old = write_live(home, STI, companies("sti")[:-1])
    disk.fill(free_pages=0)
    full = program("run", "--apply", "--task", STI.task)
    assert full.returncode == 1
    assert FULL in full.stderr
    assert "Traceback" not in full.stderr
    assert full.stdout == ""
    disk.free()

    disk.make_read_only()
    read_only = program("run", "--apply", "--task", STI.task)
    looked = program("status")
    disk.make_writable()
    assert read_only.returncode == 1
    assert "Read-only file system" in read_only.stderr
    assert "Traceback" not in read_only.stderr
    assert (looked.returncode, "STI" in looked.stdout) == (0, True), looked.stderr
    assert home.live_file("sti").read_bytes() == old
    assert temporary_files(home) == []
    assert reports_of(home) == []


@pytest.mark.xdist_group("disk_space")
def test_a_disk_that_fills_under_dagster_ends_in_words_and_the_next_command_completes(
    command: Callable[..., Result], disk: Disk
) -> None:
    home = disk.home
    old = write_live(home, STI, companies("sti")[:-1])
    assert command("validate").exit_code in (0, 1)
    told = {}
    for pages in (0, 3, 8, 16, 32, 64):
        disk.fill(free_pages=pages)
        done = command("run", "--task", STI.task)
        disk.free()
        told[pages] = done.output
        assert done.exit_code in (0, 1), done.output
        assert home.live_file("sti").read_bytes() == old
        assert temporary_files(home) == []
        if done.exit_code:
            assert FULL in done.output or "Free some space" in done.output, done.output
    assert command("run", "--apply", "--task", STI.task).exit_code == 0
    assert home.live_file("sti").read_bytes() != old
    assert verify_chain(home).problem == ""
