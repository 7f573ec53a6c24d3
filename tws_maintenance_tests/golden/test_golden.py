"""Each scene leaves exactly the reports that are kept of it; docs/testing.md says how to review."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tws_maintenance_tests.golden.conftest import CHANGED
from tws_maintenance_tests.golden.normal import differences, reports
from tws_maintenance_tests.golden.play import Play
from tws_maintenance_tests.golden.scenes import SCENES

KEPT = Path(__file__).parent / "reports"
HINT = "Where this is meant: pytest tws_maintenance_tests/golden --update, and review `git diff`."
Note = Callable[[str, object], None]


@pytest.mark.services
@pytest.mark.process
@pytest.mark.parametrize("name", SCENES)
def test_a_scene_leaves_the_reports_that_are_kept_of_it(
    name: str, play: Play, record_property: Note, request: pytest.FixtureRequest
) -> None:
    SCENES[name](play)
    found = reports(play.home, play.names)
    kept = _kept(KEPT / name)
    assert found, "a scene without a report shows nothing"
    if request.config.getoption("update", default=False):
        _write(KEPT / name, kept, found, record_property)
    else:
        changed = "\n".join(differences(kept, found))
        assert found == kept, f"The reports of {name} changed.\n{changed}\n{HINT}"


def test_nothing_is_kept_of_a_scene_that_is_no_more(
    record_property: Note, request: pytest.FixtureRequest
) -> None:
    left = [path for path in sorted(KEPT.iterdir()) if path.name not in SCENES]
    if request.config.getoption("update", default=False):
        for path in left:
            shutil.rmtree(path)
            record_property(CHANGED, f"removed  {path.name}/")
    else:
        assert [path.name for path in left] == [], HINT


def _kept(folder: Path) -> dict[str, str]:
    found = sorted(folder.iterdir()) if folder.exists() else []
    return {path.name: path.read_bytes().decode() for path in found}


def _write(folder: Path, kept: dict[str, str], found: dict[str, str], note: Note) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in sorted(kept.keys() | found.keys()):
        if name not in found:
            (folder / name).unlink()
            note(CHANGED, f"removed  {folder.name}/{name}")
        elif kept.get(name) != found[name]:
            (folder / name).write_bytes(found[name].encode())
            note(CHANGED, f"{'changed' if name in kept else 'new':8} {folder.name}/{name}")
