"""What `python -m build` packs: the program whole, and in the source distribution all beside it."""

import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

from tws_maintenance_tests.support import REPOSITORY

CODE = REPOSITORY / "tws_maintenance"


def _files_of(folder: Path) -> set[str]:
    found = (path.relative_to(REPOSITORY) for path in folder.rglob("*") if path.is_file())
    return {str(path) for path in found if "__pycache__" not in path.parts}


def _built(builder: WheelBuilder | SdistBuilder, folder: Path) -> Path:
    names: Iterable[str] = builder.build(directory=str(folder), versions=["standard"])
    return Path(next(iter(names)))


def test_the_wheel_holds_the_whole_program_and_nothing_else(tmp_path: Path) -> None:
    with zipfile.ZipFile(_built(WheelBuilder(str(REPOSITORY)), tmp_path)) as wheel:
        names = set(wheel.namelist())
    packed = {name for name in names if ".dist-info/" not in name}
    assert packed == _files_of(CODE)
    assert any(name.endswith("licenses/LICENSE") for name in names)


@pytest.mark.parametrize(
    "name",
    [
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
        "workspace.yaml",
        "data/sp500_constituents.csv",
        "docs/operations.md",
        "benchmarks/README.md",
        "findings/README.md",
        "tws_maintenance_tests/conftest.py",
    ],
)
def test_the_source_distribution_holds(name: str, source_names: set[str]) -> None:
    assert name in source_names


def test_the_source_distribution_holds_the_whole_program(source_names: set[str]) -> None:
    assert _files_of(CODE) <= source_names


@pytest.fixture(scope="module")
def source_names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    folder = tmp_path_factory.mktemp("sdist")
    with tarfile.open(_built(SdistBuilder(str(REPOSITORY)), folder)) as packed:
        return {name.partition("/")[2] for name in packed.getnames()}
