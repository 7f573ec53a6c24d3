from pathlib import Path

from tws_maintenance.core.missing import is_missing


def test_only_what_is_certainly_not_there_is_missing(tmp_path: Path) -> None:
    there, no_folder = tmp_path / "there", tmp_path / "there" / "inside"
    dangling = tmp_path / "dangling"
    there.write_text("")
    dangling.symlink_to(tmp_path / "gone")
    looped = tmp_path / "looped"
    looped.symlink_to(looped)
    found = {path.name: is_missing(path) for path in (there, no_folder, dangling, looped)}
    assert found == {"there": False, "inside": False, "dangling": True, "looped": False}
    assert is_missing(tmp_path / "gone")
