"""What an operator hears of, and that it stays one incident as long as it is the same."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES, MARKET_EVENTS
from tws_maintenance.config.settings import load_settings
from tws_maintenance.demo.pages import companies
from tws_maintenance.operations.notices.incidents import Incident, find_incidents, incident
from tws_maintenance.reports.catalog import ReportCatalog
from tws_maintenance.reports.schema import RunStatus, TaskStatus
from tws_maintenance_tests.constituents.bench import with_one, with_strangers
from tws_maintenance_tests.defaults import CONSTITUENT_TASKS
from tws_maintenance_tests.support import copy_home, quiet_environment
from tws_maintenance_tests.unattended import applied, dry_run, ended, refreshed, synced

SP500, STI, HSI = INDICES.values()
AT = datetime(2026, 11, 21, 0, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def well(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home in which nothing is wrong and nothing waits."""
    home = Home(tmp_path_factory.mktemp("well"))
    with quiet_environment():
        refreshed(home, AT)
        synced(home, AT, dry_run=False)
    return home


@pytest.fixture
def home(well: Home, home: Home) -> Home:
    """Return a copy of the home that is well."""
    copy_home(well, home)
    return home


def found(home: Home, at: datetime = AT + HOUR, *kinds: str) -> list[Incident]:
    """Return the incidents; the doubts about events that were never stored are none of these."""
    incidents = find_incidents(home, load_settings(home), at, ReportCatalog(home))
    return [one for one in incidents if not kinds or one.kind in kinds]


def keys(home: Home, at: datetime = AT + HOUR, *kinds: str) -> list[str]:
    return [one.key for one in found(home, at, *kinds)]


def test_there_is_nothing_to_tell_of_a_home_that_is_well(home: Home) -> None:
    assert found(home) == []


def test_a_home_without_anything_is_missing_everything(tmp_path: Path) -> None:
    assert [(one.kind, one.subject) for one in found(Home(tmp_path))] == [
        (kind, f"{index.name} is {kind}")
        for index in INDICES.values()
        for kind in ("broken", "stale")
    ] + [("stale", "Events are stale")]


def test_a_run_that_failed_is_one_incident_until_a_later_one_makes_up_for_it(home: Home) -> None:
    failed = ended(home, AT + HOUR, STI.task, HSI.task, entry_point="schedule", actor="robot")
    (one,) = found(home, AT + 2 * HOUR)
    assert (one.key, one.kind) == (f"failed:{failed}", "failed")
    assert one.subject == "Dry run failed. No file was replaced. Failed: STI, HSI."
    assert one.text.splitlines() == [
        "sti_constituents went wrong",
        "hsi_constituents went wrong",
        f"Report: {failed}, by robot (schedule).",
    ]
    assert keys(home, AT + DAY) == [one.key]
    dry_run(home, {"sti": companies("sti")}, AT + 3 * HOUR)
    assert keys(home, AT + 4 * HOUR) == [one.key]
    dry_run(home, {"hsi": companies("hsi")}, AT + 5 * HOUR)
    assert keys(home, AT + 6 * HOUR) == []


def test_a_list_that_nobody_could_confirm_is_told_with_the_reason(home: Home) -> None:
    dry_run(home, {"sp500": companies("sp500")[:300]}, AT + HOUR, status=RunStatus.PARTIAL_FAILURE)
    (one,) = found(home, AT + 2 * HOUR)
    assert (one.kind, one.subject) == (
        "failed",
        "Dry run partly failed. No file was replaced. Not confirmed: S&P 500.",
    )
    assert "sp500_constituents: 0 of 1 sources are usable, but 1 must agree" in one.text


def test_events_that_came_in_part_are_told(home: Home) -> None:
    partial = ended(home, AT + HOUR, MARKET_EVENTS, became=TaskStatus.PARTIAL_FAILURE)
    assert f"failed:{partial}" in keys(home, AT + 2 * HOUR)


@pytest.mark.parametrize("status", ["failed", "interrupted"])
def test_a_run_that_ended_before_it_came_to_a_task_is_told(home: Home, status: str) -> None:
    """The settings hold a mistake, the home cannot be written, the process was killed."""
    ended(
        home,
        AT + HOUR,
        *CONSTITUENT_TASKS,
        became=TaskStatus.SKIPPED,
        status=status,
        errors=["the settings hold a mistake"],
    )
    (one,) = found(home, AT + 2 * HOUR, "failed")
    assert "the settings hold a mistake" in one.text


