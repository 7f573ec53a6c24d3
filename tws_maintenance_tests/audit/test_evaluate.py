"""How a rule comes out: about rows, by pandera; about a number, by its limits."""

import math

import pandas as pd
import pandera.pandas as pa
import pytest

from tws_maintenance.audit.evaluate import (
    MAX_CELLS,
    NAMED_CELLS,
    Case,
    Rows,
    failures,
    judge_measure,
    judge_rows,
)
from tws_maintenance.audit.results import (
    Cell,
    Measure,
    Outcome,
    Rule,
    RuleResult,
    ValidationStatus,
    status_of,
)

LIMIT = Rule("count_is_small", "The count is small.", yields=True)
FIRM = Rule("count_is_firm", "The count is firm.")
SHORT = Rule("texts_are_short", "Every text has at most two characters.")


def cell(case: Case, frame: pd.DataFrame) -> Cell:
    row = int(case["index"])
    return Cell(row=row, column="text", value=frame["text"].iloc[row], of="it")


ROWS = Rows("texts", cell, lambda one: one.value)


def judged(texts: list[str], rule: Rule = SHORT, *, breaks: bool = False) -> RuleResult:
    def holds(values: "pd.Series[str]") -> "pd.Series[bool]":
        if breaks:
            raise RuntimeError("no such thing")
        return values.str.len() <= 2

    schema = pa.DataFrameSchema({"text": pa.Column(checks=pa.Check(holds, error=rule.name))})
    frame = pd.DataFrame({"text": texts})
    return judge_rows(rule, failures(schema, frame), frame, ROWS)


@pytest.mark.parametrize(
    ("value", "outcome"),
    [
        (None, Outcome.PASSED),
        (math.nan, Outcome.PASSED),
        (0.1, Outcome.PASSED),
        (0.11, Outcome.WARNED),
        (0.25, Outcome.WARNED),
        (0.26, Outcome.FAILED),
        (math.inf, Outcome.FAILED),
    ],
)
def test_a_number_at_its_limit_passes_and_above_it_does_not(
    value: float | None, outcome: Outcome
) -> None:
    found = judge_measure(Measure(FIRM, value, "so many", 0.1, 0.25, "do this"))
    assert found.outcome is outcome
    assert found.message == ("so many. do this" if outcome is Outcome.FAILED else "so many")


def test_without_a_limit_no_number_fails() -> None:
    assert judge_measure(Measure(FIRM, 1e9, "so many")).outcome is Outcome.PASSED


def test_only_a_rule_that_yields_gives_way_to_an_accepted_change() -> None:
    yielding = judge_measure(Measure(LIMIT, 1.0, "so many", 0.1, 0.25), accept_large_change=True)
    assert (yielding.outcome, yielding.message) == (
        Outcome.WARNED,
        "so many (accepted: --allow-large-change)",
    )
    firm = judge_measure(Measure(FIRM, 1.0, "so many", 0.1, 0.25), accept_large_change=True)
    assert firm.outcome is Outcome.FAILED


def test_rows_that_hold_pass_and_say_how_many_there_were() -> None:
    found = judged(["a", "bb"])
    assert (found.outcome, found.message) == (
        Outcome.PASSED,
        'all 2 texts follow the rule "Every text has at most two characters"',
    )


def test_rows_that_break_a_rule_are_counted_and_the_first_named() -> None:
    found = judged([f"text {n}" for n in range(MAX_CELLS + 5)])
    assert found.outcome is Outcome.FAILED
    assert found.message == (
        '25 of 25 texts break the rule "Every text has at most two characters": '
        "text 0; text 1; text 2; text 3; text 4; and 20 more"
    )
    assert (len(found.cells), found.cells[0].value) == (MAX_CELLS, "text 0")
    assert found.message.count("; text ") + 1 == NAMED_CELLS


def test_a_rule_that_only_warns_warns() -> None:
    found = judged(["long"], Rule(SHORT.name, SHORT.says, warns_only=True))
    assert found.outcome is Outcome.WARNED


def test_a_check_that_could_not_run_has_failed_also_where_it_only_warns() -> None:
    found = judged(["a"], Rule(SHORT.name, SHORT.says, warns_only=True), breaks=True)
    assert found.outcome is Outcome.FAILED
    assert found.message.startswith("could not run: ")
    assert "no such thing" in found.message


def test_one_failed_rule_fails_the_audit_and_a_warning_does_not() -> None:
    warned, failed = (RuleResult("x", one, "") for one in (Outcome.WARNED, Outcome.FAILED))
    assert status_of([warned]) is ValidationStatus.PASSED
    assert status_of([warned, failed]) is ValidationStatus.FAILED
