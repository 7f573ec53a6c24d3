"""What reports and proposals are called on the page, where their own words would mislead."""

from typing import Any

from tws_maintenance.config.indices import METADATA_VALIDATION
from tws_maintenance.constituents.proposal_state import NOTHING_TO_CHANGE, State
from tws_maintenance.reports.store import BACKUP_SOURCE
from tws_maintenance.reports.summary import ReportSummary

STATES = {State.OUTDATED: "outdated: the file changed since", State.TOO_OLD: "expired"}


def kind_of(report: dict[str, Any] | ReportSummary) -> str:
    """Return what a report is of; a restore and a validation are told from the rest."""
    if isinstance(report, ReportSummary):
        dry_run, tasks = report.dry_run, [line.task for line in report.results]
        sources = [line.source for line in report.results]
    else:
        dry_run, tasks = report["dry_run"], [one["task"] for one in report["results"]]
        sources = [one["source"] for one in report["results"]]
    if dry_run is None:
        return "unknown"
    if tasks and set(tasks) == {METADATA_VALIDATION}:
        return "validation"
    if any(str(source).startswith(BACKUP_SOURCE) for source in sources):
        return "restore preview" if dry_run else "restore"
    return "dry run" if dry_run else "apply"


def proposal_words(proposal: dict[str, Any]) -> str:
    """Return what became of a proposal, and what it would change."""
    kinds = ("added", "removed", "renamed", "updated")
    counts = [f"{proposal[kind]} {kind}" for kind in kinds if proposal[kind]]
    is_live = proposal["why"] == NOTHING_TO_CHANGE
    if proposal["state"] == State.WAITING and (is_live or not counts):
        return "nothing differs"
    return ", ".join([STATES.get(proposal["state"], proposal["state"]), *counts])
