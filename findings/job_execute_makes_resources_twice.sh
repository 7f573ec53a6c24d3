#!/usr/bin/env bash
# dagster 1.13.27
# Expected: `dagster job execute` makes a job's resources once, for the run, and their end is the end
#           of the run.
# Happens:  it makes and ends them twice: the second time after the run is over, with the same run.
# Why here: a resource that writes something at its end, as our report, writes it again, and the last
#           one says that no step ran. Ours looks whether the run is finished when it is made.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet dagster==1.13.27
mkdir home
printf 'telemetry:\n  enabled: false\n' > home/dagster.yaml
cat > job.py <<'PY'
import dagster as dg


@dg.resource
def noting(context):
    run = context.instance.get_run_by_id(context.run.run_id)
    print(f"MADE run is finished: {run.is_finished}", flush=True)
    yield 1


@dg.op(required_resource_keys={"noting"})
def work(context): ...


@dg.job(resource_defs={"noting": noting})
def main():
    work()
PY
seen=$(DAGSTER_HOME="$folder/home" venv/bin/dagster job execute -f job.py -j main 2>/dev/null | grep MADE | cut -d: -f2 | xargs)
echo "each time the resource is made, is the run finished: $seen"
[ "$seen" = "${EXPECTED:-False True}" ]
