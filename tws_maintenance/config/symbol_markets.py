"""Which market a symbol belongs to, by how it is written."""

import re
from collections.abc import Collection
from dataclasses import dataclass

from tws_maintenance.config.indices import DECLARED
from tws_maintenance.config.venues import XHKG, XNYS, XSES, XTKS, Venue
from tws_maintenance.core.errors import UsageError

_HONG_KONG_CODE = re.compile(r"(\d{1,5})\.HK")


@dataclass(frozen=True)
class Market:
    """A market whose symbols are known by `pattern`; wider than any index, whose rule is strict."""

    venue: Venue
    pattern: str
    example: str


MARKETS = (
    Market(XSES, r"[A-Z0-9]{2,10}\.SI", "D05.SI"),
    Market(XHKG, r"[0-9]{4,5}\.HK|[A-Z][A-Z0-9]{1,9}\.HK", "0005.HK"),
    Market(XTKS, r"[1-9][0-9A-Z]{3}\.T", "7203.T"),
    Market(XNYS, r"[A-Z][A-Z0-9]{0,9}(-[A-Z0-9]{1,2})?", "AAPL or BRK-B"),
)
# A dot before one of these letters is a class of a New York share, which Yahoo writes with a dash.
# Any other letter is a market: VOD.L is London's Vodafone, never a class L.
_SHARE_CLASS = re.compile(r"([A-Z]+)\.([ABCK])")
# https://help.yahoo.com/kb/SLN2310.html, without the markets that are ours.
_ELSEWHERE = {
    "AS": "Amsterdam", "AT": "Athens", "AX": "Sydney", "BA": "Buenos Aires", "BC": "Bogota",
    "BD": "Budapest", "BE": "Berlin", "BK": "Bangkok", "BM": "Bremen", "BO": "Bombay",
    "BR": "Brussels", "CN": "the Canadian Securities Exchange", "CO": "Copenhagen", "CR": "Caracas",
    "DE": "Xetra, Germany", "DU": "Dusseldorf", "F": "Frankfurt", "HA": "Hanover", "HE": "Helsinki",
    "HM": "Hamburg", "IC": "Iceland", "IL": "London", "IR": "Dublin", "IS": "Istanbul",
    "JK": "Jakarta", "JO": "Johannesburg", "KL": "Kuala Lumpur", "KQ": "KOSDAQ, Korea",
    "KS": "Korea", "L": "London", "LS": "Lisbon", "MC": "Madrid", "MI": "Milan", "MU": "Munich",
    "MX": "Mexico", "NE": "Cboe Canada", "NS": "the National Stock Exchange of India",
    "NZ": "New Zealand", "OL": "Oslo", "PA": "Paris", "PR": "Prague", "QA": "Qatar", "RG": "Riga",
    "SA": "Sao Paulo", "SG": "Stuttgart", "SN": "Santiago", "SR": "Saudi Arabia", "SS": "Shanghai",
    "ST": "Stockholm", "SW": "Switzerland", "SZ": "Shenzhen", "T": "Tokyo", "TA": "Tel Aviv",
    "TL": "Tallinn", "TO": "Toronto", "TW": "Taiwan", "TWO": "Taiwan", "V": "Toronto's venture "
    "exchange", "VI": "Vienna", "VS": "Vilnius", "WA": "Warsaw", "XC": "Cboe Europe",
    "XD": "Cboe Europe",
}  # fmt: skip


def markets_at(venues: Collection[Venue]) -> tuple[Market, ...]:
    """Return the markets of these venues; a home knows no others, nor their holidays."""
    return tuple(market for market in MARKETS if market.venue in venues)


def venue_of(symbol: str) -> Venue | None:
    """Return the exchange of a well-formed symbol, None where it is of no declared market."""
    for market in MARKETS:
        if re.fullmatch(market.pattern, symbol):
            return market.venue
    return None


def read_symbol(text: str, venues: Collection[Venue]) -> str:
    """Return the symbol that an operator wrote: `brk.b` is BRK-B, `5.hk` is 0005.HK.

    Raises:
        UsageError: it is of no market among `venues`, or of two.
    """
    symbol = text.strip().upper()
    code = _HONG_KONG_CODE.fullmatch(symbol)
    if code:
        symbol = DECLARED["hsi"].symbol_rule.symbol_of(code[1])
    elif share := _SHARE_CLASS.fullmatch(symbol):
        symbol = f"{share[1]}-{share[2]}"
    if venue_of(symbol) not in venues:
        raise UsageError(_refusal(text, symbol, venues))
    return symbol


def _refusal(text: str, symbol: str, venues: Collection[Venue]) -> str:
    """Return why `symbol` cannot be used, and what to write instead."""
    markets = markets_at(venues)
    known = ", ".join(f"{m.example} ({m.venue.name})" for m in markets)
    name, _, suffix = symbol.rpartition(".")
    if suffix == "V" and name.isalpha():
        return (
            f"{text!r} is ambiguous. For the class V share in New York, write {name}-V. If you "
            f"mean {symbol} at {_ELSEWHERE['V']}, leave it out: that market is not supported."
        )
    if name and suffix in _ELSEWHERE and not any(f".{suffix}" in m.example for m in markets):
        optional = " Tokyo is optional: set [indices.nikkei225] enabled." if suffix == "T" else ""
        return (
            f"{text!r} is a symbol of a market that is not supported (.{suffix} is "
            f"{_ELSEWHERE[suffix]}). Leave it out, or name the company's share at a supported one: "
            f"{known}.{optional}"
        )
    hint = ""
    if symbol.isdecimal():
        hint = f" Did you mean {read_symbol(f'{symbol}.HK', venues)}?"
    elif name.isalpha() and len(suffix) == 1:
        hint = f" A class of a share is written with a dash: {name}-{suffix}."
    return f"{text!r} is not a symbol of a known market. Expected one such as {known}.{hint}"
