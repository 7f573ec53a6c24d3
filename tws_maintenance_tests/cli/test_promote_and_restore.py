"""Look, promote exactly that, go back, and go forth again; and what is refused on the way."""

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tws_maintenance.config.home import HOME_VARIABLE, Home
from tws_maintenance.config.indices import INDICES
from tws_maintenance.core.clock import parse_utc
from tws_maintenance.core.digest import sha256
from tws_maintenance.demo.pages import Company, companies, page
from tws_maintenance.demo.server import PageServer
from tws_maintenance_tests.cli.conftest import Command, preparing
from tws_maintenance_tests.constituents.bench import configure, tree
from tws_maintenance_tests.pipeline.support import (
    good_pages,
    quiet_environment,
    run_job,
    web_environment,
)
from tws_maintenance_tests.support import (
    Program,
    copy_home,
    live_bytes,
    reports_of,
    result_of,
    write_live,
)

Done = subprocess.CompletedProcess[str]
STI, HSI = INDICES["sti"], INDICES["hsi"]
NEWCOMER = Company("N3W", "Newcomer Ltd")
EDIT = b"ZZZ.SI,ZZZ,By Hand Ltd,,\n"


def looked(command: Command, *tasks: str) -> dict[str, Any]:
    """Make a dry run and return its report."""
    chosen = [word for task in tasks or (STI.task,) for word in ("--task", task)]
    done = command("run", *chosen, "--json")
    assert done.exit_code == 0, done.output
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def staged_bytes(home: Home, report: dict[str, Any], key: str = "sti") -> bytes:
    return (home.proposal(f"{report['report_id']}_{key}") / "constituents.csv").read_bytes()


@dataclass
class Journey:
    """A home's lists and reports after each command of the operator, each a real process."""

    home: Home
    start: bytes
    preview: bytes
    done: dict[str, Done]
    live: dict[str, bytes]
    reports: list[dict[str, Any]]


@pytest.fixture(scope="module")
def journey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journey]:
    home = Home(tmp_path_factory.mktemp("journey") / "home")
    start = write_live(home, STI, companies("sti")[:-1])
    done: dict[str, Done] = {}
    live: dict[str, bytes] = {}
    with quiet_environment(), PageServer(good_pages()) as server:
        program = Program(home, web_environment(server))

        def step(name: str, *arguments: str) -> str:
            done[name] = program(*arguments)
            live[name] = home.live_file("sti").read_bytes()
            return str(reports_of(home)[-1]["report_id"])

        report_id = step("look", "run", "--task", STI.task)
        preview = staged_bytes(home, {"report_id": report_id})
        server.pages["sti"] = page("sti", [*companies("sti"), NEWCOMER])
        step("promote", "promote", report_id, "--reason", "monthly")
        step("restore", "restore", STI.task, "--apply", "--reason", "second thoughts")
        step("again", "restore", STI.task, "--apply")
        step("verify", "reports", "verify")
        yield Journey(home, start, preview, done, live, reports_of(home))


group = pytest.mark.xdist_group("promote_and_restore")


@group
def test_the_previewed_bytes_land_although_the_page_changed_in_between(journey: Journey) -> None:
    assert {name: one.returncode for name, one in journey.done.items()} == dict.fromkeys(
        journey.done, 0
    ), [one.stderr for one in journey.done.values()]
    look = journey.done["look"].stdout.splitlines()[-1]
    assert look == f"  python -m tws_maintenance promote {journey.reports[0]['report_id']}"
    assert journey.live["look"] == journey.start
    assert journey.live["promote"] == journey.preview
    assert b"N3W" not in journey.preview
    report = journey.reports[1]
    assert (report["reason"], report["dry_run"], report["entry_point"]) == ("monthly", False, "cli")
    result = result_of(report, STI.task)
    assert result["proposal_id"] == f"{journey.reports[0]['report_id']}_sti"
    assert result["proposal_sha256"] == sha256(journey.preview)
    assert (result["added"], result["removed"]) == (["D29.SI"], [])


@group
def test_a_restore_goes_back_to_the_start_and_a_second_one_to_what_was_applied(
    journey: Journey,
) -> None:
    assert journey.live["restore"] == journey.start
    assert journey.live["again"] == journey.preview
    first, second = (result_of(one, STI.task) for one in journey.reports[2:])
    promoted = result_of(journey.reports[1], STI.task)
    assert (first["source"], first["removed"]) == (promoted["backup_path"], ["D29.SI"])
    assert (second["source"], second["added"]) == (first["backup_path"], ["D29.SI"])
    assert (journey.home.root / second["backup_path"]).read_bytes() == journey.start


