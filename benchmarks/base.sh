#!/usr/bin/env bash
# Installs the version that speed is compared with into FOLDER, for `--other FOLDER` of a benchmark.
set -euo pipefail
base=f745bde
[ $# -eq 1 ] || { echo "usage: benchmarks/base.sh FOLDER" >&2; exit 2; }
[ ! -e "$1" ] || { echo "$1 exists already; name a new folder." >&2; exit 2; }
here=$(cd "$(dirname "$0")/.." && pwd)
python="$here/.venv/bin/python"
[ -x "$python" ] || { echo "There is no $python; install this checkout as the README says." >&2; exit 2; }

git -C "$here" cat-file -e "$base^{commit}" 2>/dev/null ||
    { echo "This checkout does not hold $base; fetch the whole history: git fetch --unshallow" >&2; exit 2; }
git clone --quiet --no-checkout "$here" "$1"
git -C "$1" checkout --quiet --detach "$base"

# The same Python and the same libraries, also those of the tests, of which pandera imports one
# (hypothesis, 50 ms of an audit): what differs is our code.
"$python" -m venv "$1/.venv"
"$python" -m pip freeze --exclude-editable > "$1/.venv/requirements.txt"
"$1/.venv/bin/pip" install --quiet --requirement "$1/.venv/requirements.txt" --editable "$1"
echo "installed $(git -C "$1" log -1 --format='%h %s'); now: $python benchmarks/commands.py --other $1"
