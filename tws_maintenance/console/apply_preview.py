"""The preview of an apply: one dry run, list by list, with every warning.

The preview shows exactly what is promoted: the proposals of the report. Nothing is fetched in
between.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tws_maintenance.config.indices import (
    MARKET_EVENTS,
    Index,
    Maintained,
    index_of_task,
    task_name,
)
from tws_maintenance.console.service import Backend
from tws_maintenance.constituents.eligibility import ProposalState, Verdict
from tws_maintenance.constituents.promotion_stamp import read_generation
from tws_maintenance.constituents.rules import CONFIRMED
from tws_maintenance.market_events.providers.calendars import NO_CLOSURES, may_be_open
from tws_maintenance.market_events.providers.closures import read_closures
from tws_maintenance.reports.apply_offer import ListReadiness, Readiness, is_refreshed_since
from tws_maintenance.reports.file_names import BACKUP_SOURCE
from tws_maintenance.reports.schema import ListResult, Report
from tws_maintenance.reports.summary import ReportSummary
from tws_maintenance.reports.view import ResultView, failed_providers, view_of_result


class Outcome(StrEnum):
    """What applying does to a list.

    Where the live file equals the list already, only its date of refresh changes: CONFIRM.
    """

    REPLACE = "replace"
    CONFIRM = "confirm"
    DONE = "done"
    REFUSE = "refuse"


@dataclass(frozen=True)
class ListToApply:
    """One list of a dry run with its result, and what applying would do to it.

    `ready` is None if nothing was staged: its source failed, or it was never tried.
    `superseded_by` is a newer dry run with another result.
    """

    result: ListResult
    ready: ListReadiness | None
    outcome: Outcome
    superseded_by: str = ""

    @property
    def name(self) -> str:
        """The name of the list for people."""
        return task_name(self.result.task)

    @property
    def view(self) -> ResultView:
        """Its result, worded for a reader."""
        return view_of_result(self.result)

    @property
    def is_wanted(self) -> bool:
        """Whether applying works on it."""
        return self.outcome in {Outcome.REPLACE, Outcome.CONFIRM}

    @property
    def problems(self) -> list[str]:
        """Why it cannot be applied, in sentences; empty if it can be or was applied."""
        if self.outcome != Outcome.REFUSE:
            return []
        if self.superseded_by:
            return [f"A newer dry run, {self.superseded_by}, has another result. Look at that one."]
        errors = self.result.every_error
        return errors or [self.ready.why if self.ready else "Nothing was staged."]


class Doubt(StrEnum):
    """What an override accepts; the page has its own question for each."""

    SIZE = "size"
    CONFIRMATION = "confirmation"
    RESTORE = "restore"


@dataclass(frozen=True)
class Override:
    """What another dry run may accept, with a reason; `backup` is the backup to restore."""

    doubt: Doubt
    tasks: tuple[str, ...]
    backup: str = ""


@dataclass(frozen=True)
class ToApply:
    """A dry run as the apply dialog shows it; `cautions` concern the apply as a whole."""

    report: Report
    readiness: Readiness
    lists: list[ListToApply]
    cautions: list[str]

    @property
    def can_apply(self) -> bool:
        """Whether the button is enabled: a list passed its audit and can still be applied."""
        return bool(self.tasks)

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks that the button promotes."""
        return tuple(one.result.task for one in self.lists if one.is_wanted)

    @property
    def is_restore(self) -> bool:
        """Whether it restores a backup."""
        return any(one.ready is not None and one.ready.is_restore for one in self.lists)

    @property
    def stages_events(self) -> bool:
        """Whether it also staged market events, which are not promoted."""
        return self.report.events is not None

    @property
    def overrides(self) -> list[Override]:
        """The overrides for lists that failed only rules that a reason can override."""
        asked = self.readiness.override_tasks
        unsure = {one.task for one in self.readiness.lists if CONFIRMED.name in one.failed_rules}
        found = [
            Override(doubt, tasks)
            for doubt, tasks in (
                (Doubt.SIZE, tuple(task for task in asked if task not in unsure)),
                (Doubt.CONFIRMATION, tuple(task for task in asked if task in unsure)),
            )
            if tasks
        ]
        for one in self.readiness.lists:
            backup = one.found.proposal.from_backup if one.found.proposal else None
            if backup and one.yields_to_override:
                found.append(Override(Doubt.RESTORE, (one.task,), backup))
        return found

    @property
    def is_done(self) -> bool:
        """Whether all of it was applied."""
        return all(one.outcome == Outcome.DONE for one in self.lists)

    def named(self, outcome: str) -> str:
        """Return the names of the lists with that outcome, "" where there is no such list."""
        return ", ".join(one.name for one in self.lists if one.outcome == outcome)

    @property
    def why_not(self) -> str:
        """Why the button is not enabled, "" where it is."""
        if self.can_apply:
            return ""
        if self.is_done:
            return "This dry run was applied."
        reasons = (f"{one.name}: {one.problems[0]}" for one in self.lists if one.problems)
        return " ".join(reasons)

    @property
    def expires_at(self) -> str | None:
        """When the first of its proposals expires."""
        times = [one.ready.expires_at for one in self.lists if one.ready and one.is_wanted]
        return min((at for at in times if at), default=None)


