"""A run that was killed: the next start tells from the disk what it did, once, and nothing more."""

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass

import pytest
from filelock import FileLock

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES
from tws_maintenance.core.atomic import TEMPORARY_SUFFIX, PreparedFile
from tws_maintenance.demo.pages import companies
from tws_maintenance.demo.server import PageServer
from tws_maintenance.reports.chain_verification import verify_chain
from tws_maintenance.reports.store import reserve
from tws_maintenance.runs.recovery import clear_temporary_files, recover, run_lock
from tws_maintenance_tests.constituents.bench import AT, temporary_files, tree
from tws_maintenance_tests.killing import (
    KILLED,
    NOWHERE,
    STI_TASK,
    Job,
    Moment,
    carry_out,
    standing_still,
    started,
)
from tws_maintenance_tests.pipeline.support import HeldServer, good_pages, until, web_environment
from tws_maintenance_tests.support import TIMEOUT_SECONDS, reports_of, result_of, write_live

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
    pytest.mark.xdist_group("recovery"),
]
STI = INDICES["sti"]
RECOVERY = """
import json, sys
from pathlib import Path
from tws_maintenance.config.home import Home
from tws_maintenance.runs.recovery import recover
print("ready", flush=True)
sys.stdin.readline()
print(json.dumps([vars(one) for one in recover(Home(Path(sys.argv[1])))]))
"""
NOTE = {
    "run_id": "at-work",
    "entry_point": "cli",
    "actor": "operator",
    "reason": "weekly",
    "dry_run": True,
    "overrides": {"allow_large_change": False},
    "tasks": [STI_TASK],
}
NOTHING_STAGED = "the run was killed before it had staged anything; nothing was replaced"
AFTER_STAGING = (
    "the run was killed after staging; nothing was replaced. The proposal is kept: "
    "`proposals list` shows it."
)
BEFORE_REPLACING = (
    "the run was killed before it replaced data/sti_constituents.csv; the old file is intact"
)


@dataclass(frozen=True)
class Death:
    """Where a run was killed and what must be told of it; `error` is None for a success."""

    moment: Moment
    replaced: bool
    error: str | None
    has_proposal: bool = True
    audit: str = "passed"
    status: str = "interrupted"
    dry_run: bool = False


DEATHS = {
    "after it was opened": Death(
        Moment("open", r"/data/\.probe\.\S+\.tmp"), False, NOTHING_STAGED, False, "not_run"
    ),
    "while it kept the page": Death(
        Moment("os.rename", r"/raw/1_\w+\.html"), False, NOTHING_STAGED, False, "not_run"
    ),
    "before its proposal had a record": Death(
        Moment("os.rename", r"/proposal\.json"), False, NOTHING_STAGED, False, "not_run"
    ),
    "after it staged": Death(
        Moment("os.rename", r"/receipt\.json"), False, AFTER_STAGING, audit="not_run"
    ),
    "after it audited": Death(Moment("open", r"/sti\.lock"), False, AFTER_STAGING),
    "when it had noted its intent": Death(
        Moment("os.mkdir", r"/backups/constituents/\w+"), False, BEFORE_REPLACING
    ),
    "during the backup": Death(Moment("os.rename", r"/SHA256SUMS"), False, BEFORE_REPLACING),
    "before it replaced the list": Death(
        Moment("os.rename", r"/data/sti_constituents\.csv"), False, BEFORE_REPLACING
    ),
    "after it replaced the list": Death(Moment("os.rename", r"/sti_membership\.csv"), True, None),
    "before its stamp": Death(Moment("os.rename", r"/\.generation_sti"), True, None),
    "before it noted the outcome": Death(
        Moment("os.rename", r"/promotion\.json", nth=3), True, None
    ),
    "before its report": Death(Moment("os.rename", r"/\d{8}_\d{6}\.md"), True, None),
    "during its report": Death(Moment("os.rename", r"/\d{8}_\d{6}\.json"), True, None),
    "after its report": Death(
        Moment("os.remove", r"/\.\d{8}_\d{6}\.reserved"), True, None, status="completed"
    ),
}
LOOKED = "after a dry run had passed its audit"
AT_ONCE = "to be recovered by several at once"
OTHERS = {
    LOOKED: Death(Moment("os.rename", r"/\d{8}_\d{6}\.md"), False, None, dry_run=True),
    AT_ONCE: DEATHS["after it replaced the list"],
}


@dataclass(frozen=True)
class Dead:
    """What is left of a home whose run was killed, with its list before and after."""

    home: Home
    death: Death
    old: bytes
    new: bytes


