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


class PreparedFile:
    """New bytes that already lie on disk beside the file they will replace.

    Preparing needs space and permission; `commit` is one rename. Several files that belong
    together are all prepared before the first is committed, so that a full disk is met while
    everything is still as it was. A symbolic link stays one (its target is replaced) and an
    existing file keeps its mode.
    """

    def __init__(self, path: Path, content: bytes) -> None:
        """Write `content` to a temporary file and make it durable; OSError leaves nothing."""
        self._target = Path(os.path.realpath(path))
        # A name of its own: two writers must never share a temporary file.
        name = f".{self._target.name}.{secrets.token_hex(6)}{TEMPORARY_SUFFIX}"
        self._temporary = self._target.with_name(name)
        known = _stat_of(self._target)
        try:
            with open(self._temporary, "xb") as file:
                if known is not None:
                    _take_over(self._temporary, known)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            self.discard()
            raise

    def commit(self) -> None:
        """Put the new bytes in place and make that durable."""
        os.replace(self._temporary, self._target)
        sync_folder(self._target.parent)

    def discard(self) -> None:
        """Remove the temporary file, if it is still there."""
        with contextlib.suppress(OSError):
            self._temporary.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes) -> None:
    """Replace `path` with `content` so that a reader sees the old or the new bytes, never a mix.

    Raises:
        OSError: nothing was replaced, and no temporary file is left behind.
    """
    prepared = PreparedFile(path, content)
    try:
        prepared.commit()
    except BaseException:
        prepared.discard()
        raise


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


def _stat_of(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _take_over(path: Path, known: os.stat_result) -> None:
    """Give `path` the mode and, where this user may, the owner of the file it will replace.

    Run as root over a robot's own file, the robot must still be able to read it.
    """
    os.chmod(path, stat.S_IMODE(known.st_mode))
    with contextlib.suppress(AttributeError, PermissionError):
        if (known.st_uid, known.st_gid) != (os.geteuid(), os.getegid()):
            os.chown(path, known.st_uid, known.st_gid)
