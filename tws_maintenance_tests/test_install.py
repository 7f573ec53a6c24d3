"""What an install leaves beside our sources."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def hook(tmp_path: Path) -> Any:
    """Return the build hook of pyproject.toml as hatchling makes it, for a small checkout."""
    package = tmp_path / "tws_maintenance" / "room"
    package.mkdir(parents=True)
    (package / "module.py").write_text("VALUE = 1\n")
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.CompileEditable(str(tmp_path), {}, None, None, "", "wheel")


@pytest.mark.parametrize(("version", "compiled"), [("editable", True), ("standard", False)])
def test_an_editable_install_compiles_our_modules_and_a_wheel_leaves_it_to_pip(
    hook: Any, version: str, compiled: bool
) -> None:
    source = Path(hook.root) / "tws_maintenance" / "room" / "module.py"
    hook.initialize(version, {})
    assert Path(importlib.util.cache_from_source(str(source))).exists() is compiled


def test_sources_that_cannot_be_written_beside_stay_uncompiled(hook: Any) -> None:
    source = Path(hook.root) / "tws_maintenance" / "room" / "module.py"
    in_the_way = Path(importlib.util.cache_from_source(str(source))).parent
    in_the_way.write_text("no folder can be made here")
    hook.initialize("editable", {})
    assert in_the_way.is_file()
