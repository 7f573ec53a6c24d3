"""A Ctrl-C at the odd moments: where Python loses it, and while the report is written."""

import sys
from pathlib import Path

from tws_maintenance.config.indices import INDICES
from tws_maintenance.demo.pages import companies
from tws_maintenance_tests.support import Program, live_bytes, reports_of, write_live

HSI = INDICES["hsi"]

# Runs the command line, interrupted once, at the first rename to a path that contains argv[1].
INTERRUPTED = """
import os, signal, sys

class Collected:
    "What is raised in here is printed and forgotten, as in callbacks of the garbage collector."
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)

_, wanted, how, *arguments = sys.argv
is_done = False

def hook(event, args):
    global is_done
    if event == "os.rename" and not is_done and wanted in str(args[1]):
        is_done = True
        if how == "lost":
            Collected()
        else:
            os.kill(os.getpid(), signal.SIGINT)

sys.addaudithook(hook)
sys.argv = ["tws-maintenance", *arguments]
from tws_maintenance.__main__ import main
main()
"""


def test_an_interrupt_that_python_loses_stops_the_run_before_its_next_step(
    program: Program,
) -> None:
    former = write_live(program.home, HSI, companies("hsi")[1:])
    before = live_bytes(program.home)

    done = program.execute(
        *(sys.executable, "-c", INTERRUPTED, "_sp500/proposal.json", "lost"),
        *("run", "--task", "constituents", "--apply"),
    )

    assert "Exception ignored in: <function Collected.__del__" in done.stderr
    assert done.returncode != 0
    (report,) = reports_of(program.home)
    assert report["status"] == "interrupted", done.stdout + done.stderr
    assert [one["changed"] for one in report["results"]] == [False] * 3
    assert before == live_bytes(program.home)
    assert before["hsi"] == former


def test_an_interrupt_while_the_report_is_written_does_not_cost_the_report(
    program: Program,
) -> None:
    done = program.execute(
        *(sys.executable, "-c", INTERRUPTED, "/reports/maintenance/2", "raised"),
        *("run", "--task", "hsi_constituents", "--apply"),
    )

    (report,) = reports_of(program.home)
    assert report["status"] == "completed", done.stdout + done.stderr
    assert [one["changed"] for one in report["results"]] == [True]
    assert live_bytes(program.home)["hsi"] is not None
    assert [one.name for one in Path(program.home.reports).glob(".*")] == []
