"""The jobs, named after the console's buttons. Each is one selection of assets and checks."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import dagster as dg

from tws_maintenance.config.indices import (
    DECLARED,
    MARKET_EVENTS,
    METADATA_VALIDATION,
    Index,
    Maintained,
    index_of_task,
)
from tws_maintenance.pipeline import asset_keys
from tws_maintenance.pipeline.asset_checks import live_check_keys, staged_check_keys
from tws_maintenance.pipeline.event_assets import event_check_keys
from tws_maintenance.runs.event_steps import APPLY_JOB

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import (
        UnresolvedAssetJobDefinition,
    )

IMPLICIT_ASSET_JOB = "__ASSET_JOB"
PROMOTE = "promote_proposals"
RESTORE = "restore_backup"
# Built in `clean_up`; it works on no task and writes no report.
CLEAN_UP = "clean_up"
# Every job that works on tasks, whatever the home maintains.
JOB_NAMES = frozenset(
    {
        *("dry_run_all", "dry_run_constituents", "apply_all", "apply_constituents"),
        *(APPLY_JOB, PROMOTE, RESTORE, "validate_metadata"),
    }
)


def build_jobs(maintained: Maintained) -> "list[UnresolvedAssetJobDefinition]":
    """Return every job of a code location whose home maintains `maintained`."""
    every = maintained.indices
    look = "Fetch, audit and show what would change. No file is replaced."
    apply = "Fetch, audit, and replace each file whose audit passes, with a backup."
    staged_events = dg.AssetSelection.assets(asset_keys.STAGED_EVENTS)
    events = dg.AssetSelection.assets(asset_keys.STAGED_EVENTS, asset_keys.EVENTS)
    return [
        _job(
            "dry_run_all",
            f"{look} Works on lists and market events.",
            _staged(every) | staged_events,
        ),
        _job("dry_run_constituents", look, _staged(every)),
        _job("apply_all", f"{apply} Also stores events.", _staged(every) | _live(every) | events),
        _job("apply_constituents", apply, _staged(every) | _live(every)),
        _job(
            APPLY_JOB,
            "Fetch earnings, dividends, FOMC meetings, holidays and early closes; audit and store.",
            events,
        ),
        _job(
            PROMOTE,
            "Publish exactly what the dry run `report_id` staged. Nothing is fetched.",
            _live(every),
        ),
        _job(
            RESTORE,
            "Stage, audit and promote a backup: `tasks` names the lists, `backup` the backup.",
            _staged(every) | _live(every),
        ),
        _job(
            "validate_metadata",
            "Audit the live files as they are now. Nothing is fetched or written.",
            _validated(every),
        ),
    ]


def job_name(
    tasks: Iterable[str], *, dry_run: bool, promotes: bool = False, restores: bool = False
) -> str:
    """Return the job that does `tasks`; the implicit one where no single button does them."""
    if promotes or restores:
        return PROMOTE if promotes else RESTORE
    wanted = set(tasks)
    if wanted == {METADATA_VALIDATION}:
        return "validate_metadata"
    if METADATA_VALIDATION in wanted:
        return IMPLICIT_ASSET_JOB
    if MARKET_EVENTS not in wanted:
        return "dry_run_constituents" if dry_run else "apply_constituents"
    if wanted == {MARKET_EVENTS} and not dry_run:
        return APPLY_JOB
    return "dry_run_all" if dry_run else "apply_all"


def selection_of(
    tasks: Iterable[str], *, dry_run: bool, promotes: bool = False
) -> tuple[set[dg.AssetKey], set[dg.AssetCheckKey]]:
    """Return the assets and checks that do `tasks`; a validation has those of every declared index.

    The caller leaves out the checks that its job does not have.
    """
    assets: set[dg.AssetKey] = set()
    checks: set[dg.AssetCheckKey] = set()
    for task in tasks:
        if task == METADATA_VALIDATION:
            checks.update(key for index in DECLARED.values() for key in live_check_keys(index))
            continue
        if task == MARKET_EVENTS:
            checks.update(event_check_keys())
            assets |= {asset_keys.STAGED_EVENTS} | (set() if dry_run else {asset_keys.EVENTS})
            continue
        index = index_of_task(task)
        if not promotes:
            assets.add(asset_keys.staged_key(index))
            checks.update(staged_check_keys(index))
        if not dry_run:
            assets.add(asset_keys.live_key(index))
    return assets, checks


def _job(
    name: str, description: str, selection: dg.AssetSelection
) -> "UnresolvedAssetJobDefinition":
    return dg.define_asset_job(name, selection=selection, description=description)


def _staged(indices: Iterable[Index]) -> dg.AssetSelection:
    return dg.AssetSelection.assets(*(asset_keys.staged_key(index) for index in indices))


def _live(indices: Iterable[Index]) -> dg.AssetSelection:
    """Return the live assets without their checks, which belong to validate_metadata."""
    return dg.AssetSelection.assets(
        *(asset_keys.live_key(index) for index in indices)
    ).without_checks()


def _validated(indices: Iterable[Index]) -> dg.AssetSelection:
    return dg.AssetSelection.checks(*(key for index in indices for key in live_check_keys(index)))
