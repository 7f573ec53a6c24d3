"""Reports as the console shows them: paged, filtered, damaged, older, and never another file."""

import html
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES
from tws_maintenance.demo.pages import Company, companies
from tws_maintenance.reports.schema import parse_report
from tws_maintenance_tests.console.shapes import faults_of
from tws_maintenance_tests.console.support import API, STI, Console, error_of
from tws_maintenance_tests.reports.shelf import AT, filed, result
from tws_maintenance_tests.support import write_live

PAGES = (
    f"{API}/reports/{{}}",
    f"{API}/reports/{{}}?format=md",
    "/maintenance/reports/{}",
    "/maintenance/apply/{}",
)
STAMP, NAME = "20991231_235959", "maintenance_20991231_235959"
OLDER = "maintenance_older-1.2"


@pytest.fixture(scope="module")
def whole(shared_console: Console) -> dict[str, Any]:
    """A real report of everything, in which much is told."""
    members = companies("sti")
    # One that comes, one that leaves, one under its former ticker, one under its former name.
    former = [*members[3:], Company("Z99", "Zed Ltd"), members[1].renamed("Y98")]
    write_live(shared_console.home, INDICES["sti"], [*former, replace(members[2], name="Eld Ltd")])
    report: dict[str, Any] = shared_console.run(STI, "market_events", "metadata_validation")
    changes = report["results"][0]["changes"]
    assert [len(changes[key]) for key in ("renamed", "updated")] == [1, 1]
    assert len(report["results"][1]["diff"]["new"]) > 0
    assert report["results"][2]["files"]
    assert parse_report(json.dumps(report)).report_id == report["report_id"]
    return report


@pytest.fixture
def place(console: Console, whole: dict[str, Any]) -> Iterator[Path]:
    """Where a test puts a report that no run of ours wrote."""
    assert whole["report_id"] < NAME
    path = console.home.reports / f"{STAMP}.json"
    yield path
    for one in (path, console.home.reports / f"{OLDER}.json"):
        if one.is_dir():
            one.rmdir()
        one.unlink(missing_ok=True)


def everything_answers(console: Console, report_id: str) -> None:
    """Assert that nothing breaks on a report, whatever it holds."""
    for page in PAGES:
        answer = console.get(page.format(report_id))
        assert answer.status_code in {200, 404}, (page, answer.text)
    others = ("/maintenance", "/maintenance/reports", "/metrics", f"{API}/status", f"{API}/badge")
    for path in (*others, f"{API}/reports"):
        answer = console.get(path)
        assert answer.status_code == 200, (path, answer.text)
        if answer.is_json:
            json.loads(answer.text, parse_constant=pytest.fail)  # NaN is no JSON


def test_reports_come_in_pages_newest_first(home: Home, fresh: Console) -> None:
    for number in range(7):
        is_bad = number % 3 == 0
        filed(
            home,
            result(STI if number % 2 else "market_events"),
            at=AT + timedelta(minutes=number),
            run_id=f"run-{number}",
            status="failed" if is_bad else "completed",
            errors=["broken"] if is_bad else [],
            dry_run=number == 4,
        )
    newest = [f"maintenance_20261122_18{30 + number}00" for number in reversed(range(7))]

    def ids(**query: Any) -> tuple[list[str], int]:
        answer = fresh.json(f"{API}/reports", **query)
        assert faults_of("Reports", answer) == []
        return [one["report_id"] for one in answer["reports"]], answer["total"]

    assert ids() == (newest, 7)
    assert ids(limit=3) == (newest[:3], 7)
    assert ids(limit=3, offset=6) == (newest[6:], 7)
    assert ids(offset=7) == ids(offset=10_000_000) == ([], 7)
    assert ids(status="failed") == (newest[::3], 3)
    assert ids(task=STI) == (newest[1::2], 3)
    assert ids(status="failed", task=STI, limit=1) == ([newest[3]], 1)
    assert ids(status="interrupted") == ids(status="damaged") == ([], 0)
    assert fresh.json(f"{API}/reports", limit=1, offset=2)["reports"] == [
        {
            "report_id": newest[2],
            "run_id": "run-4",
            "status": "completed",
            "dry_run": True,
            "finished_at": "2026-11-22T18:34:00.000Z",
            "warnings": 0,
            "errors": 0,
            "damaged": False,
        }
    ]
    page = fresh.get("/maintenance/reports", status="failed", limit=2).text
    assert "1 to 2 of 3" in page
    assert fresh.get("/maintenance/reports", limit=0).status_code == 400


