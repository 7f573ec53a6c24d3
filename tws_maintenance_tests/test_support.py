"""What tests share keeps them apart."""

import contextlib
import os

import pytest

from tws_maintenance_tests.support import quiet_environment


def test_nothing_of_the_machine_is_seen_and_nothing_stays_that_the_program_sets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("TWS_MAINTENANCE_HOME", "DAGSTER_HOME", "https_proxy"):
        monkeypatch.setenv(name, "of the machine")
    before = dict(os.environ)
    with contextlib.suppress(KeyError), quiet_environment() as patch:
        assert "of the machine" not in os.environ.values()
        patch.setenv("TWS_MAINTENANCE_HOME", "of a fixture")
        os.environ["DAGSTER_HOME"] = os.environ["TWS_MAINTENANCE_STORAGE__DATABASE_URL"] = "ours"
        del os.environ["PATH"]
        raise KeyError
    assert dict(os.environ) == before
