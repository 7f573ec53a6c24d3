"""What the tests of market events share."""

import os
import time
from collections.abc import Iterator

import pytest


@pytest.fixture(params=["UTC", "Asia/Singapore", "America/New_York"])
def host_zone(request: pytest.FixtureRequest) -> Iterator[None]:
    """A host in another zone: nothing may depend on where it stands."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = request.param
    time.tzset()
    yield
    os.environ.pop("TZ")
    if before is not None:
        os.environ["TZ"] = before
    time.tzset()
