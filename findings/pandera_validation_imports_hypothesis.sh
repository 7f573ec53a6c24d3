#!/usr/bin/env bash
# pandera 0.35.0, pandas 3.1.1, hypothesis 6.170.17
# Expected: hypothesis, an optional extra that makes example frames for tests, is imported by whoever
#           asks a schema for examples; a validation needs none of it.
# Happens:  importing pandera leaves it alone, but the first validation of a process imports it and its
#           strategies wherever it is installed: most of what the first validation of a small frame takes.
# Why here: an audit's process is started for each run and judges a few small lists. It judges an empty
#           one while the run still loads; and a comparison of two builds is worth nothing unless both
#           environments have the libraries of the tests.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet pandera==0.35.0 pandas==3.1.1 hypothesis==6.170.17
cat > look.py <<'PY'
import sys
import time

import pandas as pd
import pandera.pandas as pa


def validate():
    began = time.process_time()
    schema.validate(pd.DataFrame({"symbol": ["A", "B"]}))
    return f"{(time.process_time() - began) * 1000:.0f} ms"


schema = pa.DataFrameSchema({"symbol": pa.Column(str, pa.Check.str_matches(r"^[A-Z]+$"))})
print("imported by pandera:", "hypothesis" in sys.modules)
first = validate()
print("imported after a validation:", "hypothesis" in sys.modules)
print(f"(the first validation took {first}, the second {validate()})")
PY
seen=$(DISABLE_PANDERA_IMPORT_WARNING=True venv/bin/python look.py 2>/dev/null)
echo "$seen"
expected=${EXPECTED:-imported by pandera: False imported after a validation: True}
[ "$(echo "$seen" | head -2 | xargs)" = "$expected" ]
