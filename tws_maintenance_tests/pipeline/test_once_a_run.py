"""What a run finds out once: its settings, what killed runs left, and whose events are wanted."""

import json
import sys

import pytest

from tws_maintenance.pipeline.instance import open_instance
from tws_maintenance_tests.support import Program, reports_of

COUNTED = """
import json, sys, types
from collections import Counter
from tws_maintenance.config.settings import load_settings
from tws_maintenance.market_events.scope import resolve
from tws_maintenance.runs.recovery import recover

counts = Counter()

def count(function):
    # The code itself is changed: others hold the function by a name of their own already.
    name, places = function.__name__, function.__globals__
    original = types.FunctionType(function.__code__, places, name, function.__defaults__)
    original.__kwdefaults__ = function.__kwdefaults__
    def counted(*given, **named):
        counts[name] += 1
        return original(*given, **named)
    places["_counted_" + name] = counted
    function.__code__ = eval(f"lambda *a, **k: _counted_{name}(*a, **k)").__code__

def opened(event, arguments):
    if event == "open" and str(arguments[0]).endswith("maintenance.toml"):
        counts["maintenance.toml"] += 1

for one in (load_settings, resolve, recover):
    count(one)
sys.addaudithook(opened)
try:
    {driver}
finally:
    print(json.dumps(counts), file=sys.stderr)
"""
BY_COMMAND = """
    sys.argv = ["tws_maintenance", "run", "--task", "hsi_constituents", "--task", "market_events"]
    from tws_maintenance.__main__ import main
    main()
"""
BY_DAGSTER = """
    import dagster
    from tws_maintenance.definitions import defs
    config = {"tasks": ["hsi_constituents", "market_events"]}
    with dagster.DagsterInstance.get() as instance:
        defs.resolve_job_def("dry_run_all").execute_in_process(
            instance=instance,
            run_config={"resources": {"report": {"config": config}}},
            raise_on_error=False,
        )
"""


@pytest.mark.process
@pytest.mark.parametrize("driver", [BY_COMMAND, BY_DAGSTER], ids=["command", "dagster"])
def test_settings_recovery_and_scope_are_found_out_once_a_run(
    program: Program, driver: str
) -> None:
    home = program.home
    home.settings_file.write_text("[events]\npositions = ['AAA']\n")
    with open_instance(home):
        script = COUNTED.replace("{driver}", driver.strip())
        done = program.execute(sys.executable, "-c", script, DAGSTER_HOME=str(home.dagster))
    assert json.loads(done.stderr.splitlines()[-1]) == {
        "load_settings": 1,
        "maintenance.toml": 1,
        "recover": 1,
        "resolve": 1,
    }, done.stderr
    (report,) = reports_of(home)
    assert {one["task"] for one in report["results"]} == {"hsi_constituents", "market_events"}
    assert report["status"] == "completed"
