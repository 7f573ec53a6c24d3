"""What the commands of every day cost in this checkout and in another one.

    benchmarks/base.sh FOLDER                                   install the version to compare with
    python benchmarks/commands.py --other FOLDER                the table
    python benchmarks/commands.py --other FOLDER --uncompiled   the same without bytecode of ours

Both read the same pages of a server on this machine, each in a home of its own. Processor seconds
are those of all processes of a command; `wall` means little where others use the machine.
"""

import market_events
import pairs

from tws_maintenance.config.indices import INDICES
from tws_maintenance.demo.pages import companies, page
from tws_maintenance.demo.server import PageServer

LISTS = ("run", "--task", "constituents")
LOOKS = (("--help",), ("run", "--help"), ("status",), ("reports", "list"), ("events", "list"))
# A look at a home in which something is wrong ends with another code.
CODES_OF_A_LOOK = (0, 1, 3)


def main() -> None:
    """Print a line a command."""
    parser = pairs.arguments(__doc__)
    parser.add_argument("--symbols", type=int, nargs="+", default=[50, 500])
    options = parser.parse_args()
    pages = {key: page(key, companies(key)) for key in INDICES}
    with (
        PageServer(pages, latency=market_events.LATENCY) as server,
        pairs.opened(options, server) as sides,
    ):
        for side in sides:
            side.run(*LISTS, "--apply", "--reason", "the first lists")
        for words in LOOKS:
            compare_look([side.without_settings() for side in sides], options.rounds, *words)
        compare_dry_runs(sides, options.rounds)
        compare_promotions(sides, server, options.rounds)
        for number in options.symbols:
            market_events.compare(sides, server, number, options.rounds, "--apply")


def compare_look(sides: list[pairs.Side], rounds: int, *words: str) -> None:
    """Compare a command that changes nothing."""
    name = " ".join(words)
    pairs.compare(name, sides, lambda side: side.run(*words, codes=CODES_OF_A_LOOK), rounds)


def compare_dry_runs(sides: list[pairs.Side], rounds: int) -> None:
    """Compare a dry run of the three lists, and what each adds to Dagster's event log."""
    before = {side.name: event_log_mb(side) for side in sides}
    pairs.compare("dry run of three lists", sides, lambda side: side.run(*LISTS), rounds)
    grown = [(event_log_mb(side) - before[side.name]) / (rounds + 1) for side in sides]
    print(f"{'':32} the event log grows by {' / '.join(f'{mb:.2f}' for mb in grown)} MB a run")


def compare_promotions(sides: list[pairs.Side], server: PageServer, rounds: int) -> None:
    """Compare the promotion of a dry run of the three lists, of which one changed."""
    members = companies("sti")
    is_short = dict.fromkeys((side.name for side in sides), False)

    def promote(side: pairs.Side) -> pairs.Cost:
        is_short[side.name] = not is_short[side.name]
        server.pages["sti"] = page("sti", members[:-1] if is_short[side.name] else members)
        side.run(*LISTS)
        stamp = max(one.stem for one in (side.home / "reports" / "maintenance").glob("2*.json"))
        return side.run("promote", f"maintenance_{stamp}", "--reason", "measured")

    pairs.compare("promote", sides, promote, rounds)


def event_log_mb(side: pairs.Side) -> float:
    """Return the megabytes of Dagster's event log in the home of a side."""
    return sum(one.stat().st_size for one in (side.home / ".dagster").glob("event_log.db*")) / 1e6


if __name__ == "__main__":
    main()