@pytest.fixture(scope="module")
def dead(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Dead]:
    """Every death, each in a home of its own."""
    folder = tmp_path_factory.mktemp("deaths")
    deaths = DEATHS | OTHERS
    homes = {name: Home(folder / str(number)) for number, name in enumerate(deaths)}
    new = write_live(Home(folder / "new"), STI, companies("sti"))
    old = [write_live(home, STI, companies("sti")[:-1]) for home in homes.values()]
    with PageServer(good_pages()) as server:
        where = web_environment(server)
        codes = carry_out(
            [
                Job(str(home.root), death.moment, dry_run=death.dry_run, environment=where)
                for home, death in zip(homes.values(), deaths.values(), strict=True)
            ]
        )
    assert dict(zip(homes, codes, strict=True)) == dict.fromkeys(homes, KILLED)
    return {name: Dead(home, deaths[name], old[0], new) for name, home in homes.items()}


@pytest.mark.parametrize("when", DEATHS)
def test_a_run_killed_at_any_moment_is_reported_from_what_the_disk_says(
    when: str, dead: dict[str, Dead]
) -> None:
    one = dead[when]
    home, death = one.home, one.death
    expected = one.new if death.replaced else one.old
    assert home.live_file("sti").read_bytes() == expected

    (recovered,) = recover(home)

    assert home.live_file("sti").read_bytes() == expected
    (report,) = reports_of(home)
    assert (recovered.run_id, recovered.report_id) == ("the-run-that-dies", report["report_id"])
    assert (report["status"], report["actor"], report["dry_run"]) == (
        death.status,
        "operator",
        False,
    )
    result = result_of(report, STI_TASK)
    assert result["changed"] is death.replaced
    assert result["errors"] == ([death.error] if death.error else [])
    assert result["status"] == ("failed" if death.error else "success")
    assert bool(result["proposal_id"]) is death.has_proposal
    assert result["validation"]["status"] == death.audit
    if death.replaced:
        assert result["output_path"] == "data/sti_constituents.csv"
        assert (home.root / result["backup_path"]).read_bytes() == one.old
        assert home.membership_file("sti").read_text().count(report["report_id"]) == 1
        assert (
            json.loads(home.generation_file("sti").read_text())["sha256"]
            == (result["proposal_sha256"])
        )
    else:
        assert not home.membership_file("sti").exists()
        assert not home.generation_file("sti").exists()
    if death.status == "interrupted":
        assert report["errors"][0].startswith("Interrupted: the run was killed (process ")
        assert (home.reports / f"{report['report_id'][12:]}.md").exists()
    assert verify_chain(home).problem == ""
    assert temporary_files(home) == []
    assert list(home.reports.glob(".*")) == []
    before = tree(home.root / "reports"), tree(home.data)
    assert recover(home) == []
    assert (tree(home.root / "reports"), tree(home.data)) == before


def test_a_dry_run_that_had_passed_its_audit_before_it_was_killed_succeeded(
    dead: dict[str, Dead],
) -> None:
    home = dead[LOOKED].home
    (recovered,) = recover(home)
    assert home.live_file("sti").read_bytes() == dead[LOOKED].old
    (report,) = reports_of(home)
    result = result_of(report, STI_TASK)
    assert (report["status"], result["status"], result["errors"]) == ("interrupted", "success", [])
    assert result["proposal_id"] == f"{recovered.report_id}_sti"
    assert result["added"] == ["D29.SI"]
    assert recovered.text.endswith("it had replaced no file")


@pytest.mark.services
@pytest.mark.process
def test_a_run_killed_while_its_page_does_not_come_had_staged_what_came_before(
    home: Home,
) -> None:
    old = {key: write_live(home, INDICES[key], companies(key)[:-1]) for key in ("sti", "hsi")}
    tasks = (STI_TASK, "hsi_constituents")
    with HeldServer(good_pages(), held="hsi") as server:
        environment = web_environment(server)
        job = Job(str(home.root), NOWHERE, tasks=tasks, environment=environment)
        with started(job) as process:
            stamp = home.generation_file("sti")
            until(stamp.exists, "the first list")
            assert recover(home) == [], "it is alive"
            process.send_signal(signal.SIGKILL)
            assert process.wait(TIMEOUT_SECONDS) == KILLED
        server.release()
    (recovered,) = recover(home)
    told = f"the run was killed (process {process.pid}); it had replaced sti_constituents"
    assert recovered.text == told
    (report,) = reports_of(home)
    assert [(one["task"], one["status"], one["changed"]) for one in report["results"]] == [
        (STI_TASK, "success", True),
        ("hsi_constituents", "failed", False),
    ]
    assert home.live_file("hsi").read_bytes() == old["hsi"]
    assert home.live_file("sti").read_bytes() != old["sti"]


