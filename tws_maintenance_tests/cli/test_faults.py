"""Sources that misbehave: the page and the REST address of the same list, in the recorded web.

Several faults a run, one an address: what fails must leave its own file alone and no other.
"""

from pathlib import Path

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

ADDRESSES = ("en.wikipedia.org/wiki/", "en.wikipedia.org/w/rest.php/v1/page/")
TITLES = {"sp500": "List_of_S&P_500*", "sti": "Straits_Times*", "hsi": "Hang_Seng*"}
ROWS = {"sp500": 503, "sti": 30, "hsi": 85}

# Of each address that is asked: what is done to it, and what the operator must read of that. None:
# the list is read there all the same.
Faults = tuple[tuple[str, str | None], ...]
NO_TABLE, NO_FAULT = "NO_TABLE", ""
RUNS: dict[str, dict[str, Faults]] = {
    "refused_or_cut_short": {
        "sp500": (("403", "HTTP 403"), ("404", "HTTP 404")),
        "sti": (
            ("truncate", "the connection failed: the answer was cut off"),
            ("drop", "the connection failed: it was closed without an answer"),
        ),
        # One host: whoever asked for a pause is not asked again at the other address.
        "hsi": (("429", "HTTP 429"),),
    },
    "down_or_busy": {
        "sp500": (("500", "HTTP 500"), ("empty", "the answer is empty")),
        "sti": (("404", "HTTP 404"), ("once-500", None)),
        "hsi": (("429:600", "it asks for a pause of 600 s, more than the 10 s that a run waits"),),
    },
    "too_much_or_no_page": {
        "sp500": (("huge:3", "larger than 2 MB"), ("gzipbomb:3", "larger than 2 MB")),
        "sti": (("once-429:1", None),),
        "hsi": (("garbage", "found other bytes"), (NO_TABLE, "found 0 tables")),
    },
    "elsewhere_or_never": {
        "sp500": (("once-drop", "the connection failed"), (NO_FAULT, None)),
        "sti": (("garbage", "found other bytes"), (NO_FAULT, None)),
        "hsi": (
            ("redirect:https://lists.example/hsi", "redirected to https://lists.example/hsi"),
            ("slow:30", "no answer within 2"),
        ),
    },
}
SETTINGS = {
    "too_much_or_no_page": {"TWS_MAINTENANCE_HTTP__MAX_MEGABYTES": "2"},
    # Only the source that never answers may meet a short timeout: a busy machine is slow as well.
    "elsewhere_or_never": {
        "TWS_MAINTENANCE_HTTP__ATTEMPTS": "1",
        "TWS_MAINTENANCE_HTTP__READ_TIMEOUT": "2",
    },
}


def recovers(faults: Faults) -> bool:
    return faults[-1][1] is None


def options_of(run: dict[str, Faults], page: Path) -> list[str]:
    options = []
    for key, faults in run.items():
        for address, (mode, _) in zip(ADDRESSES, faults, strict=False):
            mode = f"html:{page}" if mode == NO_TABLE else mode  # noqa: PLW2901
            options += ["--fault", f"{address}{TITLES[key]}={mode}"] if mode else []
    return options


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
        TWS_MAINTENANCE_HTTP__ATTEMPTS="2",
        **pages_alone(),
    )
    home = program.home
    failing = [key for key, faults in run.items() if not recovers(faults)]
    former = {key: write_live(home, INDICES[key], companies(key)) for key in failing}
    done = program("run", "--task", "constituents", "--apply", **SETTINGS.get(name, {}))

    status, code = ("failed", 1) if set(failing) == set(run) else ("partial_failure", 3)
    assert done.returncode == code, done.stdout + done.stderr
    (report,) = reports_of(home)
    assert report["status"] == status
    live = live_bytes(home)
    for key, faults in run.items():
        result = result_of(report, INDICES[key].task)
        messages = [message for _, message in faults if message]
        assert len(result["sources"]) == len(faults), "so many addresses were asked"
        if recovers(faults):
            assert result["status"] == "success", result["errors"]
            address = ADDRESSES[len(faults) - 1]
            assert result["source"].startswith(f"https://{address}"), "the one that was read"
            assert result["after_count"] == ROWS[key]
            assert (live[key] or b"").count(b"\n") == ROWS[key] + 1
            told = " ".join(result["warnings"])
        else:
            assert (result["status"], result["validation"]["status"]) == ("failed", "not_run")
            assert live[key] == former[key]
            (told,) = result["errors"]
            assert "https://en.wikipedia.org/wiki/" in told
            assert all(message in done.stdout for message in messages)
        assert all(message in told for message in messages), told
    assert "Traceback" not in done.stdout + done.stderr
    leftovers = [one for one in home.data.rglob("*") if one.name.endswith(".tmp")]
    assert leftovers == []
