"""Filling in task results and reports from the steps of a run, or from its files on disk."""

import re

from tws_maintenance.audit.receipt import Receipt
from tws_maintenance.audit.results import Outcome, ValidationStatus
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import MARKET_EVENTS, Index, Maintained
from tws_maintenance.constituents.diff import Changes
from tws_maintenance.constituents.proposal import Proposal
from tws_maintenance.constituents.publishing import Settled
from tws_maintenance.core.errors import ProposalUnaudited, UsageError
from tws_maintenance.market_events.scope import Scope
from tws_maintenance.reports.schema import (
    Announced,
    Dropped,
    ListResult,
    Membership,
    Result,
    SourceAnswer,
    TaskStatus,
    Validation,
)
from tws_maintenance.reports.store import read_report

# "AAPL leaves the list; it is traded (strategy momentum)"; ", which leaves the list, is" in reports
# of older versions.
_TRADED = re.compile(
    r"(?P<symbol>[^\s,]+)(, which .*,| .*; it) is (held .* and )?traded \((?P<by>[^)]+)\)"
)


def describe(result: ListResult, proposal: Proposal) -> None:
    """Fill in what a proposal says."""
    result.source = proposal.source
    result.after_count = proposal.after_count
    describe_changes(result, proposal.changes, proposal.before_count)
    result.warnings += proposal.warnings
    result.sources = [SourceAnswer.model_validate(one) for one in proposal.sources]
    result.proposal_id, result.proposal_sha256 = proposal.proposal_id, proposal.sha256
    result.rows_read = proposal.rows_read
    result.rows_dropped = [Dropped(**row) for row in proposal.rows_dropped]
    result.carried_forward = proposal.carried_forward
    result.announced = [Announced.model_validate(one) for one in proposal.announced]
    result.announcements_known = proposal.announcements_known
    vote = proposal.membership
    result.membership = Membership.model_validate(vote) if vote else None


def describe_changes(result: ListResult, changes: Changes, before_count: int | None) -> None:
    """Fill in the changes of a list that had `before_count` rows, None where there was no file."""
    result.before_count = before_count
    result.added = [one.symbol for one in changes.added]
    result.removed = [one.symbol for one in changes.removed]
    result.changes = changes


def impact_of(changes: Changes, scope: Scope) -> tuple[dict[str, list[str] | None], list[str]]:
    """Return whom the changes of members concern, and the warnings.

    There is a warning for each member that leaves or is renamed while it is held or traded. There
    is one as well where the robot could not be asked, or where members change and a part of the
    portfolio could not be read: an empty impact would read as "holds nothing".
    """
    renamed = {one.from_symbol: one.to_symbol for one in changes.renamed}
    left = [one.symbol for one in changes.removed]
    updated = [one.symbol for one in changes.updated]
    concerned = {*left, *renamed.values(), *updated}
    warnings = []
    for symbol in left:
        if use := scope.held_or_traded(symbol):
            how = f"becomes {renamed[symbol]}" if symbol in renamed else "leaves the list"
            warnings.append(f"{symbol} {how}; it is {use}")
    unread = [*scope.ignored, *scope.problems]
    if concerned and unread:
        warnings.append(
            f"Could not determine everyone affected by these changes. {' '.join(unread)}"
        )
    elif not scope.is_portfolio_known:
        warnings += scope.problems
    return scope.impact(concerned), warnings


def traded_of(result: ListResult) -> dict[str, str]:
    """Return {symbol: "traded by momentum"} from the warnings that `impact_of` wrote."""
    found = {}
    for text in result.warnings:
        if match := _TRADED.fullmatch(text):
            names = match["by"].replace("strategy ", "")
            found[match["symbol"]] = f"traded by {names}" if names != "strategies" else "traded"
    return found


def upcoming_impact(proposal: Proposal, scope: Scope) -> dict[str, dict[str, list[str] | None]]:
    """Return whom the announced changes still to come concern, by symbol; others are left out.

    Positions and strategies are None where the robot could not be asked.
    """
    found = {}
    for symbol in (one["symbol"] for one in proposal.announced if one["status"] == "upcoming"):
        known = scope.impact([symbol]).items()
        whom = {key: names for key, names in known if names or names is None}
        if whom:
            found[symbol] = whom
    return found


def describe_audit(result: Result, receipt: Receipt) -> None:
    """Fill in the outcome of the audit."""
    result.validation = Validation(
        status=ValidationStatus(receipt.status),
        warnings=receipt.messages(Outcome.WARNED),
        errors=receipt.messages(Outcome.FAILED),
    )


def describe_settled(result: ListResult, settled: Settled) -> None:
    """Fill in what an interrupted promotion had done."""
    result.changed, result.output_path = settled.changed, settled.output_path
    result.backup_path = settled.backup_path
    if settled.changed:
        result.status = TaskStatus.SUCCESS


def promotable_tasks(
    home: Home, maintained: Maintained, report_id: str, chosen: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """Return the tasks of a report that staged something, or those `chosen` of them.

    Raises:
        UsageError: there is no such report, it is damaged, or it did not stage what was chosen.
    """
    try:
        report = read_report(home, report_id)
    except (OSError, ValueError) as error:
        raise UsageError(f"The report {report_id} is damaged: {error}. Run a dry run.") from error
    staged = [one.task for one in (*report.lists, report.events) if one and one.proposal_id]
    wanted = set(staged) & set(chosen or staged)
    tasks = tuple(task for task in maintained.constituent_tasks if task in wanted)
    missing = [task for task in chosen if task not in tasks]
    if not tasks and staged == [MARKET_EVENTS]:
        raise UsageError(
            f"The report {report_id} staged only market events. They are not promoted: an apply "
            f"stores what it fetches itself. Use: python -m tws_maintenance run --task "
            f"{MARKET_EVENTS} --apply"
        )
    if missing or not tasks:
        raise UsageError(
            f"The report {report_id} did not stage {', '.join(missing) or 'any list'}; it "
            f"staged {', '.join(staged) or 'nothing'}. Run a dry run: python -m tws_maintenance run"
        )
    return tasks


def reported_proposal(home: Home, report_id: str, index: Index) -> tuple[str, str]:
    """Return the id and the sha256 of what a report says it staged for `index`.

    Raises:
        ProposalUnaudited: the report cannot be read, or does not name it.
    """
    try:
        report = read_report(home, report_id)
    except (OSError, ValueError, UsageError) as error:
        raise ProposalUnaudited(
            f"The report {report_id} cannot be read: {str(error).removesuffix('.')}. "
            "Run a dry run again."
        ) from error
    for one in report.lists:
        if one.task == index.task and one.proposal_id and one.proposal_sha256:
            return one.proposal_id, one.proposal_sha256
    raise ProposalUnaudited(
        f"The report {report_id} staged no {index.name} list. Run a dry run again."
    )
