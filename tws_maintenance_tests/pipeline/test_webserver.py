"""The Dagster UI: what its buttons send, sent to a real webserver."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES
from tws_maintenance.pipeline.asset_checks import staged_check_keys
from tws_maintenance.pipeline.instance import prepare
from tws_maintenance_tests.console.support import opened
from tws_maintenance_tests.pipeline.support import (
    LOCATION,
    HeldServer,
    good_pages,
    quiet_environment,
    until,
    web_environment,
)
from tws_maintenance_tests.support import Program, free_port, live_bytes, reports_of, result_of

pytestmark = pytest.mark.xdist_group("webserver")

LAUNCH = """mutation Launch($params: ExecutionParams!) {
  launchPipelineExecution(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
    ... on RunConfigValidationInvalid { errors { message } }
  }
}"""
STATUS = """query Status($run: ID!) {
  runOrError(runId: $run) { ... on Run { status tags { key value } } }
}"""
TERMINATE = """mutation Terminate($run: String!) {
  terminateRun(runId: $run, terminatePolicy: SAFE_TERMINATE) { __typename }
}"""
ENDED = {"SUCCESS", "FAILURE", "CANCELED"}


@dataclass
class DagsterUI:
    """What a browser does with a running webserver, and the home that it serves."""

    url: str
    home: Home
    pages: HeldServer

    def ask(self, query: str, **variables: Any) -> Any:
        answer = requests.post(
            f"{self.url}/graphql", json={"query": query, "variables": variables}, timeout=60
        )
        answer.raise_for_status()
        value = answer.json()
        assert "errors" not in value, value
        return value["data"]

    def launch(self, job: str, **selection: Any) -> str:
        """Press Launch Run or, with a selection, Materialize."""
        selector = {
            "repositoryLocationName": LOCATION,
            "repositoryName": "__repository__",
            "jobName": job,
            **selection,
        }
        params = {"selector": selector, "runConfigData": "{}", "mode": "default"}
        launched = self.ask(LAUNCH, params=params)["launchPipelineExecution"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        return str(launched["run"]["runId"])

    def status(self, run_id: str) -> str:
        return str(self.ask(STATUS, run=run_id)["runOrError"]["status"])

    def end_of(self, run_id: str) -> str:
        until(lambda: self.status(run_id) in ENDED, f"the end of run {run_id}")
        return self.status(run_id)

    def report_of(self, run_id: str) -> dict[str, Any]:
        """Return the one report of a run, which may come a moment after its end."""
        until(lambda: bool(self._reports_of(run_id)), f"the report of run {run_id}")
        (report,) = self._reports_of(run_id)
        return report

    def _reports_of(self, run_id: str) -> list[dict[str, Any]]:
        return [one for one in reports_of(self.home) if one["run_id"] == run_id]


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DagsterUI]:
    """A webserver on a free port; the Straits Times page waits until `pages.release()`."""
    home = Home(tmp_path_factory.mktemp("webserver") / "home")
    home.root.mkdir()
    with quiet_environment() as environment, HeldServer(good_pages(), held="sti") as pages:
        environment.setenv("DAGSTER_HOME", str(home.dagster))
        prepare(home)
        port = free_port()
        command = (sys.executable, "-m", "dagster_webserver")
        process = subprocess.Popen(
            [*command, "-h", "127.0.0.1", "-p", str(port), "-m", LOCATION],
            env=Program(home, web_environment(pages)).full_environment(),
            cwd=home.root,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        running = DagsterUI(f"http://127.0.0.1:{port}", home, pages)
        try:
            until(lambda: _answers(running.url), "the webserver")
            yield running
        finally:
            pages.release()
            process.terminate()
            process.wait(timeout=60)


def _answers(url: str) -> bool:
    with contextlib.suppress(requests.ConnectionError):
        return requests.get(f"{url}/server_info", timeout=10).ok
    return False


def test_materialize_of_one_list_is_its_dry_run(ui: DagsterUI) -> None:
    """As the button sends it: the asset and the checks that belong to it, and no job of ours."""
    index = INDICES["hsi"]
    run_id = ui.launch(
        "__ASSET_JOB",
        assetSelection=[{"path": ["staged", index.task]}],
        assetCheckSelection=[
            {"assetKey": {"path": ["staged", index.task]}, "name": key.name}
            for key in staged_check_keys(index)
        ],
    )
    assert ui.end_of(run_id) == "SUCCESS"

    report = ui.report_of(run_id)
    assert (report["entry_point"], report["actor"]) == ("dagster_ui", "unknown (Dagster UI)")
    assert (report["dry_run"], report["status"]) == (True, "completed")
    assert [one["task"] for one in report["results"]] == [index.task]
    assert result_of(report, index.task)["validation"]["status"] == "passed"
    assert set(live_bytes(ui.home).values()) == {None}
    tags = ui.ask(STATUS, run=run_id)["runOrError"]["tags"]
    assert {one["key"]: one["value"] for one in tags}.items() >= {
        "tws/report_id": report["report_id"],
        "tws/actor": "unknown (Dagster UI)",
        "tws/entry_point": "dagster_ui",
        "tws/dry_run": "true",
    }.items()


def test_a_run_that_is_terminated_says_so_and_leaves_the_live_files_alone(ui: DagsterUI) -> None:
    before = live_bytes(ui.home)
    run_id = ui.launch("apply_constituents")
    # Two lists are staged, the third waits for its page.
    until(lambda: bool(list(ui.home.staging.glob("*_sp500/proposal.json"))), "the run at work")
    with opened(ui.home) as console:
        until(lambda: bool(console.running), "Dagster's run in the console")
        (line,) = console.running
        assert (line["entry_point"], line["actor"]) == ("dagster_ui", "unknown (Dagster UI)")
        assert line["tasks"] == [index.task for index in INDICES.values()]
        page = console.get("/maintenance").text
        assert "started by unknown (Dagster UI) (dagster ui)" in page
        terminated = ui.ask(TERMINATE, run=run_id)["terminateRun"]
        assert terminated["__typename"] == "TerminateRunSuccess"
    assert ui.end_of(run_id) == "CANCELED"

    report = ui.report_of(run_id)
    assert (report["status"], report["dry_run"]) == ("interrupted", False)
    assert (report["entry_point"], report["actor"]) == ("dagster_ui", "unknown (Dagster UI)")
    assert any(text.startswith("Interrupted: ") for text in report["errors"])
    assert live_bytes(ui.home) == before


def test_a_job_launched_with_its_defaults_does_what_its_button_says(ui: DagsterUI) -> None:
    ui.pages.release()
    run_id = ui.launch("dry_run_all")
    assert ui.end_of(run_id) == "SUCCESS"

    report = ui.report_of(run_id)
    assert (report["entry_point"], report["actor"]) == ("dagster_ui", "unknown (Dagster UI)")
    assert (report["dry_run"], report["status"]) == (True, "completed")
    assert [one["after_count"] for one in report["results"][:3]] == [503, 30, 85]
    assert list(ui.home.reports.glob(".*")) == []