@group
def test_every_step_left_its_report_and_the_chain_of_them_is_whole(journey: Journey) -> None:
    assert [(one["status"], one["dry_run"]) for one in journey.reports] == [
        ("completed", True),
        *[("completed", False)] * 3,
    ]
    assert journey.done["verify"].stdout == "Checked 4 reports: no report is altered or missing.\n"


@group
def test_the_history_tells_the_coming_the_going_and_the_coming_back(
    journey: Journey, monkeypatch: pytest.MonkeyPatch, command: Command
) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(journey.home.root))
    changes = json.loads(command("history", STI.task, "--json").stdout)["changes"]
    ids = [one["report_id"] for one in journey.reports]
    assert sorted((one["report_id"], one["kind"], one["symbol"]) for one in changes) == [
        (ids[1], "added", "D29.SI"),
        (ids[2], "removed", "D29.SI"),
        (ids[3], "added", "D29.SI"),
    ]
    last = parse_utc(journey.reports[-1]["finished_at"]).date()
    days = [last - timedelta(days=2), last]
    asked = [
        json.loads(command("history", STI.task, "--on", str(day), "--json").stdout) for day in days
    ]
    assert [len(one["members"]) for one in asked] == [29, 30]
    printed = command("history", STI.task, "--on", str(days[1])).output
    assert printed.endswith(f"30 members on {days[1]}\n")
    assert "before the history" in printed
    future = last + timedelta(days=3)
    early = command("history", STI.task, "--on", str(future))
    assert early.exit_code == 2
    assert f"{future} is in the future; --on takes a day up to today (UTC)." in early.output


@group
def test_one_byte_changed_in_an_old_report_is_found(
    journey: Journey, monkeypatch: pytest.MonkeyPatch, command: Command
) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(journey.home.root))
    path = journey.home.reports / f"{journey.reports[1]['report_id'][12:]}.json"
    good = path.read_bytes()
    path.write_bytes(good.replace(b'"monthly"', b'"Monthly"'))
    found = command("reports", "verify")
    path.write_bytes(good)
    assert found.exit_code == 1
    assert f"{journey.reports[1]['report_id']} was altered" in found.output
    assert command("reports", "verify").exit_code == 0


def begun(folder: Path, *arguments: str) -> Home:
    """Return a home whose list of the STI lacked its last member before a run."""
    home = Home(folder / "home")
    write_live(home, STI, companies("sti")[:-1])
    with preparing(home) as (command, _):
        done = command("run", "--task", STI.task, *arguments)
    assert done.exit_code == 0, done.output
    return home


@pytest.fixture(scope="module")
def looked_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return begun(tmp_path_factory.mktemp("looked"))


@pytest.fixture(scope="module")
def applied_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return begun(tmp_path_factory.mktemp("applied"), "--apply")


@pytest.fixture
def older(looked_home: Home) -> bytes:
    """The STI's list without its last member."""
    return looked_home.live_file("sti").read_bytes()


@pytest.fixture
def preview(looked_home: Home, home: Home) -> dict[str, Any]:
    """The report of a look at `home`, whose list is the older one."""
    copy_home(looked_home, home)
    return reports_of(home)[0]


@pytest.fixture
def applied(applied_home: Home, home: Home) -> Home:
    """`home` after an apply that replaced the older list."""
    copy_home(applied_home, home)
    return home


def test_a_list_edited_since_the_dry_run_is_not_replaced_and_the_operator_told_what_to_do(
    command: Command, home: Home, older: bytes, preview: dict[str, Any]
) -> None:
    home.live_file("sti").write_bytes(older + EDIT)
    done = command("promote", preview["report_id"])
    assert done.exit_code == 4
    assert "data/sti_constituents.csv is not the file that" in done.output
    assert "Run a dry run again" in done.output
    assert home.live_file("sti").read_bytes() == older + EDIT
    assert [(r["status"], r["results"][0]["refusal"]) for r in reports_of(home)[1:]] == [
        ("failed", "stale")
    ]
    shown = command("proposals", "show", f"{preview['report_id']}_sti")
    assert shown.output.splitlines()[0].endswith(": outdated")


