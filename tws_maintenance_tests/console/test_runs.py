"""Runs of the console: processes of their own that anybody sees and that outlive whoever asked."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from tws_maintenance.config.environment import operating_system_user
from tws_maintenance.pipeline.tags import PROCESS_TAG
from tws_maintenance_tests.console.support import (
    API,
    COOKIE,
    HSI,
    SP500,
    STI,
    Console,
    consoled,
    error_of,
    opened,
    until,
)
from tws_maintenance_tests.pipeline.support import HeldServer, good_pages, run_job
from tws_maintenance_tests.support import (
    Program,
    free_port,
    live_bytes,
    reports_of,
    result_of,
    write_modules_of_others,
)

# What a console knows and its runs need not.
SECRETS = ("TWS_MAINTENANCE_CONSOLE__PASSWORD", "TWS_MAINTENANCE_NOTICES__SMTP_PASSWORD")
ON_ITS_WAY = {"queued", "running"}


@pytest.fixture
def held() -> Iterator[HeldServer]:
    """The pages, of which STI's is answered only after `release`."""
    with HeldServer(good_pages(), "sti") as server:
        yield server
        server.release()


@pytest.fixture
def waiting(held: HeldServer, tmp_path: Path) -> Iterator[Console]:
    """A console whose runs of STI stay at work until they are released."""
    with consoled(tmp_path, held) as console:
        yield console
        held.release()


def start(console: Console, *tasks: str, **body: object) -> str:
    """Start a run that takes longer than the wait, which is none unless said; return its id."""
    answer = console.post(f"{API}/run", {"tasks": tasks, "wait": 0, **body})
    assert answer.status_code == 202, answer.text
    assert answer.json is not None
    run_id: str = answer.json["run_id"]
    assert {"run_id": run_id, "status_url": f"{API}/runs/{run_id}"} == answer.json
    return run_id


def until_at_work(console: Console, run_id: str) -> None:
    """Wait until a run stands before the page that is held back."""

    def is_at_work() -> bool:
        steps = console.json(f"{API}/runs/{run_id}")["steps"]
        return any(one["step"] == f"staged__{STI}" and one["state"] == "running" for one in steps)

    until(is_at_work, "a run at work on STI")


def process_of(console: Console, run_id: str) -> int:
    """Return the process that works on a run of this console."""
    run = console.instance.get_run_by_id(run_id)
    assert run is not None
    return int(run.tags[PROCESS_TAG])


def test_a_run_is_followed_from_its_id_to_its_report(console: Console) -> None:
    run_id = start(console, STI, reason="a look")
    (line,) = [one for one in console.running if one["run_id"] == run_id]
    assert line["run_url"] == f"http://127.0.0.1:3000/runs/{run_id}"
    assert (line["tasks"], line["dry_run"]) == ([STI], True)
    assert (line["entry_point"], line["actor"]) == ("console", operating_system_user())
    assert line["state"] in ON_ITS_WAY

    run = console.follow(run_id)
    assert (run["run_id"], run["state"], run["status"]) == (run_id, "finished", "completed")
    assert [(one["step"], one["state"]) for one in run["steps"]] == [
        ("staged__sti_constituents", "done"),
        ("audit_sti_constituents", "done"),
    ]
    assert all(one["started_at"] <= one["finished_at"] for one in run["steps"])
    assert {one["outcome"] for one in run["checks"]} == {"passed"}
    assert "symbols_are_unique" in {one["name"] for one in run["checks"]}
    assert {(one["task"], one["asset"]) for one in run["checks"]} == {(STI, f"staged/{STI}")}

    report = console.json(f"{API}/reports/{run['report_id']}")
    assert report["run_id"] == run_id
    assert (report["entry_point"], report["actor"]) == ("console", operating_system_user())
    assert (report["dry_run"], report["reason"]) == (True, "a look")
    assert console.running == []


def test_a_run_that_is_waited_for_is_answered_with_its_report(console: Console) -> None:
    # What is named twice, or by its group, is run once.
    report = console.run(STI, STI, "constituents")
    assert [one["task"] for one in report["results"]] == [SP500, STI, HSI]
    assert report == console.json(f"{API}/reports/{report['report_id']}")
    # What it said beside its report was nothing, and leaves nothing.
    assert list(console.home.logs.glob("run_*")) == []


