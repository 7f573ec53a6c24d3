#!/usr/bin/env bash
# dagster 1.13.27, dagster-webserver 1.13.27
# Expected: a metadata value that is not a number is refused when the materialization is made, or it is
#           shown as NaN.
# Happens:  the run succeeds and the value is stored, but the webserver answers null for it, without an
#           error; within a JSON entry it sends the bare word NaN, which JSON.parse in a browser refuses.
# Why here: a share of nothing (0 of 0 rows) is NaN, and just that figure would be missing on the page
#           of the asset. Our measures are finite or left out.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet dagster==1.13.27 dagster-webserver==1.13.27 httpx
mkdir home
cat > show.py <<'PY'
import json
import logging
import os
import warnings

import dagster as dg
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import EmptyWorkspaceTarget
from dagster_webserver.webserver import DagsterWebserver

warnings.simplefilter("ignore")
from starlette.testclient import TestClient

logging.disable()
QUERY = """{ assetOrError(assetKey: {path: ["prices"]}) { ... on Asset {
  assetMaterializations(limit: 1) { metadataEntries { label
    ... on FloatMetadataEntry { floatValue } ... on JsonMetadataEntry { jsonString } } } } } }"""


@dg.asset
def prices() -> dg.MaterializeResult:
    share = float("nan")
    return dg.MaterializeResult(metadata={"share": share, "half": 0.5, "details": {"share": share}})


def strict(text):
    def refuse(word):
        raise ValueError(word)

    return json.loads(text, parse_constant=refuse)


instance = dg.DagsterInstance.local_temp("home")
succeeded = dg.materialize([prices], instance=instance).success
with WorkspaceProcessContext(instance, EmptyWorkspaceTarget()) as context:
    client = TestClient(DagsterWebserver(context).create_asgi_app())
    answer = client.post("/graphql", json={"query": QUERY}).json()
entries = answer["data"]["assetOrError"]["assetMaterializations"][0]["metadataEntries"]
shown = {one["label"]: one.get("floatValue", one.get("jsonString")) for one in entries}
print(f"run succeeded: {succeeded}; errors: {answer.get('errors')}; shown: {shown}")
expected = json.loads(os.environ.get("EXPECTED_SHARE", "null"))
assert succeeded
assert "errors" not in answer
assert shown["half"] == 0.5
assert shown["share"] == expected
try:
    strict(shown["details"])
except ValueError as error:
    print(f"a strict reader of JSON refuses the word {error}")
else:
    raise SystemExit("the JSON entry can be read")
PY
DAGSTER_HOME="$folder/home" venv/bin/python show.py 2> log || { cat log; exit 1; }