def test_a_refusal_is_told_only_where_nobody_was_told_it_at_once(home: Home) -> None:
    for hours, entry_point in ((1, "cli"), (2, "console")):
        refused(home, AT + hours * HOUR, entry_point)
        assert keys(home, AT + (hours + 0.5) * HOUR) == []
    report_id = refused(home, AT + 3 * HOUR, "sensor")
    assert keys(home, AT + 4 * HOUR) == [f"failed:{report_id}"]


def refused(home: Home, at: datetime, entry_point: str) -> str:
    report_id = ended(home, at, STI.task, entry_point=entry_point)
    path = home.reports / f"{report_id.removeprefix('maintenance_')}.json"
    path.write_text(path.read_text().replace('"refusal": null', '"refusal": "lock_held"'))
    return report_id


def test_a_list_that_is_stale_is_one_incident_until_it_is_refreshed(home: Home) -> None:
    stale = keys(home, AT + 3.5 * DAY)
    assert stale == [f"stale:{task}:2026-11-21T00:30:02.000Z" for task in CONSTITUENT_TASKS] + [
        f"stale:{MARKET_EVENTS}:2026-11-21T00:30:02.000Z"
    ]
    assert keys(home, AT + 9 * DAY) == stale
    again = AT + 4 * DAY
    applied(home, dry_run(home, {"sti": companies("sti")}, again - HOUR), again)
    assert keys(home, again + HOUR) == [one for one in stale if STI.task not in one]
    # Stale once more is another incident.
    assert f"stale:{STI.task}:2026-11-25T00:30:02.000Z" in keys(home, again + 4 * DAY)


def test_a_list_of_a_clock_that_was_ahead_is_stale(home: Home) -> None:
    later = AT + 300 * DAY
    refreshed(home, later)
    assert [one.split(":")[1] for one in keys(home, AT + 9 * DAY, "stale")] == [
        *CONSTITUENT_TASKS,
        MARKET_EVENTS,
    ]


def moved_to(home: Home, at: datetime, to: str, *, dry_run: bool) -> str:
    """Write the report of a run that found AAPL's earnings on another day."""
    report_id = synced(home, at, dry_run=dry_run)
    move = {
        "kind": "moved",
        "event_type": "EARNINGS",
        "symbol": "AAPL",
        "before": "2026-11-25",
        "after": to,
        "text": f"AAPL earnings moved from 2026-11-25 to {to}",
    }
    path = home.reports / f"{report_id.removeprefix('maintenance_')}.json"
    path.write_text(path.read_text().replace('"moved": []', f'"moved": [{json.dumps(move)}]'))
    return report_id


def test_a_near_event_that_moved_is_one_incident_for_two_days(home: Home) -> None:
    looked = moved_to(home, AT + HOUR, "2026-11-27", dry_run=True)
    (one,) = found(home, AT + 2 * HOUR)
    assert one.key == "event_moved:moved:EARNINGS:AAPL:2026-11-25:2026-11-27"
    assert (one.kind, one.subject) == (
        "event_moved",
        "AAPL earnings moved from 2026-11-25 to 2026-11-27",
    )
    assert one.text.splitlines() == [
        f"Report: {looked} (seen by a dry run, not stored).",
        "List them: python -m tws_maintenance events list --symbol AAPL",
    ]
    stored = moved_to(home, AT + 3 * HOUR, "2026-11-27", dry_run=False)
    (again,) = found(home, AT + 4 * HOUR)
    assert again.key == one.key
    assert f"Report: {stored} (stored)." in again.text
    moved_to(home, AT + 5 * HOUR, "2026-11-30", dry_run=False)
    assert [key.rsplit(":")[-1] for key in keys(home, AT + 6 * HOUR)] == [
        "2026-11-30",
        "2026-11-27",
    ]
    assert keys(home, AT + 5 * HOUR + 2.1 * DAY) == []