@pytest.mark.process
def test_a_run_in_progress_is_seen_by_every_console_and_refuses_its_like(
    waiting: Console, held: HeldServer
) -> None:
    run_id = start(waiting, STI, HSI, wait=0.01)
    until_at_work(waiting, run_id)
    run = waiting.json(f"{API}/runs/{run_id}")
    assert {one["step"]: one["state"] for one in run["steps"]}[f"staged__{STI}"] == "running"
    assert run["finished_at"] is run["status"] is None

    refused = waiting.post(f"{API}/run", {"tasks": [STI], "dry_run": False})
    assert error_of(refused) == (409, "run_in_progress")
    assert refused.json is not None
    named = refused.json["error"]["detail"]["running"]
    assert (named["run_id"], named["actor"]) == (run_id, operating_system_user())
    assert run_id in refused.json["error"]["message"]
    assert error_of(waiting.post(f"{API}/run", {})) == (409, "run_in_progress")
    # What the other does not touch is not held up by it.
    assert waiting.run(SP500)["status"] == "completed"

    with opened(waiting.home) as restarted:
        assert [one["run_id"] for one in restarted.running] == [run_id]
        assert error_of(restarted.post(f"{API}/run", {"tasks": [HSI]}))[0] == 409
        page = restarted.get("/maintenance").text
        assert f"/maintenance/runs/{run_id}" in page
        held.release()
        assert restarted.follow(run_id)["state"] == "finished"
        assert restarted.running == waiting.running == []
    assert len(reports_of(waiting.home)) == 2


def test_of_two_at_once_exactly_one_starts(console: Console) -> None:
    ready = threading.Barrier(4)
    tokens = [console.token_of() for _ in range(4)]

    def ask(token: str) -> TestResponse:
        client = console.app.test_client()
        # Each is an operator with a page of his own.
        client.set_cookie(COOKIE, cookie)
        ready.wait()
        body = {"tasks": [HSI], "wait": 0}
        return client.post(f"{API}/run", json=body, headers={"X-CSRFToken": token})

    found = console.client.get_cookie(COOKIE)
    assert found is not None
    cookie = found.value
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(ask, tokens))
    assert sorted(one.status_code for one in answers) == [202, 409, 409, 409]
    (started,) = [one.json["run_id"] for one in answers if one.status_code == 202 and one.json]
    for answer in answers:
        if answer.status_code == 409:
            assert answer.json is not None
            assert answer.json["error"]["detail"]["running"]["run_id"] == started
    console.follow(started)


@pytest.mark.process
def test_a_run_of_the_command_line_is_seen_and_refuses_its_like(
    waiting: Console, held: HeldServer
) -> None:
    words = ["run", "--apply", "--task", STI, "--json"]
    command = [sys.executable, "-m", "tws_maintenance", *words]
    environment = Program(waiting.home).full_environment()
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as cli:
        until(lambda: [one["state"] for one in waiting.running] == ["running"], "the CLI's run")
        (line,) = waiting.running
        assert (line["entry_point"], line["tasks"]) == ("cli", [STI])
        assert error_of(waiting.post(f"{API}/run", {"tasks": [STI]})) == (409, "run_in_progress")
        held.release()
        report = json.loads(cli.communicate()[0])
    assert waiting.running == []
    assert waiting.follow(line["run_id"])["state"] == "finished"
    assert waiting.json(f"{API}/status")["latest_report"]["run_id"] == line["run_id"]
    one = waiting.list_of(STI)
    assert one["last_refreshed_at"] == result_of(report, STI)["finished_at"]
    assert one["run_id"] == report["run_id"] == line["run_id"]
    assert waiting.json(f"{API}/reports/{report['report_id']}") == report


