#!/usr/bin/env bash
# pytest 9.2.0 with pytest-xdist 3.8.0
# Expected: with `--dist loadgroup`, tests that carry the same `xdist_group` mark run in one worker.
# Happens:  they are spread over all workers, as without a mark, and nothing is reported. xdist adds
#           the group to the private attribute that held a test's id; since 9.2 pytest builds the id
#           from another one, so that the scheduler sees no group. With pytest 9.1.1 it works.
# Why here: the tests of one daemon, one console or one PostgreSQL meet, or build it twice. We pin
#           pytest below 9.2, and the session refuses to run where a group is missing in an id.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat > test_group.py <<'PY'
import os

import pytest


@pytest.mark.parametrize("number", range(20))
@pytest.mark.xdist_group("one")
def test_where(number):
    with open("workers", "a") as file:
        file.write(os.environ["PYTEST_XDIST_WORKER"] + "\n")
PY

workers_with() {
    python3 -m venv "venv_$1"
    "venv_$1/bin/pip" install --quiet "pytest==$1" pytest-xdist==3.8.0
    rm -f workers
    "venv_$1/bin/python" -m pytest -q -n 2 --dist loadgroup -p no:cacheprovider > "log_$1"
    sort -u workers | wc -l
}

before=$(workers_with 9.1.1)
now=$(workers_with 9.2.0)
echo "workers that ran the 20 tests of one group: pytest 9.1.1: $before, pytest 9.2.0: $now"
[ "$before" -eq 1 ] && [ "$now" -eq "${EXPECTED_WORKERS:-2}" ]
