"""The robot's symbols, which are the broker's, as Yahoo writes them."""

import re
from collections.abc import Collection

from tws_maintenance.config.symbol_markets import read_symbol, venue_of
from tws_maintenance.config.venues import Venue
from tws_maintenance.core.errors import UsageError

# https://www.theocc.com: the root in six places, the date, call or put, the strike in eight.
_OPTION = re.compile(r"([A-Z0-9]{1,6}) *\d{6}[CP]\d{8}")
# Not with a dot: that may be a market, which `read_symbol` decides.
_SHARE_CLASS = re.compile(r"([A-Z]+)[ /]([A-Z])")
_HONG_KONG_CODE = re.compile(r"\d{1,5}")
# An option has the events of its share; other kinds of paper have no events here.
SHARES = frozenset({"", "STK", "ETF", "OPT", "WAR"})


def yahoo_symbol(text: str, codes: dict[str, str], venues: Collection[Venue]) -> str:
    """Return a symbol as Yahoo writes it: `BRK B` is BRK-B, `D05` D05.SI, `700` 0700.HK.

    An option's own symbol is read as its share's. `codes` are {code: symbol} of the members whose
    exchange writes them without the suffix.

    Raises:
        UsageError: it is of no market among `venues`, or a number that is of two.
    """
    written = text.strip().upper()
    if option := _OPTION.fullmatch(written):
        written = option[1]
    if share := _SHARE_CLASS.fullmatch(written):
        written = f"{share[1]}-{share[2]}"
    is_number = _HONG_KONG_CODE.fullmatch(written)
    code = written.lstrip("0").zfill(4) if is_number else written
    if is_number:
        _refuse_what_is_of_two(code, venues)
    if meant := codes.get(code):
        return meant
    return read_symbol(f"{code}.HK" if is_number else code, venues)


def _refuse_what_is_of_two(code: str, venues: Collection[Venue]) -> None:
    """Refuse a number that two markets use: events of the wrong company are worse than none."""
    meanings = [one for one in (f"{code}.HK", f"{code}.T") if venue_of(one) in venues]
    if len(meanings) > 1:
        raise UsageError(
            f"{code!r} does not say which market it is of: it can be {' or '.join(meanings)}"
        )
