"""Where the time of one dry run goes: the same calls as the command makes, with a clock between."""

import gc

gc.disable()

import time  # noqa: E402 - the clock starts with the process's own imports

START = time.perf_counter()

import itertools  # noqa: E402
import os  # noqa: E402
from pathlib import Path  # noqa: E402

from tws_maintenance.constituents.audit_worker import Auditor  # noqa: E402


def main() -> None:
    """Print the seconds of each phase."""
    marks = [("start", START)]

    def mark(name: str) -> None:
        marks.append((name, time.perf_counter()))

    auditor = Auditor()
    auditor.start()
    from tws_maintenance.config.home import Home
    from tws_maintenance.config.indices import INDICES, maintained
    from tws_maintenance.config.settings import load_settings
    from tws_maintenance.runs.maintenance import head_start

    home = Home(Path(os.environ["TWS_MAINTENANCE_HOME"]))
    begun = head_start(home, load_settings(home), auditor)
    begun.gathering.start(INDICES.values())
    mark("imports of ours (auditor and fetches begun)")
    from tws_maintenance.pipeline import execution as runs
    from tws_maintenance.runs.request import RunSpec

    mark("imports of Dagster")
    for index in INDICES.values():
        begun.gathering.answer(index)
    mark("waiting for fetch and parse")
    from tws_maintenance.pipeline.instance import open_instance

    open_instance(home).dispose()
    mark("Dagster's instance (SQLAlchemy, alembic)")
    by_step: dict[str, float] = {}

    def on_step(_task: str, event: str) -> None:
        step, _, state = event.rpartition(" ")
        kind = "audit" if step.startswith("audit") else "stage"
        by_step[kind] = by_step.get(kind, 0.0) + time.perf_counter() * (-1) ** (state == "started")

    runs.execute(
        home, RunSpec(maintained().constituent_tasks, dry_run=True), begun=begun, on_step=on_step
    )
    mark("the run")
    auditor.stop()
    for (_, before), (name, after) in itertools.pairwise(marks):
        print(f"  {after - before:6.2f} s  {name}")
    for kind, seconds in by_step.items():
        print(f"  {seconds:6.2f} s    of it: {kind} steps")
    gc.freeze()


if __name__ == "__main__":
    main()
