"""Stage: turn the answers of the sources into a proposal on disk; only read the live file."""

from datetime import UTC, date, datetime, time
from typing import Any

from tws_maintenance.audit.run_context import RunContext
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import Index
from tws_maintenance.config.settings import IndexSettings
from tws_maintenance.constituents.announced import overdue_texts
from tws_maintenance.constituents.backups import read_backup
from tws_maintenance.constituents.carry_forward import Normalised, normalise
from tws_maintenance.constituents.csv_file import LiveFile, parse_live, read_live, to_csv
from tws_maintenance.constituents.diff import Changes, compare
from tws_maintenance.constituents.drift import find_drift
from tws_maintenance.constituents.membership import (
    Membership,
    hold_vote,
    published_identifiers,
    source_records,
)
from tws_maintenance.constituents.promotion_stamp import read_generation
from tws_maintenance.constituents.proposal import RAW, Proposal, SourceCopy, write_proposal
from tws_maintenance.constituents.reversals import reversals
from tws_maintenance.constituents.vote import DecidedBy
from tws_maintenance.core.atomic import write_whole
from tws_maintenance.core.clock import parse_utc, utc_text
from tws_maintenance.core.digest import sha256
from tws_maintenance.core.errors import LiveFileError
from tws_maintenance.core.text import counted, some_of
from tws_maintenance.sources.fetching import suffix_of
from tws_maintenance.sources.model import Attempt, Gathered, SourceTable

NAMED_IN_A_WARNING = 8


def stage(
    home: Home, index: Index, gathered: Gathered, limits: IndexSettings, mark: RunContext
) -> Proposal:
    """Write the proposal of `index` and return its record.

    The raw bytes are kept even where they hold nothing usable, so that a rejected page can be
    inspected.

    Raises:
        SourceError: no source gave a usable list.
        LiveFileError: the live file cannot be compared with.
        OSError: staging could not be written.
    """
    copies = _keep_raw_copies(home, mark.proposal_id(index.key), gathered)
    live = read_live(home, index)
    vote = hold_vote(home, gathered, limits, live, mark.at)
    normalised = _rows(index, vote, live)
    # A list that may not change keeps its exact bytes.
    is_kept = live is not None and vote.keeps_the_live_list
    staged = live.content if live and is_kept else _csv(normalised)
    changes = Changes() if is_kept else _changes(live, normalised, vote)
    warnings = (
        *_source_warnings(index, vote, normalised),
        *gathered.announcement_warnings,
        *reversals(home, index, changes, mark.at.date(), is_fallback=_is_fallback(vote)),
        *_lost_notes(index, live, changes),
        *_live_notes(home, index, live),
        *_announced_notes(vote),
    )
    proposal = Proposal(
        **mark.identity(index.key),
        index=index.key,
        sha256=sha256(staged),
        live_sha256=live.sha256 if live else None,
        before_count=len(live.rows) if live else None,
        after_count=len(live.rows) if live and is_kept else len(normalised.rows),
        changes=changes,
        copies=copies,
        carried_forward=0 if is_kept else len(normalised.carried),
        warnings=warnings,
        announced=_announced(home, index, vote, changes),
        announcements_known=vote.announced.are_known,
        announcement_warnings=gathered.announcement_warnings,
        **_facts_of(vote),
    )
    write_proposal(home, proposal, staged)
    return proposal


def _rows(index: Index, vote: Membership, live: LiveFile | None) -> Normalised:
    if vote.keeps_the_live_list:
        return Normalised(index.columns, (), ())
    return normalise(vote.decision.rows, index, live, vote.renamed)


def _csv(normalised: Normalised) -> bytes:
    return to_csv(normalised.columns, list(normalised.rows))


def _changes(live: LiveFile | None, normalised: Normalised, vote: Membership) -> Changes:
    return compare(live.rows if live else (), normalised.rows, vote.renamed)


def _is_fallback(vote: Membership) -> bool:
    """Return whether others decide because the authority could not."""
    return vote.rule.authority is not None and vote.decision.rule != DecidedBy.AUTHORITY


