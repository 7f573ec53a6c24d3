"""Whom a change of members concerns: what is held, traded or watched, and what cannot be told."""

from contextlib import suppress
from typing import Any

import pytest

from tws_maintenance.cli.output import print_report
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import INDICES
from tws_maintenance.config.settings import load_settings
from tws_maintenance.core.clock import utc_now
from tws_maintenance.demo.pages import Company, companies
from tws_maintenance.market_events.watchlist import add
from tws_maintenance.runs import list_steps
from tws_maintenance.runs.maintenance import MaintenanceRun, head_start
from tws_maintenance.runs.recorder import StepFailed
from tws_maintenance.runs.request import PlannedRun
from tws_maintenance_tests.defaults import MAINTAINED
from tws_maintenance_tests.reports.shelf import report, result, whole
from tws_maintenance_tests.support import result_of, write_live

# `settings` points the environment to the pages that `server` serves.
pytestmark = pytest.mark.usefixtures("settings")

STI = INDICES["sti"]
LEAVING = Company("Z3Z", "Leaving Ltd")
NOBODY: dict[str, list[str]] = {"positions": [], "strategies": [], "watchlist": []}
PORTFOLIO = """
    [events]
    positions = ["Z3Z.SI", "OLD.SI", "C02.SI"]
    [events.strategies]
    momentum = ["Z3Z.SI", "AAPL"]
    "mean reversion" = ["B01.SI"]
"""
UNKNOWN = "Could not determine everyone affected by these changes. "


def changing_list(home: Home) -> None:
    """Write a list of which the page drops Z3Z, renames OLD to A00 and describes B01 anew."""
    first, second, *others = companies("sti")
    described = Company(second.ticker, second.name.replace("Inc.", "Group"))
    write_live(home, STI, [first.renamed("OLD"), described, *others, LEAVING])


def looked(home: Home, toml: str, *, dry_run: bool = True, report_id: str = "") -> dict[str, Any]:
    """Stage and audit the STI, or promote what the report staged, and return the result."""
    home.settings_file.write_text(toml)
    settings = load_settings(home)
    request = PlannedRun(
        (STI.task,),
        dry_run,
        run_id="run-1",
        actor="operator",
        report_id=report_id,
        fetches=not report_id,
    )
    run = MaintenanceRun(request, head_start(home, settings))
    run.open()
    with suppress(StepFailed):
        if report_id:
            list_steps.promote(run, STI)
        else:
            list_steps.stage(run, STI)
            list_steps.audit(run, STI)
    run.close({})
    assert run.report is not None
    told = result_of(run.report.to_dict(), STI.task)
    assert told["status"] == "success", told["errors"]
    return told | {"report_id": run.report.report_id}


def of_impact(told: dict[str, Any]) -> list[str]:
    """Return the warnings that are about the portfolio."""
    return [one for one in told["warnings"] if "; it is " in one or one.startswith(UNKNOWN)]


def test_members_that_leave_or_change_are_looked_up_in_the_portfolio(home: Home) -> None:
    changing_list(home)
    add(home, MAINTAINED, ["OLD.SI", "B01.SI", "D03.SI"], utc_now())
    told = looked(home, PORTFOLIO)
    assert told["removed"] == ["OLD.SI", "Z3Z.SI"]
    assert [one["symbol"] for one in told["changes"]["updated"]] == ["B01.SI"]
    assert told["impact"] == {
        "positions": ["OLD.SI", "Z3Z.SI"],
        "strategies": ["mean reversion", "momentum"],
        "watchlist": ["B01.SI", "OLD.SI"],
    }


def test_one_that_leaves_or_is_renamed_while_held_or_traded_is_a_warning(home: Home) -> None:
    changing_list(home)
    assert of_impact(looked(home, PORTFOLIO)) == [
        "OLD.SI becomes A00.SI; it is held (positions)",
        "Z3Z.SI leaves the list; it is held (positions) and traded (strategy momentum)",
    ]
    unnamed = looked(home, '[events]\nstrategies = ["Z3Z.SI"]')
    assert of_impact(unnamed) == ["Z3Z.SI leaves the list; it is traded (strategies)"]


def test_one_that_is_only_watched_is_told_without_a_warning(home: Home) -> None:
    changing_list(home)
    add(home, MAINTAINED, ["Z3Z.SI"], utc_now())
    told = looked(home, "")
    assert told["impact"] == NOBODY | {"watchlist": ["Z3Z.SI"]}
    assert of_impact(told) == []


def test_who_holds_the_new_ticker_already_is_concerned_and_not_warned(home: Home) -> None:
    changing_list(home)
    told = looked(home, '[events]\npositions = ["A00.SI"]')
    assert told["impact"] == NOBODY | {"positions": ["A00.SI"]}
    assert of_impact(told) == []


def test_promoting_a_report_tells_the_impact_anew(home: Home) -> None:
    changing_list(home)
    report_id = looked(home, "")["report_id"]
    told = looked(home, PORTFOLIO, dry_run=False, report_id=report_id)
    assert told["changed"]
    assert told["impact"]["positions"] == ["OLD.SI", "Z3Z.SI"]
    assert len(of_impact(told)) == 2


def test_more_symbols_than_may_be_fetched_are_no_obstacle(home: Home) -> None:
    changing_list(home)
    told = looked(home, PORTFOLIO.replace("[events]", "[events]\nmax_symbols = 1", 1))
    assert told["impact"]["positions"] == ["OLD.SI", "Z3Z.SI"]


def test_a_watchlist_that_cannot_be_read_is_not_one_without_symbols(home: Home) -> None:
    changing_list(home)
    home.watchlist.write_text("ticker\nZ3Z.SI\n")
    told = looked(home, PORTFOLIO)
    assert told["impact"]["positions"] == ["OLD.SI", "Z3Z.SI"]
    *_, warning = of_impact(told)
    assert warning.startswith(f"{UNKNOWN}data/watchlist.csv has no header with one column symbol")


def test_a_position_that_cannot_be_read_may_be_the_one_that_leaves(home: Home) -> None:
    changing_list(home)
    told = looked(home, '[events]\npositions = ["Z3Z"]')
    assert told["impact"] == NOBODY
    (warning,) = of_impact(told)
    assert warning.startswith(UNKNOWN)
    assert "from positions: 'Z3Z' names no market: did you mean Z3Z.SI?" in warning


def test_where_nothing_changes_nobody_is_concerned(home: Home) -> None:
    write_live(home, STI, companies("sti"))
    home.watchlist.write_text("ticker\nA00.SI\n")
    told = looked(home, PORTFOLIO)
    assert told["impact"] == NOBODY
    assert of_impact(told) == []


def test_the_command_line_names_whom_it_concerns_and_nobody_where_there_is_nobody(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    watched = [f"A{number:02}.SI" for number in range(14)]
    print_report(
        home, whole(report(result(impact=NOBODY | {"positions": ["Z"], "watchlist": watched})))
    )
    told = capsys.readouterr().out.splitlines()
    assert "  you hold  Z" in told
    assert f"  you watch {', '.join(watched[:12])} and 2 more, all in the report" in told
    print_report(home, whole(report(result())))
    assert "you" not in capsys.readouterr().out
