"""What the operator is shown before an apply: of one dry run, list by list, with every warning.

What is shown is what is promoted: the report's own proposals, named by their report. Nothing is
fetched in between.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tws_maintenance.console.backend import Backend
from tws_maintenance.constituents.readiness import ListReadiness, Readiness
from tws_maintenance.indices import CONSTITUENT_TASKS, MARKET_EVENTS, index_of_task
from tws_maintenance.market_events.calendars import may_be_open
from tws_maintenance.reports.entry import Entry
from tws_maintenance.reports.event_words import failed_providers
from tws_maintenance.reports.store import results_of


@dataclass(frozen=True)
class ListToApply:
    """One list of a dry run with its result, and what became of its proposal.

    `ready` is None where nothing was staged: its source failed, or it was never tried.
    """

    result: dict[str, Any]
    ready: ListReadiness | None

    @property
    def can_apply(self) -> bool:
        """Whether it would be published."""
        return self.ready is not None and self.ready.can_apply

    @property
    def problems(self) -> list[str]:
        """Why it cannot be applied, in sentences; none where it can."""
        if self.can_apply:
            return []
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
        """Whether the button is enabled: something passed, is fresh, and changes something."""
        return self.readiness.can_apply and self.readiness.changes_something

    @property
    def tasks(self) -> tuple[str, ...]:
        """What the button promotes."""
        return self.readiness.tasks_to_apply

    @property
    def why_not(self) -> str:
        """Why the button is not enabled."""
        if self.can_apply:
            return ""
        if self.readiness.can_apply:
            return "Nothing would change: the files are these lists already."
        told = [f"{one.result['task']}: {' '.join(one.problems)}" for one in self.lists]
        return " ".join(told) or "This report staged no list."

    @property
    def expires_at(self) -> str | None:
        """When the first of its proposals gets too old."""
        times = [one.ready.expires_at for one in self.lists if one.ready and one.can_apply]
        return min((at for at in times if at), default=None)


def newest_dry_run(backend: Backend, at: datetime) -> ToApply | None:
    """Return the newest dry run that worked on lists, None where there is none."""
    entry = backend.shelf.newest(_stages_lists)
    return to_apply(backend, entry.report_id, at) if entry else None


def to_apply(backend: Backend, report_id: str, at: datetime) -> ToApply | None:
    """Return what applying the dry run `report_id` would do, None where it is no readable one."""
    report = backend.report(report_id)
    if report is None or report.get("dry_run") is not True:
        return None
    ready = backend.readiness(report, at)
    by_task = {one.task: one for one in ready.lists}
    lists = [
        ListToApply(result, by_task.get(result["task"]))
        for result in results_of(report)
        if result.get("task") in CONSTITUENT_TASKS
    ]
    if not lists:
        return None
    return ToApply(report, ready, lists, list(_cautions(backend, report, ready, at)))


def _stages_lists(entry: Entry) -> bool:
    return entry.dry_run is True and any(
        line.task in CONSTITUENT_TASKS and line.was_tried for line in entry.results
    )


def _cautions(
    backend: Backend, report: dict[str, Any], ready: Readiness, at: datetime
) -> Iterator[str]:
    venues = {index_of_task(task).venue for task in ready.tasks_to_apply}
    for venue in sorted(venues, key=lambda one: one.code):
        if may_be_open(venue, at):
            yield (
                f"{venue.name} ({venue.code}) may be open now: a robot that is trading sees the "
                "list change under it. Off-peak is better."
            )
    if report["overrides"].get("allow_large_change"):
        reason = report["reason"] or "no reason was given"
        yield f"A change of more than the failure limit was allowed for this dry run: {reason}"
    last = backend.last_result(MARKET_EVENTS)
    if last.get("status") in {"failed", "partial_failure"}:
        named = ", ".join(failed_providers(last)) or "all providers"
        yield f"The last run of market events failed ({named}): events may be incomplete."
