"""What Dagster is told about: a snapshot, so that a renamed asset is never an accident."""

import re

import dagster as dg
import pytest

from tws_maintenance.config.indices import INDICES
from tws_maintenance.config.settings import IndexSettings, Settings
from tws_maintenance.definitions import defs
from tws_maintenance.pipeline.asset_checks import build_checks

STAGED_CHECKS = [
    "columns_are_present",
    "source_records_were_parsed",
    "row_count_is_at_least_the_minimum",
    "row_count_is_at_most_the_maximum",
    "symbols_are_non_empty",
    "symbols_are_unique",
    "symbols_match_the_market_format",
    "no_text_stands_for_a_missing_value",
    "text_is_plain",
    "count_change_is_within_limits",
    "turnover_is_within_limits",
    "companies_stay_with_their_symbols",
    "source_rows_are_not_dropped",
    "sectors_are_not_lost",
    "stated_count_agrees",
    "source_is_not_older",
    "membership_is_confirmed",
    "no_symbol_is_undecided",
]
LIVE_CHECKS = [
    "columns_are_present",
    "row_count_is_at_least_the_minimum",
    "row_count_is_at_most_the_maximum",
    "symbols_are_non_empty",
    "symbols_are_unique",
    "symbols_match_the_market_format",
    "no_text_stands_for_a_missing_value",
    "text_is_plain",
    "count_change_is_within_limits",
    "file_is_fresh",
    "file_is_as_it_was_promoted",
]
SP500_ONLY = ["sectors_are_gics_sectors"]
STAGED_STEPS = [
    *("audit_hsi_constituents", "audit_sp500_constituents", "audit_sti_constituents"),
    *("staged__hsi_constituents", "staged__sp500_constituents", "staged__sti_constituents"),
]
LIVE_STEPS = ["hsi_constituents", "sp500_constituents", "sti_constituents"]
EVENT_CHECKS = [
    "at_least_one_provider_answered",
    "dates_are_parseable",
    "events_are_inside_the_window",
    "event_types_are_known",
    "symbols_are_of_a_known_market",
    "events_are_unique",
    "fomc_meetings_are_complete",
    "holidays_are_on_weekdays",
]
STAGED_EVENTS = ["audit_market_events", "staged__market_events"]
JOBS = {
    "apply_all": [*STAGED_STEPS, *LIVE_STEPS, *STAGED_EVENTS, "market_events"],
    "apply_constituents": [*STAGED_STEPS, *LIVE_STEPS],
    "dry_run_all": [*STAGED_STEPS, *STAGED_EVENTS],
    "refresh_market_events": [*STAGED_EVENTS, "market_events"],
    "dry_run_constituents": STAGED_STEPS,
    "promote_proposals": LIVE_STEPS,
    "restore_backup": [*STAGED_STEPS, *LIVE_STEPS],
    "validate_metadata": [f"validate_{step}" for step in LIVE_STEPS],
    "clean_up": ["remove_what_is_old"],
}


def assets() -> list[dg.AssetsDefinition]:
    return [one for one in defs.assets or [] if isinstance(one, dg.AssetsDefinition)]


def checks() -> list[dg.AssetsDefinition]:
    return [one for one in defs.asset_checks or [] if isinstance(one, dg.AssetsDefinition)]


def specs_of(asset: str) -> list[dg.AssetCheckSpec]:
    specs = [spec for check in checks() for spec in check.check_specs]
    return [spec for spec in specs if spec.asset_key.to_user_string() == asset]


def test_every_check_is_described_by_a_sentence_with_its_limit() -> None:
    for spec in (spec for check in checks() for spec in check.check_specs):
        assert spec.description
        assert re.fullmatch(r"[A-Z][^{}]+\.", spec.description), spec
    told = {one.name: one.description for one in specs_of("staged/hsi_constituents")}
    assert told["row_count_is_at_least_the_minimum"] == "The list has at least 70 rows."
    assert told["sectors_are_not_lost"] == (
        "At most 10 % of the members with a sector lost it; any loss is a warning."
    )


