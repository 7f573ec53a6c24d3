"""Cost, requests and memory of refreshing the events of many symbols, by their number."""

from datetime import timedelta
from itertools import islice, product
from string import ascii_uppercase

import pairs

from tws_maintenance.core.clock import utc_now
from tws_maintenance.demo.events import calendar_events
from tws_maintenance.demo.server import PageServer

LATENCY = 0.15


def main() -> None:
    """Measure and print a line for each number of symbols."""
    parser = pairs.arguments(__doc__)
    parser.add_argument("--symbols", type=int, nargs="+", default=[1, 50, 200, 500])
    parser.add_argument("--latency", type=float, default=LATENCY, help="seconds before each answer")
    parser.add_argument("--apply", action="store_true", help="store them, too")
    options = parser.parse_args()
    words = ("--apply",) if options.apply else ()
    with (
        PageServer({}, latency=options.latency) as server,
        pairs.opened(options, server) as sides,
    ):
        for number in options.symbols:
            compare(sides, server, number, options.rounds, *words)


def compare(
    sides: list[pairs.Side], server: PageServer, number: int, rounds: int, *words: str
) -> None:
    """Print what a sync of `number` symbols costs, and what it asked for.

    The first one, which stores what the others find again, is not counted.
    """
    requests: dict[str, int] = {}

    def sync(side: pairs.Side) -> pairs.Cost:
        server.asked.clear()
        found = side.run(*events_of(number, server), *words)
        requests[side.name] = len(server.asked)
        return found

    name = f"events of {number} symbols{' stored' if words else ''}"
    found = pairs.compare(name, sides, sync, rounds)
    asked = " / ".join(str(requests[side.name]) for side in sides)
    print(f"{'':32} {asked} requests, largest process {found.here.largest_mb:.0f} MB")


def events_of(number: int, server: PageServer) -> list[str]:
    """Return the command for the events of `number` symbols, each of which `server` then knows."""
    symbols = ["".join(letters) for letters in islice(product(ascii_uppercase, repeat=3), number)]
    soon = utc_now().date() + timedelta(days=7)
    answer = (200, calendar_events([soon], ex_dividend=soon))
    server.symbols = dict.fromkeys(symbols, answer)
    named = [f"--symbol={symbol}" for symbol in symbols]
    return ["run", "--task", "market_events", "--many-symbols", *named]


if __name__ == "__main__":
    main()
