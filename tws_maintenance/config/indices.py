"""One declaration per index. Assets, checks, command-line choices, cards and docs come from it.

A new index is a new entry in `DECLARED`. The settings of a home say which of them it maintains
(`Settings.maintained`). What else an operator may change (thresholds) is in
`tws_maintenance.config.settings`; what makes it that index is here. Nothing is read here.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from tws_maintenance.config.sources import (
    ANNOUNCEMENTS,
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
# How far ahead events are fetched by default.
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
        """Return whether `text` is a well-formed published symbol."""
        return re.fullmatch(self.pattern, text) is not None

    def display_of(self, symbol: str) -> str:
        """Return the symbol as the exchange writes it: without Yahoo's suffix."""
        return symbol.removesuffix(self.suffix)


@dataclass(frozen=True)
class Index:
    """Everything in which one index differs from another."""

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
    # From this day on its announced changes are known to be complete, so that membership before
    # the first promotion follows from them. None where no complete record of them is known.
    changes_complete_since: date | None = None
    announcements: tuple[SourceSpec, ...] = ()  # where its changes are announced

    @property
    def how_to_switch_on(self) -> str:
        """Why an optional index that is off is not maintained, and what to write."""
        return (
            f"{self.name} is optional and switched off. Write `enabled = true` below "
            f"[indices.{self.key}] in maintenance.toml."
        )

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

    def announced_at(self, name: str) -> tuple[SourceSpec, ...]:
        """Return the addresses at which the source `name` announces changes, in their order."""
        return tuple(spec for spec in self.announcements if spec.name == name)


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
            announcements=ANNOUNCEMENTS["sp500"],
            best_at=_best_at(sector=(WIKIPEDIA, SPY, IVV)),
            min_rows=450,
            max_rows=510,
            quorum=2,
            enriched=("sector", "sub_industry"),
            sectors=GICS_SECTORS,
            # Before 2011 the table lacks changes: Berkshire Hathaway's of 2010-02-16, among others.
            changes_complete_since=date(2011, 1, 1),
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
            announcements=ANNOUNCEMENTS["hsi"],
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


# What every home maintains. A home's settings may add optional ones: iterate over
# `Settings.maintained`, never over these.
INDICES: dict[str, Index] = {key: index for key, index in DECLARED.items() if not index.is_optional}
# Every task that there can be, in the order in which reports list them.
ALL_TASKS = (*(index.task for index in DECLARED.values()), MARKET_EVENTS, METADATA_VALIDATION)


@dataclass(frozen=True)
class Maintained:
    """The indices that a home maintains, and the tasks, groups and venues that follow from them."""

    indices: tuple[Index, ...]

    def __iter__(self) -> Iterator[Index]:
        """Yield the indices in their declared order."""
        return iter(self.indices)

    def __contains__(self, index: object) -> bool:
        """Return whether `index` is maintained."""
        return index in self.indices

    @property
    def venues(self) -> tuple[Venue, ...]:
        """The exchanges that their members trade at, each once."""
        return tuple(dict.fromkeys(index.venue for index in self.indices))

    @property
    def constituent_tasks(self) -> tuple[str, ...]:
        """The tasks that maintain a list."""
        return tuple(index.task for index in self.indices)

    @property
    def tasks(self) -> tuple[str, ...]:
        """Every task of the home."""
        return (*self.constituent_tasks, MARKET_EVENTS, METADATA_VALIDATION)

    @property
    def groups(self) -> dict[str, tuple[str, ...]]:
        """The names for several tasks at once."""
        lists = self.constituent_tasks
        return {"all": (*lists, MARKET_EVENTS), "constituents": lists}

    def expanded(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return the tasks that `names`, of tasks and of groups, stand for, in declared order."""
        wanted = {task for name in names for task in self.groups.get(name, (name,))}
        return tuple(task for task in self.tasks if task in wanted)

    def unknown(self, tasks: Iterable[str]) -> str:
        """Return why the home does not have some of `tasks`, "" where it has all."""
        names = [task for task in tasks if task not in self.tasks]
        off = [one for one in DECLARED.values() if one.task in names]
        if off:
            return " ".join(one.how_to_switch_on for one in off)
        if not names:
            return ""
        unknown = f"task{'s' if len(names) > 1 else ''} {', '.join(names)}"
        return f"Unknown {unknown}; known: {', '.join(self.tasks)}."


def maintained(switched_on: Iterable[str] = ()) -> Maintained:
    """Return what a home maintains whose settings switch on the optional indices of these keys."""
    on = set(switched_on)
    return Maintained(
        tuple(index for index in DECLARED.values() if index.key in INDICES or index.key in on)
    )


def index_of_task(task: str) -> Index:
    """Return the index whose constituents `task` maintains; KeyError for any other task."""
    return DECLARED[task.removesuffix("_constituents")]


def task_name(task: str) -> str:
    """Return what people call a task; an unknown one keeps its name."""
    if task in {MARKET_EVENTS, METADATA_VALIDATION}:
        return task.replace("_", " ")
    return index_of_task(task).name if task in ALL_TASKS else task
