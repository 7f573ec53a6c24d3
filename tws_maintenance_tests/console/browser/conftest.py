"""One Chromium a session, and windows that must show no error."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright, expect, sync_playwright

from tws_maintenance.config.home import Home
from tws_maintenance_tests.console.browser.support import (
    PATIENCE_MS,
    Console,
    Pages,
    Visits,
    in_ci,
    running_console,
)
from tws_maintenance_tests.pipeline.support import quiet_environment
from tws_maintenance_tests.support import environment_of

# Windows whose address bar opens no pages of its own, two processes each, and no process that waits
# for a next site: they cost more than the windows. The last such list counts, so Playwright's own
# features that ask the network, or wait, are named again.
FEATURES_OFF = (
    *("WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "WebUIOmniboxFullPopup"),
    "SpareRendererForSitePerProcess",
    *("AimEnabled", "NetworkTimeServiceQuerying", "OptimizationHints", "PreconnectToSearch"),
    *("HttpsUpgrades", "HttpsFirstBalancedModeAutoEnable", "ThirdPartyStoragePartitioning"),
    *("AvoidCorsURLLoaderRestartOnRedirect", "AvoidUnnecessaryBeforeUnloadCheckSync"),
    *("DestroyProfileOnBrowserClose", "LensOverlay", "MediaRouter", "PaintHolding"),
)
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--disable-features={','.join(FEATURES_OFF)}",
]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Start the browser; skips where there is none, fails there in CI."""
    with quiet_environment(), sync_playwright() as playwright:
        program = _program(playwright)
        if program is None:
            reason = f"no Chromium ({', '.join(PROGRAMS)}, or Playwright's own) is installed"
            if in_ci():
                pytest.fail(f"{reason}, and CI has to test with it")
            pytest.skip(reason)
        expect.set_options(timeout=PATIENCE_MS)
        browser = playwright.chromium.launch(executable_path=program, args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def pages() -> Iterator[Pages]:
    """What the console of this module reads from."""
    with Pages() as running:
        yield running
        running.release()


@pytest.fixture(scope="module")
def console(pages: Pages, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """A console on a home of this module; what tests do there adds up."""
    home = Home(tmp_path_factory.mktemp("console") / "home")
    with quiet_environment(), running_console(home, environment_of(pages)) as running:
        yield running


@pytest.fixture
def visits(chromium: Browser) -> Iterator[Visits]:
    """Open windows; whatever goes wrong in one of them fails the test."""
    visits = Visits(chromium)
    yield visits
    visits.close()
    assert visits.problems == []


def _program(playwright: Playwright) -> str | None:
    own = playwright.chromium.executable_path
    found = (shutil.which(name) for name in PROGRAMS)
    return next((one for one in found if one), own if Path(own).exists() else None)
