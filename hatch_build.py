"""Compiles our modules at an editable install, which leaves them where they are.

pip compiles what it copies and nothing else. Where `PYTHONDONTWRITEBYTECODE` is set, every process
would compile our modules again. Sources that cannot be written stay uncompiled.
"""

import compileall
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CompileEditable(BuildHookInterface[Any]):
    """The build hook that pyproject.toml names."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the bytecode beside the sources, for the Python that installs them."""
        del build_data
        if version == "editable":
            compileall.compile_dir(Path(self.root) / "tws_maintenance", quiet=2)
