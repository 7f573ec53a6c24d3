"""Finding out which market events a killed run stored: from its journal and the log of syncs.

What belongs here: the events of a dead run. What does not: its lists, which are in `recovery`.
"""

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
    "the run was killed. The robot stores the events itself, and a refresh that had begun goes on "
    "there. Check its sync log, then run this again"
)
SKIPPED = "skipped"
NOT_LISTED = (
    "stored before the run was killed; the counts are known, but not which events they were"
)
NOT_LOOKED = "the run was killed before the dry run was complete; run it again"


def settle_events(home: Home, report_id: str, result: EventsResult) -> None:
    """Fill in what a killed run stored, unless its result already says so.

    Raises:
        StoreError, SettingsError: the store cannot be read, so the answer is not known.
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
        _settle_from_log(home, settings, report_id, result)


def _settle_from_log(home: Home, settings: Settings, report_id: str, result: EventsResult) -> None:
    """Fill in the providers that the log of syncs names; with all of them the run succeeded."""
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
        done = f"stored before: {', '.join(stored)}" if stored else "nothing was stored"
        result.errors.append(
            f"the run was killed before it stored the events of {', '.join(missing)}; {done}. "
            "Each provider is stored whole or not at all. Run it again."
        )
        settle_half_done(result)
    else:
        result.finished_at = utc_text(max(log.ended_at for log in logs.values()))
        result.status = TaskStatus.SUCCESS


def _forget_what_was_planned(result: EventsResult) -> None:
    """Remove the changes of the audited proposal from the result: none of them was stored."""
    result.diff, result.changed_fields, result.moved = EventsDiff(), [], []
    result.added, result.removed, result.after_count = [], [], result.before_count
    nothing = {"status": SKIPPED, "new": 0, "changed": 0, "unchanged": 0, "stale": 0}
    result.providers = [one.model_copy(update=nothing) for one in result.providers]
