"""The pandera schemas: one for the rows of a list, one for what was measured about it.

Both take text frames (every column `str`, blank where missing). A check carries the name of its
rule as its error, so that a failure case leads back to the rule.
"""

import functools
from collections.abc import Callable, Sequence

import pandas as pd
import pandera.pandas as pa

from tws_maintenance.audit.results import Outcome, Rule
from tws_maintenance.config.indices import Index
from tws_maintenance.constituents import rules
from tws_maintenance.sources.text import MISSING_TEXTS

_NOT_PLAIN = r"[<>]|&#?\w+;|[\x00-\x1f\x7f-\x9f]|\[[^\]]*\]|^[=+\-@]"


@functools.cache
def rows_schema(index: Index) -> pa.DataFrameSchema:
    """Return the schema of the rows of `index`: columns as declared, extra ones allowed."""
    rule = index.symbol_rule
    checks: dict[str, list[pa.Check]] = {name: [_plain()] for name in index.columns}
    checks["symbol"] += [
        _check(rules.NON_EMPTY, lambda s: s.str.strip() != ""),
        _check(rules.UNIQUE, lambda s: ~s.duplicated(keep=False) | (s.str.strip() == "")),
        _check(rules.FORMAT, lambda s: s.str.fullmatch(rule.pattern) | (s.str.strip() == "")),
        # A blank symbol is the business of its own rule.
        _check(rules.MISSING_TEXT, lambda s: _has_value(s.map(rule.display_of)) | (s == "")),
    ]
    checks["security"].append(_check(rules.MISSING_TEXT, _has_value))
    if index.sectors:
        checks["sector"].append(_check(rules.SECTORS, lambda s: s.isin(index.sectors)))
    return pa.DataFrameSchema(
        {name: pa.Column(checks=checks[name]) for name in index.columns}, strict=False
    )


Limits = tuple[str, float | None, float | None]


def measures_schema(limits: Sequence[Limits]) -> pa.DataFrameSchema:
    """Return the schema of a one-row frame of measurements, one column a rule.

    `limits` are (rule name, warn above, fail above); a measurement that does not apply is NaN
    and passes. A check's error is `<rule name>:warned` or `<rule name>:failed`.
    """
    columns = {}
    for name, warn, fail in limits:
        checks = [
            pa.Check.le(limit, error=f"{name}:{outcome}")
            for limit, outcome in ((warn, Outcome.WARNED), (fail, Outcome.FAILED))
            if limit is not None
        ]
        columns[name] = pa.Column(float, checks=checks, nullable=True)
    return pa.DataFrameSchema(columns)


def _check(rule: Rule, holds: "Callable[[pd.Series[str]], pd.Series[bool]]") -> pa.Check:
    return pa.Check(holds, error=rule.name)


def _plain() -> pa.Check:
    return _check(rules.PLAIN, lambda s: ~s.str.contains(_NOT_PLAIN, regex=True))


def _has_value(values: "pd.Series[str]") -> "pd.Series[bool]":
    return ~values.str.strip().str.casefold().isin(MISSING_TEXTS)
