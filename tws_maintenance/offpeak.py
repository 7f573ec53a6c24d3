"""What may be started now without anyone asking: one decision a task, always with its reason.

A dry run does not make a list fresh, so that being old alone would start one for ever: a proposal
that waits, a run at work and an attempt that is too young are reasons not to. Nothing is started
here; schedules and sensors, of `tws_maintenance.pipeline.automation`, ask.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from tws_maintenance.clock import parse_utc
from tws_maintenance.constituents.proposal import Proposal, read_proposal
from tws_maintenance.constituents.readiness import ListReadiness, readiness
from tws_maintenance.errors import ProposalMissing, ProposalUnaudited, UsageError
from tws_maintenance.freshness import age_days
from tws_maintenance.home import Home
from tws_maintenance.indices import INDICES, MARKET_EVENTS, VENUES, Index, Venue
from tws_maintenance.market_events.clocks import VenueState, clock
from tws_maintenance.receipt import read_receipt
from tws_maintenance.reports.markdown import task_name
from tws_maintenance.reports.shelf import ReportShelf
from tws_maintenance.reports.store import read_report
from tws_maintenance.settings import Settings
from tws_maintenance.verdict import Outcome


@dataclass(frozen=True)
class Decision:
    """Whether to start something for a task now; `why` is a sentence either way.

    `report_id` is the dry run that is to be promoted, "" where a dry run is to be made.
    """

    task: str
    starts: bool
    why: str
    report_id: str = ""


@dataclass(frozen=True)
class Situation:
    """What decisions are made from: the home, its settings, the instant, the runs at work."""

    home: Home
    settings: Settings
    at: datetime
    shelf: ReportShelf
    busy: frozenset[str]


def decide(now: Situation) -> list[Decision]:
    """Return a decision for every list and for the events, in the order of the tasks."""
    return [*(_of_list(now, index) for index in INDICES.values()), _of_events(now)]


def decide_promotions(now: Situation) -> list[Decision]:
    """Return, where the setting allows it, a decision for each list whose dry run waits.

    Promoted without a reader is only what no rule had anything to say about, with a small
    turnover, while its market is closed for sure.
    """
    if not now.settings.automation.auto_apply:
        return []
    found = []
    for index in INDICES.values():
        waiting = _waiting(now, index)
        if waiting is not None:
            found.append(_of_promotion(now, index, *waiting))
    return found


def opened(venue: Venue, at: datetime) -> str:
    """Return why `venue` counts as open at `at`, "" where it is closed for sure.

    Unknown counts as open here: nobody looks before something is started.
    """
    found = clock(venue, at)
    if found.state == VenueState.CLOSED:
        return ""
    if found.state == VenueState.UNKNOWN:
        return f"it is not known whether {venue.name} is open, which counts as open"
    until = f" until {found.until:%H:%M} UTC" if found.until else ""
    return f"{venue.name} is {found.state}{until}"


def _of_list(now: Situation, index: Index) -> Decision:
    max_age = now.settings.of(index).max_age_days
    refreshed = now.shelf.last_refreshed((index.task,)).get(index.task)
    age = _age(refreshed.finished_at if refreshed else None, now.at, max_age)
    if not age.is_old:
        return Decision(index.task, starts=False, why=age.text)
    if reason := opened(index.venue, now.at):
        return Decision(index.task, starts=False, why=f"{age.text}; {reason}")
    if reason := _held_back(now, index.task):
        return Decision(index.task, starts=False, why=f"{age.text}; {reason}")
    waiting = _waiting(now, index)
    if waiting is not None:
        proposal, _ = waiting
        told = f"the dry run {proposal.report_id} passed and waits to be applied"
        return Decision(index.task, starts=False, why=f"{age.text}; {told}")
    return Decision(index.task, starts=True, why=age.text)


def _of_events(now: Situation) -> Decision:
    refreshed = now.shelf.last_refreshed((MARKET_EVENTS,)).get(MARKET_EVENTS)
    max_age = now.settings.events.max_age_days
    age = _age(refreshed.finished_at if refreshed else None, now.at, max_age)
    if not age.is_old:
        return Decision(MARKET_EVENTS, starts=False, why=age.text)
    reasons = [reason for venue in VENUES if (reason := opened(venue, now.at))]
    reason = (reasons or [_held_back(now, MARKET_EVENTS)])[0]
    if reason:
        return Decision(MARKET_EVENTS, starts=False, why=f"{age.text}; {reason}")
    return Decision(MARKET_EVENTS, starts=True, why=age.text)


@dataclass(frozen=True)
class _Age:
    is_old: bool
    text: str


def _age(refreshed_at: str | None, at: datetime, max_age: float) -> _Age:
    if refreshed_at is None:
        return _Age(is_old=True, text="never refreshed")
    days = age_days(refreshed_at, at)
    # A clock that was set back makes a refresh of the future: old enough to look again.
    if days < 0:
        return _Age(is_old=True, text=f"refreshed in the future ({refreshed_at}): check the clock")
    text = f"refreshed {days:.1f} days ago, at most {max_age:g} are allowed"
    return _Age(is_old=days > max_age, text=text)


def _held_back(now: Situation, task: str) -> str:
    """Return why nothing is started for `task` although it is old, "" where nothing speaks."""
    if task in now.busy:
        return "a run of it is in progress"
    last = now.shelf.last_result(task)
    if last is None or last[0].started_at is None:
        return ""
    age = now.at - parse_utc(last[0].started_at)
    pause = timedelta(hours=now.settings.automation.retry_hours)
    if timedelta(0) <= age < pause:
        hours = age.total_seconds() / 3600
        return (
            f"the last attempt, {last[0].report_id}, is {hours:.1f} h old, and [automation] "
            f"retry_hours is {pause.total_seconds() / 3600:g}"
        )
    return ""


def _waiting(now: Situation, index: Index) -> tuple[Proposal, ListReadiness] | None:
    """Return the newest dry run of `index` that passed, is fresh, and was not applied."""
    entry = now.shelf.newest(
        lambda one: (
            one.dry_run is True
            and any(line.task == index.task and line.proposal_id for line in one.results)
        )
    )
    if entry is None:
        return None
    try:
        ready = readiness(now.home, now.settings, read_report(now.home, entry.report_id), now.at)
        one = next((one for one in ready.lists if one.task == index.task and one.can_apply), None)
        if one is None or one.is_restore or _was_confirmed(now, index, entry.finished_at):
            return None
        return read_proposal(now.home, one.proposal_id), one
    except (OSError, ValueError, UsageError, ProposalMissing):
        return None


def _was_confirmed(now: Situation, index: Index, staged_at: str | None) -> bool:
    """Tell whether the list was refreshed since: a proposal without a change is never used up."""
    refreshed = now.shelf.last_refreshed((index.task,)).get(index.task)
    return refreshed is not None and refreshed.finished_at > (staged_at or "")


def _of_promotion(
    now: Situation, index: Index, proposal: Proposal, ready: ListReadiness
) -> Decision:
    reasons = [*_doubts(now, index, proposal, ready)]
    if reason := opened(index.venue, now.at):
        reasons.append(reason)
    if index.task in now.busy:
        reasons.append("a run of it is in progress")
    if reasons:
        told = f"{proposal.report_id} is not applied by itself: {'; '.join(reasons)}"
        return Decision(index.task, starts=False, why=told, report_id=proposal.report_id)
    told = f"{proposal.report_id} passed every rule without a warning"
    return Decision(index.task, starts=True, why=told, report_id=proposal.report_id)


def _doubts(
    now: Situation, index: Index, proposal: Proposal, ready: ListReadiness
) -> Iterable[str]:
    """Yield why a reader is wanted."""
    try:
        receipt = read_receipt(now.home, proposal.proposal_id)
    except ProposalUnaudited as error:
        yield str(error)
        return
    warned = [check.name for check in receipt.checks if check.outcome is not Outcome.PASSED]
    if warned:
        yield f"warnings of {', '.join(warned)}"
    if receipt.allow_large_change:
        yield "a large change was allowed for it"
    report = read_report(now.home, proposal.report_id)
    result = next(one for one in report["results"] if one["task"] == ready.task)
    if result["warnings"]:
        yield f"warnings: {'; '.join(result['warnings'])}"
    if proposal.before_count is None:
        yield f"{task_name(index.task)} has no live file to compare with"
        return
    changes = proposal.changes
    share = (len(changes.added) + len(changes.removed)) / max(proposal.before_count, 1)
    limit = now.settings.automation.auto_apply_max_turnover
    if share > limit:
        yield f"a turnover of {share:.1%}, more than {limit:.1%} ([automation])"
