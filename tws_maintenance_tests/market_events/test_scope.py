"""Whose events are fetched: what is held, traded and watched, and what a run names besides."""

from datetime import UTC, datetime

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES
from tws_maintenance.config.settings import load_settings
from tws_maintenance.core.errors import UsageError
from tws_maintenance.demo.pages import Company
from tws_maintenance.market_events.scope import Scope, resolve
from tws_maintenance.market_events.watchlist import add
from tws_maintenance_tests.defaults import MAINTAINED
from tws_maintenance_tests.support import write_live

AT = datetime(2026, 11, 22, 18, 30, tzinfo=UTC)
OPTION = "AAPL  270115C00250000"


def scope_of(home: Home, toml: str, *added: str, many_symbols: bool = False) -> Scope:
    home.settings_file.write_text(toml)
    return resolve(home, load_settings(home), added, many_symbols=many_symbols)


def test_an_empty_home_has_no_symbols(home: Home) -> None:
    scope = scope_of(home, "")
    assert scope == Scope({}, ())
    assert scope.symbols == ()
    assert scope.relevant == frozenset()
    assert scope.impact(["AAPL"]) == {"positions": [], "strategies": [], "watchlist": []}


def test_every_symbol_knows_where_it_came_from(home: Home) -> None:
    add(home, MAINTAINED, ["D05.SI", "AAPL"], AT)
    toml = """
        [events]
        positions = ["AAPL", "brk.b", "aapl"]
        [events.strategies]
        momentum = ["AAPL", "MSFT"]
        "mean reversion" = ["MSFT"]
    """
    scope = scope_of(home, toml, "5.hk", "msft", "NVDA")
    assert scope.origins == {
        "0005.HK": ("--symbol",),
        "AAPL": ("positions", "strategy momentum", "watchlist"),
        "BRK-B": ("positions",),
        "D05.SI": ("watchlist",),
        "MSFT": ("strategy mean reversion", "strategy momentum", "--symbol"),
        "NVDA": ("--symbol",),
    }
    assert scope.symbols == ("0005.HK", "AAPL", "BRK-B", "D05.SI", "MSFT", "NVDA")
    assert scope.relevant == {"AAPL", "BRK-B", "D05.SI", "MSFT"}
    assert scope.ignored == ()


def test_what_is_held_or_traded_is_told_with_its_origin(home: Home) -> None:
    add(home, MAINTAINED, ["D05.SI", "AAPL"], AT)
    toml = """
        [events]
        positions = ["AAPL", "BRK-B"]
        [events.strategies]
        momentum = ["AAPL", "MSFT"]
        "mean reversion" = ["MSFT"]
    """
    scope = scope_of(home, toml, "NVDA")
    symbols = ("AAPL", "BRK-B", "MSFT", "D05.SI", "NVDA", "IBM")
    assert [scope.held_or_traded(symbol) for symbol in symbols] == [
        "held (positions) and traded (strategy momentum)",
        "held (positions)",
        "traded (strategy mean reversion, strategy momentum)",
        "",
        "",
        "",
    ]


def test_the_impact_names_positions_strategies_and_watchlist(home: Home) -> None:
    add(home, MAINTAINED, ["D05.SI", "AAPL"], AT)
    toml = """
        [events]
        positions = ["AAPL", "BRK-B"]
        [events.strategies]
        momentum = ["AAPL", "MSFT"]
        breakout = ["MSFT"]
    """
    scope = scope_of(home, toml, "NVDA")
    assert scope.impact(["MSFT", "AAPL", "NVDA", "IBM"]) == {
        "positions": ["AAPL"],
        "strategies": ["breakout", "momentum"],
        "watchlist": ["AAPL"],
    }
    assert scope.impact(["NVDA"]) == {"positions": [], "strategies": [], "watchlist": []}


def test_strategies_without_a_name_are_told_by_symbol(home: Home) -> None:
    scope = scope_of(home, '[events]\nstrategies = ["MSFT", "AAPL"]\n')
    assert scope.origins == {"AAPL": ("strategies",), "MSFT": ("strategies",)}
    assert scope.relevant == {"AAPL", "MSFT"}
    assert scope.impact(["MSFT", "IBM"])["strategies"] == ["MSFT"]


@pytest.mark.parametrize("name", ["positions", "watchlist", "--symbol", "strategies"])
def test_a_strategy_may_be_called_anything(home: Home, name: str) -> None:
    scope = scope_of(home, f'[events.strategies]\n"{name}" = ["MSFT"]\n')
    assert scope.relevant == {"MSFT"}
    assert scope.impact(["MSFT"]) == {"positions": [], "strategies": [name], "watchlist": []}


def test_what_is_no_symbol_of_a_known_market_is_told_once_and_not_fatal(home: Home) -> None:
    home.data.mkdir()
    home.watchlist.write_text(f"symbol\n{OPTION}\nMSFT\nEUR.USD\n")
    toml = f'[events]\npositions = ["{OPTION}", "AAPL"]\nstrategies.condor = ["{OPTION}"]\n'
    scope = scope_of(home, toml)
    assert scope.symbols == ("AAPL", "MSFT")
    option, currency = scope.ignored
    assert option.startswith(
        f"Not fetched, from positions and strategy condor and watchlist: {OPTION!r} is not a symbol"
    )
    assert currency.startswith("Not fetched, from watchlist: 'EUR.USD' is not a symbol")


def test_a_local_code_of_a_position_is_asked_back_and_never_taken_for_american(home: Home) -> None:
    write_live(home, INDICES["sti"], [Company("D05", "DBS")])
    home.watchlist.write_text("symbol\nD05\n")
    scope = scope_of(home, '[events]\npositions = ["D05", "D05.SI"]\n')
    assert scope.origins == {"D05.SI": ("positions",)}
    (told,) = scope.ignored
    expected = "Not fetched, from positions and watchlist: 'D05' names no market: did you mean D05"
    assert told.startswith(expected)


@pytest.mark.parametrize("text", [OPTION, "", "EUR.USD", "0005"])
def test_a_named_symbol_of_no_known_market_is_refused(home: Home, text: str) -> None:
    with pytest.raises(UsageError, match="not a symbol of a known market"):
        scope_of(home, "", "AAPL", text)


def test_a_named_local_code_is_asked_back(home: Home) -> None:
    write_live(home, INDICES["hsi"], [Company("5", "HSBC", "Finance")])
    with pytest.raises(UsageError, match=r"did you mean 0005\.HK\?"):
        scope_of(home, "", "5")


def test_more_symbols_than_the_limit_are_refused_with_both_ways_out(home: Home) -> None:
    toml = '[events]\nmax_symbols = 3\npositions = ["A", "B", "C", "a"]\n'
    assert scope_of(home, toml).symbols == ("A", "B", "C")
    with pytest.raises(UsageError) as caught:
        scope_of(home, toml, "D", "E")
    assert str(caught.value) == (
        "5 symbols would be fetched; the limit is 3. Allow it once with --many-symbols, "
        "or always with max_symbols = 5 under [events] in maintenance.toml."
    )
    assert len(scope_of(home, toml, "D", "E", many_symbols=True).symbols) == 5


def test_an_unreadable_watchlist_is_a_problem_and_what_is_held_is_followed(home: Home) -> None:
    home.data.mkdir()
    home.watchlist.write_text("AAPL\n")
    scope = scope_of(home, '[events]\npositions = ["MSFT"]\n')
    assert scope.symbols == ("MSFT",)
    assert "has no header" in scope.problems[0]
