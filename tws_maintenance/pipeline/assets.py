"""The assets of an index: its staged proposal, and its live file.

No asset returns a value: the files are the data, and Dagster keeps only metadata.
"""

import contextlib
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import cast

import dagster as dg

from tws_maintenance.config.indices import Index
from tws_maintenance.pipeline import asset_keys
from tws_maintenance.pipeline.metadata import proposal_metadata
from tws_maintenance.runs import list_steps
from tws_maintenance.runs.maintenance import MaintenanceRun
from tws_maintenance.runs.recorder import StepFailed

# Dagster then refuses a value, which it would pickle; for mypy its Nothing is the type of None.
NO_VALUE = cast("dg.DagsterType", dg.Nothing)


def build_assets(index: Index, max_age_days: float) -> list[dg.AssetsDefinition]:
    """Return the staged and the live asset of `index`, which is fresh for `max_age_days`."""
    return [_staged_asset(index), _live_asset(index, fresh_for(max_age_days))]


def fresh_for(days: float) -> dg.FreshnessPolicy:
    """Return the policy that Dagster's daemon watches, with the limit that `status` uses."""
    # Dagster refuses less than a minute.
    window = max(timedelta(days=days), timedelta(minutes=1))
    return dg.FreshnessPolicy.time_window(fail_window=window)


def _staged_asset(index: Index) -> dg.AssetsDefinition:
    @dg.asset(
        key=asset_keys.staged_key(index),
        group_name=asset_keys.GROUP,
        kinds={"wikipedia", "csv"},
        output_required=False,
        dagster_type=NO_VALUE,
        description=(
            f"The {index.name} constituents as fetched, parsed and normalised: a proposal in "
            "data/staging. Materializing it is a dry run: the live file is only read."
        ),
        metadata={"minimum_rows": index.min_rows, "venue": index.venue.code},
    )
    def staged(
        context: dg.AssetExecutionContext, report: dg.ResourceParam[MaintenanceRun]
    ) -> Iterator[dg.MaterializeResult[None]]:
        if report.wants(index.task):
            with failing_plainly():
                proposal = list_steps.stage(report, index)
            result = report.result(index.task)
            yield materialized(context, proposal_metadata(report.home, proposal, result))

    return staged


def _live_asset(index: Index, freshness: dg.FreshnessPolicy) -> dg.AssetsDefinition:
    @dg.asset(
        key=asset_keys.live_key(index),
        deps=[asset_keys.staged_key(index)],
        group_name=asset_keys.GROUP,
        kinds={"csv"},
        output_required=False,
        dagster_type=NO_VALUE,
        description=(
            f"data/{index.task}.csv, the list that the robot reads. Materializing it publishes "
            "what this run staged, or else the newest proposal, if its audit passed."
        ),
        metadata={"file": dg.MetadataValue.path(f"data/{index.task}.csv")},
        freshness_policy=freshness,
    )
    def live(
        context: dg.AssetExecutionContext, report: dg.ResourceParam[MaintenanceRun]
    ) -> Iterator[dg.MaterializeResult[None]]:
        if report.wants(index.task):
            with failing_plainly():
                done = list_steps.promote(report, index)
            if done.proposal.is_unconfirmed and not done.changed:
                return  # an unconfirmed list is no refresh
            metadata = proposal_metadata(report.home, done.proposal, report.result(index.task))
            metadata |= {
                "changed": dg.MetadataValue.bool(done.changed),
                "receipt": dg.MetadataValue.json(
                    {"status": done.receipt.status, "audited_at": done.receipt.audited_at}
                ),
            }
            if done.backup_path:
                metadata["backup"] = dg.MetadataValue.path(str(done.backup_path))
            yield materialized(context, metadata)

    return live


def materialized(
    context: dg.AssetExecutionContext, metadata: Mapping[str, dg.MetadataValue]
) -> dg.MaterializeResult[None]:
    """Return the materialization of this step's asset, with its metadata.

    Metadata of the result would be written twice, because Dagster adds it to the output event.
    """
    context.add_asset_metadata(metadata)
    return dg.MaterializeResult()


@contextlib.contextmanager
def failing_plainly() -> Iterator[None]:
    """Turn a failed step into a Failure, so that the UI shows its message and no stack trace."""
    try:
        yield
    except StepFailed as error:
        if str(error).startswith("Unexpected"):
            raise
        raise dg.Failure(description=str(error), allow_retries=False) from None
