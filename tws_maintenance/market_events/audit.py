"""Judging what was staged, as it lies on disk, by every rule; the verdict is the receipt."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pandera.pandas as pa

from tws_maintenance.audit.evaluate import Case, Rows, failures, judge_rows
from tws_maintenance.audit.receipt import Override, Receipt, receipt_of, write_receipt
from tws_maintenance.audit.results import Cell, Outcome, Rule, RuleResult
from tws_maintenance.audit.run_context import RunContext
from tws_maintenance.config.events_service import EventsService
from tws_maintenance.config.home import Home
from tws_maintenance.config.markets import venue_of
from tws_maintenance.core.clock import parse_utc
from tws_maintenance.market_events import rules
from tws_maintenance.market_events.model import (
    FEDERAL_RESERVE,
    PROVIDERS,
    EventType,
    SymbolOutcome,
    Window,
)
from tws_maintenance.market_events.proposal import AnswerJson, StagedJson, read_staged

SCHEDULED_MEETINGS = 8
SATURDAY = 5
_COLUMNS = (
    "provider", "event_type", "subject", "symbol", "event_date", "end_date", "start_at_utc",
    "market_timezone", "is_known",
)  # fmt: skip
_OF_A_SYMBOL = {EventType.EARNINGS.value, EventType.DIVIDEND.value}
_OF_A_VENUE = {EventType.MARKET_HOLIDAY.value, EventType.MARKET_EARLY_CLOSE.value}


def audit(home: Home, proposal_id: str, mark: RunContext) -> Receipt:
    """Judge events.json of a proposal, write its receipt and return it.

    Raises:
        ProposalMissing: events.json cannot be read; there is no receipt then.
        KeyError, TypeError, ValueError: it is not of the form that staging writes; nor then.
    """
    staged, digest = read_staged(home, proposal_id)
    checks = judge(staged)
    if staged.get("service") == EventsService.ROBOT:
        checks = tuple(_of_robot(check) for check in checks)
    receipt = receipt_of(
        proposal_id,
        digest,
        checks,
        Override(**staged.get("override", {})),  # the robot's own events know none
        # Of a provider, and held against the store: an answer beyond it fails alone (sync.py).
        {"fail_stale": staged["fail_stale"]} if "fail_stale" in staged else {},
        mark,
    )
    write_receipt(home, receipt)
    return receipt


def _of_robot(check: RuleResult) -> RuleResult:
    """Return what a rule says of the robot's own store: a warning at most.

    It is not ours to hold back, and a refresh is what would mend it.
    """
    if check.name == rules.FOMC.name:
        told = "not judged: the robot, which keeps the events, shows those of the window alone"
        return replace(check, message=told)
    if check.outcome != Outcome.FAILED:
        return check
    if check.name == rules.ANSWERED.name:
        told = "the robot has logged no refresh of its events yet"
        return replace(check, outcome=Outcome.WARNED, message=told)
    return replace(
        check, outcome=Outcome.WARNED, message=f"in the robot's own store: {check.message}"
    )


def judge(staged: StagedJson) -> tuple[RuleResult, ...]:
    """Return the result of each rule about what events.json holds, in their order."""
    records = [
        {**{name: event.get(name) for name in _COLUMNS}, "provider": answer["provider"]}
        for answer in staged["answers"]
        for event in answer["events"]
    ]
    window = Window.from_dict(staged["window"])
    frame = pd.DataFrame(records, columns=list(_COLUMNS), dtype=object)
    found = failures(_schema(window), frame)
    results = {
        rules.ANSWERED.name: _answered(staged["answers"]),
        rules.FOMC.name: _fomc(staged["answers"], window),
    }
    return tuple(results.get(rule.name) or _of_rows(rule, found, frame) for rule in rules.RULES)


def _schema(window: Window) -> pa.DataFrameSchema:
    """Return the schema of the events, a row each; a check's error is the name of its rule."""
    rows: dict[Rule, Callable[[pd.Series[Any]], bool]] = {
        rules.DATES: _has_dates,
        rules.WINDOW: lambda row: _is_in(window, row),
        rules.TYPES: _is_known,
        rules.SYMBOLS: _has_its_symbol,
        rules.WEEKDAYS: _is_on_a_weekday,
    }
    checks = [_by_row(rule, holds) for rule, holds in rows.items()]
    unique = pa.Check(
        lambda f: f.empty or ~f.duplicated(["event_type", "subject", "event_date"], keep=False),
        error=rules.UNIQUE.name,
    )
    columns = {name: pa.Column(nullable=True) for name in _COLUMNS}
    return pa.DataFrameSchema(columns, [*checks, unique])


