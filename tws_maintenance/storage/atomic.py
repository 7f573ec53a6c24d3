"""Files that are replaced whole or not at all.

What belongs here: making bytes durable. What does not: deciding whether they may be written.
"""

import contextlib
import json
import os
import secrets
import stat
from pathlib import Path
from typing import Any

TEMPORARY_SUFFIX = ".tmp"


def write_whole(path: Path, content: bytes) -> None:
    """Replace `path` with `content` so that a reader sees the old or the new bytes, never a mix.

    A symbolic link stays one (its target is replaced) and an existing file keeps its mode. The
    bytes and the folder entry are on disk when this returns.

    Raises:
        OSError: nothing was replaced, and no temporary file is left behind.
    """
    target = Path(os.path.realpath(path))
    mode = _mode_of(target)
    # A name of its own: two writers must never share a temporary file.
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(6)}{TEMPORARY_SUFFIX}")
    try:
        with open(temporary, "xb") as file:
            if mode is not None:
                os.chmod(temporary, mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    sync_folder(target.parent)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented UTF-8 JSON, whole."""
    write_whole(path, to_json(value))


def to_json(value: Any) -> bytes:
    """Return the one JSON form that files of ours have."""
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut, where the system can."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows cannot open a folder
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _mode_of(path: Path) -> int | None:
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return None
