"""Many symbols at once: what each would be taken for, before it is stored."""

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import maintained
from tws_maintenance.core.errors import UsageError
from tws_maintenance.market_events.watchlist import readings, symbols_in

pytestmark = pytest.mark.unit


def test_each_text_is_read_once_and_nothing_is_stored(home: Home) -> None:
    home.data.mkdir()
    home.watchlist.write_text("symbol,added_at\nAAPL,2026-11-01T00:00:00Z\n")
    found = readings(home, maintained({}), ["aapl", "brk.b", "BRK-B", "VOD.L"])
    assert [(one.written, one.symbol, one.market, one.is_watched) for one in found] == [
        ("aapl", "AAPL", "New York", True),
        ("brk.b", "BRK-B", "New York", False),
        ("VOD.L", None, "", False),
    ]
    assert "VOD.L" in found[2].fault
    assert home.watchlist.read_text().count("\n") == 2


@pytest.mark.parametrize(
    ("content", "symbols"),
    [
        (b"AAPL\nMSFT,Microsoft\n\n", ["AAPL", "MSFT"]),
        (b"\xef\xbb\xbfname,Ticker\nApple,AAPL\n,\n", ["AAPL"]),
        (b"Symbol;\n", ["Symbol;"]),
        (b"", []),
    ],
)
def test_a_csv_gives_its_column_of_symbols(content: bytes, symbols: list[str]) -> None:
    assert symbols_in(content) == symbols


def test_what_is_no_csv_is_refused_in_words() -> None:
    with pytest.raises(UsageError, match="The file is not UTF-8"):
        symbols_in(b"\xff\xfeA\x00")