def _announced(
    home: Home, index: Index, vote: Membership, changes: Changes
) -> tuple[dict[str, Any], ...]:
    """Return what explains each change, the unexplained ones, and what is still to come.

    A first list explains nothing, because every member is new.
    """
    stamp = read_generation(home, index)
    since = _day_of(stamp.promoted_at) if stamp else None
    records = vote.announced.records(changes if vote.has_live else Changes(), since)
    return tuple(one.to_dict() for one in records)


def _day_of(instant: str) -> date | None:
    try:
        return parse_utc(instant).date()
    except ValueError:  # a stamp that somebody edited
        return None


def _announced_notes(vote: Membership) -> list[str]:
    """Return a warning about announced changes that should have happened."""
    late = [*overdue_texts(vote.announced.overdue(vote.decision.rows))]
    named = some_of(late, NAMED_IN_A_WARNING, "; ")
    return [f"Announced, but not in the sources: {named}. Check which is right."] if late else []


def _facts_of(vote: Membership) -> dict[str, Any]:
    """Return the fields of a proposal about the sources: dates, rows, votes."""
    lead, sources = vote.lead, vote.deciders or tuple(vote.tables)
    table = vote.tables[lead.spec.name]
    lost, beside = _dropped(vote)
    is_one_list = len(vote.deciders) == 1
    return {
        "source": lead.url,
        "rows_read": sum(vote.tables[name].rows_read for name in sources),
        "rows_dropped": (*lost, *beside),
        "rows_beside": len(beside),
        "stated_count": table.stated_count if is_one_list else None,
        "revision": table.revision,
        "revised_at": _dated(table),
        "last_modified": lead.raw.last_modified if lead.raw else None,
        "sources": tuple(source_records(vote.gathered, vote.standing)),
        "membership": vote.record(),
        "identifiers": vote.identifiers(),
    }


