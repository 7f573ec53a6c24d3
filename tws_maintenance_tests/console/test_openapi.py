"""The description of the API: complete, and true: schemathesis looks for what it gets wrong."""

import contextlib
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tws_maintenance.console.api.openapi import describe
from tws_maintenance.console.launcher import WAITING_ALLOWED
from tws_maintenance_tests.console.shapes import faults_of
from tws_maintenance_tests.console.support import COOKIE, HSI, Console, consoled, served, until
from tws_maintenance_tests.defaults import MAINTAINED
from tws_maintenance_tests.pipeline.support import HeldServer, good_pages

if TYPE_CHECKING:
    from schemathesis.engine.events import ScenarioFinished

DESCRIPTION = "/api/openapi.json"
# Of random values, after those that the description itself makes likely to be got wrong; and of
# requests that follow on others.
EXAMPLES, SEQUENCES = 6, 3


def test_every_address_of_the_api_is_described_and_no_other(console: Console) -> None:
    there = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in console.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule.startswith(("/api/", "/metrics"))
    }
    told = {(path, method) for path, one in describe(MAINTAINED)["paths"].items() for method in one}
    assert there == told | {(DESCRIPTION, "get")}
    assert console.json(DESCRIPTION) == describe(MAINTAINED)


def test_every_change_is_described_with_its_token(console: Console) -> None:
    for path, methods in console.json(DESCRIPTION)["paths"].items():
        for method, one in methods.items():
            if method == "get":
                assert "security" not in one, path
            else:
                assert all("csrf" in way for way in one["security"]), path
                assert {"403", "413", "415"} <= set(one["responses"]), path


@pytest.fixture
def at_work(tmp_path: Path) -> Iterator[Console]:
    """A console whose runs of the STI stay at work, so that few are started: they cost most."""
    with HeldServer(good_pages(), "sti") as held, consoled(tmp_path, held) as console:
        yield console
        held.release()


@pytest.mark.process
def test_every_answer_is_as_described(at_work: Console) -> None:
    """No answer of another status, shape or type, no 5xx, nothing accepted that is refused."""
    console = at_work
    # Two seconds of imports, which every worker would pay for.
    import schemathesis
    from schemathesis.config import SchemathesisConfig
    from schemathesis.engine import from_schema
    from schemathesis.engine.events import FatalError, NonFatalError, ScenarioFinished

    cookie = console.client.get_cookie(COOKIE)
    assert cookie is not None
    # Something to be told of. Not STI: its codes may not be written without their market.
    console.apply(HSI)
    # Later all lists are at work, and events with them.
    started = console.post("/api/market-events/refresh", {"wait": 0})
    assert (started.status_code, faults_of("Started", started.json)) == (202, [])
    until(lambda: console.running == [], "the end of the refresh")
    config = SchemathesisConfig.from_dict(
        {
            "seed": 1,
            "headers": {
                "X-CSRFToken": console.token,
                "Cookie": f"{COOKIE}={cookie.value}",
            },
            "generation": {
                "max-examples": EXAMPLES,
                "deterministic": True,
                "database": "none",
                "with-security-parameters": False,
            },
            "phases": {"stateful": {"generation": {"max-examples": SEQUENCES}}},
        }
    )
    faults: list[str] = []
    answers: Counter[int] = Counter()
    asked: set[str] = set()
    with served(console.app) as origin, nobody_else_waits(console):
        schema = schemathesis.openapi.from_url(f"{origin}{DESCRIPTION}", config=config)
        for event in from_schema(schema).execute():
            if isinstance(event, ScenarioFinished):
                faults += _failures(event)
                answers.update(_statuses(event))
                asked |= {one.value.operation.label for one in event.recorder.cases.values()}
            elif isinstance(event, NonFatalError):
                faults.append(str(event.value))
            elif isinstance(event, FatalError):
                raise event.exception
    assert faults == []
    described = console.json(DESCRIPTION)["paths"].items()
    assert asked == {f"{method.upper()} {path}" for path, one in described for method in one}
    # It has met most of what there is, and was not stopped at the door.
    assert {200, 202, 400, 403, 404, 405, 409, 415} <= set(answers)
    assert answers[403] < answers[200]


@contextlib.contextmanager
def nobody_else_waits(console: Console) -> Iterator[None]:
    """Be all those who may wait for the end of a run, so that others are answered at once."""
    waiting = console.backend.launcher._waiting
    taken = [waiting.acquire(blocking=False) for _ in range(WAITING_ALLOWED)]
    assert all(taken)
    try:
        yield
    finally:
        waiting.release(WAITING_ALLOWED)


def _statuses(event: "ScenarioFinished") -> Iterator[int]:
    for one in event.recorder.interactions.values():
        if one.response is not None:
            yield one.response.status_code


def _failures(event: "ScenarioFinished") -> Iterator[str]:
    for case_id, checks in event.recorder.checks.items():
        for check in checks:
            if check.failure_info is not None:
                case = event.recorder.cases[case_id].value
                told = check.failure_info.failure
                yield f"{check.name}: {told}\n{case.as_curl_command()}"
