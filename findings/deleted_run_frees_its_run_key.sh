#!/usr/bin/env bash
# dagster 1.13.27
# Expected: a sensor launches one run for a run_key, for as long as the sensor lives, whatever becomes
#           of the run.
# Happens:  the keys are looked up among the runs that exist. Once the run is deleted, the next tick
#           launches the same key again, although the sensor's ticks still name it.
# Why here: a clean-up of old runs, as ours, makes a sensor do again what it did months ago, if its key
#           names something that is still there. Our sensor for automatic applies names the dry run in
#           its key, and asks first whether that can still be applied; what was promoted cannot.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet dagster==1.13.27
mkdir home
cat > home/dagster.yaml <<'YAML'
telemetry: {enabled: false}
run_coordinator: {module: dagster._core.run_coordinator, class: DefaultRunCoordinator}
YAML
cat > definitions.py <<'PY'
import dagster as dg


@dg.op
def work() -> None:
    pass


@dg.job
def once() -> None:
    work()


@dg.sensor(job=once, minimum_interval_seconds=2, default_status=dg.DefaultSensorStatus.RUNNING)
def watch(_context: dg.SensorEvaluationContext):
    yield dg.RunRequest(run_key="the same thing")


defs = dg.Definitions(jobs=[once], sensors=[watch])
PY
cat > drive.py <<'PY'
import os
import subprocess
import time

import dagster as dg

instance = dg.DagsterInstance.get()


def until(what, found, seconds=90):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer := found():
            return answer
        time.sleep(0.3)
    raise SystemExit(f"{what}: not seen in {seconds} s")


def finished():
    return {run.run_id for run in instance.get_runs() if run.is_finished}


def ticks():
    states = instance.all_instigator_state()
    return sum(len(instance.get_ticks(one.instigator_origin_id, one.selector_id)) for one in states)


with open("log", "w") as log:
    daemon = subprocess.Popen(
        ["dagster-daemon", "run", "-f", "definitions.py"], stdout=log, stderr=log
    )
try:
    first = until("a run", finished)
    before = ticks()
    until("three ticks more", lambda: ticks() >= before + 3)
    print(f"runs after three more ticks with the same run_key: {len(instance.get_runs())}")
    assert len(instance.get_runs()) == 1
    subprocess.run(
        ["dagster", "run", "delete", "--force", *first], check=True, capture_output=True
    )
    before = ticks()
    until("three ticks more", lambda: ticks() >= before + 3)
    until("the end of what runs", lambda: len(finished()) == len(instance.get_runs()))
    launched = len(finished())
    print(f"runs after that run was deleted and three more ticks: {launched}")
    assert launched == int(os.environ.get("EXPECTED_RUNS", "1"))
finally:
    daemon.terminate()
    daemon.wait(60)
PY
PATH="$folder/venv/bin:$PATH" DAGSTER_HOME="$folder/home" venv/bin/python drive.py
