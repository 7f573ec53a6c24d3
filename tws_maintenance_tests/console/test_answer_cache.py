"""Status and overview are kept while nothing changed, and belong to nobody in particular."""

import re
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.config.settings import Settings, load_settings
from tws_maintenance.console import answer_cache
from tws_maintenance.console.answer_cache import Look
from tws_maintenance.console.api.responses import Robot
from tws_maintenance.console.pages import views
from tws_maintenance.console.service import Backend
from tws_maintenance.core.worker_process import WorkerProcess
from tws_maintenance.pipeline.dagster_process import NotYetKnown, Observer
from tws_maintenance.pipeline.run_records import Known, Materialized
from tws_maintenance.reports.schema import ListResult, Validation
from tws_maintenance_tests.console.support import API, ENOUGH, STI, Console, until

LIVE = "/maintenance/live"
# Shorter than a real one, and longer than that of any file system of today.
TICK_NS = 20_000_000
TOKENS = re.compile(r'name="csrf_token" value="([^"]*)"')


@pytest.fixture
def look(home: Home) -> Look:
    """A look at a home in which nothing runs."""
    settings = load_settings(home)
    minute = datetime(2026, 11, 22, 6, 30, tzinfo=UTC)
    return Look(home, minute, settings, Known(), is_known=True, files={}, robot=None)


class Maker:
    """Makes answers, and counts them; `reads` is what it looks at beside what all do."""

    def __init__(self, *reads: Path) -> None:
        self.made = 0
        self._reads = reads

    def __call__(self) -> tuple[int, tuple[Path, ...]]:
        self.made += 1
        return self.made, self._reads


def settle(home: Home) -> None:
    """Wait until a change can no longer look like the one before."""
    newest = max(one.stat().st_ctime_ns for one in home.root.rglob("*"))
    until(lambda: time.time_ns() - newest > TICK_NS, "the tick of a file system")


def test_an_answer_holds_until_something_of_it_changes(
    look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answer_cache, "TICK_NS", TICK_NS)
    home = look.home
    for folder in (home.reports, home.staging, home.history):
        folder.mkdir(parents=True)
    read = home.reports / "one.json"
    read.write_text("{}")
    answers: answer_cache.Kept[int] = answer_cache.Kept()
    make = Maker(read)
    settle(home)
    assert [answers.get(look, make), answers.get(look, make)] == [1, 1]
    changes: list[Callable[[], object]] = [
        lambda: read.write_text("{ }"),
        lambda: (home.reports / "two.json").write_text("{}"),
        (home.staging / "another").mkdir,
        lambda: home.live_file("sti").write_text("symbol\n"),
        lambda: home.live_file("sti").write_text("symbol\nA\n"),
        lambda: home.live_file("sti").unlink(),
        lambda: home.membership_file("hsi").write_text("a"),
        lambda: home.generation_file("hsi").write_text("a"),
        lambda: home.watchlist.write_text("a"),
        lambda: home.market_events.with_name("market_events.db-wal").write_text("a"),
        read.unlink,
    ]
    for number, change in enumerate(changes, 2):
        change()
        assert answers.get(look, make) == number
        settle(home)
        settled = answers.get(look, make)
        assert answers.get(look, make) == settled
        make.made = number


def test_an_answer_of_a_moment_ago_is_made_again_where_a_change_could_not_be_seen(
    look: Look,
) -> None:
    look.home.data.mkdir()
    answers: answer_cache.Kept[int] = answer_cache.Kept()
    make = Maker()
    assert [answers.get(look, make), answers.get(look, make)] == [1, 2]


def test_what_is_not_in_a_file_is_compared(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer_cache, "TICK_NS", -(10**12))
    answers: answer_cache.Kept[int] = answer_cache.Kept()
    make = Maker()
    assert [answers.get(look, make, "/"), answers.get(look, make, "/")] == [1, 1]
    assert answers.get(look, make, "/below") == 2
    others: list[dict[str, Any]] = [
        {"minute": look.minute + timedelta(minutes=1)},
        {"files": {STI: Validation()}},
        {"known": Known(refreshes={STI: Materialized("a", ListResult.model_construct())})},
        {"settings": look.settings.model_copy(update={"proposals": None})},
        {"robot": Robot(url="http://robot", problem=None, positions=1, strategies=1)},
    ]
    for number, change in enumerate(others, 3):
        look = replace(look, **change)
        assert [answers.get(look, make), answers.get(look, make)] == [number, number], change


