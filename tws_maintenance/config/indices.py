"""One declaration an index. Assets, checks, command-line choices, cards and docs come from it.

A new index is a new entry in `DECLARED`. An optional one is part of `INDICES` where the home of
this process says so: assets, command-line choices, schedules and cards are made of it while we are
imported, which is why that one setting is read here. What an operator may change otherwise
(thresholds) is in `tws_maintenance.config.settings`; what makes it that index is here.
"""

import os
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass

from tws_maintenance.config.home import find_home
from tws_maintenance.config.sources import (
    ES3,
    HANG_SENG,
    IVV,
    SOURCES,
    SPY,
    WIKIPEDIA,
    SourceSpec,
)
from tws_maintenance.config.venues import XHKG, XNYS, XSES, XTKS, Venue

MARKET_EVENTS = "market_events"
METADATA_VALIDATION = "metadata_validation"
# How far ahead events are looked for unless told otherwise.
DEFAULT_DAYS = 28
MAX_DAYS = 365
# More need to be asked for.
DEFAULT_MAX_SYMBOLS = 200

# https://www.msci.com/our-solutions/indexes/gics (the structure in force since March 2023)
GICS_SECTORS = frozenset(
    {
        "Communication Services",
        "Consumer Discretionary",
        "Consumer Staples",
        "Energy",
        "Financials",
        "Health Care",
        "Industrials",
        "Information Technology",
        "Materials",
        "Real Estate",
        "Utilities",
    }
)


SWITCH_PREFIX, SWITCH_SUFFIX = "TWS_MAINTENANCE_INDICES__", "__ENABLED"
_PAGE = (WIKIPEDIA,)
Describers = tuple[tuple[str, tuple[str, ...]], ...]


def _best_at(
    security: tuple[str, ...] = _PAGE,
    sector: tuple[str, ...] = _PAGE,
    sub_industry: tuple[str, ...] = _PAGE,
) -> Describers:
    return (("security", security), ("sector", sector), ("sub_industry", sub_industry))


BY_THE_PAGE = _best_at()


@dataclass(frozen=True)
class SymbolRule:
    """How a ticker on a page becomes the symbol that is published.

    `prefix` is the exchange as the page writes it before the ticker ("SGX: D05"), `normalise`
    turns the bare ticker into the symbol, `pattern` is what a published symbol must match.
    """

    pattern: str
    example: str
    normalise: Callable[[str], str]
    prefix: str = ""
    suffix: str = ""

    def symbol_of(self, cell: str) -> str:
        """Return the symbol of a cell's text, "" for a blank one; odd text comes back as it is."""
        ticker = cell
        if self.prefix:
            ticker = re.sub(rf"^\s*{self.prefix}\s*:\s*", "", ticker, flags=re.IGNORECASE)
        ticker = ticker.strip().upper()
        return self.normalise(ticker) if ticker else ""

    def is_symbol(self, text: str) -> bool:
        """Tell whether `text` is a well-formed published symbol."""
        return re.fullmatch(self.pattern, text) is not None

    def display_of(self, symbol: str) -> str:
        """Return the symbol as the exchange writes it: without Yahoo's suffix."""
        return symbol.removesuffix(self.suffix)


