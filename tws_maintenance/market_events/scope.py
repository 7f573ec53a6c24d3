"""The symbols whose events are fetched, and where each of them comes from.

Held positions, symbols that active strategies trade and the watchlist are the portfolio. Symbols
that only `--symbol` names are fetched too, but they do not count as portfolio.
Belongs here: joining these lists. Does not: asking the robot or reading the watchlist's file.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import Maintained
from tws_maintenance.config.settings import EventSettings, Settings
from tws_maintenance.core.errors import UsageError
from tws_maintenance.market_events.watchlist import (
    WatchlistError,
    local_codes,
    read_full_symbol,
    read_watchlist,
)
from tws_maintenance.robot.portfolio import Portfolio
from tws_maintenance.robot.symbols import yahoo_symbol

POSITIONS = "positions"
STRATEGIES = "strategies"
WATCHLIST = "watchlist"
NAMED = "--symbol"
_STRATEGY = "strategy "


@dataclass(frozen=True)
class Scope:
    """The symbols with their origins, and the texts that could not be read as symbols.

    `origins` is {symbol: ("positions", "strategy momentum", "watchlist", "--symbol")}, with
    "strategies" for a list without a name. `ignored` are sentences about unreadable texts.
    `problems` say why the watchlist could not be read or the robot did not answer; without the
    robot, held and traded symbols are unknown. `robot` are the symbols that it holds or trades.
    """

    origins: dict[str, tuple[str, ...]] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    robot: frozenset[str] = frozenset()
    is_portfolio_known: bool = True

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols, sorted."""
        return tuple(sorted(self.origins))

    @property
    def relevant(self) -> frozenset[str]:
        """The symbols that are held, traded or watched."""
        return frozenset(symbol for symbol, found in self.origins.items() if {*found} != {NAMED})

    def impact(self, symbols: Iterable[str]) -> dict[str, list[str] | None]:
        """Return {positions, strategies, watchlist}: what a change of `symbols` affects.

        A strategy is given by its name; one without a name by its symbol. Positions and strategies
        are None, not an empty list, if the robot could not be asked.
        """
        found: dict[str, set[str]] = {POSITIONS: set(), STRATEGIES: set(), WATCHLIST: set()}
        for symbol in symbols:
            for origin in self.origins.get(symbol, ()):
                if origin in found:
                    found[origin].add(symbol)
                elif origin.startswith(_STRATEGY):
                    found[STRATEGIES].add(origin.removeprefix(_STRATEGY))
        unknown = set() if self.is_portfolio_known else {POSITIONS, STRATEGIES}
        return {
            key: sorted(names) if names or key not in unknown else None
            for key, names in found.items()
        }

    def held_or_traded(self, symbol: str) -> str:
        """Return "held (positions)", "traded (strategy momentum)", both of them, or ""."""
        found = self.origins.get(symbol, ())
        traded = [one for one in found if one == STRATEGIES or one.startswith(_STRATEGY)]
        uses = [f"held ({POSITIONS})"] if POSITIONS in found else []
        if traded:
            uses.append(f"traded ({', '.join(traded)})")
        return " and ".join(uses)


def resolve(
    home: Home,
    settings: Settings,
    added: Sequence[str] = (),
    *,
    many_symbols: bool = False,
    portfolio: Portfolio | None = None,
) -> Scope:
    """Return the symbols of the robot's `portfolio`, the settings, the watchlist and `added`.

    Raises:
        UsageError: `added` holds an unknown symbol, or there are more than [events] max_symbols
            and not `many_symbols`.
    """
    maintained = settings.maintained
    codes, venues = local_codes(home, maintained), maintained.venues
    origins: dict[str, list[str]] = defaultdict(list)
    unread: dict[str, list[str]] = defaultdict(list)
    robot = portfolio or Portfolio()
    watched, problem = _watched(home, maintained)
    for text, origin in _of_robot(robot):
        symbol, fault = _read(text, partial(yahoo_symbol, codes=codes, venues=venues))
        _note(origins[symbol] if symbol else unread[fault], origin)
    its_own = frozenset(origins)
    for text, origin in (*_of_settings(settings.events), *watched):
        symbol, fault = _read(text, partial(read_full_symbol, codes=codes, venues=venues))
        _note(origins[symbol] if symbol else unread[fault], origin)
    for text in added:
        _note(origins[read_full_symbol(text, codes, venues)], NAMED)
    if len(origins) > settings.events.max_symbols and not many_symbols:
        raise UsageError(_too_many(len(origins), settings.events.max_symbols))
    return Scope(
        {symbol: tuple(origins[symbol]) for symbol in sorted(origins)},
        (
            *robot.ignored,
            *(
                f"Not fetched, from {' and '.join(found)}: {fault}"
                for fault, found in sorted(unread.items())
            ),
        ),
        tuple(filter(None, (robot.problem, problem))),
        its_own,
        is_portfolio_known=not robot.problem,
    )


def _watched(home: Home, maintained: Maintained) -> tuple[list[tuple[str, str]], str]:
    """Return the watched texts, or why they cannot be read: held symbols are fetched anyway."""
    try:
        found = read_watchlist(home, maintained)
    except WatchlistError as error:
        return [], str(error)
    return [(text, WATCHLIST) for text in (*found.symbols, *found.unreadable)], ""


def _of_robot(robot: Portfolio) -> Iterator[tuple[str, str]]:
    yield from ((text, POSITIONS) for text in robot.positions)
    yield from ((text, STRATEGIES) for text in robot.strategies)


def _of_settings(events: EventSettings) -> Iterator[tuple[str, str]]:
    for text in events.positions:
        yield text, POSITIONS
    for name in sorted(events.strategies):
        origin = f"{_STRATEGY}{name.strip()}" if name.strip() else STRATEGIES
        for text in events.strategies[name]:
            yield text, origin


def _read(text: str, reader: Callable[[str], str]) -> tuple[str, str]:
    """Return the symbol and "", or "" and why the text is not a symbol."""
    try:
        return reader(text), ""
    except UsageError as error:
        return "", str(error)


def _note(found: list[str], origin: str) -> None:
    if origin not in found:
        found.append(origin)


def _too_many(count: int, limit: int) -> str:
    return (
        f"{count} symbols would be fetched; the limit is {limit}. Allow it once with "
        f"--many-symbols, or always with max_symbols = {count} under [events] in "
        "maintenance.toml."
    )
