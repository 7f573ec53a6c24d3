"""The faulty server of the tests in this folder."""

from collections.abc import Iterator

import pytest

from tws_maintenance_tests.sources.faulty_server import FaultyServer


@pytest.fixture
def faulty() -> Iterator[FaultyServer]:
    """A server whose `script` says how it answers; a path outside it is a 404."""
    with FaultyServer() as running:
        yield running
