"""From a body, of the API or of a form, to the run that is wanted."""

from tws_maintenance.config.indices import MARKET_EVENTS
from tws_maintenance.console.actor import actor
from tws_maintenance.console.api import bodies
from tws_maintenance.console.service import Backend
from tws_maintenance.runs.run_spec import RunSpec


def run_spec(backend: Backend, body: bodies.RunBody) -> RunSpec:
    """Return the run that fetches, audits, and applies where that is asked for."""
    return RunSpec(
        backend.settings.maintained.expanded(body.tasks),
        dry_run=body.dry_run,
        allow_large_change=body.allow_large_change,
        reason=body.reason,
        symbols=tuple(body.symbols),
        days=body.days,
        actor=actor(),
    )


def refresh_spec(body: bodies.RefreshBody) -> RunSpec:
    """Return the run that fetches, audits and stores market events."""
    return RunSpec(
        (MARKET_EVENTS,),
        dry_run=False,
        symbols=tuple(body.symbols),
        days=body.days,
        actor=actor(),
    )


def promote_spec(backend: Backend, body: bodies.PromoteBody) -> RunSpec:
    """Return the run that publishes what a dry run staged. Raises as `Backend.promotion`."""
    return RunSpec(
        backend.promotion(body.report_id, tuple(body.tasks or ())),
        dry_run=False,
        reason=body.reason,
        report_id=body.report_id,
        actor=actor(),
    )


def restore_spec(backend: Backend, body: bodies.RestoreBody) -> RunSpec:
    """Return the run that shows, or does, a restore. Raises as `Backend.backup`."""
    return RunSpec(
        (body.task,),
        dry_run=body.dry_run,
        allow_large_change=body.allow_large_change,
        reason=body.reason,
        backup=backend.backup(body.task, body.backup),
        actor=actor(),
    )
