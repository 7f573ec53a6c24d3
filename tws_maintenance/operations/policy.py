"""What may start by itself now: one decision a task, always with its reason.

A dry run does not make a list fresh, so age by itself would start one after another: a proposal
that waits, a run at work and a recent attempt are reasons not to. Nothing is started here;
`pipeline.schedules` and `pipeline.sensors` ask.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from tws_maintenance.audit.results import Outcome
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import MARKET_EVENTS, Index, task_name
from tws_maintenance.config.settings import Settings
from tws_maintenance.config.venues import Venue
from tws_maintenance.constituents.promotion_stamp import read_generation
from tws_maintenance.constituents.proposal import Proposal
from tws_maintenance.core.clock import CLOCK_TOLERANCE, age_days, parse_utc
from tws_maintenance.core.errors import UsageError
from tws_maintenance.core.text import counted
from tws_maintenance.market_events.market_hours import VenueState, clock
from tws_maintenance.market_events.providers.calendars import NO_CLOSURES, Closures
from tws_maintenance.market_events.providers.closures import read_closures
from tws_maintenance.reports.apply_offer import ListReadiness, is_refreshed_since, readiness
from tws_maintenance.reports.catalog import ReportCatalog
from tws_maintenance.reports.file_names import BACKUP_SOURCE
from tws_maintenance.reports.schema import ListResult, TaskStatus
from tws_maintenance.reports.store import find_report, read_report
from tws_maintenance.reports.summary import ReportSummary, ResultLine
from tws_maintenance.reports.vote_words import set_aside, titles_of

# A promotion that nobody reviews must not fall into a session that is about to begin.
BEFORE_OPENING = timedelta(minutes=5)
# How many sources must agree in place of a review, or all that the list has.
VOUCHING = 3


@dataclass(frozen=True)
class Decision:
    """Whether to start something for a task now; `why` is a sentence either way.

    `report_id` is the dry run to promote, "" where a dry run is to be made.
    """

    task: str
    starts: bool
    why: str
    report_id: str = ""


@dataclass(frozen=True)
class Situation:
    """What decisions are made from: the home, its settings, the instant, the runs at work.

    `begun` is when a run last started to fetch a task, even one that could leave no report.
    """

    home: Home
    settings: Settings
    at: datetime
    shelf: ReportCatalog
    busy: frozenset[str] = frozenset()
    begun: Mapping[str, datetime] = field(default_factory=dict)

    @cached_property
    def closures(self) -> Closures:
        """The closures that the operator added, read once."""
        return read_closures(self.home, self.settings)

    @property
    def until(self) -> datetime:
        """The latest credible instant: anything dated later came from a wrong clock."""
        return self.at + CLOCK_TOLERANCE


def decide(now: Situation) -> list[Decision]:
    """Return a decision for every list and for the events, in the order of the tasks."""
    return [*(_of_list(now, index) for index in now.settings.maintained), _of_events(now)]


def decide_promotions(now: Situation) -> list[Decision]:
    """Return, where the setting allows it, a decision for each list that a dry run staged.

    Without a review, only a list that passed every rule without a warning is promoted, with a small
    turnover, while its market is certainly closed.
    """
    if not now.settings.automation.auto_apply:
        return []
    found = ((index, _newest(now, index)) for index in now.settings.maintained)
    return [_of_promotion(now, index, *newest) for index, newest in found if newest]


def opened(venue: Venue, at: datetime, closures: Closures = NO_CLOSURES) -> str:
    """Return why `venue` counts as open at `at`, "" where it is certainly closed.

    `closures` are the operator's. Unknown counts as open here, because nobody reviews what
    starts by itself.
    """
    found = clock(venue, at, closures)
    if found.state == VenueState.CLOSED:
        return ""
    if found.state == VenueState.UNKNOWN:
        return f"could not tell whether {venue.name} is open; treated as open"
    until = f" until {found.until:%H:%M} UTC" if found.until else ""
    state = "at lunch" if found.state == VenueState.LUNCH else "open"
    return f"{venue.name} is {state}{until}"


def _of_list(now: Situation, index: Index) -> Decision:
    age = _age(now, index.task, now.settings.of(index).max_age_days)
    reason = ""
    if age.is_old:
        reason = (
            opened(index.venue, now.at, now.closures)
            or _waiting(now, index)
            or _held_back(now, index.task)
        )
    return _decision(index.task, age, reason)


def _of_events(now: Situation) -> Decision:
    age = _age(now, MARKET_EVENTS, now.settings.events.max_age_days)
    reason = ""
    if age.is_old:
        venues = now.settings.maintained.venues
        reasons = (reason for venue in venues if (reason := opened(venue, now.at, now.closures)))
        reason = next(reasons, "") or _looked_at(now) or _held_back(now, MARKET_EVENTS)
    return _decision(MARKET_EVENTS, age, reason)


@dataclass(frozen=True)
class _Age:
    is_old: bool
    text: str


def _age(now: Situation, task: str, max_age: float) -> _Age:
    refreshed = now.shelf.last_refreshed((task,), now.until).get(task)
    if refreshed is None:
        ahead = now.shelf.last_refreshed((task,)).get(task)
        hint = f" ({ahead.report_id} is dated in the future: check the clock)" if ahead else ""
        return _Age(is_old=True, text=f"never refreshed{hint}")
    days = age_days(refreshed.finished_at, now.at)
    text = f"refreshed {max(days, 0.0):.1f} days ago, at most {max_age:g} are allowed"
    return _Age(is_old=days > max_age, text=text)


def _decision(task: str, age: _Age, reason: str) -> Decision:
    why = f"{age.text}; {reason}" if reason else age.text
    return Decision(task, starts=age.is_old and not reason, why=why)


def _held_back(now: Situation, task: str) -> str:
    """Return why nothing is started for `task` although it is old, "" where there is no reason."""
    if task in now.busy:
        return "a run of it is in progress"
    limit = now.settings.automation.retry_hours
    allowed = f"and [automation] retry_hours is {limit:g}"
    last = now.shelf.newest(lambda one: _is_attempt(one, task, now.until))
    if last is not None and (hours := _hours_since(now, parse_utc(str(last.started_at)))) < limit:
        return f"the last attempt, {last.report_id}, is {hours:.1f} h old, {allowed}"
    begun_at = now.begun.get(task)
    if begun_at is not None and (hours := _hours_since(now, begun_at)) < limit:
        return f"a run without a report started {hours:.1f} h ago, {allowed}"
    return ""


def _hours_since(now: Situation, at: datetime) -> float:
    return max((now.at - at).total_seconds() / 3600, 0.0)


def _is_attempt(entry: ReportSummary, task: str, until: datetime) -> bool:
    """Return whether a run was meant to fetch `task`, even one that died before it could begin.

    A refused promotion fetched nothing, nor did a restore. A run that a wrong clock dated in the
    future would always come first and hide the present attempts.
    """

    def fetched(line: ResultLine) -> bool:
        restores = str(line.source).startswith(BACKUP_SOURCE)
        return line.task == task and not line.refusal and not restores

    is_past = entry.started_at is not None and parse_utc(entry.started_at) <= until
    return is_past and any(map(fetched, entry.results))


def _waiting(now: Situation, index: Index) -> str:
    """Return that a fresh dry run of `index` passed and was not applied, else ""."""
    newest = _newest(now, index)
    if newest is None or _unfit(now, index, *newest):
        return ""
    return f"the dry run {newest[0].report_id} passed and waits to be applied"


def _looked_at(now: Situation) -> str:
    """Return that a recent dry run shows what a refresh of the events would store, else "".

    Events are not promoted: their dry run counts like one of a list that waits.
    """
    entry = now.shelf.last_staged(MARKET_EVENTS, now.until)
    if entry is None:
        return ""
    line = next(one for one in entry.results if one.task == MARKET_EVENTS)
    hours = _hours_since(now, parse_utc(str(entry.started_at)))
    is_recent = hours < now.settings.proposals.max_age_hours
    staged_at = line.finished_at or entry.finished_at
    is_done = is_refreshed_since(now.shelf, MARKET_EVENTS, staged_at, now.at)
    if line.status != TaskStatus.SUCCESS or not is_recent or is_done:
        return ""
    return f"the dry run {entry.report_id} shows what refresh_market_events would store"


def _newest(now: Situation, index: Index) -> tuple[ReportSummary, ListReadiness] | None:
    """Return the newest dry run of `index`, and whether it can be applied now."""
    entry = now.shelf.last_staged(index.task, now.until)
    if entry is None:
        return None
    report = find_report(now.home, entry.report_id)
    if report is None:
        return None  # damaged or removed since it was listed
    ready = readiness(now.home, now.settings, report, now.at)
    return next(((entry, one) for one in ready.lists if one.task == index.task), None)


def _unfit(now: Situation, index: Index, entry: ReportSummary, ready: ListReadiness) -> str:
    """Return why a dry run cannot be applied any more, "" where it waits."""
    if not ready.can_apply:
        return ready.why.removesuffix(".")
    line = next(one for one in entry.results if one.task == index.task)
    is_done = is_refreshed_since(
        now.shelf, line.task, line.finished_at or entry.finished_at, now.at
    )
    return "it was applied already" if is_done else ""


def _of_promotion(
    now: Situation, index: Index, entry: ReportSummary, ready: ListReadiness
) -> Decision:
    unfit = _unfit(now, index, entry, ready)
    reasons = [unfit] if unfit else [*_doubts(now, index, entry, ready)]
    if reasons:
        why = f"{entry.report_id} is not applied by itself: {'; '.join(reasons)}"
        return Decision(index.task, starts=False, why=why, report_id=entry.report_id)
    why = f"{entry.report_id} passed every rule without a warning"
    return Decision(index.task, starts=True, why=why, report_id=entry.report_id)


def _doubts(
    now: Situation, index: Index, entry: ReportSummary, ready: ListReadiness
) -> Iterator[str]:
    """Yield why a manual review is needed, or another moment."""
    proposal, receipt = ready.found.proposal, ready.found.receipt
    assert proposal is not None, "what may be applied has a record"
    assert receipt is not None, "what may be applied has a receipt"
    try:
        report = read_report(now.home, entry.report_id)
        (result,) = [one for one in report.lists if one.task == index.task]
    except (OSError, ValueError, UsageError) as error:
        yield str(error)
        return
    warned = [check.name for check in receipt.checks if check.outcome is not Outcome.PASSED]
    if warned:
        yield f"rules with a warning: {', '.join(warned)}"
    if receipt.allow_large_change:
        yield "its audit accepted a large change"
    yield from _disagreement(result)
    # Announcements that could not be read do not hold a list back.
    warnings = [text for text in result.warnings if text not in proposal.announcement_warnings]
    if warnings:
        yield f"warnings: {'; '.join(warnings)}"
    yield from _too_large(now, index, proposal)
    published = read_generation(now.home, index)
    if published is not None and published.source.startswith(BACKUP_SOURCE):
        # Or the operator who restored it would find that undone.
        yield f"{published.report_id} restored a backup, so the next change needs a manual review"
    instants = (now.at, now.at + BEFORE_OPENING)
    found = (opened(index.venue, at, now.closures) for at in instants)
    closing = next(filter(None, found), "")
    if closing:
        yield closing
    if index.task in now.busy:
        yield "a run of it is in progress"


def _disagreement(result: ListResult) -> Iterator[str]:
    """Yield why the sources do not confirm a change: too few of them, or one that differs."""
    titles = titles_of(result)
    wanted = min(VOUCHING, len(titles))
    votes = result.membership.votes if result.membership else {}
    if len(votes) < wanted:
        aside = "; ".join(f"{titles[name]}: {why}" for name, why in set_aside(result).items())
        usable = counted(len(votes), "usable source")
        yield f"{usable}, but {wanted} must agree" + (f" ({aside})" if aside else "")
    for one in result.membership.changed if result.membership else ():
        others = one.listed_by if one.outcome == "leaves" else one.not_listed_by
        if others:
            verb = "differs" if len(others) == 1 else "differ"
            yield f"{one.symbol}: {', '.join(titles[name] for name in others)} {verb}"


def _too_large(now: Situation, index: Index, proposal: Proposal) -> Iterator[str]:
    if proposal.before_count is None:
        yield f"{task_name(index.task)} has no live file to compare with"
        return
    changes = proposal.changes
    share = (len(changes.added) + len(changes.removed)) / max(proposal.before_count, 1)
    limit = now.settings.automation.auto_apply_max_turnover
    if share > limit:
        yield f"a turnover of {share:.1%}, above the limit of {limit:.1%} ([automation])"
