"""Sources that misbehave: the page and the REST address of the same list, in the recorded web.

Several faults a run, one an index: what fails must leave its own file alone and no other.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from tws_maintenance.config.indices import INDICES
from tws_maintenance.demo.pages import companies
from tws_maintenance_tests.support import (
    RecordedWeb,
    live_bytes,
    pages_alone,
    reports_of,
    result_of,
    write_live,
)

GLOBS = {
    "sp500": "en.wikipedia.org/*List_of_S&P_500*",
    "sti": "en.wikipedia.org/*Straits_Times*",
    "hsi": "en.wikipedia.org/*Hang_Seng*",
}
PAGE_ALONE = {"sp500": "en.wikipedia.org/wiki/List_of*", "sti": "en.wikipedia.org/wiki/Straits*"}
ROWS = {"sp500": 503, "sti": 30, "hsi": 85}

# What is done to the source, and what the operator must read of it. None: it recovers.
Fault = tuple[str, str | None]
NO_TABLE = "NO_TABLE"
RUNS: dict[str, dict[str, Fault]] = {
    "refused": {
        "sp500": ("403", "HTTP 403"),
        "sti": ("404", "HTTP 404"),
        "hsi": ("429", "HTTP 429"),
    },
    "cut_short": {
        "sp500": ("truncate", "the connection failed"),
        "sti": ("drop", "the connection failed"),
        "hsi": ("empty", "the answer is empty"),
    },
    "down_or_busy": {
        "sp500": ("500", "HTTP 500"),
        "sti": ("once-500", None),
        "hsi": ("429:600", "it asks for a pause of 600 s, more than the 10 s that a run waits"),
    },
    "not_a_page": {
        "sp500": ("garbage", "found other bytes"),
        "sti": ("once-429:1", None),
        "hsi": (NO_TABLE, "found 0 tables"),
    },
    "too_much": {
        "sp500": ("huge:24", "larger than 20 MB"),
        "sti": ("stale", None),
        "hsi": ("gzipbomb:24", "larger than 20 MB"),
    },
    "elsewhere_or_never": {
        "sp500": ("once-drop", None),
        "sti": ("redirect:https://lists.example/sti", "redirected to https://lists.example/sti"),
        "hsi": ("slow:30", "no answer within 2"),
    },
}

# Only the source that never answers may meet a short timeout: a busy machine is slow as well.
PATIENCE = {
    "elsewhere_or_never": {
        "TWS_MAINTENANCE_HTTP__ATTEMPTS": "1",
        "TWS_MAINTENANCE_HTTP__READ_TIMEOUT": "2",
    }
}


def options_of(run: dict[str, Fault], page: Path) -> list[str]:
    options = []
    for key, (mode, _) in run.items():
        mode = f"html:{page}" if mode == NO_TABLE else mode  # noqa: PLW2901
        options += ["--fault", f"{GLOBS[key]}={mode}"]
    return options


def status_of(run: dict[str, Fault]) -> tuple[str, int]:
    recovering = [key for key, (_, message) in run.items() if message is None]
    return ("partial_failure", 3) if recovering else ("failed", 1)


@pytest.mark.parametrize("name", RUNS)
def test_a_source_at_fault_leaves_its_file_alone_and_the_others_promoted(
    name: str, recorded: RecordedWeb, tmp_path: Path
) -> None:
    run = RUNS[name]
    page = tmp_path / "page.html"
    page.write_text("<html><body><p>This page is being rewritten.</p></body></html>")
    program = recorded.program(
        *options_of(run, page),
        TWS_MAINTENANCE_HTTP__BACKOFF="0",
        **pages_alone(),
        **PATIENCE.get(name, {"TWS_MAINTENANCE_HTTP__ATTEMPTS": "2"}),
    )
    home = program.home
    former = {
        key: write_live(home, INDICES[key], companies(key))
        for key, (_, message) in run.items()
        if message is not None
    }
    done = program("run", "--task", "constituents", "--apply")

    status, code = status_of(run)
    assert done.returncode == code, done.stdout + done.stderr
    (report,) = reports_of(home)
    assert report["status"] == status
    live = live_bytes(home)
    for key, (_, message) in run.items():
        result = result_of(report, INDICES[key].task)
        if message is None:
            assert result["status"] == "success", result["errors"]
            assert (live[key] or b"").count(b"\n") == ROWS[key] + 1
            continue
        assert (result["status"], result["validation"]["status"]) == ("failed", "not_run")
        assert live[key] == former[key]
        (error,) = result["errors"]
        assert message in error
        assert "https://en.wikipedia.org/wiki/" in error
        assert message in done.stdout
        # One host: whoever asked for a pause is not asked again at the other address.
        asked = 1 if "429" in message or "pause" in message else 2
        assert len(result["sources"]) == asked
    assert "Traceback" not in done.stdout + done.stderr
    leftovers = [one for one in home.data.rglob("*") if one.name.endswith(".tmp")]
    assert leftovers == []


def test_a_page_at_fault_is_read_at_its_other_address_which_the_report_names(
    recorded: RecordedWeb,
) -> None:
    program = recorded.program(
        *("--fault", f"{PAGE_ALONE['sp500']}=404", "--fault", f"{PAGE_ALONE['sti']}=garbage"),
        **pages_alone(),
    )
    tasks = ("--task", INDICES["sp500"].task, "--task", INDICES["sti"].task)
    done = program("run", *tasks, "--json")
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    for key, title in (("sp500", "List_of_S%26P_500_companies"), ("sti", "Straits_Times_Index")):
        result = result_of(report, INDICES[key].task)
        assert result["source"] == f"https://en.wikipedia.org/w/rest.php/v1/page/{title}/html"
        assert result["after_count"] == ROWS[key]
        assert len(result["warnings"]) >= 1, "the fallback is not silent"
