"""Audit: judge a list on disk by every rule, without trusting the code that produced it.

pandera judges the rows, as text (every column `str`, blank where missing); numbers about the list
(`measures`) are compared with their limits. The verdict on staged bytes is the receipt.
"""

import functools
import io
from collections.abc import Callable, Iterable, Sequence

import pandas as pd
import pandera.pandas as pa

from tws_maintenance.audit.evaluate import Case, Rows, failures, judge_measure, judge_rows
from tws_maintenance.audit.receipt import Override, Receipt, receipt_of, write_receipt
from tws_maintenance.audit.results import NO_COLUMN, Cell, Measure, Outcome, Rule, RuleResult
from tws_maintenance.audit.run_context import RunContext
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import Index
from tws_maintenance.config.settings import IndexSettings
from tws_maintenance.constituents import rules
from tws_maintenance.constituents.csv_file import LiveFile, read_live
from tws_maintenance.constituents.measures import staged_measures
from tws_maintenance.constituents.promotion_stamp import read_generation
from tws_maintenance.constituents.proposal import STAGED, Proposal
from tws_maintenance.constituents.rules import ListRule
from tws_maintenance.core.digest import sha256
from tws_maintenance.core.errors import LiveFileError
from tws_maintenance.core.text import MISSING_TEXTS

_NOT_PLAIN = r"[<>]|&#?\w+;|[\x00-\x1f\x7f-\x9f]|\[[^\]]*\]|^[=+\-@]"


def audit(
    home: Home,
    index: Index,
    proposal: Proposal,
    limits: IndexSettings,
    override: Override,
    mark: RunContext,
) -> Receipt:
    """Judge the staged file of `proposal`, write the receipt and return it.

    Raises:
        OSError, ValueError: the staged file cannot be read; there is no receipt then.
        LiveFileError: the live file cannot be compared with.
    """
    content = (home.proposal(proposal.proposal_id) / STAGED).read_bytes()
    frame = read_frame(content)
    # A restore goes back on purpose, so the age of its source does not matter.
    last = read_generation(home, index) if proposal.from_backup is None else None
    measures = staged_measures(frame, proposal, _live(home, index, proposal), last, limits)
    accept = override.allow_large_change
    applicable = rules.staged_rules(index)
    checks = judge(frame, index, applicable, measures, accept_large_change=accept)
    receipt = receipt_of(
        proposal.proposal_id,
        sha256(content),
        checks,
        override,
        limits.model_dump(mode="json"),
        mark,
    )
    write_receipt(home, receipt)
    return receipt


def _live(home: Home, index: Index, proposal: Proposal) -> LiveFile | None:
    """Return what to compare with; a restore is what repairs a file that cannot be read."""
    try:
        return read_live(home, index)
    except LiveFileError:
        if proposal.from_backup is None:
            raise
        return None


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

    A rule about a missing column has failed, because it could not run.
    """
    of_rows = _judge_rows(frame, index)
    numbers = {
        one.rule.name: judge_measure(one, accept_large_change=accept_large_change)
        for one in measures
    }
    return tuple(numbers.get(rule.name) or of_rows(rule) for rule in applicable)


def _judge_rows(frame: pd.DataFrame, index: Index) -> Callable[[Rule], RuleResult]:
    found = failures(rows_schema(index), frame)
    missing = [name for name in index.columns if name not in frame.columns]

    def of(rule: Rule) -> RuleResult:
        if rule is rules.COLUMNS:
            return _columns_result(frame, index, missing)
        if missing:
            return RuleResult(rule.name, Outcome.FAILED, f"{NO_COLUMN}{', '.join(missing)}")
        return judge_rows(rule, found[found["check"] == rule.name], frame, _ROWS)

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


def _cell(case: Case, frame: pd.DataFrame) -> Cell:
    """Return one offender in plain types; `row` is the line in the file, the header being 1."""
    position = int(case["index"])
    security = str(frame["security"].iloc[position]) if "security" in frame else ""
    return Cell(
        row=position + 2,
        column=str(case["column"]),
        value=str(case["failure_case"])[:200],
        of=security[:80] or "no company",
    )


_ROWS = Rows("rows", _cell, lambda one: f"{one.value!r} (row {one.row}: {one.of})")


@functools.cache
def rows_schema(index: Index) -> pa.DataFrameSchema:
    """Return the schema of the rows of `index`: columns as declared, extra ones allowed."""
    rule = index.symbol_rule
    checks: dict[str, list[pa.Check]] = {name: [_plain()] for name in index.columns}
    checks["symbol"] += [
        _check(rules.NON_EMPTY, lambda s: s.str.strip() != ""),
        _check(rules.UNIQUE, lambda s: ~s.duplicated(keep=False) | (s.str.strip() == "")),
        _check(rules.FORMAT, lambda s: s.str.fullmatch(rule.pattern) | (s.str.strip() == "")),
        # A blank symbol has a rule of its own.
        _check(rules.MISSING_TEXT, lambda s: _has_value(s.map(rule.display_of)) | (s == "")),
    ]
    checks["security"].append(_check(rules.MISSING_TEXT, _has_value))
    if index.sectors:
        checks["sector"].append(_check(rules.SECTORS, lambda s: s.isin(index.sectors)))
    return pa.DataFrameSchema(
        {name: pa.Column(checks=checks[name]) for name in index.columns}, strict=False
    )


def _check(rule: Rule, holds: "Callable[[pd.Series[str]], pd.Series[bool]]") -> pa.Check:
    return pa.Check(holds, error=rule.name)


def _plain() -> pa.Check:
    return _check(rules.PLAIN, lambda s: ~s.str.contains(_NOT_PLAIN, regex=True))


def _has_value(values: "pd.Series[str]") -> "pd.Series[bool]":
    return ~values.str.strip().str.casefold().isin(MISSING_TEXTS)
