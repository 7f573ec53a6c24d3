"""Filling in task results and reports from what the steps, or the files on disk, say."""

import json
from datetime import datetime
from typing import Any

from tws_maintenance.audit.receipt import Receipt
from tws_maintenance.audit.results import Outcome, ValidationStatus
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import MARKET_EVENTS, Index, Maintained
from tws_maintenance.constituents.diff import Changes
from tws_maintenance.constituents.proposal import Proposal
from tws_maintenance.constituents.source_selection import agreements, as_of_text
from tws_maintenance.core.clock import utc_now, utc_text
from tws_maintenance.core.errors import ProposalUnaudited, UsageError
from tws_maintenance.market_events.scope import Scope
from tws_maintenance.reports.record import RunStatus, TaskResult
from tws_maintenance.reports.store import read_report, results_of
from tws_maintenance.sources.model import Gathered


def describe(result: TaskResult, proposal: Proposal) -> None:
    """Fill in what a proposal says."""
    result.source = proposal.source
    result.after_count = proposal.after_count
    describe_changes(result, proposal.changes, proposal.before_count)
    result.warnings += proposal.warnings
    result.details |= {
        "sources": result.details["sources"] or _kept_sources(proposal),
        "proposal_id": proposal.proposal_id,
        "proposal_sha256": proposal.sha256,
        "rows_read": proposal.rows_read,
        "rows_dropped": list(proposal.rows_dropped),
        "carried_forward": proposal.carried_forward,
        "membership": proposal.membership or None,
        "enrichment": proposal.enrichment,
        "corroboration": {
            "sources": list(proposal.corroboration),
            "changes": dict(agreements(proposal)),
        },
    }


def describe_changes(result: TaskResult, changes: Changes, before_count: int | None) -> None:
    """Fill in what changes, of a list that had `before_count` rows, None for no list."""
    result.before_count = before_count
    result.added = [one.symbol for one in changes.added]
    result.removed = [one.symbol for one in changes.removed]
    result.details["changes"] = changes.to_dict()


def describe_impact(result: TaskResult, changes: Changes, scope: Scope) -> None:
    """Fill in whom the members concern that leave, change their ticker or their description.

    One that leaves or is renamed while it is held or traded is a warning. So is a robot that could
    not be asked, and what else could not be read of the portfolio where anything changes: an empty
    impact would pass for "holds nothing".
    """
    renamed = {one.from_symbol: one.to_symbol for one in changes.renamed}
    left = [one.symbol for one in changes.removed]
    updated = [one.symbol for one in changes.updated]
    concerned = {*left, *renamed.values(), *updated}
    result.details["impact"] = scope.impact(concerned)
    for symbol in left:
        if told := scope.held_or_traded(symbol):
            how = f"becomes {renamed[symbol]}" if symbol in renamed else "leaves the list"
            result.warnings.append(f"{symbol}, which {how}, is {told}")
    unread = [*scope.ignored, *scope.problems]
    if concerned and unread:
        result.warnings.append(
            f"Whom these changes concern is not known in full. {' '.join(unread)}"
        )
    elif not scope.is_portfolio_known:
        result.warnings += scope.problems


def _kept_sources(proposal: Proposal) -> list[dict[str, Any]]:
    """Return the sources of a proposal that an earlier run staged."""
    keys = ("url", "status", "sha256", "bytes", "fetched_at", "source")
    as_of = {one["url"]: one["as_of"] for one in proposal.corroboration}
    if proposal.membership:
        as_of[proposal.membership["url"]] = proposal.membership["as_of"]
    return [
        {key: getattr(copy, key) for key in keys} | {"as_of": as_of.get(copy.url), "error": None}
        for copy in proposal.copies
    ]


def describe_audit(result: TaskResult, receipt: Receipt) -> None:
    """Fill in what the audit said."""
    result.validation_status = ValidationStatus(receipt.status)
    result.validation_warnings = receipt.messages(Outcome.WARNED)
    result.validation_errors = receipt.messages(Outcome.FAILED)


