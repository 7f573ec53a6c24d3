"""What a line of a fund is: a share of a member, or another holding such as cash.

A line is set aside only for a mark of its own: its asset class, its identifier, the words of its
name, or a weight of zero together with no real exchange or code. A blank or unfamiliar cell never
sets a line aside, because the line may be a member.
"""

import re
from dataclasses import dataclass

from tws_maintenance.config.indices import Index

# In per cent. The smallest member of a fund has 0.005; what was delisted has 0.000003 or 0.
NO_WEIGHT = 0.0001
_CLASSES = frozenset(
    {"cash", "cash collateral and margins", "cash derivatives", "synthetic cash", "money market"}
    | {"futures", "options", "swaps", "forwards", "fx", "fixed income", "rights", "warrants"}
)
_CLASS_SECTOR = "cash and/or derivatives"
_CURRENCIES = "USD|SGD|HKD|CNY|CNH|EUR|GBP|JPY|AUD|CAD|CHF|TWD|KRW|MYR|THB|IDR|INR|NZD"
# CASH_SGD and CSHISG stand in SSGA's files for the fund's cash, 999USDZ92 in place of a CUSIP.
_CASH_CODE = re.compile(r"CASH_\w+|CSH[A-Z]{3}|999[A-Z]{3}[A-Z0-9]{3}", re.IGNORECASE)
_CURRENCY_NAMES = (
    r"(?:U\.?S\.?|UNITED STATES|SINGAPORE|HONG KONG|AUSTRALIAN?|CANADIAN|NEW ZEALAND) DOLLARS?"
    r"|EURO|POUNDS? STERLING|BRITISH POUND|JAPANESE YEN|SWISS FRANC"
    r"|(?:(?:CHINESE|OFFSHORE) )?(?:YUAN|RENMINBI)(?: RENMINBI)?"
)
# Not "dollar" or "cash" anywhere: Dollar Tree is a member, and a Cash Company may become one.
_CASH_NAME = re.compile(
    rf"(?:{_CURRENCY_NAMES})(?: CASH| CURRENCY)?"
    rf"|(?:{_CURRENCIES})(?: CASH\b.*)?"
    r"|(?:NET )?CASH(?: (?:COLLATERAL|COMPONENT|BALANCE|OFFSET|EQUIVALENTS?|AND|&)\b.*)?"
    r"|(?:NET )?(?:OTHER )?(?:CURRENT )?(?:ASSETS|LIABILITIES)(?: .*)?",
    re.IGNORECASE,
)
# Not at the beginning, where it may be the name itself: CVR Energy.
_NAMES = (
    (r"^CONTRA\b", "a contra line"),
    (r"\bESCROW\b", "an escrow line"),
    (r".\b(?:RIGHTS|RTS|CVR)\b|.\bRIGHT$|\b(?:CONTINGENT VALUE|SUBSCRIPTION) RIGHT\b", "a right"),
    (r"\b(?:WARRANTS?|WTS)\b", "a warrant"),
    (r"\bWHEN[ -]?ISS(?:UED?)?\b|\bW/I\b|\(WI\)", "a when-issued line"),
    (r".\b(?:FUTURES|FUT|E-?MINI)\b", "a future"),
    (r"\bLIQUIDITY F(?:U?N)?D\b|\bMONEY MARKET\b|\bCSH FND\b|.\bCASH FUND\b", "a liquidity fund"),
    (r".\bETF\b", "a fund"),
)
_NAMED = tuple((re.compile(pattern, re.IGNORECASE), reason) for pattern, reason in _NAMES)
# MRP-W, KLG-W; a fifth letter V is Nasdaq's for shares that are not issued yet (SNDKV).
_WHEN_ISSUED = re.compile(r"[A-Z]+-WI?|[A-Z]{4}V")
_NO_MARKET = re.compile(r"\bNO MARKET\b|\bUNLISTED\b", re.IGNORECASE)
_TOTALS = frozenset({"total", "totals", "grand total"})
_COUNTRIES = {".SI": "-SG", ".HK": "-HK"}
_SHARE_CLASS = re.compile(r"^([A-Z]{1,4})[./ ]([A-Z])$")
# Some funds leave out the separator; no other ticker of the index looks like these.
SHARE_CLASSES = {"BRKB": "BRK-B", "BFB": "BF-B"}
_NO_TICKER = frozenset({"", "-", "--", "n/a", "na", "unassigned", "none", "nan"})
_ISIN, _CUSIP, _SEDOL = r"[A-Z]{2}[A-Z0-9]{9}[0-9]", r"[A-Z0-9]{8}[0-9]", r"[A-Z0-9]{6}[0-9]"
_IDENTIFIER = re.compile(f"{_ISIN}|{_CUSIP}|{_SEDOL}")


