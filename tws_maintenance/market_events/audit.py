"""The audit of a proposal of events: it reads the staged file and judges it by every rule.

Belongs here: how each rule is checked. Does not: the rules' names and texts (`rules`), and what
an audit allows (`sync`).
"""

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
from tws_maintenance.config.symbol_markets import venue_of
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
        ProposalMissing: events.json cannot be read; no receipt is written.
        KeyError, TypeError, ValueError: events.json has another form; no receipt is written.
    """
    staged, digest = read_staged(home, proposal_id)
    checks = judge(staged)
    if staged.get("service") == EventsService.ROBOT:
        checks = tuple(_of_robot(check) for check in checks)
    receipt = receipt_of(
        proposal_id,
        digest,
        checks,
        Override(**staged.get("override", {})),  # the robot's own events have none
        # Judged for each provider when it is stored: only a provider beyond it fails (sync.py).
        {"fail_stale": staged["fail_stale"]} if "fail_stale" in staged else {},
        mark,
    )
    write_receipt(home, receipt)
    return receipt


def _of_robot(check: RuleResult) -> RuleResult:
    """Return a rule's result for the robot's own store: a warning at most.

    This program cannot hold back the robot's events, and a refresh is what corrects them.
    """
    if check.name == rules.FOMC.name:
        message = "not checked: the robot keeps the events and shows only those in the window"
        return replace(check, message=message)
    if check.outcome != Outcome.FAILED:
        return check
    if check.name == rules.ANSWERED.name:
        message = "the robot has not logged a refresh of its events yet"
        return replace(check, outcome=Outcome.WARNED, message=message)
    return replace(check, outcome=Outcome.WARNED, message=f"in the robot's store: {check.message}")


def judge(staged: StagedJson) -> tuple[RuleResult, ...]:
    """Return the result of each rule for the content of events.json, in the order of the rules."""
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
    """Return the schema of events, one row each; the error of a check is the name of its rule."""
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
        return True  # the rule for dates reports it
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
    listed = (row["subject"], row["market_timezone"])
    return venue is not None and (symbol, venue.timezone) == listed


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
    # A check of a whole row fails once for each column.
    return judge_rows(rule, cases.drop_duplicates("index"), frame, _ROWS)


def _answered(answers: list[AnswerJson]) -> RuleResult:
    """Return whether any provider answered; "unknown symbol" for every symbol is an answer too."""
    unknown = SymbolOutcome.UNKNOWN_SYMBOL.value
    good = [
        one["provider"]
        for one in answers
        if one["covers"] or any(outcome == unknown for outcome, _ in one["symbols"].values())
    ]
    outcome = Outcome.PASSED if good else Outcome.FAILED
    asked = ", ".join(one["provider"] for one in answers)
    message = f"answered: {', '.join(good)}" if good else f"no provider answered (asked: {asked})"
    return RuleResult(rules.ANSWERED.name, outcome, message, measured=float(len(good)))


def _fomc(answers: list[AnswerJson], window: Window) -> RuleResult:
    """Return whether this year has its meetings; a warning if the page could not be read."""
    answer = next((one for one in answers if one["provider"] == FEDERAL_RESERVE.name), None)
    if answer is None or not answer["covers"]:
        message = "not checked: could not read the Federal Reserve's calendar; stored events stay"
        return RuleResult(rules.FOMC.name, Outcome.WARNED, message)
    year = str(window.today("America/New_York").year)
    count = answer["counts"].get(year, 0)
    outcome = Outcome.PASSED if count == SCHEDULED_MEETINGS else Outcome.FAILED
    if count > SCHEDULED_MEETINGS:  # the page is odd, but hides no meeting
        outcome = Outcome.WARNED
    meetings = "1 scheduled meeting" if count == 1 else f"{count} scheduled meetings"
    message = f"{meetings} in {year}; expected {SCHEDULED_MEETINGS}"
    return RuleResult(rules.FOMC.name, outcome, message, measured=float(count))
