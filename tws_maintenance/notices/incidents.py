"""What an operator should hear of: failed, stale, broken, drifted, waiting for approval.

An incident has a key that stays the same as long as it is the same incident, so that it is told
once. What belongs here is finding them; telling is `channels`, remembering who was told `telling`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tws_maintenance.constituents.readiness import ListReadiness, readiness
from tws_maintenance.home import Home
from tws_maintenance.indices import CONSTITUENT_TASKS, MARKET_EVENTS, TASKS
from tws_maintenance.reports.entry import Entry
from tws_maintenance.reports.markdown import task_name, verdict
from tws_maintenance.reports.record import TaskStatus
from tws_maintenance.reports.shelf import ReportShelf
from tws_maintenance.reports.status import overview
from tws_maintenance.reports.store import read_report
from tws_maintenance.settings import Settings
from tws_maintenance.storage.digest import sha256

BAD = frozenset({TaskStatus.FAILED, TaskStatus.PARTIAL_FAILURE})


@dataclass(frozen=True)
class Incident:
    """One thing to tell: `kind` is failed, broken, stale, drifted or waiting."""

    key: str
    kind: str
    subject: str
    text: str


def find_incidents(
    home: Home, settings: Settings, at: datetime, shelf: ReportShelf
) -> list[Incident]:
    """Return everything that is wrong or waits at this instant, the gravest first."""
    state = overview(home, settings, at, shelf)
    return [
        *_failed(home, shelf),
        *_of_lists(state["constituents"]),
        *_of_events(state["market_events"]),
        *_waiting(home, settings, at, shelf),
    ]


def _failed(home: Home, shelf: ReportShelf) -> Iterator[Incident]:
    """Yield the runs whose failure no later run of the same task has made up for."""
    found = (shelf.last_result(task) for task in TASKS)
    bad = {one[0].report_id: one[0] for one in found if one and one[1].status in BAD}
    for entry in bad.values():
        try:
            report = read_report(home, entry.report_id)
            subject, errors = verdict(report), report["errors"]
        except (OSError, ValueError, KeyError, TypeError):
            subject, errors = f"{entry.report_id}: {entry.status}", []
        lines = [*errors, f"Report: {entry.report_id}, by {entry.actor} ({entry.entry_point})."]
        yield Incident(f"failed:{entry.report_id}", "failed", subject, "\n".join(lines))


def _of_lists(lists: list[dict[str, Any]]) -> Iterator[Incident]:
    for one in lists:
        name, refreshed = one["name"], one["last_refreshed_at"]
        if one["file_problem"]:
            told = f"{one['file_problem']} Look: python -m tws_maintenance validate"
            yield Incident(_key("broken", one["task"], told), "broken", f"{name} is broken", told)
        if one["stale"]:
            since = f"since {refreshed}" if refreshed else "ever"
            told = f"{name} was not refreshed {since}. python -m tws_maintenance run"
            key = f"stale:{one['task']}:{refreshed}"
            yield Incident(key, "stale", f"{name} is stale", told)
        if one["drift"]:
            key = _key("drifted", one["task"], one["drift"])
            yield Incident(key, "drifted", f"{name} was edited", one["drift"])


def _of_events(events: dict[str, Any]) -> Iterator[Incident]:
    if events["needs_refresh"]:
        refreshed = events["last_refreshed_at"]
        told = "\n".join(events["doubts"]) or "The last complete sync is too old."
        yield Incident(f"stale:{MARKET_EVENTS}:{refreshed}", "stale", "Events are stale", told)


def _waiting(
    home: Home, settings: Settings, at: datetime, shelf: ReportShelf
) -> Iterator[Incident]:
    """Yield the newest dry run whose changes wait for somebody to look at them."""
    entry = shelf.newest(_is_dry_run_of_lists)
    if entry is None:
        return
    report = read_report(home, entry.report_id)
    lists = [
        one
        for one in readiness(home, settings, report, at).lists
        if one.can_apply and not one.is_live
    ]
    if lists:
        names = ", ".join(task_name(one.task) for one in lists)
        told = "\n".join(_changes(report, one) for one in lists)
        command = f"python -m tws_maintenance promote {entry.report_id}"
        text = f"{told}\nLook at {entry.report_id}, then: {command}"
        yield Incident(f"waiting:{entry.report_id}", "waiting", f"To be applied: {names}", text)


def _changes(report: dict[str, Any], one: ListReadiness) -> str:
    result = next(result for result in report["results"] if result["task"] == one.task)
    parts = [f"+{len(result['added'])}", f"-{len(result['removed'])}"]
    names = ", ".join([*result["added"], *result["removed"]][:20])
    return f"{task_name(one.task)}: {' '.join(parts)} {names}".rstrip()


def _is_dry_run_of_lists(entry: Entry) -> bool:
    return entry.dry_run is True and any(
        line.task in CONSTITUENT_TASKS and line.proposal_id for line in entry.results
    )


def _key(kind: str, task: str, text: str) -> str:
    return f"{kind}:{task}:{sha256(text.encode())[:16]}"