@dataclass(frozen=True)
class Index:
    """Everything that tells one index from another."""

    key: str
    name: str
    venue: Venue
    symbol_rule: SymbolRule
    sources: tuple[SourceSpec, ...]
    min_rows: int
    max_rows: int
    quorum: int  # how many sources that agree make a member
    authority: str | None = None  # the source that decides without a vote
    # Which source is best at a column. Another one may still name a member; its sector it may not.
    best_at: Describers = BY_THE_PAGE
    enriched: tuple[str, ...] = ()  # the descriptive columns that its page must give
    has_display_symbol: bool = False
    sectors: frozenset[str] = frozenset()
    is_optional: bool = False
    # Where the day of its list is that of a review, and another one is months away.
    max_source_age_days: float | None = None
    # Where a few members are a large share of the list.
    fail_disagreement: float | None = None

    @property
    def switch(self) -> str:
        """The environment variable that switches an optional index on or off."""
        return f"{SWITCH_PREFIX}{self.key.upper()}{SWITCH_SUFFIX}"

    @property
    def task(self) -> str:
        """The name of its task, its live asset and, with `.csv`, its live file."""
        return f"{self.key}_constituents"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the live file, in order, before any that an operator added."""
        display = ("display_symbol",) if self.has_display_symbol else ()
        return ("symbol", *display, "security", "sector", "sub_industry")

    @property
    def source_names(self) -> tuple[str, ...]:
        """The names of its sources, each once."""
        return tuple(dict.fromkeys(spec.name for spec in self.sources))

    def addresses(self, name: str) -> tuple[SourceSpec, ...]:
        """Return the addresses of the source `name`, in the order they are asked."""
        return tuple(spec for spec in self.sources if spec.name == name)


def _hong_kong_symbol(ticker: str) -> str:
    """Pad a Hong Kong code to four digits: `5`, `0005` and `00005` are all `0005.HK`."""
    digits = ticker.lstrip("0") if ticker.isdecimal() else ticker
    return f"{digits.zfill(4) if ticker.isdecimal() else ticker}.HK"


DECLARED: dict[str, Index] = {
    index.key: index
    for index in (
        Index(
            key="sp500",
            name="S&P 500",
            venue=XNYS,
            symbol_rule=SymbolRule(
                pattern=r"[A-Z]{1,5}(-[A-Z]{1,2})?",
                example="AAPL or BRK-B",
                normalise=lambda ticker: ticker.replace(".", "-"),
            ),
            sources=SOURCES["sp500"],
            best_at=_best_at(sector=(WIKIPEDIA, SPY, IVV)),
            min_rows=450,
            max_rows=510,
            quorum=2,
            enriched=("sector", "sub_industry"),
            sectors=GICS_SECTORS,
        ),
        Index(
            key="sti",
            name="STI",
            venue=XSES,
            symbol_rule=SymbolRule(
                pattern=r"[A-Z0-9]{3,4}\.SI",
                example="D05.SI",
                normalise=lambda ticker: f"{ticker}.SI",
                prefix="SGX",
                suffix=".SI",
            ),
            sources=SOURCES["sti"],
            best_at=_best_at(sector=(ES3,)),
            min_rows=25,
            max_rows=32,
            quorum=2,
            fail_disagreement=0.20,
            has_display_symbol=True,
        ),
        Index(
            key="hsi",
            name="HSI",
            venue=XHKG,
            symbol_rule=SymbolRule(
                pattern=r"[0-9]{4,5}\.HK",
                example="0005.HK",
                normalise=_hong_kong_symbol,
                prefix="SEHK",
                suffix=".HK",
            ),
            sources=SOURCES["hsi"],
            authority=HANG_SENG,
            # iShares sorts by its own sectors, which are not the four sub-indexes.
            best_at=_best_at(sector=(HANG_SENG, WIKIPEDIA)),
            min_rows=70,
            max_rows=110,
            quorum=2,
            enriched=("sector",),
            has_display_symbol=True,
        ),
        Index(
            key="nasdaq100",
            name="NASDAQ-100",
            venue=XNYS,  # the sessions of XNAS are those of XNYS
            symbol_rule=SymbolRule(
                pattern=r"[A-Z]{1,5}",
                example="AAPL",
                normalise=lambda ticker: ticker.replace(".", "-"),
            ),
            sources=SOURCES["nasdaq100"],
            min_rows=95,
            max_rows=110,
            quorum=1,
            enriched=("sector",),
            is_optional=True,
        ),
        Index(
            key="nikkei225",
            name="Nikkei 225",
            venue=XTKS,
            symbol_rule=SymbolRule(
                pattern=r"[0-9][0-9A-Z]{3}\.T",
                example="7203.T",
                normalise=lambda ticker: f"{ticker}.T",
                prefix="TYO",
                suffix=".T",
            ),
            sources=SOURCES["nikkei225"],
            min_rows=215,
            max_rows=235,
            quorum=1,
            max_source_age_days=366,
            has_display_symbol=True,
            is_optional=True,
        ),
    )
}


def _switched_on_in_the_file() -> set[str]:
    """Return the indices that the home's maintenance.toml switches on.

    A file that cannot be read says nothing here; whoever loads the settings tells what is wrong.
    """
    try:
        found = tomllib.loads(find_home().settings_file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RuntimeError):  # the last of a home such as ~nobody
        return set()
    indices = found.get("indices")
    tables = indices.items() if isinstance(indices, dict) else ()
    return {key for key, one in tables if isinstance(one, dict) and _is_true(one.get("enabled"))}


def _is_true(value: object) -> bool:
    """Tell whether a setting says yes, in any way that the settings themselves take for it."""
    return str(value).strip().lower() in {"1", "true", "yes", "on", "y", "t"}


def _enabled() -> dict[str, Index]:
    """Return what this process maintains: by the environment first, then by maintenance.toml."""
    written = _switched_on_in_the_file()

    def is_enabled(index: Index) -> bool:
        said = os.environ.get(index.switch, "").strip()
        is_on = _is_true(said) if said else index.key in written
        return is_on or not index.is_optional

    return {key: index for key, index in DECLARED.items() if is_enabled(index)}


INDICES: dict[str, Index] = _enabled()
VENUES = tuple(dict.fromkeys(index.venue for index in INDICES.values()))

CONSTITUENT_TASKS = tuple(index.task for index in INDICES.values())
TASKS = (*CONSTITUENT_TASKS, MARKET_EVENTS, METADATA_VALIDATION)
TASK_GROUPS: dict[str, tuple[str, ...]] = {
    "all": (*CONSTITUENT_TASKS, MARKET_EVENTS),
    "constituents": CONSTITUENT_TASKS,
}


def index_of_task(task: str) -> Index:
    """Return the index whose constituents `task` maintains; KeyError for any other task."""
    return INDICES[task.removesuffix("_constituents")]