def test_what_has_waited_too_long_is_refused_until_the_home_allows_it(
    command: Command, home: Home, older: bytes, preview: dict[str, Any]
) -> None:
    configure(home, "[proposals]\nmax_age_hours = 0.0000001\n")
    late = command("promote", preview["report_id"])
    assert (late.exit_code, "Run a dry run for a new one" in late.output) == (4, True)
    listed = json.loads(command("proposals", "list", "--json").stdout)
    assert [one["state"] for one in listed["proposals"]] == ["too_old"]
    assert home.live_file("sti").read_bytes() == older
    assert reports_of(home)[1]["results"][0]["refusal"] == "too_old"

    home.settings_file.unlink()
    assert command("promote", preview["report_id"]).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("maintenance_20200101_000000",), "There is no report maintenance_20200101_000000"),
        (("../../secret",), "is not a report id"),
        (("maintenance_20200101_000000", "--task", "market_events"), "cannot be promoted"),
    ],
)
def test_a_report_that_is_not_there_is_a_usage_error_and_nothing_is_written(
    command: Command, home: Home, arguments: tuple[str, ...], message: str
) -> None:
    done = command("promote", *arguments)
    assert (done.exit_code, message in done.output) == (2, True)
    assert list(home.root.iterdir()) == []


def test_one_task_of_a_dry_run_can_be_promoted_and_the_others_later(
    command: Command, home: Home
) -> None:
    report = looked(command, STI.task, HSI.task)
    missing = command("promote", report["report_id"], "--task", "sp500_constituents")
    assert (missing.exit_code, "did not stage sp500" in missing.output) == (2, True)
    assert command("promote", report["report_id"], "--task", HSI.task).exit_code == 0
    live = live_bytes(home)
    assert (live["sti"], live["hsi"]) == (None, staged_bytes(home, report, "hsi"))
    both = command("promote", report["report_id"])
    assert both.exit_code == 3, "the one is promoted, the other was before"
    assert f"was already promoted, by {reports_of(home)[1]['report_id']}" in both.output
    assert live_bytes(home)["sti"] == staged_bytes(home, report)
    states = json.loads(command("proposals", "list", "--json").stdout)["proposals"]
    assert {one["state"] for one in states} == {"promoted"}


def test_proposals_are_listed_with_their_state_and_shown_with_every_change(
    command: Command, home: Home
) -> None:
    first, *others = companies("sti")[:-1]
    older = write_live(home, STI, [first.renamed("0LD"), *others])
    assert "Nothing is staged." in command("proposals", "list").output
    assert "No backup yet" in command("backups", "list").output
    assert command("proposals", "show", "maintenance_20200101_000000_sti").exit_code == 2
    report = looked(command)
    name = f"{report['report_id']}_sti"
    listed = command("proposals", "list", "--waiting").output
    assert re.search(rf"{name} +STI +waiting +29 +30 +1 +0 +1 +promote ", listed), listed
    shown = command("proposals", "show", name).output
    assert f"promote {report['report_id']}" in shown
    assert "added    D29.SI" in shown
    value = json.loads(command("proposals", "show", name, "--json").stdout)
    assert value["proposal"]["live_sha256"] == sha256(older)
    assert live_bytes(home)["sti"] == older


def test_an_edit_by_hand_is_named_by_status_validate_and_the_next_preview(
    command: Command, applied: Home
) -> None:
    with open(applied.live_file("sti"), "ab") as file:
        file.write(EDIT)
    says = "was edited by somebody else since"
    status = command("status").output
    assert (says in status, "added ZZZ.SI" in status) == (True, True)
    report = looked(command)
    assert any(says in text and "added ZZZ.SI" in text for text in report["warnings"])
    validated = json.loads(command("validate", "--json").stdout)
    (result,) = validated["results"]
    warnings = result["files"]["sti"]["validation"]["warnings"]
    assert any(says in text and "added ZZZ.SI" in text for text in warnings), result


