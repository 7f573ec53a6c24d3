"""Which program this is, as its files have it: what another one worked out may be wrong here."""

import os
from collections.abc import Iterator
from functools import cache

from tws_maintenance.core.digest import sha256

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120


@cache
def program_mark() -> str:
    """Return a sha256 that changes with every file of this package: name, size, time of change.

    A version would be the same before and after an edit, and takes longer to look up.
    """
    return sha256(repr(sorted(_files(_PACKAGE))).encode())


def _files(folder: str) -> Iterator[tuple[str, int, int]]:
    with os.scandir(folder) as found:
        for one in found:
            if one.name.endswith(".py"):
                about = one.stat()
                yield one.path, about.st_size, about.st_mtime_ns
            elif one.name != "__pycache__" and one.is_dir():
                yield from _files(one.path)
