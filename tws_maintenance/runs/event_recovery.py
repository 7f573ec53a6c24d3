"""What a killed run had stored of market events: its journal knows, but for the last provider."""

import contextlib

from tws_maintenance.audit.receipt import read_receipt
from tws_maintenance.audit.results import ValidationStatus
from tws_maintenance.config.events_service import EventsService
from tws_maintenance.config.home import Home
from tws_maintenance.config.settings import Settings, load_settings
from tws_maintenance.core.clock import utc_text
from tws_maintenance.core.errors import ProposalUnaudited
from tws_maintenance.market_events.model import PROVIDERS, Answer
from tws_maintenance.market_events.sync_result import provider_row
from tws_maintenance.reports.events import settle_half_done
from tws_maintenance.reports.results import describe_audit
from tws_maintenance.reports.schema import EventsDiff, EventsResult, ProviderResult, TaskStatus

OF_ROBOT = (
    "the run was killed. The robot keeps the events and stores by itself: a refresh that had begun "
    "goes on in it. Look at its sync log, and run this again"
)
SKIPPED = "skipped"
NOT_LISTED = (
    "stored when the run was killed; its counts are known, and which events they were is not"
)
NOT_LOOKED = "the run was killed before its look was complete; run it again"


def settle_events(home: Home, report_id: str, result: EventsResult) -> None:
    """Fill in what became of a killed run's events, unless it could; a provider is stored whole.

    Raises:
        StoreError, SettingsError: the store cannot be read, so it cannot be told.
    """
    if result.errors or result.status == TaskStatus.SUCCESS:
        return
    settings = load_settings(home)
    if result.proposal_id is None:
        result.service = settings.events_service.value
    elif result.validation.status == ValidationStatus.NOT_RUN:
        with contextlib.suppress(ProposalUnaudited):
            describe_audit(result, read_receipt(home, result.proposal_id))
    if result.dry_run:
        if result.validation.status == ValidationStatus.NOT_RUN:
            result.errors.append(NOT_LOOKED)
    elif result.service == EventsService.ROBOT:
        result.errors.append(OF_ROBOT)
    else:
        _tell_by_the_store(home, settings, report_id, result)


def _tell_by_the_store(
    home: Home, settings: Settings, report_id: str, result: EventsResult
) -> None:
    """Say which providers the log says were stored; once all were, it is as at a normal end."""
    from tws_maintenance.market_events.store.event_store import EventStore

    with EventStore(home, settings) as store:
        logs = {log.provider: log for log in store.sync_logs(report_id=report_id)}
    if not logs:
        _forget_what_was_planned(result)
    rows = {one.provider: one for one in result.providers}
    for name, log in logs.items():
        if name not in rows or rows[name].status == SKIPPED != log.status:
            row = provider_row(Answer(name, ""), log)
            rows[name] = ProviderResult.model_validate(row)
            if log.upserted_count or log.stale_count:
                result.warnings.append(f"{PROVIDERS[name].title}: {NOT_LISTED}")
    result.providers = list(rows.values())
    missing = [one.title for name, one in PROVIDERS.items() if name not in logs]
    if missing:
        stored = [PROVIDERS[name].title for name in PROVIDERS if name in logs]
        done = f"{', '.join(stored)} had been stored" if stored else "nothing had been stored"
        result.errors.append(
            f"the run was killed before it had stored what {', '.join(missing)} answered; {done}. "
            "Each is stored whole or not at all. Run it again."
        )
        settle_half_done(result)
    else:
        result.finished_at = utc_text(max(log.ended_at for log in logs.values()))
        result.status = TaskStatus.SUCCESS


def _forget_what_was_planned(result: EventsResult) -> None:
    """Leave out what the audited proposal would have changed: nothing of it was stored."""
    result.diff, result.changed_fields, result.moved = EventsDiff(), [], []
    result.added, result.removed, result.after_count = [], [], result.before_count
    nothing = {"status": SKIPPED, "new": 0, "changed": 0, "unchanged": 0, "stale": 0}
    result.providers = [one.model_copy(update=nothing) for one in result.providers]