def test_a_check_is_described_with_the_limits_of_the_home() -> None:
    settings = Settings(indices={"sti": IndexSettings(fail_change=0.3, max_age_days=1.5)})
    _, live = build_checks(INDICES["sti"], settings.of(INDICES["sti"]))
    told = {spec.name: spec.description for spec in live.check_specs}
    assert told["count_change_is_within_limits"] == (
        "The row count changed by at most 30 %; more than 10 % is a warning."
    )
    assert told["file_is_fresh"] == "The list was refreshed in the last 1.5 days."


def test_the_assets_are_a_staged_and_a_live_one_for_each_index_and_for_events() -> None:
    groups = {
        key.to_user_string(): group
        for asset in assets()
        for key, group in asset.group_names_by_key.items()
    }
    assert groups == dict.fromkeys(
        [
            "staged/sp500_constituents",
            "sp500_constituents",
            "staged/sti_constituents",
            "sti_constituents",
            "staged/hsi_constituents",
            "hsi_constituents",
        ],
        "constituents",
    ) | dict.fromkeys(["staged/market_events", "market_events"], "market_events")


@pytest.mark.parametrize("index", ["sp500", "sti", "hsi"])
def test_the_checks_of_an_index_are_these(index: str) -> None:
    extra = set(SP500_ONLY if index == "sp500" else [])
    staged = [spec.name for spec in specs_of(f"staged/{index}_constituents")]
    live = [spec.name for spec in specs_of(f"{index}_constituents")]
    assert [name for name in staged if name not in extra] == STAGED_CHECKS
    assert [name for name in live if name not in extra] == LIVE_CHECKS
    assert extra <= set(staged)
    assert extra <= set(live)


@pytest.mark.parametrize("index", ["sp500", "sti", "hsi"])
def test_every_check_of_a_proposal_blocks_and_none_of_a_live_file_does(index: str) -> None:
    assert {spec.blocking for spec in specs_of(f"staged/{index}_constituents")} == {True}
    assert {spec.blocking for spec in specs_of(f"{index}_constituents")} == {False}


def test_the_checks_of_staged_events_are_these_and_all_block() -> None:
    specs = specs_of("staged/market_events")
    assert [spec.name for spec in specs] == EVENT_CHECKS
    assert {spec.blocking for spec in specs} == {True}
    assert specs_of("market_events") == []


def test_the_jobs_are_these_and_all_run_in_one_process() -> None:
    jobs = {job.name: job for job in defs.resolve_all_job_defs() if not job.name.startswith("__")}
    assert {name: sorted(job.graph.node_dict) for name, job in jobs.items()} == {
        name: sorted(steps) for name, steps in JOBS.items()
    }
    every = [*jobs.values(), defs.resolve_implicit_global_asset_job_def()]
    assert {job.executor_def.name for job in every} == {"in_process"}


def test_every_job_says_what_it_does() -> None:
    assert all(defs.resolve_job_def(name).description for name in JOBS)


def test_every_asset_and_every_check_requires_the_report() -> None:
    silent = [one.keys for one in assets() if "report" not in one.required_resource_keys]
    silent += [one.keys for one in checks() if "report" not in one.required_resource_keys]
    assert silent == []
    assert (len(assets()), len(checks())) == (8, 7)


def test_no_asset_returns_a_value() -> None:
    outputs = [output for asset in assets() for output in asset.op.output_defs]
    assert len(outputs) == 8
    assert [output.name for output in outputs if not output.dagster_type.is_nothing] == []


def test_a_live_asset_depends_on_its_proposal_and_every_asset_tells_what_it_is() -> None:
    graph = defs.resolve_asset_graph()
    for index in ("sp500", "sti", "hsi"):
        live = graph.get(dg.AssetKey(f"{index}_constituents"))
        staged = graph.get(dg.AssetKey(["staged", f"{index}_constituents"]))
        assert (live.parent_keys, staged.parent_keys) == ({staged.key}, set())
        assert live.description
        assert staged.description


def test_values_that_no_step_returns_have_a_keeper_that_loads_nothing() -> None:
    """Dagster's own brings two libraries of file systems into every run."""
    assert (defs.resources or {})["io_manager"] is dg.mem_io_manager
