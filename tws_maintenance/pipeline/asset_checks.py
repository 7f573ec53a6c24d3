"""The asset checks: for each index one multi-check of the proposal (blocking) and of the live file.

All rules are in one step, so that every result is recorded before the step fails.
"""

from collections.abc import Iterator, Mapping

import dagster as dg

from tws_maintenance.audit.results import Outcome, Rule, RuleResult
from tws_maintenance.config.indices import METADATA_VALIDATION, Index
from tws_maintenance.config.settings import IndexSettings
from tws_maintenance.constituents.rules import MAX_SECTORS_LOST, live_rules, staged_rules
from tws_maintenance.pipeline import asset_keys
from tws_maintenance.pipeline.assets import failing_plainly
from tws_maintenance.pipeline.event_log import writing_together
from tws_maintenance.pipeline.metadata import check_metadata
from tws_maintenance.runs import list_steps
from tws_maintenance.runs.maintenance import MaintenanceRun


def build_checks(index: Index, limits: IndexSettings) -> list[dg.AssetChecksDefinition]:
    """Return the checks of the staged and of the live asset of `index`, with its limits."""
    named = _named_limits(limits)
    return [_staged_checks(index, named), _live_checks(index, named)]


def staged_check_keys(index: Index) -> list[dg.AssetCheckKey]:
    """Return the keys of the checks that guard the proposal of `index`."""
    return [dg.AssetCheckKey(asset_keys.staged_key(index), r.name) for r in staged_rules(index)]


def live_check_keys(index: Index) -> list[dg.AssetCheckKey]:
    """Return the keys of the checks of the live file of `index`."""
    return [dg.AssetCheckKey(asset_keys.live_key(index), rule.name) for rule in live_rules(index)]


def _staged_checks(index: Index, limits: dict[str, str]) -> dg.AssetChecksDefinition:
    specs = [
        check_spec(rule, asset_keys.staged_key(index), limits, blocking=True)
        for rule in staged_rules(index)
    ]

    @dg.multi_asset_check(name=asset_keys.audit_step(index), specs=specs)
    def audit(
        context: dg.AssetCheckExecutionContext, report: dg.ResourceParam[MaintenanceRun]
    ) -> Iterator[dg.AssetCheckResult]:
        if not report.wants(index.task):
            return
        with failing_plainly():
            receipt = list_steps.audit(report, index)
        with writing_together(context.instance):
            for check in receipt.checks:
                yield check_result(check, asset_keys.staged_key(index))

    return audit


def _live_checks(index: Index, limits: dict[str, str]) -> dg.AssetChecksDefinition:
    specs = [
        check_spec(rule, asset_keys.live_key(index), limits, blocking=False)
        for rule in live_rules(index)
    ]

    # can_subset: a plain Materialize with `tasks` selects these checks as well.
    @dg.multi_asset_check(name=asset_keys.validate_step(index), specs=specs, can_subset=True)
    def validate(
        context: dg.AssetCheckExecutionContext, report: dg.ResourceParam[MaintenanceRun]
    ) -> Iterator[dg.AssetCheckResult]:
        if not report.wants(METADATA_VALIDATION):
            return
        with failing_plainly():
            audit = list_steps.validate(report, index)
        for check in audit.checks:
            if dg.AssetCheckKey(asset_keys.live_key(index), check.name) in (
                context.selected_asset_check_keys
            ):
                yield check_result(check, asset_keys.live_key(index))

    return validate


def check_spec(
    rule: Rule, asset: dg.AssetKey, limits: Mapping[str, str], *, blocking: bool
) -> dg.AssetCheckSpec:
    """Return the check of `rule` on `asset`, with its limits in the description."""
    return dg.AssetCheckSpec(
        rule.name, asset=asset, blocking=blocking, description=rule.says.format_map(limits)
    )


def _named_limits(limits: IndexSettings) -> dict[str, str]:
    """Return the limits for a sentence: shares in percent, other numbers unchanged."""
    numbers = {name: one for name, one in limits if isinstance(one, (int, float))}
    shares = {name: one for name, one in numbers.items() if name.startswith(("warn_", "fail_"))}
    shares["max_sectors_lost"] = MAX_SECTORS_LOST
    return {name: f"{one:g}" for name, one in numbers.items()} | {
        name: f"{one * 100:g} %" for name, one in shares.items()
    }


def check_result(check: RuleResult, asset: dg.AssetKey) -> dg.AssetCheckResult:
    """Return the result of a rule, as Dagster records it."""
    is_warning = check.outcome == Outcome.WARNED
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=check.name,
        passed=check.outcome == Outcome.PASSED,
        severity=dg.AssetCheckSeverity.WARN if is_warning else dg.AssetCheckSeverity.ERROR,
        description=check.message,
        metadata=check_metadata(check),
    )
