"""Where a member came from: its stays, the reports that made them, and their sources.

Only what is on record is reported: whatever was removed or altered since is named as such.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import Index
from tws_maintenance.constituents.csv_file import read_live
from tws_maintenance.constituents.history import Stay, read_history
from tws_maintenance.constituents.proposal import RAW, Proposal, read_proposal
from tws_maintenance.core.digest import sha256
from tws_maintenance.core.errors import LiveFileError, ProposalMissing, UsageError
from tws_maintenance.reports.announced_words import upcoming_text, why_of
from tws_maintenance.reports.catalog import ReportCatalog
from tws_maintenance.reports.store import read_report, reports_once
from tws_maintenance.reports.upcoming_changes import ahead_of
from tws_maintenance.reports.vote_words import titles_of, vote_lines

KEPT, REMOVED, ALTERED = "kept", "removed", "altered"


@dataclass(frozen=True)
class Basis:
    """Bytes of a source that a report used; `raw` is kept, removed or altered."""

    url: str
    sha256: str | None
    fetched_at: str | None
    raw: str


@dataclass(frozen=True)
class Origin:
    """What made a member join or leave: the report, who ran it, and the sources it used.

    `staged_by` is the report of the dry run that it promoted, None where it staged the list itself.
    `backup` is the one that a restore brought back. `announced` is what announced the change.
    `missing` are sentences about records that are gone.
    """

    report_id: str
    at: str | None = None
    entry_point: str | None = None
    actor: str | None = None
    reason: str | None = None
    allow_large_change: bool = False
    staged_by: str | None = None
    decided_by: str | None = None
    revision: str | None = None
    revised_at: str | None = None
    sources: tuple[Basis, ...] = ()
    vote: str | None = None
    announced: str | None = None
    backup: str | None = None
    backup_path: str | None = None
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reasons:
    """Why a member was announced to join and to leave, "" where that is not known."""

    came: str
    went: str


@dataclass(frozen=True)
class ExplainedStay:
    """A stay with what made it begin and end, None where no report is on record for it.

    A stay before the first promotion has the `source` backfill and no report.
    """

    from_date: str | None
    to_date: str | None
    renamed_from: str | None
    source: str
    announced: Reasons
    came_by: Origin | None
    went_by: Origin | None


@dataclass(frozen=True)
class Explanation:
    """The stays of one symbol in a list, oldest first, each with what made it begin and end.

    `upcoming` are sentences about its announced changes that are still to come.
    """

    task: str
    symbol: str
    security: str
    is_member: bool
    stays: tuple[ExplainedStay, ...] = ()
    upcoming: tuple[str, ...] = ()


def explain(home: Home, index: Index, text: str, at: datetime) -> Explanation:
    """Return where the member that an operator wrote as `text` came from.

    Raises:
        UsageError: it is in neither the history nor the file, and not announced.
        HistoryError: the history cannot be read.
    """
    symbol = _symbol(index, text)
    stays = [stay for stay in read_history(home, index) if stay.symbol == symbol]
    live = _live_row(home, index, symbol)
    found = ahead_of(reports_once(home), index, ReportCatalog(home), at)
    announced = [one for one in found.changes if one.symbol == symbol] if found else []
    if not stays and live is None and not announced:
        raise UsageError(
            f"{symbol} is not a member of {index.name}, and no record shows that it ever was. "
            f"`history {index.task}` shows who came and went."
        )
    explained = tuple(_stay(home, index, stay) for stay in stays)
    names = [stay.security for stay in stays[-1:]] or [live or ""]
    security = next(filter(None, (*names, *(one.security for one in announced))), "")
    impact = found.impact if found else {}
    upcoming = tuple(upcoming_text(one, impact) for one in announced)
    return Explanation(index.task, symbol, security, live is not None, explained, upcoming)


def _symbol(index: Index, text: str) -> str:
    written = text.strip().upper()
    rule = index.symbol_rule
    return written if rule.is_symbol(written) else rule.symbol_of(rule.display_of(written))


def _live_row(home: Home, index: Index, symbol: str) -> str | None:
    """Return the company of a symbol in the live file, None where it is not a member.

    Raises:
        LiveFileError: the file is missing or cannot be read, so the answer is not known.
    """
    live = read_live(home, index)
    if live is None:
        raise LiveFileError(
            f"{home.relative(home.live_file(index.key))} is missing, so the members of "
            f"{index.name} are not known. `status` says how to bring it back; "
            f"`history {index.task}` shows who came and went."
        )
    row = live.by_symbol().get(symbol)
    return row.get("security", "") if row else None


def _stay(home: Home, index: Index, stay: Stay) -> ExplainedStay:
    began = _origin(home, index, stay.report_id, stay.symbol) if stay.report_id else None
    ended = _origin(home, index, stay.end_report_id, stay.symbol) if stay.end_report_id else None
    return ExplainedStay(
        from_date=stay.from_date or None,
        to_date=stay.to_date or None,
        renamed_from=stay.renamed_from or None,
        source=stay.source,
        announced=Reasons(stay.reason, stay.end_reason),
        came_by=began,
        went_by=ended,
    )


def _origin(home: Home, index: Index, report_id: str, symbol: str) -> Origin:
    try:
        report = read_report(home, report_id)
    except (OSError, ValueError, UsageError) as error:
        return Origin(report_id, missing=(f"the report cannot be read: {error}",))
    result = next((one for one in report.lists if one.task == index.task), None)
    head = Origin(
        report_id,
        at=report.finished_at,
        entry_point=report.entry_point.value,
        actor=report.actor,
        reason=report.reason or None,
        allow_large_change=report.overrides.get("allow_large_change", False),
        backup_path=result.backup_path if result else None,
    )
    if result is None or result.proposal_id is None:
        return replace(head, missing=("the report names no proposal of this list",))
    try:
        proposal = read_proposal(home, result.proposal_id)
    except ProposalMissing:
        text = f"its proposal {result.proposal_id} was removed; the report names these sources:"
        sources = tuple(
            Basis(one.url, one.sha256, one.fetched_at, REMOVED)
            for one in result.sources
            if one.sha256
        )
        return replace(head, missing=(text,), sources=sources)
    vote, announced = vote_lines(result).get(symbol), why_of(result, symbol, titles_of(result))
    return replace(
        head,
        staged_by=proposal.report_id if proposal.report_id != report_id else None,
        decided_by=proposal.membership.get("reason") or proposal.source,
        revision=proposal.revision,
        revised_at=proposal.revised_at,
        sources=_bases(home, proposal),
        vote=vote,
        announced=announced,
        backup=proposal.from_backup,
    )


def _bases(home: Home, proposal: Proposal) -> tuple[Basis, ...]:
    return tuple(
        Basis(
            copy.url,
            copy.sha256,
            copy.fetched_at,
            _raw_state(home, proposal.proposal_id, copy.file, copy.sha256),
        )
        for copy in proposal.copies
    )


def _raw_state(home: Home, proposal_id: str, file: str, expected: str) -> str:
    try:
        content = (home.proposal(proposal_id) / RAW / file).read_bytes()
    except OSError:
        return REMOVED
    return KEPT if sha256(content) == expected else ALTERED
