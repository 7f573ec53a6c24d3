"""The broker's symbols as Yahoo writes them."""

import pytest

from tws_maintenance.config.venues import XTKS
from tws_maintenance.core.errors import UsageError
from tws_maintenance.robot.symbols import yahoo_symbol
from tws_maintenance_tests.defaults import VENUES

CODES = {"D05": "D05.SI", "0700": "0700.HK"}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("AAPL", "AAPL"),
        (" aapl ", "AAPL"),
        ("BRK B", "BRK-B"),
        ("BRK.B", "BRK-B"),
        ("BRK/B", "BRK-B"),
        ("MKC V", "MKC-V"),
        ("D05", "D05.SI"),
        ("d05.si", "D05.SI"),
        ("700", "0700.HK"),
        ("5", "0005.HK"),
        ("00388", "0388.HK"),
        ("9988.HK", "9988.HK"),
        ("AAPL  261219C00200000", "AAPL"),
        ("SPY261219P00400000", "SPY"),
    ],
)
def test_what_the_robot_writes_is_read_as_yahoo_writes_it(written: str, meant: str) -> None:
    assert yahoo_symbol(written, CODES, VENUES) == meant


@pytest.mark.parametrize(
    "written", ["", "EUR.USD", "ES DEC26", "123456", "7203.T", "VOD.L", "MKC.V", "<b>"]
)
def test_what_is_of_no_known_market_is_refused(written: str) -> None:
    with pytest.raises(UsageError):
        yahoo_symbol(written, CODES, VENUES)


def test_a_number_that_two_markets_have_is_reported_and_not_guessed() -> None:
    codes, venues = {"2269": "2269.T", "285A": "285A.T"}, (*VENUES, XTKS)
    assert yahoo_symbol("700", codes, venues) == "0700.HK"
    assert yahoo_symbol("285A", codes, venues) == "285A.T"
    with pytest.raises(
        UsageError,
        match=r"'2269' does not say which market it is of: it can be 2269\.HK or 2269\.T",
    ):
        yahoo_symbol("2269", codes, venues)
    assert yahoo_symbol("2269", {}, VENUES) == "2269.HK", "where Tokyo is off there is one"
