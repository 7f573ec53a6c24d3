"""From what was found to how each rule came out: what the audits of lists and of events share.

Belongs here: pandera's failures as a frame of plain cells, and the results of rules about rows
and about numbers. Does not: the rules, the schemas and what is measured, which the rooms declare.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pandera.pandas as pa

from tws_maintenance.audit.results import Cell, Measure, Outcome, Rule, RuleResult
from tws_maintenance.core.text import some_of

COLUMNS = ["column", "check", "failure_case", "index"]
MAX_CELLS = 20
NAMED_CELLS = 5
ACCEPTED = " (accepted: --allow-large-change)"

Case = dict[Hashable, Any]


def failures(schema: pa.DataFrameSchema, frame: pd.DataFrame) -> pd.DataFrame:
    """Return every failure case of `frame`, lazily: columns column, check, failure_case, index.

    A check carries the name of its rule as its error, so `check` leads back to the rule.
    """
    try:
        schema.validate(frame, lazy=True)
    except pa.errors.SchemaErrors as error:
        cases: pd.DataFrame = error.failure_cases[COLUMNS]
        return cases
    return pd.DataFrame(columns=COLUMNS)


@dataclass(frozen=True)
class Rows:
    """How the rows of one kind of frame are named in messages.

    `kind` is what a row is called, in the plural. `cell` makes a cell of a failure case; `named` is
    how a message names it.
    """

    kind: str
    cell: Callable[[Case, pd.DataFrame], Cell]
    named: Callable[[Cell], str]


def judge_rows(rule: Rule, cases: pd.DataFrame, frame: pd.DataFrame, rows: Rows) -> RuleResult:
    """Return how a rule about rows came out; `cases` are its failures in `frame`."""
    if cases["index"].isna().any():  # the check itself could not run
        message = f"could not run: {cases['failure_case'].iloc[0]!s:.200}"
        return RuleResult(rule.name, Outcome.FAILED, message)
    if cases.empty:
        message = f"all {len(frame)} {rows.kind} follow the rule {rule.quoted}"
        return RuleResult(rule.name, Outcome.PASSED, message)
    # pandera lists them in no order that a reader would follow.
    in_order = cases.sort_values("index", kind="stable")
    cells = [rows.cell(case, frame) for case in in_order.to_dict("records")]
    named = some_of([rows.named(one) for one in cells], NAMED_CELLS, "; ")
    return RuleResult(
        rule.name,
        Outcome.WARNED if rule.warns_only else Outcome.FAILED,
        f"{cases['index'].nunique()} of {len(frame)} {rows.kind} break the rule {rule.quoted}: "
        f"{named}",
        tuple(cells[:MAX_CELLS]),
    )


def judge_measure(measure: Measure, *, accept_large_change: bool = False) -> RuleResult:
    """Return how a rule about a number came out.

    A failure of a rule that yields is a warning where a large change was accepted.
    """
    name, message = measure.rule.name, measure.found
    outcome = Outcome.PASSED
    if _is_above(measure.value, measure.fail_above):
        outcome = Outcome.FAILED
        if accept_large_change and measure.rule.yields:
            outcome = Outcome.WARNED
            message += ACCEPTED
        elif measure.advice:
            message += f". {measure.advice}"
    elif _is_above(measure.value, measure.warn_above):
        outcome = Outcome.WARNED
    return RuleResult(name, outcome, message, measured=measure.value)


def _is_above(value: float | None, limit: float | None) -> bool:
    return value is not None and limit is not None and value > limit
