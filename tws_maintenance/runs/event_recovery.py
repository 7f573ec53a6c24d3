"""What a killed run had stored of market events: by what it staged, and the store's log of it."""

import contextlib

from tws_maintenance.audit.receipt import read_receipt
from tws_maintenance.audit.results import ValidationStatus
from tws_maintenance.config.events_service import EventsService
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import MARKET_EVENTS
from tws_maintenance.config.settings import Settings, load_settings
from tws_maintenance.core.clock import utc_text
from tws_maintenance.core.errors import ProposalMissing, ProposalUnaudited
from tws_maintenance.market_events.model import PROVIDERS, Answer
from tws_maintenance.market_events.proposal import read_proposal, staged_events
from tws_maintenance.market_events.sync_result import provider_row
from tws_maintenance.reports.events import describe_sync
from tws_maintenance.reports.results import describe_audit
from tws_maintenance.reports.schema import EventsResult, ProviderResult, TaskStatus

OF_ROBOT = (
    "the run was killed. The robot keeps the events and stores by itself: a refresh that had begun "
    "goes on in it. Look at its sync log, and run this again"
)
NOT_LOOKED = "the run was killed before its look was complete; run it again"


def settle_events(home: Home, report_id: str, result: EventsResult) -> None:
    """Fill in what became of a killed run's events, unless it could; a provider is stored whole.

    Raises:
        StoreError, SettingsError: the store cannot be read, so it cannot be told.
    """
    if result.errors or result.status != TaskStatus.SKIPPED:
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
    from tws_maintenance.market_events import sync
    from tws_maintenance.market_events.store.event_store import EventStore

    proposal_id = f"{report_id}_{MARKET_EVENTS}"
    with EventStore(home, settings) as store:
        logs = {log.provider: log for log in store.sync_logs(report_id=report_id)}
        try:
            found = read_proposal(home, proposal_id), staged_events(home, proposal_id)
            describe_sync(result, sync.settled(store, *found, logs))
        except ProposalMissing:  # the log has the counts and the errors
            rows = [provider_row(Answer(name, ""), log) for name, log in logs.items()]
            result.providers = [ProviderResult.model_validate(one) for one in rows]
    missing = [one.title for name, one in PROVIDERS.items() if name not in logs]
    if missing:
        stored = [PROVIDERS[name].title for name in PROVIDERS if name in logs]
        done = f"{', '.join(stored)} had been stored" if stored else "nothing had been stored"
        result.errors.append(
            f"the run was killed before it had stored what {', '.join(missing)} answered; {done}. "
            "Each is stored whole or not at all. Run it again."
        )
    else:
        result.finished_at = utc_text(max(log.ended_at for log in logs.values()))
        result.status = TaskStatus.SUCCESS
