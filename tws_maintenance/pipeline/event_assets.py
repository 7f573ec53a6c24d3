"""The assets of market events, and the checks of their proposal."""

from collections.abc import Iterator

import dagster as dg

from tws_maintenance.config.indices import MARKET_EVENTS
from tws_maintenance.market_events.rules import RULES
from tws_maintenance.pipeline import asset_keys
from tws_maintenance.pipeline.asset_checks import check_result, check_spec
from tws_maintenance.pipeline.assets import NO_VALUE, failing_plainly, fresh_for, materialized
from tws_maintenance.pipeline.event_log import writing_together
from tws_maintenance.pipeline.metadata import events_metadata
from tws_maintenance.runs import event_steps
from tws_maintenance.runs.event_steps import APPLY_JOB
from tws_maintenance.runs.maintenance import MaintenanceRun


def build_event_assets(max_age_days: float) -> list[dg.AssetsDefinition]:
    """Return the staged asset and the asset of the store, which is fresh for `max_age_days`."""
    return [_staged_asset(), _live_asset(fresh_for(max_age_days))]


def event_check_keys() -> list[dg.AssetCheckKey]:
    """Return the keys of the checks that guard the staged events."""
    return [dg.AssetCheckKey(asset_keys.STAGED_EVENTS, rule.name) for rule in RULES]


def build_event_checks() -> dg.AssetChecksDefinition:
    """Return the blocking checks of the staged events, together in one step."""

    @dg.multi_asset_check(
        name=asset_keys.AUDIT_EVENTS_STEP,
        specs=[check_spec(rule, asset_keys.STAGED_EVENTS, {}, blocking=True) for rule in RULES],
    )
    def audit(
        context: dg.AssetCheckExecutionContext, report: dg.ResourceParam[MaintenanceRun]
    ) -> Iterator[dg.AssetCheckResult]:
        if not report.wants(MARKET_EVENTS):
            return
        with failing_plainly():
            receipt = event_steps.audit(report)
        with writing_together(context.instance):
            for check in receipt.checks:
                yield check_result(check, asset_keys.STAGED_EVENTS)

    return audit


def _staged_asset() -> dg.AssetsDefinition:
    @dg.asset(
        key=asset_keys.STAGED_EVENTS,
        group_name=asset_keys.EVENTS_GROUP,
        kinds={"yahoo", "json"},
        output_required=False,
        dagster_type=NO_VALUE,
        description=(
            "Earnings, dividends, FOMC meetings, holidays and early closes as their providers "
            "report them now, compared with the store. Materializing it is a dry run: nothing is "
            "stored."
        ),
    )
    def staged(
        context: dg.AssetExecutionContext, report: dg.ResourceParam[MaintenanceRun]
    ) -> Iterator[dg.MaterializeResult[None]]:
        if report.wants(MARKET_EVENTS):
            with failing_plainly():
                event_steps.stage(report)
            result = report.result(MARKET_EVENTS)
            yield materialized(context, events_metadata(report.home, result))

    return staged


def _live_asset(freshness: dg.FreshnessPolicy) -> dg.AssetsDefinition:
    @dg.asset(
        key=asset_keys.EVENTS,
        deps=[asset_keys.STAGED_EVENTS],
        group_name=asset_keys.EVENTS_GROUP,
        kinds={"sqlalchemy"},
        freshness_policy=freshness,
        output_required=False,
        dagster_type=NO_VALUE,
        description=(
            "The events that the robot uses. Materialize it together with "
            f"staged/{MARKET_EVENTS}, by the job {APPLY_JOB}; without that it is refused."
        ),
    )
    def live(
        context: dg.AssetExecutionContext, report: dg.ResourceParam[MaintenanceRun]
    ) -> Iterator[dg.MaterializeResult[None]]:
        if report.wants(MARKET_EVENTS):
            with failing_plainly():
                event_steps.apply(report)
            result = report.result(MARKET_EVENTS)
            yield materialized(context, events_metadata(report.home, result))

    return live
