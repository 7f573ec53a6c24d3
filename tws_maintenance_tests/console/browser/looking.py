"""What everybody must be able to see and reach, in light and dark, on a desk and on a phone."""

from typing import Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
DESK, PHONE = 1280, 390
HEIGHT = 900
# The lesser ones are advice.
GRAVE = {"serious", "critical"}


def faults_of(page: Page) -> list[str]:
    """Return the grave faults of the page as it stands, and the widths at which it is too wide."""
    faults = []
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        found = Axe().run(page).response["violations"]
        faults += [f"{scheme}: {_told(one)}" for one in found if one["impact"] in GRAVE]
    for width in (PHONE, DESK):
        page.set_viewport_size({"width": width, "height": HEIGHT})
        beyond = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        if beyond > 0:
            faults.append(f"{beyond} pixels too wide at {width}")
    return faults


def _told(violation: dict[str, object]) -> str:
    nodes = violation["nodes"]
    assert isinstance(nodes, list)
    return f"{violation['id']}: {'; '.join(str(node['html']) for node in nodes[:3])}"
