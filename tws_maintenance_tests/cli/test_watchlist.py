"""`watchlist` as an operator uses it."""

import json

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.market_events.watchlist import read_watchlist
from tws_maintenance_tests.cli.conftest import Command
from tws_maintenance_tests.defaults import MAINTAINED


def test_an_empty_watchlist_says_how_to_begin(command: Command, home: Home) -> None:
    shown = command("watchlist", "list")
    assert (shown.exit_code, shown.stdout) == (
        0,
        "No symbol is watched. Add one with: python -m tws_maintenance watchlist add SYMBOL\n",
    )
    told = json.loads(command("watchlist", "list", "--json").stdout)
    assert told == {"watchlist": [], "count": 0, "unreadable": []}
    assert not home.data.exists()


def test_symbols_are_added_listed_and_removed(command: Command, home: Home) -> None:
    added = command("watchlist", "add", "brk.b", "D05.SI", "5.hk")
    assert added.stdout.splitlines() == [
        "Now watched: 0005.HK, BRK-B, D05.SI. Fetch their events with:",
        "  python -m tws_maintenance run --task market_events --apply",
    ]
    assert command("watchlist", "add", "BRK-B").stdout == "Nothing to add: already watched.\n"
    told = json.loads(command("watchlist", "list", "--json").stdout)
    assert told["count"] == 3
    assert [one["symbol"] for one in told["watchlist"]] == ["0005.HK", "BRK-B", "D05.SI"]
    assert all(one["added_at"].endswith("Z") for one in told["watchlist"])
    shown = command("watchlist", "list").stdout.splitlines()
    assert [line.split()[0] for line in shown] == ["symbol", "0005.HK", "BRK-B", "D05.SI"]

    removed = command("watchlist", "remove", "d05.si", "BRK-B")
    assert (removed.exit_code, removed.stdout) == (0, "No longer watched: BRK-B, D05.SI\n")
    assert read_watchlist(home, MAINTAINED).symbols == ("0005.HK",)


def test_both_changes_answer_as_json(command: Command) -> None:
    assert json.loads(command("watchlist", "add", "AAPL", "--json").stdout) == {"added": ["AAPL"]}
    assert json.loads(command("watchlist", "add", "AAPL", "--json").stdout) == {"added": []}
    removed = command("watchlist", "remove", "aapl", "--json")
    assert json.loads(removed.stdout) == {"removed": ["AAPL"]}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("add", "EUR.USD"), "'EUR.USD' is not a symbol of a known market"),
        (
            ("add", "AAPL", "VOD.L"),
            "'VOD.L' is a symbol of a market that is not supported (.L is London)",
        ),
        (("remove", "AAPL"), "AAPL is not on the watchlist (data/watchlist.csv)"),
        (("add",), "Missing argument 'SYMBOL...'"),
        (("remove",), "Missing argument 'SYMBOL...'"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(
    command: Command, home: Home, arguments: tuple[str, ...], told: str
) -> None:
    done = command("watchlist", *arguments)
    assert done.exit_code == 2
    assert told in done.stderr
    assert not home.watchlist.exists()


def test_a_row_of_no_known_market_is_told_beside_the_list(command: Command, home: Home) -> None:
    home.data.mkdir()
    home.watchlist.write_text("symbol\nAAPL\nEUR.USD\n")
    shown = command("watchlist", "list")
    assert shown.exit_code == 0
    assert [line.split() for line in shown.stdout.splitlines()] == [
        ["symbol", "added"],
        ["AAPL", "-"],
    ]
    assert shown.stderr == (
        "Warning: data/watchlist.csv: 'EUR.USD' is not a symbol of a known market. Expected one "
        "such as D05.SI (Singapore), 0005.HK (Hong Kong), AAPL or BRK-B (New York). Its events are "
        "not fetched.\n"
    )
    told = json.loads(command("watchlist", "list", "--json").stdout)
    assert told["unreadable"] == ["EUR.USD"]


@pytest.mark.parametrize("arguments", [("list",), ("add", "AAPL"), ("remove", "AAPL")])
def test_a_damaged_file_fails_every_command_and_stays(
    command: Command, home: Home, arguments: tuple[str, ...]
) -> None:
    home.data.mkdir()
    home.watchlist.write_bytes(b"\xff\xfesymbol")
    done = command("watchlist", *arguments)
    assert done.exit_code == 1
    assert "data/watchlist.csv is not UTF-8 (at byte 0)" in done.stderr
    assert home.watchlist.read_bytes() == b"\xff\xfesymbol"