def test_backups_are_listed_verified_and_pruned_only_when_told_to(
    command: Command, applied: Home, older: bytes
) -> None:
    home = applied
    assert command("restore", STI.task, "--apply").exit_code == 0
    first, second = sorted(path.name for path in home.backups.iterdir())
    # By whole words: made in one second, the first one's name begins the second's.
    listed = [line.split()[0] for line in command("backups", "list").output.splitlines()[1:]]
    assert listed == [second, first]
    assert command("backups", "verify").output == "2 backups, 0 damaged\n"

    configure(home, "[retention]\nbackups_keep = 1\nbackups_max_age_days = 0\n")
    before = tree(home.backups)
    dry = command("backups", "prune").output
    assert f"data/backups/constituents/{first}/sti_constituents.csv" in dry
    assert "1 backup would be removed; --apply removes them" in dry
    assert tree(home.backups) == before
    assert json.loads(command("backups", "prune", "--apply", "--json").stdout)["removed"] is True
    assert [path.name for path in home.backups.iterdir()] == [second]
    assert command("backups", "prune").output == "[retention] keeps every backup.\n"

    damaged = home.backups / second / "sti_constituents.csv"
    damaged.write_bytes(damaged.read_bytes() + b"\n")
    found = command("backups", "verify")
    assert (found.exit_code, f"{second}/sti_constituents.csv is damaged" in found.output) == (
        1,
        True,
    )
    refused = command("restore", STI.task, "--apply")
    assert refused.exit_code == 1
    assert f"The backup data/backups/constituents/{second}/sti_constituents.csv is damaged" in (
        refused.output
    )
    unknown = command("restore", STI.task, "--backup", "20200101_000000")
    assert (unknown.exit_code, "There is no backup 20200101_000000 of STI" in unknown.output) == (
        1,
        True,
    )
    assert home.live_file("sti").read_bytes() == older


def test_a_restore_shows_first_and_names_the_command_that_does_it(
    command: Command, applied: Home, older: bytes
) -> None:
    home = applied
    new = home.live_file("sti").read_bytes()
    shown = command("restore", STI.task)
    assert shown.exit_code == 0
    assert "removed  D29.SI" in shown.output
    assert home.live_file("sti").read_bytes() == new
    words = shown.output.splitlines()[-1].split()
    assert words[:3] == ["python", "-m", "tws_maintenance"]
    assert command(*words[3:]).exit_code == 0
    assert home.live_file("sti").read_bytes() == older
    home.live_file("sti").unlink()
    assert command("restore", STI.task, "--apply").exit_code == 0
    assert home.live_file("sti").read_bytes() == new


@pytest.mark.usefixtures("command")
def test_a_job_without_what_it_needs_fails_with_a_report_that_says_so(home: Home) -> None:
    older = write_live(home, STI, companies("sti")[:-1])
    jobs: list[tuple[str, dict[str, Any], str]] = [
        ("promote_proposals", {}, "promote_proposals needs `report_id` in its config"),
        ("restore_backup", {}, "restore_backup needs `tasks` (which lists) and `backup`"),
        ("restore_backup", {"tasks": [STI.task]}, "restore_backup needs `tasks`"),
        (
            "promote_proposals",
            {"report_id": "maintenance_20200101_000000"},
            "There is no report maintenance_20200101_000000",
        ),
    ]
    for number, (job, config, message) in enumerate(jobs, start=1):
        assert not run_job(home, job, config).success
        reports = reports_of(home)
        assert len(reports) == number
        assert reports[-1]["status"] == "failed"
        assert reports[-1]["errors"][0].startswith(message)
        assert {one["status"] for one in reports[-1]["results"]} <= {"skipped"}
    assert live_bytes(home)["sti"] == older
    assert list(home.staging.glob("*")) == []


@pytest.mark.usefixtures("command")
def test_the_jobs_promote_and_restore_with_a_config(
    home: Home, older: bytes, preview: dict[str, Any]
) -> None:
    promoted = {"report_id": preview["report_id"], "reason": "by job"}
    assert run_job(home, "promote_proposals", promoted).success
    assert home.live_file("sti").read_bytes() == staged_bytes(home, preview)
    assert run_job(home, "restore_backup", {"tasks": [STI.task], "backup": "newest"}).success
    assert home.live_file("sti").read_bytes() == older
    _, one, other = reports_of(home)
    assert [(r["status"], r["dry_run"]) for r in (one, other)] == [("completed", False)] * 2
    assert (one["reason"], [r["task"] for r in one["results"]]) == ("by job", [STI.task])
    assert [r["task"] for r in other["results"]] == [STI.task]