@dataclass(frozen=True)
class Line:
    """A line of a fund: `ticker` as the index writes it, "" where there is none.

    `codes` are the cells for identifiers as they stand, `weight` is in per cent, None where the
    file gives none.
    """

    ticker: str
    security: str
    sector: str = ""
    asset_class: str = ""
    exchange: str = ""
    codes: tuple[str, ...] = ()
    weight: float | None = None

    @property
    def identifiers(self) -> tuple[str, ...]:
        """Its ISIN, CUSIP and SEDOL, where it has them."""
        codes = (code.upper() for code in self.codes)
        return tuple(code for code in codes if _IDENTIFIER.fullmatch(code))

    def has_symbol(self, index: Index) -> bool:
        """Return whether its ticker is a symbol of the market, no placeholder and not blank."""
        rule = index.symbol_rule
        return rule.is_symbol(rule.symbol_of(self.ticker))


def ticker_of(text: str, index: Index) -> str:
    """Return the ticker of a cell as the index writes it, "" where the cell holds none.

    `D05-SG` is `D05`, `5-HK` is `5`; BRK.B, BRK/B and BRKB are `BRK-B`.
    """
    ticker = " ".join(text.split()).upper()
    if ticker.casefold() in _NO_TICKER:
        return ""
    suffix = index.symbol_rule.suffix
    if suffix:
        return ticker.removesuffix(_COUNTRIES.get(suffix, suffix))
    return SHARE_CLASSES.get(ticker) or _SHARE_CLASS.sub(r"\1-\2", ticker)


def why_no_share(line: Line, index: Index) -> str:
    """Return why a line is not a share of a member, "" where it is one or may be one."""
    return _by_class(line) or _by_code(line, index) or _by_name(line) or _by_weight(line, index)


def _by_class(line: Line) -> str:
    if line.asset_class.casefold() in _CLASSES:
        return f"asset class {line.asset_class}"
    is_unclassed = line.asset_class in {"", "-"}
    return line.sector if is_unclassed and line.sector.casefold() == _CLASS_SECTOR else ""


def _by_code(line: Line, index: Index) -> str:
    if any(_CASH_CODE.fullmatch(code) for code in (line.ticker, *line.codes)):
        return "cash"
    if not index.symbol_rule.suffix and _WHEN_ISSUED.fullmatch(line.ticker):
        return "a when-issued line"
    return ""


def _by_name(line: Line) -> str:
    name = " ".join(line.security.split())
    if name.casefold() in _TOTALS or not (name or line.ticker or line.identifiers):
        words = {name.casefold(), *(code.casefold() for code in line.codes)}
        return "a total" if words & _TOTALS else ""
    if _CASH_NAME.fullmatch(name):
        return "cash"
    return next((reason for pattern, reason in _NAMED if pattern.search(name)), "")


def _by_weight(line: Line, index: Index) -> str:
    if line.weight is None or line.weight > NO_WEIGHT:
        return ""
    if _NO_MARKET.search(line.exchange):
        return "a delisted share at weight 0"
    return "" if line.has_symbol(index) else "not a symbol of the market, at weight 0"
