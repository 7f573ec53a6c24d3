"""Replay: parse and audit the bytes of an earlier report again, with today's code.

It runs the same steps in a temporary home that holds the live file of that time. The real home is
only read.
"""

import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tws_maintenance.audit.receipt import Override, Receipt, read_receipt
from tws_maintenance.audit.results import Outcome
from tws_maintenance.audit.run_context import RunContext
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import Index, index_of_task
from tws_maintenance.config.settings import IndexSettings, Settings, with_what_is_declared
from tws_maintenance.constituents import rules
from tws_maintenance.constituents.audit import audit
from tws_maintenance.constituents.csv_file import parse_live
from tws_maintenance.constituents.diff import compare
from tws_maintenance.constituents.proposal import RAW, STAGED, Proposal, read_proposal
from tws_maintenance.constituents.stage import stage
from tws_maintenance.core.atomic import write_whole
from tws_maintenance.core.clock import parse_utc
from tws_maintenance.core.digest import sha256
from tws_maintenance.core.errors import (
    LiveFileError,
    ProposalMissing,
    ProposalUnaudited,
    SourceError,
    TwsMaintenanceError,
    UsageError,
)
from tws_maintenance.core.text import counted
from tws_maintenance.reports.schema import ListResult, Report
from tws_maintenance.reports.store import newest_reports, read_report
from tws_maintenance.sources.fetching import CHANGE_READERS, read, spec_of
from tws_maintenance.sources.model import Attempt, Gathered, RawCopy

ACCEPTED, REJECTED, REFUSED, UNKNOWN = "accepted", "rejected", "refused", "not replayed"
# It compares with the promotion before, so the fetched bytes do not decide it.
NOT_REPEATED = frozenset({rules.NOT_OLDER.name})
NAMED = 8
_FILE = re.compile(r"\d+_(\w+)\.\w+")


@dataclass(frozen=True)
class Replayed:
    """What became of one list of one report: `then` and `now` are accepted, rejected or refused.

    `same` is None where it could not be replayed; `differences` are the reasons for that, or what
    differs now.
    """

    report_id: str
    task: str
    then: str
    now: str
    same: bool | None
    differences: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Kept:
    """A raw copy on disk, with its record."""

    path: Path
    url: str
    status: int
    sha256: str
    fetched_at: str
    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True)
class _Then:
    """The record of a list: its raw copies, what it was compared with, and its outcome."""

    gathered: Gathered
    at: datetime
    live: bytes | None
    limits: IndexSettings
    override: Override
    proposal: Proposal | None = None
    receipt: Receipt | None = None


class _Unknown(Exception):
    """A list cannot be replayed; the message says why."""


def replay_reports(
    home: Home, settings: Settings, report_id: str | None, tasks: tuple[str, ...] = ()
) -> Iterator[Replayed]:
    """Yield the replay of each list that a report fetched; of every report if none is named.

    Raises:
        UsageError: there is no such report, it is damaged, or it fetched no list.
    """
    wanted = tasks or settings.maintained.constituent_tasks
    if report_id is None:
        reports = list(newest_reports(home))
    else:
        try:
            reports = [read_report(home, report_id)]
        except (OSError, ValueError) as error:
            raise UsageError(f"The report {report_id} is damaged: {error}.") from error
    count = 0
    for report in reports:
        for result in report.lists:
            if result.task in wanted and is_replayable(report.report_id, result):
                count += 1
                index = index_of_task(result.task)
                yield replay(home, index, settings.of(index), report, result)
    if report_id is not None and not count:
        raise UsageError(
            f"The report {report_id} fetched no list{' of these tasks' if tasks else ''}. To "
            "replay a promotion, name the dry run that it promoted; a restore fetches nothing."
        )


def replay(
    home: Home, index: Index, limits: IndexSettings, report: Report, result: ListResult
) -> Replayed:
    """Parse and audit again what `report` fetched of `index`, and compare it with its `result`.

    `limits` are today's; they apply where those of the report are not on record.
    """
    report_id = report.report_id
    then = _verdict(result)
    try:
        started_at = parse_utc(report.started_at)
        found = _then(home, index, limits, report_id, result, started_at)
    except _Unknown as error:
        return Replayed(report_id, index.task, then, UNKNOWN, None, (str(error),))
    with tempfile.TemporaryDirectory() as folder:
        now, differences = _again(Home(Path(folder)), home, index, found)
    differences = [*([f"it was {then} then and is {now} now"] if then != now else []), *differences]
    return Replayed(report_id, index.task, then, now, not differences, tuple(differences))


def is_replayable(report_id: str, result: ListResult) -> bool:
    """Return whether a result is of a list that its own report fetched."""
    has_bytes = any(one.sha256 for one in result.sources)
    is_own = result.proposal_id is None or result.proposal_id.startswith(f"{report_id}_")
    return has_bytes and is_own


def _verdict(result: ListResult) -> str:
    return {"passed": ACCEPTED, "failed": REJECTED}.get(result.validation.status, REFUSED)


def _then(
    home: Home,
    index: Index,
    limits: IndexSettings,
    report_id: str,
    result: ListResult,
    started_at: datetime,
) -> _Then:
    proposal_id = f"{report_id}_{index.key}"
    try:
        proposal = read_proposal(home, proposal_id)
    except ProposalMissing:
        if result.proposal_id:
            raise _Unknown("its proposal was removed or is damaged") from None
        gathered = _gathered(index, _kept_of_report(home, proposal_id, result))
        # Its limits are not on record: today's are the same unless somebody changed them.
        return _Then(gathered, started_at, _now(home, index), limits, Override())
    try:
        receipt = read_receipt(home, proposal_id)
    except ProposalUnaudited:
        raise _Unknown("its audit left no readable receipt") from None
    return _Then(
        _gathered(index, _kept_of_proposal(home, proposal)),
        parse_utc(proposal.created_at),
        _live_of_then(home, index, proposal.live_sha256),
        _limits(index, receipt),
        Override(receipt.allow_large_change, receipt.reason),
        proposal,
        receipt,
    )


