"""The audit of a live file is remembered as long as nothing that it depends on has changed."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from tws_maintenance.audit.results import ValidationStatus
from tws_maintenance.config.home import Home
from tws_maintenance.config.settings import load_settings
from tws_maintenance.console.live_audit_process import FileAudits
from tws_maintenance.constituents.audit_live import validate_live
from tws_maintenance.constituents.backups import newest_backups
from tws_maintenance.demo.pages import companies
from tws_maintenance.reports import live_audits as module
from tws_maintenance.reports.live_audits import live_audits, remembered_audits
from tws_maintenance.reports.schema import Validation
from tws_maintenance_tests.constituents.bench import AT, HSI, SP500, STI, configure, promoted, ready
from tws_maintenance_tests.support import write_live

SOUND = Validation(status=ValidationStatus.PASSED)


def looked(home: Home) -> dict[str, Validation]:
    return live_audits(home, load_settings(home), {}, AT)


def remembered(home: Home) -> dict[str, Validation] | None:
    return remembered_audits(home, load_settings(home))


@pytest.fixture
def lists(home: Home) -> Home:
    """A home with the three lists, of which the STI was promoted over a backup, all looked at."""
    for one in (SP500, STI, HSI):
        write_live(home, one, companies(one.key))
    write_live(home, STI, companies("sti")[:-1])
    promoted(home, ready(home, STI, companies("sti")))
    assert remembered(home) is None
    assert looked(home) == dict.fromkeys((SP500.task, STI.task, HSI.task), SOUND)
    return home


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lists that were really judged."""
    names: list[str] = []
    real = validate_live

    def counted(home: Home, index: object, *rest: object) -> object:
        names.append(index.key)  # type: ignore[attr-defined]
        return real(home, index, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "validate_live", counted)
    return names


def test_the_next_look_judges_nothing_and_says_the_same(lists: Home, judged: list[str]) -> None:
    found = looked(lists)
    assert judged == []
    assert found == remembered(lists) == dict.fromkeys((SP500.task, STI.task, HSI.task), SOUND)


def backup_of(home: Home) -> Path:
    return newest_backups(home)["sti_constituents.csv"]


def written(path: Callable[[Home], Path], old: str, new: str) -> Callable[[Home], None]:
    def change(home: Home) -> None:
        text = path(home).read_text()
        assert old in text
        path(home).write_text(text.replace(old, new, 1))

    return change


def newer_backup(home: Home) -> None:
    folder = home.backups / "20990101_000000"
    folder.mkdir()
    (folder / "sti_constituents.csv").write_bytes(backup_of(home).read_bytes())


def accepted(home: Home) -> None:
    """Let the receipt say that a large change was accepted."""
    (receipt,) = home.staging.glob("*_sti/receipt.json")
    value = json.loads(receipt.read_text())
    receipt.write_text(json.dumps(value | {"allow_large_change": True}))


@pytest.mark.parametrize(
    "change",
    [
        written(lambda home: home.live_file("sti"), "Amber Mill", "Amber Hill"),
        written(lambda home: home.generation_file("sti"), "promoted_at", "promoted_at "),
        written(backup_of, "Amber Mill", "Amber Hill"),
        newer_backup,
        lambda home: backup_of(home).unlink(),
        lambda home: configure(home, "[indices.sti]\nmax_rows = 31\n"),
        accepted,
    ],
    ids=["file", "stamp", "backup", "newer backup", "no backup", "settings", "receipt"],
)
def test_whatever_an_audit_depends_on_lets_its_list_be_judged_anew_and_no_other(
    lists: Home, judged: list[str], change: Callable[[Home], None]
) -> None:
    change(lists)
    assert remembered(lists) is None
    looked(lists)
    assert judged == ["sti"]
    assert looked(lists) == remembered(lists)
    assert judged == ["sti"]


def test_another_program_judges_every_list_anew(
    lists: Home, judged: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "program_mark", lambda: "another")
    looked(lists)
    assert judged == ["sp500", "sti", "hsi"]


def test_a_file_that_broke_is_said_to_be_broken_at_once(lists: Home) -> None:
    path = lists.live_file("sti")
    path.write_text(path.read_text().replace("Amber Mill Inc.", "nan", 1))
    found = looked(lists)[STI.task]
    assert found.status == ValidationStatus.FAILED
    assert "'nan'" in found.errors[0]
    assert looked(lists)[STI.task] == found


@pytest.mark.parametrize("content", ["", "{", '{"audits": []}', '{"audits": {"a": {"of": 1}}}'])
def test_a_damaged_memory_is_no_memory(lists: Home, judged: list[str], content: str) -> None:
    lists.live_audits.write_text(content)
    assert looked(lists)[STI.task] == SOUND
    assert judged == ["sp500", "sti", "hsi"]
    looked(lists)
    assert len(judged) == 3


def test_a_memory_that_says_no_verdict_is_no_memory(lists: Home, judged: list[str]) -> None:
    value = json.loads(lists.live_audits.read_text())
    value["audits"][STI.task]["audit"] = {}
    lists.live_audits.write_text(json.dumps(value))
    assert looked(lists)[STI.task] == SOUND
    assert judged == ["sti"]


def test_where_nothing_can_be_remembered_every_look_judges(lists: Home, judged: list[str]) -> None:
    lists.live_audits.unlink()
    lists.live_audits.mkdir()  # as good as a folder that is read-only, also for root
    assert looked(lists) == looked(lists)
    assert judged == ["sp500", "sti", "hsi"] * 2


def test_a_list_that_is_missing_is_never_remembered(lists: Home) -> None:
    lists.live_file("hsi").unlink()
    assert "does not exist" in looked(lists)[HSI.task].errors[0]
    assert remembered(lists) is None
    write_live(lists, HSI, companies("hsi"))
    assert looked(lists)[HSI.task] == SOUND


def test_a_file_that_changes_before_it_is_judged_is_not_remembered_as_it_was(
    lists: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, real = lists.live_file("sti"), validate_live
    sound = path.read_text().replace("Amber Mill", "Amber Hill", 1)
    path.write_text(sound)

    def changed(home: Home, *rest: object) -> object:
        path.write_text(sound.replace("Amber Hill Inc.", "nan", 1))
        return real(home, *rest)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(module, "validate_live", changed)
        assert looked(lists)[STI.task].status == ValidationStatus.FAILED
    path.write_text(sound)
    assert looked(lists)[STI.task] == SOUND


def test_age_is_no_part_of_what_is_remembered(lists: Home, judged: list[str]) -> None:
    live_audits(lists, load_settings(lists), {}, AT + timedelta(days=365))
    assert judged == []


def test_the_console_starts_no_process_for_what_is_remembered(
    lists: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", "/no/such/python")
    assert FileAudits(lists).audits(wait_seconds=60) == looked(lists)
