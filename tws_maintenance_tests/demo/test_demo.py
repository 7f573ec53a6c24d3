"""The demo: it plays to its end on any machine and leaves nothing behind."""

from pathlib import Path

import pytest
import requests

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES
from tws_maintenance.demo.pages import companies, page
from tws_maintenance.demo.server import PageServer
from tws_maintenance_tests.support import Program, table_of


@pytest.mark.process
def test_the_demo_plays_to_its_end_and_leaves_nothing_behind(home: Home, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    # No page is named: the demo brings its own and must not ask the network.
    done = Program(home, {"TMPDIR": str(scratch)})("demo")

    assert done.returncode == 0, done.stdout + done.stderr
    assert [line for line in done.stdout.splitlines() if line.startswith("(exit code")] == [
        f"(exit code {code})" for code in (0, 0, 3, 0, 0, 0, 0, 0, 0, 0)
    ]
    assert "Dry run completed. No file was replaced." in done.stdout
    assert "Apply completed. Replaced: S&P 500, STI, HSI." in done.stdout
    assert "Not confirmed: HSI." in done.stdout
    assert "membership_is_confirmed: Hang Seng Indexes, the authority, was not used" in done.stdout
    voters = "Wikipedia, SSGA's SPY holdings, iShares' IVV holdings"
    assert f"  vote     AAA: listed by {voters}\n" in done.stdout
    assert "fresh, unconfirmed" in done.stdout
    assert (
        "\nTo apply exactly this:\n  python -m tws_maintenance promote maintenance_" in done.stdout
    )
    assert "  source   data/backups/constituents/" in done.stdout
    assert "Apply completed. Events stored: " in done.stdout
    assert "AAC earnings, after close" in done.stdout
    # The last chapter goes back to a backup, which is an older list.
    assert done.stdout.count(" sound  ") == 3
    assert done.stdout.count(" restored  ") == 1
    assert list(scratch.iterdir()) == []
    assert list(home.root.iterdir()) == []


@pytest.mark.parametrize(("key", "count"), [("sp500", 503), ("sti", 30), ("hsi", 85)])
def test_the_invented_lists_are_as_long_as_the_real_ones_and_always_the_same(
    key: str, count: int
) -> None:
    members = companies(key)
    assert len(members) == len({one.ticker for one in members}) == count
    assert companies(key) == members
    assert page(key, members) == page(key, members)
    rule = INDICES[key].symbol_rule
    assert all(rule.is_symbol(rule.symbol_of(one.ticker)) for one in table_of(members).rows)


@pytest.mark.services
def test_the_server_answers_as_the_real_one_does() -> None:
    pages = {"hsi": page("hsi", companies("hsi"))}
    with PageServer(pages) as server:
        address = f"{server.origin}/wiki/Hang_Seng_Index"
        first = requests.get(address, timeout=10)
        known = {"If-None-Match": first.headers["ETag"]}
        second = requests.get(address, headers=known, timeout=10)
        absent = requests.get(f"{server.origin}/wiki/Nikkei_225", timeout=10)
        server.pages["hsi"] = page("hsi", companies("hsi")[1:])
        changed = requests.get(address, headers=known, timeout=10)
    assert (first.status_code, first.content) == (200, page("hsi", companies("hsi")))
    assert (second.status_code, second.content) == (304, b"")
    assert absent.status_code == 404
    assert (changed.status_code, changed.content) == (200, server.pages["hsi"])
    assert changed.headers["ETag"] != first.headers["ETag"]
    with pytest.raises(requests.ConnectionError):
        requests.get(address, timeout=10)
