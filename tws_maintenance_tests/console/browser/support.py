"""What the browser tests share: a console process on a home, the recorded web, and visits."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES
from tws_maintenance.demo.server import PageServer
from tws_maintenance_tests.pipeline.support import HELD_SECONDS, good_pages
from tws_maintenance_tests.support import Program, free_port

OVERVIEW = "/maintenance"
# A run is a process of its own; nothing is asserted about how long one takes.
PATIENCE_MS = 60_000
SECONDS_TO_STOP = 60
# The pages ask for news as ever, only more often than people need it: each test waits for some.
IN_A_HURRY = """(() => {
  const wait = window.setTimeout;
  window.setTimeout = (then, milliseconds) => wait(then, Math.min(milliseconds, 400));
})()"""
# What the server answers differs from what is shown, and so every part is swapped.
DIFFER = """() => document.querySelectorAll("[data-part]").forEach((part) => {
  part.served = "";
  part.dataset.old = "yes";
})"""
TABS = 60


@dataclass
class Console:
    """`python -m tws_maintenance console` on a home; it can be stopped and started again."""

    home: Home
    environment: dict[str, str]
    port: int = field(default_factory=free_port)
    _process: subprocess.Popen[str] | None = None

    @property
    def origin(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def program(self) -> Program:
        """The command line on the same home, with the same sources."""
        return Program(self.home, self.environment)

    def start(self) -> None:
        """Start it and wait until it listens."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tws_maintenance", "console", "--port", str(self.port)],
            env=self.program.full_environment(),
            cwd=self.home.root,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        told = self._process.stdout.readline()
        assert told.startswith("Console: "), f"the console did not start: {told!r}"

    def stop(self) -> None:
        """End it as Ctrl-C would; what it started goes on."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGINT)
        self._process.communicate(timeout=SECONDS_TO_STOP)
        self._process = None


@contextlib.contextmanager
def running_console(home: Home, environment: dict[str, str]) -> Iterator[Console]:
    """Run a console for as long as the block lasts."""
    home.root.mkdir(parents=True, exist_ok=True)
    console = Console(home, environment)
    try:
        console.start()
        yield console
    finally:
        console.stop()


class Pages(PageServer):
    """The pages of invented companies; each list's can be kept waiting, or refused.

    `refused` are statuses by index key.
    """

    def __init__(self) -> None:
        super().__init__(good_pages())
        self.refused: dict[str, int] = {}
        self._gates = {key: threading.Event() for key in INDICES}
        self.release()

    def hold(self, key: str) -> None:
        """Let whoever asks for this list wait until `release`."""
        self._gates[key].clear()

    def release(self) -> None:
        """Answer whoever waits, and everybody after."""
        for gate in self._gates.values():
            gate.set()

    def _lookup(self, path: str) -> tuple[int, bytes]:
        for key, index in INDICES.items():
            if index.addresses("wikipedia")[0].locator in path:
                self._gates[key].wait(HELD_SECONDS)
                if key in self.refused:
                    return self.refused[key], b"refused\n"
        return super()._lookup(path)


class Served(Protocol):
    """Whatever is served at an address."""

    @property
    def origin(self) -> str:
        """Where it listens."""


class Visits:
    """Operators' browser windows, and everything that went wrong in them.

    What the browser's console calls an error, a script's error, and any box that a page opens with
    `alert` and its like are problems. A page that answers an error on purpose is to be expected.
    """

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self._expected: list[str] = []
        self._problems: list[str] = []

    def open(self, console: Served, path: str = OVERVIEW, **options: Any) -> Page:
        """Return a window of a further operator, who shares no cookie with the others."""
        context = self._browser.new_context(base_url=console.origin, **options)
        context.set_default_timeout(PATIENCE_MS)
        context.add_init_script(IN_A_HURRY)
        self._contexts.append(context)
        page = context.new_page()
        page.on("console", self._note_console)
        page.on("pageerror", lambda error: self._problems.append(f"script: {error}"))
        page.on("dialog", self._note_dialog)
        page.goto(path)
        return page

    def expect_problem(self, text: str) -> None:
        """Allow what the browser's console says where it holds `text`, such as `status of 403`."""
        self._expected.append(text)

    @property
    def problems(self) -> list[str]:
        """What went wrong and was not expected to."""
        return [one for one in self._problems if not any(text in one for text in self._expected)]

    def close(self) -> None:
        """Close every window."""
        for context in self._contexts:
            context.close()

    def _note_console(self, message: Any) -> None:
        if message.type == "error":
            self._problems.append(f"console: {message.text} ({message.location.get('url')})")

    def _note_dialog(self, dialog: Any) -> None:
        self._problems.append(f"a box opened: {dialog.message}")
        dialog.dismiss()


def press(page: Page, name: str) -> None:
    """Press the button of that name, once the script is there that opens its dialog."""
    page.wait_for_load_state()
    page.get_by_role("button", name=name, exact=True).click()


def tab_to(page: Page, target: Locator) -> None:
    """Press Tab until the target has the focus."""
    expect(target).to_be_visible()
    for _ in range(TABS):
        page.keyboard.press("Tab")
        if target.evaluate("element => element === document.activeElement"):
            return
    pytest.fail(f"{target} is not reached by {TABS} times Tab")


def swap_all(page: Page, *kept: str) -> None:
    """Wait for a live update that swaps every part but `kept`."""
    page.evaluate(DIFFER)
    old = page.locator("[data-part][data-old]")
    expect(old).to_have_count(len(kept))


def see_end(page: Page, verdict: str) -> None:
    """Wait on a run's page until it tells its verdict, which must hold this text."""
    expect(page.locator(".verdict")).to_contain_text(verdict)


def in_ci() -> bool:
    """Tell whether nothing may be skipped."""
    return os.environ.get("CI") == "true"
