"""What goes wrong is told in one shape, in words, with the right status, never as a stack trace."""

from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from tws_maintenance.config.home import Home
from tws_maintenance.config.settings import load_settings
from tws_maintenance.console.app import create_app
from tws_maintenance.core.worker_process import WorkerProcess
from tws_maintenance.market_events.store.event_store import EventStore
from tws_maintenance.pipeline.dagster_process import Answering
from tws_maintenance.pipeline.instance import VARIABLE
from tws_maintenance_tests.console.support import API, STI, Console, error_of
from tws_maintenance_tests.reports.shelf import filed, result

ALLOWED = {
    f"{API}/status": "GET, HEAD, OPTIONS",
    f"{API}/run": "OPTIONS, POST",
    f"{API}/promote": "OPTIONS, POST",
    f"{API}/runs/x": "GET, HEAD, OPTIONS",
    "/api/watchlist": "DELETE, GET, HEAD, OPTIONS, POST",
    "/metrics": "GET, HEAD, OPTIONS",
    "/api/openapi.json": "GET, HEAD, OPTIONS",
}


def test_every_error_has_the_one_shape(console: Console) -> None:
    """401 and 429 are in test_login, 409 for a run in progress in test_runs."""
    found = [
        error_of(console.get(f"{API}/reports?limit=x")),
        error_of(console.client.post(f"{API}/run", json={})),
        error_of(console.get(f"{API}/nothing")),
        error_of(console.get("/nothing")),
        error_of(console.get(f"{API}/run")),
        error_of(console.send(f"{API}/run", b" " * 1_000_000)),
        error_of(console.send(f"{API}/run", b"{}", "text/plain")),
        error_of(console.post("/api/watchlist", {"symbol": "NOBODY"}, "DELETE")),
    ]
    assert found == [
        (400, "invalid_query"),
        (403, "csrf_failed"),
        (404, "not_found"),
        (404, "not_found"),
        (405, "method_not_allowed"),
        (413, "too_large"),
        (415, "unsupported_media_type"),
        (404, "not_found"),
    ]


@pytest.mark.parametrize("path", ALLOWED)
def test_another_method_is_told_which_there_are(console: Console, path: str) -> None:
    allowed = {one.strip() for one in ALLOWED[path].split(",")}
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "QUERY"} - allowed:
        answer = console.client.open(path, method=method, headers={"X-CSRFToken": console.token})
        assert error_of(answer) == (405, "method_not_allowed")
        assert {one.strip() for one in answer.headers["Allow"].split(",")} == allowed
    told = console.client.options(path)
    assert told.status_code == 200
    assert {one.strip() for one in told.headers["Allow"].split(",")} == allowed


def test_people_get_a_page_with_a_way_on(console: Console) -> None:
    for path, status in {
        "/maintenance/nothing": 404,
        "/maintenance/run": 405,
        "/maintenance/reports?limit=x": 400,
        "/maintenance/history/nothing": 404,
        f"/maintenance/history/{STI}?on=tomorrow": 400,
        f"/maintenance/history/{STI}?on=9999-12-31": 400,
        "/maintenance/events?days=none": 400,
        "/maintenance/apply/nothing": 404,
        "/maintenance/static/nothing.css": 404,
        "/maintenance/static/..%2fapp.py": 404,
    }.items():
        answer = console.get(path)
        assert answer.status_code == status, path
        assert answer.content_type == "text/html; charset=utf-8"
        title = "Not found" if status == 404 else "That did not work"
        assert f"<h1>{title}</h1>" in answer.text
        assert '<a class="button plain" href="/maintenance">To the overview</a>' in answer.text


def test_the_overview_is_found_with_a_slash_too(console: Console) -> None:
    answer = console.get("/maintenance/")
    assert (answer.status_code, answer.location) == (302, "/maintenance")


