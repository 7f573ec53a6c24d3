"""A user whom the system does not know, as in a container: no HOME, no entry in its list."""

import os
import pwd
import shutil
from datetime import timedelta

import pytest

from tws_maintenance.core.clock import utc_now
from tws_maintenance.demo.events import calendar_events
from tws_maintenance.demo.server import PageServer
from tws_maintenance_tests.support import Program, reports_of, write_modules_of_others

STRANGER = "54321"
# The interpreter may lie in a folder of root's.
MAY_READ = ("--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search")


@pytest.fixture
def stranger(program: Program) -> Program:
    """The program as a user without a name; skips where that cannot be had."""
    if os.name != "posix" or os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("needs root and setpriv")
    assert STRANGER not in {str(one.pw_uid) for one in pwd.getpwall()}
    program.home.root.chmod(0o777)
    identity = ("--reuid", STRANGER, "--regid", STRANGER, "--clear-groups", *MAY_READ)
    without = [word for name in ("HOME", "USER", "LOGNAME") for word in ("-u", name)]
    program.prefix = ("setpriv", *identity, "env", *without)
    return program


def test_events_are_fetched_for_a_user_without_a_folder(
    stranger: Program, server: PageServer
) -> None:
    day = utc_now().date() + timedelta(days=7)
    server.symbols["AAPL"] = (200, calendar_events([day]))
    write_modules_of_others(stranger.home, "holidays", "click", "pandas", "json")
    done = stranger("run", "--task", "market_events", "--apply", "--symbol", "AAPL")
    assert done.returncode == 0, done.stdout + done.stderr
    (report,) = reports_of(stranger.home)
    assert report["actor"] == "unknown"
    providers = {one["provider"]: one for one in report["results"][0]["providers"]}
    assert providers["yahoo"]["symbols"]["AAPL"]["outcome"] == "ok"
    names = {one.name for one in stranger.home.root.rglob("*")}
    assert names.isdisjoint({"~", ".cache", "py-yfinance"})
