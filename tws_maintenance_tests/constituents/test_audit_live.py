"""Auditing the live files themselves: what an operator or a disk did to them since."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from tws_maintenance.audit.receipt import Override
from tws_maintenance.audit.results import Outcome, Rule
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import Index
from tws_maintenance.config.settings import load_settings
from tws_maintenance.constituents import rules
from tws_maintenance.constituents.audit_live import LiveAudit, validate_live
from tws_maintenance.constituents.rules import live_rules
from tws_maintenance.core.clock import utc_text
from tws_maintenance.demo.pages import companies
from tws_maintenance_tests.constituents.bench import (
    AT,
    HSI,
    SP500,
    STI,
    audited,
    configure,
    names,
    outcome_of,
    promoted,
    ready,
    staged,
    tree,
    with_strangers,
)
from tws_maintenance_tests.support import write_live

FAILED, WARNED, PASSED = Outcome.FAILED, Outcome.WARNED, Outcome.PASSED
YESTERDAY = utc_text(AT - timedelta(days=1))


def validated(home: Home, index: Index, refreshed_at: str | None = YESTERDAY) -> LiveAudit:
    before = tree(home.root)
    audit = validate_live(home, index, load_settings(home).of(index), refreshed_at, AT)
    assert tree(home.root) == before
    return audit


def edit(old: str, new: str) -> Callable[[bytes], bytes]:
    return lambda content: content.replace(old.encode(), new.encode(), 1)


@pytest.mark.parametrize("index", [SP500, STI, HSI], ids=lambda index: index.key)
def test_a_good_file_passes_every_rule_without_a_warning(home: Home, index: Index) -> None:
    content = write_live(home, index, companies(index.key))
    audit = validated(home, index)
    assert audit.status == "passed"
    assert [check.name for check in audit.checks] == [rule.name for rule in live_rules(index)]
    assert {check.outcome for check in audit.checks} == {PASSED}
    assert audit.row_count == content.count(b"\n") - 1
    assert audit.problem is None


@pytest.mark.parametrize(
    ("index", "edited", "rule", "says"),
    [
        (STI, edit("B01.SI", "A00.SI"), rules.UNIQUE, "'A00.SI' (row 2: Amber Lane Inc.)"),
        (STI, edit("B01.SI", "B01"), rules.FORMAT, "'B01' (row 4: Amber Mill Inc.)"),
        (STI, edit("B01.SI", ""), rules.NON_EMPTY, "row 4: Amber Mill Inc."),
        (STI, edit("Amber Mill Inc.", "nan"), rules.MISSING_TEXT, "'nan'"),
        (HSI, edit("Amber Mill", "=HYPERLINK(1)"), rules.PLAIN, "'=HYPERLINK(1) Inc.'"),
        (STI, lambda b: b"".join(b.splitlines(keepends=True)[:25]), rules.ROW_COUNT, "24 rows"),
    ],
)
def test_a_defect_fails_its_own_check_alone_and_is_named(
    home: Home, index: Index, edited: Callable[[bytes], bytes], rule: Rule, says: str
) -> None:
    home.data.mkdir()
    home.live_file(index.key).write_bytes(edited(write_live(home, index, companies(index.key))))
    audit = validated(home, index)
    assert audit.status == "failed"
    assert names(audit.checks, FAILED) == {rule.name}
    (message,) = audit.messages(FAILED)
    assert says in message


def test_a_column_that_is_missing_is_named_and_nothing_passes_that_needed_it(home: Home) -> None:
    content = write_live(home, STI, companies("sti"))
    home.live_file("sti").write_bytes(content.replace(b"sub_industry", b"subindustry", 1))
    audit = validated(home, STI)
    assert "no column sub_industry" in outcome_of(audit.checks, rules.COLUMNS).message
    assert outcome_of(audit.checks, rules.UNIQUE).outcome == FAILED
    assert outcome_of(audit.checks, rules.ROW_COUNT).outcome == PASSED
    (message,) = audit.messages(FAILED)
    assert message.startswith(f"{rules.COLUMNS.name}: no column sub_industry")


def test_an_operators_own_column_is_no_fault(home: Home) -> None:
    lines = write_live(home, STI, companies("sti")).decode().splitlines()
    noted = "\n".join([f"{lines[0]},note", *(f"{line},=mine" for line in lines[1:])])
    home.live_file("sti").write_text(noted)
    assert validated(home, STI).status == "passed"


def test_what_excel_saved_is_judged_by_its_rows(home: Home) -> None:
    content = write_live(home, STI, companies("sti"))
    home.live_file("sti").write_bytes(b"\xef\xbb\xbf" + content.replace(b"\n", b"\r\n"))
    audit = validated(home, STI)
    assert (audit.status, audit.row_count) == ("passed", 30)


@pytest.mark.parametrize(("rows", "outcome"), [(27, PASSED), (26, WARNED), (40, WARNED)])
def test_a_count_that_is_far_from_the_newest_backup_is_suspicious(
    home: Home, rows: int, outcome: Outcome
) -> None:
    members = [*companies("sti"), *with_strangers(STI, 20)[:20]]
    for stamp, count in (("20260101_000000", 50), ("20260301_000000", 30)):
        folder = home.backups / stamp
        folder.mkdir(parents=True)
        (folder / "sti_constituents.csv").write_bytes(write_live(home, STI, members[:count]))
    write_live(home, STI, members[:rows])
    check = outcome_of(validated(home, STI).checks, rules.COUNT_CHANGE)
    assert check.outcome == (FAILED if rows == 40 else outcome)
    assert "20260301_000000/sti_constituents.csv" in check.message


def test_a_damaged_backup_is_told_and_not_compared_with(home: Home) -> None:
    write_live(home, STI, companies("sti"))
    folder = home.backups / "20260101_000000"
    folder.mkdir(parents=True)
    (folder / "sti_constituents.csv").write_bytes(b"\xff\xfe")
    check = outcome_of(validated(home, STI).checks, rules.COUNT_CHANGE)
    assert check.outcome == PASSED
    assert check.message.endswith(
        "the newest backup, data/backups/constituents/20260101_000000/sti_constituents.csv, "
        "is damaged"
    )


@pytest.mark.parametrize(("days", "outcome"), [(3.0, PASSED), (3.1, WARNED)])
def test_a_list_that_was_not_refreshed_for_days_is_stale(
    home: Home, days: float, outcome: Outcome
) -> None:
    write_live(home, STI, companies("sti"))
    audit = validated(home, STI, utc_text(AT - timedelta(days=days)))
    check = outcome_of(audit.checks, rules.FRESH)
    assert check.outcome == outcome
    assert check.message.startswith("stale: ") is (outcome == WARNED)
    assert audit.status == "passed"


def test_how_old_a_list_may_be_is_a_setting(home: Home) -> None:
    configure(home, "[indices.sti]\nmax_age_days = 0.5\n")
    write_live(home, STI, companies("sti"))
    assert outcome_of(validated(home, STI).checks, rules.FRESH).outcome == WARNED


def test_a_list_that_was_never_refreshed_is_stale(home: Home) -> None:
    write_live(home, STI, companies("sti"))
    assert validated(home, STI, None).messages(WARNED) == [
        "file_is_fresh: stale: never refreshed by tws_maintenance. Refresh it with run --apply"
    ]


def test_a_list_that_somebody_edited_since_is_told(home: Home) -> None:
    promoted(home, ready(home, STI, companies("sti")))
    path = home.live_file("sti")
    assert outcome_of(validated(home, STI).checks, rules.NOT_EDITED).outcome == PASSED
    path.write_bytes(path.read_bytes().replace(b"Amber Lane", b"Amber Lake"))
    audit = validated(home, STI)
    check = outcome_of(audit.checks, rules.NOT_EDITED)
    assert check.outcome == WARNED
    assert check.message.startswith(
        "data/sti_constituents.csv was edited by somebody else since maintenance_20261122_183000"
    )
    assert check.message.endswith("changed A00.SI security")
    assert audit.status == "passed"


def test_a_column_that_an_operator_adds_is_no_edit_but_a_cell_of_ours_is(home: Home) -> None:
    promoted(home, ready(home, STI, companies("sti")))
    path = home.live_file("sti")
    header, *lines = path.read_text().splitlines()
    noted = "\n".join([f"{header},note", *(f"{line},mine" for line in reversed(lines))]) + "\n"
    path.write_text(noted)
    audit = validated(home, STI)
    assert outcome_of(audit.checks, rules.NOT_EDITED).outcome == PASSED
    assert audit.messages(WARNED) == []
    path.write_text(noted.replace("Amber Lane", "Amber Lake"))
    check = outcome_of(validated(home, STI).checks, rules.NOT_EDITED)
    assert (check.outcome, "changed A00.SI security" in check.message) == (WARNED, True)


def test_a_large_change_that_was_accepted_once_is_no_failure_of_the_same_bytes(
    home: Home,
) -> None:
    configure(home, "[indices.sti]\nmax_rows = 45\n")
    write_live(home, STI, companies("sti"))
    enlarged = [*companies("sti"), *with_strangers(STI, 15)[:15]]
    proposal = staged(home, STI, enlarged)
    accepted = Override(allow_large_change=True, reason="index enlarged")
    assert audited(home, proposal, override=accepted).has_passed
    promoted(home, proposal)

    audit = validated(home, STI)
    check = outcome_of(audit.checks, rules.COUNT_CHANGE)
    assert (audit.status, check.outcome) == ("passed", WARNED)
    assert check.message.endswith("failure above 25%) (accepted: --allow-large-change)")

    path = home.live_file("sti")
    path.write_bytes(path.read_bytes().replace(b"Amber Lane", b"Amber Lake"))
    others = validated(home, STI)
    assert names(others.checks, FAILED) == {rules.COUNT_CHANGE.name}, "it was accepted for no other"


def test_a_list_that_does_not_exist_passes_nothing(home: Home) -> None:
    audit = validated(home, STI)
    assert (audit.status, audit.row_count, audit.sha256) == ("failed", None, None)
    assert {check.outcome for check in audit.checks} == {FAILED}
    (message,) = audit.messages(FAILED)
    assert message == (
        "data/sti_constituents.csv does not exist. "
        "Fetch it: python -m tws_maintenance run --task sti_constituents --apply"
    )
    assert audit.messages(WARNED) == []


def test_a_list_that_is_gone_but_was_kept_names_the_command_that_brings_it_back(
    home: Home,
) -> None:
    folder = home.backups / "20260301_000000"
    folder.mkdir(parents=True)
    (folder / "sti_constituents.csv").write_bytes(write_live(home, STI, companies("sti")))
    home.live_file("sti").unlink()
    (message,) = validated(home, STI).messages(FAILED)
    assert message == (
        "data/sti_constituents.csv does not exist. Restore it: python -m tws_maintenance "
        "restore sti_constituents (or fetch it: "
        "python -m tws_maintenance run --task sti_constituents --apply)"
    )


@pytest.mark.parametrize("content", [b"", b"\xff", b"symbol\nA,B\n", None])
def test_a_list_that_cannot_be_read_passes_nothing(home: Home, content: bytes | None) -> None:
    home.data.mkdir()
    if content is None:
        home.live_file("sti").mkdir()
    else:
        home.live_file("sti").write_bytes(content)
    audit = validated(home, STI)
    assert {check.outcome for check in audit.checks} == {FAILED}
    (message,) = audit.messages(FAILED)
    assert message.startswith("data/sti_constituents.csv ")
    assert message.endswith(
        ", so nothing can be compared with it; it is unchanged. Restore it: python -m "
        "tws_maintenance restore sti_constituents. Or move it away and fetch it again: run "
        "--apply."
    )
