"""What may be promoted without a reader: nothing by default, and then only the plainest changes."""

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tws_maintenance.audit.receipt import Override
from tws_maintenance.audit.run_context import RunContext
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES
from tws_maintenance.config.settings import load_settings
from tws_maintenance.constituents.audit import audit
from tws_maintenance.constituents.promotion import promote
from tws_maintenance.constituents.stage import stage_backup
from tws_maintenance.core.errors import SourceUnreachable
from tws_maintenance.demo.pages import Company, companies
from tws_maintenance.operations.policy import Decision, Situation, decide_promotions
from tws_maintenance.reports.apply_offer import readiness
from tws_maintenance.reports.catalog import ReportCatalog
from tws_maintenance.reports.store import read_report
from tws_maintenance.sources.model import Attempt, SourceTable
from tws_maintenance_tests.constituents.bench import configure
from tws_maintenance_tests.support import copy_home, quiet_environment, table_of, write_live
from tws_maintenance_tests.unattended import applied, dry_run, refreshed, staged_by

SP500, STI, HSI = INDICES.values()
SATURDAY = datetime(2026, 11, 21, 0, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
ON = "[automation]\nauto_apply = true\n"
OVERRIDE = Override(allow_large_change=True, reason="the index was reformed")


@pytest.fixture(scope="module")
def a_week_old(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home whose list is a week old and whose settings let small changes through."""
    home = Home(tmp_path_factory.mktemp("a_week_old"))
    with quiet_environment():
        configure(home, ON)
        refreshed(home, SATURDAY - timedelta(days=7), "sp500")
    return home


@pytest.fixture
def home(a_week_old: Home, home: Home) -> Home:
    """Return a copy of the home whose list is a week old."""
    copy_home(a_week_old, home)
    return home


def decisions(home: Home, at: datetime, busy: Iterable[str] = ()) -> list[Decision]:
    now = Situation(home, load_settings(home), at, ReportCatalog(home), frozenset(busy))
    return decide_promotions(now)


def refusal(home: Home, at: datetime = SATURDAY + HOUR, busy: Iterable[str] = ()) -> str:
    """Return why the one dry run is not applied, and that it really is not to be."""
    (found,) = decisions(home, at, busy)
    assert not found.starts
    begins = f"{found.report_id} is not applied by itself: "
    assert found.why.startswith(begins)
    return found.why.removeprefix(begins)


def one_more() -> list[Company]:
    return [*companies("sp500"), replace(companies("sp500")[0], ticker="NEWC", name="Newcomer")]


def test_a_clean_and_small_change_is_promoted_where_the_setting_allows_it(home: Home) -> None:
    report_id = dry_run(home, {"sp500": one_more()}, SATURDAY)
    why = f"{report_id} passed every rule without a warning"
    assert decisions(home, SATURDAY + HOUR) == [
        Decision(SP500.task, starts=True, why=why, report_id=report_id)
    ]


def fund(members: list[Company], *, days_old: int = 0) -> SourceTable:
    return replace(table_of(members), as_of=SATURDAY.date() - timedelta(days=days_old))


@pytest.mark.parametrize(
    ("spy", "ivv", "why"),
    [
        pytest.param(fund(one_more()), fund(one_more()), "", id="three agree"),
        pytest.param(
            fund(one_more()),
            fund(one_more()[:-1]),
            "NEWC: iShares' IVV holdings differs",
            id="one differs",
        ),
        pytest.param(
            fund(one_more(), days_old=20),
            fund(one_more()),
            "2 usable sources, but 3 must agree (SSGA's SPY holdings: it is dated",
            id="one is set aside",
        ),
    ],
)
def test_three_sources_that_agree_stand_in_for_a_reader(
    home: Home, spy: SourceTable, ivv: SourceTable, why: str
) -> None:
    dry_run(home, {"sp500": one_more()}, SATURDAY, beside={"spy": spy, "ivv": ivv})
    (found,) = decisions(home, SATURDAY + HOUR)
    assert found.starts is not bool(why)
    assert why in found.why


def test_nothing_is_ever_promoted_by_default(home: Home) -> None:
    dry_run(home, {"sp500": one_more()}, SATURDAY)
    configure(home, "")
    assert decisions(home, SATURDAY + HOUR) == []


def test_a_list_that_did_not_change_is_confirmed_once(home: Home) -> None:
    report_id = dry_run(home, {"sp500": companies("sp500")}, SATURDAY)
    (found,) = decisions(home, SATURDAY + HOUR)
    assert found.starts
    applied(home, report_id, SATURDAY + HOUR)
    assert refusal(home, SATURDAY + 2 * HOUR) == "it was applied already"


def test_a_warning_of_any_rule_wants_a_reader(home: Home) -> None:
    blank = [replace(one, sector="Unheard Of") for one in one_more()[:2]]
    dry_run(home, {"sp500": [*blank, *one_more()[2:]]}, SATURDAY)
    assert refusal(home) == "rules with a warning: sectors_are_gics_sectors"


def test_a_warning_of_the_run_wants_a_reader(home: Home) -> None:
    dry_run(home, {"sp500": one_more()}, SATURDAY, warnings=("ZZZ, which leaves, is held",))
    assert refusal(home) == "warnings: ZZZ, which leaves, is held"


def test_announcements_that_cannot_be_read_want_no_reader(home: Home) -> None:
    page = SP500.announcements[0]
    away = Attempt(page, "http://127.0.0.1/changes", error=SourceUnreachable("no answer"))
    report_id = dry_run(home, {"sp500": one_more()}, SATURDAY, announcements=(away,))
    (result,) = read_report(home, report_id).lists
    assert "could not be read" in "".join(result.warnings)
    (decision,) = decisions(home, SATURDAY + HOUR)
    assert decision.starts


def test_an_edit_of_the_live_file_wants_a_reader(home: Home) -> None:
    live = home.live_file("sp500")
    live.write_bytes(live.read_bytes().replace(b"Group", b"Grupo", 1))
    dry_run(home, {"sp500": one_more()}, SATURDAY)
    assert "was edited by somebody else since" in refusal(home)


def test_a_turnover_above_the_limit_wants_a_reader(home: Home) -> None:
    strangers = [replace(one_more()[-1], ticker=f"Q{letter}Q") for letter in "ABCDEF"]
    dry_run(home, {"sp500": [*companies("sp500")[6:], *strangers]}, SATURDAY)
    assert refusal(home) == "a turnover of 2.4%, above the limit of 2.0% ([automation])"
    configure(home, f"{ON}auto_apply_max_turnover = 0.05\n")
    assert decisions(home, SATURDAY + HOUR)[0].starts


def test_a_large_change_that_was_allowed_wants_a_reader_even_if_it_is_small(home: Home) -> None:
    dry_run(home, {"sp500": one_more()}, SATURDAY, override=OVERRIDE)
    assert refusal(home) == "its audit accepted a large change"


def test_without_a_live_file_there_is_nothing_to_compare_with(home: Home) -> None:
    dry_run(home, {"hsi": companies("hsi")}, SATURDAY)
    found = decisions(home, SATURDAY + HOUR)[-1]
    assert not found.starts
    assert "HSI has no live file to compare with" in found.why


@pytest.mark.parametrize(
    ("at", "why"),
    [
        ("2026-11-23 14:24", ""),
        ("2026-11-23 14:25", "New York is open until 21:00 UTC"),
        ("2026-11-23 15:00", "New York is open until 21:00 UTC"),
        ("2026-11-26 15:00", ""),
    ],
)
def test_a_market_that_is_open_or_about_to_open_has_to_close_first(
    home: Home, at: str, why: str
) -> None:
    instant = datetime.fromisoformat(at).replace(tzinfo=UTC)
    dry_run(home, {"sp500": one_more()}, instant - HOUR)
    (found,) = decisions(home, instant)
    assert (found.starts, found.why.partition(" itself: ")[2]) == (not why, why)


def test_an_unknown_holiday_counts_as_open(home: Home) -> None:
    at = datetime(2060, 6, 16, 2, tzinfo=UTC)
    write_live(home, STI, companies("sti"))
    dry_run(home, {"sti": companies("sti")}, at - HOUR)
    why = "could not tell whether Singapore is open; treated as open"
    assert [one.why for one in decisions(home, at) if why in one.why] != []


def test_a_run_at_work_goes_first(home: Home) -> None:
    dry_run(home, {"sp500": one_more()}, SATURDAY)
    assert refusal(home, busy=[SP500.task]) == "a run of it is in progress"


def test_what_failed_its_audit_is_not_promoted(home: Home) -> None:
    dry_run(home, {"sp500": [*one_more(), replace(one_more()[-1], ticker="<b>")]}, SATURDAY)
    assert refusal(home).startswith("Its audit failed: ")


def test_what_nobody_confirmed_is_not_promoted(home: Home) -> None:
    dry_run(home, {"sp500": companies("sp500")[:300]}, SATURDAY)
    assert refusal(home).startswith("Not confirmed, so nothing can be applied: 0 of 1 sources")


def test_what_expired_was_used_or_is_stale_is_not_promoted(home: Home) -> None:
    report_id = dry_run(home, {"sp500": one_more()}, SATURDAY)
    assert "Expired at 2026-11-22T00:30:00.000Z" in refusal(home, SATURDAY + 25 * HOUR)
    live = home.live_file("sp500")
    before = live.read_bytes()
    live.write_bytes(before + b"\n")
    assert refusal(home).startswith("The live file was changed since this dry run")
    live.write_bytes(before)
    applied(home, report_id, SATURDAY + HOUR)
    assert refusal(home, SATURDAY + 2 * HOUR).startswith("Applied already, by maintenance_2026")


def test_staged_bytes_that_are_not_those_of_the_report_are_not_promoted(home: Home) -> None:
    report_id = dry_run(home, {"sp500": one_more()}, SATURDAY)
    path = home.reports / f"{report_id.removeprefix('maintenance_')}.json"
    value = json.loads(path.read_text())
    value["results"][0]["proposal_sha256"] = "0" * 64
    path.write_text(json.dumps(value))
    assert refusal(home).startswith("The staged list is not the one in the report")


def test_a_receipt_that_is_gone_stops_it(home: Home) -> None:
    report_id = dry_run(home, {"sp500": one_more()}, SATURDAY)
    (home.proposal(f"{report_id}_sp500") / "receipt.json").unlink()
    assert "no readable receipt" in refusal(home)


def test_after_a_restore_the_next_change_wants_a_reader(home: Home) -> None:
    """What somebody took back by hand must not come again while nobody looks."""
    applied(home, dry_run(home, {"sp500": one_more()}, SATURDAY), SATURDAY + HOUR)
    mark = RunContext("maintenance_20261121_030000", "the-restore", SATURDAY + 2.5 * HOUR)
    proposal = stage_backup(home, SP500, None, mark)
    audit(home, SP500, proposal, load_settings(home).of(SP500), Override(), mark)
    promote(home, SP500, proposal.proposal_id, load_settings(home), mark)
    dry_run(home, {"sp500": one_more()}, SATURDAY + 3 * HOUR)
    why = "maintenance_20261121_030000 restored a backup, so the next change needs a manual review"
    told = refusal(home, SATURDAY + 4 * HOUR)
    assert told.endswith(why)
    assert "comes back: it left on 2026-11-21 by maintenance_20261121_030000" in told


def test_only_the_newest_dry_run_counts_and_each_list_has_its_own(home: Home) -> None:
    write_live(home, STI, companies("sti"))
    dry_run(home, {"sp500": one_more(), "sti": companies("sti")}, SATURDAY)
    newer = dry_run(home, {"sp500": companies("sp500")[:300]}, SATURDAY + HOUR)
    sp500, sti = decisions(home, SATURDAY + 2 * HOUR)
    assert (sp500.starts, sp500.report_id, sti.starts) == (False, newer, True)


def test_what_was_decided_is_what_promoting_accepts(home: Home) -> None:
    report_id = dry_run(home, {"sp500": one_more()}, SATURDAY)
    (found,) = decisions(home, SATURDAY + HOUR)
    assert found.starts
    ready = readiness(
        home, load_settings(home), read_report(home, report_id), SATURDAY + HOUR
    ).lists[0]
    assert ready.can_apply
    applied(home, report_id, SATURDAY + HOUR)
    assert (
        home.live_file("sp500").read_bytes()
        == (
            home.proposal(staged_by(home, report_id, "sp500").proposal_id) / "constituents.csv"
        ).read_bytes()
    )