def test_the_page_of_reports_is_turned_over_and_filtered(home: Home, fresh: Console) -> None:
    filed_ids = []
    for number in range(30):
        status = "failed" if number % 3 == 0 else "completed"
        of_task = result("market_events" if number == 0 else STI)
        filed_ids.append(filed(home, of_task, at=AT + timedelta(minutes=number), status=status))

    def rows(page: str) -> int:
        return page.count("<tr>") - 1

    def turned(page: str, way: str) -> str:
        (href,) = re.findall(f'<a rel="{way}" href="([^"]+)">', page)
        return fresh.get(html.unescape(href)).text

    newest = fresh.get("/maintenance/reports").text
    assert (rows(newest), "1 to 25 of 30" in newest) == (25, True)
    assert 'rel="prev"' not in newest
    oldest = turned(newest, "next")
    assert (rows(oldest), "26 to 30 of 30" in oldest) == (5, True)
    assert (filed_ids[0] in newest, filed_ids[0] in oldest) == (False, True)
    assert 'rel="next"' not in oldest
    assert "1 to 25 of 30" in turned(oldest, "prev")

    assert re.findall('<select name="([^"]+)">', newest) == ["status", "task"]
    failed = fresh.get("/maintenance/reports", status="failed", task="").text
    assert '<option value="failed" selected>' in failed
    assert rows(failed) == 10
    of_events = fresh.get("/maintenance/reports", status="", task="market_events").text
    assert '<option value="market_events" selected>market events</option>' in of_events
    assert (rows(of_events), "<td>market events</td>" in of_events) == (1, True)
    damaged = fresh.get("/maintenance/reports", status="damaged", task="market_events").text
    assert "No report matches." in damaged


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"null",
        b"[]",
        b"{}",
        b'{"status": "completed"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        "é".encode("latin-1"),
        b"\x00\x01\x02",
        b'{"status": NaN}',
        b"9" * 10_000,
    ],
)
def test_a_damaged_report_is_told_to_be_one(console: Console, place: Path, content: bytes) -> None:
    place.write_bytes(content)
    report = console.json(f"{API}/reports/{NAME}")
    assert faults_of("DamagedReport", report) == []
    assert (report["report_id"], report["damaged"]) == (NAME, True)
    text = console.get(f"{API}/reports/{NAME}?format=md")
    assert text.headers["Content-Type"].startswith("text/markdown")
    assert text.text.startswith(f"# Damaged report {NAME}\n")
    assert "This report is damaged." in console.get(f"/maintenance/reports/{NAME}").text
    assert error_of(console.post(f"{API}/promote", {"report_id": NAME})) == (404, "not_found")
    everything_answers(console, NAME)


def test_a_report_that_broke_off_is_listed_as_damaged_with_what_is_left(
    console: Console, place: Path, whole: dict[str, Any]
) -> None:
    place.write_text(json.dumps(whole)[:3000])
    (line,) = console.json(f"{API}/reports", status="damaged")["reports"]
    assert (line["report_id"], line["damaged"], line["status"]) == (NAME, True, None)
    report = console.json(f"{API}/reports/{NAME}")
    assert report["text"] == json.dumps(whole)[:3000]
    assert console.json(f"{API}/status")["latest_report"]["report_id"] == whole["report_id"]
    place.unlink()
    place.mkdir()
    assert console.json(f"{API}/reports/{NAME}")["text"] == ""
    everything_answers(console, NAME)


