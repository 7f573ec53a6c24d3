"""Judging a list by every rule, without believing what produced it."""

import io
import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from tws_maintenance.audit.pandera import failures
from tws_maintenance.audit.results import NO_COLUMN, Outcome, Rule, RuleResult
from tws_maintenance.config.indices import Index
from tws_maintenance.constituents import rules, schema
from tws_maintenance.constituents.rules import ListRule

MAX_CELLS = 20
NAMED_CELLS = 5


@dataclass(frozen=True)
class Measure:
    """One number about a list, with the limits it is held against and the sentence that tells it.

    `value` is None where it does not apply; `found` is the sentence in that case too. `advice` is
    added where it fails.
    """

    rule: ListRule
    value: float | None
    found: str
    warn_above: float | None = None
    fail_above: float | None = None
    advice: str = ""


def read_frame(content: bytes) -> pd.DataFrame:
    """Return the list as a frame of text, blank where a value is missing."""
    return pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False, na_filter=False)


def judge(
    frame: pd.DataFrame,
    index: Index,
    applicable: Sequence[ListRule],
    measures: Iterable[Measure],
    *,
    accept_large_change: bool = False,
) -> tuple[RuleResult, ...]:
    """Return the result of each of the `applicable` rules, in their order.

    A rule about a column that is missing has failed, since it could not run.
    """
    cells = _judge_cells(frame, index)
    measured = {m.rule.name: m for m in measures}
    numbers = _judge_measures(list(measured.values()), accept_large_change)
    results = []
    for rule in applicable:
        if rule.name in measured:
            results.append(numbers[rule.name])
        else:
            results.append(cells(rule))
    return tuple(results)


def _judge_cells(frame: pd.DataFrame, index: Index) -> "Callable[[Rule], RuleResult]":
    found = failures(schema.rows_schema(index), frame)
    missing = [name for name in index.columns if name not in frame.columns]

    def of(rule: Rule) -> RuleResult:
        if rule is rules.COLUMNS:
            return _columns_result(frame, index, missing)
        if missing:
            return RuleResult(rule.name, Outcome.FAILED, f"{NO_COLUMN}{', '.join(missing)}")
        cases = found[found["check"] == rule.name]
        if cases.empty:
            return RuleResult(rule.name, Outcome.PASSED, f"all {len(frame)} rows: {rule.says}")
        cells = tuple(_cell(case, frame) for case in cases.head(MAX_CELLS).to_dict("records"))
        named = "; ".join(
            f"{c['value']!r} (row {c['row']}: {c['of']})" for c in cells[:NAMED_CELLS]
        )
        more = len(cases) - NAMED_CELLS
        return RuleResult(
            rule.name,
            Outcome.WARNED if rule.warns_only else Outcome.FAILED,
            f"{cases['index'].nunique()} of {len(frame)} rows break the rule ({rule.says}): {named}"
            + (f"; and {more} more" if more > 0 else ""),
            cells,
        )

    return of


def _columns_result(frame: pd.DataFrame, index: Index, missing: list[str]) -> RuleResult:
    if missing:
        return RuleResult(
            rules.COLUMNS.name,
            Outcome.FAILED,
            f"no column {', '.join(missing)}: expected {', '.join(index.columns)}, "
            f"found {', '.join(map(str, frame.columns))}",
        )
    return RuleResult(rules.COLUMNS.name, Outcome.PASSED, ", ".join(map(str, frame.columns)))


def _cell(case: dict[Hashable, Any], frame: pd.DataFrame) -> dict[str, Any]:
    """Return one offender in plain types; `row` is the line in the file, the header being 1."""
    position = int(case["index"])
    security = str(frame["security"].iloc[position]) if "security" in frame else ""
    return {
        "row": position + 2,
        "column": str(case["column"]),
        "value": str(case["failure_case"])[:200],
        "of": security[:80] or "no company",
    }


def _judge_measures(measures: list[Measure], accept: bool) -> dict[str, RuleResult]:
    frame = pd.DataFrame(
        {m.rule.name: [math.nan if m.value is None else float(m.value)] for m in measures}
    )
    limits = [(m.rule.name, m.warn_above, m.fail_above) for m in measures]
    found = set(failures(schema.measures_schema(limits), frame)["check"])
    results = {}
    for measure in measures:
        name, message = measure.rule.name, measure.found
        outcome = Outcome.PASSED
        if f"{name}:{Outcome.FAILED}" in found:
            outcome = Outcome.FAILED
            if accept and measure.rule.yields:
                outcome = Outcome.WARNED
                message += " (accepted: --allow-large-change)"
            elif measure.advice:
                message += f". {measure.advice}"
        elif f"{name}:{Outcome.WARNED}" in found:
            outcome = Outcome.WARNED
        results[name] = RuleResult(name, outcome, message, measured=measure.value)
    return results
