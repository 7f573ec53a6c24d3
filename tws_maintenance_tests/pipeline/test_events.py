"""Market events in Dagster: the job stores, the staged asset looks, the store alone is refused."""

import sqlite3
from datetime import timedelta

import dagster as dg
import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import MAX_DAYS, maintained
from tws_maintenance.core.clock import utc_now
from tws_maintenance.demo.events import calendar_events, fomc_page, this_year
from tws_maintenance.demo.server import PageServer
from tws_maintenance.market_events.rules import RULES
from tws_maintenance.pipeline.config import misuse_of
from tws_maintenance_tests.pipeline.support import checks_of, materialized, run_job
from tws_maintenance_tests.support import reports_of

STAGED, LIVE = "staged/market_events", "market_events"
STI_TASK = "sti_constituents"


@pytest.fixture
def yahoo(server: PageServer) -> PageServer:
    soon = (utc_now() + timedelta(days=5)).date()
    server.symbols["AAPL"] = (200, calendar_events([soon], ex_dividend=soon))
    return server


def count(home: Home) -> int:
    connection = sqlite3.connect(home.market_events)
    try:
        (found,) = connection.execute("SELECT count(*) FROM market_events").fetchone()
    finally:
        connection.close()
    return int(found)


@pytest.mark.usefixtures("yahoo")
def test_the_job_stages_audits_and_stores_with_the_result_as_metadata(entered: Home) -> None:
    done = run_job(entered, "refresh_market_events", {"symbols": ["AAPL"], "days": 30})
    assert done.success
    assert materialized(done) == [LIVE, STAGED]
    found = checks_of(done, STAGED)
    assert list(found) == [rule.name for rule in RULES]
    assert all(one.passed for one in found.values())
    (report,) = reports_of(entered)
    (result,) = report["results"]
    assert (report["status"], result["window"]["days"]) == ("completed", 30)
    assert count(entered) == len(result["diff"]["new"])
    last = done.get_asset_materialization_events()[-1].materialization.metadata
    assert last["dagster/row_count"].value == result["after_count"]
    providers = last["providers"]
    assert isinstance(providers, dg.TableMetadataValue)
    assert providers.records[0].data["provider"] == "yahoo"


@pytest.mark.usefixtures("yahoo")
def test_materializing_the_staged_asset_is_a_look(entered: Home) -> None:
    done = run_job(entered, "refresh_market_events", {"symbols": ["AAPL"]}, STAGED)
    assert done.success
    (report,) = reports_of(entered)
    assert (report["dry_run"], report["results"][0]["status"]) == (True, "success")
    assert not entered.market_events.exists()


@pytest.mark.usefixtures("yahoo")
def test_the_store_alone_is_refused_and_the_job_is_named(entered: Home) -> None:
    done = run_job(entered, "refresh_market_events", {}, LIVE)
    assert not done.success
    (report,) = reports_of(entered)
    (result,) = report["results"]
    assert (result["status"], result["refusal"]) == ("failed", "missing")
    assert "refresh_market_events" in result["errors"][0]
    assert not entered.market_events.exists()


def test_a_calendar_that_lacks_this_year_is_told_by_its_check_and_the_others_are_stored(
    entered: Home, yahoo: PageServer
) -> None:
    yahoo.pages["fomc"] = fomc_page([this_year() - 1])
    done = run_job(entered, "refresh_market_events", {"symbols": ["AAPL"]})
    assert done.success
    (report,) = reports_of(entered)
    assert report["status"] == "partial_failure"
    assert count(entered) == len(report["results"][0]["diff"]["new"]) > 0
    failed = checks_of(done, STAGED)["fomc_meetings_are_complete"]
    assert (failed.passed, failed.severity) == (False, dg.AssetCheckSeverity.WARN)


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"days": 0}, "`days` is 0"),
        ({"symbols": ["no symbol!"]}, "is not a symbol of a known market"),
        (
            {"tasks": [STI_TASK], "symbols": ["AAPL"]},
            "`symbols` is only for market_events",
        ),
    ],
)
@pytest.mark.usefixtures("yahoo")
def test_a_config_that_cannot_be_meant_fails_with_a_report(
    entered: Home, config: dict[str, object], told: str
) -> None:
    job = "apply_all" if "tasks" in config else "refresh_market_events"
    assert not run_job(entered, job, config).success
    (report,) = reports_of(entered)
    assert report["status"] == "failed"
    assert told in report["errors"][0]
    assert not entered.market_events.exists()


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"days": MAX_DAYS}, ""),
        ({"days": 366}, "`days` is 366"),
        ({"tasks": [STI_TASK], "days": 5}, "`days` is only for market_events"),
    ],
)
def test_days_that_cannot_be_meant_are_a_misuse(config: dict[str, object], told: str) -> None:
    planned = frozenset({STI_TASK, LIVE})
    found = misuse_of("apply_all", config, frozenset(), planned, maintained())
    assert str(found or "").startswith(told)
    assert bool(found) is bool(told)