def recovery_of(home: Home) -> "subprocess.Popen[str]":
    """Start a process that recovers `home` as soon as it gets a line."""
    process = subprocess.Popen(
        [sys.executable, "-c", RECOVERY, str(home.root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.process
def test_several_recoveries_at_once_write_one_report(dead: dict[str, Dead]) -> None:
    home = dead[AT_ONCE].home
    processes = [recovery_of(home) for _ in range(3)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=TIMEOUT_SECONDS)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    recovered = [one for answer in answers for one in json.loads(answer)]
    (report,) = reports_of(home)
    assert [one["report_id"] for one in recovered] == [report["report_id"]]
    assert verify_chain(home).problem == ""
    assert home.live_file("sti").read_bytes() == dead[AT_ONCE].new


@pytest.mark.services
@pytest.mark.process
@pytest.mark.parametrize("where", ["before it replaced the list", "during its report"])
def test_a_run_that_lives_is_never_declared_dead_and_keeps_its_temporary_files(
    home: Home, where: str
) -> None:
    write_live(home, STI, companies("sti")[:-1])
    moment = DEATHS[where].moment
    moment = Moment(moment.event, moment.pattern, moment.nth, stop=True)
    with PageServer(good_pages()) as server:
        job = Job(str(home.root), moment, environment=web_environment(server))
        with standing_still(job) as process:
            written = temporary_files(home)
            assert written
            assert all(f".{process.pid}-" in name for name in written)
            assert recover(home) == []
            assert temporary_files(home) == written
            assert reports_of(home) == []
    assert process.returncode == 0
    (report,) = reports_of(home)
    assert (report["status"], report["results"][0]["changed"]) == ("completed", True)
    assert temporary_files(home) == []
    assert recover(home) == []


def test_a_process_id_that_somebody_else_has_now_does_not_keep_a_dead_run_alive(
    home: Home,
) -> None:
    # This very process, which lives and is not that run.
    reservation = reserve(home, AT, NOTE | {"run_id": "long-dead", "pid": os.getpid()})
    (recovered,) = recover(home)
    assert recovered.report_id == reservation.report_id
    (report,) = reports_of(home)
    assert (report["status"], report["reason"], report["run_id"]) == (
        "interrupted",
        "weekly",
        "long-dead",
    )
    assert report["started_at"] == "2026-11-22T18:30:00.000Z"
    assert not run_lock(home, "long-dead").exists()


@pytest.mark.process
def test_temporary_files_of_the_dead_go_and_those_of_the_living_stay(home: Home) -> None:
    home.history.mkdir(parents=True)
    mine = PreparedFile(home.history / "sti_membership.csv", b"at work")
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait(TIMEOUT_SECONDS)
    folders = (
        home.data,
        home.history,
        home.staging / "one" / "raw",
        home.backups / "b",
        home.locks,
    )
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f".x.{ended.pid}-0123456789ab{TEMPORARY_SUFFIX}").write_bytes(b"half")
    old = home.data / f".y.{os.getpid()}-0123456789ab{TEMPORARY_SUFFIX}"
    old.write_bytes(b"of a process that had this number")
    os.utime(old, (0, 0))
    unnamed = home.data / f"notes{TEMPORARY_SUFFIX}"
    unnamed.write_bytes(b"not ours")
    clear_temporary_files(home)
    left = {path.name for path in home.root.rglob(f"*{TEMPORARY_SUFFIX}")}
    mine.discard()
    assert unnamed.name in left
    assert len(left) == 2
    assert any(name.startswith(f".sti_membership.csv.{os.getpid()}-") for name in left)


def test_a_run_that_is_at_work_costs_nobody_else_a_cleaning(home: Home) -> None:
    """Every command recovers first, and a run that lives is met by each of them."""
    home.locks.mkdir(parents=True)
    reserve(home, AT, NOTE)
    (home.data / "staging").mkdir(parents=True)
    left = home.data / "staging" / f".x.{os.getpid()}-0123456789ab{TEMPORARY_SUFFIX}"
    left.write_bytes(b"half")
    os.utime(left, (0, 0))
    with FileLock(run_lock(home, "at-work")):
        assert recover(home) == []
        assert left.exists()
        assert list(home.locks.glob("recovery.*")) == []


def test_a_reservation_that_nobody_can_read_is_left_alone(home: Home) -> None:
    marker = reserve(home, AT, {"run_id": "gone"}).marker
    marker.write_bytes(b"{")
    assert recover(home) == []
    assert marker.read_bytes() == b"{"


def test_a_home_without_anything_to_recover_is_not_touched(home: Home) -> None:
    assert recover(home) == []
    assert tree(home.root) == {}
    shutil.rmtree(home.root)
    assert recover(home) == []