def test_a_live_file_that_is_broken_missing_or_short_is_told(home: Home) -> None:
    live = home.live_file("sti")
    good = live.read_bytes()
    seen = set()
    for content in (b"", b"\xff\xfe", b"\n".join(good.splitlines()[:9]) + b"\n"):
        live.write_bytes(content)
        (one,) = found(home, AT + HOUR, "broken")
        assert one.subject == "STI is broken"
        assert one.text.endswith("Check it: python -m tws_maintenance validate")
        assert keys(home, AT + 2 * HOUR, "broken") == [one.key]
        seen.add(one.key)
    live.unlink()
    (one,) = found(home, AT + HOUR, "broken")
    assert "data/sti_constituents.csv is missing." in one.text
    assert len(seen | {one.key}) == 4
    live.write_bytes(good)
    assert found(home) == []


def test_an_edit_is_told_by_its_names_and_another_edit_again(home: Home) -> None:
    live = home.live_file("sti")
    good = live.read_bytes()
    live.write_bytes(b"\n".join(good.splitlines()[:-1]) + b"\n")
    (one,) = found(home)
    assert (one.kind, one.subject) == ("drifted", "STI was edited")
    assert "removed" in one.text
    assert keys(home, AT + 2 * HOUR) == [one.key]
    live.write_bytes(b"\n".join(good.splitlines()[:-2]) + b"\n")
    assert keys(home) != [one.key]
    live.write_bytes(good)
    assert found(home) == []


def test_changes_that_wait_are_told_with_the_command_that_applies_them(home: Home) -> None:
    report_id = dry_run(home, {"sti": with_strangers(STI, 1), "hsi": companies("hsi")}, AT + HOUR)
    (one,) = found(home, AT + 2 * HOUR)
    assert (one.key, one.kind) == (f"waiting:{report_id}", "waiting")
    assert one.subject == "Waiting to be applied: STI"
    first, second = one.text.splitlines()
    assert first.startswith("STI: +1 -1 Z901.SI, ")
    promote = f"python -m tws_maintenance promote {report_id} --task sti_constituents"
    assert second == f"Review {report_id}, then: {promote}"
    # Applied or expired, nothing waits any more.
    assert keys(home, AT + 26 * HOUR) == []
    applied(home, report_id, AT + 2 * HOUR)
    assert found(home, AT + 3 * HOUR) == []


def test_each_venue_s_dry_run_waits_by_itself(home: Home) -> None:
    first = dry_run(home, {"sti": with_strangers(STI, 1)}, AT + HOUR)
    second = dry_run(home, {"hsi": with_one(HSI, name="Renamed Ltd")}, AT + 2 * HOUR)
    incidents = found(home, AT + 3 * HOUR)
    assert [one.key for one in incidents] == [f"waiting:{first}", f"waiting:{second}"]
    assert incidents[1].text.splitlines()[0] == "HSI: +0 -0 1 field"
    assert incidents[0].text.endswith(f"promote {first}")
    # A newer one of the same list takes its place.
    third = dry_run(home, {"sti": with_strangers(STI, 2)}, AT + 4 * HOUR)
    assert keys(home, AT + 5 * HOUR) == [f"waiting:{third}", f"waiting:{second}"]


def test_what_did_not_pass_and_what_changes_nothing_does_not_wait(home: Home) -> None:
    dry_run(home, {"sti": companies("sti")}, AT + HOUR)
    assert keys(home, AT + 2 * HOUR) == []
    dry_run(home, {"sti": companies("sti")[:9]}, AT + 3 * HOUR)
    assert keys(home, AT + 4 * HOUR, "waiting") == []


def test_a_report_that_was_damaged_or_removed_keeps_nobody_from_being_told(home: Home) -> None:
    waiting = dry_run(home, {"sti": with_strangers(STI, 1)}, AT + HOUR)
    failed = ended(home, AT + 2 * HOUR, HSI.task)
    shelf = ReportCatalog(home)
    assert len(find_incidents(home, load_settings(home), AT + 3 * HOUR, shelf)) == 2
    for report_id in (waiting, failed):
        path = home.reports / f"{report_id.removeprefix('maintenance_')}.json"
        path.write_bytes(b"\xff")
    # They are found by `reports verify`; what is told now is what the others say.
    assert find_incidents(home, load_settings(home), AT + 3 * HOUR, shelf) == []


def test_whatever_is_quoted_stays_on_its_line() -> None:
    one = incident("k", "failed", "a\r\nb\u2028c\x00d\x1b[0m", ["x" * 600, "y\n[failed] z"])
    assert one.subject == "a b c d [0m"
    first, second = one.text.split("\n")
    assert (len(first), first[-3:]) == (500, "...")
    assert second == "y [failed] z"
