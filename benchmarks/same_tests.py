"""A plugin of pytest for `suite.py`: runs only the tests whose functions have a name in a file."""

import os
from pathlib import Path

import pytest

NAMES_VARIABLE = "SAME_TESTS"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect every test whose function the other checkout does not have, wherever it stands."""
    names = set(Path(os.environ[NAMES_VARIABLE]).read_text().split())
    kept: list[pytest.Item] = []
    left: list[pytest.Item] = []
    for one in items:
        (kept if getattr(one, "originalname", one.name) in names else left).append(one)
    config.hook.pytest_deselected(items=left)
    items[:] = kept
