"""Importing Dagster without the parts that a run in a ready home never uses.

Dagster's storages import alembic, for migrations, and the package of its daemon, for one type:
a tenth of the processor time of a promotion. Here both wait until something uses them.
"""

import contextlib
import importlib
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

# The version whose storages are known here; of another one every part is imported.
KNOWN_DAGSTER = "1.13.27"
_MIGRATIONS = "alembic"
_DAEMON = "dagster._daemon"


@contextlib.contextmanager
def unused_parts_later() -> Iterator[None]:
    """Import Dagster inside this context: what it takes from alembic is imported when it is used.

    What is imported already stays as it is. Afterwards an import of either part is a usual one.
    """
    folder = _folder_of_known_dagster()
    if folder is None or _MIGRATIONS in sys.modules or _DAEMON in sys.modules:
        yield
        return
    # Its modules are found, its `__init__`, which imports the whole daemon, does not run.
    daemon = ModuleType(_DAEMON)
    daemon.__path__ = [str(folder / "_daemon")]
    sys.modules[_DAEMON] = daemon
    finder = _StandIns()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name, module in list(sys.modules.items()):
            if module is daemon or isinstance(module, _StandIn):
                del sys.modules[name]


class Later:
    """A name of a module that is imported when the name is called or asked for an attribute."""

    def __init__(self, module: str, name: str) -> None:
        self._module = module
        self._name = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call what the name stands for."""
        return self._meant()(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of what the name stands for."""
        return getattr(self._meant(), name)

    def _meant(self) -> Any:
        return getattr(importlib.import_module(self._module), self._name)


class _StandIn(ModuleType):
    """A module whose names are imported later."""

    def __getattr__(self, name: str) -> Later:
        if name.startswith("__"):  # the import system asks for these
            raise AttributeError(name)
        return Later(self.__name__, name)


class _StandIns(MetaPathFinder, Loader):
    """Finds a stand-in for alembic and each of its modules."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 - the import system's signature
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] != _MIGRATIONS:
            return None
        return ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _StandIn(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Leave the module empty."""


def _folder_of_known_dagster() -> Path | None:
    """Return the folder of Dagster if it is the known version; nothing of it is imported."""
    found = importlib.util.find_spec("dagster")
    if found is None or found.origin is None:
        return None
    folder = Path(found.origin).parent
    known = folder.parent / f"dagster-{KNOWN_DAGSTER}.dist-info"
    return folder if known.is_dir() else None
