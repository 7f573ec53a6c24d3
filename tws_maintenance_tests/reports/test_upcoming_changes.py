"""Whom announced changes concern, by the reports, and the notice of them."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from tws_maintenance.config.home import Home
from tws_maintenance.config.settings import Settings, load_settings
from tws_maintenance.core.clock import utc_text
from tws_maintenance.demo.pages import companies
from tws_maintenance.market_events.scope import resolve
from tws_maintenance.operations.notices.incidents import Incident, find_incidents
from tws_maintenance.reports.catalog import ReportCatalog
from tws_maintenance.reports.list_results import upcoming_impact
from tws_maintenance.robot.portfolio import Portfolio
from tws_maintenance_tests.constituents.bench import configure
from tws_maintenance_tests.reports.shelf import AT, filed, result
from tws_maintenance_tests.unattended import dry_run, staged_by

HELD: dict[str, Any] = {"ONE": {"positions": ["ONE"], "strategies": ["momentum"]}}
DOWN: dict[str, Any] = {"ONE": {"positions": None, "strategies": None}}


def announcing(home: Home, days: int, day: str, impact: dict[str, Any]) -> None:
    """Leave the report of a run `days` after the first, by which ONE leaves on `day`."""
    at = AT + timedelta(days=days)
    rows = [{"effective_date": day, "action": "remove", "symbol": "ONE", "status": "upcoming"}]
    known = {"announcements_known": True, "announced_impact": impact}
    told = result("sp500_constituents", announced=rows, finished_at=utc_text(at), **known)
    filed(home, told, at=at)


def notices(home: Home, days: int) -> list[Incident]:
    at = AT + timedelta(days=days, hours=1)
    found = find_incidents(home, load_settings(home), at, ReportCatalog(home))
    return [one for one in found if one.kind == "index_change"]


def test_a_robot_that_is_down_once_neither_ends_a_notice_nor_makes_a_new_one(home: Home) -> None:
    announcing(home, 0, "2026-12-01", HELD)
    (before,) = notices(home, 0)
    assert before.key == "index_change:sp500:ONE:remove:2026-12-01"
    assert "you hold it; traded by momentum" in before.text
    announcing(home, 1, "2026-12-01", DOWN)
    announcing(home, 2, "2026-12-01", DOWN)
    (during,) = notices(home, 2)
    assert during.key == before.key
    assert "you hold it; traded by momentum" in during.text


def test_what_was_sold_is_no_notice_and_nor_is_what_no_robot_was_asked_about(home: Home) -> None:
    announcing(home, 0, "2026-12-01", DOWN)
    assert notices(home, 0) == []
    announcing(home, 1, "2026-12-01", HELD)
    announcing(home, 2, "2026-12-01", {})
    assert notices(home, 2) == []
    announcing(home, 3, "2026-12-01", DOWN)
    assert notices(home, 3) == [], "the last run that could ask knew that it is not held"


def test_a_moved_day_is_a_notice_of_its_own_and_its_day_ends_it(home: Home) -> None:
    announcing(home, 0, "2026-12-01", HELD)
    announcing(home, 1, "2026-12-03", HELD)
    (moved,) = notices(home, 1)
    assert moved.key == "index_change:sp500:ONE:remove:2026-12-03"
    assert notices(home, 11) == []


def test_a_run_notes_whom_it_concerns_and_that_it_could_not_ask(home: Home) -> None:
    configure(home, '[events]\npositions = ["AAS"]\n[events.strategies]\nmomentum = ["UPC"]\n')
    report_id = dry_run(home, {"sp500": companies("sp500")}, AT)
    rows = [{"symbol": one, "status": "upcoming"} for one in ("AAS", "UPC", "ZZZ")]
    proposal = replace(staged_by(home, report_id, "sp500"), announced=tuple(rows))
    nobody: dict[str, list[str]] = {"positions": [], "strategies": [], "watchlist": []}

    def impact(settings: Settings, **robot: str) -> Any:
        return upcoming_impact(proposal, resolve(home, settings, portfolio=Portfolio(**robot)))  # type: ignore[arg-type]

    named = impact(load_settings(home))
    assert named["AAS"] == {"positions": ["AAS"]}
    assert named["UPC"] == {"strategies": ["momentum"]}
    assert named.keys() == {"AAS", "UPC"}
    down = impact(load_settings(home), problem="The robot is down.")
    assert down["ZZZ"] == {key: None for key in nobody if key != "watchlist"}
    assert down["AAS"] == {"positions": ["AAS"], "strategies": None}
