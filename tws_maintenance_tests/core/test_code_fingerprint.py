"""What another build of this program noted is recognised by the program's own files."""

from pathlib import Path

import pytest

from tws_maintenance.core import code_fingerprint

pytestmark = pytest.mark.unit


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of two modules, taken for this program."""
    (tmp_path / "rooms" / "__pycache__").mkdir(parents=True)
    (tmp_path / "top.py").write_text("a = 1\n")
    (tmp_path / "rooms" / "below.py").write_text("b = 1\n")
    monkeypatch.setattr(code_fingerprint, "_PACKAGE", str(tmp_path))
    return tmp_path


def mark() -> str:
    code_fingerprint.program_mark.cache_clear()
    try:
        return code_fingerprint.program_mark()
    finally:
        code_fingerprint.program_mark.cache_clear()


def test_every_module_counts(package: Path) -> None:
    first = mark()
    (package / "rooms" / "below.py").write_text("b = 22\n")
    second = mark()
    (package / "rooms" / "new.py").touch()
    assert len({first, second, mark()}) == 3


def test_what_python_writes_beside_them_does_not(package: Path) -> None:
    first = mark()
    (package / "rooms" / "__pycache__" / "below.cpython-311.pyc").write_bytes(b"x")
    (package / "rooms" / "page.html").touch()
    assert mark() == first
