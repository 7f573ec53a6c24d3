"""Files that are replaced whole or not at all.

What belongs here: making bytes durable. What does not: deciding whether they may be written.
"""

import contextlib
import json
import os
import re
import secrets
import stat
from collections.abc import Sequence
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
        # A name of its own: two writers must never share a temporary file. By the process id a
        # later cleaner knows whether its writer may still be at work.
        unique = f"{os.getpid()}-{secrets.token_hex(6)}"
        name = f".{self._target.name}.{unique}{TEMPORARY_SUFFIX}"
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

    @property
    def temporary(self) -> Path:
        """Where the new bytes lie until they are put in place."""
        return self._temporary

    def commit(self) -> None:
        """Put the new bytes in place and make that durable."""
        os.replace(self._temporary, self._target)
        sync_folder(self._target.parent)

    def commit_exclusively(self) -> bool:
        """Give the new bytes their name unless somebody has it; return whether that was done."""
        try:
            os.link(self._temporary, self._target)
        except FileExistsError:
            return False
        except OSError:  # a file system without hard links
            try:
                descriptor = os.open(self._target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
            except FileExistsError:
                return False
            os.close(descriptor)
            os.replace(self._temporary, self._target)
        return True

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


class Replacement:
    """Several files that belong together, all of them prepared: `commit` replaces all, or none."""

    def __init__(self, files: Sequence[tuple[Path, bytes]]) -> None:
        """Prepare every file, in this order; OSError leaves nothing."""
        self._before = [(path, _content_of(path)) for path, _ in files]
        self._prepared: list[PreparedFile] = []
        try:
            for path, content in files:
                self._prepared.append(PreparedFile(path, content))
        except BaseException:
            self.discard()
            raise

    @property
    def first_temporary(self) -> Path:
        """Where the new bytes of the first file lie until it is replaced."""
        return self._prepared[0].temporary

    def commit(self) -> None:
        """Rename one file after the other.

        Where a rename fails or is interrupted, those already done are put back as they were.

        Raises:
            OSError: nothing was replaced, unless the putting back failed too (noted on the error).
        """
        committed = 0
        try:
            for file in self._prepared:
                file.commit()
                committed += 1
        except BaseException as error:
            # One more than was counted: an interrupt may fall between the rename and the counting.
            _put_back(self._before[: committed + 1], error)
            raise

    def discard(self) -> None:
        """Remove the temporary files that are still there."""
        for file in self._prepared:
            file.discard()


def replace_together(files: Sequence[tuple[Path, bytes]]) -> None:
    """Replace several files that belong together: all of them, or none.

    All are prepared before the first is renamed.

    Raises:
        OSError: as `Replacement.commit`.
    """
    replacement = Replacement(files)
    try:
        replacement.commit()
    finally:
        replacement.discard()


def _put_back(before: Sequence[tuple[Path, bytes | None]], error: BaseException) -> None:
    for path, content in reversed(before):
        try:
            if content is None and path.is_file():
                path.unlink()
            elif content is not None and _content_of(path) != content:
                write_whole(path, content)
        except OSError as fault:
            error.add_note(f"{path.name} could not be put back either: {fault.strerror or fault}")


def _content_of(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, IsADirectoryError):
        return None


def write_exclusively(path: Path, content: bytes) -> bool:
    """Create `path` with `content`, whole, and return True; False if it exists already.

    A reader never sees it empty: the content is there before the name is.
    """
    prepared = PreparedFile(path, content)
    try:
        return prepared.commit_exclusively()
    finally:
        prepared.discard()


def owner_of_temporary(path: Path) -> int | None:
    """Return the id of the process that wrote one of our temporary files, None if unnamed."""
    match = re.search(r"\.(\d+)-[0-9a-f]+\.tmp$", path.name)
    return int(match[1]) if match else None


def prove_writable(folder: Path) -> None:
    """Make `folder` and write to it, leaving nothing; OSError where that is impossible."""
    folder.mkdir(parents=True, exist_ok=True)
    PreparedFile(folder / "probe", b"x").discard()


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented UTF-8 JSON, whole."""
    write_whole(path, to_json(value))


def to_json(value: Any) -> bytes:
    """Return the one JSON form that files of ours have."""
    return (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


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
