"""What the tests of runs share: a clean environment, a page that waits, jobs in this process."""

import threading
import time
from collections.abc import Callable
from typing import Any

import dagster as dg

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES
from tws_maintenance.demo.server import PageServer
from tws_maintenance.pipeline.definitions import build_definitions
from tws_maintenance.pipeline.instance import open_instance
from tws_maintenance_tests.support import environment_of, good_pages, quiet_environment

LOCATION = "tws_maintenance.definitions"
DEADLINE_SECONDS = 90.0
HELD_SECONDS = 60.0


def web_environment(server: PageServer) -> dict[str, str]:
    """Return the environment of a program that reads from `server`."""
    return environment_of(server)


def until(is_so: Callable[[], bool], what: str) -> None:
    """Wait for the state of another process, and fail where it does not come."""
    deadline, pause = time.monotonic() + DEADLINE_SECONDS, 0.02
    while not is_so():
        assert time.monotonic() < deadline, f"waited {DEADLINE_SECONDS:g} s for {what}"
        time.sleep(pause)
        pause = min(1.5 * pause, 0.25)  # a look may be dear, and a long wait needs few


class HeldServer(PageServer):
    """Serves the pages, but the one of `held` only after `release`."""

    def __init__(self, pages: dict[str, bytes], held: str) -> None:
        super().__init__(pages)
        self._held = INDICES[held].addresses("wikipedia")[0].locator
        self._released = threading.Event()

    def release(self) -> None:
        """Answer whoever waits, and everybody after."""
        self._released.set()

    def _lookup(self, path: str) -> tuple[int, bytes]:
        if self._held in path:
            self._released.wait(HELD_SECONDS)
        return super()._lookup(path)


def run_job(
    home: Home, name: str, config: dict[str, Any] | None = None, *assets: str
) -> dg.ExecuteInProcessResult:
    """Run a job, or some `assets` of it, in this process as Dagster itself would.

    `config` is what an operator types into the Launchpad under `resources: report: config:`.
    """
    with open_instance(home) as instance:
        return (
            build_definitions()
            .resolve_job_def(name)
            .execute_in_process(
                instance=instance,
                run_config={"resources": {"report": {"config": config or {}}}},
                asset_selection=[dg.AssetKey.from_user_string(one) for one in assets] or None,
                raise_on_error=False,
            )
        )


def materialized(result: dg.ExecuteInProcessResult) -> list[str]:
    """Return the keys of the assets that a run materialized."""
    keys = (event.asset_key for event in result.get_asset_materialization_events())
    return sorted(key.to_user_string() for key in keys if key)


def checks_of(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, dg.AssetCheckEvaluation]:
    """Return what the checks of `asset` found, by name."""
    return {
        one.check_name: one
        for one in result.get_asset_check_evaluations()
        if one.asset_key.to_user_string() == asset
    }


__all__ = [
    "LOCATION",
    "HeldServer",
    "checks_of",
    "good_pages",
    "materialized",
    "quiet_environment",
    "run_job",
    "until",
    "web_environment",
]