def _by_row(rule: Rule, holds: "Callable[[pd.Series[Any]], bool]") -> pa.Check:
    def check(frame: pd.DataFrame) -> "pd.Series[bool] | bool":
        return True if frame.empty else frame.apply(holds, axis=1).astype(bool)

    return pa.Check(check, error=rule.name)


def _has_dates(row: "pd.Series[Any]") -> bool:
    first = _date(row["event_date"])
    last = _date(row["end_date"]) if row["end_date"] is not None else first
    if first is None or last is None or last < first:
        return False
    if row["start_at_utc"] is None:
        return True
    start = _instant(row["start_at_utc"])
    return start is not None and start.astimezone(ZoneInfo(row["market_timezone"])).date() == first


def _is_in(window: Window, row: "pd.Series[Any]") -> bool:
    first = _date(row["event_date"])
    last = _date(row["end_date"]) or first
    if first is None or last is None:
        return True  # the rule about dates has failed
    zone = row["market_timezone"]
    return bool(row["is_known"]) or (last >= window.today(zone) and first <= window.last(zone))


def _is_known(row: "pd.Series[Any]") -> bool:
    provider = PROVIDERS.get(row["provider"])
    return provider is not None and row["event_type"] in {t.value for t in provider.event_types}


def _has_its_symbol(row: "pd.Series[Any]") -> bool:
    if row["event_type"] not in _OF_A_SYMBOL:
        return row["symbol"] is None
    symbol = row["symbol"]
    venue = venue_of(symbol) if isinstance(symbol, str) else None
    told = (row["subject"], row["market_timezone"])
    return venue is not None and (symbol, venue.timezone) == told


def _is_on_a_weekday(row: "pd.Series[Any]") -> bool:
    day = _date(row["event_date"])
    return row["event_type"] not in _OF_A_VENUE or day is None or day.weekday() < SATURDAY


def _date(value: Any) -> date | None:
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        return None


def _instant(value: Any) -> datetime | None:
    try:
        return parse_utc(value).astimezone(UTC)
    except (TypeError, ValueError):
        return None


def _cell(case: Case, frame: pd.DataFrame) -> Cell:
    one = frame.iloc[int(case["index"])]
    return Cell(
        row=int(case["index"]),
        column="event_date",
        value=str(one["event_date"]),
        of=f"{one['event_type']} {one['subject']}",
    )


_ROWS = Rows("events", _cell, lambda one: f"{one.of} on {one.value}")


def _of_rows(rule: Rule, found: pd.DataFrame, frame: pd.DataFrame) -> RuleResult:
    cases = found[found["check"].astype(str).str.startswith(rule.name)]
    # A check of whole rows fails in every column of one.
    return judge_rows(rule, cases.drop_duplicates("index"), frame, _ROWS)


def _answered(answers: list[AnswerJson]) -> RuleResult:
    """A provider that knows none of the symbols it was asked for has answered all the same."""
    unknown = SymbolOutcome.UNKNOWN_SYMBOL.value
    good = [
        one["provider"]
        for one in answers
        if one["covers"] or any(outcome == unknown for outcome, _ in one["symbols"].values())
    ]
    told = ", ".join(good) if good else f"none of {', '.join(one['provider'] for one in answers)}"
    outcome = Outcome.PASSED if good else Outcome.FAILED
    return RuleResult(rules.ANSWERED.name, outcome, f"answered: {told}", measured=float(len(good)))


def _fomc(answers: list[AnswerJson], window: Window) -> RuleResult:
    """A page that could not be read is its provider's failure, and leaves this unjudged."""
    answer = next((one for one in answers if one["provider"] == FEDERAL_RESERVE.name), None)
    if answer is None or not answer["covers"]:
        told = "not judged: the Federal Reserve's calendar was not read; its events stay as stored"
        return RuleResult(rules.FOMC.name, Outcome.WARNED, told)
    year = str(window.today("America/New_York").year)
    count = answer["counts"].get(year, 0)
    outcome = Outcome.PASSED if count == SCHEDULED_MEETINGS else Outcome.FAILED
    if count > SCHEDULED_MEETINGS:  # a page that is odd, not one that hides a meeting
        outcome = Outcome.WARNED
    told = f"{count} scheduled meetings in {year}; expected {SCHEDULED_MEETINGS}"
    return RuleResult(rules.FOMC.name, outcome, told, measured=float(count))
