"""`run` and `validate`: what is refused before anything starts, and the exit codes."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES
from tws_maintenance.core.locks import hold
from tws_maintenance.demo.pages import companies, page
from tws_maintenance.demo.server import PageServer
from tws_maintenance_tests.cli.conftest import Command
from tws_maintenance_tests.pipeline.support import (
    HeldServer,
    good_pages,
    until,
    web_environment,
)
from tws_maintenance_tests.support import (
    Program,
    live_bytes,
    reports_of,
    result_of,
    write_live,
)

HSI = INDICES["hsi"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--task", "hsi_constituents", "--task", "nasdaq"), "'nasdaq' is not one of"),
        (("--dry-run", "--apply"), "--dry-run and --apply cannot be used together"),
        (("--symbols", "AAPL"), "No such option"),
        (("hsi_constituents",), "unexpected extra argument"),
    ],
)
def test_a_usage_mistake_is_refused_with_exit_2_and_nothing_is_written(
    command: Command, home: Home, arguments: tuple[str, ...], message: str
) -> None:
    done = command("run", *arguments)
    assert done.exit_code == 2
    assert message in done.output
    assert list(home.root.iterdir()) == []


def test_a_mistake_in_the_settings_is_refused_with_exit_2_and_named(
    command: Command, home: Home
) -> None:
    home.settings_file.write_text("[indices.hsi]\nmin_row = 3\n")
    done = command("run", "--task", "constituents", "--apply")
    assert done.exit_code == 2
    assert "indices.hsi.min_row: there is no such setting" in done.output
    assert [one.name for one in home.root.iterdir()] == ["maintenance.toml"]


def test_a_home_that_does_not_exist_is_refused_with_exit_2(
    command: Command, tmp_path: Path
) -> None:
    done = command("--home", str(tmp_path / "no such folder"), "run")
    assert done.exit_code == 2
    assert "is not a folder. Create it, or name another" in done.output
    assert not (tmp_path / "no such folder").exists()


def test_one_rejected_list_beside_good_ones_ends_with_3(
    command: Command, home: Home, server: PageServer
) -> None:
    server.pages["hsi"] = page("hsi", companies("hsi")[:60])
    done = command("run", "--task", "sti_constituents", "--task", HSI.task, "--apply")
    assert done.exit_code == 3
    assert "Apply partly failed. Replaced: STI. Failed: HSI." in done.output
    assert "row_count_is_at_least_the_minimum: 60 rows, expected at least 70" in done.output
    assert [key for key, content in live_bytes(home).items() if content is not None] == ["sti"]
    (report,) = reports_of(home)
    assert report["status"] == "partial_failure"


def test_a_rejected_list_alone_ends_with_1_and_the_override_lets_it_through(
    command: Command, home: Home
) -> None:
    former = write_live(home, HSI, companies("hsi")[:60])
    refused = command("run", "--apply", "--task", HSI.task)
    assert refused.exit_code == 1
    assert "count_change_is_within_limits: 60 rows in the live file, 85 now" in refused.output
    assert live_bytes(home)["hsi"] == former

    options = ("--allow-large-change", "--reason", "index enlarged")
    taken = command("run", "--apply", "--task", HSI.task, *options, "--json")
    assert taken.exit_code == 0
    report = json.loads(taken.stdout)
    assert (report["overrides"], report["reason"]) == (
        {"allow_large_change": True},
        "index enlarged",
    )
    assert result_of(report, HSI.task)["changed"] is True


def test_validate_without_any_live_file_fails_with_1_and_says_what_to_do(
    command: Command, home: Home
) -> None:
    done = command("validate")
    assert done.exit_code == 1
    for index in INDICES.values():
        assert (
            f"{index.name}: data/{index.task}.csv does not exist. "
            f"Fetch it: python -m tws_maintenance run --task {index.task} --apply\n"
        ) in done.output
    assert set(live_bytes(home).values()) == {None}


def test_a_run_that_finds_every_index_locked_ends_with_4(
    command: Command, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWS_MAINTENANCE_LOCKS__WAIT", "0")
    with contextlib.ExitStack() as locks:
        for key in INDICES:
            lock = home.locks / f"{key}.lock"
            locks.enter_context(hold(lock, wait_seconds=0, holder="run maintenance_of_somebody"))
        done = command("run", "--task", "constituents", "--apply")

    assert done.exit_code == 4, done.output
    (report,) = reports_of(home)
    assert [one["refusal"] for one in report["results"]] == ["lock_held"] * 3
    expected = f"hsi is locked by run maintenance_of_somebody (process {os.getpid()}, since "
    assert result_of(report, HSI.task)["errors"][0].startswith(expected)
    assert set(live_bytes(home).values()) == {None}


@pytest.mark.services
@pytest.mark.process
def test_ctrl_c_leaves_a_report_and_the_live_files_alone(home: Home) -> None:
    former = write_live(home, HSI, companies("hsi")[1:])
    with HeldServer(good_pages(), held="sti") as pages:
        process = subprocess.Popen(
            [sys.executable, "-m", "tws_maintenance", "run", "--task", "constituents", "--apply"],
            env=Program(home, web_environment(pages)).full_environment(),
            cwd=home.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        # Two lists are staged, the third waits for its page.
        until(lambda: bool(list(home.staging.glob("*_sp500/proposal.json"))), "the run at work")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        pages.release()

    assert process.returncode != 0
    (report,) = reports_of(home)
    assert report["status"] == "interrupted", (out, err)
    assert any(text.startswith("Interrupted: ") for text in report["errors"])
    assert live_bytes(home) == {"sp500": None, "sti": None, "hsi": former}
    assert list(home.reports.glob(".*")) == []
    assert "Traceback" not in err
