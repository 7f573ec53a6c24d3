"""What the console's tests share: a console on a home of its own, and the token of its pages."""

import contextlib
import json
import re
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES
from tws_maintenance.config.settings import ConsoleSettings, load_settings
from tws_maintenance.console.app import create_app
from tws_maintenance.console.serve import listen
from tws_maintenance.demo.server import SOURCE_URLS, PageServer
from tws_maintenance.pipeline.instance import VARIABLE, Instance, open_instance
from tws_maintenance.reports.store import read_bytes
from tws_maintenance.runs import list_steps
from tws_maintenance.runs.maintenance import MaintenanceRun, head_start
from tws_maintenance.runs.recorder import StepFailed
from tws_maintenance.runs.request import PlannedRun
from tws_maintenance_tests.pipeline.support import quiet_environment, until

API = "/api/maintenance"
STI, HSI, SP500 = "sti_constituents", "hsi_constituents", "sp500_constituents"
COOKIE = "tws_maintenance_5080"
# Longer than any run takes, and none takes as long.
ENOUGH = 100
LISTS = tuple(index.task for index in INDICES.values())
_TOKEN = re.compile(r'<meta name="csrf-token" content="([^"]+)">')


@dataclass
class Console:
    """A console that is asked through Flask's own client; runs are processes all the same."""

    home: Home
    app: Flask
    client: FlaskClient = field(init=False)
    token: str = field(init=False)

    def __post_init__(self) -> None:
        self.client = self.app.test_client()
        self.token = self.token_of("/login" if "login.show" in self.app.view_functions else None)

    @property
    def backend(self) -> Any:
        """What the pages and the API of this console share."""
        return self.app.extensions["tws_maintenance"]

    @cached_property
    def instance(self) -> Instance:
        """Dagster's storage of the home, as a test looks into it; the console has it elsewhere."""
        return open_instance(self.home)

    def close(self) -> None:
        """End the console."""
        self.backend.close()
        if "instance" in vars(self):
            self.instance.dispose()

    def token_of(self, page: str | None = None) -> str:
        """Return the token that a page carries, with its cookie kept."""
        found = _TOKEN.search(self.client.get(page or "/maintenance").text)
        assert found, f"{page} carries no token"
        return found[1]

    def get(self, path: str, **query: Any) -> TestResponse:
        """Ask for an address."""
        return self.client.get(path, query_string=query or None)

    def json(self, path: str, **query: Any) -> Any:
        """Return the JSON of an address that answers 200."""
        answer = self.get(path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json

    def post(self, path: str, body: Any, method: str = "POST") -> TestResponse:
        """Send JSON as a program of an operator does."""
        return self.client.open(path, method=method, json=body, headers={"X-CSRFToken": self.token})

    def send(self, path: str, content: bytes, content_type: str | None = None) -> TestResponse:
        """Send bytes that need not be JSON."""
        return self.client.post(
            path,
            data=content,
            content_type=content_type or "application/json",
            headers={"X-CSRFToken": self.token},
        )

    def form(self, path: str, **values: Any) -> TestResponse:
        """Send a form of a page."""
        return self.client.post(path, data={"csrf_token": self.token, **values})

    def run(self, *tasks: str, **body: Any) -> dict[str, Any]:
        """Start a run and return its report."""
        return report_of(self.post(f"{API}/run", {"tasks": tasks, "wait": ENOUGH, **body}))

    def apply(self, *tasks: str) -> dict[str, Any]:
        """Fetch and publish in one run and return its report."""
        return self.run(*tasks, dry_run=False)

    def here(self, *tasks: str, dry_run: bool = True, **asked: Any) -> dict[str, Any]:
        """Run lists in this process, where the run only prepares a test; return its report."""
        return run_here(self.home, *tasks, dry_run=dry_run, **asked)

    def follow(self, run_id: str) -> dict[str, Any]:
        """Wait for the end of a run and return it."""
        until(lambda: self._has_ended(run_id), f"the end of run {run_id}")
        found: dict[str, Any] = self.json(f"{API}/runs/{run_id}")
        return found

    def _has_ended(self, run_id: str) -> bool:
        return self.json(f"{API}/runs/{run_id}")["state"] not in {"queued", "running"}

    @property
    def running(self) -> list[dict[str, Any]]:
        """The runs in progress as the status tells them."""
        found: list[dict[str, Any]] = self.json(f"{API}/status")["running"]
        return found

    def list_of(self, task: str) -> dict[str, Any]:
        """Return what the status tells of one list."""
        lists = self.json(f"{API}/status")["constituents"]
        found: dict[str, Any] = next(one for one in lists if one["task"] == task)
        return found


def run_here(home: Home, *tasks: str, dry_run: bool = True, **asked: Any) -> dict[str, Any]:
    """Run `tasks` (all lists unless named) in this process, without Dagster; return the report.

    Its steps, files and report are those of a run of the console, which costs much more; but
    Dagster knows nothing of it, so its run id is empty and it has no page.
    """
    wanted = tasks or LISTS
    request = PlannedRun(wanted, dry_run, run_id="", actor="operator", fetches=True, **asked)
    run = MaintenanceRun(request, head_start(home, load_settings(home)))
    run.open()
    for index in (one for one in INDICES.values() if one.task in wanted):
        with contextlib.suppress(StepFailed):
            list_steps.stage(run, index)
            passed = list_steps.audit(run, index).has_passed
            if passed and not dry_run:
                list_steps.promote(run, index)
    run.close({}, None)
    report: dict[str, Any] = json.loads(read_bytes(home, run.report_id))
    return report


def report_of(answer: TestResponse) -> dict[str, Any]:
    """Return the report that an answer holds."""
    assert answer.status_code == 200, answer.text
    assert answer.json is not None
    report: dict[str, Any] = answer.json
    return report


def error_of(answer: TestResponse) -> tuple[int, str]:
    """Return status and code of an answer in the one error shape, whose words are for people."""
    assert answer.json is not None, answer.text
    assert list(answer.json) == ["error"]
    error = answer.json["error"]
    assert set(error) == {"code", "message", "detail"}
    assert error["message"].strip()
    assert "Traceback" not in answer.text
    return answer.status_code, error["code"]


def point_to(home: Home, server: PageServer, more: str = "") -> None:
    """Let the settings of a home name `server` as every source, for every process on it."""
    lines = [f'{name.lower()} = "{server.origin}"' for name in SOURCE_URLS]
    alone = 'sources = ["wikipedia"]\nquorum = 1'
    indices = [f"[indices.{key}]\n{alone}" for key in INDICES]
    text = "\n".join([more, *indices, "[http]", "backoff = 0", *lines, ""])
    (home.root / "maintenance.toml").write_text(text)


@contextlib.contextmanager
def served(app: Flask, trusted_proxy: str | None = None) -> Iterator[str]:
    """Serve `app` by the real server and yield where."""
    server = listen(app, "127.0.0.1", 0, trusted_proxy)
    serving = threading.Thread(target=server.run, daemon=True)
    serving.start()
    try:
        yield f"http://127.0.0.1:{server.effective_port}"
    finally:
        server.task_dispatcher.shutdown()
        server.close()


@contextlib.contextmanager
def opened(home: Home, settings: ConsoleSettings | None = None) -> Iterator[Console]:
    """Open a console on `home`; leave it only when none of its runs is at work any more."""
    console = Console(home, create_app(home, settings))
    try:
        yield console
        until(lambda: not console.backend.running(), "the end of all runs")
    finally:
        console.close()


@contextlib.contextmanager
def consoled(
    folder: Path, server: PageServer, more: str = "", *, copied: Home | None = None
) -> Iterator[Console]:
    """Open a console on a new home, or on a copy of one, whose sources are `server`."""
    home = Home(folder / "home")
    if copied is None:
        home.root.mkdir()
    else:
        shutil.copytree(copied.root, home.root)
    point_to(home, server, more)
    with quiet_environment() as patch:
        # `open_instance` sets it; here it is taken away again.
        patch.setenv(VARIABLE, str(home.dagster))
        with opened(home) as console:
            yield console


__all__ = [
    "API",
    "ENOUGH",
    "HSI",
    "SP500",
    "STI",
    "Console",
    "consoled",
    "error_of",
    "opened",
    "point_to",
    "report_of",
    "run_here",
    "served",
    "until",
]
