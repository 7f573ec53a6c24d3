"""What monitoring asks for: the badge, the caches' generations, the metrics of Prometheus."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import MARKET_EVENTS
from tws_maintenance.core.clock import parse_utc, utc_now
from tws_maintenance.core.digest import sha256
from tws_maintenance.demo.pages import companies, page
from tws_maintenance.demo.server import PageServer
from tws_maintenance_tests.console.support import API, HSI, SP500, STI, Console, consoled
from tws_maintenance_tests.defaults import CONSTITUENT_TASKS
from tws_maintenance_tests.support import reports_of, result_of

NAMES = {
    *("age_seconds", "last_success_timestamp_seconds", "last_run_timestamp_seconds", "rows"),
    *("last_status", "warnings", "duration_seconds"),
}
_SAMPLE = re.compile(r'tws_maintenance_([a-z_]+)\{task="([a-z0-9_]+)"\} (-?[0-9.e+-]+)')


@pytest.fixture(scope="module")
def applied_home(web: PageServer, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home in which everything was applied, for tests to copy."""
    with consoled(tmp_path_factory.mktemp("applied"), web) as console:
        assert console.apply("all")["status"] == "completed"
        return console.home


@pytest.fixture
def applied(applied_home: Home, tmp_path: Path, server: PageServer) -> Iterator[Console]:
    """A console on a home of its own in which everything was applied."""
    with consoled(tmp_path, server, copied=applied_home) as console:
        yield console


def metrics_of(console: Console) -> dict[str, dict[str, float]]:
    """Return the samples by name and task, having read the text as Prometheus does."""
    answer = console.get("/metrics")
    assert answer.status_code == 200
    assert answer.content_type == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.text.endswith("\n")
    found: dict[str, dict[str, float]] = {}
    described: list[str] = []
    for line in answer.text.splitlines():
        if line.startswith("# HELP "):
            described.append(line.split()[2].removeprefix("tws_maintenance_"))
            assert len(line.split()) > 4
        elif line.startswith("# TYPE "):
            assert line == f"# TYPE tws_maintenance_{described[-1]} gauge"
        else:
            sample = _SAMPLE.fullmatch(line)
            assert sample, line
            # All samples of a name stand together, after its description.
            assert sample[1] == described[-1]
            assert sample[2] not in found.setdefault(sample[1], {})
            found[sample[1]][sample[2]] = float(sample[3])
    assert described == [*dict.fromkeys(described)]
    assert set(described) == NAMES
    return found


def test_after_an_apply_everything_is_fresh(applied: Console) -> None:
    (report,) = reports_of(applied.home)
    found = metrics_of(applied)
    assert set(found) == NAMES
    for task in (*CONSTITUENT_TASKS, MARKET_EVENTS):
        result = result_of(report, task)
        assert found["last_status"][task] == 1
        assert found["duration_seconds"][task] == result["duration_seconds"]
        told = len(result["warnings"]) + len(result["validation"]["warnings"])
        assert found["warnings"][task] == told
        age = (utc_now() - parse_utc(result["finished_at"])).total_seconds()
        assert 0 <= found["age_seconds"][task] <= age + 0.1  # it is rounded
        ended = parse_utc(result["finished_at"]).timestamp()
        assert found["last_success_timestamp_seconds"][task] == ended
        assert found["last_run_timestamp_seconds"][task] == ended
    rows = found["rows"]
    assert (rows[SP500], rows[STI], rows[HSI]) == (503, 30, 85)
    badge = applied.json(f"{API}/badge")
    assert (badge["message"], badge["color"], badge["isError"]) == ("fresh", "brightgreen", False)

    first = applied.json(f"{API}/caches")["generations"]
    for one in first:
        live = applied.home.live_file(one["index"]).read_bytes()
        assert (one["sha256"], one["report_id"]) == (sha256(live), report["report_id"])
    # What changed nothing changes no generation either: caches need not read anew.
    applied.here(STI, dry_run=False)
    assert applied.json(f"{API}/caches")["generations"] == first


def test_a_promotion_changes_the_generation_of_its_list_alone(
    applied: Console, server: PageServer
) -> None:
    before = {one["task"]: one for one in applied.json(f"{API}/caches")["generations"]}
    server.pages["sti"] = page("sti", companies("sti")[1:])
    applied.here(STI, HSI, dry_run=False)
    after = {one["task"]: one for one in applied.json(f"{API}/caches")["generations"]}
    assert [task for task in after if after[task] != before[task]] == [STI]
    assert after[STI]["generation"] != before[STI]["generation"]


def test_what_failed_or_is_missing_is_red(applied: Console, server: PageServer) -> None:
    before = metrics_of(applied)
    del server.pages["sti"]
    failed = result_of(applied.here(STI), STI)
    after = metrics_of(applied)
    # The last success stays when a run fails; that there was one shows beside it.
    for name, expected in (
        ("last_success_timestamp_seconds", before["last_success_timestamp_seconds"][STI]),
        ("last_run_timestamp_seconds", parse_utc(failed["finished_at"]).timestamp()),
    ):
        assert after[name][STI] == expected
    assert metrics_of(applied)["last_status"][STI] == 0
    # The list itself is what it was, and as old.
    assert metrics_of(applied)["rows"][STI] == 30
    badge = applied.json(f"{API}/badge")
    assert (badge["message"], badge["color"], badge["isError"]) == ("STI failed", "red", True)
    applied.home.live_file("hsi").unlink()
    assert applied.json(f"{API}/badge")["message"] == "STI, HSI failed"
    assert HSI not in metrics_of(applied)["rows"]


def test_a_stamp_that_cannot_be_read_is_no_generation(console: Console) -> None:
    console.here(STI, dry_run=False)
    path = console.home.generation_file("sti")
    before = path.read_bytes()
    for content in (b"", b"{}", b"\xff", b'{"generation": 5}', b"[" * 50_000):
        path.write_bytes(content)
        (one,) = [
            found
            for found in console.json(f"{API}/caches")["generations"]
            if found["index"] == "sti"
        ]
        assert one["generation"] is None, content
        assert console.get(f"{API}/status").status_code == 200
    path.write_bytes(before)


@pytest.mark.parametrize("path", [f"{API}/badge", f"{API}/caches", "/metrics"])
def test_monitoring_needs_no_cookie_and_gets_none(console: Console, path: str) -> None:
    answer = console.app.test_client().get(path)
    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers
