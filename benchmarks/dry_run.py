"""Time and memory of a dry run of the three lists, beside a plain script for the same job."""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tws_maintenance.config.indices import INDICES
from tws_maintenance.demo.pages import companies, page
from tws_maintenance.demo.server import PageServer

HERE = Path(__file__).resolve().parent
RECORDED_WEB = HERE.parent.parent / "shared" / "bin" / "recorded-web"
PROGRAM = [sys.executable, "-m", "tws_maintenance", "run", "--task", "constituents"]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--recorded", action="store_true", help="real recorded pages")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tws-benchmark-") as folder:
        environment = {**os.environ, "TWS_MAINTENANCE_HOME": folder}
        environment.pop("DAGSTER_HOME", None)
        if options.recorded:
            prefix = [str(RECORDED_WEB), "run", "--latency", str(options.latency), "--"]
            environment["REFERENCE_ORIGIN"] = "https://en.wikipedia.org"
            _inside(prefix, folder, environment, options.runs)
            return
        pages = {key: page(key, companies(key)) for key in INDICES}
        with PageServer(pages, latency=options.latency) as server:
            environment["TWS_MAINTENANCE_HTTP__WIKIPEDIA_URL"] = server.origin
            environment["REFERENCE_ORIGIN"] = server.origin
            _measure(folder, environment, options.runs)


def _inside(prefix: list[str], folder: str, environment: dict[str, str], runs: int) -> None:
    """Measure under recorded-web, whose own start must not be counted."""
    code = f"import sys; sys.path.insert(0, {str(HERE)!r}); import dry_run; "
    code += f"dry_run._measure({folder!r}, None, {runs})"
    subprocess.run([*prefix, sys.executable, "-c", code], env=environment, check=True)


def _measure(folder: str, environment: dict[str, str] | None, runs: int) -> None:
    environment = environment or dict(os.environ)
    subprocess.run([*PROGRAM, "--apply"], env=environment, check=True, stdout=subprocess.DEVNULL)
    reference = [sys.executable, str(HERE / "reference.py"), folder]
    plain, plain_memory = _times(reference, environment, runs)
    ours, memory = _times(PROGRAM, environment, runs)
    print(f"reference script   {plain:5.2f} s   {plain_memory:4.0f} MB")
    print(f"tws_maintenance    {ours:5.2f} s   {memory:4.0f} MB (its largest process)")
    print(f"ratio              {ours / plain:5.1f}")
    print("split of one run:")
    sys.stdout.flush()
    subprocess.run([sys.executable, str(HERE / "split.py")], env=environment, check=True)


def _times(command: list[str], environment: dict[str, str], runs: int) -> tuple[float, float]:
    """Return the median seconds of `runs` runs and the largest resident memory, in MB."""
    seconds, peaks = [], []
    for _ in range(runs):
        begun = time.perf_counter()
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        seconds.append(time.perf_counter() - begun)
        peaks.append(usage.ru_maxrss / 1024)
        if status:
            raise SystemExit(f"{command} failed")
    return statistics.median(seconds), max(peaks)


if __name__ == "__main__":
    main()