def _kept_of_proposal(home: Home, proposal: Proposal) -> Iterator[_Kept]:
    raw = home.proposal(proposal.proposal_id) / RAW
    for one in proposal.copies:
        path = raw / one.file
        dates = (one.etag, one.last_modified)
        yield _Kept(path, one.url, one.status, one.sha256, one.fetched_at, *dates)


def _kept_of_report(home: Home, proposal_id: str, result: ListResult) -> Iterator[_Kept]:
    """Yield the copies of the sources that a report names, each found by its number."""
    raw = home.proposal(proposal_id) / RAW
    for number, one in enumerate(result.sources, start=1):
        if one.sha256:
            path = next(raw.glob(f"{number}_*"), raw)
            yield _Kept(path, one.url, one.status or 0, one.sha256, str(one.fetched_at))


def _gathered(index: Index, copies: Iterable[_Kept]) -> Gathered:
    """Return what the sources answered then, from their kept bytes, read by today's code."""
    attempts: list[Attempt] = []
    for copy in copies:
        if not copy.path.is_file() or sha256(copy.path.read_bytes()) != copy.sha256:
            raise _Unknown(f"the raw bytes of {copy.url} were removed or altered")
        attempts.append(_attempt(index, copy))
    announcements = tuple(one for one in attempts if one.spec.kind in CHANGE_READERS)
    lists = tuple(one for one in attempts if one.spec.kind not in CHANGE_READERS)
    if not lists:
        raise _Unknown("no source answered, so there are no bytes to read")
    return Gathered(index, lists, announcements)


def _attempt(index: Index, copy: _Kept) -> Attempt:
    kind = _FILE.fullmatch(copy.path.name)
    spec = spec_of(index, kind[1]) if kind else None
    if spec is None:
        raise _Unknown(f"{copy.path.name} comes from a source that {index.name} no longer has")
    raw = RawCopy(
        url=copy.url,
        status=copy.status,
        content=copy.path.read_bytes(),
        sha256=copy.sha256,
        fetched_at=parse_utc(copy.fetched_at),
        etag=copy.etag,
        last_modified=copy.last_modified,
    )
    return read(spec, raw, index)


def _limits(index: Index, then: Receipt) -> IndexSettings:
    """Return the limits that the receipt notes, today's where it notes none."""
    fields = IndexSettings.model_fields
    known = {key: value for key, value in then.limits.items() if key in fields}
    return with_what_is_declared(index, IndexSettings.model_validate(known))


def _now(home: Home, index: Index) -> bytes | None:
    path = home.live_file(index.key)
    return path.read_bytes() if path.exists() else None


def _live_of_then(home: Home, index: Index, digest: str | None) -> bytes | None:
    """Return the bytes that the list was compared with, from the live file or a backup."""
    if digest is None:
        return None
    name = home.live_file(index.key).name
    for path in (home.live_file(index.key), *home.backups.glob(f"*/{name}")):
        if path.exists() and sha256(content := path.read_bytes()) == digest:
            return content
    raise _Unknown("no backup holds the live file that it was compared with")


def _again(scratch: Home, home: Home, index: Index, then: _Then) -> tuple[str, list[str]]:
    """Return today's verdict, and what differs from then."""
    if then.live is not None:
        write_whole(_made(scratch.live_file(index.key)), then.live)
    mark = RunContext("maintenance_20000101_000000", "replay", then.at)
    try:
        proposal = stage(scratch, index, then.gathered, then.limits, mark)
    except (SourceError, LiveFileError) as error:
        return REFUSED, [str(error)] if then.proposal else []
    try:
        receipt = audit(scratch, index, proposal, then.limits, then.override, mark)
    except (TwsMaintenanceError, OSError, ValueError) as error:
        return REFUSED, [f"the audit could not run: {error}"]
    now = ACCEPTED if receipt.has_passed else REJECTED
    if then.proposal is None or then.receipt is None:
        return now, [f"today's code reads {counted(proposal.after_count, 'member')} from it"]
    return now, [
        *_other_rows(home, scratch, then.proposal, proposal),
        *_other_checks(then.receipt, receipt),
    ]


def _made(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _other_rows(home: Home, scratch: Home, then: Proposal, now: Proposal) -> Iterator[str]:
    if then.sha256 == now.sha256:
        return
    before, after = (
        parse_live((where.proposal(one.proposal_id) / STAGED).read_bytes(), "the staged list").rows
        for where, one in ((home, then), (scratch, now))
    )
    changes = compare(before, after)
    differing = [
        *(f"now also {one.symbol} ({one.security})" for one in changes.added),
        *(f"no longer {one.symbol} ({one.security})" for one in changes.removed),
        *(f"{o.symbol} {o.field}: {o.before!r} then, {o.after!r} now" for o in changes.updated),
    ]
    yield from differing[:NAMED]
    if len(differing) > NAMED:
        yield f"and {counted(len(differing) - NAMED, 'more difference')} in rows"
    if not differing:
        yield "members and fields are the same, but the staged bytes differ"


def _other_checks(then: Receipt, now: Receipt) -> Iterator[str]:
    outcomes = {check.name: check.outcome for check in then.checks}
    for check in now.checks:
        before = outcomes.get(check.name)
        if check.name in NOT_REPEATED or before in (None, check.outcome):
            continue
        why = "" if check.outcome == Outcome.PASSED else f": {check.message}"
        yield f"{check.name} {before} then, {check.outcome} now{why}"