def describe_sources(result: TaskResult, gathered: Gathered) -> None:
    """Fill in what each source that was asked answered, the useless ones too."""
    result.details["sources"] = [
        {
            "url": attempt.url,
            "status": attempt.status,
            "sha256": attempt.raw.sha256 if attempt.raw else None,
            "bytes": len(attempt.raw.content) if attempt.raw else None,
            "fetched_at": utc_text(attempt.raw.fetched_at) if attempt.raw else None,
            "source": attempt.spec.name,
            "as_of": as_of_text(attempt.table) if attempt.table else None,
            "error": str(attempt.error) if attempt.error else None,
        }
        for attempt in gathered.attempts
    ]


def compose(
    head: dict[str, Any],
    status: RunStatus,
    started_at: datetime,
    results: list[dict[str, Any]],
    warnings: list[str],
    errors: list[str],
) -> dict[str, Any]:
    """Return a report with its keys in their documented order.

    `head` says whose run it was; `warnings` and `errors` are the run's own, to which those of the
    results are added.
    """
    finished_at = utc_now()
    return {
        "report_id": head["report_id"],
        "run_id": head["run_id"],
        "entry_point": head["entry_point"],
        "actor": head["actor"],
        "reason": head["reason"],
        "status": status.value,
        "dry_run": head["dry_run"],
        "overrides": head["overrides"],
        "started_at": utc_text(started_at),
        "finished_at": utc_text(finished_at),
        "duration_seconds": round((finished_at - started_at).total_seconds(), 3),
        "results": results,
        "warnings": [*_texts(results, "warnings"), *warnings],
        "errors": [*errors, *_texts(results, "errors")],
    }


def promotable_tasks(
    home: Home, maintained: Maintained, report_id: str, chosen: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """Return the tasks of a report that staged something, or those `chosen` of them.

    Raises:
        UsageError: there is no such report, it is damaged, or it staged nothing of what was
            chosen.
    """
    try:
        report = read_report(home, report_id)
    except (OSError, ValueError) as error:
        raise UsageError(f"The report {report_id} is damaged: {error}. Run a dry run.") from error
    staged = [one["task"] for one in results_of(report) if one.get("proposal_id")]
    wanted = set(staged) & set(chosen or staged)
    tasks = tuple(task for task in maintained.constituent_tasks if task in wanted)
    missing = [task for task in chosen if task not in tasks]
    if not tasks and staged == [MARKET_EVENTS]:
        raise UsageError(
            f"The report {report_id} staged market events alone, which are not promoted: an apply "
            f"stores what it fetches itself. Use: python -m tws_maintenance run --task "
            f"{MARKET_EVENTS} --apply"
        )
    if missing or not tasks:
        raise UsageError(
            f"The report {report_id} staged nothing of {', '.join(missing) or 'any list'}; it "
            f"staged {', '.join(staged) or 'nothing'}. Run a dry run: python -m tws_maintenance run"
        )
    return tasks


def reported_proposal(home: Home, report_id: str, index: Index) -> tuple[str, str]:
    """Return the id and the sha256 of what a report says it staged for `index`.

    Raises:
        ProposalUnaudited: the report is not readable or does not say.
    """
    try:
        for one in results_of(read_report(home, report_id)):
            if one["task"] == index.task and one.get("proposal_id"):
                return str(one["proposal_id"]), str(one["proposal_sha256"])
    except (OSError, ValueError, KeyError, UsageError, json.JSONDecodeError) as error:
        raise ProposalUnaudited(
            f"The report {report_id} cannot vouch for what it staged: {error}. Run a dry run again."
        ) from error
    raise ProposalUnaudited(
        f"The report {report_id} staged nothing of {index.name}. Run a dry run again."
    )


def _texts(results: list[dict[str, Any]], kind: str) -> list[str]:
    return [
        f"{result['task']}: {text}"
        for result in results
        for text in (*result[kind], *result["validation"][kind])
    ]
