#!/usr/bin/env bash
# dagster 1.13.27
# Expected: where dagster.yaml names PostgreSQL and dagster-postgres is not installed, opening the
#           instance raises ImportError, or one of Dagster's own errors (DagsterError).
# Happens:  it raises CheckError, which is neither: it is no subclass of DagsterError nor of ImportError,
#           but of Exception alone, as the errors of Dagster's internal type checks.
# Why here: code that turns "a storage package is missing" into words and catches ImportError and
#           DagsterError lets a stack trace through, for the mistake that is made most often when
#           moving to PostgreSQL. We catch CheckError as well and name the command that installs it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet dagster==1.13.27
mkdir home
cat > home/dagster.yaml <<'YAML'
storage:
  postgres:
    postgres_url: postgresql://someone@localhost/somewhere
telemetry:
  enabled: false
YAML
cat > look.py <<'PY'
import dagster as dg

try:
    dg.DagsterInstance.get()
except Exception as error:
    print(type(error).__name__, isinstance(error, ImportError), isinstance(error, dg.DagsterError))
PY
seen=$(DAGSTER_HOME="$folder/home" venv/bin/python look.py 2>/dev/null)
echo "error, is an ImportError, is a DagsterError: $seen"
[ "$seen" = "${EXPECTED:-CheckError False False}" ]