@dataclass(frozen=True)
class Elsewhere:
    """A list that waits in a dry run other than the shown one."""

    name: str
    report_id: str


def waiting_elsewhere(backend: Backend, shown: ToApply | None, at: datetime) -> list[Elsewhere]:
    """Return the lists whose newest proposal could be applied and is in another dry run."""
    shown_id = shown.report.report_id if shown else None
    found = []
    for index in backend.settings.maintained:
        state = _newest_waiting(backend, index, at)
        if state is None or state.found.is_live or state.proposal is None:
            continue
        report_id, changes = state.proposal.report_id, state.proposal.changes
        if report_id != shown_id and (changes.added or changes.removed or changes.updated):
            found.append(Elsewhere(index.name, report_id))
    return found


def newest_dry_run(backend: Backend, at: datetime) -> ToApply | None:
    """Return the newest dry run that worked on lists, None before the first."""
    maintained = backend.settings.maintained
    entry = backend.shelf.newest(lambda one: _stages_lists(one, maintained))
    return to_apply(backend, entry.report_id, at) if entry else None


def to_apply(backend: Backend, report_id: str, at: datetime) -> ToApply | None:
    """Return what applying the dry run `report_id` would do, None if it is not readable."""
    report = backend.report(report_id)
    if report is None or not report.dry_run:
        return None
    ready = backend.readiness(report, at)
    by_task = {one.task: one for one in ready.lists}
    lists, known = [], backend.settings.maintained.constituent_tasks
    for result in report.lists:
        if result.task not in known:
            continue
        task, staged_at = result.task, result.finished_at
        one = by_task.get(task)
        newer = _newer_dry_run(backend, one, at)
        outcome = _outcome(
            one,
            is_done=is_refreshed_since(backend.shelf, task, staged_at, at),
            is_superseded=bool(newer),
        )
        lists.append(ListToApply(result, one, outcome, newer))
    if not lists:
        return None
    return ToApply(report, ready, lists, list(_cautions(backend, report, ready, at)))


def _newer_dry_run(backend: Backend, one: ListReadiness | None, at: datetime) -> str:
    """Return the report of a newer dry run of the same list that passed, with other bytes.

    Otherwise an old page could publish a list whose source has since been corrected.
    """
    if one is None or not one.can_apply:
        return ""
    newest = _newest_waiting(backend, index_of_task(one.task), at)
    if newest is None or newest.proposal is None or newest.proposal_id == one.proposal_id:
        return ""
    own = one.found.proposal
    if own is None or newest.proposal.sha256 == own.sha256:
        return ""
    return newest.proposal.report_id if newest.proposal.created_at > own.created_at else ""


def _newest_waiting(backend: Backend, index: Index, at: datetime) -> ProposalState | None:
    """Return the newest proposal of `index` if it waits and does not preview a backup."""
    state = backend.proposals.newest_state(index, backend.settings, at)
    if state is None or not state.found.may_be_applied or state.proposal is None:
        return None
    return state if state.proposal.from_backup is None else None


def _outcome(one: ListReadiness | None, *, is_done: bool, is_superseded: bool) -> Outcome:
    if one is None or is_superseded:
        return Outcome.REFUSE
    match one.found.verdict:
        case Verdict.ELIGIBLE:
            return Outcome.REPLACE
        case Verdict.UNCHANGED if one.can_apply:
            # Confirming a restore would make an older list look fresh.
            return Outcome.DONE if is_done or one.is_restore else Outcome.CONFIRM
        case Verdict.PROMOTED if one.is_live:
            return Outcome.DONE
    return Outcome.REFUSE


def _stages_lists(entry: ReportSummary, maintained: Maintained) -> bool:
    """Return whether a report is a dry run of lists; the preview of a backup has its own page."""
    return entry.dry_run is True and any(
        line.task in maintained.constituent_tasks
        and line.was_tried
        and not str(line.source).startswith(BACKUP_SOURCE)
        for line in entry.results
    )


def _cautions(backend: Backend, report: Report, ready: Readiness, at: datetime) -> Iterator[str]:
    replaced = (one.task for one in ready.lists if one.can_apply and not one.is_live)
    venues = {index_of_task(task).venue for task in replaced}
    closures = read_closures(backend.home, backend.settings) if venues else NO_CLOSURES
    for venue in sorted(venues, key=lambda one: one.code):
        if may_be_open(venue, at, closures):
            yield (
                f"{venue.name} ({venue.code}) may be open now: a trading robot would see its list "
                "change. It is better to apply off-peak."
            )
    for one in ready.lists:
        index = index_of_task(one.task)
        published = read_generation(backend.home, index)
        if published and not backend.home.live_file(index.key).exists():
            yield (
                f"The file of {index.name} that {published.report_id} promoted is missing. The new "
                "list cannot be compared with it, so no limit on changes applies."
            )
    if report.overrides.get("allow_large_change"):
        reason = report.reason or "no reason was given"
        yield f"This dry run allowed a change above the failure limit: {reason}"
    last = backend.last_result(MARKET_EVENTS)
    if last is not None and last.status in {"failed", "partial_failure"}:
        named = ", ".join(failed_providers(last)) or "all providers"
        yield f"The last run of market events failed ({named}): events may be incomplete."
