"""Each override has a form with a reason: of a large change, of a restore, of a confirmation."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES
from tws_maintenance.demo.pages import companies
from tws_maintenance.demo.server import PageServer
from tws_maintenance.pipeline.instance import VARIABLE
from tws_maintenance_tests.console.scenes import Stage, begin
from tws_maintenance_tests.console.support import STI, opened
from tws_maintenance_tests.support import write_live

FORM = re.compile(r'<form[^>]*class="override".*?</form>', re.DOTALL)


@pytest.fixture
def stage(home: Home, monkeypatch: pytest.MonkeyPatch, server: PageServer) -> Stage:
    """A home whose sources agree, on a console's Dagster."""
    monkeypatch.setenv(VARIABLE, str(home.dagster))
    stage = Stage(home, server)
    begin(stage)
    return stage


def form_of(stage: Stage, report_id: str) -> tuple[str, dict[str, str], str]:
    """Return address, hidden values and text of the only form of an override, as served."""
    with opened(stage.home) as console:
        shown = console.get(f"/maintenance/reports/{report_id}").text
        (form,) = FORM.findall(shown)
        action = re.search(r'action="([^"]+)"', form)
        values = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form))
        values.pop("csrf_token")
        assert re.search(r'name="reason" required', form)
        # Without its reason nothing is started.
        assert action
        refused = console.form(action[1], **values)
        assert refused.status_code == 400
        assert "Say why it is right." in refused.text
        return action[1], values, " ".join(re.sub(r"<[^>]+>", " ", form).split())


def test_a_change_that_is_too_large(stage: Stage) -> None:
    write_live(stage.home, INDICES["sti"], companies("sti")[:18])
    action, values, text = form_of(stage, stage.run(STI))
    assert action == "/maintenance/run"
    assert values == {"tasks": STI, "allow_large_change": "yes"}
    assert text.startswith("Only the size of the change failed (STI).")


def test_a_restore_that_goes_back_too_far(stage: Stage) -> None:
    left = [one.renamed(f"Z{one.ticker}") for one in companies("sti")[18:26]]
    left = [replace(one, name=f"Former {one.name}") for one in left]
    write_live(stage.home, INDICES["sti"], [*companies("sti")[:18], *left])
    stage.run(STI, dry_run=False, allow_large_change=True, reason="the index was doubled")
    (backup,) = (one.name for one in Path(stage.home.backups).iterdir())
    action, values, text = form_of(stage, stage.run(STI, backup=backup))
    assert action == "/maintenance/restore"
    assert values == {"task": STI, "backup": backup, "allow_large_change": "yes"}
    assert text.startswith("The restore changes more than the limit allows (STI, ")


def test_a_first_list_that_too_few_sources_confirm(stage: Stage) -> None:
    del stage.web.pages["sti_es3"]
    action, values, text = form_of(stage, stage.run(STI))
    assert action == "/maintenance/run"
    assert values == {"tasks": STI, "allow_large_change": "yes"}
    assert text.startswith("Too few sources confirm the list (STI).")
