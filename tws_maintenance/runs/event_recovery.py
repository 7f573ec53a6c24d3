"""What a killed run had done about market events: read from the store's own log of syncs."""

import contextlib
from typing import Any

from tws_maintenance.audit.receipt import read_receipt
from tws_maintenance.audit.results import ValidationStatus
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import MARKET_EVENTS
from tws_maintenance.config.settings import load_settings
from tws_maintenance.core.clock import parse_utc, utc_now
from tws_maintenance.core.errors import ProposalUnaudited
from tws_maintenance.market_events.model import PROVIDERS
from tws_maintenance.reports.results import describe_audit
from tws_maintenance.reports.schema import EventsResult, TaskStatus


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
    with contextlib.suppress(ProposalUnaudited):
        receipt = read_receipt(home, proposal_id)
        describe_audit(result, receipt)
        result.proposal_id, result.proposal_sha256 = proposal_id, receipt.sha256
    if not result.dry_run:
        _tell_what_was_stored(home, report_id, result)
    elif result.validation.status == ValidationStatus.PASSED:
        result.status = TaskStatus.SUCCESS
    else:
        result.errors.append("the run was killed before its look was complete; run it again")
    return result


def _tell_what_was_stored(home: Home, report_id: str, result: EventsResult) -> None:
    from tws_maintenance.market_events.store.event_store import EventStore

    with EventStore(home, load_settings(home)) as store:
        logs = {log.provider: log for log in store.sync_logs(report_id=report_id)}
    missing = [one.title for name, one in PROVIDERS.items() if name not in logs]
    if missing:
        stored = [PROVIDERS[name].title for name in PROVIDERS if name in logs]
        done = f"{', '.join(stored)} had been stored" if stored else "nothing had been stored"
        result.errors.append(
            f"the run was killed before it had stored what {', '.join(missing)} answered; {done}. "
            "Each is stored whole or not at all. Run it again."
        )
        return
    result.end(max(log.sync_finished_at for log in logs.values()))
    failed = [log for log in logs.values() if log.error_count]
    result.errors += [f"{log.provider}: {log.error_message}" for log in failed]
    if any(log.status != "failed" for log in logs.values()):
        result.status = TaskStatus.PARTIAL_FAILURE if failed else TaskStatus.SUCCESS
