#!/usr/bin/env bash
# pytest 9.1.1
# Expected: pytest one/test_a.py test_b.py one/test_c.py runs all three files, and both files of the
#           folder `one` find the fixtures of its conftest.py.
# Happens:  the file that is named after the one of another folder does not: "fixture not found".
#           Named side by side, both find them.
# Why here: a list of changed files, as a script or an editor hands it to pytest, fails although every
#           test in it passes. docs/testing.md says to keep the files of a folder together.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet pytest==9.1.1
mkdir one
touch one/__init__.py
printf 'import pytest\n\n\n@pytest.fixture\ndef answer():\n    return 42\n' > one/conftest.py
printf 'def test(answer):\n    assert answer == 42\n' | tee one/test_a.py > one/test_c.py
printf 'def test():\n    assert True\n' > test_b.py
together=$(venv/bin/python -m pytest -q one/test_a.py one/test_c.py test_b.py 2>&1 | tail -1 || true)
apart=$(venv/bin/python -m pytest -q one/test_a.py test_b.py one/test_c.py 2>&1 | tail -1 || true)
echo "together: $together"
echo "apart: $apart"
[ "${together%% in*} / ${apart%% in*}" = "${EXPECTED:-3 passed / 2 passed, 1 error}" ]
