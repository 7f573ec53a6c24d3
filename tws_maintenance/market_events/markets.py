"""Which market a symbol belongs to, by how it is written."""

import re
from dataclasses import dataclass

from tws_maintenance.errors import UsageError
from tws_maintenance.indices import INDICES, VENUES
from tws_maintenance.venues import XHKG, XNYS, XSES, XTKS, Venue

_HONG_KONG_CODE = re.compile(r"(\d{1,5})\.HK")


@dataclass(frozen=True)
class Market:
    """A market whose symbols are known by `pattern`; wider than any index, whose rule is strict."""

    venue: Venue
    pattern: str
    example: str


_DECLARED = (
    Market(XSES, r"[A-Z0-9]{2,10}\.SI", "D05.SI"),
    Market(XHKG, r"[0-9]{4,5}\.HK|[A-Z][A-Z0-9]{1,9}\.HK", "0005.HK"),
    Market(XTKS, r"[1-9][0-9A-Z]{3}\.T", "7203.T"),
    Market(XNYS, r"[A-Z][A-Z0-9]{0,9}(-[A-Z0-9]{1,2})?", "AAPL or BRK-B"),
)
# Of a venue that no index of this process trades at nothing is known, its holidays neither.
MARKETS = tuple(market for market in _DECLARED if market.venue in VENUES)


def venue_of(symbol: str) -> Venue | None:
    """Return the exchange of a well-formed symbol, None where it is of no known market."""
    for market in MARKETS:
        if re.fullmatch(market.pattern, symbol):
            return market.venue
    return None


def read_symbol(text: str) -> str:
    """Return the symbol that an operator wrote: `brk.b` is BRK-B, `5.hk` is 0005.HK.

    Raises:
        UsageError: it is of no known market.
    """
    symbol = text.strip().upper()
    code = _HONG_KONG_CODE.fullmatch(symbol)
    if code:
        symbol = INDICES["hsi"].symbol_rule.symbol_of(code[1])
    elif re.fullmatch(r"[A-Z]+\.[A-Z]", symbol):
        symbol = symbol.replace(".", "-")
    if venue_of(symbol) is None:
        known = ", ".join(f"{m.example} ({m.venue.name})" for m in MARKETS)
        hint = f" Did you mean {read_symbol(f'{symbol}.HK')}?" if symbol.isdecimal() else ""
        raise UsageError(
            f"{text!r} is not a symbol of a known market. Expected one such as {known}.{hint}"
        )
    return symbol
