"""The rules of the audit, each named as the sentence that is true when it passes.

One declaration serves the pandera schemas, the asset checks, the receipt and the docs.
"""

from collections.abc import Container, Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from tws_maintenance.indices import Index


class Outcome(StrEnum):
    """How a rule came out. A rule that could not run has failed."""

    PASSED = "passed"
    WARNED = "warned"
    FAILED = "failed"


class ValidationStatus(StrEnum):
    """What an audit said as a whole, or that there was none."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_RUN = "not_run"


NO_COLUMN = "could not run: no column "


@dataclass(frozen=True)
class Rule:
    """One rule: `says` is what it demands, in words that end a message.

    `warns_only` never stops a promotion; `yields` gives way to an explicit override; `on_live`
    also judges live files; `on_staged` judges proposals.
    """

    name: str
    says: str
    warns_only: bool = False
    yields: bool = False
    on_staged: bool = True
    on_live: bool = True
    gics_only: bool = False


@dataclass(frozen=True)
class RuleResult:
    """How one rule came out.

    `cells` are at most 20 offenders {row, column, value, of}; `measured` is the number that was
    held against the limits, where the rule is about one.
    """

    name: str
    outcome: Outcome
    message: str
    cells: tuple[dict[str, Any], ...] = ()
    measured: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as it stands in a receipt."""
        return asdict(self) | {"cells": list(self.cells)}


COLUMNS = Rule("columns_are_present", "the columns of the live file, each once")
PARSED = Rule(
    "source_records_were_parsed", "at least one record read from the source", on_live=False
)
ROW_COUNT = Rule("row_count_is_at_least_the_minimum", "no fewer rows than the index can have")
NON_EMPTY = Rule("symbols_are_non_empty", "a symbol in every row that names a company")
UNIQUE = Rule("symbols_are_unique", "every symbol once")
FORMAT = Rule("symbols_match_the_market_format", "symbols as the market writes them")
MISSING_TEXT = Rule(
    "no_text_stands_for_a_missing_value",
    "a real value in symbol and security, not a blank or nan, None, -",
)
PLAIN = Rule(
    "text_is_plain",
    "plain text: no markup, control characters, footnote marks or leading = + - @",
)
SECTORS = Rule(
    "sectors_are_gics_sectors", "one of the eleven GICS sectors", warns_only=True, gics_only=True
)
COUNT_CHANGE = Rule("count_change_is_within_limits", "a count close to the former", yields=True)
TURNOVER = Rule(
    "turnover_is_within_limits", "few members added or removed", yields=True, on_live=False
)
NAMES = Rule(
    "companies_stay_with_their_symbols",
    "the same company behind nearly every symbol that stayed",
    on_live=False,
)
DROPPED = Rule("source_rows_are_not_dropped", "every source row used", on_live=False)
SECTORS_LOST = Rule(
    "sectors_are_not_lost", "a sector wherever there was one", warns_only=True, on_live=False
)
STATED_COUNT = Rule(
    "stated_count_agrees",
    "as many rows as the page itself says",
    warns_only=True,
    on_live=False,
)
NOT_OLDER = Rule(
    "source_is_not_older", "a source no older than the last one", warns_only=True, on_live=False
)
FRESH = Rule("file_is_fresh", "a refresh within the limit", warns_only=True, on_staged=False)
NOT_EDITED = Rule(
    "file_is_as_it_was_promoted",
    "the bytes of the last promotion",
    warns_only=True,
    on_staged=False,
)


def told(checks: Iterable[RuleResult], outcome: Outcome, but: Container[str] = ()) -> list[str]:
    """Return what the rules with that outcome say, each with its name.

    Rules that could not run for want of a column are told by the rule about columns alone.
    """
    return [
        f"{check.name}: {check.message}"
        for check in checks
        if check.outcome == outcome
        and check.name not in but
        and not check.message.startswith(NO_COLUMN)
    ]


RULES = (
    COLUMNS, PARSED, ROW_COUNT, NON_EMPTY, UNIQUE, FORMAT, MISSING_TEXT, PLAIN, SECTORS,
    COUNT_CHANGE, TURNOVER, NAMES, DROPPED, SECTORS_LOST, STATED_COUNT, NOT_OLDER,
    FRESH, NOT_EDITED,
)  # fmt: skip


def staged_rules(index: Index) -> tuple[Rule, ...]:
    """Return the rules that judge a proposal of `index`, in the order they are shown."""
    return tuple(r for r in RULES if r.on_staged and (index.sectors or not r.gics_only))


def live_rules(index: Index) -> tuple[Rule, ...]:
    """Return the rules that judge the live file of `index`."""
    return tuple(r for r in RULES if r.on_live and (index.sectors or not r.gics_only))