@pytest.mark.process
def test_a_fault_of_our_own_is_told_without_its_stack(
    home: Home, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(VARIABLE, str(home.dagster))
    app = create_app(home)

    def broken() -> str:
        secret = {"a secret": 1}
        return str(secret["what is not there"])

    app.add_url_rule("/api/broken", view_func=broken)
    app.add_url_rule("/maintenance/broken", endpoint="page", view_func=broken)
    for path in ("/api/broken", "/maintenance/broken"):
        answer = app.test_client().get(path)
        assert answer.status_code == 500
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        told = ("Traceback", "KeyError", "what is not there", ".py", "a secret")
        assert [one for one in told if one in answer.text] == []
        assert "its log shows why" in answer.text
    assert error_of(app.test_client().get("/api/broken")) == (500, "internal_error")
    assert "KeyError" in caplog.text
    app.extensions["tws_maintenance"].close()


class PostgresSays(Exception):
    """Stands for psycopg2's own error, whose words these are."""

    __module__ = "psycopg2"


@pytest.mark.parametrize(
    "words",
    [
        'connection to server at "db.example" (192.0.2.5), port 5432 failed: Connection refused',
        'FATAL: password authentication failed for user "tws"',
        'could not translate host name "db.example" to address: Name or service not known',
    ],
)
def test_a_postgresql_server_that_is_gone_is_told_without_its_address(
    console: Console, monkeypatch: pytest.MonkeyPatch, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    gone = OperationalError("SELECT 1", {}, PostgresSays(words))
    from dagster_postgres.utils import DagsterPostgresException

    retried = DagsterPostgresException("too many retries for DB connection")
    retried.__cause__ = gone
    answering = Answering(console.home)
    for error in (gone, retried):

        def fail(*_: object, error: Exception = error, **__: object) -> None:
            raise error

        # What the other process replies, as this one takes it.
        monkeypatch.setattr(answering, "known", fail)
        reply = answering.reply({"ask": "known"})
        with monkeypatch.context() as patch:
            patch.setattr(WorkerProcess, "ask", lambda *_, reply=reply: reply)
            patch.setattr(console.backend.observer, "_kept", None)
            api, page = console.get(f"{API}/status"), console.get("/maintenance")
        assert error_of(api) == (503, "unavailable")
        assert page.status_code == 503
        for text in (api.text, page.text):
            assert [
                one for one in ("db.example", "192.0.2.5", "tws&#34;", '"tws') if one in text
            ] == []
            assert "its server cannot be reached" in text
        assert words in caplog.text


def in_place_of(path: Path) -> bytes:
    """Put something else in the place of a database and return what it was."""
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    before = path.read_bytes()
    path.write_bytes(b"this is no database " * 50)
    return before


def test_a_storage_of_dagster_that_cannot_be_read_is_told_in_words(fresh: Console) -> None:
    filed(fresh.home, result(STI))
    path = fresh.home.dagster / "history" / "runs.db"
    before = in_place_of(path)
    for address in (f"{API}/status", f"{API}/badge", "/metrics"):
        assert error_of(fresh.get(address)) == (503, "unavailable"), address
        assert "file is not a database" in fresh.get(address).text
        assert "SELECT" not in fresh.get(address).text
    assert fresh.get("/maintenance").status_code == 503
    assert "cannot be read or written" in fresh.get("/maintenance").text
    # What does not need it is told all the same.
    assert fresh.json(f"{API}/reports")["total"] == 1
    assert fresh.get("/maintenance/reports").status_code == 200
    path.write_bytes(before)
    assert fresh.get(f"{API}/status").status_code == 200


def test_a_database_of_events_that_is_none_is_told_in_words(console: Console) -> None:
    with EventStore(console.home, load_settings(console.home)) as store:
        store.prepare()
    path = console.home.data / "market_events.db"
    before = in_place_of(path)
    for address in ("upcoming", "sync-log", "calendar.ics"):
        assert error_of(console.get(f"/api/market-events/{address}")) == (503, "unavailable")
    assert console.get("/maintenance/events").status_code == 503
    status = console.json(f"{API}/status")
    assert "not an SQLite database" in status["market_events"]["doubts"][-1]
    assert console.get("/maintenance").status_code == 200
    path.write_bytes(before)
    assert console.get("/api/market-events/upcoming").status_code == 200


def test_a_watchlist_that_cannot_be_read_is_told_in_words(console: Console) -> None:
    console.home.watchlist.write_bytes(b"\xff\xfe\x00")
    for answer in (
        console.get("/api/watchlist"),
        console.post("/api/watchlist", {"symbol": "AAPL"}),
        console.post("/api/watchlist", {"symbol": "AAPL"}, "DELETE"),
    ):
        assert error_of(answer) == (503, "unavailable")
    assert console.get("/maintenance/watchlist").status_code == 503
    assert console.get("/maintenance").status_code == 200
    assert console.home.watchlist.read_bytes() == b"\xff\xfe\x00"
    console.home.watchlist.unlink()


def test_a_history_that_cannot_be_read_is_told_in_words(console: Console) -> None:
    path = console.home.membership_file("sti")
    path.parent.mkdir(parents=True, exist_ok=True)
    dated = b"symbol,security,from_date,to_date,report_id\nA,B,some day,another,z\n"
    for content in (b"\xff\xfe", b"one,two\n1,2\n", dated):
        path.write_bytes(content)
        assert console.get("/maintenance").status_code == 200, content
        answer = console.get(f"/maintenance/history/{STI}")
        assert answer.status_code in {200, 503}, content
        assert "Traceback" not in answer.text
        assert console.get(f"/maintenance/history/{STI}?on=2026-01-01").status_code in {200, 503}
    path.unlink()


def test_a_home_that_vanishes_is_told_and_nothing_is_made_in_its_place(
    fresh: Console, tmp_path: Path
) -> None:
    moved = tmp_path / "moved"
    fresh.home.root.rename(moved)
    for path in (f"{API}/status", "/maintenance", f"{API}/reports", "/metrics"):
        assert fresh.get(path).status_code in {200, 503}, path
        assert "Traceback" not in fresh.get(path).text
    assert error_of(fresh.post(f"{API}/run", {"tasks": [STI]})) == (503, "unavailable")
    assert not fresh.home.root.exists()
    moved.rename(fresh.home.root)
    assert fresh.get(f"{API}/status").status_code == 200
