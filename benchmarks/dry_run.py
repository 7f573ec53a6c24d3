"""Time and memory of a dry run of the three lists, beside a plain script for the same job."""

import subprocess
import sys
from pathlib import Path

import pairs

from tws_maintenance.config.indices import INDICES
from tws_maintenance.demo.pages import companies, page
from tws_maintenance.demo.server import PageServer

SCRIPTS = Path(__file__).resolve().parent
LISTS = ("run", "--task", "constituents")


def main() -> None:
    """Measure and print."""
    parser = pairs.arguments(__doc__)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    options = parser.parse_args()
    pages = {key: page(key, companies(key)) for key in INDICES}
    with (
        PageServer(pages, latency=options.latency) as server,
        pairs.opened(options, server) as sides,
    ):
        for side in sides:
            side.run(*LISTS, "--apply")
        here = sides[0]
        environment = {**here.environment, **here.settings, "REFERENCE_ORIGIN": server.origin}
        reference = [sys.executable, str(SCRIPTS / "reference.py"), str(here.home)]
        plain = pairs.compare(
            "reference script",
            [here],
            lambda side: pairs.cost_of(reference, environment, side.home),
            options.rounds,
        ).here
        ours = pairs.compare("dry run", sides, lambda side: side.run(*LISTS), options.rounds).here
        print(f"wall time is {ours.wall_seconds / plain.wall_seconds:.1f} times the script's")
        print(f"largest process: {ours.largest_mb:.0f} MB, of the script {plain.largest_mb:.0f} MB")
        print("split of one run:", flush=True)
        subprocess.run(
            [sys.executable, str(SCRIPTS / "split.py")],
            env=environment,
            check=True,
        )


if __name__ == "__main__":
    main()