def test_a_report_of_an_older_form_is_told_as_it_is(console: Console, place: Path) -> None:
    older = {"report_id": OLDER, "status": "ok", "when": "long ago", "tasks": {"sp500": "done"}}
    path = place.with_name(f"{OLDER}.json")
    path.write_text(json.dumps(older))
    assert console.json(f"{API}/reports/{OLDER}") == older
    assert console.json(f"{API}/reports", limit=200)["reports"][-1]["damaged"] is False
    page = console.get(f"/maintenance/reports/{OLDER}").text
    assert "of an older form" in page
    assert "long ago" in page
    assert "long ago" in console.get(f"{API}/reports/{OLDER}?format=md").text
    everything_answers(console, OLDER)
    for value in ({"dry_run": True, "results": [{"task": STI, "status": "success"}]}, {}):
        path.write_text(json.dumps({"status": "ok", "finished_at": "2999-01-01", **value}))
        everything_answers(console, OLDER)


def places_in(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield every place in a value; of lists the first element stands for all."""
    keys: list[Any] = []
    if isinstance(value, dict):
        keys = list(value)
    elif isinstance(value, list):
        keys = list(range(len(value)))[: 9 if path == ("results",) else 1]
    for key in keys:
        yield (*path, key)
        yield from places_in(value[key], (*path, key))


def test_whatever_a_report_lacks_or_holds_instead_no_page_breaks(
    console: Console, place: Path, whole: dict[str, Any]
) -> None:
    """Each place is taken away, or given something of another kind, in turn."""
    odd: list[Any] = [None, "text", -5, [1], {"x": 1}, True, "\ud800"]
    plain, tried = json.dumps(whole), 0
    for number, (*above, key) in enumerate(places_in(whole)):
        for other in ("gone", odd[number % len(odd)]):
            value = inner = json.loads(plain)
            for step in above:
                inner = inner[step]
            if other == "gone":
                del inner[key]
            else:
                inner[key] = other
            place.write_text(json.dumps(value))
            for page in PAGES:
                answer = console.get(page.format(NAME))
                assert answer.status_code in {200, 404}, (above, key, other, page)
            if tried % 9 == 0:
                everything_answers(console, NAME)
            tried += 1
    assert tried > 250


@pytest.mark.parametrize("kind", ["reports", "runs"])
@pytest.mark.parametrize(
    "name",
    [
        "..%2f..%2fmaintenance",
        "..%2F..%2F..%2Fetc%2Fpasswd",
        "%2fetc%2fpasswd",
        "..%5c..%5cmaintenance",
        "%2e%2e%2f%2e%2e%2fmaintenance.toml",
        "..",
        ".",
        "maintenance_..%2f..%2f..%2fmaintenance",
        "maintenance_../../maintenance",
        "maintenance_%2e%2e",
        "maintenance_x%00",
        "maintenance_20261122_183000%00.json",
        "maintenance_20261122_183000%0a",
        "maintenance_" + "x" * 3000,
        "%00",
        "%ff",
        "%F0%9F%92%A9",
        "maintenance_~root",
        "maintenance_x%2f..%2f..%2f.dagster%2fdagster",
        "C:%5Cmaintenance",
    ],
)
def test_no_name_leads_out_of_the_folder(console: Console, kind: str, name: str) -> None:
    secret = console.home.root / "maintenance.json"
    secret.write_text('{"status": "a secret"}')
    assert not (console.home.reports / ".json").exists()
    for path in (f"{API}/{kind}/{name}", f"/maintenance/{kind}/{name}"):
        answer = console.get(path)
        # "." and ".." are taken away on the way, as a browser does.
        if not (name in {".", ".."} and answer.status_code in {200, 308, 404}):
            assert answer.status_code == 404, path
        assert "a secret" not in answer.text
        assert "root:" not in answer.text
    answer = console.get(f"/maintenance/apply/{name}")
    assert answer.status_code == 404 or name in {".", ".."}
    secret.unlink()


def test_the_markdown_is_what_lies_beside_the_json(console: Console, whole: dict[str, Any]) -> None:
    name = whole["report_id"].removeprefix("maintenance_")
    written = (console.home.reports / f"{name}.md").read_text()
    assert console.get(f"{API}/reports/{whole['report_id']}?format=md").text == written
    answer = console.get("/maintenance/reports/latest")
    assert answer.status_code == 302
    assert answer.location.endswith(whole["report_id"])
    assert error_of(console.get(f"{API}/reports/latest")) == (404, "not_found")