def _dropped(vote: Membership) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Return the dropped lines that may have been members, and all other dropped ones."""
    lost: list[dict[str, str]] = []
    beside: list[dict[str, str]] = []
    for name, table in vote.tables.items():
        kept = lost if name in vote.deciders else beside
        kept += [{"source": name, "row": one.row, "reason": one.reason} for one in table.dropped]
        beside += [{"source": name, "row": one.row, "reason": one.reason} for one in table.beside]
    return lost, beside


def _dated(table: SourceTable) -> str | None:
    """Return when the list was last changed, or its day, as an instant."""
    if table.revised_at is not None:
        return utc_text(table.revised_at)
    if table.as_of is not None:
        return utc_text(datetime.combine(table.as_of, time(0), UTC))
    return None


def stage_backup(home: Home, index: Index, backup_id: str | None, mark: RunContext) -> Proposal:
    """Stage a backup as it is, the newest one unless it is named: the first step of a restore.

    A live file that is missing or unreadable does not stop it.

    Raises:
        BackupDamaged: there is no such backup, or its checksum does not match.
        LiveFileError: the backup itself is not a list, or the live bytes cannot be read at all.
        OSError: staging could not be written.
    """
    chosen, content = read_backup(home, index, backup_id)
    remedy = "Name another one with --backup; `backups list` shows them."
    restored = parse_live(content, f"The backup {chosen}", remedy)
    path = home.live_file(index.key)
    warnings: list[str] = []
    live: LiveFile | None = None
    try:
        live = read_live(home, index)
    except LiveFileError as error:
        warnings.append(f"{error} Its bytes are backed up before they are replaced.")
    live_bytes = path.read_bytes() if path.exists() else None
    # By these, the next vote recognises a member under another ticker.
    known = published_identifiers(home, index)
    home.proposal(mark.proposal_id(index.key)).mkdir(parents=True, exist_ok=True)
    proposal = Proposal(
        **mark.identity(index.key),
        index=index.key,
        sha256=restored.sha256,
        live_sha256=sha256(live_bytes) if live_bytes is not None else None,
        before_count=len(live.rows) if live else None,
        after_count=len(restored.rows),
        changes=compare(live.rows if live else (), restored.rows),
        source=f"{home.relative(home.backups)}/{chosen}/{path.name}",
        copies=(),
        rows_read=len(restored.rows),
        rows_dropped=(),
        carried_forward=0,
        from_backup=chosen,
        identifiers={symbol: known[symbol] for symbol in restored.by_symbol() if symbol in known},
        warnings=tuple(warnings),
    )
    write_proposal(home, proposal, content)
    return proposal


def _keep_raw_copies(home: Home, proposal_id: str, gathered: Gathered) -> tuple[SourceCopy, ...]:
    (home.proposal(proposal_id) / RAW).mkdir(parents=True, exist_ok=True)
    return tuple(
        _keep_raw(home, proposal_id, number, attempt)
        for number, attempt in enumerate((*gathered.attempts, *gathered.announcements), start=1)
        if attempt.raw is not None
    )


def _keep_raw(home: Home, proposal_id: str, number: int, attempt: Attempt) -> SourceCopy:
    raw = attempt.raw
    assert raw is not None
    name = f"{number}_{attempt.spec.kind}.{suffix_of(attempt.spec)}"
    write_whole(home.proposal(proposal_id) / RAW / name, raw.content)
    return SourceCopy(
        url=raw.url,
        status=raw.status,
        sha256=raw.sha256,
        bytes=len(raw.content),
        fetched_at=utc_text(raw.fetched_at),
        file=name,
        etag=raw.etag,
        last_modified=raw.last_modified,
        source=attempt.spec.name,
        kind=attempt.spec.kind,
    )


def _source_warnings(index: Index, vote: Membership, normalised: Normalised) -> list[str]:
    """Return the warnings about the sources that decided and what they gave."""
    warnings: list[str] = []
    for name in vote.deciders:
        warnings += _fallback_warnings(vote.gathered, name)
        warnings += vote.tables[name].notes
    if len(vote.deciders) > 1:  # for a single list, the audit reports it
        warnings += [
            f"{vote.standing[name].title}: {note}"
            for name in vote.deciders
            for note in vote.standing[name].notes
        ]
    return [*warnings, *_carried_warnings(index, normalised)]


def _fallback_warnings(gathered: Gathered, name: str) -> list[str]:
    used = gathered.of(name)
    return [
        f"{one.url} was not used: {one.error}. The list was read from {used.url}"
        for one in gathered.attempts
        if one.error and used and one.spec.name == name
    ]


def _carried_warnings(index: Index, normalised: Normalised) -> list[str]:
    """Return warnings where a source left a field blank that it should give."""
    warnings = []
    for name in index.enriched:
        symbols = [symbol for symbol, carried in normalised.carried if carried == name]
        if symbols:
            warnings.append(
                f"The source left {name} blank for {counted(len(symbols), 'member')} with a known "
                f"value, which was kept: {some_of(symbols, NAMED_IN_A_WARNING)}"
            )
    return warnings


def _lost_notes(index: Index, live: LiveFile | None, changes: Changes) -> list[str]:
    """Return warnings where values of an operator's own column go with their members."""
    if live is None:
        return []
    gone = {one.symbol for one in changes.removed} - {one.from_symbol for one in changes.renamed}
    warnings = []
    for name in live.extra_columns(index):
        symbols = [row["symbol"] for row in live.rows if row[name] and row["symbol"] in gone]
        if symbols:
            warnings.append(
                f"Your column {name} has values for members that leave the list; they stay only in "
                f"the backup: {some_of(symbols, NAMED_IN_A_WARNING)}"
            )
    return warnings


def _live_notes(home: Home, index: Index, live: LiveFile | None) -> list[str]:
    """Return warnings about a live file that was edited or has odd symbols."""
    if live is None:
        return []
    notes = []
    drift = find_drift(home, index, live.content)
    if drift:
        notes.append(f"{drift.text}. An apply replaces that edit and keeps it in the backup.")
    symbols = [row["symbol"] for row in live.rows]
    odd = len(symbols) - len({symbol for symbol in symbols if symbol.strip()})
    if odd:
        notes.append(
            f"The live file has {counted(odd, 'row')} with a blank or repeated symbol; its count "
            "is of rows, not of symbols."
        )
    return notes