@pytest.mark.process
def test_a_run_that_dagster_started_appears_moves_and_ends(
    waiting: Console, held: HeldServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWS_MAINTENANCE_HOME", str(waiting.home.root))
    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(run_job, waiting.home, "dry_run_constituents", {"tasks": [STI]})
        until(lambda: [one["state"] for one in waiting.running] == ["running"], "Dagster's run")
        (line,) = waiting.running
        assert (line["job"], line["tasks"]) == ("dry_run_constituents", [STI])
        assert line["entry_point"] == "dagster_cli"
        held.release()
        assert job.result().success
    assert waiting.running == []
    assert waiting.list_of(STI)["run_id"] == line["run_id"]
    assert waiting.list_of(STI)["proposal"]["state"] == "waiting"


@pytest.mark.process
def test_a_run_that_is_killed_is_told_by_the_next_look(waiting: Console) -> None:
    run_id = start(waiting, STI, dry_run=False)
    until_at_work(waiting, run_id)
    os.kill(process_of(waiting, run_id), signal.SIGKILL)
    until(lambda: waiting.running == [], "the look that finds it dead")
    run = waiting.json(f"{API}/runs/{run_id}")
    assert (run["state"], run["status"]) == ("interrupted", "interrupted")
    (report,) = waiting.json(f"{API}/reports")["reports"]
    assert (report["run_id"], report["status"]) == (run_id, "interrupted")
    assert live_bytes(waiting.home) == {"sp500": None, "sti": None, "hsi": None}


@pytest.mark.process
def test_a_run_whose_console_is_gone_too_is_closed_by_the_next_console(
    waiting: Console,
) -> None:
    command = [sys.executable, "-m", "tws_maintenance", "run", "--task", STI]
    environment = Program(waiting.home).full_environment()
    with subprocess.Popen(command, env=environment) as cli:
        until(lambda: [one["state"] for one in waiting.running] == ["running"], "the CLI's run")
        (line,) = waiting.running
        cli.kill()
    with opened(waiting.home) as restarted:
        assert restarted.running == []
        run = restarted.json(f"{API}/runs/{line['run_id']}")
        assert (run["state"], run["entry_point"]) == ("interrupted", "cli")


@pytest.mark.services
@pytest.mark.process
@pytest.mark.cold
def test_a_run_outlives_the_console_that_started_it(held: HeldServer, tmp_path: Path) -> None:
    """The console is the real program on a real port, and ends by SIGTERM."""
    with consoled(tmp_path, held) as witness:
        home = witness.home
        port = free_port()
        # A home may be a robot's checkout: what lies in it is taken for no module.
        write_modules_of_others(home, "holidays", "dagster", "pandas", "requests", "sqlite3")
        command = [sys.executable, "-m", "tws_maintenance", "console", "--port", str(port)]
        environment = Program(home).full_environment(**dict.fromkeys(SECRETS, "not told to runs"))
        served = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert served.stdout is not None
        said = served.stdout.readline()
        run_id = started_over_http(port, "not told to runs")
        until_at_work(witness, run_id)
        told = Path(f"/proc/{process_of(witness, run_id)}/environ").read_bytes()
        assert f"TWS_MAINTENANCE_HOME={home.root}".encode() in told.split(b"\0")
        assert b"not told to runs" not in told
        served.terminate()
        said += served.communicate(timeout=30)[0]
        assert said == f"Console: http://127.0.0.1:{port}/maintenance  (Ctrl-C ends it)\n"
        assert served.returncode == 0

        assert [one["run_id"] for one in witness.running] == [run_id]
        held.release()
        assert witness.follow(run_id)["state"] == "finished"
        (report,) = reports_of(home)
        assert (report["status"], report["errors"]) == ("completed", [])
        assert report["actor"] == "ada"


def started_over_http(port: int, password: str) -> str:
    """Start a run of STI as a program would, with the password as HTTP Basic."""
    import re

    import requests

    with requests.Session() as session:
        session.auth = ("ada", password)
        origin = f"http://127.0.0.1:{port}"
        page = session.get(f"{origin}/maintenance", timeout=30).text
        token = re.findall(r'csrf-token" content="([^"]+)', page)[0]
        answer = session.post(
            f"{origin}{API}/run",
            json={"tasks": [STI], "wait": 0},
            headers={"X-CSRFToken": token},
            timeout=30,
        )
    assert answer.status_code == 202, answer.text
    run_id: str = answer.json()["run_id"]
    return run_id


def test_a_run_of_nothing_we_know_is_not_found(console: Console) -> None:
    for run_id in ("0" * 8, "00000000-0000-0000-0000-000000000000", "..%2F..%2Fetc", "A" * 300):
        answer = console.get(f"{API}/runs/{run_id}")
        assert error_of(answer) == (404, "not_found")
        assert console.get(f"/maintenance/runs/{run_id}").status_code == 404
