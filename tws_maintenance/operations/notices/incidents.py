"""Find what an operator should know: failed, stale, broken, drifted, waiting for approval.

An incident keeps its key as long as it is the same incident, so that it is sent once. Does not
belong here: sending (`channels`) and what was sent before (`delivery`).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import MARKET_EVENTS, task_name
from tws_maintenance.config.settings import Settings
from tws_maintenance.core.clock import CLOCK_TOLERANCE
from tws_maintenance.core.digest import sha256
from tws_maintenance.core.errors import UsageError
from tws_maintenance.core.text import counted, some_of
from tws_maintenance.market_events.sync_log import MOVED_FOR
from tws_maintenance.reports.announced_words import in_short, upcoming_text
from tws_maintenance.reports.apply_offer import ListReadiness, readiness
from tws_maintenance.reports.catalog import ReportCatalog
from tws_maintenance.reports.schema import EntryPoint, Report, RunStatus, TaskStatus
from tws_maintenance.reports.status import EventsStatus, ListStatus, overview
from tws_maintenance.reports.store import find_report, read_report, reports_once
from tws_maintenance.reports.summary import ReportSummary, ResultLine
from tws_maintenance.reports.upcoming_changes import ahead_of
from tws_maintenance.reports.view import verdict

BAD = frozenset({TaskStatus.FAILED, TaskStatus.PARTIAL_FAILURE})
# Nobody was watching when one of these was refused.
UNATTENDED = frozenset({EntryPoint.SCHEDULE, EntryPoint.SENSOR})
SYMBOLS_NAMED = 20
# What distinguishes one move of an event from another.
_MOVE = ("kind", "event_type", "symbol", "before", "after")
LONGEST_LINE = 500


@dataclass(frozen=True)
class Incident:
    """One thing to report: `kind` is one of `NoticeKind`."""

    key: str
    kind: str
    subject: str
    text: str


def incident(key: str, kind: str, subject: str, lines: Iterable[str]) -> Incident:
    """Return an incident whose subject and lines are one line each, whatever they quote.

    A company's name comes from a page that anyone may edit: a line break in it could forge a
    header, or a line that has the operator type a command.
    """
    return Incident(key, kind, one_line(subject), "\n".join(map(one_line, lines)))


def one_line(text: str) -> str:
    """Return `text` on one line of printable characters, shortened where it is very long."""
    plain = "".join(one if one.isprintable() else " " for one in text)
    plain = " ".join(plain.split())
    return plain if len(plain) <= LONGEST_LINE else f"{plain[: LONGEST_LINE - 3]}..."


def find_incidents(
    home: Home, settings: Settings, at: datetime, shelf: ReportCatalog
) -> list[Incident]:
    """Return everything that is wrong or waits at this instant."""
    state = overview(home, settings, at, shelf)
    return [
        *_failed(home, settings, shelf),
        *_of_lists(state.constituents),
        *_moved(home, at, shelf),
        *_index_changes(home, settings, at, shelf),
        *_of_events(state.market_events),
        *_waiting(home, settings, at, shelf),
    ]


def _failed(home: Home, settings: Settings, shelf: ReportCatalog) -> Iterator[Incident]:
    """Yield the runs whose failure no later run of the same task has made up for."""
    bad: dict[str, ReportSummary] = {}
    for task in settings.maintained.tasks:
        entry = shelf.newest(lambda one, task=task: _line(one, task) is not None)  # type: ignore[misc]
        line = _line(entry, task) if entry else None
        if entry and line and (line.status in BAD or not line.was_tried):
            bad.setdefault(entry.report_id, entry)
    for entry in bad.values():
        try:
            report = read_report(home, entry.report_id)
            subject, errors = verdict(report), [*report.errors, *_unconfirmed(report)]
        except (OSError, ValueError, UsageError):
            subject, errors = f"{entry.report_id}: {entry.status}", []
        lines = [*errors, f"Report: {entry.report_id}, by {entry.actor} ({entry.entry_point})."]
        yield incident(f"failed:{entry.report_id}", "failed", subject, lines)


def _unconfirmed(report: Report) -> Iterator[str]:
    """Yield why the members of a list could not be confirmed."""
    for one in report.lists:
        if one.is_unconfirmed and one.membership:
            yield f"{one.task}: {one.membership.reason}"


def _line(entry: ReportSummary, task: str) -> ResultLine | None:
    """Return the line of a run about `task`; None where it has none that counts.

    A refusal is about the proposal only, and whoever asked has seen it. A run that failed or died
    before it came to a task counts, because then nothing works.
    """
    line = next((one for one in entry.results if one.task == task), None)
    if line is None or (line.refusal and entry.entry_point not in UNATTENDED):
        return None
    ended_badly = entry.status in (RunStatus.FAILED, RunStatus.INTERRUPTED)
    return line if line.was_tried or ended_badly else None


def _of_lists(lists: list[ListStatus]) -> Iterator[Incident]:
    for one in lists:
        task, name, refreshed = one.task, one.name, one.last_refreshed_at
        if one.file_problem:
            lines = [one.file_problem, "Check it: python -m tws_maintenance validate"]
            yield incident(_key("broken", task, lines[0]), "broken", f"{name} is broken", lines)
        if one.stale:
            last = f"was last refreshed at {refreshed}" if refreshed else "was never refreshed"
            lines = [f"{name} {last}.", "Preview a refresh: python -m tws_maintenance run"]
            yield incident(f"stale:{task}:{refreshed}", "stale", f"{name} is stale", lines)
        if one.drift:
            lines = [one.drift]
            yield incident(_key("drifted", task, lines[0]), "drifted", f"{name} was edited", lines)


def _of_events(events: EventsStatus) -> Iterator[Incident]:
    if events.needs_refresh:
        refreshed = events.last_refreshed_at
        lines = events.doubts or ["The last complete sync is too old."]
        yield incident(f"stale:{MARKET_EVENTS}:{refreshed}", "stale", "Events are stale", lines)


def _moved(home: Home, at: datetime, shelf: ReportCatalog) -> Iterator[Incident]:
    """Yield the near events of held, traded or watched symbols that moved or are no longer listed.

    A dry run counts too: it stores nothing, but the operator should know of the move.
    """
    since = at - MOVED_FOR
    seen: set[str] = set()
    for entry in shelf.since(MARKET_EVENTS, since):
        report = find_report(home, entry.report_id)
        if report is None or report.events is None:
            continue  # damaged or removed since it was listed
        for one in report.events.moved:
            key = ":".join(["event_moved", *(str(getattr(one, part)) for part in _MOVE)])
            if key in seen:
                continue
            seen.add(key)
            look = f"List them: python -m tws_maintenance events list --symbol {one.symbol}"
            stored = "stored" if entry.dry_run is False else "seen by a dry run, not stored"
            lines = [f"Report: {entry.report_id} ({stored}).", look]
            yield incident(key, "event_moved", one.text, lines)


def _index_changes(
    home: Home, settings: Settings, at: datetime, shelf: ReportCatalog
) -> Iterator[Incident]:
    """Yield the announced changes still to come of symbols that are held, traded or watched."""
    find = reports_once(home)
    for index in settings.maintained:
        found = ahead_of(find, index, shelf, at)
        for one in found.changes if found else ():
            if found and one.symbol in found.impact:
                key = f"index_change:{index.key}:{one.symbol}:{one.action}:{one.effective_date}"
                lines = [upcoming_text(one, found.impact), f"Report: {found.report_id}."]
                yield incident(key, "index_change", in_short(one, f"the {index.name}"), lines)


def _waiting(
    home: Home, settings: Settings, at: datetime, shelf: ReportCatalog
) -> Iterator[Incident]:
    """Yield the dry runs whose changes wait for somebody to look at them, of each list the newest.

    Each venue has a schedule of its own: several may wait at once.
    """
    newest: dict[str, list[str]] = {}
    for task in settings.maintained.constituent_tasks:
        entry = shelf.last_staged(task, at + CLOCK_TOLERANCE)
        if entry is not None:
            newest.setdefault(entry.report_id, []).append(task)
    for report_id, tasks in newest.items():
        report = find_report(home, report_id)
        if report is None:
            continue  # damaged or removed since it was listed
        lists = [
            one
            for one in readiness(home, settings, report, at).lists
            if one.task in tasks and one.can_apply and not one.is_live
        ]
        if lists:
            names = ", ".join(task_name(one.task) for one in lists)
            lines = [_changes(report, one) for one in lists]
            lines.append(f"Review {report_id}, then: {_command(report, lists)}")
            subject = f"Waiting to be applied: {names}"
            yield incident(f"waiting:{report_id}", "waiting", subject, lines)


def _command(report: Report, lists: list[ListReadiness]) -> str:
    """Return what applies exactly these lists; the others of that dry run have newer ones."""
    chosen = [one.task for one in lists]
    staged = [one.task for one in (*report.lists, report.events) if one and one.proposal_id]
    named = [] if set(chosen) == set(staged) else [f"--task {task}" for task in chosen]
    return " ".join(["python -m tws_maintenance promote", report.report_id, *named])


def _changes(report: Report, one: ListReadiness) -> str:
    result = next(result for result in report.lists if result.task == one.task)
    parts = [f"+{len(result.added)}", f"-{len(result.removed)}"]
    if result.changes.updated:
        parts.append(counted(len(result.changes.updated), "field"))
    names = some_of([*result.added, *result.removed], SYMBOLS_NAMED)
    return f"{task_name(one.task)}: {' '.join(parts)} {names}".rstrip()


def _key(kind: str, task: str, text: str) -> str:
    return f"{kind}:{task}:{sha256(text.encode())[:16]}"
