#!/usr/bin/env bash
# pandera 0.35.0, pandas 3.1.1
# Expected: a lazy validation lists the failing cells of one check in the order of the rows, so that
#           the first five failure cases are the first five rows to look at. With a few rows it does.
# Happens:  with some tens of failing rows they come out of order: after the first few the list goes
#           on in the middle of the frame, and of a uniqueness check it runs backwards.
# Why here: a message that names "the first five" names five rows anywhere in the file, though every
#           small example shows the first ones. We sort the cases by row before we cut.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet pandera==0.35.0 pandas==3.1.1
cat > look.py <<'PY'
import pandas as pd
import pandera.pandas as pa

texts = [f"x{row:02}" if row % 3 else "OK" for row in range(60)]
schema = pa.DataFrameSchema({"symbol": pa.Column(str, pa.Check.str_matches(r"^[A-Z]+$"))})
for rows in (9, 60):
    try:
        schema.validate(pd.DataFrame({"symbol": texts[:rows]}), lazy=True)
    except pa.errors.SchemaErrors as error:
        found = list(error.failure_cases["index"])
        print(rows, found == sorted(found), *found[:5], sep=" ")
PY
seen=$(DISABLE_PANDERA_IMPORT_WARNING=True venv/bin/python look.py 2>/dev/null)
echo "rows, are the cases in their order, the first five:"
echo "$seen"
[ "$(echo "$seen" | cut -d' ' -f1,2 | xargs)" = "${EXPECTED:-9 True 60 False}" ]