@pytest.mark.parametrize(
    "change",
    [
        {"known": Known(is_at_work=True)},
        {"is_known": False},
        {"settings": {"storage": {"database_url": "postgresql://elsewhere/tws"}}},
    ],
)
def test_what_may_change_unseen_is_never_kept(
    look: Look, change: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answer_cache, "TICK_NS", -(10**12))
    if "settings" in change:
        change = {"settings": Settings(**change["settings"])}
    answers: answer_cache.Kept[int] = answer_cache.Kept()
    make = Maker()
    unsure = replace(look, **change)
    assert [answers.get(unsure, make), answers.get(unsure, make)] == [1, 2]


@pytest.fixture
def audited(console: Console) -> Console:
    """The console once the audit of its live files is there: it is a part of the answers."""
    audits = console.backend.file_audits.audits
    until(lambda: audits(wait_seconds=ENOUGH) != {}, "the audit of the live files")
    return console


def polled_twice(console: Console, path: str) -> tuple[Any, Any]:
    # Dagster's process may only just be beginning, which the page says.
    console.backend.observer.known()
    first = console.get(path)
    return first, console.client.get(path, headers={"If-None-Match": first.headers["ETag"]})


def test_a_poll_of_what_did_not_change_is_answered_304(audited: Console) -> None:
    console = audited
    for path in (LIVE, f"{API}/status"):
        first, again = polled_twice(console, path)
        if again.status_code != 304:  # the clock came to another minute in between
            first, again = polled_twice(console, path)
        assert first.headers["Cache-Control"] == "private, no-cache"
        assert (again.status_code, again.data) == (304, b""), path
        assert again.headers["ETag"] == first.headers["ETag"]
        console.home.data.mkdir(exist_ok=True)
        console.home.live_file("sti").write_text("symbol\nA\n")
        changed = console.client.get(path, headers={"If-None-Match": first.headers["ETag"]})
        assert changed.status_code == 200, path
        console.home.live_file("sti").unlink()
        console.backend.file_audits.audits(wait_seconds=ENOUGH)


def test_each_session_gets_its_own_token_with_what_all_are_shown(audited: Console) -> None:
    console = audited
    other = console.app.test_client()
    mine, others = console.get(LIVE), other.get(LIVE)
    assert views.TOKEN not in mine.text + console.get("/maintenance").text
    tokens = [set(TOKENS.findall(one.text)) for one in (mine, others)]
    assert [len(one) for one in tokens] == [1, 1]
    assert tokens[0] != tokens[1]
    assert TOKENS.sub("", mine.text) == TOKENS.sub("", others.text)
    # What one session's browser keeps does not hold for another one.
    assert other.get(LIVE, headers={"If-None-Match": mine.headers["ETag"]}).status_code == 200
    sent = other.post("/maintenance/run", data={"csrf_token": tokens[0].pop(), "tasks": "nothing"})
    assert sent.status_code == 403
    token = tokens[1].pop()
    sent = other.post("/maintenance/run", data={"csrf_token": token, "tasks": "nothing"})
    assert sent.status_code == 400


def test_while_nobody_can_say_what_runs_the_page_says_so_and_the_api_waits(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    def not_yet(*_: object) -> Any:
        raise NotYetKnown("only just beginning")

    monkeypatch.setattr(Observer, "known", not_yet)
    for path in ("/maintenance", LIVE):
        shown = console.get(path)
        assert shown.status_code == 200
        assert "Checking whether a run is in progress." in shown.text
    answer = console.get(f"{API}/status")
    assert answer.status_code == 503
    assert "running" not in answer.text
    monkeypatch.undo()
    assert "is being looked up" not in console.get(LIVE).text


def test_a_console_asks_nobody_while_nothing_changes(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    console.get(LIVE)
    console.get(LIVE)
    backend: Backend = console.backend
    monkeypatch.setattr(WorkerProcess, "ask", None)
    for path in (LIVE, "/maintenance", f"{API}/status", f"{API}/badge", "/metrics"):
        assert console.get(path).status_code == 200, path
    assert backend.observer.process_id is not None
