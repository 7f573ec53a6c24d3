"""What a killed run had done about market events: by what it staged, and the store's log of it."""

import contextlib
from typing import Any

from tws_maintenance.audit.receipt import read_receipt
from tws_maintenance.audit.results import ValidationStatus
from tws_maintenance.config.events_service import EventsService
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import MARKET_EVENTS
from tws_maintenance.config.settings import Settings, load_settings
from tws_maintenance.core.clock import parse_utc, utc_now
from tws_maintenance.core.errors import ProposalMissing, ProposalUnaudited
from tws_maintenance.market_events.model import PROVIDERS, Answer, SyncLog
from tws_maintenance.market_events.proposal import (
    EventsProposal,
    StagedEvents,
    read_proposal,
    staged_events,
)
from tws_maintenance.market_events.sync_result import provider_row
from tws_maintenance.reports.events import describe_sync, settle_providers
from tws_maintenance.reports.results import describe_audit
from tws_maintenance.reports.schema import EventsResult, ProviderResult, TaskStatus

OF_ROBOT = (
    "the run was killed. The robot keeps the events and stores by itself: a refresh that had begun "
    "goes on in it. Look at its sync log, and run this again"
)


def settled_events(home: Home, report_id: str, note: dict[str, Any]) -> EventsResult:
    """Return the result of a killed run's market events; each provider was stored whole or not.

    Raises:
        StoreError, SettingsError: the store cannot be read, so it cannot be told.
    """
    result = EventsResult(task=MARKET_EVENTS, dry_run=bool(note["dry_run"]))
    result.begin(parse_utc(note["reserved_at"]))
    result.end(utc_now())
    result.status = TaskStatus.FAILED
    proposal_id = f"{report_id}_{MARKET_EVENTS}"
    settings, found = load_settings(home), None
    with contextlib.suppress(ProposalMissing):
        found = read_proposal(home, proposal_id), staged_events(home, proposal_id)
    service = found[1].service if found else settings.events_service
    result.service = service.value
    with contextlib.suppress(ProposalUnaudited):
        receipt = read_receipt(home, proposal_id)
        describe_audit(result, receipt)
        result.proposal_id, result.proposal_sha256 = proposal_id, receipt.sha256
    if service is EventsService.EMBEDDED:
        _tell_by_the_store(home, settings, report_id, found, result)
    if result.dry_run:
        _settle_look(result)
    elif service is EventsService.ROBOT:
        result.errors.append(OF_ROBOT)
    return result


def _settle_look(result: EventsResult) -> None:
    if result.validation.status == ValidationStatus.PASSED:
        result.status = TaskStatus.SUCCESS
        settle_providers(result)
    else:
        result.errors.append("the run was killed before its look was complete; run it again")


def _tell_by_the_store(
    home: Home,
    settings: Settings,
    report_id: str,
    found: tuple[EventsProposal, StagedEvents] | None,
    result: EventsResult,
) -> None:
    """Fill in what was staged and, of an apply, what the log says was stored of it."""
    from tws_maintenance.market_events import sync
    from tws_maintenance.market_events.store.event_store import EventStore

    with EventStore(home, settings) as store:
        logs = {log.provider: log for log in store.sync_logs(report_id=report_id)}
        if found is not None:
            describe_sync(result, sync.settled(store, *found, None if result.dry_run else logs))
        else:  # what was staged is gone; the log has the counts and the errors
            rows = [provider_row(Answer(name, ""), log) for name, log in logs.items()]
            result.providers = [ProviderResult.model_validate(one) for one in rows]
    if not result.dry_run:
        _settle_apply(result, logs)


def _settle_apply(result: EventsResult, logs: dict[str, SyncLog]) -> None:
    """Say which providers were stored; once all were, the status is as at a normal end."""
    missing = [one.title for name, one in PROVIDERS.items() if name not in logs]
    if missing:
        stored = [PROVIDERS[name].title for name in PROVIDERS if name in logs]
        done = f"{', '.join(stored)} had been stored" if stored else "nothing had been stored"
        result.errors.append(
            f"the run was killed before it had stored what {', '.join(missing)} answered; {done}. "
            "Each is stored whole or not at all. Run it again."
        )
    else:
        result.end(max(log.ended_at for log in logs.values()))
        result.status = TaskStatus.SUCCESS
    settle_providers(result)
