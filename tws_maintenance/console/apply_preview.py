"""What the operator is shown before an apply: of one dry run, list by list, with every warning.

What is shown is what is promoted: the report's own proposals, named by their report. Nothing is
fetched in between.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from tws_maintenance.config.indices import (
    MARKET_EVENTS,
    Index,
    Maintained,
    index_of_task,
)
from tws_maintenance.console.service import Backend
from tws_maintenance.constituents.generation import read_generation
from tws_maintenance.constituents.proposal import read_proposal
from tws_maintenance.constituents.proposal_state import ProposalState, State
from tws_maintenance.market_events.providers.calendars import NO_CLOSURES, may_be_open
from tws_maintenance.market_events.providers.closures import read_closures
from tws_maintenance.reports.event_words import failed_providers
from tws_maintenance.reports.markdown import task_name
from tws_maintenance.reports.readiness import ListReadiness, Readiness
from tws_maintenance.reports.store import BACKUP_SOURCE, results_of
from tws_maintenance.reports.summary import ReportSummary


class Outcome(StrEnum):
    """What applying does to a list.

    A list that the live file equals already is confirmed: its date of refresh is what changes.
    """

    REPLACE = "replace"
    CONFIRM = "confirm"
    DONE = "done"
    REFUSE = "refuse"


@dataclass(frozen=True)
class ListToApply:
    """One list of a dry run with its result, and what applying would do to it.

    `ready` is None where nothing was staged: its source failed, or it was never tried.
    `superseded_by` is a newer dry run that says otherwise.
    """

    result: dict[str, Any]
    ready: ListReadiness | None
    outcome: Outcome
    superseded_by: str = ""

    @property
    def name(self) -> str:
        """What people call the list."""
        return task_name(self.result["task"])

    @property
    def is_wanted(self) -> bool:
        """Whether applying works on it."""
        return self.outcome in {Outcome.REPLACE, Outcome.CONFIRM}

    @property
    def problems(self) -> list[str]:
        """Why it cannot be applied, in sentences; none where it can, or was."""
        if self.outcome != Outcome.REFUSE:
            return []
        if self.superseded_by:
            return [f"A newer dry run says otherwise: {self.superseded_by}. Look at that one."]
        told = [*self.result["errors"], *self.result["validation"]["errors"]]
        return told or [self.ready.why if self.ready else "Nothing was staged."]

    @property
    def warnings(self) -> list[str]:
        """What to read before."""
        return [*self.result["warnings"], *self.result["validation"]["warnings"]]


@dataclass(frozen=True)
class ToApply:
    """A dry run as the apply dialog shows it; `cautions` concern the apply as a whole."""

    report: dict[str, Any]
    readiness: Readiness
    lists: list[ListToApply]
    cautions: list[str]

    @property
    def can_apply(self) -> bool:
        """Whether the button is enabled: something passed its audit, is fresh, and not done."""
        return bool(self.tasks)

    @property
    def tasks(self) -> tuple[str, ...]:
        """What the button promotes."""
        return tuple(one.result["task"] for one in self.lists if one.is_wanted)

    @property
    def is_restore(self) -> bool:
        """Whether it goes back to a backup."""
        return any(one.ready is not None and one.ready.is_restore for one in self.lists)

    @property
    def stages_events(self) -> bool:
        """Whether it looked at market events as well, which are not promoted."""
        return any(one.get("task") == MARKET_EVENTS for one in results_of(self.report))

    @property
    def is_done(self) -> bool:
        """Whether all of it was applied."""
        return all(one.outcome == Outcome.DONE for one in self.lists)

    def named(self, outcome: str) -> str:
        """Return the lists of one outcome by name, "" where there are none."""
        return ", ".join(one.name for one in self.lists if one.outcome == outcome)

    @property
    def why_not(self) -> str:
        """Why the button is not enabled, "" where it is."""
        if self.can_apply:
            return ""
        if self.is_done:
            return "This dry run was applied."
        told = (f"{one.name}: {one.problems[0]}" for one in self.lists if one.problems)
        return " ".join(told)

    @property
    def expires_at(self) -> str | None:
        """When the first of its proposals gets too old."""
        times = [one.ready.expires_at for one in self.lists if one.ready and one.is_wanted]
        return min((at for at in times if at), default=None)


@dataclass(frozen=True)
class Elsewhere:
    """A list that waits in another dry run than the one that is shown."""

    name: str
    report_id: str


def waiting_elsewhere(backend: Backend, shown: ToApply | None, at: datetime) -> list[Elsewhere]:
    """Return the lists whose newest proposal could be applied, and is not in what is shown."""
    shown_id = shown.report["report_id"] if shown else None
    found = []
    for index in backend.settings.maintained:
        state = _newest_waiting(backend, index, at)
        if state is None or state.is_live or state.proposal is None:
            continue
        report_id, changes = state.proposal.report_id, state.proposal.changes
        if report_id != shown_id and (changes.added or changes.removed or changes.updated):
            found.append(Elsewhere(index.name, report_id))
    return found


def newest_dry_run(backend: Backend, at: datetime) -> ToApply | None:
    """Return the newest dry run that worked on lists, None where there is none."""
    maintained = backend.settings.maintained
    entry = backend.shelf.newest(lambda one: _stages_lists(one, maintained))
    return to_apply(backend, entry.report_id, at) if entry else None


def to_apply(backend: Backend, report_id: str, at: datetime) -> ToApply | None:
    """Return what applying the dry run `report_id` would do, None where it is no readable one."""
    report = backend.report(report_id)
    if report is None or report.get("dry_run") is not True:
        return None
    ready = backend.readiness(report, at)
    by_task = {one.task: one for one in ready.lists}
    refreshed = backend.shelf.last_refreshed(tuple(by_task))
    lists, known = [], backend.settings.maintained.constituent_tasks
    for result in results_of(report):
        if result.get("task") not in known:
            continue
        one, last = by_task.get(result["task"]), refreshed.get(result["task"])
        is_newer = last is not None and last.finished_at > str(result["finished_at"])
        newer = _newer_dry_run(backend, one, at)
        outcome = _outcome(one, is_refreshed_since=is_newer, is_superseded=bool(newer))
        lists.append(ListToApply(result, one, outcome, newer))
    if not lists:
        return None
    return ToApply(report, ready, lists, list(_cautions(backend, report, ready, at)))


def _newer_dry_run(backend: Backend, one: ListReadiness | None, at: datetime) -> str:
    """Return the report of a newer dry run of the same list that passed, with other bytes.

    A source that erred and was put right would otherwise still be published, from an old page.
    """
    if one is None or not one.can_apply:
        return ""
    newest = _newest_waiting(backend, index_of_task(one.task), at)
    if newest is None or newest.proposal is None or newest.proposal_id == one.proposal_id:
        return ""
    own = read_proposal(backend.home, one.proposal_id)
    is_newer = newest.proposal.created_at > own.created_at
    return newest.proposal.report_id if is_newer and newest.proposal.sha256 != own.sha256 else ""


def _newest_waiting(backend: Backend, index: Index, at: datetime) -> ProposalState | None:
    """Return the newest proposal of `index` where it waits and is no look at a backup."""
    state = backend.proposals.newest_state(index, backend.settings, at)
    if state is None or state.state is not State.WAITING or state.proposal is None:
        return None
    return state if state.proposal.from_backup is None else None


def _outcome(
    one: ListReadiness | None, *, is_refreshed_since: bool, is_superseded: bool
) -> Outcome:
    if one is None or is_superseded:
        return Outcome.REFUSE
    if one.state is State.PROMOTED and one.is_live:
        return Outcome.DONE
    if not one.can_apply:
        return Outcome.REFUSE
    if not one.is_live:
        return Outcome.REPLACE
    # Confirming a restore would make an older list look fresh.
    return Outcome.DONE if is_refreshed_since or one.is_restore else Outcome.CONFIRM


def _stages_lists(entry: ReportSummary, maintained: Maintained) -> bool:
    """Tell a dry run of lists; a look at a backup is none, and has a page of its own."""
    return entry.dry_run is True and any(
        line.task in maintained.constituent_tasks
        and line.was_tried
        and not str(line.source).startswith(BACKUP_SOURCE)
        for line in entry.results
    )


def _cautions(
    backend: Backend, report: dict[str, Any], ready: Readiness, at: datetime
) -> Iterator[str]:
    replaced = (one.task for one in ready.lists if one.can_apply and not one.is_live)
    venues = {index_of_task(task).venue for task in replaced}
    closures = read_closures(backend.home, backend.settings) if venues else NO_CLOSURES
    for venue in sorted(venues, key=lambda one: one.code):
        if may_be_open(venue, at, closures):
            yield (
                f"{venue.name} ({venue.code}) may be open now: a robot that is trading sees the "
                "list change under it. Off-peak is better."
            )
    for one in ready.lists:
        index = index_of_task(one.task)
        published = read_generation(backend.home, index)
        if published and not backend.home.live_file(index.key).exists():
            yield (
                f"The file of {index.name} that {published.report_id} promoted is gone, so that "
                "nothing is compared with it, and no limit on changes applies."
            )
    if report["overrides"].get("allow_large_change"):
        reason = report["reason"] or "no reason was given"
        yield f"A change of more than the failure limit was allowed for this dry run: {reason}"
    last = backend.last_result(MARKET_EVENTS)
    if last.get("status") in {"failed", "partial_failure"}:
        named = ", ".join(failed_providers(last)) or "all providers"
        yield f"The last run of market events failed ({named}): events may be incomplete."
