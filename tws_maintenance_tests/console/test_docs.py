"""The example of the docs, as a shell runs it, against a console."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tws_maintenance_tests.console.support import STI, Console, served
from tws_maintenance_tests.support import REPOSITORY, TIMEOUT_SECONDS

CONSOLE = REPOSITORY / "docs" / "console.md"
EXAMPLE = re.compile(r"<!-- api example -->\n```sh\n(.*?)```", re.DOTALL)


def test_the_example_of_the_api_starts_a_dry_run(console: Console, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    found = EXAMPLE.search(CONSOLE.read_text(encoding="utf-8"))
    assert found
    with served(console.app) as address:
        done = subprocess.run(
            ["/bin/sh", "-eu", "-c", found[1].replace("http://127.0.0.1:5080", address)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=True,
        )
    report = json.loads(done.stdout)
    assert (report["entry_point"], report["dry_run"]) == ("console", True)
    assert [result["task"] for result in report["results"]] == [STI]
