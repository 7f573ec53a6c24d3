#!/usr/bin/env bash
# click 8.5.1
# Expected: click.Choice(["XNYS"], case_sensitive=False) accepts xnys and shows XNYS in --help.
# Happens:  --help shows xnys: case-insensitive choices are shown as they are compared, casefolded.
# Why here: the codes of stock exchanges are written in capitals everywhere else, and a code that is
#           copied from --help into a settings file is refused there. Our choice type shows them as
#           they are declared.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet click==8.5.1
cat > look.py <<'PY'
import click


@click.command()
@click.option("--venue", type=click.Choice(["XNYS", "XSES"], case_sensitive=False))
def main(venue): ...


main()
PY
seen=$(venv/bin/python look.py --help | grep -- --venue | xargs)
echo "$seen"
[ "$seen" = "${EXPECTED:---venue [xnys|xses]}" ]
