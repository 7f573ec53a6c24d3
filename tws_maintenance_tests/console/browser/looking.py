"""What everybody must be able to see and reach, in light and dark, on a desk and on a phone."""

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

# The dark scheme changes colours and nothing else, so only rules about colours ask again.
# They leave no trace in the page, and its script is put there once.
AXE = """async (onlyColours) => {
  const rules = onlyColours ? { runOnly: { type: "tag", values: ["cat.color"] } } : {};
  const found = await axe.run({ resultTypes: ["violations"], ...rules });
  return found.violations;
}"""
UNFOLD = "document.querySelectorAll('details').forEach(one => { one.open = true })"
DESK, PHONE = 1280, 390
HEIGHT = 900
# The lesser ones are advice.
GRAVE = {"serious", "critical"}


def faults_of(page: Page) -> list[str]:
    """Return the grave faults of the page as it stands, and the widths at which it is too wide."""
    page.evaluate(AXE_SCRIPT)
    faults = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        found = page.evaluate(AXE, scheme == "dark")
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
