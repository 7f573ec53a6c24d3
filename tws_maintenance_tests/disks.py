"""A disk of its own for a home, small enough to run out of, or read-only."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tws_maintenance.config.home import Home

BALLAST = "ballast"


class Disk:
    """A mounted tmpfs with a home on it."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder)

    def fill(self, *, free_pages: int) -> None:
        """Write until only so many pages of 4 KiB are free."""
        state = os.statvfs(self.home.root)
        page = bytes(state.f_frsize)
        with open(self.home.root / BALLAST, "wb") as file:
            file.writelines(page for _ in range(state.f_bavail - free_pages))

    def free(self) -> None:
        """Give the space back."""
        (self.home.root / BALLAST).unlink()

    def make_read_only(self) -> None:
        """Let nobody write, not even root."""
        _mount("-o", "remount,ro", str(self.home.root))

    def make_writable(self) -> None:
        """Let everybody write again."""
        _mount("-o", "remount,rw", str(self.home.root))


@contextlib.contextmanager
def mounted(folder: Path, *, kilobytes: int) -> Iterator[Disk]:
    """Mount a small disk at `folder`; skips where that is not permitted."""
    folder.mkdir(parents=True)
    if shutil.which("mount") is None:
        pytest.skip("there is no mount command here")
    try:
        _mount("-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder))
    except subprocess.CalledProcessError as error:
        pytest.skip(f"mounting is not permitted here: {error.stderr.strip()}")
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S607


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True, text=True)  # noqa: S607
