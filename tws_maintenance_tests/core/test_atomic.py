"""Files replaced whole or not at all."""

import stat
from pathlib import Path

import pytest

from tws_maintenance.core.atomic import PreparedFile, to_json, write_json, write_whole
from tws_maintenance.core.digest import sha256


def names(folder: Path) -> list[str]:
    """Return what lies in `folder`, hidden files included."""
    return sorted(path.name for path in folder.iterdir())


def test_a_new_file_is_written_and_nothing_else(tmp_path: Path) -> None:
    write_whole(tmp_path / "list.csv", b"symbol\n")

    assert (tmp_path / "list.csv").read_bytes() == b"symbol\n"
    assert names(tmp_path) == ["list.csv"]


def test_a_new_file_has_the_mode_that_the_umask_gives(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()

    write_whole(tmp_path / "list.csv", b"")

    assert (tmp_path / "list.csv").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o444])
def test_an_existing_file_keeps_its_mode(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(b"old")
    path.chmod(mode)

    write_whole(path, b"new")

    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_reader_of_the_old_file_keeps_the_old_bytes(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(b"old and longer")

    with path.open("rb") as reader:
        write_whole(path, b"new")
        assert reader.read() == b"old and longer"

    assert path.read_bytes() == b"new"


def test_a_symbolic_link_stays_one_and_its_target_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "data").mkdir()
    target = tmp_path / "elsewhere" / "real.csv"
    target.write_bytes(b"old")
    target.chmod(0o600)
    link = tmp_path / "data" / "list.csv"
    link.symlink_to(Path("..") / "elsewhere" / "real.csv")

    write_whole(link, b"new")

    assert link.readlink() == Path("../elsewhere/real.csv")
    assert target.read_bytes() == b"new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert (names(tmp_path / "data"), names(tmp_path / "elsewhere")) == (["list.csv"], ["real.csv"])


def test_a_link_to_nowhere_gets_its_target(tmp_path: Path) -> None:
    link = tmp_path / "list.csv"
    link.symlink_to("real.csv")

    write_whole(link, b"new")

    assert link.is_symlink()
    assert (tmp_path / "real.csv").read_bytes() == b"new"


def test_a_missing_folder_is_an_error_and_none_is_made(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "missing" / "list.csv", b"new")

    assert names(tmp_path) == []


def test_a_folder_in_the_place_of_the_file_is_an_error_without_a_trace(tmp_path: Path) -> None:
    (tmp_path / "list.csv").mkdir()

    with pytest.raises(IsADirectoryError):
        write_whole(tmp_path / "list.csv", b"new")

    assert names(tmp_path) == ["list.csv"]


def test_a_link_in_a_circle_is_an_error_without_a_trace(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")

    with pytest.raises(OSError, match="symbolic links"):
        write_whole(tmp_path / "a", b"new")

    assert names(tmp_path) == ["a", "b"]


def test_prepared_bytes_lie_beside_the_file_until_they_are_committed(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(b"old")

    prepared = PreparedFile(path, b"new")
    (temporary,) = tmp_path.glob(".list.csv.*.tmp")

    assert (path.read_bytes(), temporary.read_bytes()) == (b"old", b"new")
    prepared.commit()
    assert path.read_bytes() == b"new"
    assert names(tmp_path) == ["list.csv"]


def test_prepared_bytes_that_are_discarded_leave_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(b"old")

    prepared = PreparedFile(path, b"new")
    prepared.discard()
    prepared.discard()

    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["list.csv"]


def test_two_writers_of_one_file_never_share_a_temporary_file(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    first, second = PreparedFile(path, b"first"), PreparedFile(path, b"second")

    second.commit()
    first.commit()

    assert path.read_bytes() == b"first"
    assert names(tmp_path) == ["list.csv"]


def test_json_is_written_for_people_to_read(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"name": "Nestl\u00e9", "rows": [1]})

    text = '{\n  "name": "Nestl\u00e9",\n  "rows": [\n    1\n  ]\n}\n'
    assert (tmp_path / "a.json").read_bytes() == text.encode()
    assert to_json({}) == b"{}\n"


def test_a_value_that_is_no_json_leaves_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"{}\n")

    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", {"path": tmp_path})

    assert (tmp_path / "a.json").read_bytes() == b"{}\n"
    assert names(tmp_path) == ["a.json"]


def test_the_fingerprint_is_that_of_sha256sum() -> None:
    assert sha256(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
